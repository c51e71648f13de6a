"""Hot spots: where attribution stands at one place of the frame in case after case, and where it stands in one case.

One place: each case's cells are ranked, so that no case and no explainer outweighs another, and the ranks' mean
over the cases is set against the same cells shifted round the frame, every case by a shift of its own. The largest
cell of each such draw gives the bar (max-T, Westfall and Young 1993), so that one cell beyond it is one place in
twenty sets.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from audit.discover.looked import AT_ONCE, parts
from audit.record.nouns import Mask

ROUNDS = 99
LEVEL = 0.05

SMALLEST, LARGEST = 0.015, 0.08
"""Of the picture: how small and how large a hot spot's mask may be."""

HALF = 0.4
"""A hot spot reaches down to this share of its peak, above the level of the whole map."""

LEVELS = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, HALF, 0.3, 0.2, 0.1)


def scores(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Exponential scores of the ranks of each case's cells ``(n, g, g)``, mean 0; a missing cell has 0.

    ``s = -log(1 - r / (m + 1)) - 1`` for rank ``r`` of ``m``: the hottest cells count most, as Savage's scores do.
    """
    flat = cells.reshape(len(cells), -1)
    missing = np.isnan(flat)
    count = (~missing).sum(1, keepdims=True)
    order = np.argsort(np.where(missing, np.inf, flat), axis=1, kind="stable")
    ranks = np.empty(flat.shape)
    np.put_along_axis(ranks, order, np.arange(1.0, flat.shape[1] + 1)[None], axis=1)
    found = -np.log1p(-np.where(missing, 0, ranks) / (count + 1))
    found -= found.sum(1, keepdims=True) / np.maximum(count, 1)
    top = np.where(missing, -np.inf, flat).max(1)
    found[missing | (top <= np.where(missing, np.inf, flat).min(1))[:, None]] = 0
    return np.asarray(found.reshape(cells.shape))


def one_place(
    values: NDArray[np.float64],
    strata: NDArray[np.float64],
    *,
    rng: np.random.Generator,
    rounds: int = ROUNDS,
) -> tuple[NDArray[np.float64], float]:
    """How far each cell's mean score lies beyond shifted cases, in standard deviations of the shifts.

    Args:
        values: scores ``(n, g, g)``.
        strata: case weights of each stratum ``(s, n)``, rows summing to 1.
        rng: draws the shifts.
        rounds: how many draws.

    Returns:
        ``(s, g, g)``, and the bar that the largest cell of all strata passes by chance in one set of twenty.
    """
    count, rows, columns = values.shape
    flat = values.reshape(count, -1)
    spread = np.sqrt((strata**2) @ (flat**2).mean(1))
    spread = np.where(spread > 0, spread, np.inf)[:, None, None]
    largest = np.empty(rounds)
    grid = np.arange(rows)[:, None], np.arange(columns)[None]
    for number in range(rounds):
        down = np.asarray(rng.integers(rows, size=count))
        right = np.asarray(rng.integers(columns, size=count))
        moved = values[
            np.arange(count)[:, None, None],
            (grid[0] + down[:, None, None]) % rows,
            (grid[1] + right[:, None, None]) % columns,
        ]
        largest[number] = (np.tensordot(strata, moved, 1) / spread).max()
    bar = float(np.quantile(largest, 1 - LEVEL, method="higher"))
    return np.tensordot(strata, values, 1) / spread, bar


def spot(heat: NDArray[np.floating], *, within: Mask | None = None, off: Mask | None = None) -> Mask | None:
    """The compact hot spot round the peak of a density ``(r, c)``, as a mask.

    The connected part round the peak that lies above ``HALF`` of the peak's height over the mean. It is shrunk or
    grown, by moving that level, until it covers between ``SMALLEST`` and ``LARGEST`` of the picture, and its
    holes are closed.

    Args:
        heat: the density, smoothed.
        within: where the peak may lie.
        off: what the spot never covers.

    Returns:
        None where nothing stands out.
    """
    free = np.ones(heat.shape, bool) if off is None else ~off
    ground = free if within is None else free & within
    if not ground.any():
        return None
    level = float(heat[free].mean())
    peak = np.unravel_index(int(np.argmax(np.where(ground, heat, -np.inf))), heat.shape)
    height = float(heat[peak]) - level
    if height <= 0:
        return None
    least, most = SMALLEST * heat.size, LARGEST * heat.size
    best, near = np.zeros(heat.shape, bool), np.inf
    best[peak] = True
    for share in LEVELS:
        labels, _ = ndimage.label((heat >= level + share * height) & free)
        part = labels == labels[peak]
        area = float(part.sum())
        if area > most:
            break
        if abs(share - HALF) <= near or area < least:
            best, near = part, abs(share - HALF)
    best = ndimage.binary_fill_holes(best) & free
    if best.sum() < most / 2:  # a map's edge lies inside the thing that it means more often than outside
        best = ndimage.binary_dilation(best) & free
    while best.sum() < least:
        wider = ndimage.binary_dilation(best, np.ones((3, 3), bool)) & free
        if wider.sum() == best.sum():
            break
        best = wider
    return np.asarray(best)


def enrichment(densities: NDArray[np.floating], masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean density inside the masks ``(n, r, c)`` or ``(r, c)``, case by case ``(n,)``; 0 for an empty mask."""
    masks = np.broadcast_to(masks, densities.shape)
    if len(masks) > 2 * AT_ONCE:
        return np.concatenate([enrichment(densities[p], masks[p]) for p in parts(len(masks), 2 * AT_ONCE)])
    inside = masks.sum((1, 2))
    found: NDArray[np.float64] = np.where(masks, densities, 0).sum((1, 2), dtype=np.float64) / np.maximum(
        inside, 1
    )
    return found


def overlap(one: Sequence[Mask] | NDArray[np.bool_], two: Sequence[Mask] | NDArray[np.bool_]) -> float:
    """Of two masks or stacks: what they share over the smaller of them.

    >>> overlap(np.array([[True, True]]), np.array([[True, False]]))
    1.0
    """
    first, second = np.asarray(one), np.asarray(two)
    smaller = min(int(first.sum()), int(second.sum()))
    return float((first & second).sum() / smaller) if smaller else 0.0
