"""Heat maps made small and alike, so that cases can be laid over each other.

A map's *density* is its magnitude over its own mean, off lesions and off places that are listed already: 1 everywhere
for a map that looks everywhere alike, 10 where it looks ten times as much as on average.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from audit.record.nouns import Image, Mask
from audit.record.stack import scratch

Entry = TypeVar("Entry", bound=np.generic)
Real = TypeVar("Real", np.float32, np.float64)

SIDE = 64
"""Pixels along the shorter side at which maps are looked at; more would say nothing of a place."""

CELLS = 16
BLUR = 1 / 64
"""Of the shorter side: gradients change from pixel to pixel, and mean no single pixel."""

HALO = 0.03
"""Of the shorter side: so far round a lesion, or a listed artefact, a map still means it."""

NEAR = 0.08
"""Of the shorter side: what lies so near to a lesion lies beside it."""

LEAST = 0.1
"""A map of which less than this share is left, off lesions and listed places, is not looked at."""

AT_ONCE = 512
"""Rows that are worked on at a time, so that what that takes does not grow with the cases."""

CAP = 25.0
"""A density beyond this counts as this: one pixel of one case is no place."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Looked:
    """What the maps of each family say of each case, on disk. Small rows and columns ``(r, c)``.

    ``size``: rows and columns of the maps as they were, ``step`` of which make one. ``density``: by family ``(n, r,
    c)``, 0 where ``off``. ``known``: by family, in which cases there was a map. ``off`` ``(n, r, c)``: lesions and
    listed places. ``near`` ``(n, r, c)``: lesions and what lies beside them, None where none are drawn.
    """

    size: tuple[int, int]
    step: int
    density: Mapping[str, NDArray[np.float32]]
    known: Mapping[str, NDArray[np.bool_]]
    off: NDArray[np.bool_]
    near: NDArray[np.bool_] | None

    @property
    def cases(self) -> int:
        """How many cases."""
        return len(self.off)

    def consensus(self) -> NDArray[np.float32]:
        """The mean of the families' densities, ``(n, r, c)``; 0 in a case without any map."""
        total = scratch(self.off.shape, np.float32)
        count = np.zeros(self.cases, np.float32)
        for name, density in self.density.items():
            total += density
            count += self.known[name]
        total /= np.maximum(count, 1)[:, None, None]
        return total

    def large(self, small: NDArray[Entry]) -> NDArray[Entry]:
        """What lies on the small grid, ``(..., r, c)``, at the maps' own size; each value repeated."""
        rows, columns = (np.arange(s) // self.step for s in self.size)
        return small[..., rows[:, None], columns]


def looked(
    heats: Mapping[str, NDArray[np.floating]],
    lesions: NDArray[np.bool_] | None,
    known: NDArray[np.bool_] | None,
    *,
    families: Mapping[str, str] | None = None,
) -> Looked:
    """The maps' densities by family.

    Args:
        heats: by name, ``(n, h, w)``, signed or not, of any scale; a row of zeros is no map.
        lesions: ``(n, h, w)``, or None where none are drawn.
        known: ``(n, h, w)``, the regions that are listed already, or None.
        families: by name the explainer's family; by default each name is its own. A family counts once.

    >>> heat = np.ones((1, 64, 64)); heat[0, :8, :8] = -10
    >>> found = looked({"ig": heat}, None, None).density["ig"]
    >>> bool(found[0, 2, 2] > 5), bool(found[0, 40, 40] < 1)
    (True, True)
    """
    some = next(iter(heats.values()))
    count, size = len(some), (int(some.shape[1]), int(some.shape[2]))
    step = max(1, min(size) // SIDE)
    small = -(-size[0] // step), -(-size[1] // step)
    reach = max(1, round(HALO * min(small)))
    off = np.zeros((count, *small), dtype=bool)
    near = None if lesions is None else np.zeros((count, *small), dtype=bool)
    for masks in (lesions, known):
        for row in range(count if masks is not None else 0):
            assert masks is not None
            if masks[row].any():
                own = _pooled(masks[row], step) > 0.25
                off[row] |= ndimage.binary_dilation(own, iterations=reach)
                if near is not None and masks is lesions:
                    near[row] = ndimage.binary_dilation(own, iterations=round(NEAR * min(small)))
    groups: dict[str, list[str]] = {}
    for name in heats:
        groups.setdefault((families or {}).get(name, name), []).append(name)
    densities: dict[str, NDArray[np.float32]] = {}
    had: dict[str, NDArray[np.bool_]] = {}
    for family, names in groups.items():
        total, seen = scratch((count, *small), np.float32), np.zeros(count, np.float32)
        for name in names:
            for row in range(count):
                one = density(np.asarray(heats[name][row], dtype=np.float32), off[row], step)
                if one is not None:
                    total[row] += one
                    seen[row] += 1
        total /= np.maximum(seen, 1)[:, None, None]
        densities[family], had[family] = total, seen > 0
    return Looked(size=size, step=step, density=densities, known=had, off=off, near=near)


def density(heat: NDArray[np.float32], off: Mask, step: int) -> NDArray[np.float32] | None:
    """One map's density on the small grid; None where it says nothing off lesions and listed places."""
    small = _pooled(np.abs(heat), step)
    small = ndimage.gaussian_filter(np.where(off, 0, small), max(0.5, BLUR * min(small.shape)))
    free = ~off
    if free.mean() < LEAST or not np.isfinite(small).all() or (mean := float(small[free].mean())) <= 0:
        return None
    found: NDArray[np.float32] = np.where(free, np.minimum(small / mean, CAP), 0).astype(np.float32)
    return found


def _pooled(layer: NDArray[np.generic], step: int) -> NDArray[np.float32]:
    """Means of blocks of ``step`` rows and columns; the last ones may be smaller."""
    if step == 1:
        return layer.astype(np.float32)
    rows, columns = (np.arange(0, s, step) for s in layer.shape)
    sums = np.add.reduceat(np.add.reduceat(layer.astype(np.float32), rows, axis=0), columns, axis=1)
    high = np.diff(np.r_[rows, layer.shape[0]])
    wide = np.diff(np.r_[columns, layer.shape[1]])
    return np.asarray(sums / np.outer(high, wide), dtype=np.float32)


def parts(count: int, size: int = AT_ONCE) -> Iterator[slice]:
    """Rows, so many at a time.

    >>> list(parts(5, 3))
    [slice(0, 3, None), slice(3, 5, None)]
    """
    yield from (slice(a, b) for a, b in pairwise([*range(0, count, size), count]))


def mean(stack: NDArray[np.floating], rows: NDArray[np.intp], dtype: type[Real]) -> NDArray[Real]:
    """The mean of some rows ``(r, c)``, which are not copied out of the stack for it."""
    total: NDArray[Real] = np.zeros(stack.shape[1:], dtype)
    for row in rows:
        total += stack[row]
    total /= len(rows)
    return total


def shown(
    images: Iterable[Image], lesions: NDArray[np.bool_] | None, known: NDArray[np.bool_] | None
) -> Iterator[tuple[Image, NDArray[np.floating], Mask]]:
    """Each picture ``(h, w, 3)`` with the energy of its fine detail and with where it is not looked at, ``(h, w)``: its
    lesions and listed places, and what lies near them."""
    for number, image in enumerate(images):
        side, grey = min(image.shape[:2]), image.mean(2)
        fine = (grey - ndimage.gaussian_filter(grey, max(1.0, side / 64))) ** 2
        off = np.zeros(grey.shape, bool)
        for masks in (lesions, known):
            if masks is not None and masks[number].any():
                off |= ndimage.binary_dilation(masks[number], iterations=round(max(2, HALO * side)))
        yield image, fine, off


def cells(
    densities: NDArray[np.floating], off: NDArray[np.bool_] | None = None, *, grid: int = CELLS
) -> NDArray[np.float64]:
    """Means over ``grid`` rows and columns (fewer where there are fewer pixels), ``(n, g, g)``.

    With ``off`` the mean of what is not off, NaN for a cell of which less than half is left.
    """
    if len(densities) > AT_ONCE:
        return np.concatenate(
            [cells(densities[p], None if off is None else off[p], grid=grid) for p in parts(len(densities))]
        )
    edges = [np.unique((np.arange(grid) * s) // grid) for s in densities.shape[1:]]

    def summed(stack: NDArray[np.generic]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.add.reduceat(
            np.add.reduceat(stack.astype(np.float64), edges[0], axis=1), edges[1], axis=2
        )
        return found

    whole = summed(np.ones((1, *densities.shape[1:])))
    if off is None:
        return summed(densities) / whole
    left = summed(~off)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(left >= whole / 2, summed(np.where(off, 0, densities)) / left, np.nan)
