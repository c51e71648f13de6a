"""Sharpness and noise: what blur, resampling and a detector leave on a picture.

Both are read in pixels of the model's grid, since that is what the model is shown. Neither depends on brightness or
casts, and sharpness, a ratio, does not depend on contrast.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage

from audit.cues.moving import clipped, reach, spared
from audit.cues.windows import content, grey, window
from audit.errors import Undefined
from audit.images.dataset import Picture
from audit.record.nouns import Image, Mask

FINE, COARSE = 1.0, 4.0
"""Pixels: sharpness compares what these two blurs take away."""

FAINT = 1e-4
"""A picture whose coarse detail is weaker has none to be sharp or blurred."""

BLURREST, SHARPEST = 6.0, 8.0

STEEPEST = 10.0
"""Times the mean: a larger step counts as one of this size."""

MAD = 0.6744897501960817
"""The median of |x| for a standard normal x."""


def sharpness(image: Image, where: Mask) -> float:
    """How much of the detail is fine: log2 of the fine detail's RMS over the coarse detail's, in octaves.

    Fine detail is what a blur of 1 px takes away, coarse what one of 4 px does. 0 is all fine, -1 half.
    A sibling of ``skimage.measure.blur_effect`` (Crete 2007), which also compares a picture with itself blurred.

    Raises:
        Undefined: the picture is flat.
    """
    levels = grey(image)
    inner = ndimage.binary_erosion(where, iterations=2)
    inner = inner if inner.sum() >= where.sum() / 4 else where
    fine = _rms((levels - ndimage.gaussian_filter(levels, FINE, truncate=3))[inner])
    coarse = _rms((levels - ndimage.gaussian_filter(levels, COARSE, truncate=3))[inner])
    if coarse < FAINT:
        raise Undefined("the picture is flat: it has no detail to be sharp or blurred")
    return float(np.log2(max(fine, FAINT / 100) / coarse))


def noise(image: Image, where: Mask) -> float:
    """The grain's standard deviation, from the diagonal detail of 2 x 2 pixels (Donoho and Johnstone 1994).

    The median over places, divided by 0.6745, so that a few edges do not count. It is the grain of the
    grey: one that differs from colour to colour counts by its mean.

    Raises:
        Undefined: no 2 x 2 pixels lie wholly in the window.
    """
    inside = where[:-1, :-1] & where[1:, :-1] & where[:-1, 1:] & where[1:, 1:]
    if not inside.any():
        raise Undefined("the picture has no room to read noise in")
    g = grey(image)
    diagonal = (g[:-1, :-1] - g[1:, :-1] - g[:-1, 1:] + g[1:, 1:])[inside] / 2
    return float(np.median(np.abs(diagonal)) / MAD)


def sharper(image: Image, amount: float, *, keep: Mask | None, rng: np.random.Generator) -> Image:
    """Blurred by a Gaussian, or sharpened by an unsharp mask, until it reads as it should; lesions are left."""
    where, inside = window(image, keep), content(image)
    free = (spared(keep, inside.shape) * inside)[..., None]
    if amount > 0:
        detail = (image - _blurred(image, inside, FINE)) * free
        return reach(
            lambda s: clipped(image + s * detail), lambda i: sharpness(i, where), amount, top=SHARPEST
        )

    def blur(width: float) -> Image:
        return clipped(image + free * (_blurred(image, inside, width) - image)) if width > 0 else image

    return reach(blur, lambda i: sharpness(i, where), amount, top=BLURREST)


def grainier(image: Image, amount: float, *, keep: Mask | None, rng: np.random.Generator) -> Image:
    """White grain added, or taken away by a median of 3 x 3 pixels; lesions are left."""
    where, inside = window(image, keep), content(image)
    free = (spared(keep, inside.shape) * inside)[..., None]
    if amount > 0:
        grain = free * rng.standard_normal(inside.shape)[..., None].astype(np.float32)
        top = 3 * (noise(image, where) + amount)
        return reach(lambda s: clipped(image + s * grain), lambda i: noise(i, where), amount, top=top)
    smooth = np.stack([ndimage.median_filter(image[..., c], 3) for c in range(3)], axis=-1)
    change = free * (smooth - image)
    return reach(lambda s: clipped(image + s * change), lambda i: noise(i, where), amount, top=1.0)


def _blurred(image: Image, inside: Mask, width: float) -> NDArray[np.float32]:
    """The content blurred without the padding around it."""
    weight = ndimage.gaussian_filter(inside.astype(np.float32), width, truncate=3)
    spread = (
        ndimage.gaussian_filter(image * inside[..., None], (width, width, 0), truncate=3)
        / np.maximum(weight, 1e-3)[..., None]
    )
    return np.where(inside[..., None], spread, image).astype(np.float32)


def _rms(values: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=float))))


def jpeg_quality(picture: Picture) -> float:
    """The quality that the file's quantisation tables ask for, as libjpeg counts it; 100 where the file loses nothing.

    Raises:
        Undefined: the picture does not come from a file.
    """
    if picture.quality is None:
        raise Undefined("the picture was handed over as an array: there is no file to read the quality from")
    return picture.quality


def blockiness(image: Image, where: Mask) -> float:
    """Steps of the grey across the borders of 8 x 8 blocks over those elsewhere, log2 of the ratio of the mean sizes.

    Of blocks that begin in the upper left corner, as JPEG's do; 0 without blocks (Wang, Bovik and Evans 2000, in space
    rather than frequency). A picture that was resized after compression has none left.

    Raises:
        Undefined: the picture is flat.
    """
    g = grey(image)
    border = inner = 0.0
    borders = inners = 0
    for levels, inside in ((g, where), (g.T, where.T)):
        steps = np.abs(np.diff(levels, axis=1))
        steps = np.minimum(
            steps, STEEPEST * steps.mean(dtype=float)
        )  # an edge of the picture's own is no block
        counted = inside[:, 1:] & inside[:, :-1]
        at = np.arange(1, levels.shape[1]) % 8 == 0
        border += float(steps[:, at][counted[:, at]].sum(dtype=float))
        inner += float(steps[:, ~at][counted[:, ~at]].sum(dtype=float))
        borders, inners = borders + int(counted[:, at].sum()), inners + int(counted[:, ~at].sum())
    if not borders or not inners or max(inner / inners, border / borders) < FAINT:
        raise Undefined("the picture is flat: blocks would not show")
    return float(np.log2((border / borders + FAINT) / (inner / inners + FAINT)))


def blockier(image: Image, amount: float, *, keep: Mask | None, rng: np.random.Generator) -> Image:
    """Compressed as JPEG, as strongly as it takes, and laid over the picture as thinly as will do; lesions are left.

    The colours are halved in size first, as cameras and libraries do unless told not to: a model may read that.

    Raises:
        Undefined: fewer blocks are asked for, which nobody can give back, or more than JPEG makes.
    """
    if amount < 0:
        raise Undefined("what compression took away cannot be given back")
    where = window(image, keep)
    free = (spared(keep, where.shape) * content(image))[..., None]

    start, change = blockiness(image, where), np.zeros_like(image)
    low, high = 0, 50  # of the qualities 1 to 99, in steps of two, the best one that leaves blocks enough
    while high - low > 1:
        middle = (low + high) // 2
        found = free * (_saved(image, max(1, 2 * middle)) - image)
        if blockiness(clipped(image + found), where) - start >= amount:
            low, change = middle, found
        else:
            high = middle
    return reach(lambda s: clipped(image + s * change), lambda i: blockiness(i, where), amount, top=1.0)


def _saved(image: Image, quality: int) -> Image:
    held = io.BytesIO()
    file = Pillow.fromarray(np.round(image * 255).astype(np.uint8))
    file.save(held, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Pillow.open(held).convert("RGB"), np.float32) / np.float32(255)
