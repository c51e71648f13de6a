"""Effects -> estimates, against means worked out here in standard deviations of the margin; whose paint is strange."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from audit.intervene.fills import FILLS
from audit.measure.estimate import Summary
from audit.measure.guard import GUARD_CONTROLS, stranger
from audit.measure.pooled import pooled
from audit.measure.reliance import WAYS, reliance
from audit.record import Case, Effect, Estimate, Prediction, Region, Run

CLASSES = ["well", "ill"]
N = 40


def case(number: int) -> Case:
    return Case(id=f"{number:02d}", image="x.png", label=CLASSES[number % 2], patient=f"p{number // 2}")


CASES = [case(n) for n in range(N)]


def begun(path: Path, effects: list[Effect]) -> Run:
    regions = [
        Region(name=name, role=role, title=name, detector="drawn", version="1", settings={})
        for name, role in (("lesion", "lesion"), ("tag", "artefact"))
    ]
    run = Run.create(
        path, {"model": {"classes": CLASSES, "output": "softmax"}, "regions": regions, "seed": 0, "data": {}}
    )
    run.write(Effect, effects)
    return run


def predictions(scores: np.ndarray) -> dict[str, Prediction]:
    p = 1 / (1 + np.exp(-scores))
    return {
        c.id: Prediction(
            case=c.id, label=c.label, predicted=CLASSES[int(q > 0.5)], probabilities=(float(1 - q), float(q))
        )
        for c, q in zip(CASES, p, strict=True)
    }


def effect(case: Case, **given: object) -> Effect:
    usual = {
        "intervention": "removal", "region": "tag", "cls": "ill", "fill": "inpaint", "dose": 1.0,
        "change": None, "control": None, "difference": None, "flipped": None, "flipped_control": None,
        "places": 0, "why": None,
    }  # fmt: skip
    return Effect(case=case.id, **{**usual, **given})  # type: ignore[arg-type]


def estimated(tmp_path: Path, effects: list[Effect], scores: np.ndarray) -> dict[tuple[str, ...], Estimate]:
    labels = np.array([c.label for c in CASES])
    strata = {"all": np.ones(N, bool), "label=ill": labels == "ill"}
    found = list(reliance(begun(tmp_path / "run", effects), CASES, predictions(scores), strata, 0))
    keyed = {(e.metric, e.region, e.cls, e.fill, e.other, e.stratum): e for e in found}
    assert len(keyed) == len(found)
    return keyed


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_means_in_standard_deviations_of_the_margin(tmp_path, rng):
    scores, change, control = rng.normal(0, 2, N), rng.normal(1, 1, N), rng.normal(0, 0.2, N)
    flipped, by_chance = rng.integers(0, 2, N).astype(float), np.full(N, 0.25)
    effects = [
        effect(c, change=a, control=b, difference=a - b, flipped=f, flipped_control=g, places=4)
        for c, a, b, f, g in zip(CASES, change, control, flipped, by_chance, strict=True)
    ]
    effects += [
        effect(c, dose=0.5, change=a / 2, why="doses are compared with each other")
        for c, a in zip(CASES, change, strict=True)
    ]
    effects += [effect(c, intervention="transplant", fill="", why="no donor") for c in CASES]
    found = estimated(tmp_path, effects, scores)
    ill = np.array([c.label == "ill" for c in CASES])
    for stratum, chosen in (("all", np.ones(N, bool)), ("label=ill", ill)):
        rest = ("tag", "ill", "inpaint", "", stratum)
        for metric, values in (
            ("removal", (change - control) / scores.std()),
            ("removal-change", change / scores.std()),
            ("removal-control", control / scores.std()),
            ("removal-flip", flipped - by_chance),
        ):
            estimate = found[metric, *rest]
            assert estimate.value == pytest.approx(values[chosen].mean(), abs=1e-6)
            assert estimate.low < estimate.value < estimate.high or metric == "removal-flip"
            assert estimate.family == "removal"
            assert estimate.n == chosen.sum()
        dose = found["removal-dose", "tag", "ill", "inpaint", "0.5", stratum]
        assert dose.value == pytest.approx((change[chosen] / 2).mean() / scores.std(), abs=1e-6)
    nothing = found["transplant", "tag", "ill", "", "", "all"]
    assert (nothing.value, nothing.why, nothing.family) == (None, "no donor", "transplant")
    assert {e.metric for e in found.values() if e.other} == {"removal-dose"}


def test_a_model_that_always_says_the_same_gives_no_number(tmp_path):
    effects = [
        effect(c, change=0.0, control=0.0, difference=0.0, flipped=0.0, flipped_control=0.0) for c in CASES
    ]
    found = estimated(tmp_path, effects, np.zeros(N))
    estimate = found["removal", "tag", "ill", "inpaint", "", "all"]
    assert estimate.value is None
    assert estimate.why == "the model gives every case the same answer"


def test_the_lesion_on_the_score_of_the_cases_own_class(tmp_path, rng):
    """Two of the ill have lesions that leave no room for controls: the others' mean control stands in."""
    scores = rng.normal(0, 2, N)
    change, control = rng.normal(1, 1, (2, N)), rng.normal(0.3, 0.2, (2, N))
    control[:, [1, 3]] = np.nan
    effects = []
    for number, c in enumerate(CASES):
        for column, cls in enumerate(CLASSES):
            a, b = change[column, number], control[column, number]
            without = {"why": "no room"} if np.isnan(b) else {"control": b, "difference": a - b}
            effects.append(effect(c, region="lesion", cls=cls, change=a, **without))
    found = estimated(tmp_path, effects, scores)
    column = np.array([n % 2 for n in range(N)])
    own, of_own = change[column, range(N)], control[column, range(N)]
    stand_in = np.array([np.nanmean(of_own[column == k]) for k in (0, 1)])
    values = (own - np.where(np.isnan(of_own), stand_in[column], of_own)) / scores.std()
    estimate = found["removal-own", "lesion", "", "inpaint", "", "all"]
    assert estimate.value == pytest.approx(values.mean(), abs=1e-6)
    assert estimate.n == N
    assert found["removal", "lesion", "ill", "inpaint", "", "all"].n == N - 2


