"""Means and their intervals against closed forms and slow bootstraps."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from audit.measure.association import auc, interval, rank_biserial, share_difference
from audit.measure.estimate import resample, summarise


def test_the_interval_is_that_of_a_slow_bootstrap_over_patients():
    rng = np.random.default_rng(0)
    values = rng.normal(size=40)
    values[3] = np.nan
    patients = [f"p{i // 2}" for i in range(40)]
    drawn = resample(20, seed=7)
    names = sorted(set(patients))
    means = []
    for row in drawn:
        rows = [
            i
            for name, times in zip(names, row, strict=True)
            for _ in range(int(times))
            for i in range(40)
            if patients[i] == name and not np.isnan(values[i])
        ]
        means.append(values[rows].mean())
    found = summarise(values[:, None], patients, seed=7)[0]
    assert found.value == pytest.approx(np.nanmean(values))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])))
    assert (found.n, found.patients, found.missing) == (39, 20, 1)


def test_two_pictures_of_a_patient_are_not_two_pieces_of_evidence():
    """Doubling every picture of a patient leaves the interval as wide as it was."""
    values = np.random.default_rng(1).normal(size=30)
    once = summarise(values[:, None], [f"p{i}" for i in range(30)], seed=0)[0]
    twice = summarise(np.repeat(values, 2)[:, None], [f"p{i // 2}" for i in range(60)], seed=0)[0]
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(2)
    hits = 0
    for trial in range(300):
        s = summarise(rng.normal(0.3, 1, (60, 1)), [str(i) for i in range(60)], seed=trial, resamples=400)[0]
        hits += s.low <= 0.3 <= s.high
    assert 0.90 <= hits / 300 <= 0.98


def test_a_share_that_never_varied_is_not_certain():
    """Sixty zeros of sixty do not prove zero: the exact bound is 1 - 0.025^(1/60)."""
    s = summarise(np.zeros((60, 1)), [str(i) for i in range(60)], seed=0, shares=[True])[0]
    assert (s.value, s.low) == (0, 0)
    assert s.high == pytest.approx(1 - 0.025 ** (1 / 60))


def test_nothing_measured_is_no_number_and_one_patient_no_interval():
    s = summarise(np.full((3, 1), np.nan), list("abc"), seed=0, why=["no lesion mask was drawn"])[0]
    assert (s.value, s.low, s.why, s.missing) == (None, None, "no lesion mask was drawn", 3)
    s = summarise(np.array([[1.0], [2.0]]), ["a", "a"], seed=0)[0]
    assert (s.value, s.low) == (1.5, None)
    assert "one patient" in s.why


def test_auc_is_scikit_learns_also_under_weights():
    rng = np.random.default_rng(3)
    scores, of_class = rng.integers(0, 8, 50) / 8, rng.random(50) < 0.4
    weights = rng.integers(0, 4, (5, 50)).astype(float)
    expected = [roc_auc_score(of_class, scores, sample_weight=w) for w in weights]
    assert auc(scores, of_class)(weights) == pytest.approx(expected)
    assert rank_biserial(scores, of_class)(weights) == pytest.approx(2 * np.array(expected) - 1)


def test_association_is_a_difference_of_shares_and_none_without_a_second_class():
    present, of_class = np.array([1, 1, 0, 0, 1], bool), np.array([1, 1, 1, 0, 0], bool)
    found = interval(share_difference(present, of_class), list("abcde"), seed=0)
    assert found.value == pytest.approx(2 / 3 - 1 / 2)
    lonely = interval(share_difference(present, np.ones(5, bool)), list("abcde"), seed=0)
    assert lonely.value is None
    assert "another" in lonely.why


def test_a_perfect_auc_is_not_certain():
    """Twenty against ten, told apart without fault: the bound is that of ten of ten."""
    of_class = np.arange(30) < 10
    found = interval(
        auc(of_class.astype(float), of_class), [str(i) for i in range(30)], seed=0, ends=(0, 1), fewest=10
    )
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(0.025 ** (1 / 10))


def test_an_interval_of_many_patients_takes_the_memory_of_one_of_few():
    """But for a byte a draw and patient, which are kept for the next interval."""
    rng, most = np.random.default_rng(4), {}
    for count in (500, 4000):
        statistic = auc(rng.random(count), rng.random(count) < 0.5)
        who = [str(i) for i in range(count)]
        resample(count, seed=0)
        tracemalloc.start()
        interval(statistic, who, seed=0)
        most[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert most[4000] < 1.5 * most[500]


def test_the_draws_of_many_patients_are_a_multinomial_table():
    """However they are cut into blocks and kept: numpy's own draws, all at once."""
    for count in (7, 1300):
        table = np.random.default_rng([5, count]).multinomial(count, np.full(count, 1 / count), size=450)
        assert (resample(count, seed=5, resamples=450) == table).all()
