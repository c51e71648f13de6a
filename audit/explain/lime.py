"""LIME: which superpixels does the answer rest on? Only ``predict`` is needed, and no torch.

A plan says which changed pictures the model is to be asked about; the answers are reduced to a weight
for each superpixel. Plan and answers are kept, so that any picture, its perturbations and the answers can be
shown later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit.errors import Undefined
from audit.explain.designs import DESIGNS, order, rounds
from audit.explain.surrogate import RIDGE, Fit, fit
from audit.images.fill import mean_fill, surround_fill
from audit.record.nouns import Heat, Image

FILLS: Mapping[str, Callable[[Image, NDArray[np.integer]], Image]] = {
    "mean": mean_fill,
    "surround": surround_fill,
}

FEWEST = 8
"""With fewer superpixels than this, Quickshift is run again with a smaller kernel."""
BLIND = 1 / 255
"""A fill that changes no pixel by more than this asks nothing of the model."""

FLOOR = 2.0**-24
"""The least that a probability and its complement are taken for: what single precision can tell from 1."""

_QUICKSHIFT: dict[str, Any] = {"max_dist": 200, "ratio": 0.2}
_KERNELS = (4, 3, 2, 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """The questions of one picture.

    Attributes:
        segments: ``(h, w)``, the superpixels, labelled 0 to S-1.
        design: bool ``(m, S)``, True where the superpixel is shown. One design for all fills, so that they differ by
            the fill alone.
        together: this many questions following each other belong together (see :mod:`audit.explain.designs`).
        penalty: on the square of the weights: lime's, or none where the design tells all superpixels apart.
        ends: after how many questions it is looked whether they are enough; the last is m.
        filled: for each fill the picture with every superpixel painted over, ``(h, w, 3)``.
        blind: for each fill bool ``(S,)``: superpixels that the fill paints over with (nearly) themselves. They are
            not tested.
        settings: how the superpixels were made.
    """

    image: Image
    segments: NDArray[np.int64]
    design: NDArray[np.bool_]
    together: int
    penalty: float
    ends: tuple[int, ...]
    filled: Mapping[str, Image]
    blind: Mapping[str, NDArray[np.bool_]]
    settings: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.design)

    def questions(self, fill: str, rows: slice | Sequence[int] = slice(None)) -> NDArray[np.float32]:
        """The changed pictures of some rows of the design, float32 ``(rows, h, w, 3)``."""
        # one flat axis of h * w * 3 numbers: broadcasting over the three channels takes five times as long
        shown, number = self.design[rows], np.repeat(self.segments.ravel(), 3)
        found = np.empty((len(shown), *self.image.shape), np.float32)
        for picture, row in zip(found.reshape(len(shown), -1), shown, strict=True):
            np.copyto(picture, self.filled[fill].ravel())
            np.copyto(picture, self.image.ravel(), where=row[number])
        return found

    def blind_pixels(self, fill: str) -> NDArray[np.bool_]:
        """``(h, w)``: pixels whose superpixel the fill does not change."""
        return self.blind[fill][self.segments]


def plan(
    image: Image,
    *,
    rng: np.random.Generator,
    samples: int = 256,
    fills: Sequence[str] = ("mean", "surround"),
    segments: NDArray[np.integer] | None = None,
    design: str = "hadamard",
    stop: bool = False,
) -> Plan:
    """What to ask about one picture ``(h, w, 3)`` on the model's grid: at most ``samples`` questions for each fill.

    ``design`` is one of :data:`audit.explain.designs.DESIGNS`. With ``stop`` the questions come in rounds, and after
    each :func:`audit.explain.surrogate.decided` says whether they are enough. ``segments`` may be anyone's, with any
    labels; they are renamed to 0 to S-1.

    Raises:
        Undefined: the picture cannot be cut into two superpixels.
    """
    settings: dict[str, Any] = {"superpixels": "given"}
    if segments is None:
        segments, settings = superpixels(image)
    names, flat = np.unique(segments, return_inverse=True)
    labels = flat.reshape(segments.shape).astype(np.int64)
    count = len(names)
    if count < 2:
        raise Undefined("the picture is one superpixel: there is nothing to leave out")
    shown, together = DESIGNS[design](count, samples, rng)
    filled = {fill: FILLS[fill](image, labels) for fill in fills}
    return Plan(
        image=image,
        segments=labels,
        design=shown,
        together=together,
        penalty=0.0 if design == "hadamard" and len(shown) >= order(count) else RIDGE,
        ends=rounds(count, len(shown)) if stop else (len(shown),),
        filled=filled,
        blind={fill: _unchanged(image, other, labels, count) for fill, other in filled.items()},
        settings={**settings, "count": count},
    )


def _unchanged(image: Image, filled: Image, labels: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    largest = np.zeros(count)
    np.maximum.at(largest, labels.ravel(), np.abs(filled - image).max(axis=2).ravel())
    unchanged: NDArray[np.bool_] = largest <= BLIND + 1e-6
    return unchanged


def superpixels(image: Image) -> tuple[NDArray[np.int64], dict[str, Any]]:
    """Quickshift superpixels ``(h, w)`` with lime's settings, and the settings.

    Kernel 4, maximum distance 200, ratio 0.2 (Vedaldi and Soatto 2008; the defaults of lime_image).
    Where that
    gives fewer than ``FEWEST``, the kernel shrinks to 3, 2 and 1 until there are enough; the settings
    say which it was.
    """
    from skimage import segmentation

    quickshift: Any = segmentation.quickshift
    most: tuple[NDArray[np.int64], dict[str, Any]] | None = None
    for kernel in _KERNELS:
        labels = np.asarray(quickshift(image, kernel_size=kernel, rng=0, **_QUICKSHIFT), dtype=np.int64)
        count = len(np.unique(labels))
        if most is None or count > most[1]["count"]:
            most = labels, {"superpixels": "quickshift", "kernel": kernel, **_QUICKSHIFT, "count": count}
        if count >= FEWEST:
            break
    assert most is not None
    return most


def cut(image: Image) -> NDArray[np.uint16]:
    """The :func:`superpixels` of a picture, labelled 0 to S-1."""
    segments = superpixels(image)[0]
    return np.unique(segments, return_inverse=True)[1].reshape(segments.shape).astype(np.uint16)


def probability(answers: NDArray[np.floating], column: int, exclusive: bool) -> NDArray[np.float64]:
    """The probability of the class, ``(m,)``, of answers ``(m, k)``: lime's own target."""
    return answers[:, column].astype(np.float64)


