"""Networks as people bring them: explained rightly, asked without being seen into, or refused with a reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import small_nets
import torch
import torch.nn.functional as F
from torch import nn

from audit.errors import ConfigError, ModelError
from audit.explain import EXPLAINERS
from audit.explain.applied import Prepared, prepare
from audit.explain.cam import cam_at_layer, grad_cam_at_layer
from audit.explain.layers import pick
from audit.explain.passes import Passes
from audit.explain.trace import Trace


def prepared(module: nn.Module, **more: Any) -> Prepared:
    return prepare(
        small_nets.classifier(module, **more),
        list(EXPLAINERS),
        small_nets.pictures(3),
        seed=0,
        batch=4,
        lime={"samples": 8},
        smoothgrad_samples=2,
        smoothgrad_sigma=0.15,
        passes=Passes(),
    )


class Around(nn.Module):
    """A network in something of the user's."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = small_nets.Functional()


class Flips(Around):
    def forward(self, x):
        return self.net(x) + self.net(x.flip(-1))


class FlipsOnly(Around):
    def forward(self, x):
        return self.net(torch.flip(x, [2]))


class Crops(Around):
    def forward(self, x):
        return self.net(x[:, :, 4:28, 4:28])


class Turns(Around):
    def forward(self, x):
        return self.net(x.transpose(2, 3))


class SwapsColours(Around):
    def forward(self, x):
        return self.net(x.flip(1))


class Halves(Around):
    def forward(self, x):
        return self.net(x[:, :, ::2, ::2])


def test_a_map_is_not_taken_from_a_flipped_picture():
    """Flipped copies are averaged by many: a map of the flipped pass would be the mirror image of the right one."""
    images = small_nets.pictures(2)
    model, plain = small_nets.classifier(Flips()), small_nets.classifier(Flips().net)
    layers = pick(model, images=images)
    assert layers.depths == ("last",)
    assert "in other ways too" in layers.by_depth["last"].why
    ours = Trace.of(model, images, [0, 1], layers).activations["last"]
    theirs = Trace.of(plain, images, [0, 1], pick(plain, images=images)).activations["last"]
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("net", [FlipsOnly, Crops, Turns])
def test_a_picture_that_is_moved_altogether_has_no_maps_on_it(net):
    model, images = small_nets.classifier(net()), small_nets.pictures(2)
    layers = pick(model, images=images)
    assert layers.depths == ()
    assert "flips, turns or crops" in layers.missing["last"]
    with pytest.raises(ConfigError, match="does not lie on the picture"):
        pick(model, images=images, names=["net.three"])


@pytest.mark.parametrize("net", [SwapsColours, Halves])
def test_colours_swapped_and_every_second_pixel_leave_the_grid_where_it_is(net):
    assert len(pick(small_nets.classifier(net()), images=small_nets.pictures(2)).depths) == 3


class Body(small_nets.SharedReLU):
    """Its convolutions run under ``cut``, called as modules; the head does not."""

    def __init__(self, cut: Any) -> None:
        super().__init__()
        self.cut = cut
        self.body = nn.Sequential(self.one, self.relu, self.two, self.relu, self.three, self.relu)

    def forward(self, x):
        with self.cut():
            x = self.body(x)
        return self.fc(x.mean((2, 3)))


@pytest.mark.parametrize("cut", [torch.no_grad, torch.inference_mode])
def test_a_frozen_body_without_a_gradient_makes_a_black_box(cut):
    """Its modules were taken for layers, and the pass failed without a word that a user could follow."""
    found = prepared(Body(cut))
    assert found.trace is None
    assert {e.explainer for e in found.explained if e.applied} == {"lime"}
    assert all("no gradient" in str(e.why) for e in found.explained if e.explainer != "lime")


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_a_gradient_that_cannot_be_asked_for_makes_a_black_box():
    class Checkpointed(Around):
        def forward(self, x):
            return torch.utils.checkpoint.checkpoint(self.net, x, use_reentrant=True)

    found = prepared(Checkpointed())
    assert found.trace is None
    assert "use_reentrant" in str(found.explained[0].why)


def test_a_hook_of_the_users_that_autograd_refuses_makes_a_black_box():
    net = small_nets.SharedReLU()
    net.one.register_full_backward_hook(lambda _m, _i, _o: None)  # its output may not be written into
    before = dict(net.one._backward_hooks)
    found = prepared(net)
    assert found.trace is None
    assert "BackwardHookFunction" in str(found.explained[0].why)
    assert before == net.one._backward_hooks


def test_answers_by_chance_or_by_the_neighbours_are_refused():
    class Chance(Around):
        def forward(self, x):
            return self.net(F.dropout(x, 0.5))

    class Neighbours(Around):
        def forward(self, x):
            return self.net(x - x.mean(0, keepdim=True))

    for net in (Chance(), Neighbours()):
        with pytest.raises(ModelError, match="depends on chance or on the pictures beside it"):
            prepared(net)


