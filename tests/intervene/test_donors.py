"""Donors: the right kind of case, never the receiver, and a reason where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import Undefined
from audit.intervene.donors import Bearers, donors

KNOWN = Bearers(
    labels=["ill", "well", "well", "ill", "other"],
    bears={"tag": [True, False, None, True, True], "ruler": [False] * 5},
    patients=["a", "b", "c", "b", "d"],
)


@given(st.data())
def test_exactly_the_fitting_cases_can_be_drawn(data):
    n = data.draw(st.integers(1, 8))
    labels = data.draw(st.lists(st.sampled_from("xyz"), min_size=n, max_size=n))
    bears = data.draw(st.lists(st.sampled_from([True, False, None]), min_size=n, max_size=n))
    patients = data.draw(st.sampled_from([(), tuple(data.draw(st.sampled_from("pq")) for _ in range(n))]))
    row, count = data.draw(st.integers(0, n - 1)), data.draw(st.integers(1, 9))
    bearing, other = data.draw(st.booleans()), data.draw(st.sampled_from([True, False, None]))
    fit = set()
    for i in range(n):
        if i == row or bears[i] is None or bears[i] != bearing:
            continue
        if patients and patients[i] == patients[row]:
            continue
        if (other is True and labels[i] == labels[row]) or (other is False and labels[i] != labels[row]):
            continue
        fit.add(i)
    b = Bearers(labels=labels, bears={"r": bears}, patients=patients)
    ask = {"count": count, "bearing": bearing, "other_label": other}
    if not fit:
        with pytest.raises(Undefined):
            donors(b, "r", row, np.random.default_rng(0), **ask)
        return
    found = donors(b, "r", row, np.random.default_rng(0), **ask)
    assert set(found) <= fit
    assert len(found) == len(set(found)) == min(count, len(fit))
    assert found == donors(b, "r", row, np.random.default_rng(0), **ask)


def test_every_donor_is_drawn_as_often():
    b = Bearers(labels=["a"] * 6, bears={"r": [True] * 6})
    rng = np.random.default_rng(0)
    drawn = [i for _ in range(2000) for i in donors(b, "r", 0, rng, count=2, bearing=True, other_label=None)]
    counts = np.bincount(drawn, minlength=6)
    assert counts[0] == 0
    assert abs(counts[1:] / 2000 - 2 / 5).max() < 0.05


@pytest.mark.parametrize(
    ("region", "row", "bearing", "other", "why"),
    [
        ("ruler", 0, True, None, "no other case of another patient bears ruler"),
        ("tag", 1, False, None, "no other case of another patient is without tag"),
        ("tag", 0, True, False, None),
        ("tag", 4, True, False, "no other case of another patient with the label other bears tag"),
        ("tag", 4, False, False, "no other case of another patient with the label other is without tag"),
    ],
)
def test_the_reason_says_which_case_is_lacking(region, row, bearing, other, why):
    ask = {"count": 3, "bearing": bearing, "other_label": other}
    if why is None:
        assert donors(KNOWN, region, row, np.random.default_rng(0), **ask) == [3]
        return
    with pytest.raises(Undefined) as told:
        donors(KNOWN, region, row, np.random.default_rng(0), **ask)
    assert str(told.value) == why


def test_none_is_no_number_of_donors():
    with pytest.raises(ValueError, match="at least 1"):
        donors(KNOWN, "tag", 0, np.random.default_rng(0), count=0, bearing=True, other_label=None)
