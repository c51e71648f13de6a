"""Where a cue is read: the picture's content off the lesions, or the frame around its middle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from audit.errors import Undefined
from audit.record.nouns import Image, Mask
from audit.regions.padding import padding as constant

LEAST = 0.05
"""Of the picture: with less left to look at, its light is not read."""

MIDDLE = 2 / 3
"""Of each side: the central window that is not the frame."""


def remembered(look: Callable[[Image], Mask]) -> Callable[[Image], Mask]:
    """``look``, which keeps the last picture's answer: many cues ask the same of one picture.

    A picture is the same where it is the very array and its pixels sum to the same.
    """
    last: list[tuple[Image, float, Mask]] = []

    def seen(image: Image) -> Mask:
        total = float(image.sum(dtype=float))
        if last and last[0][0] is image and last[0][1] == total:
            return last[0][2]
        found = look(image)
        found.setflags(write=False)
        last[:] = [(image, total, found)]
        return found

    return seen


padding = remembered(constant)


def grey(image: Image) -> NDArray[np.float32]:
    """The mean of the three colours, (h, w)."""
    return np.asarray((image[..., 0] + image[..., 1] + image[..., 2]) / np.float32(3))


def content(image: Image) -> Mask:
    """What is not padding: bars and surround of one colour say nothing of the light.

    Raises:
        Undefined: hardly anything is left.
    """
    return _enough(~padding(image), "the picture is padding and hardly anything else")


def window(image: Image, lesion: Mask | None) -> Mask:
    """The content off the lesions, so that no cue is the disease itself.

    Raises:
        Undefined: hardly anything is left.
    """
    found = content(image)
    return found if lesion is None else _enough(found & ~lesion, "hardly anything lies outside the lesions")


def frame(image: Image, lesion: Mask | None) -> Mask:
    """What lies outside the central window, padding and all, off the lesions.

    Raises:
        Undefined: hardly anything is left.

    >>> int(frame(np.zeros((6, 6, 3), np.float32), None).sum())
    20
    """
    height, width = image.shape[:2]
    found = np.ones((height, width), dtype=bool)
    top, left = round(height * (1 - MIDDLE) / 2), round(width * (1 - MIDDLE) / 2)
    found[top : height - top, left : width - left] = False
    return found if lesion is None else _enough(found & ~lesion, "the lesions cover the frame")


def everywhere(image: Image, lesion: Mask | None) -> Mask:
    """The whole picture, for cues of its field of view."""
    return np.ones(image.shape[:2], dtype=bool)


def _enough(mask: Mask, why: str) -> Mask:
    if mask.mean() < LEAST:
        raise Undefined(why)
    return mask