@pytest.mark.parametrize(("output", "squash"), [("softmax", "softmax"), ("sigmoid", "sigmoid")])
def test_a_network_that_ends_in_probabilities_is_refused(output, squash):
    """A softmax of a softmax is no probability: 0.99 would be told as 0.73."""

    class Ends(Around):
        def forward(self, x):
            z = self.net(x)
            return torch.softmax(z, 1) if squash == "softmax" else torch.sigmoid(z[:, :1])

    classes = ("a", "b", "c") if output == "softmax" else ("a", "b")
    with pytest.raises(ModelError, match=f"ends in a {squash}"):
        prepared(Ends(), output=output, classes=classes)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_gives_maps_and_cam(dtype):
    images = small_nets.pictures(3)
    module = small_nets.built("shared").to(dtype)
    model = small_nets.classifier(module)
    layers = pick(model, images=images)
    assert layers.head is not None, layers.why_no_cam
    trace = Trace.of(model, images, None, layers)
    assert trace.activations["last"].dtype == trace.input_gradient.dtype == torch.float32
    cam, grad_cam = cam_at_layer(trace), grad_cam_at_layer(trace) * 8 * 8
    assert float((cam - grad_cam).abs().max() / cam.abs().max()) < 2 * torch.finfo(dtype).eps
    made = prepared(module).trace(images, ["a", "b", "c"], None)
    assert all(np.isfinite(heat).all() and heat.any() for heat in made.heats.values())


def test_a_mixed_precision_pass_can_be_watched():
    class Mixed(Around):
        def forward(self, x):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return self.net(x)

    assert len(pick(small_nets.classifier(Mixed()), images=small_nets.pictures(2)).depths) == 3


def test_one_place_that_a_pooling_spreads_over_many_is_no_grid():
    """AlexNet on small pictures: its last pooling leaves one place, and the average pooling copies it 36 times."""
    net = nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(4), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.MaxPool2d(5)),
        *(nn.AdaptiveAvgPool2d(6), nn.Flatten(), nn.Linear(5 * 36, 3)),
    )
    layers = pick(small_nets.classifier(net), images=small_nets.pictures(2))
    assert layers.by_depth["last"].name == "4 output"


def test_depths_lie_after_a_non_linearity_that_is_a_plain_call():
    """What a convolution puts out was preferred to a GELU, as it is a module's."""

    class Smooth(small_nets.Functional):
        def forward(self, x):
            return self.fc(F.gelu(self.three(F.gelu(self.two(F.gelu(self.one(x)))))).mean((2, 3)))

    torch.manual_seed(0)
    layers = pick(small_nets.classifier(Smooth()), images=small_nets.pictures(2))
    assert [layer.name for layer in layers] == [f"gelu() output, call {call}" for call in (1, 2, 3)]


def test_inference_mode_around_the_audit_changes_nothing():
    model, images = small_nets.classifier(small_nets.built("functional")), small_nets.pictures(2)
    wanted = Trace.of(model, images, None, pick(model, images=images))
    with torch.inference_mode():
        found = Trace.of(model, images, None, pick(model, images=images))
    assert torch.equal(wanted.input_gradient, found.input_gradient)


def test_blocks_of_tokens_are_not_taken_for_rows():
    """16 blocks of 16 tokens, as in NesT, have the shape of 16 rows of 16 columns until they are put back."""

    class Blocks(small_nets.Functional):
        def forward(self, x):
            x = F.relu(self.one(F.avg_pool2d(x, 2))).permute(0, 2, 3, 1)
            n, c = len(x), x.shape[-1]
            x = x.reshape(n, 4, 4, 4, 4, c).transpose(2, 3).reshape(n, 16, 16, c)
            x = F.relu(x * 0.5)  # anything, block by block
            x = x.reshape(n, 16, 16, 3, 1, c // 3).permute(3, 0, 4, 1, 2, 5).permute(1, 3, 4, 0, 2, 5)
            x = x.reshape(n, 16, 16, c)
            x = x.reshape(n, 4, 4, 4, 4, c).transpose(2, 3).reshape(n, 16, 16, c)
            x = F.relu(self.three(F.relu(self.two(x.permute(0, 3, 1, 2)))))
            return self.fc(x.mean((2, 3)))

    torch.manual_seed(0)
    model, images = small_nets.classifier(Blocks()), small_nets.pictures(2)
    layers = pick(model, images=images)
    assert [layer.name for layer in layers][::2] == ["relu() output, call 1", "relu() output, call 4"]
    assert all(layer.name != "relu() output, call 2" for layer in layers)


def test_the_last_tokens_are_those_of_the_stream_not_a_projection_of_them():
    """Class attention with a layer for each of query, key and value, as in CaiT."""

    class ClassAttention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches, self.norm = nn.Conv2d(3, 8, 8, 8), nn.LayerNorm(8)
            self.q, self.k, self.v = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
            self.token, self.fc = nn.Parameter(torch.randn(1, 1, 8)), nn.Linear(8, 3)

        def forward(self, x):
            x = F.gelu(self.patches(x)).flatten(2).transpose(1, 2)
            x = self.norm(torch.cat([self.token.expand(len(x), 1, 8), x], 1))
            x = F.scaled_dot_product_attention(self.q(x[:, :1]), self.k(x), self.v(x))
            return self.fc(x[:, 0])

    torch.manual_seed(0)
    layers = pick(small_nets.classifier(ClassAttention()), images=small_nets.pictures(2))
    assert layers.by_depth["last"].name == "norm output"