def log_odds(answers: NDArray[np.floating], column: int, exclusive: bool) -> NDArray[np.float64]:
    """The log-odds of the class against all others, ``(m,)``, of probabilities ``(m, k)``.

    With one class a picture (``exclusive``) this is z_c - log sum_(j != c) exp(z_j) of the scores z before a softmax.
    It goes on telling where probabilities are all near 1. Both sides are taken as at least :data:`FLOOR`.

    >>> log_odds(np.array([[0.75, 0.25], [1.0, 0.0]]), 0, True).round(2).tolist()
    [1.1, 16.64]
    """
    own = answers[:, column].astype(np.float64)
    rest = np.delete(answers, column, axis=1).sum(axis=1, dtype=np.float64) if exclusive else 1 - own
    return np.asarray(np.log(np.maximum(own, FLOOR)) - np.log(np.maximum(rest, FLOOR)))


TARGETS: Mapping[str, Callable[[NDArray[np.floating], int, bool], NDArray[np.float64]]] = {
    "probability": probability,
    "logodds": log_odds,
}
"""What of the answers is explained."""


def explain(
    plan: Plan, answers: NDArray[np.floating], fill: str, *, column: int, target: str, exclusive: bool
) -> tuple[Fit, Heat]:
    """:func:`reduce` of the model's own answers ``(m, k)``: one of :data:`TARGETS` of the class in ``column``."""
    odds = log_odds(answers, column, exclusive) if target == "probability" else None
    return reduce(plan, TARGETS[target](answers, column, exclusive), fill, odds)


def reduce(
    plan: Plan, answers: NDArray[np.floating], fill: str, odds: NDArray[np.floating] | None = None
) -> tuple[Fit, Heat]:
    """The weight of each superpixel with its interval, and the signed heat ``(h, w)``.

    Ribeiro et al. 2016, arXiv:1602.04938: minimise sum_i pi_i (f_i - b - z_i . w)^2 + |w|^2, with f the model's
    answer (see :data:`TARGETS`), z the superpixels shown and pi the kernel. ``answers`` ``(m,)`` are those to the
    first m questions, in the design's order. A pixel's heat is its superpixel's weight. ``odds`` ``(m,)``, where the
    answers are probabilities: their log-odds, which help to know the same weights with fewer questions (see
    :func:`audit.explain.surrogate.fit`); not used where there is a penalty, so not by the classic design.

    Departures from lime_image: every superpixel keeps its signed weight (no choice of the best five), and labels
    need not start at 0; pictures are not rounded to whole grey levels. Where the design is a Hadamard matrix there is
    no penalty: it is not needed, and with few questions it would take off more than the answers err. Superpixels of
    ``plan.blind[fill]`` were not tested: they take no part, their weight is NaN and their heat 0.
    """
    found = fit(
        plan.design[: len(answers)],
        answers,
        tested=~plan.blind[fill],
        together=plan.together,
        looks=len(plan.ends),
        penalty=plan.penalty,
        odds=odds,
    )
    return found, np.nan_to_num(found.weights)[plan.segments].astype(np.float32)
