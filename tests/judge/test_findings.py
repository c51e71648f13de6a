"""What must hold of findings whatever the numbers are."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from handmade import est, unmoved
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from audit.judge import Judgement, findings, judge, load
from audit.judge.asking import would_decide
from audit.judge.evaluate import adjusted
from audit.judge.pool import pool
from audit.record import Estimate, Region

CORE = load(["core"], folder=Path())
CLASSES = ["healthy", "referable"]
REGIONS = [
    Region(
        name=name, role="lesion" if name == "lesion" else "artefact", title=name, detector="d", version="1"
    )
    for name in ("lesion", "text", "artefact", "border")
]
REGIONS.append(Region(name="brightness", role="cue", title="Brightness", detector="statistic", version="1"))

wide = st.floats(0.01, 0.6)
centre = st.floats(-1.5, 1.5)


@st.composite
def audits(draw: st.DrawFn) -> list[Estimate]:
    """The estimates of an audit that might be: any effects, any widths, things missing."""

    def one(metric: str, low: float, high: float, **about: str) -> Estimate:
        n = draw(st.sampled_from([8, 25, 60, 200]))
        if draw(st.integers(0, 9)) == 0:
            return Estimate(metric=metric, value=None, n=n, why="not drawn", **about)  # type: ignore[arg-type]
        value, half = float(np.clip(draw(centre), low, high)), draw(wide)
        ends = {"low": max(low, value - half), "high": min(high, value + half), "se": half / 1.96}
        return Estimate(metric=metric, value=value, n=n, patients=n, **ends, **about)  # type: ignore[arg-type]

    rows = [one("accuracy", 0, 1), one("auc", 0, 1), one("removal-own", -9, 9, region="lesion")]
    for region in ("text", "artefact", "border"):
        rows.append(one("presence", 0, 1, region=region))
        rows.append(one("strange", 0, 1, region=region, fill="ring"))
        for metric, least, most, fill in (
            ("removal", -9, 9, "inpaint"),
            ("removal", -9, 9, "ring"),
            ("removal-change", -9, 9, "inpaint"),
            ("transplant", -9, 9, ""),
            ("association", -1, 1, ""),
            ("content-mean", -1, 1, ""),
            ("accuracy-gap", -1, 1, ""),
            ("follow", -1, 1, ""),
        ):
            row = one(metric, least, most, region=region, cls="referable", fill=fill)
            rows.append(row)
            if row.value is not None and row.low is not None and row.high is not None:
                row = replace(row, value=-row.value, low=-row.high, high=-row.low)
            rows.append(replace(row, cls="healthy"))
        for family in ("cam", "gradient"):
            about = {"region": region, "explainer": family, "family": family, "target": "predicted"}
            rows.append(one("density", 0, 9, **about))
            rows.append(one("beyond", 0, 1, **about))
    for family in ("cam", "gradient"):
        rows.append(one("sanity", -1, 1, explainer=family, family=family))
    for metric, most in (("separation", 1), ("shift", 9), ("shift-change", 9), ("follow", 1)):
        rows.append(one(metric, -most, most, region="brightness", cls="referable"))
        rows.append(one(metric, -most, most, region="brightness", cls="healthy"))
    return rows


def judged(estimates: list[Estimate]) -> Judgement:
    return judge(CORE, estimates, regions=REGIONS, classes=CLASSES)


@settings(max_examples=60, deadline=None)
@given(audits(), st.randoms(use_true_random=False))
def test_the_order_of_estimates_and_rules_is_of_no_importance(
    rows: list[Estimate], rng: random.Random
) -> None:
    """The same evidence, the same judgement, to the last letter."""
    shuffled, rules, regions = list(rows), list(CORE), list(REGIONS)
    for things in (shuffled, rules, regions):
        rng.shuffle(things)  # type: ignore[arg-type]
    first = judged(rows)
    second = judge(rules, shuffled, regions=regions, classes=CLASSES)
    assert (first.verdict, first.verdicts) == (second.verdict, second.verdicts)
    assert sorted(map(repr, first.findings)) == sorted(map(repr, second.findings))


@settings(max_examples=60, deadline=None)
@given(audits())
def test_noise_of_another_batch_size_changes_nothing(rows: list[Estimate]) -> None:
    """Findings are made of rounded numbers."""
    rows = pool(rows)
    noisy = [
        replace(
            r,
            **{k: getattr(r, k) + 1e-7 for k in ("value", "low", "high", "se") if getattr(r, k) is not None},
        )
        for r in rows
    ]
    assert judged(rows) == judged(noisy)


@settings(max_examples=100, deadline=None)
@given(audits(), st.data())
def test_knowing_less_never_clears_and_never_confirms(rows: list[Estimate], data: st.DataObject) -> None:
    """Widening the intervals of what removal did turns no undecided row into clear or confirmed."""
    metrics = ["removal", "removal-change", "removal-own", "association", "auc", "shift", "separation"]
    which = data.draw(st.sampled_from(metrics))
    more = data.draw(st.floats(0.01, 2.0))

    def widened(e: Estimate) -> Estimate:
        if e.metric != which or e.low is None or e.high is None or e.se is None:
            return e
        return replace(e, low=e.low - more, high=e.high + more, se=e.se + more)

    before = {(r.artefact): r.verdict for r in judged(rows).verdicts}
    after = {(r.artefact): r.verdict for r in judged([widened(e) for e in rows]).verdicts}
    for artefact, verdict in after.items():
        if verdict == "clear":
            assert before[artefact] == "clear"
        if verdict == "confirmed":
            assert before[artefact] == "confirmed"


@settings(max_examples=60, deadline=None)
@given(audits())
def test_an_undecided_finding_says_why(rows: list[Estimate]) -> None:
    """And only an undecided one; two classes give one finding for a rule and region, and one row."""
    result = judged(rows)
    found = [*result.findings, *result.gates]
    assert all((f.outcome == "undecided") == bool(f.why) for f in found)
    assert all(f.statement.endswith(".") for f in found)
    assert len({(f.rule, f.region) for f in found}) == len(found)
    assert len({r.artefact for r in result.verdicts}) == len(result.verdicts)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_the_corrections_are_what_their_papers_say(p: list[float]) -> None:
    """Benjamini and Hochberg as in scipy; Holm by its definition, step by step."""
    assert adjusted(p, "benjamini-hochberg") == pytest.approx(false_discovery_control(p, method="bh"))
    level = 0.05
    rejected: set[int] = set()
    for step, i in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if p[i] * (len(p) - step) > level:
            break
        rejected.add(i)
    assert {i for i, q in enumerate(adjusted(p, "holm")) if q <= level} == rejected


def test_many_places_need_more_than_one_place() -> None:
    """An effect that is flagged alone is not flagged as the best of a dozen: Holm says so in words."""
    corners = [f"corner-{v}-{h}" for v in ("top", "bottom") for h in ("left", "right")]
    regions = [Region(name=c, role="artefact", title=c, detector="d", version="1") for c in corners]
    rule = [r for r in CORE if r.id == "reliance-artefacts"]

    def effect(region: str, value: float, half: float) -> Estimate:
        low, high, se = value - half, value + half, half / 1.96
        about = {"metric": "removal", "region": region, "cls": "referable", "fill": "inpaint"}
        return Estimate(**about, value=value, low=low, high=high, se=se, n=50, patients=50)

    alone = findings(rule, unmoved([effect(corners[0], 0.52, 0.21)]), regions=regions, classes=CLASSES)
    assert {f.outcome for f in alone if f.region == corners[0]} == {"flagged"}
    among = [effect(corners[0], 0.52, 0.21), *(effect(c, 0.3, 0.2) for c in corners[1:])]
    found = findings(rule, unmoved(among), regions=regions, classes=CLASSES)
    (first,) = [f for f in found if f.region == corners[0]]
    assert first.outcome == "undecided"
    assert "Holm's correction for 4 tests (p = 0.08" in str(first.why)


@settings(deadline=None)
@given(st.floats(0, 2), st.floats(0.01, 2), st.integers(5, 500))
def test_the_cases_that_would_decide_do_decide(value: float, half: float, n: int) -> None:
    """With so many, an interval that shrinks with the root of n lies on one side; with far fewer, not."""
    e = Estimate(metric="removal", value=value, low=value - half, high=value + half, n=n)
    needed = would_decide(e, 0.2)
    distance = abs(value - 0.2)
    if needed is not None and half > distance:
        assert half * (n / needed) ** 0.5 <= distance + 1e-4
        assert half * (n / max(1, needed - 2)) ** 0.5 > distance - 1e-4


def _beyond_and_plain(beyond: str, plain: str, sign: float = 1.0) -> list[Estimate]:
    """A shift whose effect beyond random changes is large in one label's cases, and whose plain effect in others'."""
    return [
        row
        for cls, to in (("healthy", -1.0), ("referable", 1.0))
        for row in (
            est("follow", 0.5 * to, 0.1, region="brightness", cls=cls),
            est("separation", 0.6 * to, 0.1, region="brightness", cls=cls),
            *(
                est(
                    metric,
                    to * (size if label == where else 0.02),
                    0.05,
                    region="brightness",
                    cls=cls,
                    stratum=f"label={label}",
                )
                for metric, where, size in (("shift", beyond, 0.6), ("shift-change", plain, sign * 1.7))
                for label in ("healthy", "referable")
            ),
        )
    ]


@pytest.mark.parametrize(
    ("beyond", "plain", "outcome"),
    [
        ("healthy", "healthy", "flagged"),
        ("referable", "referable", "flagged"),
        ("healthy", "referable", "undecided"),
    ],
)
def test_what_is_asked_of_a_label_must_hold_in_one_and_the_same(
    beyond: str, plain: str, outcome: str
) -> None:
    """Beyond control in the ill and by itself in the well is no effect: such a network was once called confirmed."""
    found = findings(CORE, _beyond_and_plain(beyond, plain), regions=REGIONS, classes=CLASSES)
    said = {f.rule: f.outcome for f in found if f.region == "brightness"}
    assert said["reliance-cues"] == said["reliance-cues-screening"] == outcome


def test_effects_of_one_label_must_agree_in_sign() -> None:
    """Removal lowers the evidence beyond its controls and raises it by itself: the controls moved it."""

    def rows(plain: float) -> list[Estimate]:
        about = {"region": "text", "cls": "referable", "fill": "inpaint"}
        return [
            est("presence", 0.5, 0.05, region="text", n=120),
            *(
                est(metric, value, 0.05, stratum=stratum, **about)
                for metric, value in (("removal", 0.6), ("removal-change", plain))
                for stratum in ("all", "label=referable")
            ),
        ]

    def said(plain: float) -> str:
        found = findings(CORE, rows(plain), regions=REGIONS, classes=["referable"])
        return next(f.outcome for f in found if f.rule == "reliance-artefacts" and f.region == "text")

    assert (said(0.5), said(-0.5)) == ("flagged", "undecided")
