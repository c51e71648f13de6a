from __future__ import annotations

import pytest
import small_nets
import torch
import torch.nn.functional as F
from torch import nn

from audit.errors import ConfigError, Undefined
from audit.explain import EXPLAINERS
from audit.explain.layers import pick
from audit.explain.trace import Trace

PICKED = {
    "functional": ("relu() output, call 1", "relu() output, call 2", "relu() output, call 3"),
    "shared": ("relu output", "relu output (call 2)", "relu output (call 3)"),
    "resnet": ("relu output", "layer2 output", "layer4 output"),
    "densenet": ("features.relu0 output", "features.transition2.relu output", "relu() output, call 21"),
    "vit": (
        "encoder.layers.encoder_layer_0 output",
        "encoder.layers.encoder_layer_1 output",
        "encoder.layers.encoder_layer_2.ln_1 output",
    ),
    "timm-vit": ("blocks.0 output", "blocks.1 output", "blocks.2.norm1 output"),
    "vgg": ("features.1 output", "features.4 output", "features.7 output"),
}
SIZES = {"resnet": 64, "densenet": 64, "convnext": 64}


@pytest.mark.parametrize("name", small_nets.NETS)
def test_every_family_gets_its_depths_and_a_finite_map_at_each(name):
    """Whatever the network is built of, each explainer that claims to apply gives a map on the model's grid."""
    size = SIZES.get(name, 32)
    model = small_nets.classifier(small_nets.built(name, size), size)
    images = small_nets.pictures(3, size)
    layers = pick(model, images=images)
    assert layers.depths == ("initial", "intermediate", "last")
    assert not layers.missing
    if name in PICKED:
        assert PICKED[name] == tuple(layer.name for layer in layers)
    trace = Trace.of(model, images, None, layers)
    for layer in layers:
        shape = (3, layer.channels, layer.height, layer.width)
        assert (
            shape == tuple(trace.activations[layer.depth].shape) == tuple(trace.gradients[layer.depth].shape)
        )
        assert trace.gradients[layer.depth].abs().sum() > 0
        if layer.positive:
            assert trace.activations[layer.depth].min() >= 0
    for explainer in EXPLAINERS.values():
        if explainer.needs == "trace":
            for place in explainer.places(layers)[0]:
                maps = explainer.load()(trace, place)
                assert (3, size, size) == tuple(maps.shape)
                assert torch.isfinite(maps).all()
                assert explainer.signed or maps.min() >= 0


@pytest.mark.parametrize("name", ["functional", "shared", "resnet", "densenet", "swin"])
def test_cam_applies_where_an_average_meets_one_linear_layer(name):
    size = SIZES.get(name, 32)
    layers = pick(
        small_nets.classifier(small_nets.built(name, size), size), images=small_nets.pictures(2, size)
    )
    assert layers.head is not None, layers.why_no_cam


@pytest.mark.parametrize(
    ("name", "reason"),
    [("convnext", "layer_norm"), ("vit", "tokens"), ("timm-vit", "tokens"), ("vgg", "max_pool2d")],
)
def test_cam_says_why_it_does_not_apply(name, reason):
    size = SIZES.get(name, 32)
    model, images = small_nets.classifier(small_nets.built(name, size), size), small_nets.pictures(2, size)
    layers = pick(model, images=images)
    places, why = EXPLAINERS["cam"].places(layers)
    assert places == ()
    assert reason in why["last"]
    with pytest.raises(Undefined, match=reason):
        EXPLAINERS["cam"].load()(Trace.of(model, images, None, layers), "last")


def test_grad_cam_pp_refuses_a_tensor_that_may_be_negative():
    """Behind GELU its denominators may be anything; the reason names the layer."""
    model, images = small_nets.classifier(small_nets.built("convnext", 64), 64), small_nets.pictures(2, 64)
    layers = pick(model, images=images)
    places, why = EXPLAINERS["grad-cam++"].places(layers)
    assert places == ()
    assert {"initial", "intermediate", "last"} == set(why)
    assert "may be negative" in why["last"]
    assert EXPLAINERS["fused"].places(layers)[0] == ("grad-cam",)
    with pytest.raises(Undefined, match="may be negative"):
        EXPLAINERS["grad-cam++"].load()(Trace.of(model, images, None, layers), "last")


def test_a_negative_bias_after_a_relu_is_not_taken_for_a_positive_tensor():
    class Shifted(small_nets.Functional):
        def __init__(self) -> None:
            super().__init__()
            self.shift = nn.Parameter(torch.full((1, 10, 1, 1), -1.0))

        def forward(self, x):
            x = F.relu(self.three(F.relu(self.two(F.relu(self.one(x)))))) + self.shift
            return self.fc(x.mean((2, 3)))

    layers = pick(small_nets.classifier(Shifted()), images=small_nets.pictures(2))
    assert not layers.by_depth["last"].positive
    assert layers.head is not None


def test_patch_tokens_behind_the_last_attention_are_not_taken():
    """With a class token the last block's patches move nothing: a map from them would be empty."""
    model, images = small_nets.classifier(small_nets.built("timm-vit")), small_nets.pictures(2)
    layers = pick(model, images=images, names=["blocks.2", "blocks.1"])
    trace = Trace.of(model, images, None, layers)
    assert trace.gradients["blocks.2"].abs().sum() == 0
    assert trace.gradients["last"].abs().sum() > 0
    assert (layers.by_depth["last"].height, layers.by_depth["last"].width) == (4, 4)


