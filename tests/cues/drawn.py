"""Pictures whose cues are known because they were drawn so."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw
from scipy import ndimage

from audit.images.dataset import Picture
from audit.record import Case


def picture(image, lesion=None, native=None, quality=None):
    return Picture(
        case=Case(id="x", image="", label="a", patient="x"),
        native=image if native is None else native,
        image=image,
        lesion=lesion,
        kinds={},
        artefact=None,
        lost=frozenset(),
        quality=quality,
    )


def flat(n, colour=(0.5, 0.5, 0.5)):
    return np.full((n, n, 3), colour, np.float32)


def disc(n, radius):
    """Radius in shares of the side."""
    r, c = np.indices((n, n)) - (n - 1) / 2
    return r**2 + c**2 <= (radius * n) ** 2


def scene(seed, n, *, round_field=False):
    """A mottled, slightly warm picture with a dark lesion near its middle, and the lesion's mask."""
    rng = np.random.default_rng(seed)
    mottle = sum(
        w * s * n * ndimage.gaussian_filter(rng.standard_normal((n, n)), n * s)
        for s, w in ((0.15, 1.0), (0.04, 0.6), (0.015, 0.3))
    )
    image = 0.45 + 0.1 * mottle[..., None] * np.array([1, 0.8, 0.6]) + 0.04 * np.array([1, 0, -1])
    image = np.clip(image + 0.004 * rng.standard_normal((n, n, 3)), 0.06, 0.94)
    lesion = np.zeros((n, n), bool)
    lesion[n // 2 : n // 2 + n // 8, n // 2 - n // 6 : n // 2] = True
    image[lesion] *= 0.6
    if round_field:
        image[~disc(n, 0.42)] = 0
    return image.astype(np.float32), lesion


def tree(seed, n, count, *, swing=0.0, noise=0.012):
    """A drawn eye with so many vessels from its disc, and their length over the field's area; they sway by ``swing``.

    Drawn in shares of the side on a sheet of 896 px, so that every size shows the same eye.
    """
    rng = np.random.default_rng(seed)
    large = 896 // n * n
    sheet = Pillow.new("L", (large, large))
    row, along, length = 0.5 + rng.uniform(-0.05, 0.05), np.linspace(0, 1, 300), 0.0
    for number in range(count):
        angle = 2 * np.pi * number / count + rng.uniform(-0.2, 0.2)
        far = along * rng.uniform(0.45, 0.65)
        off = swing * np.sin(2 * np.pi * far / 0.3 + rng.uniform(0, 6.3)) * np.minimum(1, along * 6)
        rows = row + far * np.sin(angle) + off * np.cos(angle)
        columns = 0.25 + far * np.cos(angle) - off * np.sin(angle)
        points = [(float(c * large), float(r * large)) for r, c in zip(rows, columns, strict=True)]
        ImageDraw.Draw(sheet).line(
            points, fill=255, width=round(rng.uniform(0.012, 0.022) * large), joint="curve"
        )
        inside = np.hypot(rows - 0.5, columns - 0.5) < 0.45
        length += float((np.hypot(np.diff(rows), np.diff(columns)) * inside[1:]).sum())
    vessel = np.asarray(sheet.reduce(large // n), np.float32)[..., None] / 255
    r, c = (np.indices((n, n)) + 0.5) / n
    macula = np.exp(-((r - 0.5) ** 2 + (c - 0.75) ** 2) / (2 * 0.08**2))[..., None]
    image = np.array([0.72, 0.38, 0.20]) * (1 - 0.2 * macula) * (1 - vessel * np.array([0.25, 0.5, 0.4]))
    head = 0.85 * np.clip((0.07 - np.hypot(r - row, c - 0.25)) * n / 2 + 0.5, 0, 1)[..., None]
    image = image * (1 - head) + np.array([0.95, 0.75, 0.48]) * head
    image = image * (1 - ((r - 0.5) ** 2 + (c - 0.5) ** 2))[..., None]
    image[~disc(n, 0.46)] = 0.015
    image = image + noise * rng.standard_normal(image.shape)
    return np.clip(image, 0, 1).astype(np.float32), length / (np.pi * 0.45**2)
