"""Opportunity and harm: the statistics against slow definitions and pandas, and models of known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.measure import opportunity as module
from audit.measure.opportunity import FEW, gap, inflation, opportunity, within, worst
from audit.record import Case, Extent, Prediction, Region

CLASSES = ["ill", "well"]
TAG = Region(name="tag", role="artefact", title="Tag", detector="x", version="1")


def objects(values) -> np.ndarray:
    return np.array(list(values), dtype=object)


@st.composite
def sets(draw):
    """Values with ties, presence, labels, and whole-number weights (how often a bootstrap drew each case)."""
    n = draw(st.integers(1, 14))
    column = lambda of: np.array(draw(st.lists(of, min_size=n, max_size=n)))  # noqa: E731
    values = column(st.integers(0, 5)).astype(float)
    return (
        values,
        column(st.booleans()),
        objects(column(st.sampled_from(["a", "b", "c"]))),
        column(st.integers(0, 3)),
    )


def once(statistic, weights) -> float:
    """The statistic of one draw, which must not depend on the draws beside it."""
    beside = np.stack([np.ones(len(weights)), weights, np.zeros(len(weights))])
    return float(statistic(beside.astype(float))[1])


@settings(max_examples=200, deadline=None)
@given(sets())
def test_following_counts_pairs_of_one_label(found):
    """van Elteren by its definition, on the cases repeated as often as they were drawn."""
    values, present, labels, weights = found
    rows = np.repeat(np.arange(len(values)), weights)
    above = total = 0.0
    for label in set(labels):
        own = [i for i in rows if labels[i] == label]
        with_it, without = [i for i in own if present[i]], [i for i in own if not present[i]]
        wins = sum(
            1.0 if values[i] > values[j] else 0.5 if values[i] == values[j] else 0.0
            for i in with_it
            for j in without
        )
        above += wins / (len(own) + 1)
        total += len(with_it) * len(without) / (len(own) + 1)
    got = once(within(values, present, labels), weights)
    assert np.isnan(got) if not total else got == pytest.approx(2 * above / total - 1)


@settings(max_examples=200, deadline=None)
@given(sets())
def test_the_gap_is_mantel_and_haenszels_risk_difference(found):
    values, aligned, labels, weights = found
    right = (values > 2).astype(float)
    frame = pd.DataFrame({"right": right, "aligned": aligned, "label": labels})
    frame = frame.loc[frame.index.repeat(weights)]
    above = total = 0.0
    for _, own in frame.groupby("label"):
        one, other = own[own.aligned].right, own[~own.aligned].right
        if len(one) and len(other):
            above += (one.sum() * len(other) - other.sum() * len(one)) / len(own)
            total += len(one) * len(other) / len(own)
    got = once(gap(right, aligned, labels), weights)
    assert np.isnan(got) if not total else got == pytest.approx(above / total)


@settings(max_examples=200, deadline=None)
@given(sets())
def test_inflation_is_the_auc_less_the_auc_weighted_case_by_case(found):
    """The weights by pandas, the AUC by counting pairs."""
    scores, present, labels, weights = found
    frame = pd.DataFrame({"s": scores, "a": present, "y": labels == "a"})
    frame = frame.loc[frame.index.repeat(weights)].reset_index(drop=True)
    got = once(inflation(scores, labels == "a", present), weights)
    if frame.empty or (pd.crosstab(frame.a, frame.y).to_numpy() == 0).any() or frame.a.nunique() < 2:
        assert np.isnan(got)
        return
    if frame.y.nunique() < 2:
        assert np.isnan(got)
        return
    overall = frame.groupby("a").size() / len(frame)
    given_label = frame.groupby("y").a.value_counts(normalize=True)
    frame["w"] = [overall[a] / given_label[y, a] for a, y in zip(frame.a, frame.y, strict=True)]
    balanced = frame.groupby(["y", "a"]).w.sum().unstack()
    shares = balanced.div(balanced.sum(axis=1), axis=0)
    assert shares.loc[True, True] == pytest.approx(shares.loc[False, True])  # independent, as was promised

    def auc(weight) -> float:
        inside, outside = frame[frame.y], frame[~frame.y]
        won = total = 0.0
        for i in inside.index:
            for j in outside.index:
                pair = weight[i] * weight[j]
                total += pair
                won += pair * ((frame.s[i] > frame.s[j]) + 0.5 * (frame.s[i] == frame.s[j]))
        return won / total

    assert got == pytest.approx(auc(np.ones(len(frame))) - auc(frame.w), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(sets())
def test_the_worst_group_is_the_lowest_mean(found):
    values, present, labels, weights = found
    right = (values > 2).astype(float)
    groups = [(labels == x) & (present == side) for x in "abc" for side in (True, False)]
    rows = np.repeat(np.arange(len(values)), weights)
    means = [right[own].mean() for g in groups if len(own := rows[g[rows]])]
    got = once(worst(right, groups), weights)
    assert np.isnan(got) if not means else got == pytest.approx(min(means))


# -- whole estimates ------------------------------------------------------------------------------


def told(labels, present, odds, *, patients=None, exclusive=True, **more):
    """The estimates by (metric, class, stratum) of a two-class model with these log-odds of ill."""
    p = 1 / (1 + np.exp(-np.asarray(odds, float)))
    ids = [f"c{i}" for i in range(len(p))]
    patients = patients or ids
    cases = [Case(id=i, image="", label=y, patient=q) for i, y, q in zip(ids, labels, patients, strict=True)]
    predictions = {
        i: Prediction(
            case=i,
            label=y,
            predicted="ill" if one > 0.5 else "well",
            probabilities=(float(one), float(1 - one)),
        )
        for i, y, one in zip(ids, labels, p, strict=True)
    }
    extents = [
        Extent(
            case=i,
            region="tag",
            present=None if a is None else bool(a),
            area=None,
            mean=None,
            spread=None,
        )
        for i, a in zip(ids, present, strict=True)
    ]
    regions = more.pop("regions", [TAG])
    rows = list(
        opportunity(cases, predictions, extents, regions, CLASSES, seed=0, exclusive=exclusive, **more)
    )
    assert all(e.region == "tag" for e in rows)
    assert all((e.value is None) <= bool(e.why) for e in rows)
    return {(e.metric, e.cls, e.stratum): e for e in rows}


def population(n: int, *, reliance: float, tie: float, seed: int, ability: float = 1.0):
    """Labels, presence with ``P(a|ill) - P(a|well) = tie``, and a score that reads the disease and the tag."""
    rng = np.random.default_rng(seed)
    ill = rng.random(n) < 0.5
    present = rng.random(n) < np.where(ill, 0.5 + tie / 2, 0.5 - tie / 2)
    odds = ability * (2.0 * ill - 1) + rng.normal(size=n) + reliance * (2.0 * present - 1)
    return ["ill" if i else "well" for i in ill], present, odds


def true_auc(reliance: float, tie: float) -> float:
    labels, _, odds = population(200_000, reliance=reliance, tie=tie, seed=99)
    ranks = pd.Series(odds).rank().to_numpy()
    ill = objects(labels) == "ill"
    return float((ranks[ill].mean() - (ill.sum() + 1) / 2) / (~ill).sum())


@pytest.mark.parametrize(("reliance", "tie"), [(0.0, 0.6), (1.0, 0.6), (1.0, 0.0), (2.0, 0.8)])
def test_the_inflation_is_that_of_a_set_where_the_artefact_is_independent(reliance, tie):
    found = told(*population(2000, reliance=reliance, tie=tie, seed=1))["auc-inflation", "ill", "all"]
    truth = true_auc(reliance, tie) - true_auc(reliance, 0.0)
    assert found.value == pytest.approx(truth, abs=0.03)
    assert found.low - 0.005 <= truth <= found.high + 0.005


def test_an_honest_model_on_a_set_where_artefact_and_label_go_together_is_not_accused():
    """The trap: trained without the artefact, audited where it goes with the label."""
    found = told(*population(1500, reliance=0.0, tie=0.8, seed=2))
    for metric in ("follow", "accuracy-gap", "auc-inflation"):
        e = found[metric, "ill", "all"]
        assert abs(e.value) < 0.1
        assert e.low < 0 < e.high


def test_a_class_that_is_easier_is_no_gap():
    """Nothing but a bias to 'well', which is right more often where there is no tag: within labels it is nothing."""
    labels, present, _ = population(1200, reliance=0, tie=0.0, seed=3)
    rng = np.random.default_rng(4)
    present = rng.random(1200) < np.where(objects(labels) == "ill", 0.2, 0.02)
    odds = rng.normal(-2, 1, 1200)
    aligned = present == (objects(labels) == "ill")
    right = (odds > 0) == (objects(labels) == "ill")
    assert right[aligned].mean() - right[~aligned].mean() > 0.5  # what the raw gap would say
    e = told(labels, present, odds)["accuracy-gap", "ill", "all"]
    assert abs(e.value) < 0.03


def test_a_model_that_reads_the_tag_follows_it_and_both_classes_say_so():
    found = told(*population(600, reliance=2.0, tie=0.6, seed=5))
    ill, well = found["follow", "ill", "all"], found["follow", "well", "all"]
    assert ill.low > 0.8
    assert well.value == pytest.approx(-ill.value)
    for cls in CLASSES:
        assert found["accuracy-gap", cls, "all"].low > 0.3
        assert found["auc-inflation", cls, "all"].low > 0.02
    assert (ill.n, ill.patients, ill.missing) == (600, 600, 0)


def test_accuracy_by_presence_and_label_is_what_pandas_counts():
    labels, present, odds = population(200, reliance=1.0, tie=0.5, seed=6)
    present = [None if i % 10 == 0 else bool(a) for i, a in enumerate(present)]
    found = told(labels, present, odds)
    frame = pd.DataFrame({"y": labels, "a": present, "right": (odds > 0) == (objects(labels) == "ill")})
    for metric, side in (("accuracy-with", True), ("accuracy-without", False)):
        for stratum, own in [("all", frame), *((f"label={y}", g) for y, g in frame.groupby("y"))]:
            e, chosen = found[metric, "", stratum], own[own.a == side].right
            assert (e.value, e.n) == (pytest.approx(chosen.mean()), len(chosen))
            assert e.missing == own.a.isna().sum()
            assert e.low <= e.value <= e.high
    known = frame[frame.a.notna()]
    lowest = known.groupby(["y", "a"]).right.mean().min()
    e = found["worst-group", "", "all"]
    assert (e.value, e.n, e.missing) == (pytest.approx(lowest), 180, 20)


def test_the_interval_is_over_patients():
    labels, present, odds = population(300, reliance=0.5, tie=0.3, seed=7)
    twice = told(
        [*labels, *labels], [*present, *present], [*odds, *odds], patients=[f"p{i}" for i in range(300)] * 2
    )
    single = told(labels, present, odds, patients=[f"p{i}" for i in range(300)])
    for key in (("follow", "ill", "all"), ("accuracy-gap", "ill", "all"), ("auc-inflation", "ill", "all")):
        assert twice[key].value == pytest.approx(single[key].value, abs=0.005)
        assert twice[key].se == pytest.approx(single[key].se, rel=0.1)


def test_labels_that_do_not_exclude_each_other_use_their_own_odds():
    labels, present, odds = population(60, reliance=1.0, tie=0.5, seed=8)
    both = [told(labels, present, odds, exclusive=x)["follow", "ill", "all"].value for x in (True, False)]
    assert both[0] == both[1]  # two probabilities that add up to one: the same odds either way


IDLE = ["ill", "well"] * 20


@pytest.mark.parametrize(
    ("labels", "present", "whys"),
    [
        (IDLE, [None] * 40, dict.fromkeys(("follow", "accuracy-gap", "auc-inflation"), module.UNKNOWN)),
        (IDLE, [True] * 40, dict.fromkeys(("follow", "accuracy-gap", "auc-inflation"), module.ALL_BEAR)),
        (IDLE, [False] * 40, dict.fromkeys(("follow", "accuracy-gap", "auc-inflation"), module.NONE_BEARS)),
        (
            IDLE,
            [True, False] * 20,
            {
                "follow": module.NOT_WITHIN,
                "accuracy-gap": module.NOT_WITHIN,
                "auc-inflation": module.NOT_APART + "of the others with it",
            },
        ),
        (IDLE, [True, True, False, False] * 10, {"accuracy-gap": module.UNTIED, "follow": None}),
        (
            ["ill"] * 40,
            [True, False] * 20,
            {"follow": None, "accuracy-gap": module.NO_OTHER, "auc-inflation": module.NO_OTHER},
        ),
    ],
)
def test_what_cannot_be_told_has_a_reason_and_no_number(labels, present, whys):
    odds = np.random.default_rng(0).normal(size=40)
    found = told(labels, present, odds)
    for metric, why in whys.items():
        e = found[metric, "ill", "all"]
        assert e.why == why
        assert (e.value is None) == (why is not None)
    if any(p is None for p in present):
        assert found["follow", "ill", "all"].missing == 40
    if present[0] is None or len(set(present)) == 1:
        assert found["worst-group", "", "all"].value is None
    with_it = found["accuracy-with", "", "all"]
    assert (with_it.value is None) == (not any(present))


def test_a_model_that_always_says_the_same_follows_nothing():
    e = told(IDLE, [True, True, False, False] * 10, np.zeros(40))["follow", "ill", "all"]
    assert (e.value, e.why) == (None, module.SAME)


def test_a_group_of_a_handful_is_no_worst_group():
    labels = ["ill"] * 20 + ["well"] * 20
    present = [True] * (FEW - 1) + [False] * 16 + [True] * 10 + [False] * 10
    odds = np.r_[np.full(FEW - 1, -3.0), np.full(16, 3.0), np.full(20, -3.0)]
    assert told(labels, present, odds)["worst-group", "", "all"].value == 1


def test_only_artefacts_are_asked_about_and_classes_that_nobody_has_are_left_out():
    lesion = Region(name="lesion", role="lesion", title="Lesion", detector="x", version="1")
    found = told(["ill"] * 40, [True, False] * 20, np.ones(40), regions=[lesion, TAG])
    assert {cls for _, cls, _ in found} == {"", "ill"}


def test_more_than_two_classes_are_each_taken_against_the_rest():
    """A tag that goes with b: cases of a and c are called b where they bear it."""
    rng = np.random.default_rng(9)
    classes, n = ["a", "b", "c"], 900
    labels = rng.choice(classes, n)
    present = rng.random(n) < np.where(labels == "b", 0.8, 0.2)
    z = 2.0 * (labels[:, None] == np.array(classes)) + rng.normal(size=(n, 3))
    z[:, 1] += 2.0 * present
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    cases = [Case(id=str(i), image="", label=y, patient=str(i)) for i, y in enumerate(labels)]
    predictions = {
        str(i): Prediction(case=str(i), label=y, predicted=classes[q.argmax()], probabilities=tuple(q))
        for i, (y, q) in enumerate(zip(labels, p, strict=True))
    }
    extents = [
        Extent(case=str(i), region="tag", present=bool(a), area=0.1, mean=None, spread=None)
        for i, a in enumerate(present)
    ]
    rows = opportunity(cases, predictions, extents, [TAG], classes, seed=0, exclusive=True)
    found = {(e.metric, e.cls): e for e in rows}
    assert found["follow", "b"].low > 0.3
    assert found["follow", "a"].high < 0
    assert found["accuracy-gap", "b"].low > 0.2
    assert found["auc-inflation", "b"].low > 0.02
