"""Brightness, contrast and colour casts: how they are read, and how each is moved while the others stay.

The steps of colour are at right angles: a step of light changes no cast, a cast changes no grey, and the red-blue
cast does not change the green one. A step is the same in every pixel of the content, so contrast and lesions stay what
they are; black bars and surrounds stay black.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from audit.cues.moving import carried, clipped, reach
from audit.cues.windows import content, frame, grey, window
from audit.errors import Undefined
from audit.record.nouns import Image, Mask
from audit.regions.padding import CLIPPED

LIGHT = (1.0, 1.0, 1.0)
RED_BLUE = (0.5, 0.0, -0.5)
GREEN = (-1 / 3, 2 / 3, -1 / 3)

ROOM = 3.0
"""How many times the amount is tried, where clipping eats some of it."""

SHOWN = CLIPPED + 1 / 255
"""Content is not made darker than this, nor lighter than one minus it: it would be taken for black or white padding."""

FLATTEST = 0.05
"""Contrast is not taken below this share of what it was: a grey plate is no picture."""


def brightness(image: Image, where: Mask) -> float:
    """The mean grey, 0 to 1.

    >>> round(brightness(np.full((2, 2, 3), 0.25, np.float32), np.ones((2, 2), bool)), 3)
    0.25
    """
    return float(grey(image)[where].mean(dtype=float))


def contrast(image: Image, where: Mask) -> float:
    """The standard deviation of the grey (RMS contrast, Peli 1990)."""
    return float(grey(image)[where].std(dtype=float))


def red_blue(image: Image, where: Mask) -> float:
    """Red minus blue, the mean: above 0 is warm."""
    return float((image[..., 0] - image[..., 2])[where].mean(dtype=float))


def green(image: Image, where: Mask) -> float:
    """Green minus the mean of red and blue, the mean: below 0 is purple."""
    return float((image[..., 1] - (image[..., 0] + image[..., 2]) / 2)[where].mean(dtype=float))


def brighter(image: Image, amount: float, *, keep: Mask | None, rng: np.random.Generator) -> Image:
    """Light added to the content, or taken away. Lesions move with it and so keep their contrast."""
    where = window(image, keep)
    step = _step(content(image), LIGHT)
    return reach(lambda s: _lit(image, s * step), lambda i: brightness(i, where), amount, top=ROOM * amount)


def redder(image: Image, amount: float, *, keep: Mask | None, rng: np.random.Generator) -> Image:
    """Red put in blue's place, or the other way round; the grey stays."""
    where = window(image, keep)
    step = _step(content(image), RED_BLUE)
    return reach(lambda s: _lit(image, s * step), lambda i: red_blue(i, where), amount, top=ROOM * amount)


def greener(image: Image, amount: float, *, keep: Mask | None, rng: np.random.Generator) -> Image:
    """Green put in the place of red and blue, or the other way round; the grey stays."""
    where = window(image, keep)
    step = _step(content(image), GREEN)
    return reach(lambda s: _lit(image, s * step), lambda i: green(i, where), amount, top=ROOM * amount)


def stronger(image: Image, amount: float, *, keep: Mask | None, rng: np.random.Generator) -> Image:
    """The grey's distance from its mean stretched or shrunk, colours kept; lesions keep their own contrast."""
    where = window(image, keep)
    value = contrast(image, where)
    if value <= 0:
        raise Undefined("the picture is of one grey: it has no contrast to stretch")
    levels = grey(image)
    away = np.where(content(image), levels - levels[where].mean(dtype=float), 0).astype(np.float32)
    change = carried(away, keep)[..., None]
    top = max(ROOM * amount / value, FLATTEST - 1)
    return reach(lambda s: _lit(image, s * change), lambda i: contrast(i, where), amount, top=top)


def frame_brighter(image: Image, amount: float, *, keep: Mask | None, rng: np.random.Generator) -> Image:
    """Light added outside the central window, its inner edge soft; the middle stays bit for bit."""
    where = frame(image, keep)
    whole = frame(image, None)
    soft = max(1.0, 0.03 * min(whole.shape))
    ramp = np.clip(ndimage.distance_transform_edt(whole) / soft, 0, 1).astype(np.float32)
    step = ramp[..., None] * np.asarray(LIGHT, np.float32)
    return reach(
        lambda s: clipped(image + s * step), lambda i: brightness(i, where), amount, top=ROOM * amount
    )


def _lit(image: Image, change: NDArray[np.float32]) -> Image:
    """Changed light that neither leaves [0, 1] nor makes padding of what was none, nor content of what was padding."""
    low, high = np.minimum(image, np.float32(SHOWN)), np.maximum(image, np.float32(1 - SHOWN))
    return np.asarray(np.clip(image + change, low, high), np.float32)


def _step(inside: Mask, colour: tuple[float, float, float]) -> NDArray[np.float32]:
    return np.asarray(inside[..., None] * np.asarray(colour, np.float32), np.float32)
