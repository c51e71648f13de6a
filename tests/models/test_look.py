"""What a network saw before it decided, against its own parts called by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from audit.models.features import projected
from audit.models.torch_module import TorchClassifier


def pictures(n: int = 11) -> np.ndarray:
    return np.random.default_rng(0).random((n, 8, 8, 3), dtype=np.float32)


def classifier(module: nn.Module) -> TorchClassifier:
    return TorchClassifier(module, classes="abc", size=(8, 8))


def body(width: int) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


class Functional(nn.Module):
    """Its last layer is a function call, which no hook sees."""

    def __init__(self, width: int = 5) -> None:
        super().__init__()
        self.body, self.weight = body(width), nn.Parameter(torch.randn(3, width))

    def forward(self, x):
        return F.linear(self.body(x), self.weight)


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cut, self.head = nn.Conv2d(3, 6, 4, stride=4), nn.Linear(6, 3)
        self.block = nn.TransformerEncoderLayer(6, 2, 12, batch_first=True)

    def tokens(self, x):
        return self.block(self.cut(x).flatten(2).transpose(1, 2))

    def forward(self, x):
        return self.head(self.tokens(x)).mean(1)


def by_hand(inner, images) -> np.ndarray:
    with torch.no_grad():
        return inner(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()


@pytest.mark.parametrize("width", [5, 40])
def test_features_are_the_input_of_the_last_linear_layer(width):
    net = nn.Sequential(*body(width), nn.Linear(width, 3)).eval()
    _, found = classifier(net).look(pictures())
    wanted = by_hand(net[:-1], pictures()).astype(float)
    if width > 16:
        assert found.shape == (11, 16)
        wanted = projected(wanted)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert found.dtype == np.float32


def test_a_linear_layer_that_is_called_as_a_function_is_seen():
    net = Functional().eval()
    np.testing.assert_allclose(classifier(net).look(pictures())[1], by_hand(net.body, pictures()), atol=1e-6)


def test_of_tokens_it_is_their_mean():
    net = Tokens().eval()
    found = classifier(net).look(pictures())[1]
    np.testing.assert_allclose(found, by_hand(net.tokens, pictures()).mean(1), atol=1e-5)


def test_without_a_linear_layer_it_is_what_goes_into_the_last_convolution():
    net = nn.Sequential(body(6)[0], nn.ReLU(), nn.Conv2d(6, 3, 1), nn.AdaptiveAvgPool2d(1)).eval()
    found = classifier(net).look(pictures())[1]
    np.testing.assert_allclose(found, by_hand(net[:2], pictures()).mean((2, 3)), atol=1e-6)


class Noisy(Functional):
    """Random though it is asked: every pass from the same state gives the same."""

    def forward(self, x):
        return super().forward(F.dropout(x, 0.5))


class Squeezed(Functional):
    """A linear layer that is a module stands before the last one, which is none."""

    def __init__(self) -> None:
        super().__init__()
        self.squeeze = nn.Linear(3, 3)

    def forward(self, x):
        return super().forward(x * torch.sigmoid(self.squeeze(x.mean((2, 3))))[..., None, None])


def test_the_last_linear_call_counts_not_the_last_linear_module():
    net = Squeezed().eval()
    found = classifier(net).look(pictures())[1]
    assert found.shape == (11, 5)


@pytest.mark.parametrize(
    "net", [Functional(40), Tokens(), Noisy(), Squeezed()], ids=lambda n: type(n).__name__
)
def test_the_answer_is_that_of_predict_bit_for_bit_whatever_the_batch(net):
    model, images = classifier(net), pictures()
    answers, features = model.look(images)
    assert (answers == classifier(net).predict(images)).all()
    assert all((a == b).all() for a, b in zip(model.look(images), (answers, features), strict=True))
    if isinstance(net, Noisy):
        return  # its noise depends on the place in the batch
    alone = [model.look(images[i : i + 1]) for i in range(len(images))]
    assert (np.concatenate([a for a, _ in alone]) == answers).all()
    assert (np.concatenate([f for _, f in alone]) == features).all()


def test_the_network_comes_back_as_it_was():
    net = Functional()
    net.train()
    classifier(net).look(pictures())
    assert net.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_what_hides_its_layers_has_no_features_but_answers():
    class Sums(nn.Module):
        def forward(self, x):
            return x.mean((2, 3))

    model = classifier(Sums())
    answers, features = model.look(pictures())
    assert features is None
    assert (answers == model.predict(pictures())).all()
    assert classifier(Functional()).look(pictures(0))[1] is None


def test_a_projection_keeps_distances_but_for_about_a_fifth():
    x = np.random.default_rng(3).normal(size=(60, 512))
    pairs = np.triu_indices(60, 1)
    before, after = (np.linalg.norm(t[pairs[0]] - t[pairs[1]], axis=1) for t in (x, projected(x)))
    ratio = after / before
    assert ratio.mean() == pytest.approx(1, abs=0.1)
    assert ratio.std() < 0.25
