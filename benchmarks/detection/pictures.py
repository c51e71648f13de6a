"""Drawn pictures of a retina, 64 px, with exact masks of what is ill in them. A picture is a function of its key.

Two tasks. ``lesions``: the ill have 2 to 6 small dark or bright lesions, everyone has soft spots that are none.
``vessels``: the label is the density of vessels, a sign of the whole picture and a true one. No person's eye is shown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

SIZE = 64
"""Pixels of a side."""

FINE = 4
"""Vessels are drawn this much larger, then averaged down."""

REACH = 19.0
"""No lesion's centre lies further from the middle, in pixels, so that what is planted at the rim hides none."""

ROWS, COLUMNS = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) + 0.5


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture: image uint8 (h, w, 3), lesion bool (h, w), label 0 or 1.

    ``field`` is row, column and radius of the field of view in pixels; None where the picture fills its frame.
    """

    image: NDArray[np.uint8]
    lesion: NDArray[np.bool_]
    label: int
    field: tuple[float, float, float] | None = None


def draw(key: tuple[int, ...], label: int, *, task: str = "lesions", clear: float = 1.0) -> Picture:
    """The picture of this key, of class 0 or 1. The same key in the other class is the same eye.

    ``clear`` scales how well lesions can be seen.

    >>> ill, well = draw((3,), 1), draw((3,), 0)
    >>> bool(ill.lesion.any()), bool(well.lesion.any()), bool((ill.image == draw((3,), 1).image).all())
    (True, False, True)
    """
    eye, sick, lens, grain = (np.random.default_rng([*key, part]) for part in range(4))
    disc = np.array([32 + eye.uniform(-3, 3), 32 + eye.choice([-1, 1]) * eye.uniform(12, 15)])
    dense = bool(label) if task == "vessels" else bool(eye.random() < 0.5)
    retina = _ground(eye, disc) * (1 - _vessels(eye, disc, dense)[..., None] * np.float32([0.25, 0.5, 0.4]))
    retina = _disc(retina, disc, eye)
    retina = _spots(retina, eye)
    lesion = np.zeros((SIZE, SIZE), np.float32)
    if task == "lesions" and label:
        retina, lesion = _lesions(retina, disc, sick, clear)
    image, field = _photograph(retina, lens, grain)
    return Picture(image=image, lesion=lesion > 0.2, label=label, field=field)


def _bump(row: float, column: float, width: float) -> NDArray[np.float32]:
    return np.exp(-((ROWS - row) ** 2 + (COLUMNS - column) ** 2) / np.float32(2 * width**2))


def _disk(row: float, column: float, radius: float, *, soft: float = 0.7) -> NDArray[np.float32]:
    """1 inside, 0 outside, with an edge about ``soft`` pixels wide."""
    inside = (radius - np.hypot(ROWS - row, COLUMNS - column)) / np.float32(soft)
    return np.clip(inside + np.float32(0.5), 0, 1)


def _ground(rng: np.random.Generator, disc: NDArray[np.float64]) -> NDArray[np.float32]:
    """Pigment, choroid and macula, (h, w, 3)."""
    tint = np.array([0.72, 0.38, 0.20]) * rng.uniform(0.9, 1.1) * rng.uniform(0.95, 1.05, 3)
    coarse = Image.fromarray(rng.standard_normal((9, 9)).astype(np.float32))
    shade = 1 + np.float32(0.05) * np.asarray(coarse.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    macula = _bump(32 + rng.uniform(-2, 2), 64 - disc[1] + rng.uniform(-3, 3), 5)
    dark = macula[..., None] * np.float32([0.12, 0.2, 0.25])
    return (shade[..., None] * (1 - dark) * tint).astype(np.float32)


def _vessels(rng: np.random.Generator, disc: NDArray[np.float64], dense: bool) -> NDArray[np.float32]:
    """How much of each pixel is vessel, (h, w): arcs from the disc that bend round the macula, and side branches."""
    sheet = Image.new("L", (SIZE * FINE, SIZE * FINE))
    pen = ImageDraw.Draw(sheet)
    inward = 0.0 if disc[1] < 32 else math.pi
    count = int(rng.integers(9, 12)) if dense else int(rng.integers(4, 6))
    for number in range(count):
        angle = 2 * math.pi * number / count + rng.uniform(-0.3, 0.3)
        points = _walk(rng, (float(disc[0]), float(disc[1])), angle, inward, int(rng.integers(16, 26)))
        width = rng.uniform(3.5, 6.5)
        pen.line(points, fill=255, width=round(width), joint="curve")
        for _ in range(int(rng.integers(1, 3))):
            x, y = points[int(rng.integers(4, len(points) - 3))]
            start = (y / FINE, x / FINE)
            side = _walk(rng, start, angle + rng.choice([-1, 1]) * rng.uniform(0.4, 0.9), inward, 11)
            pen.line(side, fill=255, width=max(2, round(width * 0.6)), joint="curve")
    return np.asarray(sheet.reduce(FINE), np.float32) / 255


def _walk(
    rng: np.random.Generator, start: tuple[float, float], heading: float, goal: float, steps: int
) -> list[tuple[float, float]]:
    """A line of points in fine pixels as (x, y); its heading turns towards ``goal`` and wobbles."""
    turn = math.remainder(goal - heading, 2 * math.pi)
    bend = 0.55 if abs(turn) < 2.2 else 0.15
    headings = heading + bend * turn * np.linspace(0, 1, steps) ** 1.5 + np.cumsum(rng.normal(0, 0.09, steps))
    rows = start[0] + np.cumsum(2.2 * np.sin(headings))
    columns = start[1] + np.cumsum(2.2 * np.cos(headings))
    return list(zip((columns * FINE).tolist(), (rows * FINE).tolist(), strict=True))


def _disc(
    retina: NDArray[np.float32], disc: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float32]:
    head = _disk(disc[0], disc[1], rng.uniform(4.0, 5.0), soft=2.0)[..., None] * np.float32(0.85)
    glow = np.float32([0.95, 0.75, 0.48]) * np.float32(rng.uniform(0.9, 1.0))
    return retina * (1 - head) + glow * head


def _spots(retina: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Soft spots that mean nothing, pale or dark, in both classes."""
    for _ in range(int(rng.integers(2, 6))):
        row, column = rng.uniform(14, 50, 2)
        depth = rng.uniform(0.06, 0.14) * rng.choice([-1, 1])
        retina = retina * (1 + np.float32(depth) * _bump(row, column, rng.uniform(2.2, 4.5)))[..., None]
    return retina


