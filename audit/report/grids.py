"""Maps, superpixels and masks as small grids of bytes, so that a page can hold those of thousands of cases.

A map is stored as block means on at most 56 rows and columns, superpixels and masks on at most 112. Strength is
stored as its square root, so that the weak parts of a map keep their order too. All grids of a case are one run of
bytes: each byte is the difference to the one before it, and the whole is packed with gzip.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audit.record import Heat, Mask
from audit.report import figures

COARSE, FINE = 56, 112

Bytes = NDArray[np.uint8]

_GZIP = pa.Codec("gzip", compression_level=9)  # pyarrow brings its own: the same bytes on every system


def shape(height: int, width: int, side: int) -> tuple[int, int]:
    """Rows and columns of the grid of a picture: the longer side has ``side``, and never more than the picture.

    >>> shape(224, 224, 56), shape(64, 128, 56), shape(32, 32, 56)
    ((56, 56), (28, 56), (32, 32))
    """
    factor = min(1.0, side / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _edges(length: int, cells: int) -> NDArray[np.int64]:
    return np.linspace(0, length, cells + 1).round().astype(np.int64)


def block_means(heat: NDArray[np.floating], cells: tuple[int, int]) -> NDArray[np.float64]:
    """The mean of a map in each cell of a grid.

    >>> block_means(np.array([[1.0, 3.0], [5.0, 7.0]]), (1, 2)).tolist()
    [[3.0, 5.0]]
    """
    rows, columns = (_edges(n, k) for n, k in zip(heat.shape, cells, strict=True))
    sums = np.add.reduceat(np.add.reduceat(np.asarray(heat, np.float64), rows[:-1], 0), columns[:-1], 1)
    return np.asarray(sums / np.outer(np.diff(rows), np.diff(columns)))


def levels(heat: Heat, *, signed: bool, clip: bool) -> Bytes:
    """A map's strength on the coarse grid, over its own strongest cell: 255 sqrt(s), or 128 +- 127 sqrt(|s|).

    >>> levels(np.array([[0.0, 0.25, 1.0]], np.float32), signed=False, clip=False).tolist()
    [[0, 128, 255]]
    >>> levels(np.array([[-1.0, 0.0, 0.25]], np.float32), signed=True, clip=False).tolist()
    [[1, 128, 192]]
    """
    scaled = figures.strength(np.asarray(heat, np.float32), clip=clip)
    means = block_means(scaled if signed else np.abs(scaled), shape(heat.shape[0], heat.shape[1], COARSE))
    top = float(np.abs(means).max(initial=0.0))
    root = np.sign(means) * np.sqrt(np.abs(means) / top) if top > 0 else means
    return np.asarray(np.floor((128 + 127 * root if signed else 255 * root) + 0.5), np.uint8)


def sampled(plane: NDArray[Any]) -> NDArray[Any]:
    """Labels or a mask at the middle of each cell of the fine grid."""
    picks = []
    for length, cells in zip(plane.shape, shape(plane.shape[0], plane.shape[1], FINE), strict=True):
        edges = _edges(length, cells)
        picks.append((edges[:-1] + edges[1:]) // 2)
    return np.asarray(plane[np.ix_(*picks)])


def labels(segments: NDArray[np.integer]) -> Bytes:
    """Superpixels on the fine grid: the low bytes of all labels, then the high bytes."""
    fine = sampled(segments).astype(np.uint16)
    return np.concatenate([(fine & 255).ravel(), (fine >> 8).ravel()]).astype(np.uint8)


def bits(mask: Mask) -> Bytes:
    """A mask on the fine grid, eight cells a byte, the first in the highest bit."""
    return np.packbits(sampled(mask).ravel())


def pack(planes: Iterable[Bytes]) -> str:
    """Grids one after the other, as differences, packed and written in letters."""
    flat = [np.asarray(p, np.uint8).ravel() for p in planes]
    whole = np.concatenate(flat) if flat else np.zeros(0, np.uint8)
    steps = np.diff(whole, prepend=np.uint8(0))
    return letters(_GZIP.compress(steps.tobytes(), asbytes=True))


def letters(content: bytes) -> str:
    """Bytes in base64."""
    return base64.b64encode(content).decode("ascii")
