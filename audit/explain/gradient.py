"""Gradients at the input: Vanilla Gradient from a trace, SmoothGrad from noisy pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audit.explain.trace import Trace, gradient_at_input
from audit.models import Images
from audit.models.torch_module import TorchClassifier

SAMPLES = 25
SIGMA = 0.15


def vanilla_gradient(trace: Trace, layer: str = "input") -> Tensor:
    """Where a small change moves the score most: max over channels of |dS^c/dx|. Not negative, ``(b, h, w)``.

    Simonyan et al. 2013, arXiv:1312.6034. x is the normalised input, as in captum's Saliency; with
    respect to the pixel in [0, 1] each channel's gradient would be larger by 1 / std of that channel.
    """
    return magnitude(trace.input_gradient)


def magnitude(gradient: Tensor) -> Tensor:
    """max over channels of |gradient|: ``(b, 3, h, w)`` to ``(b, h, w)``."""
    return gradient.abs().amax(dim=1)


def noise(case: str, sample: int, *, seed: int, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Standard normal noise that depends on the seed, the case and the sample alone, not on batch or
    order."""
    digest = hashlib.sha256(case.encode()).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    return np.random.default_rng([seed, sample, *words]).standard_normal(shape, dtype=np.float32)


def smooth_gradients(
    classifier: TorchClassifier,
    images: Images,
    targets: Sequence[int] | NDArray[np.integer],
    case_ids: Sequence[str],
    *,
    seed: int,
    samples: int = SAMPLES,
    sigma: float = SIGMA,
    batch: int = 16,
    tick: Callable[[int], None] | None = None,
) -> Tensor:
    """SmoothGrad: the gradient averaged over noisy copies, then its magnitude. Not negative, ``(b, h, w)``.

    M = max over channels of |(1/n) sum_i dS^c/dx (x + N(0, s^2))| (Smilkov et al. 2017,
    arXiv:1706.03825). The mean
    is of signed gradients; the magnitude is taken once, after it. The noise is added to the normalised
    input, with s = ``sigma`` times the range (maximum less minimum) of that picture there.

    Batches are filled across cases and samples; memory is one batch and one sum for each case. ``tick``
    is told how many passes were made.
    """
    x = classifier.normalised(classifier.tensor(images))
    spread = sigma * (x.amax(dim=(1, 2, 3)) - x.amin(dim=(1, 2, 3)))
    total = torch.zeros(x.shape, dtype=torch.float64)
    shape = (x.shape[1], x.shape[2], x.shape[3])
    jobs = [(row, sample) for row in range(len(images)) for sample in range(samples)]
    for start in range(0, len(jobs), batch):
        part = jobs[start : start + batch]
        rows = [row for row, _ in part]
        draws = np.stack([noise(case_ids[row], sample, seed=seed, shape=shape) for row, sample in part])
        added = torch.from_numpy(draws).to(x) * spread[rows][:, None, None, None]
        gradient = gradient_at_input(classifier, x[rows] + added, np.asarray(targets)[rows]).to(
            "cpu", torch.float64
        )
        for row, one in zip(rows, gradient, strict=True):
            total[row] += one
        if tick is not None:
            tick(len(part))
    return magnitude(total / samples).to(torch.float32)
