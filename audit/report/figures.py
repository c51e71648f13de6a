"""Pictures composed here, at their final size, so that neither page nor paper has to: JPEG, never a filter.

Colours are safe for the colour-blind and never alone: the lesion's outline is a solid white line, a region's a
dashed cyan one, both cased in black; a map is drawn over the picture in grey, dark purple to yellow with its
strength, or orange for and blue against where the map has a sign.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage

from audit.record import Heat, Mask
from audit.report.blocks import Picture

SIDE = 232
"""Pixels of a picture's longer side."""

LESION, REGION = (255, 255, 255), (0, 215, 255)
FOR, AGAINST = np.array([230, 97, 1], np.float32), np.array([44, 123, 229], np.float32)

Pixels = NDArray[np.uint8]


def thumb(path: Path) -> Pixels | None:
    """A kept small picture (h, w, 3) uint8, or None where it is not there or cannot be read."""
    try:
        with Pillow.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except OSError:
        return None


def final_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the printed picture.

    >>> final_size(224, 224), final_size(64, 128)
    ((232, 232), (116, 232))
    """
    factor = SIDE / max(height, width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def _resized(picture: Pixels, size: tuple[int, int]) -> NDArray[np.float32]:
    smaller = size[0] < picture.shape[0]
    how = Pillow.Resampling.LANCZOS if smaller else Pillow.Resampling.BICUBIC
    return np.asarray(Pillow.fromarray(picture).resize(size[::-1], how), np.float32)


def _heat(heat: Heat, size: tuple[int, int]) -> NDArray[np.float32]:
    values = Pillow.fromarray(np.ascontiguousarray(heat, np.float32))
    return np.asarray(values.resize(size[::-1], Pillow.Resampling.BILINEAR))


def _mask(mask: Mask, size: tuple[int, int]) -> Mask:
    small = Pillow.fromarray(np.asarray(mask, np.uint8) * 255)
    return np.asarray(small.resize(size[::-1], Pillow.Resampling.BILINEAR)) > 127


def outline(mask: Mask) -> Mask:
    """The pixels of a mask that touch what is not in it; the picture's edge counts as outside.

    >>> outline(np.ones((3, 3), bool)).astype(int).tolist()
    [[1, 1, 1], [1, 0, 1], [1, 1, 1]]
    """
    inside: Mask = mask & ~ndimage.binary_erosion(mask, border_value=0)
    return inside


def _draw(canvas: NDArray[np.float32], mask: Mask, colour: tuple[int, int, int], *, dashed: bool) -> None:
    line = outline(mask)
    casing = ndimage.binary_dilation(line, np.ones((3, 3), bool)) & ~line
    if dashed:
        rows, columns = np.indices(mask.shape)
        dash = (rows // 5 + columns // 5) % 2 == 0
        line, casing = line & dash, casing & dash
    canvas[casing] = 0.35 * canvas[casing]
    canvas[line] = colour


def strength(heat: Heat, *, clip: bool) -> Heat:
    """A map divided by its largest magnitude; with ``clip``, by the magnitude that 1 % of its pixels pass."""
    size = np.abs(heat)
    top = float(np.percentile(size, 99)) if clip else float(size.max(initial=0.0))
    top = top or float(size.max(initial=0.0))
    return np.clip(heat / top, -1.0, 1.0).astype(np.float32) if top else np.zeros_like(heat, np.float32)


def _washed(canvas: NDArray[np.float32], heat: NDArray[np.float32], *, signed: bool) -> NDArray[np.float32]:
    """The picture in grey with the map's colours over it, more opaque where the map is stronger."""
    grey = canvas @ np.array([0.299, 0.587, 0.114], np.float32)
    base = np.repeat(grey[..., None], 3, axis=2)
    size = np.clip(np.abs(heat), 0.0, 1.0)
    if signed:
        colour = np.where(heat[..., None] >= 0, FOR, AGAINST)
    else:
        colour = (255 * colormaps["inferno"](0.25 + 0.72 * size)[..., :3]).astype(np.float32)
    alpha = ((0.62 if signed else 0.85) * size**0.6)[..., None]
    return np.asarray(base * (1 - alpha) + colour * alpha, np.float32)


def compose(
    base: Pixels,
    *,
    heat: Heat | None = None,
    signed: bool = False,
    clip: bool = False,
    lesion: Mask | None = None,
    regions: Iterable[Mask] = (),
    segments: NDArray[Any] | None = None,
) -> Pixels:
    """A picture (h, w, 3) with a map and outlines over it, at its final size."""
    size = final_size(*base.shape[:2])
    canvas = _resized(base, size)
    if heat is not None:
        canvas = _washed(
            canvas, _heat(strength(np.asarray(heat, np.float32), clip=clip), size), signed=signed
        )
    if segments is not None:
        labels = np.asarray(
            Pillow.fromarray(segments.astype(np.int32)).resize(size[::-1], Pillow.Resampling.NEAREST)
        )
        edge = np.zeros(size, bool)
        edge[1:] |= labels[1:] != labels[:-1]
        edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
        canvas[edge] = 0.4 * canvas[edge] + 0.6 * np.array([255, 214, 0], np.float32)
    for mask in regions:
        _draw(canvas, _mask(mask, size), REGION, dashed=True)
    if lesion is not None:
        _draw(canvas, _mask(lesion, size), LESION, dashed=False)
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)


def jpeg(pixels: Pixels) -> bytes:
    """Pixels as JPEG (quality 85, no colour subsampling: thin outlines keep their colour)."""
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "JPEG", quality=85, subsampling=0)
    return buffer.getvalue()


def picture(pixels: Pixels, *, alt: str, caption: str) -> Picture:
    """Pixels as a picture of the report."""
    content = jpeg(pixels)
    return Picture(
        key=hashlib.sha256(content).hexdigest()[:16],
        jpeg=content,
        width=pixels.shape[1],
        height=pixels.shape[0],
        alt=alt,
        caption=caption,
    )
