"""What a superpixel is painted over with, so that a question can leave it out.

Two fills, because each is blind somewhere. With its mean colour a flat superpixel (a black corner, a plain
tag) is painted over with itself: nothing was asked. With the colour of its surround it does change, but a
superpixel that looks like its surround does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audit.record.nouns import Image

RING = 2
"""The surround: pixels up to this many rows and columns away."""


def mean_fill(image: Image, segments: NDArray[np.integer]) -> Image:
    """Every superpixel in its own mean colour.

    ``image`` (h, w, 3), ``segments`` (h, w) with labels from 0; returns (h, w, 3) float32.

    >>> picture = np.array([[[0.0], [1.0], [0.25]]], np.float32).repeat(3, axis=2)
    >>> mean_fill(picture, np.array([[0, 0, 1]]))[0, :, 0].tolist()
    [0.5, 0.5, 0.25]
    """
    labels = segments.ravel()
    colours, _ = _means(image.reshape(-1, image.shape[-1]), labels, int(labels.max()) + 1)
    filled: Image = colours[segments].astype(np.float32)
    return filled


def surround_fill(image: Image, segments: NDArray[np.integer]) -> Image:
    """Every superpixel in the mean colour of the pixels around it.

    The surround of a superpixel is every pixel outside it with one of its pixels at most ``RING`` rows and
    ``RING`` columns away; each counts once. A superpixel that is the whole picture has none and keeps its
    mean.

    ``image`` (h, w, 3), ``segments`` (h, w) with labels from 0; returns (h, w, 3) float32.

    >>> picture = np.array([[[0.0], [1.0], [0.25]]], np.float32).repeat(3, axis=2)
    >>> surround_fill(picture, np.array([[0, 0, 1]]))[0, :, 0].tolist()
    [0.25, 0.25, 0.5]
    """
    height, width = segments.shape
    labels = segments.ravel().astype(np.int64)
    count = int(labels.max()) + 1
    pixels = image.reshape(-1, image.shape[-1])
    index = np.arange(height * width, dtype=np.int64).reshape(height, width)
    grid = labels.reshape(height, width)
    pairs = []
    for down in range(-RING, RING + 1):
        for right in range(-RING, RING + 1):
            here = _window(down, height), _window(right, width)
            there = _window(-down, height), _window(-right, width)
            differs = grid[here] != grid[there]
            pairs.append(index[here][differs] * count + grid[there][differs])
    around = np.unique(np.concatenate(pairs))
    surround, found = _means(pixels[around // count], around % count, count)
    own, _ = _means(pixels, labels, count)
    filled: Image = np.where(found[:, None] > 0, surround, own)[segments].astype(np.float32)
    return filled


def _window(shift: int, length: int) -> slice:
    return slice(max(0, -shift), max(0, length - max(0, shift)))


def _means(
    pixels: NDArray[np.float32], labels: NDArray[np.integer], count: int
) -> tuple[NDArray[np.float64], NDArray[np.integer]]:
    """The mean colour of each label, (count, channels), and how many pixels bear it."""
    found = np.bincount(labels, minlength=count)
    sums = [np.bincount(labels, weights=pixels[:, c], minlength=count) for c in range(pixels.shape[1])]
    return np.stack(sums, axis=1) / np.maximum(found, 1)[:, None], found
