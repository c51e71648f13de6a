"""Localisation measures against drawings and a slow definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from audit.errors import Undefined
from audit.measure.localisation import (
    EMPTY,
    METRICS,
    NO_POSITIVE,
    REASONS,
    ZERO,
    density,
    mass,
    net,
    pointing,
    rank,
    score,
)


def heat(drawing: str) -> np.ndarray:
    """Digits are evidence for, letters evidence against (a is 1), dots nothing."""
    value = {".": 0.0} | {str(d): float(d) for d in range(10)} | {c: -float(ord(c) - 96) for c in "abcdefgh"}
    return np.array([[value[c] for c in row] for row in drawing.split()], np.float32)


def mask(drawing: str) -> np.ndarray:
    return np.array([[c == "#" for c in row] for row in drawing.split()])


def test_mass_counts_evidence_for_and_against():
    """A model that argues from a region is looking at it, whichever way it argues."""
    assert mass(heat("2a. b1."), mask("##. ...")) == 0.5


def test_net_keeps_the_sign():
    assert net(heat("2a. b1."), mask("##. ...")) == pytest.approx(1 / 6)


def test_density_is_one_where_chance_has_it():
    assert density(heat("11 11"), mask("#. ..")) == 1
    assert density(heat("4. .."), mask("#. ..")) == 4


def test_rank_of_a_map_that_is_the_mask_is_one_and_ties_share():
    assert rank(heat("9.. 8.."), mask("#.. #..")) == 1
    assert rank(heat("111 ..."), mask("#.. ...")) == pytest.approx(1 / 3)


def test_a_tied_maximum_is_no_hit_and_no_miss():
    assert pointing(heat("55 .."), mask("#. ..")) == 0.5
    assert pointing(heat("5e .."), mask("#. ..")) == 0.5


@pytest.mark.parametrize("name", METRICS)
def test_nothing_to_measure_is_not_a_number(name):
    """An empty region and an all-zero map have no value by any measure, and say why."""
    with pytest.raises(Undefined, match=EMPTY):
        METRICS[name](heat("12"), mask(".."))
    with pytest.raises(Undefined, match=ZERO):
        METRICS[name](heat(".."), mask("#."))


def test_positive_variants_need_positive_evidence():
    with pytest.raises(Undefined, match=NO_POSITIVE):
        METRICS["mass-positive"](heat("ab"), mask("#."))
    assert METRICS["mass-positive"](heat("1b"), mask("#.")) == 1


maps = hnp.arrays(np.float32, (3, 4, 5), elements=st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0]))
masks = hnp.arrays(np.bool_, (2, 4, 5))


def measured(metric, one, region) -> tuple[float, str]:
    """The measure by itself: its value, or NaN and the reason."""
    try:
        return metric(one, region), ""
    except Undefined as why:
        return float("nan"), str(why)


@settings(max_examples=150, deadline=None)
@given(maps, masks)
def test_the_pass_over_all_maps_says_what_each_measure_says(heats, regions):
    """One vectorised pass equals the measures one by one, reasons included."""
    values, reasons = score(heats, regions)
    for m, one in enumerate(heats):
        for r, region in enumerate(regions):
            for k, metric in enumerate(METRICS.values()):
                expected, why = measured(metric, one, region)
                assert values[m, r, k] == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)
                assert REASONS[reasons[m, r, k]] == why


@settings(max_examples=100, deadline=None)
@given(maps, masks)
def test_rank_and_pointing_by_counting_every_order(heats, regions):
    """The slow definition: each pixel by itself, tied pixels by their share."""
    one, region = np.abs(heats[0]).ravel(), regions[0].ravel()
    if not one.any() or not region.any():
        return
    size = region.sum()
    expected = 0.0
    for pixel in np.flatnonzero(region):
        above, level = (one > one[pixel]).sum(), (one == one[pixel]).sum()
        expected += min(1.0, max(0.0, (size - above) / level))
    assert rank(heats[0], regions[0]) == pytest.approx(expected / size)
