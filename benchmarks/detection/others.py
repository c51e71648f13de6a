"""What no rule and no limit was ever set on: seven artefacts of other kinds, planted as those of ``families``.

They ask what the audit says of what it does not know: things that nobody lists, and changes of the whole picture that
are none of its cues but moves several of them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.detection.families import FAMILIES, FOUND, MIDDLE, Family, Planted, over
from benchmarks.detection.pictures import COLUMNS, FINE, ROWS, SIZE, Picture, levels


def hair(picture: Picture, rng: np.random.Generator) -> Planted:
    """Five dark hairs across the picture, each an arc of a large circle, none over a lesion."""
    alpha = np.zeros((SIZE, SIZE), np.float32)
    for _ in range(5):
        radius, angle, off = rng.uniform(30, 60), rng.uniform(0, 2 * math.pi), rng.uniform(-18, 18)
        row, column = MIDDLE + (radius + off) * math.sin(angle), MIDDLE + (radius + off) * math.cos(angle)
        across = np.abs(np.hypot(ROWS - row, COLUMNS - column) - radius)
        alpha = np.maximum(alpha, np.clip(1.1 - across, 0, 1) * 0.85)
    alpha[picture.lesion] = 0
    return over(picture, alpha.astype(np.float32), (0.05, 0.04, 0.04))


def glare(picture: Picture, rng: np.random.Generator) -> Planted:
    """A soft white reflection of the flash anywhere but over a lesion."""
    best: tuple[int, NDArray[np.float32]] | None = None
    for _ in range(8):
        row, column, radius = *rng.uniform(14, SIZE - 14, 2), rng.uniform(4, 6)
        alpha = np.clip((radius - np.hypot(ROWS - row, COLUMNS - column)) / 3, 0, 0.8).astype(np.float32)
        hidden = int((picture.lesion & (alpha > 0)).sum())
        if best is None or hidden < best[0]:
            best = hidden, alpha
    assert best is not None
    best[1][picture.lesion] = 0
    return over(picture, best[1], (1.0, 1.0, 0.97))


def stamp(picture: Picture, rng: np.random.Generator) -> Planted:
    """The time of day in faint digits, below on the right."""
    sheet = Image.new("L", (SIZE * FINE, SIZE * FINE))
    clock = f"{int(rng.integers(7, 20))}:{int(rng.integers(0, 60)):02d}"
    spot = ((SIZE - 2) * FINE, (SIZE - 1.5) * FINE)
    ImageDraw.Draw(sheet).text(spot, clock, fill=255, font=ImageFont.load_default(8 * FINE), anchor="rb")
    alpha = np.asarray(sheet.reduce(FINE), np.float32) / 255 * np.float32(rng.uniform(0.5, 0.7))
    alpha[picture.lesion] = 0
    return over(picture, alpha, (0.9, 0.85, 0.3))


def vignette(picture: Picture, rng: np.random.Generator) -> Planted:
    """Light that falls off towards the rim."""
    far = np.hypot(ROWS - MIDDLE, COLUMNS - MIDDLE) / MIDDLE
    weight = 1 - rng.uniform(0.22, 0.3) * np.clip(far, 0, 1.2) ** 2
    return levels(picture.image / 255 * weight[..., None]), None


def tone(picture: Picture, rng: np.random.Generator) -> Planted:
    """Another tone curve: the middle greys lighter, black and white as they were."""
    return levels((picture.image / 255) ** rng.uniform(0.78, 0.84)), None


def grain(picture: Picture, rng: np.random.Generator) -> Planted:
    """A noisier sensor."""
    return levels(
        picture.image / 255 + rng.uniform(0.025, 0.035) * rng.standard_normal((SIZE, SIZE, 3))
    ), None


def stripes(picture: Picture, rng: np.random.Generator) -> Planted:
    """Faint lines across, every four pixels: the hum of a scanner."""
    lines = rng.uniform(0.02, 0.03) * np.sin((ROWS + rng.integers(0, 4)) * math.pi / 2)
    return levels(picture.image / 255 + np.broadcast_to(lines, (SIZE, SIZE))[..., None]), None


OTHERS: dict[str, Family] = {
    "hair": Family(title="hair", plant=hair, names=FOUND),
    "glare": Family(title="glare", plant=glare, names=FOUND),
    "stamp": Family(title="time stamp", plant=stamp, names=("text", "corner-bottom-right", *FOUND)),
    "vignette": Family(
        title="vignette", plant=vignette, names=("frame", "brightness", "border", "corner-"), local=False
    ),
    "tone": Family(title="tone curve", plant=tone, names=("brightness", "contrast"), local=False),
    "grain": Family(
        title="grain", plant=grain, names=("noise", "sharpness", "resolution", "blockiness"), local=False
    ),
    "stripes": Family(
        title="stripes", plant=stripes, names=("noise", "sharpness", "contrast", "blockiness"), local=False
    ),
}

ALL = {**FAMILIES, **OTHERS}
"""Every artefact that can be planted, those of ``families`` first: its number stays."""
