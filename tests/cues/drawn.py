"""Pictures whose cues are known because they were drawn so."""

from __future__ import annotations

import numpy as np
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
