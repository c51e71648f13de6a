from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from audit.errors import ModelError
from audit.models import Classifier
from audit.models.callable import CallableClassifier
from audit.models.torch_module import TorchClassifier, as_found, logits_of


def pictures(n: int = 3) -> np.ndarray:
    return np.random.default_rng(0).random((n, 8, 8, 3), dtype=np.float32)


def network(outputs: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, outputs)
    )


class Fixed(nn.Module):
    """Says the same of every picture."""

    def __init__(self, *scores: float) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.tensor(scores))

    def forward(self, x):
        return self.scores.expand(len(x), -1)


def test_pixels_are_normalised_by_channel_and_probabilities_are_the_softmax():
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    net = network()
    model = TorchClassifier(net, classes="abc", size=(8, 8), mean=mean, std=std)
    assert isinstance(model, Classifier)
    images = pictures(4)
    x = torch.from_numpy((images - np.float32(mean)) / np.float32(std)).permute(0, 3, 1, 2)
    theirs = torch.softmax(net(x).double(), 1).detach().numpy()
    np.testing.assert_allclose(model.predict(images), theirs, atol=1e-6)


def test_a_very_small_probability_keeps_its_digits():
    """float32 would say 0 and a margin would be infinite."""
    model = TorchClassifier(Fixed(0.0, 150.0), classes=("a", "b"), size=(8, 8))
    np.testing.assert_allclose(model.predict(pictures())[:, 0], np.exp(-150.0), rtol=1e-12)
    one = TorchClassifier(Fixed(150.0), classes=("a", "b"), size=(8, 8), output="sigmoid")
    np.testing.assert_allclose(one.predict(pictures())[:, 0], np.exp(-150.0), rtol=1e-12)


def test_one_score_is_two_classes_and_labels_have_a_sigmoid_each():
    one = TorchClassifier(Fixed(2.0), classes=("no", "yes"), size=(8, 8), output="sigmoid")
    yes = 1 / (1 + np.exp(-2.0))
    np.testing.assert_allclose(one.predict(pictures(1)), [[1 - yes, yes]], rtol=1e-12)
    many = TorchClassifier(Fixed(2.0, 2.0, -2.0), classes="abc", size=(8, 8), output="multilabel")
    np.testing.assert_allclose(many.predict(pictures(1)), [[yes, yes, 1 - yes]], rtol=1e-12)


def test_no_picture_is_no_answer():
    assert TorchClassifier(network(), classes="abc", size=(8, 8)).predict(pictures(0)).shape == (0, 3)
    black = CallableClassifier(lambda x: 1 / 0, classes="abc", size=(8, 8))
    assert black.predict(pictures(0)).shape == (0, 3)


@pytest.mark.parametrize(
    ("outputs", "classes", "output"), [(3, "ab", "softmax"), (2, "ab", "sigmoid"), (1, "ab", "multilabel")]
)
def test_outputs_that_do_not_fit_the_classes_are_named_with_them(outputs, classes, output):
    model = TorchClassifier(network(outputs), classes=classes, size=(8, 8), output=output)
    with pytest.raises(ModelError, match=rf"\({outputs},\) outputs a picture.*\(a, b\)"):
        model.predict(pictures())


def test_a_sigmoid_tells_two_classes_apart_not_three():
    with pytest.raises(ModelError, match="two classes apart, and 3"):
        TorchClassifier(network(1), classes="abc", output="sigmoid")


def test_an_answer_that_is_no_number_is_refused():
    model = TorchClassifier(Fixed(float("nan"), 0.0), classes="ab", size=(8, 8))
    with pytest.raises(ModelError, match="NaN or infinity"):
        model.predict(pictures())


@pytest.mark.parametrize(
    "wrap",
    [
        lambda z: {"logits": z, "features": z + 1},
        lambda z: (z,),
        lambda z: [z, None],
        lambda z: SimpleNamespace(logits=z, hidden=z + 1),
        lambda z: {"anything": z},
    ],
)
def test_the_obvious_scores_are_found_in_what_a_network_returns(wrap):
    z = torch.rand(2, 3)
    assert torch.equal(z, logits_of(wrap(z)))


@pytest.mark.parametrize(
    "answer", [(torch.rand(2, 3), torch.rand(2, 3)), {"a": torch.rand(2), "b": torch.rand(2)}, 7]
)
def test_scores_that_are_not_obvious_are_refused(answer):
    with pytest.raises(ModelError, match="not plain"):
        logits_of(answer)


def test_a_network_that_fails_says_on_what():
    model = TorchClassifier(nn.Linear(5, 3), classes="abc", size=(8, 8))
    with pytest.raises(ModelError, match=r"\(8, 3, 8, 8\).*RuntimeError"):
        model.predict(pictures())


def test_flags_come_back_part_by_part():
    """A network may be in train mode with its backbone in eval mode: both stay so, after an exception too."""
    net = network().train()
    net[0].eval()

    def fail() -> None:
        with as_found(net):
            assert not any(part.training for part in net.modules())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [part.training for part in net.modules()] == [True, False, True, True, True, True]


def test_a_black_box_is_asked_and_its_answers_are_checked():
    def light(images):
        images *= 0.5  # a copy: ours must not change
        p = images.mean(axis=(1, 2, 3))
        return np.stack([1 - p, p], axis=1)

    images = pictures()
    before = images.copy()
    model = CallableClassifier(light, classes=("dark", "light"), size=(8, 8))
    assert isinstance(model, Classifier)
    assert model.predict(images).shape == (3, 2)
    assert np.array_equal(before, images)
    assert model.identity["source"] == "callable"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: np.zeros(len(x)), r"\(3,\) for 3 pictures and 2 classes"),
        (lambda x: np.zeros((len(x), 3)), r"\(3, 2\) was expected"),
        (lambda x: np.full((len(x), 2), np.nan), "NaN or infinity for 3 of 3"),
        (lambda x: np.full((len(x), 2), 1.5), "1.5, which is no probability"),
        (lambda x: "yes", "no table of numbers"),
    ],
)
def test_a_black_box_that_answers_nonsense_is_refused_by_what_is_wrong(answer, message):
    model = CallableClassifier(answer, classes=("a", "b"), size=(8, 8))
    with pytest.raises(ModelError, match=message):
        model.predict(pictures())
