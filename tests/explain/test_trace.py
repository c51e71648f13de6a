from __future__ import annotations

import numpy as np
import pytest
import small_nets
import torch
import torch.nn.functional as F
from torch import nn

from audit.errors import ModelError, Undefined
from audit.explain.gradient import smooth_gradients
from audit.explain.layers import pick
from audit.explain.trace import Trace

SIZES = {"resnet": 64, "densenet": 64, "convnext": 64}


def fingerprint(module: nn.Module) -> dict[str, object]:
    """All that an audit must leave as it was."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {
        "state": {k: v.clone().numpy().tobytes() for k, v in module.state_dict().items()},
        "flags": [part.training for part in module.modules()],
        "hooks": [len(getattr(part, name)) for part in module.modules() for name in hooks],
        "requires": [p.requires_grad for p in module.parameters()],
        "grad": [p.grad is None for p in module.parameters()],
        "ids": [id(p) for p in module.parameters()],
    }


@pytest.mark.parametrize("name", ["resnet", "densenet", "timm-vit", "shared"])
def test_the_model_leaves_as_it_came(name):
    """Weights, flags (each part's own), hooks, requires_grad and .grad; in train mode batch norms must not drift."""
    size = SIZES.get(name, 32)
    module = small_nets.built(name, size).train()
    next(iter(module.children())).eval()
    next(module.parameters()).requires_grad_(False)
    before = fingerprint(module)
    model, images = small_nets.classifier(module, size), small_nets.pictures(2, size)
    layers = pick(model, images=images)
    Trace.of(model, images, None, layers)
    model.predict(images)
    smooth_gradients(model, images, [0, 1], ["a", "b"], seed=0, samples=2)
    assert before == fingerprint(module)


class Breaks(small_nets.SharedReLU):
    """Fails at its last layer, after hooks have been set and flags changed."""

    broken = False

    def forward(self, x):
        x = super().forward(x)
        if self.broken:
            raise RuntimeError("out of luck")
        return x


def test_the_model_leaves_as_it_came_after_an_exception_too():
    module = Breaks().train()
    model, images = small_nets.classifier(module), small_nets.pictures(2)
    layers = pick(model, images=images)
    before = fingerprint(module)
    module.broken = True
    for ask in (
        lambda: Trace.of(model, images, None, layers),
        lambda: pick(model, images=images),
        lambda: model.predict(images),
        lambda: smooth_gradients(model, images, [0, 1], ["a", "b"], seed=0),
    ):
        with pytest.raises(ModelError, match="out of luck"):
            ask()
        assert before == fingerprint(module)


def test_frozen_weights_and_no_grad_around_change_nothing():
    """A frozen network, as a checkpoint is loaded by many, gives the same gradients to the bit."""
    model, images = small_nets.classifier(small_nets.built("resnet", 64), 64), small_nets.pictures(2, 64)
    layers = pick(model, images=images)
    free = Trace.of(model, images, [0, 1], layers)
    model.module.requires_grad_(False)
    with torch.no_grad():
        frozen = Trace.of(model, images, [0, 1], pick(model, images=images))
    assert torch.equal(free.input_gradient, frozen.input_gradient)
    assert torch.equal(free.gradients["last"], frozen.gradients["last"])
    assert not any(p.requires_grad for p in model.module.parameters())


@pytest.mark.parametrize("name", small_nets.NETS)
def test_a_picture_gets_the_same_bits_in_any_batch(name):
    """Attention mixes pictures in one matrix product, whose rounding depends on the row: there to 1e-5."""
    size = SIZES.get(name, 32)
    model, images = small_nets.classifier(small_nets.built(name, size), size), small_nets.pictures(9, size)
    layers = pick(model, images=images)
    whole, answers = Trace.of(model, images, None, layers), model.predict(images)
    near = 1e-5 if name in ("vit", "timm-vit", "swin") else 0.0

    def same(one: np.ndarray | torch.Tensor, other: np.ndarray | torch.Tensor) -> None:
        one, other = np.asarray(one), np.asarray(other)
        assert np.abs(one - other).max() <= near * np.abs(one).max()

    for start, stop in [(0, 1), (1, 3), (3, 6), (4, 9)]:
        part = Trace.of(model, images[start:stop], None, layers)
        same(whole.probabilities[start:stop], part.probabilities)
        same(answers[start:stop], model.predict(images[start:stop]))
        same(whole.input_gradient[start:stop], part.input_gradient)
        for depth in layers.depths:
            same(whole.gradients[depth][start:stop], part.gradients[depth])
            same(whole.activations[depth][start:stop], part.activations[depth])


def test_no_target_means_the_predicted_class():
    model, images = small_nets.classifier(small_nets.built("resnet")), small_nets.pictures(4)
    layers = pick(model, images=images)
    trace = Trace.of(model, images, None, layers)
    assert np.array_equal(trace.targets, trace.probabilities.argmax(1))
    np.testing.assert_array_equal(trace.probabilities, model.predict(images))
    again = Trace.of(model, images, trace.targets, layers)
    assert torch.equal(trace.input_gradient, again.input_gradient)


class Plain(nn.Module):
    """Batch norm, then a ReLU that writes over what the batch norm put out, or does not."""

    def __init__(self, inplace: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm = nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)
        self.fc, self.inplace = nn.Linear(5, 3), inplace

    def forward(self, x):
        x = F.relu(self.norm(self.conv(x)), inplace=self.inplace)
        return self.fc(x.mean((2, 3)))


def test_an_in_place_relu_does_not_write_over_what_a_layer_put_out():
    """A layer's activation and gradient are those of what it put out, not of what came of it."""
    images, found = small_nets.pictures(4), []
    for inplace in (False, True):
        model = small_nets.classifier(Plain(inplace).eval())
        layers = pick(model, images=images, names=["norm", "conv"])
        found.append(Trace.of(model, images, [0, 1, 2, 0], layers))
    apart, within = found
    assert within.activations["norm"].min() < 0
    for name in ("norm", "conv", "last"):
        assert torch.equal(apart.activations[name], within.activations[name])
        assert torch.equal(apart.gradients[name], within.gradients[name])


def test_a_network_that_writes_into_its_input_can_be_asked():
    class Greedy(small_nets.Functional):
        def forward(self, x):
            return super().forward(x.mul_(2).sub_(1))

    model, images = small_nets.classifier(Greedy()), small_nets.pictures(2)
    before = images.copy()
    Trace.of(model, images, None, pick(model, images=images))
    model.predict(images)
    assert np.array_equal(before, images)


def test_scores_without_a_gradient_are_refused_with_a_reason():
    """A backbone under no_grad leaves a gradient to the head alone; a map of zeros would be a lie."""

    class Deaf(small_nets.Functional):
        def forward(self, x):
            with torch.no_grad():
                return super().forward(x)

    class HalfDeaf(small_nets.Functional):
        def forward(self, x):
            with torch.no_grad():
                x = F.relu(self.three(F.relu(self.two(F.relu(self.one(x))))))
            return self.fc(x.mean((2, 3)))

    for net in (Deaf(), HalfDeaf()):
        model, images = small_nets.classifier(net), small_nets.pictures(2)
        layers = pick(model, images=images)
        assert "could not be followed" in layers.missing["last"]
        with pytest.raises(ModelError, match="no gradient"):
            Trace.of(model, images, None, layers)


def test_a_trace_of_some_rows_is_the_trace_of_these():
    model, images = small_nets.classifier(small_nets.built("functional")), small_nets.pictures(4)
    trace = Trace.of(model, images, None, pick(model, images=images))
    part = trace.take([2, 0])
    assert torch.equal(trace.gradients["last"][[2, 0]], part.gradients["last"])
    assert np.array_equal(trace.targets[[2, 0]], part.targets)
    with pytest.raises(Undefined, match="not watched at 'layer9'"):
        part.at("layer9")
