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
from audit.images.fill import mean_fill, surround_fill
from audit.record.nouns import Heat, Image

FILLS: Mapping[str, Callable[[Image, NDArray[np.integer]], Image]] = {
    "mean": mean_fill,
    "surround": surround_fill,
}

KERNEL_WIDTH = 0.25
RIDGE = 1.0
FEWEST = 8
"""With fewer superpixels than this, Quickshift is run again with a smaller kernel."""
BLIND = 1 / 255
"""A fill that changes no pixel by more than this asks nothing of the model."""

_QUICKSHIFT: dict[str, Any] = {"max_dist": 200, "ratio": 0.2}
_KERNELS = (4, 3, 2, 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """The questions of one picture.

    Attributes:
        segments: ``(h, w)``, the superpixels, labelled 0 to S-1.
        design: bool ``(m, S)``, True where the superpixel is shown. The first row shows all. One design
        for all
            fills, so that they differ by the fill alone.
        filled: for each fill the picture with every superpixel painted over, ``(h, w, 3)``.
        blind: for each fill bool ``(S,)``: superpixels that the fill paints over with (nearly)
        themselves. Their
            weight says nothing.
        settings: how the superpixels were made.
    """

    image: Image
    segments: NDArray[np.int64]
    design: NDArray[np.bool_]
    filled: Mapping[str, Image]
    blind: Mapping[str, NDArray[np.bool_]]
    settings: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.design)

    def questions(self, fill: str, rows: slice | Sequence[int] = slice(None)) -> NDArray[np.float32]:
        """The changed pictures of some rows of the design, float32 ``(rows, h, w, 3)``."""
        # one flat axis of h * w * 3 numbers: broadcasting over the three channels takes five times as long
        shown = self.design[rows][:, np.repeat(self.segments.ravel(), 3)]
        flat = np.where(shown, self.image.ravel(), self.filled[fill].ravel())
        return flat.astype(np.float32, copy=False).reshape(len(shown), *self.image.shape)

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
) -> Plan:
    """What to ask about one picture ``(h, w, 3)`` on the model's grid: ``samples`` questions for each fill.

    Each superpixel is hidden with probability 1/2, independently. ``segments`` may be anyone's, with any
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
    design = rng.random((samples, count)) < 0.5
    design[0] = True
    filled = {fill: FILLS[fill](image, labels) for fill in fills}
    return Plan(
        image=image,
        segments=labels,
        design=design,
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


def kernel(design: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The weight of each question, ``(m,)``: sqrt(exp(-D^2 / 0.25^2)), D the cosine distance to the
    whole picture.

    The square root is lime_image's. As it says of itself, the kernel is meant to be local; with half of the
    superpixels hidden nearly all questions weigh about the same.

    >>> kernel(np.array([[True, True, True, True], [True, False, False, False]])).round(4).tolist()
    [1.0, 0.1353]
    """
    shown = design.sum(axis=1)
    distance = 1 - np.sqrt(shown / design.shape[1])
    return np.asarray(np.sqrt(np.exp(-(distance**2) / KERNEL_WIDTH**2)), dtype=np.float64)


def ridge(
    design: NDArray[np.bool_], answers: NDArray[np.floating], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, float | None]:
    """The weighted ridge regression of answers ``(m,)`` on the design, in closed form.

    Returns the coefficients ``(S,)``, the intercept (which is not penalised) and the weighted R^2; None
    where the answers do not vary, so that there is nothing to explain.
    """
    x, y = design.astype(np.float64), answers.astype(np.float64)
    share = weights / weights.sum()
    middle_x, middle_y = share @ x, float(share @ y)
    x, y = x - middle_x, y - middle_y
    gram = (x * weights[:, None]).T @ x
    gram[np.diag_indices_from(gram)] += RIDGE
    coefficients = np.linalg.solve(gram, (x * weights[:, None]).T @ y)
    whole = float(weights @ y**2)
    rest = float(weights @ (y - x @ coefficients) ** 2)
    fit = 1 - rest / whole if np.ptp(answers) > 0 and whole > 0 else None
    return coefficients, middle_y - float(middle_x @ coefficients), fit


def reduce(
    plan: Plan, answers: NDArray[np.floating], fill: str
) -> tuple[NDArray[np.float64], float | None, Heat]:
    """The weight of each superpixel ``(S,)``, the fit's R^2, and the signed heat ``(h, w)``.

    Ribeiro et al. 2016, arXiv:1602.04938: minimise sum_i pi_i (f_i - b - z_i . w)^2 + |w|^2, with f the
    model's
    probability of the class, z the superpixels shown and pi the kernel. ``answers`` ``(m,)`` are in the
    design's order. A pixel's heat is its superpixel's weight.

    Departures from lime_image: every superpixel keeps its signed weight (no choice of the best five),
    and labels
    need not start at 0; pictures are not rounded to whole grey levels. Where ``plan.blind[fill]`` is
    True, the weight stands for nothing that was tested.
    """
    weights, _, fit = ridge(plan.design, answers, kernel(plan.design))
    return weights, fit, weights[plan.segments].astype(np.float32)
