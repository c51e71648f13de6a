"""Tables of rows: the bytes that pyarrow gives, without holding the rows."""

from __future__ import annotations

import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit.record import tables
from audit.record.nouns import Extent


def rows(count):
    for i in range(count):
        yield Extent(
            case=f"c{i}", region="tag", present=i % 3 == 0, area=i / count, mean=None, spread=0.5, why=None
        )


@pytest.mark.parametrize("count", [0, 1, tables.AT_ONCE, tables.AT_ONCE + 1, tables.GROUP + 5])
def test_rows_that_come_one_by_one_give_the_bytes_of_rows_that_are_there(tmp_path, count):
    tables.write(tmp_path / "a.parquet", Extent, rows(count))
    there = [vars(row) for row in rows(count)]
    with pq.ParquetWriter(tmp_path / "b.parquet", tables.schema(Extent), compression="zstd") as file:
        for start in range(0, count, tables.GROUP):
            part = there[start : start + tables.GROUP]
            file.write_table(pa.Table.from_pylist(part, schema=tables.schema(Extent)))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_many_rows_are_written_with_the_memory_of_a_few(tmp_path):
    most = {}
    for count in (2 * tables.AT_ONCE, 16 * tables.AT_ONCE):
        tracemalloc.start()
        tables.write(tmp_path / "a.parquet", Extent, rows(count))
        most[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    few, many = most.values()
    assert many < 2 * few
