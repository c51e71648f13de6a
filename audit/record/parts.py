"""What an unfinished run knows already, so that it can be taken up where it was left.

A run is made of parts: a walk over the cases and a number of its chunk. A part is a folder that appears in one step
when all of it is known: tables of rows, arrays, and a few facts. While a part is being made, every answer
of the model is noted in its journal; a part that is made again asks for nothing that stands there. When the run is
sealed, all parts are gone.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from audit.record import tables

FOLDER = "parts"
Row = TypeVar("Row")


class Parts:
    """The parts of one run, in ``RUN/parts``."""

    def __init__(self, run: Path) -> None:
        self.folder = run / FOLDER

    def path(self, walk: str, number: int) -> Path:
        """Where a part is, once it is known."""
        return self.folder / f"{walk}-{number:06d}"

    def done(self, walk: str, number: int) -> bool:
        """Is all of this part known?"""
        return self.path(walk, number).is_dir()

    def save(
        self,
        walk: str,
        number: int,
        *,
        rows: Mapping[type, Sequence[Any]],
        arrays: Mapping[str, NDArray[Any]],
        facts: Mapping[str, Any],
    ) -> None:
        """Keep a part in one step; its journal is needed no more."""
        whole = self.path(walk, number)
        half = whole.with_name(whole.name + ".part")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        for noun, found in rows.items():
            tables.write(half / f"{noun.__name__}.parquet", noun, found)
        for name, array in arrays.items():
            np.save(half / f"{name}.npy", array, allow_pickle=False)
        (half / "facts.json").write_text(json.dumps(dict(facts)), "utf-8")
        for file in half.iterdir():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
        half.replace(whole)
        self._journal(walk, number).unlink(missing_ok=True)

    def numbers(self, walk: str) -> list[int]:
        """The parts of a walk that are known, in order."""
        found = self.folder.glob(f"{walk}-*[0-9]") if self.folder.is_dir() else ()
        return sorted(int(p.name.rpartition("-")[2]) for p in found if p.is_dir())

    def rows(self, noun: type[Row], walk: str, number: int | None = None) -> Iterator[Row]:
        """The rows of one noun in a walk, or in one part of it, in the order in which they were kept."""
        for n in self.numbers(walk) if number is None else [number]:
            table = self.path(walk, n) / f"{noun.__name__}.parquet"
            if table.is_file():
                yield from tables.read(table, noun)

    def arrays(self, walk: str, number: int) -> dict[str, NDArray[Any]]:
        """The arrays of a part by name."""
        files = sorted(self.path(walk, number).glob("*.npy"))
        return {file.stem: np.load(file, allow_pickle=False) for file in files}

    def facts(self, walk: str, number: int) -> dict[str, Any]:
        """The facts of a part."""
        found: dict[str, Any] = json.loads((self.path(walk, number) / "facts.json").read_text("utf-8"))
        return found

    def journal(self, walk: str, number: int) -> Journal:
        """The answers that are known of a part in the making."""
        self.folder.mkdir(exist_ok=True)
        return Journal(self._journal(walk, number))

    def _journal(self, walk: str, number: int) -> Path:
        return self.folder / f"{walk}-{number:06d}.journal"

    def remove(self) -> None:
        """Take all parts away: the run has what was in them."""
        shutil.rmtree(self.folder, ignore_errors=True)


HEAD = struct.Struct("<32sII")
SEAL = 8
SETTLED = 1.0
"""Seconds between two times at which the journal is made safe against a loss of power."""


class Journal:
    """Batches of answers by the digest of what was asked. What was half written when the run died is cut off."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[bytes, NDArray[np.float64]] = {}
        self._file = path.open("a+b")
        self._file.seek(0)
        whole = 0
        for key, answers, end in _records(self._file.read()):
            self._known[key], whole = answers, end
        self._file.truncate(whole)
        self._safe = time.monotonic()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: bytes) -> NDArray[np.float64] | None:
        """The answers ``(n, k)`` to a batch, None where it was not asked yet."""
        return self._known.get(key)

    def add(self, key: bytes, answers: NDArray[np.float64]) -> None:
        """Note the answers to a batch; they outlive the process from here on."""
        data = np.ascontiguousarray(answers, np.float64)
        record = HEAD.pack(key, *data.shape) + data.tobytes()
        self._file.write(record + _seal(record))
        self._file.flush()
        if time.monotonic() - self._safe > SETTLED:
            os.fsync(self._file.fileno())
            self._safe = time.monotonic()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _seal(record: bytes) -> bytes:
    return hashlib.blake2b(record, digest_size=SEAL).digest()


def _records(data: bytes) -> Iterator[tuple[bytes, NDArray[np.float64], int]]:
    """Whole records from the start, and where each ends."""
    at = 0
    while at + HEAD.size <= len(data):
        key, rows, columns = HEAD.unpack_from(data, at)
        end = at + HEAD.size + 8 * rows * columns
        if data[end : end + SEAL] != _seal(data[at:end]):
            return
        answers = np.frombuffer(data, np.float64, rows * columns, at + HEAD.size).reshape(rows, columns)
        at = end + SEAL
        yield key, answers.copy(), at