def test_no_effect_no_estimate(tmp_path):
    assert estimated(tmp_path, [], np.zeros(N)) == {}


# -- whose paint is strange ----------------------------------------------------------------------------


def painted(tmp_path: Path, rng: np.random.Generator, **away: float) -> tuple[Run, dict[str, Prediction]]:
    """Features of four numbers; each fill moves those of the filled picture by so much, and no control's."""
    scores = rng.normal(0, 2, N)
    run = begun(tmp_path / "run", [])
    originals = rng.normal(0, 1, (N, 1, 4)).astype(np.float32)
    run.new_array("features", "untouched.", originals.shape, np.float32)[:] = originals
    for fill, distance in away.items():
        stack = np.repeat(originals, 1 + GUARD_CONTROLS, axis=1)
        stack += rng.normal(0, 0.05, stack.shape).astype(np.float32)
        stack[:, 0] += distance
        run.new_array("features", f"tag.{fill}", stack.shape, np.float32)[:] = stack
    return run, predictions(scores)


def test_a_fill_that_leaves_the_distribution_is_told_from_those_that_stay(tmp_path, rng):
    run, answers = painted(tmp_path, rng, inpaint=0, ring=0, donor=0, blur=0, black=30)
    fills = {"tag": ["black", "blur", "donor", "inpaint", "ring"]}
    found = {e.fill: e for e in stranger(run, CASES, answers, fills)}
    assert set(found) == set(fills["tag"])
    assert found["black"].value > 0.85
    for fill in ("inpaint", "ring", "donor"):
        assert found[fill].value < 0.15
        assert (found[fill].n, found[fill].region, found[fill].metric) == (N, "tag", "strange")
    assert min(found[f].value for f in ("inpaint", "ring", "donor")) == 0


def test_an_absence_that_is_strange_whatever_the_paint_is_not_the_paints(tmp_path, rng):
    run, answers = painted(tmp_path, rng, inpaint=30, ring=30, donor=30)
    found = list(stranger(run, CASES, answers, {"tag": ["donor", "inpaint", "ring"]}))
    assert [e.value for e in found] == [0, 0, 0]


