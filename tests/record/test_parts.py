"""What an unfinished run keeps: stacks, parts and the journal of answers, cut off anywhere."""

from __future__ import annotations

import errno

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.record import Extent, Failure
from audit.record.parts import Journal, Parts
from audit.record.stack import Stack


def test_a_stack_is_the_npy_file_that_numpy_reads(tmp_path):
    stack = Stack(tmp_path / "maps" / "a.npy", (5, 3, 2), np.float16)
    rows = np.random.default_rng(0).random((5, 3, 2)).astype(np.float16)
    for row in (3, 0, 4):
        stack[row] = rows[row]
    stack.settle()
    found = np.load(stack.path)
    assert np.array_equal(found[[0, 3, 4]], rows[[0, 3, 4]])
    assert not found[[1, 2]].any()
    assert np.array_equal(stack[3], rows[3])
    assert np.array_equal(np.asarray(stack), found)
    again = Stack(stack.path, (5, 3, 2), np.float16)
    assert np.array_equal(np.asarray(again), found), "a stack of this shape is taken up as it is"
    other = Stack(stack.path, (4, 3, 2), np.float16)
    assert not np.asarray(other).any(), "one of another shape is made anew"


@pytest.mark.parametrize("dtype", [np.float32, np.bool_, np.uint16])
def test_what_was_never_written_is_what_was_said(tmp_path, dtype):
    empty = np.nan if dtype is np.float32 else 0
    stack = Stack(tmp_path / "a.npy", (3, 4), dtype, empty=empty)
    stack[1] = 1
    whole = np.full((3, 4), empty, dtype)
    whole[1] = 1
    assert np.array_equal(np.load(stack.path), whole, equal_nan=dtype is np.float32)


def test_a_full_disk_is_an_error_and_not_a_crash():
    """/dev/full takes no byte."""
    stack = Stack.__new__(Stack)
    from pathlib import Path

    stack.path, stack.shape, stack.dtype = Path("/dev/full"), (2, 4), np.dtype(np.float32)
    stack._start, stack._bytes, stack._unsettled = 0, 16, False
    with pytest.raises(OSError, match="No space left") as caught:
        stack[0] = 1
    assert caught.value.errno == errno.ENOSPC


def test_a_part_is_there_whole_or_not_at_all(tmp_path):
    parts = Parts(tmp_path)
    row = Extent(case="a", region="tag", present=True, area=0.1, mean=0.123456789012345678, spread=None)
    lost = Failure(case="a", stage="read", error="gone")
    half = tmp_path / "parts" / "looked-000003.part"
    half.mkdir(parents=True)
    assert not parts.done("looked", 3)
    arrays = {"design.7": np.eye(3, dtype=bool)}
    parts.save(
        "looked", 3, rows={Extent: [row], Failure: [lost]}, arrays=arrays, facts={"passes": {"predict": 2}}
    )
    parts.save("looked", 11, rows={Extent: [row, row]}, arrays={}, facts={})
    assert parts.done("looked", 3)
    assert parts.numbers("looked") == [3, 11]
    assert list(parts.rows(Extent, "looked")) == [row, row, row]
    assert list(parts.rows(Extent, "looked", 11)) == [row, row]
    assert list(parts.rows(Failure, "looked")) == [lost]
    assert np.array_equal(parts.arrays("looked", 3)["design.7"], np.eye(3))
    assert parts.facts("looked", 3) == {"passes": {"predict": 2}}
    parts.remove()
    assert not parts.done("looked", 3)


@settings(deadline=None)  # disks wait
@given(
    shapes=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 5)), min_size=1, max_size=6),
    data=st.data(),
)
def test_a_journal_cut_at_any_byte_holds_the_answers_before_it(tmp_path_factory, shapes, data):
    path = tmp_path_factory.mktemp("journal") / "a.journal"
    rng = np.random.default_rng(len(shapes))
    told = [(rng.bytes(32), rng.random(shape)) for shape in shapes]
    journal, ends = Journal(path), [0]
    for key, answers in told:
        journal.add(key, answers)
        ends.append(path.stat().st_size)
    journal.close()
    cut = data.draw(st.integers(0, ends[-1]))
    path.write_bytes(path.read_bytes()[:cut])
    left = Journal(path)
    whole = sum(end <= cut for end in ends[1:])
    assert len(left) == whole
    for number, (key, answers) in enumerate(told):
        known = left.get(key)
        assert (known is None) == (number >= whole)
        assert known is None or np.array_equal(known, answers)
    left.add(b"x" * 32, np.ones((1, 2)))
    left.close()
    again = Journal(path)
    assert len(again) == whole + 1, "what is noted after the cut is read again"
    again.close()


def test_a_journal_with_a_changed_byte_is_not_believed_from_there_on(tmp_path):
    journal = Journal(tmp_path / "a.journal")
    for number in range(3):
        journal.add(bytes([number]) * 32, np.full((2, 2), number / 7))
    journal.close()
    data = bytearray(journal.path.read_bytes())
    data[len(data) // 2] ^= 1
    journal.path.write_bytes(bytes(data))
    left = Journal(journal.path)
    assert len(left) == 1
    left.close()
