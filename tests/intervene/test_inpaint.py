"""The membrane against Laplace's equation, drawings, and pictures whose truth is known."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from audit.intervene import inpaint
from audit.intervene.inpaint import membrane, widened


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.bool_, (9, 11)), st.integers(0, 99))
def test_every_painted_pixel_is_the_mean_of_its_neighbours_and_no_other_moves(mask, seed):
    image = np.random.default_rng(seed).random((9, 11, 3)).astype(np.float32)
    if mask.all():
        return
    painted = membrane(image, mask)
    assert (painted[~mask] == image[~mask]).all()
    for r, c in np.argwhere(mask):
        near = [(r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)]
        near = [painted[p] for p in near if 0 <= p[0] < 9 and 0 <= p[1] < 11]
        assert painted[r, c] == pytest.approx(np.mean(near, 0), abs=1e-5)


def test_a_slope_is_restored_exactly():
    rows, columns = np.mgrid[:20, :30] / 30
    image = np.stack([rows, columns, (rows + columns) / 2], 2).astype(np.float32)
    mask = np.zeros((20, 30), bool)
    mask[5:12, 8:20] = True
    assert np.abs(membrane(image, mask) - image).max() < 1e-6


def test_a_tag_on_black_is_gone():
    image = np.zeros((32, 32, 3), np.float32)
    image[4:8, 4:14] = 1
    assert membrane(image, widened(image[..., 0] > 0)).max() == 0


def test_the_whole_picture_cannot_be_painted_over():
    with pytest.raises(ValueError, match="whole"):
        membrane(np.zeros((4, 4, 3), np.float32), np.ones((4, 4), bool))


def test_the_halo_is_a_hundredth_of_the_side_and_at_least_a_pixel():
    mask = np.zeros((300, 300), bool)
    mask[150, 150] = True
    assert widened(mask).any(0).sum() == 7
    assert widened(mask[::10, ::10]).any(0).sum() == 3


def test_the_shapes_that_are_kept_take_no_more_than_their_room(monkeypatch):
    monkeypatch.setattr(inpaint, "_membranes", OrderedDict())
    monkeypatch.setattr(inpaint, "REMEMBERED", 200_000)
    image = np.random.default_rng(0).random((64, 64, 3)).astype(np.float32)
    painted, held = [], []
    for side in (*range(8, 40), 8):  # a region of forty pixels a side takes nearly all of the room by itself
        mask = np.zeros((64, 64), bool)
        mask[4 : 4 + side, 4 : 4 + side] = True
        painted.append(membrane(image, mask))
        held.append(sum(size for *_, size in inpaint._membranes.values()))
    assert max(held) <= 200_000 or len(inpaint._membranes) == 1
    assert len(inpaint._membranes) < 33
    assert (painted[0] == painted[-1]).all(), "what was let go of is made again"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell")
def test_small_shapes_are_counted_for_what_they_take(monkeypatch):
    """A factorisation of twenty pixels takes seventy kilobytes; the system's own count is the truth."""
    monkeypatch.setattr(inpaint, "_membranes", OrderedDict())
    rng, image = np.random.default_rng(0), np.zeros((7, 7, 3), np.float32)
    holes = [np.pad(rng.random((6, 6)) < 0.9, ((1, 0), (1, 0))) for _ in range(600)]
    for hole in holes[:100]:
        membrane(image, hole)
    before, few = private(), sum(size for *_, size in inpaint._membranes.values())
    for hole in holes[100:]:
        membrane(image, hole)
    counted = sum(size for *_, size in inpaint._membranes.values()) - few
    assert private() - before < 2 * counted


def private() -> int:
    """Bytes of this process that lie in no file."""
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("RssAnon"))
    return 1024 * int(line.split()[1])