def test_too_few_say_so_and_a_black_box_says_nothing(tmp_path, rng):
    run, answers = painted(tmp_path, rng, inpaint=0, ring=0)
    for fill in ("inpaint", "ring"):
        run.array("features", f"tag.{fill}")
        stack = np.lib.format.open_memmap(run.path / "features" / f"tag.{fill}.npy", mode="r+")
        stack[9:] = np.nan
    found = list(stranger(run, CASES, answers, {"tag": ["inpaint", "ring"], "lesion": ["inpaint"]}))
    assert [(e.region, e.fill, e.value, e.n) for e in found] == [
        ("tag", "inpaint", None, 9),
        ("tag", "ring", None, 9),
    ]
    assert all("9 pictures with the region painted over" in e.why for e in found)
    box = begun(tmp_path / "box", [])
    assert list(stranger(box, CASES, answers, {"tag": ["inpaint"]})) == []


def test_ways_of_painting_over_are_put_together_as_imputations_are(tmp_path, rng):
    """Rubin's rules worked out here: the mean of the ways, the spread of the patients and that of the ways."""
    scores = rng.normal(0, 2, N)
    change = {
        way: rng.normal(mean, 0.5, N) for way, mean in (("inpaint", 1.0), ("ring", 1.4), ("donor", 0.7))
    }
    flips = {way: rng.integers(0, 2, N).astype(float) for way in change}
    change["black"], flips["black"] = np.full(N, 9.0), np.ones(N)  # shown only: it has no part in it
    effects = [
        effect(c, fill=way, change=values[i], control=3.0, difference=values[i] - 3.0, flipped=flips[way][i])
        for way, values in change.items()
        for i, c in enumerate(CASES)
    ]
    found = estimated(tmp_path, effects, scores)
    sane = ["inpaint", "ring", "donor"]
    whole = found["removal-pooled", "tag", "ill", "", "", "all"]
    means = np.array([change[way].mean() for way in sane]) / scores.std()
    within = np.mean([found["removal-change", "tag", "ill", way, "", "all"].se ** 2 for way in sane])
    total = within + 4 / 3 * means.var(ddof=1)
    freedom = 2 * (total / (total - within)) ** 2
    half = stats.t.ppf(0.975, freedom) * total**0.5
    assert (whole.value, whole.low, whole.high) == pytest.approx(
        (means.mean(), means.mean() - half, means.mean() + half)
    )
    assert (whole.n, whole.patients, whole.missing) == (N, N // 2, 0)
    share = found["removal-pooled-flip", "tag", "ill", "", "", "all"]
    assert share.value == pytest.approx(np.mean([flips[way].mean() for way in sane]))
    assert 0 <= share.low < share.value < share.high <= 1


def test_one_way_of_painting_over_is_not_put_together(tmp_path, rng):
    effects = [effect(c, change=1.0, flipped=0.0) for c in CASES]
    found = estimated(tmp_path, effects, rng.normal(0, 2, N))
    for metric in ("removal-pooled", "removal-pooled-flip"):
        e = found[metric, "tag", "ill", "", "", "all"]
        assert (e.value, e.low) == (None, None)
        assert "one way only" in e.why


def test_where_no_answer_flips_in_any_way_the_bound_is_that_of_a_share(tmp_path, rng):
    effects = [effect(c, fill=way, change=1.0, flipped=0.0) for way in ("inpaint", "ring") for c in CASES]
    e = estimated(tmp_path, effects, rng.normal(0, 2, N))["removal-pooled-flip", "tag", "ill", "", "", "all"]
    assert (e.value, e.low) == (0, 0)
    assert e.high == pytest.approx(1 - 0.025 ** (1 / (N // 2)))


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.5])
def test_the_interval_holds_a_truth_that_is_as_far_off_as_the_ways_are(rng, spread):
    """What is under an artefact is one more draw like the three guesses: nine intervals of ten hold it, and more."""
    held = []
    for _ in range(1500):
        truth, patients = 0.4 + rng.normal(0, spread), rng.normal(0, 0.05)
        guesses = 0.4 + patients + rng.normal(0, spread, 3)
        s = pooled([Summary(value=float(g), low=0.0, high=0.0, se=0.05, n=60, patients=60) for g in guesses])
        held.append(s.low <= truth <= s.high)
    assert 0.9 < np.mean(held) < 0.975


def test_the_ways_that_count_are_the_sane_ones():
    assert set(WAYS) == {name for name, fill in FILLS.items() if fill.sane} | {"reflect"}