def test_a_vision_transformer_that_averages_its_tokens_is_taken_at_its_end():
    torch.manual_seed(0)
    net = small_nets.timm_vit(global_pool="avg").eval()
    layers = pick(small_nets.classifier(net), images=small_nets.pictures(2))
    assert layers.by_depth["last"].name == "blocks output"


def test_tokens_become_a_grid_without_the_class_token():
    """Token 1 + r * w + c is the patch at row r and column c."""
    model, images = small_nets.classifier(small_nets.built("timm-vit")), small_nets.pictures(4)
    layers = pick(model, images=images, names=["blocks.0"])
    kept = []
    handle = model.module.blocks[0].register_forward_hook(
        lambda _m, _a, out: kept.append(out.detach().clone())
    )
    trace = Trace.of(model, images, None, layers)
    handle.remove()
    assert kept[0].shape[1] == 17
    assert torch.equal(kept[0][1, 1 + 2 * 4 + 3], trace.activations["blocks.0"][1, :, 2, 3])


def test_named_layers_are_taken_beside_the_depths():
    model = small_nets.classifier(small_nets.built("resnet", 64), 64)
    layers = pick(model, images=small_nets.pictures(2, 64), names=["layer3", "layer1.0.relu", "layer4"])
    assert layers.depths == ("initial", "intermediate", "last")
    assert layers.by_depth["layer3"].name == "layer3 output"
    assert "the last of its 2 calls" in layers.by_depth["layer1.0.relu"].why
    trace = Trace.of(model, small_nets.pictures(2, 64), [0, 1], layers)
    assert torch.equal(trace.activations["layer4"], trace.activations["last"])
    assert torch.equal(trace.gradients["layer4"], trace.gradients["last"])


@pytest.mark.parametrize(
    ("name", "message"),
    [("layr3", "did you mean 'layer3'"), ("fc", "does not lie on the picture"), ("avgpool.x", "no module")],
)
def test_a_wrong_layer_name_is_told_with_the_nearest(name, message):
    model = small_nets.classifier(small_nets.built("resnet", 64), 64)
    with pytest.raises(ConfigError, match=message):
        pick(model, images=small_nets.pictures(2, 64), names=[name])


def test_a_network_without_a_grid_says_so():
    """A plain perceptron has no place to show; Vanilla Gradient still works."""
    model = small_nets.classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 3)), 8)
    images = small_nets.pictures(2, 8)
    layers = pick(model, images=images)
    assert layers.depths == ()
    assert "no tensor" in layers.missing["last"]
    trace = Trace.of(model, images, None, layers)
    assert tuple(EXPLAINERS["vanilla-gradient"].load()(trace, "input").shape) == (2, 8, 8)
    with pytest.raises(Undefined, match="no tensor"):
        EXPLAINERS["grad-cam"].load()(trace, "last")


def test_a_custom_autograd_function_does_not_hide_the_way():
    """What is computed out of sight is traced back by autograd's own graph."""

    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    class Net(small_nets.Functional):
        def forward(self, x):
            x = F.max_pool2d(F.relu(self.one(x)), 2)
            x = F.relu(self.two(Double.apply(x)))
            return self.fc(F.relu(self.three(Double.apply(x))).mean((2, 3)))

    torch.manual_seed(0)
    layers = pick(small_nets.classifier(Net()), images=small_nets.pictures(2))
    assert PICKED["functional"] == tuple(layer.name for layer in layers)


def test_a_network_with_many_exits_branches_and_is_refused_for_cam_alone():
    """Squeeze-and-excitation pools the maps half way; the head's own pooling is still told from it."""

    class Squeeze(small_nets.Functional):
        def forward(self, x):
            x = F.relu(self.one(x))
            x = x * torch.sigmoid(x.mean((2, 3), keepdim=True))
            x = F.relu(self.three(F.max_pool2d(F.relu(self.two(x)), 2)))
            return self.fc((x * torch.sigmoid(F.adaptive_avg_pool2d(x, 1))).mean((2, 3)))

    torch.manual_seed(0)
    layers = pick(small_nets.classifier(Squeeze()), images=small_nets.pictures(2))
    assert layers.head is not None
    assert layers.by_depth["last"].positive
    assert "mul" in layers.by_depth["last"].name


def test_a_network_with_one_convolution_has_one_depth_and_says_why():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    layers = pick(small_nets.classifier(net, 8), images=small_nets.pictures(2, 8))
    assert layers.depths == ("last",)
    assert layers.by_depth["last"].name == "1 output"
    assert layers.head is not None
    assert {"initial", "intermediate"} == set(layers.missing)
    places, why = EXPLAINERS["fused"].places(layers)
    assert places == ()
    assert "applies at 1 of the depths" in why["grad-cam"]


def test_a_layer_past_which_the_way_is_lost_is_not_taken_for_the_last():
    """Places folded into rows of their own cannot be followed; then there is a reason, not the wrong layer."""

    class Folded(small_nets.Functional):
        def forward(self, x):
            x = F.relu(self.two(F.relu(self.one(x))))
            n, c, h, w = x.shape
            x = (
                x.reshape(n, c, h // 2, 2, w // 2, 2)
                .permute(0, 3, 5, 1, 2, 4)
                .reshape(n * 4, c, h // 2, w // 2)
            )
            x = F.relu(self.three(x)).reshape(n, 4, 10, h // 2, w // 2)
            return self.fc(x.mean((1, 3, 4)))

    torch.manual_seed(0)
    layers = pick(small_nets.classifier(Folded()), images=small_nets.pictures(2))
    assert layers.depths == ()
    assert "could not be followed on the grid past relu()" in layers.missing["last"]
