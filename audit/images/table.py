"""A CSV file -> its rows with their line numbers, or one clear error."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from audit.errors import DataError


def read_table(path: Path, image: str, label: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and each row with the number of its first line; cells stripped, empty lines left out.

    ``image`` and ``label`` are two column names: the separator is the one that finds them.

    Raises:
        DataError: not there, not UTF-8, NUL bytes, a cell of more than 131072 characters, an open
        quotation mark.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"the manifest cannot be read: {error.strerror}", where=str(path)) from error
    save = "save it as CSV, UTF-8"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError("the manifest is UTF-16, not UTF-8", where=str(path), todo=save)
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise DataError("there is a NUL byte: this is not text", where=f"{path.name}:{line}", todo=save)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError("this is not UTF-8 text", where=f"{path.name}:{line}", todo=save) from error
    separator = _separator(text, image, label)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows, before = [], 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((before + 1, [cell.strip() for cell in cells]))
            before = reader.line_num
    except csv.Error as error:
        raise DataError(
            f"this is not CSV: {error}", where=f"{path.name}:{before + 1}", todo="is a quotation mark open?"
        ) from error
    if not rows:
        raise DataError("the manifest is empty", where=str(path))
    return rows[0][1], rows[1:]


def _separator(text: str, image: str, label: str) -> str:
    """The one that finds the image and label columns in the first line; else the comma."""
    first = text.lstrip("\r\n").partition("\n")[0]

    def score(separator: str) -> int:
        names = [name.strip().strip('"') for name in first.split(separator)]
        return 2 * (image in names) + 2 * (label in names) + (len(names) > 1)

    return max(",;\t", key=score)
