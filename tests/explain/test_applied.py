"""Which explainers apply to which model, and why the others do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from audit.explain.applied import prepare
from audit.explain.passes import Passes
from audit.models.callable import CallableClassifier
from audit.models.torch_module import TorchClassifier

EVERY = ["cam", "grad-cam", "grad-cam++", "fused", "vanilla-gradient", "smoothgrad", "lime"]


class Cut(nn.Module):
    """A network that cuts its own gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 16, 3), nn.Linear(16, 2)

    def forward(self, x):
        with torch.no_grad():
            return self.head(torch.relu(self.conv(x)).mean((2, 3)))


def whole() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 2),
    )


def prepared(classifier, names=EVERY):
    images = np.random.default_rng(0).random((4, 16, 16, 3)).astype(np.float32)
    passes = Passes()
    found = prepare(
        classifier,
        names,
        images,
        seed=0,
        batch=4,
        lime={"samples": 16},
        smoothgrad_samples=2,
        smoothgrad_sigma=0.15,
        passes=passes,
    )
    return found, images, passes


def applied(found) -> list[str]:
    return [e.explainer for e in found.explained if e.applied]


def test_a_plain_network_has_them_all_from_one_pass():
    found, images, passes = prepared(TorchClassifier(whole(), classes=["a", "b"], size=(16, 16)))
    assert applied(found) == EVERY
    traced = found.trace(images, list("wxyz"), None)
    assert set(traced.heats) == {m.name for e in found.explained for m in e.maps if e.explainer != "lime"}
    assert (passes.trace, passes.gradient) == (4, 8)


@pytest.mark.parametrize("kind", ["cut", "callable"])
def test_what_can_only_be_asked_gets_lime_and_a_reason(kind):
    if kind == "cut":
        model = TorchClassifier(Cut(), classes=["a", "b"], size=(16, 16))
    else:
        model = CallableClassifier(lambda x: np.full((len(x), 2), 0.5), classes=["a", "b"], size=(16, 16))
    found, _, _ = prepared(model)
    assert applied(found) == ["lime"]
    assert found.trace is None
    assert all(e.why for e in found.explained if not e.applied)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")
def test_a_scripted_network_keeps_its_gradient_at_the_input():
    found, images, _ = prepared(TorchClassifier(torch.jit.script(whole()), classes=["a", "b"], size=(16, 16)))
    assert applied(found) == ["vanilla-gradient", "smoothgrad", "lime"]
    assert found.trace(images, list("wxyz"), None).heats["vanilla-gradient.input"].any()
    assert "cannot be watched" in found.explained[0].why


def test_lime_alone_asks_for_no_gradient():
    found, _, _ = prepared(TorchClassifier(whole(), classes=["a", "b"], size=(16, 16)), ["lime"])
    assert found.trace is None
    assert applied(found) == ["lime"]
