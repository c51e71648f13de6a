"""What real pictures bring along by themselves: the light outside the middle, which goes with the label in ISIC 2017.

Nobody planted it, so a network that never saw a planted artefact may still take it. Each picture's light there is set
to that of another picture: of either class, which makes it independent of the label, or of its own class, which keeps
it going with the label and costs only what any such change costs. The fall of the accuracy from the second to the
first is what the network owes to it. Measured on pictures that no audit sees.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from audit.cues import CUES
from audit.errors import Undefined
from benchmarks.detection import training
from benchmarks.detection.pictures import Picture

CUE = CUES["frame"]
ROUNDS = 8


def exchanged(module: nn.Module, pictures: Sequence[Picture]) -> tuple[float, float]:
    """``own_drop`` and ``own_flip`` of :class:`truth.Truth`: of a network, on pictures."""
    read = [(p, value) for p in pictures if (value := _light(p)) is not None]
    labels = np.array([p.label for p, _ in read])
    values = np.array([value for _, value in read])
    before = training.probabilities(module, np.stack([p.image for p, _ in read])).argmax(1)
    right: dict[bool, list[float]] = {True: [], False: []}
    flips = []
    for number in range(ROUNDS):
        for same in (True, False):
            rng = np.random.default_rng([11, number, same])
            rows, shown = [], []
            for row, (picture, value) in enumerate(read):
                others = np.flatnonzero(labels == labels[row]) if same else np.arange(len(read))
                moved = _moved(picture, float(values[rng.choice(others)]) - value, rng)
                if moved is not None:
                    rows.append(row)
                    shown.append(moved)
            after = training.probabilities(module, np.stack(shown)).argmax(1)
            right[same].append(float((after == labels[rows]).mean()))
            if not same:
                flips.append(float((after != before[rows]).mean()))
    return float(np.mean(right[True]) - np.mean(right[False])), float(np.mean(flips))


def _light(picture: Picture) -> float | None:
    image = picture.image.astype(np.float32) / 255
    assert CUE.measure is not None
    try:
        return CUE.measure(image, CUE.window(image, picture.lesion))
    except Undefined:
        return None


def _moved(picture: Picture, amount: float, rng: np.random.Generator) -> NDArray[np.uint8] | None:
    """The picture with another light outside its middle; None where it cannot be moved so far."""
    image = picture.image.astype(np.float32) / 255
    assert CUE.shift is not None
    if abs(amount) < CUE.least:
        return picture.image
    try:
        return np.round(CUE.shift(image, amount, keep=picture.lesion, rng=rng) * 255).astype(np.uint8)
    except Undefined:
        return None
