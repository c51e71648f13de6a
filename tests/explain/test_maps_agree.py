"""Each explainer against an independent statement: another library, another derivation, or the definition."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import small_nets
import torch
import torch.nn.functional as F
from torch import nn

from audit.errors import Undefined
from audit.explain import cam, fused, gradient
from audit.explain.layers import Layers, pick
from audit.explain.trace import Trace
from audit.models.torch_module import TorchClassifier


def traced(module: nn.Module, size: int, targets=(0, 2, 1, 1), **settings) -> tuple[TorchClassifier, Trace]:
    model, images = small_nets.classifier(module, size, **settings), small_nets.pictures(4, size)
    return model, Trace.of(model, images, targets, pick(model, images=images))


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """Equal to 1e-5 of the largest value."""
    assert float((ours - theirs).abs().max()) <= 1e-5 * float(theirs.abs().max())


class DenseNetOfModules(nn.Module):
    """The same network with its last ReLU as a module, so that a library that hooks modules can see it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.features, self.last, self.classifier = net.features, nn.ReLU(), net.classifier

    def forward(self, x):
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(self.last(self.features(x)), 1), 1))


def resnet18() -> nn.Module:
    from torchvision.models import resnet18

    torch.manual_seed(1)
    return small_nets.calibrated(resnet18(num_classes=3), 64)


@pytest.mark.parametrize("name", ["resnet18", "densenet", "functional", "shared"])
def test_cam_is_grad_cam_times_the_places_and_its_mean_is_the_score(name):
    """At the tensor that the average takes, alpha_k is w_k / Z; so CAM = Z * Grad-CAM before the ReLU."""
    module = resnet18() if name == "resnet18" else small_nets.built(name, 64)
    _model, trace = traced(module, 64)
    layer = trace.layers.by_depth["last"]
    ours = cam.cam_at_layer(trace, "last")
    close(ours, cam.grad_cam_at_layer(trace, "last") * layer.height * layer.width)
    head = trace.layers.head
    assert head is not None
    targets = torch.from_numpy(trace.targets)
    scores = trace.scores.gather(1, targets[:, None])[:, 0]
    close(ours.mean(dim=(1, 2)) + head.bias[targets], scores)
    assert (ours < 0).any(), "CAM is signed"


@pytest.mark.parametrize("depth", ["initial", "intermediate", "last"])
@pytest.mark.parametrize("name", ["resnet18", "densenet"])
def test_grad_cam_is_captums_at_every_depth(name, depth):
    from captum.attr import LayerGradCam

    module = resnet18() if name == "resnet18" else small_nets.built("densenet", 64)
    model, trace = traced(module, 64)
    twin = DenseNetOfModules(module) if name == "densenet" else module
    place = trace.layers.by_depth[depth].site
    part = twin.get_submodule(place.name) if place.kind == "module" else twin.last
    x = model.normalised(model.tensor(small_nets.pictures(4, 64))).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = LayerGradCam(twin, part).attribute(x, target=[0, 2, 1, 1], relu_attributions=True)
    ours = torch.relu(cam.grad_cam_at_layer(trace, depth))
    close(ours, theirs[:, 0].detach())
    up = F.interpolate(theirs, (64, 64), mode="bilinear", align_corners=False)[:, 0]
    close(cam.grad_cam(trace, depth), up.detach())


def test_grad_cam_pp_is_what_the_derivatives_of_exp_s_say():
    """alpha from nested autograd of Y = exp(S), and S linear in A behind a ReLU, in float64.

    Equation 19 of the paper: alpha = Y'' / (2 Y'' + sum_ab A_ab Y'''), with the derivatives at one place.
    """
    torch.manual_seed(2)
    net = small_nets.Functional().double()
    _model, trace = traced(net, 16)
    assert torch.float64 == trace.scores.dtype
    record, activations, _ = trace.at("last")
    assert record.positive
    for row in range(2):
        A = activations[row].clone().requires_grad_()
        score = net.fc(A.mean((1, 2))[None])[0, trace.targets[row]]
        Y = torch.exp(score)
        (first,) = torch.autograd.grad(Y, A, create_graph=True)
        alpha, slope = torch.zeros_like(A), torch.zeros_like(A)
        for k in range(A.shape[0]):
            for i, j in [(0, 0), (1, 2), (3, 3)]:
                (second,) = torch.autograd.grad(first[k, i, j], A, create_graph=True)
                (third,) = torch.autograd.grad(second[k, i, j], A, retain_graph=True)
                y2, y3 = second[k, i, j], third[k, i, j]
                alpha[k, i, j] = (y2 / (2 * y2 + A[k].sum() * y3)).detach()
                slope[k, i, j] = first[k, i, j].detach()
        seen, Y = slope != 0, Y.detach()
        assert seen.sum() >= 20
        assert (slope[seen] < 0).any()
        ours = cam.pp_terms(activations, trace.gradients["last"])[row]
        torch.testing.assert_close(ours[seen], (alpha * torch.relu(slope) / Y)[seen], rtol=1e-10, atol=0)
        # The gradient of this head is the same at all places of a channel, so the weights follow from one place.
        places = A[0].numel()
        weights = places * (alpha[:, 0, 0] * torch.relu(slope[:, 0, 0]))
        theirs = torch.relu((weights[:, None, None] * A.detach()).sum(0)) / torch.exp(score.detach())
        torch.testing.assert_close(cam.grad_cam_pp_at_layer(trace, "last")[row], theirs, rtol=1e-10, atol=0)


