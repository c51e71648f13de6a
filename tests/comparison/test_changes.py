"""Paired differences against slow definitions, and what may be compared at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import twins
from scipy.stats import spearmanr

from audit.comparison.change import Change, changes
from audit.comparison.moved import alike, common, estimates, likeness, most, shown
from audit.comparison.shared import Shared, share
from audit.errors import RunError
from audit.measure.agreement import coarse
from audit.measure.estimate import resample

N = twins.N


def pick(found: list[Change], metric: str, region: str = "", cls: str = "", stratum: str = "all") -> Change:
    about = (metric, region, cls, stratum)
    mine = [
        c
        for c in found
        if (c.candidate.metric, c.candidate.region, c.candidate.cls, c.candidate.stratum) == about
    ]
    assert len(mine) == 1
    return mine[0]


def laid(*runs: twins.Run, maps: bool = True) -> tuple[Shared, list[Change]]:
    shared = share([r.path for r in runs], maps=maps)
    return shared, changes(shared, 1, common(shared, 1)[0])


def scale(run: twins.Run) -> float:
    p = np.array([x.probabilities[1] for x in run.read(twins.Prediction)])
    return float(np.log(p / (1 - p)).std())


def draws(shared: Shared) -> list[list[int]]:
    """The rows of each bootstrap draw, written out one by one."""
    patients = sorted(set(shared.patients))
    weights = resample(len(patients), seed=3)
    rows = {p: [i for i, own in enumerate(shared.patients) if own == p] for p in patients}
    return [
        [i for p, times in zip(patients, draw, strict=True) for _ in range(int(times)) for i in rows[p]]
        for draw in weights
    ]


def ends(values: list[float]) -> tuple[float, float]:
    return float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))


def near(e: object, value: float, interval: tuple[float, float]) -> None:
    got = [getattr(e, name) for name in ("value", "low", "high")]
    assert got == pytest.approx([value, *interval], abs=1e-9)


def test_identical_runs_differ_by_exactly_nothing(tmp_path: Path) -> None:
    """Zero, with an interval from zero to zero, for whatever was measured."""
    maps = np.random.default_rng(0).random((N, twins.SIZE, twins.SIZE))
    runs = [twins.write(tmp_path / name, maps=maps, mass=maps[:, 0, 0]) for name in "ab"]
    shared, found = laid(*runs)
    assert len(shared.cases) == N
    measured = [c for c in found if c.difference.value is not None]
    assert {c.candidate.metric for c in measured} >= {"accuracy", "auc", "removal", "removal-own", "mass"}
    for c in measured:
        for e in (c.difference, c.growth):
            assert e is None or (e.value, e.low, e.high) == (0.0, 0.0, 0.0)
    near_ = estimates(shared, [twins.FUSED], likeness(shared, 1, [twins.FUSED]))
    assert near_[0].value == pytest.approx(1.0)
    assert most(shared, 1, twins.FUSED, likeness(shared, 1, [twins.FUSED])) == ()


def test_swapping_the_runs_turns_every_sign(tmp_path: Path) -> None:
    """Candidate minus baseline, and so the other way round."""
    a = twins.write(tmp_path / "a", mass=twins.numbers(5, 0.2, 0.05))
    b = twins.write(
        tmp_path / "b",
        p=twins.chances(np.arange(N) % 4 != 3),
        removal=twins.numbers(8, 0.9, 0.4),
        mass=twins.numbers(6, 0.3, 0.05),
    )
    (_, forth), (_, back) = laid(a, b), laid(b, a)
    assert any(c.difference.value for c in forth)
    for one, other in zip(forth, back, strict=True):
        for first, second in ((one.difference, other.difference), (one.growth, other.growth)):
            if first is None or second is None or first.value is None or first.low is None:
                continue
            assert second.value == pytest.approx(-first.value)
            assert (second.low, second.high) == pytest.approx((-(first.high or 0), -first.low))


def test_accuracy_and_effects_against_a_slow_bootstrap(tmp_path: Path) -> None:
    """Draw by draw, case by case, with nothing vectorised."""
    right = [np.arange(N) % 5 != 4, np.arange(N) % 3 != 2]
    odds = [twins.numbers(1, -0.3, 0.5), twins.numbers(2, 0.9, 0.5)]
    odds[1][7] = np.nan  # missing in the candidate: out of both
    p = [twins.chances(r) for r in right]
    runs = [
        twins.write(tmp_path / name, p=p_, removal=np.nan_to_num(o, nan=0.0))
        for name, p_, o in zip("ab", p, odds, strict=True)
    ]
    shared, found = laid(*runs)
    slow = draws(shared)
    hits = [r.astype(float) for r in right]
    every = [np.mean([hits[1][i] - hits[0][i] for i in rows]) for rows in slow]
    near(pick(found, "accuracy").difference, float(hits[1].mean() - hits[0].mean()), ends(every))
    scale = [np.log(x / (1 - x)).std() for x in p]
    effect = [np.nan_to_num(o, nan=0.0) / s for o, s in zip(odds, scale, strict=True)]
    means = [[np.mean([e[i] for i in rows]) for e in effect] for rows in slow]
    change = pick(found, "removal", "text", "ill")
    near(change.difference, float(effect[1].mean() - effect[0].mean()), ends([b - a for a, b in means]))
    assert change.growth is not None
    grown = float(abs(effect[1].mean()) - abs(effect[0].mean()))
    assert effect[0].mean() < 0 < effect[1].mean()
    near(change.growth, grown, ends([b - -a for a, b in means]))
    near(change.baseline, float(effect[0].mean()), ends([a for a, _ in means]))


def test_a_label_is_a_set_of_its_own(tmp_path: Path) -> None:
    """What falls in the ill and rises in the well is told in each."""
    ill = np.arange(N) % 2 == 1
    a = twins.write(tmp_path / "a", p=twins.chances(ill))
    b = twins.write(tmp_path / "b", p=twins.chances(~ill))
    _, found = laid(a, b)
    said = [pick(found, "accuracy", stratum=s).difference for s in ("all", "label=ill", "label=well")]
    assert [(e.value, e.n) for e in said] == [(0.0, N), (-1.0, N // 2), (1.0, N // 2)]


def test_the_auc_against_counting_pairs(tmp_path: Path) -> None:
    """Of each draw: how often a case of the class scores above another, ties half, in both runs."""
    rng = np.random.default_rng(4)
    p = [rng.uniform(0.05, 0.95, 16).round(1) for _ in range(2)]
    runs = [twins.write(tmp_path / name, n=16, p=x) for name, x in zip("ab", p, strict=True)]
    shared, found = laid(*runs)
    ill = np.arange(16) % 2 == 1

    def area(scores: np.ndarray, rows: list[int]) -> float:
        pairs = [
            0.5 * (scores[i] == scores[j]) + (scores[i] > scores[j])
            for i in rows
            if ill[i]
            for j in rows
            if not ill[j]
        ]
        return float(np.mean(pairs))

    whole = list(range(16))
    value = area(p[1], whole) - area(p[0], whole)
    every = [area(p[1], rows) - area(p[0], rows) for rows in draws(shared)]
    near(pick(found, "auc", cls="ill").difference, value, ends(every))


def test_two_networks_that_are_always_right_are_not_equal_for_certain(tmp_path: Path) -> None:
    """No draw shows a difference; the interval is the exact bound over the 30 patients."""
    runs = [
        twins.write(tmp_path / name, p=twins.chances(np.ones(N, bool), sure))
        for name, sure in (("a", 0.8), ("b", 0.9))
    ]
    _, found = laid(*runs)
    e = pick(found, "accuracy").difference
    reach = 1 - 0.025 ** (1 / 30)
    assert (e.value, e.low, e.high) == pytest.approx((0.0, -reach, reach))


def test_what_one_run_lacks_has_a_reason_and_no_number(tmp_path: Path) -> None:
    """None, never zero."""
    a = twins.write(tmp_path / "a", mass=twins.numbers(5, 0.2, 0.05))
    b = twins.write(tmp_path / "b", regions=[twins.LESION], explained=twins.without_explainer())
    shared, found = laid(a, b)
    c = pick(found, "removal", "text", "ill")
    assert (c.difference.value, c.candidate.value, c.growth and c.growth.value) == (None, None, None)
    assert c.baseline.value == pytest.approx(twins.numbers(1, 0.05, 0.3).mean() / scale(a))
    assert c.difference.why == "b did not ask for it"
    assert not [c for c in found if c.candidate.explainer]
    assert [(x.kind, x.why) for x in common(shared, 1)[1]] == [("explainer", "no map by it in b")]


def test_cases_are_shared_by_id_label_and_picture(tmp_path: Path) -> None:
    """What is left out is named with its reason, and the numbers are those of the rest."""
    names = [f"c{i:02d}" for i in range(20)]
    a = twins.write(tmp_path / "a", ids=names)
    b = twins.write(
        tmp_path / "b", ids=[*names[1:], "c99"], labels={n: ("well", "ill")[i % 2] for i, n in enumerate(names)}
        | {"c05": "well"}, shade={n: 40 + i for i, n in enumerate(names)} | {"c07": 200},
    )  # fmt: skip
    patients = {c.id: c.patient for c in b.read(twins.Case)}
    shared = share([a.path, b.path])
    why = {x.name: x.why for x in shared.apart}
    assert why["c00"] == "not in b"
    assert why["c99"] == "not in a"
    assert why["c05"] == "labelled 'ill' in a and 'well' in b"
    kept = {c.id for c in shared.cases}
    for i, name in enumerate(names[1:], start=1):
        if name == "c05":
            continue
        if patients[name] != f"p{i // 2}":
            assert why[name] == "of another patient in b"
        elif name == "c07":
            assert why[name] == "another picture in b"
        else:
            assert name in kept
    assert "c07" not in kept
    assert kept


def test_runs_that_cannot_be_compared_are_refused_with_a_way_out(tmp_path: Path) -> None:
    """No shared case, other classes, another grid, a changed file, one run alone."""
    a = twins.write(tmp_path / "a")
    other = twins.write(tmp_path / "other", ids=[f"x{i}" for i in range(20)])
    classes = twins.write(tmp_path / "classes", classes=("well", "sick"))
    grid = twins.write(tmp_path / "grid", grid=32, area=0.2)
    for paths, what, todo in (
        ([a, other], "the runs share no case: not in other", "over the same cases"),
        ([a, classes], "its classes are 'well', 'sick'", "the same classes"),
        (
            [a, grid],
            "its maps are on a grid of 32 by 32, those of the baseline on one of 24 by 24",
            "--no-maps",
        ),
        ([a], "two runs or more", "baseline first"),
    ):
        with pytest.raises(RunError) as error:
            share([r.path for r in paths])
        assert what in error.value.problems[0].what
        assert todo in error.value.problems[0].todo
    without = share([a.path, grid.path], maps=False)
    assert (len(without.cases), {r.name for r in without.signs}) == (N, {"lesion", "text"})
    (other.path / "cases.parquet").write_bytes(b"nothing")
    with pytest.raises(RunError, match=r"cases\.parquet"):
        share([a.path, other.path])


def test_one_name_for_two_things_is_not_compared(tmp_path: Path) -> None:
    """A region that another detector found, or that lies elsewhere, is set apart with its reason."""
    a = twins.write(tmp_path / "a")
    finder = twins.replace(twins.TEXT, version="3")
    b = twins.write(tmp_path / "b", regions=[twins.LESION, finder])
    c = twins.write(tmp_path / "c", area=0.2)
    for run, names, why in (
        (b, {"text"}, "it is looked for in another way in b than in a"),
        (c, {"text", "lesion"}, "it does not cover the same place in c as in a"),
    ):
        shared, found = laid(a, run)
        assert {x.name: x.why for x in shared.apart} == dict.fromkeys(names, why)
        assert not [x for x in found if x.candidate.region in names]


def test_likeness_is_spearmans_correlation_of_the_coarse_maps() -> None:
    """Against scipy, map by map; a flat map is like nothing."""
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(2, 5, 40, 40))
    maps[1] += 2 * maps[0]
    maps[1, 4] = 0
    expected = [
        spearmanr(coarse(maps[0, i : i + 1])[0], coarse(maps[1, i : i + 1])[0]).statistic for i in range(4)
    ]
    assert alike(maps[0], maps[1])[:4] == pytest.approx(expected)
    assert np.isnan(alike(maps[0], maps[1])[4])


def test_the_cases_that_moved_most_come_first(tmp_path: Path) -> None:
    """One answer was turned and one map was turned over: they are found, and told apart."""
    rows, columns = np.indices((twins.SIZE, twins.SIZE))
    maps = np.stack([rows * 1.0 + columns + i for i in range(N)])
    turned = maps.copy()
    turned[11] = turned[11][::-1, ::-1]
    p = twins.chances(np.arange(N) % 5 != 4)
    q = p.copy()
    q[30] = 1 - q[30]
    shared = share(
        [
            twins.write(tmp_path / "a", p=p, maps=maps).path,
            twins.write(tmp_path / "b", p=q, maps=turned).path,
        ]
    )
    maps_, _ = common(shared, 1)
    found = most(shared, 1, shown(shared, 1, maps_), likeness(shared, 1, maps_))
    assert [(m.case, m.why) for m in found] == [
        ("case-030", "its answer moved most"),
        ("case-011", "its map moved most"),
    ]
    assert found[0].answer == pytest.approx(abs(p[30] - q[30]))
    assert found[1].likeness == pytest.approx(-1.0)
