"""The arithmetic of the speed benchmarks on small inputs. No time is asserted anywhere."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from audit.explain.layers import pick
from audit.explain.trace import Trace
from audit.models.torch_module import TorchClassifier
from audit.stages import measure
from benchmarks.speed import overhead, scale, sets
from benchmarks.speed.layercam import layer_cam
from benchmarks.speed.timing import Times, in_turns, line

FOLDER = Path(__file__).parents[2] / "benchmarks" / "speed"
MODULES = sorted(f.stem for f in FOLDER.glob("*.py") if not f.stem.startswith("__"))


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name):
    assert doctest.testmod(importlib.import_module(f"benchmarks.speed.{name}")).failed == 0


def test_jobs_take_turns_and_the_first_round_is_not_counted():
    done: list[str] = []
    times = in_turns({"a": lambda: done.append("a"), "b": lambda: done.append("b")}, 2)
    assert done == ["a", "b"] * 3
    assert [len(t.cpu) for t in times.values()] == [2, 2]


def test_a_ratio_is_the_median_of_the_rounds_and_names_the_spread():
    slow, fast = Times(cpu=[2, 9, 4], wall=[1, 1, 1]), Times(cpu=[1, 3, 1], wall=[2, 2, 2])
    assert line("x", slow, fast, 9) == "| x | 3.00 (2.00 to 4.00) | 0.50 | 9 |"


def test_the_network_is_watched_as_often_as_it_is_asked():
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    with overhead.counted(network) as calls:
        network(torch.zeros(3, 3, 2, 2))
        network(torch.zeros(4, 3, 2, 2))
    network(torch.zeros(5, 3, 2, 2))
    assert calls["pictures"] == 7


def test_a_whole_run_is_told_with_its_passes_and_its_stages(tmp_path):
    told = overhead.told(
        "small",
        tmp_path,
        4,
        32,
        profile=True,
        explainers=["grad-cam"],
        regions=["lesion", "corners"],
        cues=["brightness"],
        removal={"controls": 1, "few": 1, "doses": []},
        second_look={"faithfulness": 0, "sanity": 0, "discovery": 0},
    )
    assert "4 cases at 32 px" in told
    assert "ratio" in told
    assert "    measuring: " in told
    assert "runner.py:audit" in told  # which all else is called by, so it comes first on any machine


def test_layer_cam_by_its_formula():
    model = TorchClassifier(sets.network("small"), classes=sets.CLASSES, size=(16, 16))
    images, _ = sets.pictures(2, 16)
    trace = Trace.of(model, images, None, pick(model, images=images))
    a, g = trace.activations["last"].numpy(), trace.gradients["last"].numpy()
    slow = np.zeros((2, *a.shape[2:]))
    for b, k, i, j in np.ndindex(a.shape):
        slow[b, i, j] += max(g[b, k, i, j], 0) * a[b, k, i, j]
    at_last = torch.nn.functional.interpolate(
        torch.from_numpy(np.maximum(slow, 0))[:, None], size=(16, 16), mode="bilinear"
    )[:, 0]
    np.testing.assert_allclose(layer_cam(trace, "last").numpy(), at_last.numpy(), rtol=1e-4, atol=1e-6)


def test_a_run_that_is_made_up_can_be_measured(tmp_path):
    run = scale.made_up(tmp_path / "run", 6, 16)
    measure(run)
    assert len(run.frame(scale.Case)) == 6


def test_a_set_has_lesions_and_tags_where_its_masks_say():
    images, lesions = sets.pictures(3, 64)
    assert images.shape == (3, 64, 64, 3)
    shown, lesion, tag = sets.picture(0, 64)
    assert (lesion == lesions[0]).all()
    assert (shown[tag] == 250).all()
    assert tag.any()
    assert not sets.picture(1, 64)[2].any()
