"""Every kind of model and of output goes the whole way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
import torchvision
import toy
from torch import nn

import audit
from audit import config
from audit.record import Prediction

QUICK = "explainers: [cam, grad-cam, vanilla-gradient]\n"


@pytest.fixture(autouse=True)
def no_report(monkeypatch):
    """What a report looks like is tested elsewhere."""
    monkeypatch.setattr("audit.stages.reporting.render", lambda run, **_: (run.path, run.path))


def audited(path: Path) -> audit.Run:
    return audit.run(path, out=path.parent / "run")


@pytest.mark.parametrize("source", ["torchvision", "timm"])
def test_a_network_by_name_with_its_checkpoint(tmp_path, source):
    torch.manual_seed(0)
    name = "resnet18" if source == "torchvision" else "test_resnet"
    if source == "torchvision":
        network = torchvision.models.get_model(name, weights=None, num_classes=2)
    else:
        network = timm.create_model(name, num_classes=2)
    safetensors.torch.save_file(network.state_dict(), tmp_path / "w.safetensors")
    path = toy.write(tmp_path, n=6)
    text = (
        path.read_text()
        .replace("source: python", f"source: {source}")
        .replace('factory: "toynet:build"', f"name: {name}\n  weights: w.safetensors")
    )
    path.write_text(text + QUICK)
    run = audited(path)
    assert {e.explainer for e in run.explained if e.applied} >= {"grad-cam", "vanilla-gradient"}
    assert config.read(path).model.normalisation[0] == (0.485, 0.456, 0.406)
    assert [layer["depth"] for layer in run.manifest["model"]["layers"]] == [
        "initial",
        "intermediate",
        "last",
    ]
    assert len(run.manifest["model"]["sha256"]) == 64


@pytest.mark.parametrize(("output", "width"), [("softmax", 3), ("multilabel", 3), ("sigmoid", 1)])
def test_outputs_become_probabilities_of_the_classes(tmp_path, output, width):
    """Against the definition, computed here from the network's own numbers."""
    torch.manual_seed(1)
    network = nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, width)
    ).eval()
    classes = ["well", "ill", "worse"] if width == 3 else ["well", "ill"]
    rows = []
    for number in range(6):
        picture, lesion, _ = toy.arrays(number, ill=number % 2 == 1, tagged=False)
        rows.append({"image": picture, "lesion": lesion, "label": classes[number % len(classes)]})
    run = audit.run(
        model=network,
        images=rows,
        classes=classes,
        output=output,
        size=(32, 32),
        out=tmp_path / "run",
        explainers=["cam", "grad-cam", "vanilla-gradient"],
        removal={"controls": 2},
    )
    pixels = torch.from_numpy(np.stack([r["image"] for r in rows]).transpose(0, 3, 1, 2) / np.float32(255))
    with torch.no_grad():
        z = network(pixels).double()
    expected = {
        "softmax": lambda: torch.softmax(z, 1),
        "multilabel": lambda: torch.sigmoid(z),
        "sigmoid": lambda: torch.cat([torch.sigmoid(-z), torch.sigmoid(z)], 1),
    }[output]()
    answered = np.array([p.probabilities for p in run.read(Prediction)])
    assert answered == pytest.approx(expected.numpy(), abs=1e-6)
    assert {v["verdict"] for v in run.findings()["verdicts"]} == {"undecided"}
    made = {m.explainer for m in run.maps if m.family != "baseline"}
    assert made == {"cam", "grad-cam", "vanilla-gradient"}


def test_a_plug_in_explainer_and_a_plug_in_region(tmp_path, monkeypatch):
    """Anyone's functions, by module and name, go into maps, scores and the report's lists."""
    path = toy.write(tmp_path, n=6)
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "def half(image):\n    mask = np.zeros(image.shape[:2], bool)\n    mask[:, :16] = True\n    return mask\n"
        "def gradient_sum(trace, layer):\n    return trace.input_gradient.sum(1)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    text = path.read_text().replace("regions: [lesion", 'regions: ["mine:half", lesion')
    path.write_text(text + 'explainers: ["mine:gradient_sum"]\n')
    run = audited(path)
    assert "half" in {r.name for r in run.regions}
    assert {m.explainer for m in run.maps} == {"gradient_sum", "edges", "uniform"}
    assert np.asarray(run.array("regions", "half")).mean() == pytest.approx(0.5, abs=0.2)
