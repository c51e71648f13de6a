"""Explainers that ignore the weights are caught, and those that do not are not."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy import stats
from small_nets import built, classifier, pictures
from torch import nn
from torch.nn.functional import interpolate

from audit.explain import baselines, layers, sanity
from audit.explain.passes import Passes
from audit.measure.sanity import sanity as summed
from audit.models.torch_module import TorchClassifier
from audit.record import Case

PICTURES = pictures(5)
CASES = list("vwxyz")
EVERY = ["cam", "grad-cam", "vanilla-gradient", "smoothgrad", "lime"]


def edge_detector(trace, layer):
    """A map of the picture's edges, whatever the network is."""
    return np.stack([baselines.edges(image) for image in PICTURES[: len(trace.scores)]])


def first_activation(trace, layer):
    """What the layer puts out: it knows the weights below it, and none above."""
    _, activations, _ = trace.at(layer)
    return interpolate(activations.sum(1)[:, None], trace.size, mode="bilinear")[:, 0]


def sign_turner(trace, layer):
    """An edge map whose sign is that of the class's score."""
    return edge_detector(trace, layer) * np.sign(trace.scores[:, 0].numpy())[:, None, None]


def rows_of(net, names, images=PICTURES, **more):
    given = {"seed": 0, "lime_samples": 24, "smoothgrad_samples": 2} | more
    return sanity.cascade(net, images, CASES[: len(images)], names=names, **given)


def of(rows, explainer, layer=None, step=None):
    return [
        r for r in rows if r.explainer == explainer and layer in (None, r.layer) and step in (None, r.step)
    ]


def test_an_edge_detector_that_passes_for_an_explainer_is_caught():
    rows = rows_of(classifier(built("vgg")), ["test_sanity:edge_detector", "vanilla-gradient"])
    assert {round(r.correlation, 9) for r in of(rows, "edge_detector")} == {1}
    cases = [Case(id=c, image="", label="a", patient=c) for c in CASES]
    found = {
        e.explainer: e for e in summed(rows, cases, [], seed=0) if e.metric == "sanity" and e.layer != "last"
    }
    assert found["edge_detector"].low > 0.99
    assert found["vanilla-gradient"].high < 0.6


def test_a_map_that_only_turns_its_sign_is_caught_by_its_magnitude():
    rows = of(rows_of(classifier(built("vgg")), ["test_sanity:sign_turner"]), "sign_turner")
    assert {abs(round(r.correlation, 9)) for r in rows} == {1}
    assert {round(r.absolute, 9) for r in rows} == {1}


@pytest.mark.parametrize(("name", "stem"), [("functional", 1), ("vgg", 1), ("resnet", 2)])
def test_a_map_of_the_first_layer_stays_until_its_own_weights_are_drawn(name, stem):
    """The cascade comes from the top. The stem of a residual network is a convolution and its norm."""
    rows = rows_of(classifier(built(name)), ["test_sanity:first_activation"], steps=100)
    rows = of(rows, "first_activation", "initial")
    last = rows[0].steps
    assert last >= 4
    for row in rows:
        if row.step <= last - stem:
            assert row.correlation == pytest.approx(1, abs=1e-9)
    assert np.mean([abs(r.correlation) for r in of(rows, "first_activation", step=last)]) < 0.9


def test_layers_go_from_the_last_that_is_called_to_the_first():
    rows = rows_of(classifier(built("functional")), ["vanilla-gradient"])
    assert list(dict.fromkeys(r.module for r in rows)) == ["fc", "three", "two", "one"]


class Corner(nn.Module):
    """Adds up what is in the upper left corner: its gradient is the corner, whatever the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * 32 * 32, 2, bias=False)
        with torch.no_grad():
            weight = torch.zeros(2, 3, 32, 32)
            weight[0, :, :16, :16], weight[1, :, :16, :16] = -0.1, 0.1
            self.linear.weight.copy_(weight.flatten(1))

    def forward(self, x):
        return self.linear(x.flatten(1))


def test_the_gradient_of_a_network_of_known_weights_forgets_them():
    """Before, the map is one in the corner and nothing elsewhere; after, it is white noise."""
    net = TorchClassifier(Corner(), classes=["a", "b"], size=(32, 32))
    rows = rows_of(net, ["vanilla-gradient"])
    assert {(r.step, r.steps, r.module) for r in rows} == {(1, 1, "linear")}
    assert abs(np.mean([r.correlation for r in rows])) < 0.12  # of 1024 cells
    assert len({r.correlation for r in rows}) <= 2  # a linear network's gradient is that of its class


@pytest.mark.parametrize("name", ["functional", "swin", "densenet", "timm-vit", "normed"])
def test_what_was_watched_once_serves_the_network_with_other_weights(name, monkeypatch):
    """The maps are those of a network that is watched again at each step, CAM's head among them."""
    net = built("functional" if name == "normed" else name)
    if name == "normed":  # the head's weight is no parameter, but made of two
        nn.utils.parametrizations.weight_norm(net.fc)
    names, watched = ["cam", "grad-cam", "vanilla-gradient"], []
    pick = layers.pick
    monkeypatch.setattr(layers, "pick", lambda *a, **k: watched.append(1) or pick(*a, **k))
    once = rows_of(classifier(net), names, steps=3)
    assert len(watched) == (4 if name == "normed" else 1)
    monkeypatch.setattr(layers.Layers, "of", lambda self, module: None)
    assert rows_of(classifier(net), names, steps=3) == once


