"""Is there more relevance in a region than the same map has at other places of the same shape?

A share of a map is large or small only beside what the map holds elsewhere: text and borders draw any gradient, a
coarse map smears, the middle of a picture is favoured. So the region's shape is moved about the same map, to places
that are as rich in edges and as far from the centre, off lesions and artefacts. ``beyond`` is the share of them
that hold less: one half as chance has it, whatever the map. ``excess`` says how much more there is.

Papers: randomisation within one map after XAI-TRIS (Clark et al. 2023) and the edge baseline of Adebayo et al. 2018.
Departure: a whole shape is moved, never turned or cut, so a frame around the picture has no null and says so.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from audit.record import Mask

COUNT = 99
FEWEST = 19
"""With fewer places than this, to be beyond all of them is not even one chance in twenty."""
POOL = 4
"""Of so many times ``count`` places that match best, ``count`` are drawn: the best alone would lie on one another."""
SHARE = 0.1
"""The pool is at least this share of all places that fit."""
TINY = 1e-9
"""Of a map's whole magnitude: sums nearer to each other than this are tied."""
FLOOR = 0.01
"""Of what a region would hold by its area: added to both sides of ``excess``, so that nothing over nothing is 0."""

FEW = f"the region's shape fits at fewer than {FEWEST} other places off lesions and artefacts"

METRICS = ("beyond", "excess")


