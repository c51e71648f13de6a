"""Hot spots that move, sorted by how they look: a patch is like other patches, a lesion like other lesions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from audit.discover.spectral import spectral
from audit.errors import Undefined
from audit.record.nouns import Image, Mask

RING = 0.05
"""Of the shorter side: so wide is the surround that a spot is compared with."""

MOST = 5
"""Kinds of spots at most."""


def described(image: Image, mask: Mask) -> NDArray[np.float64]:
    """What stands inside a mask, ``(9,)``: its colour, how far that is from its surround's, grey's spread, fine
    detail and the strongest deviation from the surround.

    Args:
        image: ``(h, w, 3)`` in [0, 1].
        mask: ``(h, w)``, not empty.
    """
    wide = ndimage.binary_dilation(mask, iterations=max(2, round(RING * min(mask.shape))))
    ring = wide & ~mask
    inside, around = image[mask], image[ring if ring.any() else mask]
    grey = image.mean(2)
    fine = (grey - ndimage.gaussian_filter(grey, max(1.0, min(mask.shape) / 64)))[mask]
    middle = np.median(around, axis=0)
    apart = np.abs(inside - middle).max(1)
    found: NDArray[np.float64] = np.r_[
        inside.mean(0),
        inside.mean(0) - middle,
        grey[mask].std(),
        np.log(np.mean(fine**2) + 1e-5) / 10,
        np.quantile(apart, 0.9),
    ].astype(np.float64)
    return found


def kinds(looks: NDArray[np.float64], *, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Rows of ``(n, d)`` descriptions that are alike, kind by kind; none where all are of one kind or too few."""
    spread = looks.std(0)
    values = (looks - looks.mean(0)) / np.where(spread > 1e-9, spread, 1)
    try:
        found = spectral(values, rng=rng, most=MOST)
    except Undefined:
        return
    if found.count > 1:
        for number in range(found.count):
            yield np.flatnonzero(found.labels == number)


def one_each(rows: Sequence[int], strengths: NDArray[np.float64]) -> NDArray[np.intp]:
    """Of spots that share a case only the strongest: indices into ``rows``.

    >>> one_each([0, 0, 1], np.array([1.0, 2.0, 1.0])).tolist()
    [1, 2]
    """
    best: dict[int, int] = {}
    for index, row in enumerate(rows):
        if row not in best or strengths[index] > strengths[best[row]]:
            best[row] = index
    return np.array(sorted(best.values()), dtype=np.intp)
