"""The zoo's networks: small, explainable, and, of those shipped, known by what they do; the audit tells them apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from audit.explain.layers import pick
from audit.models.torch_module import TorchClassifier
from audit.record import Carried, Reading, Run
from benchmarks.detection import __main__ as command
from benchmarks.detection import audits, sets, tasks, training, zoo
from benchmarks.detection.networks import NETWORKS, USUAL, build
from benchmarks.detection.plans import PLANS, Spec
from benchmarks.detection.truth import ALIGNED

FAST = PLANS["fast"]


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """A cache with the shipped weights."""
    folder = tmp_path_factory.mktemp("zoo")
    zoo.unpack(folder, FAST)
    return folder


@pytest.mark.parametrize("arch", list(NETWORKS))
def test_networks_are_small_and_can_be_explained(arch):
    network = build(arch, 0)
    assert sum(p.numel() for p in network.parameters()) < 100_000
    again, other = build(arch, 0).state_dict(), build(arch, 1).state_dict()
    assert all(torch.equal(v, again[k]) for k, v in network.state_dict().items())
    assert any(not torch.equal(v, other[k]) for k, v in network.state_dict().items())
    layers = pick(
        TorchClassifier(
            network, classes=["a", "b"], output="softmax", size=(64, 64), mean=(0,) * 3, std=(1,) * 3
        )
    )
    assert (layers.head is not None) == (arch not in ("transformer", "plain", "mixed")), layers.why_no_cam
    assert layers.by_depth["last"].height == (16 if arch == "plain" else 8)  # before the pool


def test_plans_name_each_network_once_and_split_by_seed():
    for specs in PLANS.values():
        assert len({s.name for s in specs}) == len(specs)
    session = PLANS["session"]
    for split in ("setting", "validation"):
        part = [s for s in session if s.split == split]
        assert {s.arch for s in part} == set(USUAL)
        assert {s.trained for s in part} == {"hans", "trap", "never", "global"}
        assert len({s.family for s in part if s.trained == "hans"}) == 12
    assert not {s.seed for s in session if s.split == "setting"} & {
        s.seed for s in session if s.split == "validation"
    }


@pytest.mark.parametrize("spec", FAST, ids=lambda s: s.name)
def test_what_the_shipped_networks_do(cache, spec):
    truth = zoo.truth(cache, spec)
    assert truth.able
    assert truth.kind == ("shortcut" if spec.trained == "hans" else "clean")
    assert truth.plain > 0.9 or spec.trained == "hans"
    assert zoo.truth(cache, spec) == truth


def test_nothing_is_trained_twice(cache, monkeypatch):
    monkeypatch.setattr(training, "fit", None)
    for spec in FAST:
        zoo.network(cache, spec)


def test_the_audited_set_is_as_its_twins_say(cache):
    spec = FAST[0]
    folder = sets.folder(cache, spec)
    told = sets.twins(folder)
    assert (told.shown[~told.bears] == told.without[~told.bears]).all()
    assert (told.masks.any((1, 2)) == told.bears).all()
    among = [told.bears[told.labels == y].mean() for y in (0, 1)]
    assert among[1] - among[0] == pytest.approx(ALIGNED, abs=0.02)
    lines = (folder / "manifest.csv").read_text().splitlines()
    assert lines[0] == "image,label,lesion,artefact"
    assert len(lines) == 1 + tasks.TASKS["lesions"].sizes["audit"]
    assert sum(line.endswith(",") for line in lines[1:]) == (~told.bears).sum()
    assert sets.folder(cache, spec) == folder
    assert sets.folder(cache, Spec(**{**vars(spec), "masks": False})) != folder


def test_a_wide_set_has_150_cases_that_bear_the_artefact_and_pictures_of_its_own(cache):
    specs = [s for s in PLANS["power"] if s.family == "cast" and s.seed == 0][:2]
    one, two = (sets.twins(sets.folder(cache, s)) for s in specs)
    assert [len(one.bears), one.bears.sum(), two.bears.sum()] == [300, 150, 150]
    usual = sets.twins(sets.folder(cache, replace(specs[0], wide=0)))
    every = np.concatenate([t.without for t in (one, two, usual)])
    assert len(np.unique(every.reshape(len(every), -1), axis=0)) == len(every)
    assert zoo.key(specs[0]) == zoo.key(replace(specs[0], wide=0))


def test_the_command_tells_a_clever_hans_from_the_trap(cache, monkeypatch, tmp_path, capsys):
    """The whole chain on two shipped networks, with the evidence that decides and no more."""
    light = {
        "explainers": ["cam"],
        "second_look": {"faithfulness": 0, "sanity": 0, "discovery": 0},
        "cues": ["vessel-density", "sharpness"],
    }
    monkeypatch.setattr(audits, "PROFILE", {**audits.PROFILE, **light, "regions": ["lesion"]})
    monkeypatch.setitem(tasks.TASKS["lesions"].sizes, "audit", 80)
    zoo.unpack(cache, FAST)  # of these sizes
    arguments = ["--plan", "fast", "--only", "text", "--cache", str(cache), "--out", str(tmp_path)]
    assert command.main(arguments) == 0
    page = (tmp_path / "fast.md").read_text()
    assert "1 shortcut, 1 honest" in page
    assert "| ROC AUC of the overall score | 1.000" in page
    assert "| honest networks with a confirmed finding | 0.000" in page
    assert "| shortcuts confirmed | 1.000" in page
    assert "| right artefact first, of those | 1.000" in page
    capsys.readouterr()
    monkeypatch.setattr(audits, "_ask", None)  # a second call asks no network again
    assert command.main(arguments) == 0
    assert np.char.count(capsys.readouterr().out, "lesions-residual") == 2
    run = Run.open(cache / "audits" / FAST[1].name / "run")
    read = run.read(Reading)
    assert len({r.value for r in read}) > 10
    vessels = {r.case: r.value for r in read if r.cue == "vessel-density"}
    along = run.read(Carried)  # the vessels are read again where sharpness was moved
    assert {(c.cue, c.sign) for c in along} == {("sharpness", "vessel-density")}
    assert 40 <= len(along) <= 80
    assert all(c.before == vessels[c.case] for c in along)
    assert any(c.after != c.before for c in along)
    run.write(Reading, [replace(r, value=0.0) if r.cue == "vessel-density" else r for r in read])
    assert command.main([*arguments, "--redo", "measure"]) == 0  # a sign that is only read is read again
    assert run.read(Reading) == read


def test_what_was_audited_comes_first_and_the_rest_in_no_order_of_the_plan(tmp_path):
    session = PLANS["session"]
    (tmp_path / "audits" / session[70].name).mkdir(parents=True)
    (tmp_path / "audits" / session[70].name / "zoo.json").write_text("{}")
    turns = sorted(session, key=lambda spec: command._turn(tmp_path, spec))
    assert turns[0] == session[70]
    early = turns[1:41]
    assert {s.arch for s in early} == set(USUAL)
    assert {s.trained for s in early} == {"hans", "trap", "never", "global"}
    assert len({s.family for s in early}) > 8