def shifts(
    mask: Mask,
    forbidden: Mask,
    edges: NDArray[np.floating] | None,
    *,
    count: int = COUNT,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """How far the region is moved, ``(k,)`` steps in the flattened picture; see :func:`places`."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return np.zeros(0, np.int64)
    top, left = int(rows[0]), int(columns[0])
    shape = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    h, w = mask.shape
    room = (h - shape.shape[0] + 1, w - shape.shape[1] + 1)
    if room == (1, 1):
        return np.zeros(0, np.int64)
    moved = np.conj(fft.rfft2(shape.astype(np.float32), s=mask.shape))

    def over(values: NDArray[np.floating] | Mask) -> NDArray[np.float32]:
        """The sum of the values under the shape, for every top left corner at which it fits."""
        found = fft.irfft2(fft.rfft2(values.astype(np.float32)) * moved, s=mask.shape)
        return np.asarray(found[: room[0], : room[1]], np.float32)

    spots = np.argwhere(over(forbidden | mask) < 0.5)
    if not len(spots):
        return np.zeros(0, np.int64)
    inner = np.argwhere(shape).mean(0)
    centre = (np.array([h, w]) - 1) / 2
    far = np.hypot(*(spots + inner - centre).T)
    off = np.abs(far - np.hypot(*(np.array([top, left]) + inner - centre))) / _spread(far)
    if edges is not None and np.ptp(edges) > 0:
        energy = over(edges)
        found = energy[spots[:, 0], spots[:, 1]].astype(np.float64)
        off = np.hypot(off, (found - float(energy[top, left])) / _spread(found))
    pool = max(POOL * count, round(SHARE * len(spots)))
    near = np.argsort(np.round(off, 6), kind="stable")[:pool]
    drawn = spots[np.sort(rng.permutation(near)[:count])]
    return np.asarray((drawn[:, 0] - top) * w + drawn[:, 1] - left, np.int64)


def _spread(values: NDArray[np.floating]) -> float:
    """The standard deviation, or 1 where the places do not differ (but for the rounding of the sums)."""
    spread = float(values.std())
    return spread if spread > 1e-5 * float(np.abs(values).max()) else 1.0


def places(
    mask: Mask,
    forbidden: Mask,
    edges: NDArray[np.floating] | None,
    *,
    count: int = COUNT,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """The region's shape at other places of the picture.

    Of all places at which the whole shape fits within the picture, off ``forbidden`` and off the region itself, those
    nearest to the region in edge energy and in distance from the centre (each over its standard deviation
    among the places) make a pool; ``count`` of it are drawn without return.

    Args:
        mask: the region, bool ``(h, w)``.
        forbidden: where no place may lie, lesions and artefacts, ``(h, w)``.
        edges: edge energy not below zero, ``(h, w)``; None, places are matched by the distance alone.
        count: how many are wanted.
        rng: draws from the pool.

    Returns:
        Flat indices of the places' pixels ``(k, P)``, ``P = mask.sum()``, ``k <= count``; fewer or none where the
        picture has no room.

    >>> tag = np.zeros((4, 6), bool); tag[0, :2] = True
    >>> places(tag, np.zeros_like(tag), None, rng=np.random.default_rng(0)).shape
    (18, 2)
    """
    found = shifts(mask, forbidden, edges, count=count, rng=rng)
    return found[:, None] + np.flatnonzero(mask)


def masses(
    heats: NDArray[np.floating], mask: Mask, moves: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Magnitude in the region ``(m,)``, at each of its places ``(m, k)``, and in the whole map ``(m,)``."""
    return _masses(running(heats), mask, moves)


def running(heats: NDArray[np.floating]) -> NDArray[np.float64]:
    """Running sums of the maps' magnitude, ``(m, h * w + 1)``: made once a case, they serve every region."""
    flat = np.abs(np.asarray(heats, np.float64)).reshape(len(heats), -1)
    return np.concatenate([np.zeros((len(flat), 1)), np.cumsum(flat, axis=1)], axis=1)


def _masses(
    sums: NDArray[np.float64], mask: Mask, moves: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    # a shape is a few runs of pixels that follow each other, and a run's sum is a difference of two running sums
    inside = np.flatnonzero(mask)
    breaks = np.flatnonzero(np.diff(inside) != 1)
    starts, stops = inside[np.r_[0, breaks + 1]], inside[np.r_[breaks, len(inside) - 1]] + 1
    moved = np.r_[0, moves][:, None]
    # one map after the other: what is gathered stays small, and no sum depends on the maps beside it
    found = np.stack([(row[stops + moved] - row[starts + moved]).sum(1) for row in sums])
    return found[:, 0], found[:, 1:], sums[:, -1]


def beyond(heats: NDArray[np.floating], mask: Mask, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of the places that hold less of the map's magnitude than the region does; ties count half.

    Args:
        heats: ``(m, h, w)``, signed.
        mask: the region, not empty.
        places: flat indices ``(k, P)`` as :func:`places` gives them.

    Returns:
        ``(m,)`` in [0, 1]; NaN where a map is zero everywhere or fewer than ``FEWEST`` places fit.

    >>> heat = np.zeros((1, 5, 9)); heat[0, 0, :2] = -1
    >>> tag = heat[0] != 0
    >>> beyond(heat, tag, places(tag, np.zeros_like(tag), None, rng=np.random.default_rng(0))).tolist()
    [1.0]
    """
    return against(running(heats), mask, _moves(mask, places))[:, 0]


def excess(heats: NDArray[np.floating], mask: Mask, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """log2 of the magnitude in the region over the mean of its places: 0 as chance has it, 1 is twice that.

    One hundredth of what the region would hold by its area is added to both, so that a region that holds nothing has
    a number (at least -6.7). Arguments and NaN as in :func:`beyond`.
    """
    return against(running(heats), mask, _moves(mask, places))[:, 1]


def _moves(mask: Mask, places: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(places[:, 0] - np.flatnonzero(mask)[0], np.int64)


def against(sums: NDArray[np.float64], mask: Mask, moves: NDArray[np.int64]) -> NDArray[np.float64]:
    """``METRICS`` of every map, ``(m, 2)``, from :func:`running` sums and :func:`shifts`; NaN where undefined."""
    found = np.full((len(sums), len(METRICS)), np.nan)
    if len(moves) < FEWEST:
        return found
    own, others, whole = _masses(sums, mask, moves)
    lead = own[:, None] - others
    slack = TINY * whole[:, None]
    floor = FLOOR * whole * mask.mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        found[:, 0] = ((lead > slack) + 0.5 * (np.abs(lead) <= slack)).mean(1)
        found[:, 1] = np.log2((own + floor) / (others.mean(1) + floor))
    found[whole == 0] = np.nan
    return found
