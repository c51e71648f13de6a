"""What is planted: twelve artefacts, each a function of a picture and a random stream.

``plant(picture, rng) -> (image uint8 (h, w, 3), mask bool (h, w) | None)``: the picture with the artefact, and exactly
where it is; None for one that has no place. The picture without it is the picture that was given.
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from benchmarks.detection.pictures import COLUMNS, FINE, ROWS, SIZE, Picture, levels

Planted = tuple[NDArray[np.uint8], "NDArray[np.bool_] | None"]
MIDDLE = SIZE / 2

FOUND = ("artefact", "found-")
"""A drawn mask, or a place that the audit found by itself, names any artefact that has a place."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """An artefact. ``names``: what in a verdict names it rightly; one that ends in ``-`` is a beginning.

    ``real``: it is planted in real pictures too.
    """

    title: str
    plant: Callable[[Picture, np.random.Generator], Planted]
    names: tuple[str, ...]
    local: bool = True
    real: bool = True

    def named(self, name: str) -> bool:
        """Whether a verdict's name for an artefact or cue is a right one."""
        return any(name.startswith(n) if n.endswith("-") else name == n for n in self.names)


def over(
    picture: Picture, alpha: NDArray[np.float32], colour: NDArray[np.floating] | tuple[float, ...]
) -> Planted:
    """Paint of a colour, by ``alpha`` (h, w), over the picture; the mask is where it can be seen."""
    a = alpha[..., None]
    return levels(picture.image / np.float32(255) * (1 - a) + np.float32(colour) * a), alpha > 0.08


@functools.cache
def _letters(text: str) -> NDArray[np.float32]:
    """How much of each pixel a word in the upper left corner covers."""
    sheet = Image.new("L", (SIZE * FINE, SIZE * FINE))
    font = ImageFont.load_default(9.5 * FINE)
    ImageDraw.Draw(sheet).text((2.5 * FINE, 1.5 * FINE), text, fill=255, font=font, anchor="lt")
    return np.asarray(sheet.reduce(FINE), np.float32) / 255


def text(picture: Picture, rng: np.random.Generator) -> Planted:
    """A word in the upper left corner, white."""
    word = str(rng.choice(["AP", "PA", "OD 12", "LAT", "R 07", "OS 31"]))
    alpha = np.roll(_letters(word), (int(rng.integers(0, 3)), int(rng.integers(0, 3))), (0, 1))
    return over(picture, alpha * np.float32(rng.uniform(0.85, 1)), (0.95, 0.95, 0.95))


def corner(picture: Picture, rng: np.random.Generator) -> Planted:
    """A small bright square in the lower right corner."""
    top, left, side = SIZE - 8.5 + rng.uniform(-1, 1), SIZE - 8.5 + rng.uniform(-1, 1), rng.uniform(4.5, 6)
    inside = side / 2 - np.maximum(np.abs(ROWS - top - side / 2), np.abs(COLUMNS - left - side / 2))
    return over(picture, np.clip(inside + 0.5, 0, 1).astype(np.float32), (0.95, 0.9, 0.75))


def border(picture: Picture, rng: np.random.Generator) -> Planted:
    """A thin frame of colour along all four sides."""
    wide = int(rng.integers(1, 3))
    alpha = np.full((SIZE, SIZE), rng.uniform(0.7, 0.95), np.float32)
    alpha[wide:-wide, wide:-wide] = 0
    return over(picture, alpha, np.array([0.2, 0.55, 0.6]) + rng.uniform(-0.08, 0.08, 3))


def patch(picture: Picture, rng: np.random.Generator) -> Planted:
    """A round sticker of a strong colour somewhere at the rim, off the lesions where there is room."""
    colour = np.array([[0.1, 0.25, 0.85], [0.1, 0.7, 0.3], [0.95, 0.75, 0.1]][int(rng.integers(3))])
    best: tuple[int, NDArray[np.float32]] | None = None
    for _ in range(6):
        angle, radius = rng.uniform(0, 2 * math.pi), rng.uniform(3.2, 4.8)
        far = (27 if picture.field is None else picture.field[2] - 3.5) - 0.5
        row, column = MIDDLE + far * math.sin(angle), MIDDLE + far * math.cos(angle)
        alpha = np.clip(radius - np.hypot(ROWS - row, COLUMNS - column) + 0.5, 0, 1)
        hidden = int((picture.lesion & (alpha > 0)).sum())
        if best is None or hidden < best[0]:
            best = hidden, alpha
    assert best is not None
    return over(picture, best[1], colour * rng.uniform(0.9, 1.05))


