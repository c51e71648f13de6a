"""Padding taken away: bars along the frame are painted over with the picture beside them, mirrored.

A membrane from the bar's one free side would be a smear of the last line, which looks like no picture; a mirrored
one does. The matched control turns the strip just inside each bar, as wide as the bar, around in its place: as
many pixels change, along the same sides, and the bars stay. What is black around a round field of view is not painted:
tissue there would be invented.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audit.intervene.fills import REFLECT, reflect
from audit.intervene.inpaint import membrane
from audit.intervene.removal import CONSTANT, NOTICEABLE, Question
from audit.record import Image, Mask
from audit.regions.padding import bars

OPEN = 1 / 3
"""A bar beside a line that is padding by more than this is the edge of a surround, and stays."""

DEEPEST = 4
"""A control strip is no wider than the picture between the bars divided by this, so that half of it stays."""


@dataclass(frozen=True, kw_only=True)
class Reflected:
    """The picture with its bars mirrored away, and the one control. ``why`` tells why nothing is asked."""

    region: str
    mask: Mask | None = None
    painted: Image | None = None
    control: Image | None = None
    why: str | None = None

    @property
    def asked(self) -> list[Question]:
        """What each picture of ``questions`` is."""
        pictures = [(None, self.painted), (0, self.control)]
        return [Question(fill=REFLECT.name, place=n) for n, picture in pictures if picture is not None]

    @property
    def missed(self) -> list[tuple[str, float, str]]:
        """Fill, dose and reason of what is not asked."""
        return [] if self.why is None else [(REFLECT.name, 1.0, self.why)]

    def questions(self, image: Image) -> Iterator[Image]:
        """The picture without its bars, then with the strips inside them turned around."""
        yield from (picture for picture in (self.painted, self.control) if picture is not None)


def plan(region: str, image: Image, mask: Mask, *, keep: Mask | None = None) -> Reflected:
    """Plan the removal of bars from one picture.

    Args:
        region: its name.
        image: float32 ``(h, w, 3)`` on the model's grid.
        mask: all padding, bool ``(h, w)``: bars and surround together.
        keep: the lesion: it is neither mirrored into a bar nor turned around.
    """
    keep = np.zeros(mask.shape, bool) if keep is None else keep
    taken, widths = _sides(bars(image), mask)
    if not taken.any():
        return Reflected(region=region, why=CONSTANT)
    painted = reflect(image, taken)
    copied = reflect(keep[..., None].astype(np.float32), taken)[..., 0] > 0
    painted = membrane(painted, copied & taken)
    painted[keep] = image[keep]
    if float(np.abs(painted - image).max()) <= NOTICEABLE:
        return Reflected(region=region, why=CONSTANT)
    return Reflected(region=region, mask=taken, painted=painted, control=_turned(image, widths, keep))


Widths = tuple[tuple[int, int], tuple[int, int]]


def _sides(found: Mask, padding: Mask) -> tuple[Mask, Widths]:
    """The bars that a picture stands beside, as a mask, and their widths: (top, bottom), (left, right)."""
    rows, columns = np.flatnonzero(~found.all(1)), np.flatnonzero(~found.all(0))
    taken = np.ones_like(found)
    if not len(rows):
        return ~taken, ((0, 0), (0, 0))
    (top, bottom), (left, right) = (rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)
    inner = padding[top:bottom, left:right]

    def width(bar: int, beside: Mask) -> int:
        return int(bar) if beside.mean() <= OPEN else 0

    up, down = width(top, inner[0]), width(len(found) - bottom, inner[-1])
    west, east = width(left, inner[:, 0]), width(found.shape[1] - right, inner[:, -1])
    taken[up : len(found) - down, west : found.shape[1] - east] = False
    return taken, ((up, down), (west, east))


def _turned(image: Image, widths: Widths, keep: Mask) -> Image | None:
    """The strip inside each bar mirrored in its place. None where the picture is too small for one."""
    lines = []
    for size, (first, last) in zip(image.shape[:2], widths, strict=True):
        line, most = np.arange(size), (size - first - last) // DEEPEST
        for start, stop in (
            (first, first + min(first, most)),
            (size - last - min(last, most), size - last),
        ):
            line[start:stop] = line[start:stop][::-1].copy()
        lines.append(line)
    from_where = np.ix_(*lines)
    if all((line == np.arange(len(line))).all() for line in lines):
        return None
    held = (keep | keep[from_where])[..., None]
    turned: Image = np.where(held, image, image[from_where])
    return turned
