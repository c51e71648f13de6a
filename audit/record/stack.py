"""A stack of arrays on disk, one row a case, written row by row.

Rows are written through the file and not through memory: a disk that is full is then an error that can be told, and
not the end of the process. Rows that were never written take no room.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def scratch(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Zeros in a file that nobody else sees and that is gone with them: what grows with the cases is not held."""
    if 0 in shape:
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile() as file:
        return np.asarray(np.memmap(file, dtype, "w+", shape=shape))


class Stack:
    """``(n, ...)`` of one type in a ``.npy`` file. One that is there already, of this shape and type, is taken up."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: Any, *, empty: float = 0) -> None:
        """Take up the stack, or make it.

        Args:
            path: the file.
            shape: of all rows together, ``(n, ...)``.
            dtype: of its numbers.
            empty: what a row holds that was never written.
        """
        self.path, self.shape, self.dtype = path, shape, np.dtype(dtype)
        if not self._there():
            self._make(empty)
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
            self._start = file.tell()
        self._unsettled = False
        self._bytes = int(np.prod(shape[1:], dtype=int)) * self.dtype.itemsize

    def _there(self) -> bool:
        try:
            found = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError):
            return False
        return bool(found.shape == self.shape and found.dtype == self.dtype)

    def _make(self, empty: float) -> None:
        self.path.parent.mkdir(exist_ok=True)
        # several processes may find it missing at once: each makes its own, and the first one is kept
        half = self.path.with_name(f"{self.path.name}.{uuid.uuid4().hex}.part")
        with half.open("wb") as file:
            head = {
                "descr": np.lib.format.dtype_to_descr(self.dtype),
                "fortran_order": False,
                "shape": self.shape,
            }
            np.lib.format.write_array_header_1_0(file, head)
            if empty == 0:
                size = int(np.prod(self.shape, dtype=int)) * self.dtype.itemsize
                file.truncate(file.tell() + size)
            else:
                row = np.full(self.shape[1:], empty, self.dtype).tobytes()
                for _ in range(self.shape[0]):
                    file.write(row)
        try:
            os.link(half, self.path)
        except OSError:
            if not self._there():
                half.replace(self.path)
        half.unlink(missing_ok=True)

    def __len__(self) -> int:
        return self.shape[0]

    def __setitem__(self, row: int, values: Any) -> None:
        """Write a whole row; a single number fills it.

        Raises:
            OSError: the disk is full, or the file is gone.
        """
        self._unsettled = True
        data = np.broadcast_to(np.asarray(values, self.dtype), self.shape[1:]).tobytes()
        with self.path.open("r+b", buffering=0) as file:
            file.seek(self._start + row * self._bytes)
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]

    def __getitem__(self, row: int) -> NDArray[Any]:
        """A row, read into memory."""
        count = self._bytes // self.dtype.itemsize
        found = np.fromfile(self.path, self.dtype, count, offset=self._start + row * self._bytes)
        return found.reshape(self.shape[1:])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All rows, read from disk as they are used."""
        found: NDArray[Any] = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return found if dtype is None or dtype == self.dtype else found.astype(dtype)

    def settle(self) -> None:
        """See that what was written outlives a loss of power."""
        if self._unsettled:
            with self.path.open("r+b") as file:
                os.fsync(file.fileno())
        self._unsettled = False
