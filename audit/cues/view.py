"""The field of view: its size, its shape, and how much of the picture is padding; with the picture's own measures.

The field is the largest connected part of the content, its holes filled: a tag that stands in the black surround is not
part of it. Its size is moved by zooming the whole picture about the field's middle and painting the surround anew.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from audit.cues.moving import NEAR, clipped, reach
from audit.cues.windows import content, padding, remembered
from audit.errors import Undefined
from audit.images.dataset import Picture
from audit.record.nouns import Image, Mask

CLOSEST = 3.0
"""No picture is zoomed in or out by more."""

LIKE = 0.25
"""A field that was moved is a control where its change is as large as the shift's, give or take this share."""


@remembered
def field(image: Image) -> Mask:
    """The largest connected part of the content, holes filled, (h, w).

    Raises:
        Undefined: hardly anything is content.
    """
    inside = content(image)
    if inside.all():
        return inside.copy()
    parts, count = ndimage.label(inside)
    if count > 1:
        inside = parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    return np.asarray(ndimage.binary_fill_holes(inside))


def size(image: Image, where: Mask) -> float:
    """The square root of the field's share of the picture: 1 where it fills it, 0.5 at half the width and height."""
    return float(np.sqrt(field(image).mean()))


def shape(image: Image, where: Mask) -> float:
    """The field's share of its bounding box: 1 for a rectangle, 0.785 for a whole circle, between for a cut one."""
    inside = field(image)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return float(inside.sum() / ((rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)))


def padded(image: Image, where: Mask) -> float:
    """The share of the picture that is bars or surround of one colour.

    >>> wide = np.random.default_rng(0).random((10, 10, 3)).astype(np.float32)
    >>> wide[:3] = 0
    >>> padded(wide, np.ones((10, 10), bool))
    0.3
    """
    return float(padding(image).mean())


def resolution(picture: Picture) -> float:
    """log2 of the side, in pixels as stored, of a square of the same area: one more is twice as fine."""
    height, width = picture.native.shape[:2]
    return float(np.log2(height * width) / 2)


def aspect(picture: Picture) -> float:
    """log2 of width over height as stored: 0 is a square, 1 twice as wide as high."""
    height, width = picture.native.shape[:2]
    return float(np.log2(width / height))


def wider(image: Image, amount: float, *, keep: Mask | None, rng: np.random.Generator) -> Image:
    """The field of view made larger or smaller by zooming the picture; the surround is painted anew."""
    inside = field(image)
    return _until(image, amount, growing=amount > 0, mask=inside, read=lambda m: float(np.sqrt(m.mean())))


def more_padded(image: Image, amount: float, *, keep: Mask | None, rng: np.random.Generator) -> Image:
    """More or less padding, by zooming the picture out or in."""
    return _until(image, amount, growing=amount < 0, mask=~padding(image), read=lambda m: 1 - float(m.mean()))


def same_field(image: Image, shifted: Image) -> list[Image]:
    """Controls: the content zoomed as in ``shifted`` in the field as it was; and the field as it was, elsewhere.

    What a smaller content leaves of the field is filled with its mirror image at its edge. The field is moved until the
    picture is as far from what it was as ``shifted`` is; where it has no room, its content is zoomed the other way.
    """
    inside = field(image)
    factor = float(np.sqrt(field(shifted).mean() / inside.mean()))
    elsewhere = _elsewhere(image, inside, float(np.linalg.norm(shifted - image)))
    return [
        _within(image, inside, factor),
        _within(image, inside, 1 / factor) if elsewhere is None else elsewhere,
    ]


