"""Constant areas that touch the frame: bars, letterboxes, black frames, the black around a field of view."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from audit.record.nouns import Image, Mask

FLAT = 4 / 255
"""A row or column of a bar strays no more than this from the bar's colour: JPEG leaves black at 0 to 3."""

CLIPPED = 12 / 255
"""A pixel of the surround is no further than this from black or from white, in every channel."""

LEAST = 0.002
"""A surround smaller than this share of the picture is none."""


def padding(image: Image) -> Mask:
    """Bars and surround together, (h, w).

    A bar is a run of whole rows or columns from one side of the picture, all of one colour. Rows are looked
    at first; columns are then judged between the bars above and below. The surround is what is black, or
    white, and hangs together with a corner that is so too; arms thinner than three pixels are not followed.

    The black air beside a chest can hang together with a corner, too. It is then part of the region: a
    picture cannot tell the two apart. Grids of a model that pads are black outside and found exactly.
    """
    return bars(image) | surround(image)


def bars(image: Image) -> Mask:
    """Whole rows and columns of one colour, from each side inwards. A picture of one colour has none."""
    height, width = image.shape[:2]
    mask = np.zeros((height, width), dtype=bool)
    top, bottom = _run(image), _run(image[::-1])
    if top >= height:
        return mask
    mask[:top] = mask[height - bottom :] = True
    within = image[top : height - bottom].swapaxes(0, 1)
    left, right = _run(within), _run(within[::-1])
    mask[:, :left] = mask[:, width - right :] = True
    return mask


def _run(lines: NDArray[np.float32]) -> int:
    """How many lines from the first have one colour, that of the first."""
    colour = np.median(lines[0], axis=0)
    flat = (np.abs(lines - colour) <= FLAT).all(axis=(1, 2))
    return len(lines) if flat.all() else int(np.argmin(flat))


def surround(image: Image) -> Mask:
    """What is black, or white, and hangs together with a corner. A picture of nothing else has none."""
    found = np.zeros(image.shape[:2], dtype=bool)
    for clipped in (image.max(axis=2) <= CLIPPED, image.min(axis=2) >= 1 - CLIPPED):
        if clipped.all():
            return found
        # padded, so that a thin frame is not eaten from outside
        core = ndimage.binary_opening(np.pad(clipped, 2, mode="edge"), np.ones((3, 3), bool))[2:-2, 2:-2]
        labels, count = ndimage.label(core)
        corners = {int(label) for label in labels[[0, 0, -1, -1], [0, -1, 0, -1]]} - {0}
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        for label in corners:
            if sizes[label] >= LEAST * labels.size:
                found |= labels == label
    return found