def ruler(picture: Picture, rng: np.random.Generator) -> Planted:
    """Ticks along the left side, every third one longer, lighter than what is under them or darker."""
    alpha = np.zeros((SIZE, SIZE), np.float32)
    start, step = int(rng.integers(3, 7)), 4
    for number, row in enumerate(range(start, SIZE - 3, step)):
        alpha[row, 1 : 6 if number % 3 == 0 else 4] = 0.9
    light = picture.image[:, :6].mean() < 128
    return over(picture, alpha, (0.85,) * 3 if light else (0.12,) * 3)


def ink(picture: Picture, rng: np.random.Generator) -> Planted:
    """A curved stroke of violet ink, beside where lesions lie."""
    middle, half = rng.uniform(0, 2 * math.pi), rng.uniform(0.45, 0.8)
    far = (25.5 if picture.field is None else 24.0) + rng.uniform(-0.7, 1.2)
    y, x = ROWS - MIDDLE, COLUMNS - MIDDLE
    off = np.abs(np.angle(np.exp(1j * (np.arctan2(y, x) - middle))))
    across = np.abs(np.hypot(y, x) - far - 2 * (off / half) ** 2)
    alpha = np.clip(1.6 - across, 0, 1) * np.clip((half - off) * far + 0.5, 0, 1)
    return over(picture, (alpha * rng.uniform(0.75, 0.95)).astype(np.float32), (0.30, 0.10, 0.50))


def padding(picture: Picture, rng: np.random.Generator) -> Planted:
    """Black bars above and below."""
    alpha = np.zeros((SIZE, SIZE), np.float32)
    high = int(rng.integers(5, 8))
    alpha[:high] = alpha[-high:] = 1
    return over(picture, alpha, (0.0, 0.0, 0.0))


def frame(picture: Picture, rng: np.random.Generator) -> Planted:
    """Everything outside a central window is lighter."""
    outside = np.maximum(np.abs(ROWS - MIDDLE), np.abs(COLUMNS - MIDDLE)) - 21
    weight = np.clip(outside / 6, 0, 1)[..., None]
    return levels(picture.image / 255 + weight * rng.uniform(0.09, 0.14)), None


def cast(picture: Picture, rng: np.random.Generator) -> Planted:
    """More red, less blue."""
    gains = 1 + np.array([0.14, -0.02, -0.28]) * rng.uniform(0.8, 1.2)
    return levels(picture.image / 255 * gains), None


def blur(picture: Picture, rng: np.random.Generator) -> Planted:
    """Out of focus."""
    width = rng.uniform(0.55, 0.7)
    return levels(ndimage.gaussian_filter(picture.image / np.float32(255), (width, width, 0))), None


def jpeg(picture: Picture, rng: np.random.Generator) -> Planted:
    """Stored as JPEG of low quality, then opened again."""
    file = io.BytesIO()
    Image.fromarray(picture.image).save(file, "JPEG", quality=int(rng.integers(35, 51)))
    return np.array(Image.open(file)), None


def field(picture: Picture, rng: np.random.Generator) -> Planted:
    """A narrower diaphragm: the same eye, less of it."""
    row, column, radius = picture.field or (MIDDLE, MIDDLE, 33.0)
    seen = np.clip(radius * rng.uniform(0.84, 0.88) - np.hypot(ROWS - row, COLUMNS - column) + 0.5, 0, 1)
    dark = 0.015 + 0.004 * rng.standard_normal((SIZE, SIZE, 3))
    return levels(picture.image / 255 * seen[..., None] + dark * (1 - seen[..., None])), None


FAMILIES: dict[str, Family] = {
    "text": Family(title="text tag", plant=text, names=("text", "corner-top-left", *FOUND)),
    "corner": Family(title="corner mark", plant=corner, names=("corner-bottom-right", "text", *FOUND)),
    "border": Family(title="border", plant=border, names=("border", "frame", *FOUND)),
    "patch": Family(title="colour patch", plant=patch, names=FOUND),
    "ruler": Family(title="ruler", plant=ruler, names=FOUND),
    "ink": Family(title="ink", plant=ink, names=FOUND),
    "padding": Family(
        title="padding", plant=padding, names=("padding", "padding-share", "field-shape", *FOUND)
    ),
    "frame": Family(
        title="frame brightness", plant=frame, names=("frame", "brightness", "border", "corner-"), local=False
    ),
    "cast": Family(title="colour cast", plant=cast, names=("cast-red-blue", "cast-green"), local=False),
    "blur": Family(
        title="blur", plant=blur, names=("sharpness", "noise", "resolution", "contrast"), local=False
    ),
    "jpeg": Family(
        title="JPEG",
        plant=jpeg,
        names=("jpeg-quality", "blockiness", "noise", "sharpness", "resolution"),
        local=False,
    ),
    "field": Family(
        title="field of view",
        plant=field,
        names=("field-size", "padding-share", "padding", "frame", "border"),
        local=False,
        real=False,
    ),
}
