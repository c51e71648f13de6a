"""What an earlier audit found now here, now there: a mask for each of its cases, in one file.

In ``audit.yaml``, among the regions: ``{name: ink, mask: found/ink.npz}``. A case that was not in that audit has no
mask here, so nobody knows whether it bears it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audit.errors import DataError, Undefined
from audit.images.grid import Grid
from audit.record.files import sha256
from audit.record.nouns import Mask

SUFFIX = ".npz"
LARGEST = 1 << 33
"""Pixels of all masks together: a file that says it holds more is not read."""

UNKNOWN = "this case was not in the audit that found it"


def write(path: Path, cases: Sequence[str], masks: NDArray[np.bool_], *, how: str) -> None:
    """Keep masks ``(n, h, w)`` of cases in a file. ``how``: by which way they were found."""
    np.savez_compressed(
        path,
        cases=np.array(list(cases)),
        size=np.array(masks.shape),
        how=np.array(how),
        masks=np.packbits(masks),
    )


def how(path: Path) -> str:
    """By which way a file's masks were found.

    Raises:
        DataError: it is no such file.
    """
    return _read(path, sha256(path))[1]


def mask(path: Path, digest: str, case: str, grid: Grid) -> Mask:
    """A case's mask on the grid, ``(h, w)``; an empty one says that the case does not bear it.

    Raises:
        Undefined: the case was not in the audit that found it.
        DataError: the file is gone, or is no longer the one that the region was made from.
    """
    if not path.is_file() or sha256(path) != digest:
        raise DataError("these masks are gone or were changed while the audit ran", where=str(path))
    rows, _, masks = _read(path, digest)
    if case not in rows:
        raise Undefined(UNKNOWN)
    return grid.mask(masks[rows[case]])


@lru_cache(maxsize=4)
def _read(path: Path, digest: str) -> tuple[Mapping[str, int], str, NDArray[np.bool_]]:
    """Each case's row, how they were found, and the masks."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            cases, size, found = kept["cases"].tolist(), kept["size"].tolist(), str(kept["how"])
            count = int(np.prod(size, dtype=object))
            fits = len(size) == 3 and len(cases) == size[0] and min(size) > 0 and count <= LARGEST
            packed = kept["masks"] if fits else np.zeros(0, np.uint8)
            if len(packed) != -(-count // 8):
                raise ValueError("its numbers do not fit")
            masks = np.unpackbits(packed, count=count).reshape(size).astype(bool)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"it holds no masks of an earlier audit: {error}", where=str(path)) from error
    return {str(case): row for row, case in enumerate(cases)}, found, masks