def test_grad_cam_pp_holds_for_gradients_too_small_to_square():
    """g^2 underflows where g does not; a small number in the denominator would swallow it."""
    A, g = torch.rand(1, 2, 3, 3), torch.full((1, 2, 3, 3), 1e-30)
    torch.testing.assert_close(cam.pp_terms(A, g), g / 2, rtol=1e-6, atol=0)
    assert cam.pp_terms(A, -g).abs().sum() == 0


@pytest.mark.parametrize("name", ["resnet", "densenet", "functional", "timm-vit"])
def test_vanilla_gradient_is_captums_saliency_exactly(name):
    from captum.attr import Saliency

    size = 64 if name in ("resnet", "densenet") else 32
    model, trace = traced(small_nets.built(name, size), size)
    x = model.normalised(model.tensor(small_nets.pictures(4, size))).requires_grad_()
    theirs = Saliency(model.module).attribute(x, target=[0, 2, 1, 1], abs=True).amax(dim=1)
    assert torch.equal(theirs.detach(), gradient.vanilla_gradient(trace))


def test_vanilla_gradient_is_the_slope_of_the_score():
    """Central differences on a smooth network in float64, at places of every channel."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    ).double()
    model, trace = traced(net, 8)
    x = model.normalised(model.tensor(small_nets.pictures(4, 8)))
    for channel, row, column in [(0, 0, 0), (1, 4, 3), (2, 7, 5)]:
        step = torch.zeros_like(x[:1])
        step[0, channel, row, column] = 1e-5
        slope = (net(x[:1] + step) - net(x[:1] - step))[0, 0] / 2e-5
        torch.testing.assert_close(
            trace.input_gradient[0, channel, row, column], slope.detach(), rtol=1e-6, atol=1e-12
        )


def test_smoothgrad_without_noise_is_the_vanilla_gradient():
    model, trace = traced(small_nets.built("resnet"), 32)
    ids = ["a", "b", "c", "d"]
    smooth = gradient.smooth_gradients(
        model, small_nets.pictures(4, 32), trace.targets, ids, seed=0, samples=5, sigma=0.0, batch=4
    )
    assert torch.equal(smooth, gradient.vanilla_gradient(trace))


def test_smoothgrad_of_a_linear_model_does_not_depend_on_the_noise():
    torch.manual_seed(0)
    model = small_nets.classifier(nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), 8)
    ask = lambda sigma: gradient.smooth_gradients(  # noqa: E731
        model, small_nets.pictures(2, 8), [0, 1], ["a", "b"], seed=0, samples=3, sigma=sigma
    )
    torch.testing.assert_close(ask(0.0), ask(3.0), rtol=1e-6, atol=0)


def test_smoothgrad_averages_signed_gradients_and_takes_the_magnitude_once():
    """Against the sum written out, one noisy picture after the other."""
    model, images = small_nets.classifier(small_nets.built("functional")), small_nets.pictures(2)
    ticks: list[int] = []
    ours = gradient.smooth_gradients(
        model, images, [0, 1], ["p", "q"], seed=7, samples=3, sigma=0.2, batch=4, tick=ticks.append
    )
    assert sum(ticks) == 6
    for row, case in enumerate("pq"):
        x = model.normalised(model.tensor(images[row : row + 1]))
        total = torch.zeros_like(x, dtype=torch.float64)
        for sample in range(3):
            eps = torch.from_numpy(gradient.noise(case, sample, seed=7, shape=(3, 32, 32)))
            noisy = (x + 0.2 * (x.max() - x.min()) * eps).requires_grad_()
            total += torch.autograd.grad(model.module(noisy)[0, row], noisy)[0]
        torch.testing.assert_close(ours[row].double(), (total / 3).abs().amax(1)[0], rtol=1e-4, atol=1e-9)


def test_smoothgrad_does_not_depend_on_batch_or_order():
    """Bit for bit: each case and sample has its own stream of noise."""
    model, images = small_nets.classifier(small_nets.built("resnet")), small_nets.pictures(3)
    ids, targets = ["a", "b", "c"], np.array([0, 1, 2])
    ask = lambda rows, batch: gradient.smooth_gradients(  # noqa: E731
        model, images[rows], targets[rows], [ids[r] for r in rows], seed=1, samples=5, batch=batch
    )
    whole = ask([0, 1, 2], 8)
    assert torch.equal(whole, ask([0, 1, 2], 3))
    assert torch.equal(whole.flip(0), ask([2, 1, 0], 16))
    assert torch.equal(whole[1:2], ask([1], 1))
    assert not torch.equal(whole, gradient.smooth_gradients(model, images, targets, ids, seed=2, samples=5))


def test_fused_weighs_each_depth_by_what_it_adds_to_the_score():
    """The maps of the depths are added up after each got the share of its own un-normalised sum."""
    _, trace = traced(resnet18(), 64)
    usable, shares = fused.fused_shares(trace, "grad-cam")
    assert usable == ("initial", "intermediate", "last")
    torch.testing.assert_close(shares.sum(1), torch.ones(4))
    sums = [torch.relu(cam.grad_cam_at_layer(trace, d)).sum((1, 2)) for d in usable]
    torch.testing.assert_close(shares[:, 2] / shares[:, 0], sums[2] / sums[0])
    maps = fused.fused(trace, "grad-cam")
    torch.testing.assert_close(maps.sum((1, 2)), torch.ones(4))
    assert maps.min() >= 0
    by_hand = torch.zeros(64, 64)
    for depth, share in zip(usable, shares[0], strict=True):
        one = cam.grad_cam(trace, depth)[0]
        by_hand += share * one / one.sum()
    torch.testing.assert_close(maps[0], by_hand)


def test_fused_with_a_silent_depth_is_the_other_ones_map():
    """A depth at which nothing speaks for the class adds nothing, and all silent is a map of zeros."""
    _model, trace = traced(small_nets.built("functional"), 32)
    silent = {k: (g if k == "last" else torch.zeros_like(g)) for k, g in trace.gradients.items()}
    object.__setattr__(trace, "gradients", silent)
    one = cam.grad_cam(trace, "last")
    keep = one.sum((1, 2)) > 0
    assert keep.any()
    expected = one[keep] / one[keep].sum((1, 2), keepdim=True)
    torch.testing.assert_close(fused.fused(trace, "grad-cam")[keep], expected)
    object.__setattr__(trace, "gradients", {k: torch.zeros_like(g) for k, g in silent.items()})
    assert fused.fused(trace, "grad-cam++").abs().sum() == 0


def test_fused_needs_two_depths():
    _model, trace = traced(small_nets.built("convnext", 64), 64)
    with pytest.raises(Undefined, match="applies at 0 of the depths"):
        fused.fused(trace, "grad-cam++")


def test_one_score_with_a_sigmoid_speaks_for_one_class_and_against_the_other():
    """S of the second class is z, of the first -z: their CAMs are each other's negative."""
    net = small_nets.built("functional")
    net.fc = nn.Linear(10, 1)
    model = small_nets.classifier(net, classes=("no", "yes"), output="sigmoid")
    images = small_nets.pictures(4)
    layers = pick(model, images=images)
    no, yes = (Trace.of(model, images, [c] * 4, layers) for c in (0, 1))
    assert torch.equal(cam.cam(no), -cam.cam(yes))
    assert torch.equal(gradient.vanilla_gradient(no), gradient.vanilla_gradient(yes))
    torch.testing.assert_close(cam.cam_at_layer(yes).mean((1, 2)) + layers.head.bias[1], yes.scores[:, 1])


def test_cam_refuses_a_pass_whose_score_it_does_not_rebuild():
    _model, trace = traced(small_nets.built("functional"), 32)
    assert isinstance(trace.layers, Layers)
    object.__setattr__(trace, "scores", trace.scores + 1)
    with pytest.raises(Undefined, match="is not the score"):
        cam.cam(trace)
