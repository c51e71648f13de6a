"""Arrays that lie in a file of their own while they are used."""

from __future__ import annotations

import tempfile
import tracemalloc

import numpy as np

from audit.record.stack import scratch


def test_a_scratch_array_is_zeros_that_can_be_written_and_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tracemalloc.start()
    found = scratch((300, 64, 64), np.float64)
    found[7] += 2
    assert tracemalloc.get_traced_memory()[1] < 1e6  # and not 9.8 MB
    tracemalloc.stop()
    assert (found.shape, found.dtype, type(found)) == ((300, 64, 64), np.float64, np.ndarray)
    assert found.sum() == 2 * 64 * 64
    assert not list(tmp_path.iterdir())
    assert scratch((0, 4), bool).shape == (0, 4)
