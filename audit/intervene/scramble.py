"""A change of equal size and like spectrum that leaves a cue alone: what any network may react to.

The difference's Fourier phases are replaced by those of white noise, the same for the three colours, so its colour and
spectrum stay (Theiler 1992). The part that is the same everywhere, whose phase is but a sign, is spread over the
lowest frequencies. Then as much of the shift itself is taken off as puts the cue back to where it was. Our departure:
both are done again until norm and cue fit, because light clips at 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from audit.record import Image

LOWEST = 1.5
"""Cycles a picture: what is the same everywhere is spread over so low frequencies."""

ROUNDS = 8

EQUAL, STILL = 0.05, 0.1
"""Wanted: norms equal within this share, and the cue moved by at most this share of the shift's amount."""

LOOSE = 0.35
"""A control that moved the cue by more than this share, or whose norm is off by more, is none."""


def scrambled(change: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A random change of the same spectrum and colours, ``(h, w, 3)``.

    Args:
        change: ``(h, w, 3)``.
        rng: of the phases.
    """
    size = change.shape[:2]
    spectrum = fft.fft2(change, axes=(0, 1))
    noise = fft.fft2(rng.standard_normal(size).astype(np.float32))
    turn = (noise / np.maximum(np.abs(noise), 1e-12))[..., None]
    even = spectrum[0, 0].copy()
    spectrum[0, 0] = 0
    spectrum = spectrum * turn
    cycles = np.hypot(*np.meshgrid(*(fft.fftfreq(n, 1 / n) for n in size), indexing="ij"))
    low = (cycles > 0) & (cycles <= LOWEST)
    spectrum[low] += (even * turn[low]) / np.sqrt(low.sum())
    return np.asarray(fft.ifft2(spectrum, axes=(0, 1)).real, np.float32)


def control(
    image: Image,
    shifted: Image,
    read: Callable[[Image], float],
    rng: np.random.Generator,
    *,
    like: NDArray[np.float32] | None = None,
) -> Image | None:
    """A picture as far from ``image`` as ``shifted`` is, whose cue is that of ``image``; None where none is found.

    Args:
        image: the picture.
        shifted: the picture with its cue moved.
        read: a picture to its cue.
        rng: of the phases.
        like: whose spectrum it takes, by default that of the difference.
    """
    change = shifted - image
    norm = float(np.linalg.norm(change))
    start = read(image)
    amount = read(shifted) - start
    if not norm or not amount:
        return None
    touched = (np.abs(change).max(axis=2) > 1e-3 * np.abs(change).max())[..., None]
    random = scrambled(change if like is None else like, rng) * touched
    random -= touched * (random.sum((0, 1)) / max(1, touched.sum()))
    random *= norm / max(float(np.linalg.norm(random)), 1e-12)
    best, worst = None, LOOSE
    for _ in range(ROUNDS):
        found = np.clip(image + random, 0, 1).astype(np.float32)
        ratio = norm / max(float(np.linalg.norm(found - image)), 1e-12)
        moved = (read(found) - start) / amount
        off = max(abs(ratio - 1), abs(moved))
        if off < worst:
            best, worst = found, off
        if abs(ratio - 1) <= EQUAL and abs(moved) <= STILL:
            break
        random = (random - moved * change) * min(ratio, 1.5)
    return best
