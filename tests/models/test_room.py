"""How many pictures go through a network at once: within the memory, and fewer when it runs out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from audit.errors import ConfigError, ModelError
from audit.explain.gradient import smooth_gradients
from audit.explain.layers import pick
from audit.explain.trace import Trace
from audit.models import BATCH
from audit.models.callable import CallableClassifier
from audit.models.room import ROWS, bytes_of_a_picture, fit
from audit.models.torch_module import TorchClassifier

SAID = "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"


class Cramped(nn.Module):
    """Has room for so many pictures, and notes how many it was given. Every answer is the picture's alone."""

    def __init__(self, room: int = 1000, error: Exception | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.ReLU())
        self.fc = nn.Linear(4, 3)
        self.room, self.error, self.given = room, error or RuntimeError(SAID), list[int]()

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.room:
            raise self.error
        self.given.append(len(x))
        return self.fc(self.net(x).mean((2, 3)))


def classifier(module: nn.Module, size: int = 12) -> TorchClassifier:
    return TorchClassifier(module.eval(), classes="abc", size=(size, size))


def pictures(n: int, size: int = 12) -> np.ndarray:
    return np.random.default_rng(0).random((n, size, size, 3), dtype=np.float32)


@pytest.mark.parametrize("error", [RuntimeError(SAID), MemoryError(), torch.OutOfMemoryError("no room")])
@pytest.mark.parametrize("room", [1, 3, 5])
def test_when_the_memory_runs_out_the_passes_are_halved_and_nothing_is_lost(room, error):
    free, cramped = classifier(Cramped()), classifier(Cramped(room, error))
    images = pictures(11)
    np.testing.assert_allclose(cramped.predict(images), free.predict(images), rtol=1e-5)
    assert cramped.rows == {1: 1, 3: 2, 5: 4}[room]
    assert set(cramped.module.given) == {cramped.rows}, "passes that follow are small from the start"


def test_gradients_and_looks_are_halved_too():
    images, ids = pictures(9), [str(i) for i in range(9)]

    def asked(room: int) -> list[np.ndarray]:
        model = classifier(Cramped())
        layers = pick(model, images=images)
        model.module.room = room
        trace = Trace.of(model, images, None, layers)
        model.rows = ROWS
        smooth = smooth_gradients(model, images, trace.targets, ids, seed=0, samples=2)
        model.rows = ROWS
        answers, features = model.look(images)
        assert model.rows == min(room, ROWS)
        assert features is not None
        return [
            trace.input_gradient.numpy(),
            trace.gradients["last"].numpy(),
            smooth.numpy(),
            answers,
            features,
        ]

    for free, cramped in zip(asked(1000), asked(2), strict=True):
        np.testing.assert_allclose(cramped, free, rtol=1e-4, atol=1e-6)


def test_no_room_for_one_picture_is_told():
    with pytest.raises(ModelError, match="single picture"):
        classifier(Cramped(0)).predict(pictures(2))


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    with pytest.raises(ModelError, match="out of luck"):
        classifier(Cramped(0, RuntimeError("out of luck"))).predict(pictures(2))


def test_a_black_box_is_given_halves():
    asked = []

    def predict(images: np.ndarray) -> np.ndarray:
        if len(images) > 3:
            raise MemoryError
        asked.append(len(images))
        p = images.mean((1, 2, 3), dtype=float)
        return np.stack([p, 1 - p], 1)

    images = pictures(10)
    answers = CallableClassifier(predict, classes="ab", size=(12, 12)).predict(images)
    np.testing.assert_array_equal(answers[:, 0], images.mean((1, 2, 3), dtype=float))
    assert sum(asked) == 10


def test_a_pass_of_one_picture_is_counted_by_what_is_kept_for_the_backward_pass():
    """Known by hand: the input, the two layers' outputs (their ReLUs keep what they put out) and the mean."""
    found = bytes_of_a_picture(classifier(Cramped()))
    kept = [3 * 12 * 12, 6 * 10 * 10, 4 * 8 * 8, 4]
    assert 4 * sum(kept) <= found <= 4 * (sum(kept) + 8 * max(kept))
    wide = bytes_of_a_picture(classifier(Cramped(), size=24))
    assert 3.5 < wide / found < 6, "four times the places take about four times the memory"


def test_the_passes_are_the_largest_that_fit_and_never_more_than_a_processor_likes():
    model = classifier(Cramped())
    each = bytes_of_a_picture(model)
    for memory, rows in ((None, ROWS), (1000 * each, ROWS), (each * ROWS, ROWS), (7 * each, 4), (each, 1)):
        assert fit(model, memory=memory) == BATCH
        assert model.rows == rows
    assert fit(model, batch=3) == 3
    assert model.rows == ROWS, "the batch that was gathered changes no answer"
    with pytest.raises(ConfigError, match="memory: a pass of one picture takes about"):
        fit(model, memory=each - 1)


def test_half_precision_is_for_answers_and_never_for_gradients():
    exact, half = classifier(Cramped()), classifier(Cramped())
    half.precision = "bf16"
    images = pictures(4)
    off = np.abs(exact.predict(images) - half.predict(images)).max()
    assert 0 < off < 0.02
    layers = pick(exact, images=images)
    one, other = (Trace.of(m, images, [0, 1, 2, 0], layers) for m in (exact, half))
    assert torch.equal(one.input_gradient, other.input_gradient)
    assert torch.equal(one.scores, other.scores)


class Views(nn.Module):
    """Asks for a view of what a convolution put out, which channels that lie last do not give."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 16, 3), nn.Linear(16 * 100, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.fc(x.view(len(x), -1))


def test_a_network_that_takes_views_is_asked_as_it_likes():
    torch.manual_seed(0)
    model = classifier(Views())
    assert not model.channels_last
    expected = torch.softmax(model.module(torch.from_numpy(pictures(3)).permute(0, 3, 1, 2).contiguous()), 1)
    np.testing.assert_allclose(model.predict(pictures(3)), expected.detach().numpy(), rtol=1e-5)
