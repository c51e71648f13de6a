"""Regions that lie where they lie, whatever the picture shows: corners and border."""

from __future__ import annotations

from typing import Literal

import numpy as np

from audit.record.nouns import Image, Mask

CORNER = 5
"""A corner is a square of the shorter side divided by this."""

BORDER = 20
"""The border is a ring as wide as the shorter side divided by this."""

Corner = Literal["top-left", "top-right", "bottom-left", "bottom-right"]


def corner(image: Image, where: Corner) -> Mask:
    """A square in one corner, (h, w).

    >>> corner(np.zeros((10, 15, 3), np.float32), "bottom-right").nonzero()[1].tolist()
    [13, 14, 13, 14]
    """
    height, width = image.shape[:2]
    side = max(1, round(min(height, width) / CORNER))
    mask = np.zeros((height, width), dtype=bool)
    rows = slice(0, side) if where.startswith("top") else slice(height - side, height)
    columns = slice(0, side) if where.endswith("left") else slice(width - side, width)
    mask[rows, columns] = True
    return mask


def border(image: Image) -> Mask:
    """A ring along the frame, (h, w).

    >>> int(border(np.zeros((20, 30, 3), np.float32)).sum()) == 2 * 30 + 2 * 18
    True
    """
    height, width = image.shape[:2]
    wide = max(1, round(min(height, width) / BORDER))
    mask = np.ones((height, width), dtype=bool)
    mask[wide : height - wide, wide : width - wide] = False
    return mask
