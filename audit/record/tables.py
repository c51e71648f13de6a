"""Rows to parquet and back. A table holds one kind of noun; a column is a field; None stays None."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import islice
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

Row = TypeVar("Row")

_TYPES: dict[Any, pa.DataType] = {
    str: pa.string(),
    float: pa.float64(),
    int: pa.int64(),
    bool: pa.bool_(),
}


def _arrow(hint: Any) -> pa.DataType:
    """The column's type for a field's annotation: a plain type, an optional one, or a tuple of one."""
    if get_origin(hint) is tuple:
        return pa.list_(_TYPES[get_args(hint)[0]])
    if isinstance(hint, UnionType):
        hint = next(arg for arg in get_args(hint) if arg is not type(None))
    return _TYPES.get(hint, pa.string())  # a Literal is text


def schema(noun: type) -> pa.Schema:
    """The columns of a table of ``noun``.

    >>> from audit.record.nouns import Extent
    >>> schema(Extent).field("area").type
    DataType(double)
    """
    hints = get_type_hints(noun)
    return pa.schema([(f.name, _arrow(hints[f.name])) for f in fields(noun)])


GROUP = 65_536
"""Rows that are written at a time, whatever gives them, so that the same rows give the same bytes."""

AT_ONCE = 1024
"""Rows that are held as such; the others of their group are held in columns, which take a tenth of the memory."""


def write(path: Path, noun: type[Row], rows: Iterable[Row]) -> None:
    """Write rows of one noun as they come; the same rows give the same bytes."""
    half, columns, left = path.with_name(path.name + ".part"), schema(noun), iter(rows)
    with pq.ParquetWriter(half, columns, compression="zstd") as writer:
        while held := list(islice(_columns(left, columns), GROUP // AT_ONCE)):
            writer.write_table(pa.concat_tables(held).combine_chunks())
    half.replace(path)


def _columns(rows: Iterator[Any], columns: pa.Schema) -> Iterator[pa.Table]:
    while some := [vars(row) for row in islice(rows, AT_ONCE)]:
        yield pa.Table.from_pylist(some, schema=columns)


def write_arrow(path: Path, table: pa.Table) -> None:
    """Write a table in one piece."""
    write_blocks(path, table.schema, [table])


def write_blocks(path: Path, columns: pa.Schema, blocks: Iterable[pa.Table]) -> None:
    """Write a table that is made block by block, none of which is held longer than it takes to write it.

    It goes through a neighbour and is renamed, so that a reader never meets half a table.
    """
    half = path.with_name(path.name + ".part")
    with pq.ParquetWriter(half, columns.remove_metadata(), compression="zstd") as file:
        for block in blocks:
            file.write_table(block.replace_schema_metadata(None))
    half.replace(path)


def frame(path: Path, where: Any = None) -> pd.DataFrame:
    """The table as a data frame; missing text is None, missing numbers are NaN.

    ``where``: an expression of pyarrow over the columns; the rows for which it holds are read, and no others.
    """
    found: pd.DataFrame = pq.read_table(path, filters=where).to_pandas()
    return found


def blocks(path: Path) -> Iterator[pd.DataFrame]:
    """The table block by block as it was written; text is categorical, for a block has few words and many rows."""
    with pq.ParquetFile(path) as plain:
        words = [field.name for field in plain.schema_arrow if pa.types.is_string(field.type)]
    with pq.ParquetFile(path, read_dictionary=words) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number).to_pandas()


def read(path: Path, noun: type[Row]) -> list[Row]:
    """The rows of a table as nouns."""
    lists = {f.name for f in schema(noun) if pa.types.is_list(f.type)}
    rows: Sequence[dict[str, Any]] = pq.read_table(path).to_pylist()
    return [noun(**{k: tuple(v) if k in lists else v for k, v in row.items()}) for row in rows]
