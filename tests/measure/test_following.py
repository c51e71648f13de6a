"""Separation, following and targets, against slow definitions and rigged scores."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from audit.cues import catalogue
from audit.measure.following import carried, following, pooled_rank_correlation, targets
from audit.record import Carried, Case, Prediction, Reading

CLASSES = ["well", "ill"]


def study(score, n=120, seed=0, *, tie=1.0, cue="brightness", lost=()):
    """Cases whose brightness goes with the label by ``tie``; a model scores by ``score(label, value, noise)``."""
    rng = np.random.default_rng(seed)
    cases, predictions, readings = [], {}, []
    for i in range(n):
        label = i % 2
        value = 0.4 + 0.05 * tie * label + 0.04 * rng.standard_normal()
        p = 1 / (1 + np.exp(-score(label, value, rng.standard_normal())))
        name = f"c{i}"
        cases.append(Case(id=name, image="", label=CLASSES[label], patient=f"p{i // 2 if i % 4 else i}"))
        predictions[name] = Prediction(
            case=name, label=CLASSES[label], predicted=CLASSES[int(p > 0.5)], probabilities=(1 - p, p)
        )
        gone = i in lost
        readings.append(
            Reading(case=name, cue=cue, value=None if gone else value, why="lost" if gone else None)
        )
    return cases, predictions, readings


def found(study, seed=0, cue="brightness"):
    cases, predictions, readings = study
    rows = following(cases, predictions, readings, catalogue([cue]), CLASSES, seed=seed)
    return {(r.metric, r.cls): r for r in rows}


def by_cue(label, value, noise):
    return 40 * (value - 0.42) + 0.3 * noise


def by_label(label, value, noise):
    return 4 * (label - 0.5) + noise


def test_a_score_that_follows_the_cue_is_told_from_one_that_only_knows_the_label():
    rows = found(study(by_cue))
    for cls in CLASSES:
        assert rows["follow", cls].low > 0.8
    assert rows["separation", "ill"].low > 0.3
    assert rows["separation", "well"].value == pytest.approx(-rows["separation", "ill"].value)
    rows = found(study(by_label))
    assert rows["separation", "ill"].low > 0.3
    for cls in CLASSES:
        assert rows["follow", cls].low < 0 < rows["follow", cls].high


def test_a_score_that_goes_against_the_cue_is_negative_whichever_way_the_cue_goes():
    for tie in (1, -1):
        rows = found(study(lambda y, v, e, tie=tie: -40 * tie * (v - 0.42) + 0.3 * e, tie=tie))
        assert rows["follow", "ill"].high < -0.8
        assert np.sign(rows["separation", "ill"].value) == tie


def test_the_interval_of_following_nothing_holds_zero_as_often_as_it_says():
    held = [
        row.low <= 0 <= row.high
        for seed in range(60)
        for row in [found(study(by_label, n=60, seed=seed), seed=seed)["follow", "ill"]]
    ]
    assert np.mean(held) > 0.85


def test_pooled_correlation_is_spearmans_of_the_repeated_cases():
    """Drawn weights are cases written down that often; strata count by their cases less one."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, 40).astype(float), rng.integers(0, 9, 40) / 3
    strata = np.array(["x", "y", "y", "z"] * 10, dtype=object)
    weights = rng.integers(0, 3, (4, 40)).astype(float)
    slow = []
    for row in weights:
        top = bottom = 0.0
        for s in "xyz":
            rows = np.repeat(np.arange(40), (row * (strata == s)).astype(int))
            top += (len(rows) - 1) * spearmanr(a[rows], b[rows]).statistic
            bottom += len(rows) - 1
        slow.append(top / bottom)
    assert pooled_rank_correlation(a, b, strata)(weights) == pytest.approx(slow)


def test_cases_without_a_reading_are_missing_and_not_numbers():
    rows = found(study(by_cue, lost={0, 1, 5}))
    assert (rows["follow", "ill"].n, rows["follow", "ill"].missing) == (117, 3)
    assert (rows["separation", "ill"].n, rows["separation", "ill"].missing) == (117, 3)
    rows = found(study(by_cue, lost=set(range(120))))
    assert {(r.value, r.why, r.missing) for r in rows.values()} == {(None, "lost", 120)}


def test_a_cue_that_never_varies_and_a_score_that_never_does():
    cases, predictions, readings = study(by_cue)
    same = [Reading(case=r.case, cue=r.cue, value=1.0) for r in readings]
    rows = found((cases, predictions, same))
    assert all(r.value is None and "the same" in r.why for r in rows.values())
    rows = found(study(lambda y, v, e: 0.0))
    assert rows["separation", "ill"].value > 0
    assert rows["follow", "ill"].value is None
    assert "no label" in rows["follow", "ill"].why


def test_one_class_alone_separates_nothing():
    cases, predictions, readings = study(by_cue)
    half = ([c for c in cases if c.label == "ill"], predictions, readings)
    rows = found(half)
    assert {r.cls for r in rows.values()} == {"ill"}
    assert all(r.value is None and r.why for r in rows.values())


def test_targets_are_the_medians_of_the_class_that_differs_most():
    cases = [Case(id=f"{c}{i}", image="", label=c, patient=f"{c}{i}") for c in "abc" for i in range(3)]
    values = {"a": (1.0, 2.0, 9.0), "b": (3.0, 3.0, 4.0), "c": (7.0, 7.5, None)}
    readings = [
        Reading(case=f"{c}{i}", cue="noise", value=v, why=None if v is not None else "x")
        for c, three in values.items()
        for i, v in enumerate(three)
    ]
    assert targets(readings, cases, list("abc")) == {
        "noise": {"a": ("c", 5.25), "b": ("c", 4.25), "c": ("a", -5.25)}
    }
    assert targets([], cases, list("abc")) == {}
    alone = [Reading(case="a0", cue="noise", value=1.0)]
    assert targets(alone, cases, list("abc")) == {}


def test_what_a_reading_is_carried_along_is_its_share_of_what_the_classes_differ_by():
    """Vessels read 2 in the well and 6 in the ill; with blocks they read 3 in the well, without them 5 in the ill."""
    cases = [Case(id=f"{c}{i}", image="", label=c, patient=f"{c}{i}") for c in CLASSES for i in range(20)]
    middle = {"well": 2.0, "ill": 6.0}
    readings = [Reading(case=c.id, cue="vessel-density", value=middle[c.label] + 0.1) for c in cases]
    toward = {"well": 1.0, "ill": -1.0}
    rows = [
        Carried(
            case=c.id,
            cue="blockiness",
            sign="vessel-density",
            before=middle[c.label] + 0.1,
            after=middle[c.label] + 0.1 + toward[c.label],
        )
        for c in cases
    ]
    rows += [
        Carried(case=c.id, cue="noise", sign="vessel-density", before=1.0, after=None, why="flat")
        for c in cases
    ]
    found = {(e.region, e.cls): e for e in carried(cases, rows, readings, CLASSES, seed=0)}
    for cls in CLASSES:
        of_blocks, of_noise = found["blockiness", cls], found["noise", cls]
        assert (of_blocks.metric, of_blocks.other) == ("carried", "vessel-density")
        assert (of_blocks.value, of_blocks.low, of_blocks.high, of_blocks.n) == (pytest.approx(0.25),) * 3 + (
            40,
        )
        assert of_noise.value is None
        assert of_noise.missing == 40
    same = [Reading(case=c.id, cue="vessel-density", value=1.0) for c in cases]
    assert all(e.value is None for e in carried(cases, rows, same, CLASSES, seed=0))