def _elsewhere(image: Image, inside: Mask, norm: float) -> Image | None:
    """The field moved to where it has most room, until the change has this norm; None where it finds no such place."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    room = [rows[0], inside.shape[0] - 1 - rows[-1], columns[0], inside.shape[1] - 1 - columns[-1]]
    side = int(np.argmax(room))
    axis, sign = side // 2, (-1, 1)[side % 2]
    surround = np.where(inside[..., None], _surround(image), image)

    def moved(steps: int) -> Image:
        there = np.roll(inside, sign * steps, axis)[..., None]
        return np.asarray(np.where(there, np.roll(image, sign * steps, axis), surround), np.float32)

    low, high = 0, int(room[side])
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if np.linalg.norm(moved(middle) - image) < norm else (low, middle)
    off, best = min((abs(float(np.linalg.norm(moved(k) - image)) / norm - 1), k) for k in (low, high))
    return moved(best) if off <= LIKE else None


def _until(image: Image, amount: float, *, growing: bool, mask: Mask, read: Callable[[Mask], float]) -> Image:
    """The picture zoomed until ``read`` of ``mask``, zoomed alike, has moved by ``amount``."""
    inside = field(image)
    if growing and inside.all():
        raise Undefined("the field of view fills the picture already")
    sign = 1 if growing else -1
    reached = 0.0

    def zoomed(strength: float) -> Mask:
        nonlocal reached
        reached = strength
        rows, columns = _sources(inside, CLOSEST ** (sign * strength))
        return _nearest(mask, rows, columns)

    start = read(mask)
    near = max(NEAR * abs(amount), 2.2 / min(mask.shape))  # a field grows by whole pixels on either side
    reach(zoomed, lambda found: read(found) if reached else start, amount, top=1.0, near=near / abs(amount))
    rows, columns = _sources(inside, CLOSEST ** (sign * reached))
    seen = _nearest(inside, rows, columns)
    return clipped(np.where(seen[..., None], _between(image, rows, columns), _surround(image)))


def _surround(image: Image) -> NDArray[np.float32]:
    """The colour of the padding; black where there is none."""
    outside = padding(image)
    return np.median(image[outside], axis=0) if outside.any() else np.zeros(3, np.float32)


def _sources(inside: Mask, factor: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Which row and which column each row and column of the zoomed picture comes from."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    middle = (rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2
    height, width = inside.shape
    return (
        (np.arange(height) - middle[0]) / factor + middle[0],
        (np.arange(width) - middle[1]) / factor + middle[1],
    )


def _nearest(mask: Mask, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> Mask:
    """The mask at rows and columns; nothing lies beyond the picture."""
    r, c = np.rint(rows).astype(int), np.rint(columns).astype(int)
    there = np.outer((r >= 0) & (r < mask.shape[0]), (c >= 0) & (c < mask.shape[1]))
    found = mask[np.ix_(np.clip(r, 0, mask.shape[0] - 1), np.clip(c, 0, mask.shape[1] - 1))]
    return np.asarray(found & there)


def _between(image: Image, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float32]:
    """Bilinear, rows first; beyond the picture's edge its last row or column."""
    found = image
    for axis, at in enumerate((rows, columns)):
        at = np.clip(at, 0, image.shape[axis] - 1)
        low = np.minimum(at.astype(int), max(0, image.shape[axis] - 2))
        high = np.minimum(low + 1, image.shape[axis] - 1)
        share = (at - low).astype(np.float32).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        found = found.take(low, axis) * (1 - share) + found.take(high, axis) * share
    return found


def _within(image: Image, inside: Mask, factor: float) -> Image:
    """The content zoomed about the field's middle, the field and its surround as they were."""
    rows, columns = np.meshgrid(*_sources(inside, factor), indexing="ij")
    height, width = inside.shape
    margin = int(np.ceil(max(0, -rows.min(), rows.max() - height, -columns.min(), columns.max() - width))) + 2
    wide = np.pad(inside, margin)
    near = ndimage.distance_transform_edt(~wide, return_distances=False, return_indices=True)
    for _ in range(3):  # mirrored at the field's edge, again where the mirror image is too short
        r = np.clip(np.rint(rows) + margin, 0, wide.shape[0] - 1).astype(int)
        c = np.clip(np.rint(columns) + margin, 0, wide.shape[1] - 1).astype(int)
        out = ~wide[r, c]
        if not out.any():
            break
        rows = np.where(out, 2 * (near[0][r, c] - margin) - rows, rows)
        columns = np.where(out, 2 * (near[1][r, c] - margin) - columns, columns)
    taken = [
        ndimage.map_coordinates(image[..., k], (rows, columns), order=1, mode="nearest")
        for k in range(image.shape[2])
    ]
    return clipped(np.where(inside[..., None], np.stack(taken, axis=-1), image))