def _lesions(
    retina: NDArray[np.float32], disc: NDArray[np.float64], rng: np.random.Generator, clear: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The picture with its lesions, and how much of each pixel is one."""
    covered = np.zeros((SIZE, SIZE), np.float32)
    clear *= rng.uniform(0.4, 0.9)
    for _ in range(int(rng.integers(2, 7))):
        for _ in range(20):
            far, angle = REACH * math.sqrt(rng.random()), rng.uniform(0, 2 * math.pi)
            row, column = 32 + far * math.sin(angle), 32 + far * math.cos(angle)
            if math.hypot(row - disc[0], column - disc[1]) > 7.5:
                break
        shape = _disk(row, column, rng.uniform(1.0, 2.2), soft=1.0)
        colour = np.float32([0.30, 0.07, 0.05] if rng.random() < 0.5 else [0.92, 0.82, 0.42])
        alpha = (shape * np.float32(clear * rng.uniform(0.7, 1.0)))[..., None]
        retina = retina * (1 - alpha) + colour * alpha
        covered = np.maximum(covered, shape)
    return retina, covered


def _photograph(
    retina: NDArray[np.float32], lens: np.random.Generator, grain: np.random.Generator
) -> tuple[NDArray[np.uint8], tuple[float, float, float]]:
    """Light, colour, focus, field of view and noise of one camera, each a little different from picture to picture."""
    field = (32 + lens.uniform(-0.7, 0.7), 32 + lens.uniform(-0.7, 0.7), lens.uniform(29.0, 31.0))
    gains = lens.uniform(0.92, 1.08) * lens.uniform(0.96, 1.04, 3)
    fall = 1 - 0.25 * ((ROWS - field[0]) ** 2 + (COLUMNS - field[1]) ** 2) / 31**2
    light = retina * (fall[..., None] * gains).astype(np.float32)
    sharp = lens.uniform(0.3, 0.55)
    light = ndimage.gaussian_filter(light, (sharp, sharp, 0), truncate=3)
    seen = _disk(*field)[..., None]
    light = light * seen + np.float32(0.015) * (1 - seen)
    light = light + grain.standard_normal(light.shape, np.float32) * (0.012 * seen + 0.004)
    return levels(light), field


def levels(image: NDArray[np.floating]) -> NDArray[np.uint8]:
    """A picture in [0, 1] as it is stored."""
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
