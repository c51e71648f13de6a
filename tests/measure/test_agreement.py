"""Agreement of explainers against scipy and drawings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from audit.measure.agreement import coarse, pairs


def test_rank_correlation_is_scipys():
    heats = np.random.default_rng(0).random((4, 20, 24))
    correlation, _ = pairs(heats)
    for i in range(4):
        for j in range(4):
            expected = spearmanr(heats[i].ravel(), heats[j].ravel()).statistic
            assert correlation[i, j] == pytest.approx(expected)


def test_top_overlap_is_jaccard_of_the_highest_tenth():
    a = np.zeros((10, 10))
    a[0] = np.arange(1, 11)
    b = np.zeros((10, 10))
    b[0, :5] = a[0, :5] + 50
    b[1, :5] = 3
    _, overlap = pairs(np.stack([a, a, b]))
    assert overlap[0, 1] == 1
    assert overlap[0, 2] == pytest.approx(5 / 15)


def test_a_flat_map_agrees_with_nothing():
    heats = np.stack([np.zeros((8, 8)), np.random.default_rng(0).random((8, 8)), -np.ones((8, 8))])
    correlation, overlap = pairs(heats)
    assert np.isnan(correlation[0]).all()
    assert np.isnan(overlap[:, 2]).all()
    assert correlation[1, 1] == pytest.approx(1)


def test_the_coarse_grid_holds_block_means_whatever_the_size():
    heat = np.random.default_rng(0).random((1, 50, 97))
    cells = coarse(heat).reshape(32, 32)
    rows = np.linspace(0, 50, 33).round().astype(int)
    columns = np.linspace(0, 97, 33).round().astype(int)
    for r, c in ((0, 0), (31, 31), (7, 20)):
        block = heat[0, rows[r] : rows[r + 1], columns[c] : columns[c + 1]]
        assert cells[r, c] == pytest.approx(block.mean())


def test_a_pairs_figure_does_not_depend_on_the_other_maps():
    heats = np.random.default_rng(1).random((5, 40, 40))
    assert pairs(heats)[0][0, 1] == pairs(heats[:2])[0][0, 1]
