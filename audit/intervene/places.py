"""Control places: the region's shape, elsewhere, off lesions and artefacts.

Painting over any place does something to an answer. What painting over *this* place does is its effect minus
that. Every connected part of the shape is moved by itself, because the parts of a scattered region (twenty
exudates) cannot be moved together. A part longer than a quarter of the picture's side is cut into tiles of
that size, which are moved one by one: a frame around the picture fits nowhere else as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from audit.record import Mask

TRIES = 200
TILE = 4  # tiles to a side


@dataclass(frozen=True, kw_only=True)
class Part:
    """A connected piece of a region, cut to its bounding box."""

    shape: Mask


def parts_of(mask: Mask) -> list[Part]:
    """The pieces that are moved, largest first."""
    tile = max(8, -(-max(mask.shape) // TILE))
    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    parts = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        own = labels[rows, columns] == number
        for top in range(0, own.shape[0], tile):
            for left in range(0, own.shape[1], tile):
                piece = own[top : top + tile, left : left + tile]
                if piece.any():
                    parts.append(Part(shape=_cropped(piece)))
    return sorted(parts, key=lambda p: (-int(p.shape.sum()), p.shape.shape, p.shape.tobytes()))


def _cropped(piece: Mask) -> Mask:
    rows, columns = np.flatnonzero(piece.any(1)), np.flatnonzero(piece.any(0))
    return piece[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def control_places(mask: Mask, forbidden: Mask, count: int, rng: np.random.Generator) -> list[Mask]:
    """Up to ``count`` masks of the same parts at other places.

    Args:
        mask: the region, as it is painted over.
        forbidden: lesions and artefacts, which no control place may touch; the region itself is added.
        count: how many are wanted.
        rng: chooses the places.

    Returns:
        As many as fit; fewer, or none, where the picture has no room.
    """
    taken = forbidden | mask
    parts = parts_of(mask)
    if (~taken).sum() < mask.sum():
        return []
    found = []
    for _ in range(count):
        place = _place(parts, taken, rng)
        if place is None:
            break
        found.append(place)
    return found


def _place(parts: list[Part], taken: Mask, rng: np.random.Generator) -> Mask | None:
    free = ~taken
    place = np.zeros(taken.shape, bool)
    for part in parts:
        spot = _spot(part.shape, free, rng)
        if spot is None:
            return None
        box = tuple(slice(a, a + s) for a, s in zip(spot, part.shape.shape, strict=True))
        place[box] |= part.shape
        free[box] &= ~part.shape
    return place


def _spot(shape: Mask, free: Mask, rng: np.random.Generator) -> tuple[int, int] | None:
    """A top left corner where the shape lies on free ground: by trial, then by looking at every one."""
    room = tuple(f - s + 1 for f, s in zip(free.shape, shape.shape, strict=True))
    if min(room) < 1:
        return None
    h, w = shape.shape
    for top, left in zip(rng.integers(room[0], size=TRIES), rng.integers(room[1], size=TRIES), strict=True):
        if free[top : top + h, left : left + w][shape].all():
            return int(top), int(left)
    size = free.shape
    taken, moved = np.fft.rfft2(~free), np.fft.rfft2(shape, s=size)
    overlap: NDArray[np.float64] = np.fft.irfft2(taken * np.conj(moved), s=size)[: room[0], : room[1]]
    spots = np.argwhere(overlap < 0.5)
    if not len(spots):
        return None
    top, left = spots[rng.integers(len(spots))]
    return int(top), int(left)
