"""Is what a map calls relevant what the answer rests on? Pixels go or come in the map's order; the model is asked.

Three tests, through ``predict`` alone. *Deletion* and *insertion* (Petsiuk, Das and Saenko 2018, RISE,
arXiv:1806.07421): the most relevant pixels first give way to the picture's mean colour, or come back into a blurred
picture. *ROAD* (Rong et al. 2022, A Consistent and Efficient Evaluation Strategy for Attribution Methods,
arXiv:2202.00449): pixels are replaced by the weighted mean of their neighbours plus a little noise, once with
the most relevant first and once with the least relevant first, so that what the *shape* of the hole tells counts
for neither. An order by chance, one a case, is the floor that every map must rise above.

Departures: the mean colour, not black, which looks like something in most pictures; the order goes by blocks of at most
32 to a side, because no map is meant to one pixel; ROAD's linear system is solved by relaxation from coarse to
fine, which comes within 0.02 of the solution, in place of a sparse factorisation for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from audit.record import Faithfulness, Heat, Image, Mask

SHARES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
CELLS = 32  # to a side
NOISE = 0.01  # standard deviation, of pixels in [0, 1]; ROAD's own
BLUR = 1 / 16  # of the shorter side
RANDOM = "random"
"""The name of the order by chance, in the place of an explainer's."""

FLAT = "the map is the same everywhere: it ranks nothing"

