"""Networks as people bring them: the caller's settings and theirs stay, and what cannot be asked says why."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from audit.errors import ModelError
from audit.models.torch_module import TorchClassifier, as_found


def pictures(n: int = 3) -> np.ndarray:
    return np.random.default_rng(0).random((n, 8, 8, 3), dtype=np.float32)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )


def classifier(module: nn.Module, **more: object) -> TorchClassifier:
    return TorchClassifier(module, classes="abc", size=(8, 8), **more)  # type: ignore[arg-type]


class Counts(nn.Module):
    """Writes into a buffer of its own on every call, whether it is trained or not."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return self.net(x)


def test_buffers_that_a_pass_writes_into_are_put_back():
    model = classifier(Counts())
    model.predict(pictures())
    assert model.module.calls == 0


def test_the_callers_random_state_grad_mode_and_threads_stay():
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def forward(self, x):
            return self.net(F.dropout(x, 0.5))

    model, threads = classifier(Noisy()), torch.get_num_threads()
    before = torch.get_rng_state()
    with torch.no_grad():
        model.predict(pictures())
        assert not torch.is_grad_enabled()
    assert torch.equal(before, torch.get_rng_state())
    assert threads == torch.get_num_threads()


def test_gradients_are_there_inside_though_the_caller_is_in_inference_mode():
    net = network()
    with torch.inference_mode():
        with as_found(net), torch.enable_grad():
            assert net(torch.ones(2, 3, 8, 8)).requires_grad
        assert torch.is_inference_mode_enabled()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_precisions_give_the_same_answers_but_for_their_rounding(dtype):
    """Pixels are normalised before they are rounded: 0.485 / 0.229 in bfloat16 would be off by a grey level."""
    settings = {"mean": (0.485,) * 3, "std": (0.229,) * 3}
    wanted = classifier(network(), **settings).predict(pictures())
    answers = classifier(network().to(dtype), **settings).predict(pictures())
    assert np.abs(answers - wanted).max() < 2 * torch.finfo(dtype).eps + 1e-7


@pytest.mark.parametrize("error", [KeyError("pixel_values"), AttributeError("no head"), ZeroDivisionError()])
def test_whatever_a_network_raises_is_told_as_its_failure(error):
    class Fails(nn.Module):
        def forward(self, x):
            raise error

    with pytest.raises(ModelError, match=type(error).__name__):
        classifier(Fails()).predict(pictures())


def test_scores_of_a_convolutional_head_are_taken():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 3, 1))
    assert classifier(net).predict(pictures()).shape == (3, 3)


def test_a_compiled_network_is_asked_uncompiled():
    """Compiled code keeps no hooks and no calls that could be watched; the weights are the same."""
    net, calls = network(), []

    def backend(graph, _inputs):
        calls.append(graph)
        return graph.forward

    answers = classifier(torch.compile(net, backend=backend)).predict(pictures())
    np.testing.assert_array_equal(answers, classifier(net).predict(pictures()))
    assert not calls