@pytest.mark.parametrize("name", ["shared", "resnet", "densenet", "timm-vit"])
def test_the_network_is_left_as_it_was(name):
    net = built(name)
    net.train()
    parts = dict(net.named_modules())
    next(m for m in parts.values() if isinstance(m, nn.Conv2d | nn.Linear)).eval()
    for p in list(net.parameters())[:2]:
        p.requires_grad_(False)
    state, flags = copy.deepcopy(net.state_dict()), [p.training for p in net.modules()]
    versions = [p._version for p in net.parameters()]
    model = classifier(net)
    random = torch.random.get_rng_state()
    rows_of(model, EVERY)
    assert model.module is net
    assert all(torch.equal(state[k], v) for k, v in net.state_dict().items())
    assert [p._version for p in net.parameters()] == versions
    assert [p.training for p in net.modules()] == flags
    assert [p.requires_grad for p in net.parameters()][:3] == [False, False, True]
    assert all(p.grad is None for p in net.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    assert torch.equal(random, torch.random.get_rng_state())


def test_every_map_is_tried_at_the_last_step_and_costly_ones_there_alone():
    passes = Passes()
    rows = rows_of(classifier(built("vgg")), EVERY, passes=passes)
    steps = {e: {r.step for r in of(rows, e)} for e in EVERY if of(rows, e)}
    assert steps["vanilla-gradient"] == {1, 2, 3, 4, 5}
    assert steps["smoothgrad"] == steps["lime"] == {5}
    assert passes.trace == 6 * 5
    assert passes.gradient == 2 * 5 * 2
    assert passes.questions == 2 * 5 * 24 * 2
    assert all(-1 - 1e-9 <= r.correlation <= 1 + 1e-9 for r in rows if r.correlation is not None)
    assert all((r.why is None) == (None not in (r.correlation, r.absolute)) for r in rows)


def test_the_same_seed_gives_the_same_rows_and_another_does_not():
    one, same, other = (
        rows_of(classifier(built("resnet")), ["grad-cam", "lime"], images=PICTURES[:2], seed=s, steps=2)
        for s in (0, 0, 1)
    )
    assert one == same
    assert one != other


def test_rank_correlation_is_that_of_scipy_and_a_flat_map_has_none():
    heats = np.random.default_rng(0).integers(0, 5, (2, 8, 9)).astype(float)
    a, b = sanity.ranks(heats)
    assert a @ b == pytest.approx(stats.spearmanr(heats[0].ravel(), heats[1].ravel()).statistic)
    assert np.isnan(sanity.ranks(np.ones((1, 8, 9)))).all()


def test_a_network_that_cannot_be_copied_is_not_tested_and_says_so():
    class Single(type(built("vgg"))):
        def __deepcopy__(self, memo):
            raise TypeError("there is one of me")

    net = built("vgg")
    net.__class__ = Single
    rows = rows_of(classifier(net), ["vanilla-gradient"])
    assert {r.correlation for r in rows} == {None}
    assert all("there is one of me" in r.why for r in rows)


def test_shared_weights_are_drawn_once():
    one = nn.Linear(6, 6)
    two = nn.Linear(6, 6)
    two.weight = one.weight
    drawn: set[int] = set()
    rng = np.random.default_rng(0)
    sanity._draw(one, rng, drawn)
    after = one.weight.detach().clone()
    sanity._draw(two, rng, drawn)
    assert torch.equal(after, two.weight)


def test_weights_keep_their_width_and_norms_their_channels():
    conv, norm = nn.Conv2d(8, 32, 3), nn.BatchNorm2d(32)
    with torch.no_grad():
        conv.weight.mul_(7)
        for number, tensor in enumerate((norm.weight, norm.bias, norm.running_mean, norm.running_var)):
            tensor.copy_(torch.arange(32) + 100.0 * number)
    before = conv.weight.detach().clone()
    for unit in (conv, norm):
        sanity._draw(unit, np.random.default_rng(0), set())
    assert float(conv.weight.detach().std() / before.std()) == pytest.approx(1, abs=0.05)
    assert abs(np.corrcoef(conv.weight.detach().ravel(), before.ravel())[0, 1]) < 0.1
    assert not torch.equal(norm.weight, torch.arange(32.0))
    assert torch.equal(norm.running_var - 300, norm.weight)
    assert torch.equal(norm.bias - 100, norm.weight)