_SWEEPS, _MOMENTUM = 16, 0.7  # of the relaxation at each size


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What is asked of one picture in the order of one map.

    Attributes:
        explainer, layer: the map's; ``random`` and nothing for the order by chance.
        rank: ``(h, w)``, 0 the most relevant pixel's block; None where there is no order, see ``why``.
        shares: of the pixels, rising, between 0 and 1.
        seed: of ROAD's noise, the same for every map of a case.
    """

    explainer: str
    layer: str
    rank: NDArray[np.float64] | None
    shares: tuple[float, ...] = SHARES
    seed: int = 0
    why: str | None = None

    @property
    def asked(self) -> list[tuple[str, float]]:
        """The test and the share of each question, in their order."""
        if self.rank is None:
            return []
        return [
            *(("deletion", s) for s in (*self.shares, 1.0)),
            *(("insertion", s) for s in (0.0, *self.shares)),
            *(("road-most", s) for s in self.shares),
            *(("road-least", s) for s in self.shares),
        ]

    def questions(self, image: Image, soft: Image | None = None) -> Iterator[Image]:
        """The changed pictures ``(h, w, 3)``, one at a time, in the order of ``asked``. ``soft``: the picture
        :func:`blurred`, where it is known already."""
        if self.rank is None:
            return
        mean = image.mean((0, 1), dtype=np.float64).astype(np.float32)
        soft = blurred(image) if soft is None else soft
        normal = np.random.default_rng(self.seed).standard_normal(image.shape, dtype=np.float32)
        for test, share in self.asked:
            chosen = (self.rank < share)[..., None]
            if test == "deletion":
                yield np.where(chosen, mean, image)
            elif test == "insertion":
                yield np.where(chosen, image, soft)
            else:
                gone = self.rank < share if test == "road-most" else self.rank >= 1 - share
                yield imputed(image, gone, normal)


def blurred(image: Image) -> Image:
    """What pixels are brought back into."""
    width = BLUR * min(image.shape[:2])
    soft: Image = ndimage.gaussian_filter(image, (width, width, 0), mode="nearest")
    return soft


def plan(
    explainer: str,
    layer: str,
    image: Image,
    heat: Heat,
    *,
    rng: np.random.Generator,
    shares: Sequence[float] = SHARES,
) -> Plan:
    """Plan the three tests of one map of one picture.

    Args:
        explainer, layer: the map's.
        image: ``(h, w, 3)``; only its shape is used, for the noise.
        heat: ``(h, w)``, signed: what speaks for the class most comes first, what speaks against it last.
        rng: breaks ties and makes the noise. Hand the same stream's start to each map of a case, so that
            maps differ by their order alone.
        shares: of the pixels, rising.
    """
    seed, chance = int(rng.integers(2**31)), _by_chance(image.shape[:2], rng)
    cells, labels = _cells(np.asarray(heat, np.float64))
    if not np.ptp(cells) > 0:
        return Plan(explainer=explainer, layer=layer, rank=None, shares=tuple(shares), seed=seed, why=FLAT)
    ties = _cells(chance)[0]
    return Plan(
        explainer=explainer,
        layer=layer,
        rank=_ranked(np.lexsort((ties, -cells)), labels),
        shares=tuple(shares),
        seed=seed,
    )


def by_chance(image: Image, *, rng: np.random.Generator, shares: Sequence[float] = SHARES) -> Plan:
    """The floor: an order by chance, as smooth as a coarse map, for a picture ``(h, w, 3)``."""
    seed, chance = int(rng.integers(2**31)), _by_chance(image.shape[:2], rng)
    cells, labels = _cells(chance)
    rank = _ranked(np.argsort(-cells, kind="stable"), labels)
    return Plan(explainer=RANDOM, layer="", rank=rank, shares=tuple(shares), seed=seed)


def _by_chance(size: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Smooth noise ``(h, w)``: pixels by chance leave a hole that any neighbour fills, which no map's order does."""
    noise = rng.standard_normal((CELLS, CELLS))
    smooth = ndimage.gaussian_filter(noise, CELLS / 12, mode="nearest")
    rows, columns = (np.arange(s) * CELLS // s for s in size)
    return np.asarray(smooth[np.ix_(rows, columns)], np.float64)


def _cells(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Block means ``(cells,)``, and the block of each pixel ``(h, w)``."""
    along = [np.arange(s) * min(CELLS, s) // s for s in values.shape]
    labels = along[0][:, None] * min(CELLS, values.shape[1]) + along[1]
    sums = np.bincount(labels.ravel(), weights=values.ravel())
    return sums / np.bincount(labels.ravel()), labels


def _ranked(order: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """For each pixel the share of the picture that comes before the middle of its block."""
    sizes = np.bincount(labels.ravel()).astype(np.float64)
    before = np.empty(len(sizes))
    before[order] = np.cumsum(sizes[order]) - sizes[order] / 2
    return np.asarray((before / sizes.sum())[labels])


def imputed(image: Image, gone: Mask, normal: NDArray[np.float32], *, noise: float = NOISE) -> Image:
    """Noisy linear imputation: each pixel that is gone becomes the mean of its neighbours, plus noise.

    The four nearest weigh 1/6 each and the diagonal ones 1/12, over those that lie in the picture; known pixels keep
    their values. The equations are solved by relaxation, from a coarse picture to finer ones.

    Args:
        image: ``(h, w, 3)`` in [0, 1].
        gone: what is replaced, ``(h, w)``.
        normal: standard normal noise ``(h, w, 3)``.
        noise: its standard deviation.

    >>> ramp = np.tile(np.linspace(0, 1, 9, dtype=np.float32)[:, None, None], (1, 9, 3))
    >>> hole = np.zeros((9, 9), bool); hole[3:6, 3:6] = True
    >>> bool(np.allclose(imputed(ramp, hole, np.zeros((9, 9, 3), np.float32)), ramp, atol=0.01))
    True
    """
    if not gone.any():
        return image
    smooth = _filled(np.moveaxis(image, 2, 0).astype(np.float32), (~gone).astype(np.float32))
    painted = np.moveaxis(smooth, 0, 2) + np.float32(noise) * normal
    return np.where(gone[..., None], np.clip(painted, 0, 1), image).astype(np.float32)


def _filled(values: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(c, h, w)`` with what is not known filled in; ``known`` is a weight ``(h, w)``, 0 where nothing is."""
    h, w = known.shape
    if min(h, w) == 1 or known.all():
        total = known.sum()
        mean = (values * known).sum((1, 2)) / total if total else np.full(len(values), 0.5, np.float32)
        return np.where(known > 0, values, mean[:, None, None]).astype(np.float32)
    weight = _halved(known)
    means = (_halved(values * known) / np.maximum(weight, 1e-12)).astype(np.float32)
    coarse = _filled(means, (weight > 0).astype(np.float32))
    # each channel as one line with a frame of nothing around the picture, so that a neighbour is a step along the line
    lines = np.zeros((len(values) + 2, h + 2, w + 2), np.float32)
    framed = lines[:, 1:-1, 1:-1]
    framed[:-2], framed[-2], framed[-1] = (
        np.where(known > 0, values, _enlarged(coarse, (h, w))),
        known == 0,
        1,
    )
    *channels, hole, ones = lines.reshape(len(lines), -1)
    inner = slice(w + 3, -(w + 3))
    hole, share = hole[inner], 1 / np.maximum(_neighbours(ones, w + 2), 1)
    for line in channels:  # one after the other: each fits into a fast memory
        solved, moving = line[inner], np.zeros_like(hole)
        for _ in range(_SWEEPS):
            step = _neighbours(line, w + 2)
            step *= share
            step -= solved
            step *= hole
            moving *= np.float32(_MOMENTUM)
            moving += step
            solved += moving
    return framed[:-2]


def _halved(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums over blocks of two by two along the last two axes; an odd last row or column stands alone."""
    h, w = values.shape[-2:]
    rows = values[..., ::2, :].copy()
    rows[..., : h // 2, :] += values[..., 1::2, :]
    found = rows[..., ::2].copy()
    found[..., : w // 2] += rows[..., 1::2]
    return found


def _enlarged(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """``(c, h, w)`` on a finer grid, linearly between the middles of the cells."""
    for axis, length in ((1, size[0]), (2, size[1])):
        coarse = values.shape[axis]
        at = ((np.arange(length) + 0.5) * coarse / length - 0.5).clip(0, coarse - 1)
        low = np.minimum(at.astype(int), coarse - 2) if coarse > 1 else np.zeros(length, int)
        share = (at - low).astype(np.float32).reshape((-1, 1) if axis == 1 else (1, -1))
        first = values.take(low, axis)
        values = first + share * (values.take(np.minimum(low + 1, coarse - 1), axis) - first)
    return values


def _neighbours(line: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """The weighted sum of the eight neighbours, in twelfths, of all but the first and last ``width + 1`` pixels of a
    picture ``width`` wide."""
    column = line[: -2 * width] + line[2 * width :]
    found = line[width : -width - 2] + line[width + 2 : -width]
    found += column[1:-1]
    found += found
    found += column[:-2]
    found += column[2:]
    return found


def reduce(
    case: str, plan: Plan, cls: str, column: int, before: NDArray[np.float64], answers: NDArray[np.float64]
) -> list[Faithfulness]:
    """The curves of one plan: a row for every question, and one for the untouched picture.

    Args:
        case: its id.
        plan: what was asked.
        cls, column: the class that the map explains, and its number among the answers.
        before: the answer to the untouched picture, ``(k,)``.
        answers: ``(m, k)``, in the order of ``plan.asked``.
    """

    def row(test: str, share: float, p: float | None, why: str | None = None) -> Faithfulness:
        return Faithfulness(
            case=case,
            explainer=plan.explainer,
            layer=plan.layer,
            cls=cls,
            test=test,
            share=share,
            probability=p,
            why=why,
        )

    if plan.rank is None or not len(answers):
        return [row(t, 0.0, None, plan.why or "not asked") for t in ("deletion", "insertion", "road-most")]
    own = float(before[column])
    rows = [row(t, s, float(a[column])) for (t, s), a in zip(plan.asked, answers, strict=True)]
    return [row("deletion", 0.0, own), *rows, row("insertion", 1.0, own)]
