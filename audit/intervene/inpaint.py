"""Painting a region over from what surrounds it: the membrane that its rim spans.

Inside the region every pixel becomes the mean of its four neighbours (Laplace's equation with the rim as
boundary, free at the picture's frame). It brings in no colour, edge or texture of its own, which a black or grey box
would; it cannot bring back texture either, and that is what the matched control places measure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu

from audit.record import Image, Mask

HALO = 0.01  # of the shorter side: a tight mask leaves the rim of what it should take away
REMEMBERED = 128 << 20
"""Bytes of shapes that are kept. One of a third of the picture takes about eight megabytes at 224 pixels."""

NUMBER = 16
"""Bytes that a number of a sparse matrix takes, with its place and what is kept for growing."""

SHAPE = 192 << 10
"""Bytes that a shape takes beside its numbers, however small it is: about seventy kilobytes of its own, and the holes
that factorising it leaves between what is kept; as the memory of a long run grew."""

Membrane = tuple[Any, Callable[[NDArray[np.float64]], NDArray[np.float64]], int]

_membranes: OrderedDict[bytes, Membrane] = OrderedDict()
"""Shapes met lately: a region and its control places share theirs, and corners and borders are those of every case."""


def widened(mask: Mask) -> Mask:
    """The mask and a halo of about 1 % of the shorter side, at least one pixel."""
    width = max(1, round(HALO * min(mask.shape)))
    return np.asarray(ndimage.binary_dilation(mask, iterations=width)) if mask.any() else mask


def membrane(image: Image, mask: Mask) -> Image:
    """The picture with the region painted over.

    Args:
        image: float32 ``(h, w, 3)``.
        mask: bool ``(h, w)``; where it is False the picture comes back bit for bit.

    Raises:
        ValueError: the mask covers the whole picture, so that nothing is left to paint from.

    >>> ramp = np.tile(np.linspace(0, 1, 7, dtype=np.float32)[:, None, None], (1, 7, 3))
    >>> hole = np.zeros((7, 7), bool); hole[2:5, 2:5] = True
    >>> bool(np.allclose(membrane(ramp, hole), ramp, atol=1e-6))
    True
    """
    if not mask.any():
        return image
    if mask.all():
        raise ValueError("the region covers the whole picture")
    painted = image.copy()
    parts, _ = ndimage.label(mask)
    for number, box in enumerate(ndimage.find_objects(parts), start=1):
        around = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in box)
        hole = parts[around] == number
        painted[around][hole] = _solve(image[around], hole)
    return painted


def _solve(image: Image, hole: Mask) -> NDArray[np.float32]:
    """The membrane's values at the hole's pixels. Neighbours outside the crop lie outside the picture."""
    key = hole.tobytes() + bytes(str(hole.shape), "ascii")
    if key not in _membranes:
        made = _membranes[key] = _membrane_of(hole)
        while len(_membranes) > 1 and sum(size for _, _, size in _membranes.values()) > REMEMBERED:
            _membranes.popitem(last=False)
    else:
        made = _membranes[key]
        _membranes.move_to_end(key)
    spread, solve, _ = made
    known = np.where(hole[..., None], 0, image).reshape(hole.size, -1).astype(np.float64)
    return np.asarray(solve(spread @ known), dtype=np.float32)


def _membrane_of(hole: Mask) -> Membrane:
    """For one shape: the matrix that brings the rim's values to the hole's pixels, the factorised Laplacian, and about
    how many bytes both take."""
    index = np.full(hole.shape, -1)
    index[hole] = np.arange(hole.sum())
    inside, (rows, columns) = index[hole], np.nonzero(hole)
    degree = np.zeros(len(inside))
    linked: list[NDArray[np.int64]] = []
    rim: list[NDArray[np.int64]] = []
    for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        r, c = rows + down, columns + right
        within = (r >= 0) & (r < hole.shape[0]) & (c >= 0) & (c < hole.shape[1])
        degree += within
        r, c, here = r[within], c[within], inside[within]
        both = hole[r, c]
        linked.append(np.stack([here[both], index[r[both], c[both]]]))
        rim.append(np.stack([here[~both], (r * hole.shape[1] + c)[~both]]))
    size = len(inside)
    i, j = np.concatenate(linked, axis=1)
    laplacian = sparse.diags(degree) - sparse.coo_matrix((np.ones(len(i)), (i, j)), shape=(size, size))
    to, of = np.concatenate(rim, axis=1)
    spread = sparse.csr_matrix((np.ones(len(to)), (to, of)), shape=(size, hole.size))
    symmetric = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    factors = splu(sparse.csc_matrix(laplacian), **symmetric)  # half as large as by the general way
    return spread, factors.solve, SHAPE + NUMBER * (factors.nnz + spread.nnz)
