"""How much of a heat map falls on a region. Each measure is a function ``(heat, mask) -> float``.

``heat`` is ``(h, w)``, finite, signed; ``mask`` is bool ``(h, w)``. A measure that has no value raises
:class:`audit.errors.Undefined` with the reason. Measures look at the magnitude ``|R|``: a model that argues
from a region is looking at it, whichever way it argues. The ``-positive`` variants look at ``R+ = max(R, 0)``
alone, the evidence for the class, and ``net`` keeps the sign.

Papers: relevance mass and relevance rank accuracy, Arras, Osman and Samek 2022 (Information Fusion 81);
pointing game, Zhang et al. 2018 (IJCV 126). Departures: an empty region or an all-zero map is undefined, never
a hit or a miss; where values tie, a region gets the share of the tied pixels that it holds; the mass is also
given over the region's share of the area (``density``), without which a large region always looks important.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from audit.errors import Undefined
from audit.record import Heat, Mask

Metric = Callable[[Heat, Mask], float]

EMPTY = "the region is not in this picture"
ZERO = "the map is zero everywhere"
NO_POSITIVE = "the map holds no positive evidence"
BLIND = "the fill paints this region over with itself, so the method cannot see it"


def _parts(heat: Heat, mask: Mask) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    if not mask.any():
        raise Undefined(EMPTY)
    values = np.asarray(heat, dtype=np.float64)
    if not values.any():
        raise Undefined(ZERO)
    return values, mask


def mass(heat: Heat, mask: Mask) -> float:
    """The share of the map's magnitude that lies in the region, in [0, 1].

    >>> mass(np.array([[2.0, -1.0], [1.0, 0.0]]), np.array([[True, True], [False, False]]))
    0.75
    """
    values, mask = _parts(heat, mask)
    magnitude = np.abs(values)
    return float(magnitude[mask].sum() / magnitude.sum())


def density(heat: Heat, mask: Mask) -> float:
    """Relevance mass over the region's share of the area: 1 as chance has it, 2 twice that.

    >>> density(np.ones((2, 2)), np.array([[True, False], [False, False]]))
    1.0
    """
    return mass(heat, mask) / float(mask.mean())


def rank(heat: Heat, mask: Mask) -> float:
    """Relevance rank: of the ``|mask|`` highest pixels, the share that lies in the region.

    >>> rank(np.array([[3.0, -2.0], [1.0, 0.0]]), np.array([[True, False], [True, False]]))
    0.5
    """
    values, mask = _parts(heat, mask)
    magnitude = np.abs(values)
    size = int(mask.sum())
    limit = np.sort(magnitude, axis=None)[-size]
    above, level = magnitude > limit, magnitude == limit
    share = (size - int(above.sum())) / int(level.sum())
    return float(((above & mask).sum() + share * (level & mask).sum()) / size)


def pointing(heat: Heat, mask: Mask) -> float:
    """Pointing game: 1 where the highest pixel lies in the region, 0 where not; ties share.

    >>> pointing(np.array([[3.0, -3.0], [1.0, 0.0]]), np.array([[True, False], [True, False]]))
    0.5
    """
    values, mask = _parts(heat, mask)
    magnitude = np.abs(values)
    top = magnitude == magnitude.max()
    return float((top & mask).sum() / top.sum())


def net(heat: Heat, mask: Mask) -> float:
    """The signed evidence in the region over the map's whole magnitude, in [-1, 1].

    >>> net(np.array([[2.0, -1.0], [1.0, 0.0]]), np.array([[True, True], [False, False]]))
    0.25
    """
    values, mask = _parts(heat, mask)
    return float(values[mask].sum() / np.abs(values).sum())


def _positive(metric: Metric) -> Metric:
    def of_positive_part(heat: Heat, mask: Mask) -> float:
        if heat.any() and not (heat > 0).any():
            raise Undefined(NO_POSITIVE if mask.any() else EMPTY)
        return metric(np.maximum(heat, 0), mask)

    of_positive_part.__doc__ = f"``{metric.__name__}`` of the evidence for the class alone."
    return of_positive_part


METRICS: Mapping[str, Metric] = {
    "mass": mass,
    "density": density,
    "rank": rank,
    "pointing": pointing,
    "net": net,
    "mass-positive": _positive(mass),
    "density-positive": _positive(density),
    "rank-positive": _positive(rank),
    "pointing-positive": _positive(pointing),
}

REASONS = ("", EMPTY, ZERO, NO_POSITIVE, BLIND)


def score(
    heats: NDArray[np.floating], masks: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """All measures of ``(m, h, w)`` maps on ``(r, h, w)`` regions in one pass.

    Returns:
        Values ``(m, r, len(METRICS))``, NaN where undefined, and the same shape of indices into ``REASONS``.
    """
    count, regions = len(heats), len(masks)
    values = np.full((count, regions, len(METRICS)), np.nan)
    reasons = np.zeros((count, regions, len(METRICS)), np.uint8)
    flat = np.ascontiguousarray(heats, dtype=np.float64).reshape(count, -1)
    one_sided = np.asarray((flat >= 0).all(1))
    inside = masks.reshape(regions, -1)
    held = [np.flatnonzero(row) for row in inside]
    sizes = inside.sum(1)
    weights = inside.astype(np.float64)
    area = sizes / max(inside.shape[1], 1)
    parts = (("", np.abs(flat), ZERO), ("-positive", np.maximum(flat, 0), NO_POSITIVE))
    names = list(METRICS)
    with np.errstate(divide="ignore", invalid="ignore"):
        for suffix, part, empty_why in parts:
            total = part.sum(1)
            # each row on its own, so that a score never depends on how many maps ride beside it
            share = np.stack([weights @ row for row in part]).reshape(count, regions) / total[:, None]
            values[:, :, names.index("mass" + suffix)] = share
            values[:, :, names.index("density" + suffix)] = share / area
            ranks, hits = names.index("rank" + suffix), names.index("pointing" + suffix)
            for m in np.flatnonzero(total):
                if suffix and one_sided[m]:  # the positive part is the whole map
                    values[m, :, [ranks, hits]] = values[m, :, [names.index("rank"), names.index("pointing")]]
                    continue
                top = np.flatnonzero(part[m] == part[m].max())
                values[m, :, hits] = inside[:, top].sum(1) / len(top)
                values[m, :, ranks] = _ranks(part[m], held)
            of_part = [i for i, n in enumerate(names) if n.endswith("-positive") == bool(suffix)]
            nothing = np.ix_(np.flatnonzero(total == 0), np.arange(regions), np.array(of_part))
            values[nothing] = np.nan
            reasons[nothing] = REASONS.index(empty_why)
        signed = np.stack([weights @ row for row in flat]).reshape(count, regions)
        values[:, :, names.index("net")] = signed / np.abs(flat).sum(1)[:, None]
    zero = ~flat.any(1)
    values[zero] = np.nan
    reasons[zero] = REASONS.index(ZERO)
    values[:, sizes == 0] = np.nan
    reasons[:, sizes == 0] = REASONS.index(EMPTY)
    return values, reasons


def _ranks(part: NDArray[np.float64], held: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Relevance rank of every region, by its pixels' numbers: the limit by partition, ties shared. NaN for none."""
    found = np.full(len(held), np.nan)
    sizes = np.array([len(h) for h in held])
    wanted = np.unique(len(part) - sizes[sizes > 0])
    limits = dict(zip(wanted, np.partition(part, wanted)[wanted], strict=True)) if len(wanted) else {}
    for r, size in enumerate(sizes.tolist()):
        if not size:
            continue
        limit = limits[len(part) - size]
        above, level = np.count_nonzero(part > limit), np.count_nonzero(part == limit)
        own = part[held[r]]
        own_above, own_level = np.count_nonzero(own > limit), np.count_nonzero(own == limit)
        found[r] = (own_above + (size - above) / level * own_level) / size
    return found
