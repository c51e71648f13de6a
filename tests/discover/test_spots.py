"""Densities, cells, ranks and hot spots, on drawings."""

from __future__ import annotations

import numpy as np
import pytest

from audit.discover.looked import AT_ONCE, cells, density, looked, mean
from audit.discover.spots import LARGEST, SMALLEST, enrichment, one_place, overlap, scores, spot


def disc(size, row, column, radius):
    rows, columns = np.mgrid[:size, :size]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def test_a_density_is_one_on_average_and_has_no_sign():
    heat = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    off = disc(64, 20, 20, 6)
    found = density(heat, off, 1)
    assert found[~off].mean() == pytest.approx(1, abs=1e-5)
    assert (found[off] == 0).all()
    assert np.allclose(found, density(-3 * heat, off, 1), atol=1e-5)
    assert density(np.zeros((64, 64), np.float32), off, 1) is None
    assert density(heat, np.ones((64, 64), bool), 1) is None


def test_large_maps_are_made_small_and_masks_large_again():
    """224 pixels are looked at as 75 blocks of three; a block's mask covers its pixels and no others."""
    heats = np.random.default_rng(0).random((2, 224, 200)).astype(np.float16)
    found = looked({"a": heats}, None, None)
    assert found.density["a"].shape == (2, 75, 67)
    small = np.zeros((75, 67), bool)
    small[74, 66] = small[0, 1] = True
    large = found.large(small)
    assert large.shape == (224, 200)
    assert (large[222:, 198:].all(), large[:3, 3:6].all(), large.sum()) == (True, True, 2 * 2 + 9)


def test_a_family_counts_once_and_rows_of_zeros_are_no_map():
    rng = np.random.default_rng(0)
    heats = {n: rng.random((3, 64, 64)).astype(np.float32) for n in "abc"}
    heats["c"][1] = 0
    found = looked(heats, None, None, families={"a": "gradient", "b": "gradient", "c": "cam"})
    assert list(found.density) == ["gradient", "cam"]
    assert found.known["cam"].tolist() == [True, False, True]
    both = (found.density["gradient"] + found.density["cam"]) / 2
    assert np.allclose(found.consensus()[[0, 2]], both[[0, 2]], atol=1e-6)
    assert np.allclose(found.consensus()[1], found.density["gradient"][1], atol=1e-6)


def test_cells_are_the_slow_means():
    rng = np.random.default_rng(0)
    stack, off = rng.random((2, 50, 40)), rng.random((2, 50, 40)) < 0.3
    got = cells(stack, off)
    for row in range(16):
        for column in range(16):
            block = np.s_[row * 50 // 16 : (row + 1) * 50 // 16, column * 40 // 16 : (column + 1) * 40 // 16]
            free = ~off[0][block]
            if free.mean() < 0.5:
                assert np.isnan(got[0, row, column])
            else:
                assert got[0, row, column] == pytest.approx(stack[0][block][free].mean())


def test_scores_are_savages_and_gaps_are_neutral():
    """Of four cells: -log(1 - r/5) for rank r, less its mean; each case sums to nothing."""
    four = np.array([[[1.0, 4.0], [3.0, 2.0]], [[1.0, np.nan], [3.0, 2.0]], [[5.0, 5.0], [5.0, 5.0]]])
    got = scores(four)
    want = -np.log(1 - np.array([1, 4, 3, 2]) / 5)
    assert np.allclose(got[0].ravel(), want - want.mean())
    assert got[1, 0, 1] == 0
    assert got[1].sum() == pytest.approx(0)
    assert got[1, 1, 0] == got[1].max()
    assert (got[2] == 0).all()


def maps(count, rng, where, share):
    """Noise, with a blob at one place in a share of the cases."""
    heats = rng.gamma(1.0, size=(count, 64, 64)).astype(np.float32)
    for heat in heats[: round(share * count)]:
        heat[disc(64, *where, 4)] += 5
    return heats


def test_one_place_is_found_and_noise_passes_the_bar_one_time_in_twenty():
    rng = np.random.default_rng(0)
    false = 0
    for trial in range(60):
        values = scores(cells(rng.gamma(1.0, size=(40, 32, 32))))
        beyond, bar = one_place(values, np.full((1, 40), 1 / 40), rng=np.random.default_rng(trial))
        false += bool((beyond > bar).any())
    assert false <= 8  # 3 expected; 8 or fewer in 99.7 % of such sets
    values = scores(cells(maps(60, rng, (12, 50), 0.3)))
    beyond, bar = one_place(values, np.full((1, 60), 1 / 60), rng=np.random.default_rng(0))
    hot = np.argwhere(beyond[0] > bar)
    assert len(hot)
    assert (np.abs(hot * 4 + 1.5 - (12, 50)) <= 6).all()


def test_blobs_at_moving_places_are_no_place():
    rng = np.random.default_rng(1)
    heats = rng.gamma(1.0, size=(60, 64, 64))
    for heat in heats:
        heat[disc(64, *rng.integers(6, 58, 2), 4)] += 5
    beyond, bar = one_place(scores(cells(heats)), np.full((1, 60), 1 / 60), rng=np.random.default_rng(0))
    assert (beyond > bar).sum() <= 1


@pytest.mark.parametrize(("radius", "height"), [(1, 30), (4, 10), (8, 10), (20, 3)])
def test_a_spot_is_compact_and_lies_on_its_blob(radius, height):
    heat = np.ones((64, 64))
    blob = disc(64, 20, 40, radius)
    heat[blob] += height - 0.01 * np.hypot(*(np.argwhere(blob) - (20, 40)).T)
    found = spot(heat)
    assert SMALLEST * 0.9 <= found.mean() <= LARGEST * 1.1
    assert found[20, 40]
    assert overlap(found, blob) > 0.95


def test_a_spot_keeps_off_what_is_off_and_flat_maps_have_none():
    heat = np.ones((64, 64))
    heat[disc(64, 20, 40, 8)] = 9
    off = disc(64, 20, 40, 6)
    found = spot(heat, off=off)
    assert found.any()
    assert not (found & off).any()
    assert spot(np.ones((64, 64))) is None
    assert spot(heat, off=np.ones((64, 64), bool)) is None


def test_what_is_worked_on_in_parts_is_what_it_is_case_by_case():
    rng, count = np.random.default_rng(1), 2 * AT_ONCE + 3
    stack, off = rng.random((count, 12, 10)).astype(np.float32), rng.random((count, 12, 10)) < 0.3
    asked = [0, AT_ONCE - 1, AT_ONCE, count - 1]
    for got, how in (
        (cells(stack, off, grid=4), lambda row: cells(stack[[row]], off[[row]], grid=4)[0]),
        (enrichment(stack, off), lambda row: stack[row][off[row]].mean(dtype=float)),
    ):
        assert len(got) == count
        assert all(np.allclose(got[row], how(row), equal_nan=True) for row in asked)
    rows = np.flatnonzero(rng.random(count) < 0.5)
    assert np.allclose(mean(stack, rows, np.float64), stack[rows].astype(float).mean(0))


def test_enrichment_is_the_mean_density_inside():
    densities = np.random.default_rng(0).random((2, 8, 8))
    mask = disc(8, 3, 3, 2)
    assert enrichment(densities, mask)[1] == pytest.approx(densities[1][mask].mean())
    assert enrichment(densities, np.zeros((2, 8, 8), bool)).tolist() == [0, 0]
