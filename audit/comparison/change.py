"""Two runs' columns -> paired differences, candidate minus baseline, with 95 % intervals over patients.

The cases are the same in both runs, so a case is its own control: in each draw of patients the means of both runs are
taken over the same cases and subtracted (Efron and Tibshirani 1993, percentile bootstrap of a paired difference). The
draws are those of every other estimate of the house. A difference of accuracies may be exactly zero in every draw
although the networks differ; its interval then reaches as far as the exact binomial bound (Clopper and Pearson 1934)
for the share of cases in which one of the two is right alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from audit.comparison.columns import Column, Columns, Key, answers, columns
from audit.comparison.shared import Shared
from audit.judge.metrics import CHANGE, GROWTH
from audit.measure.association import Statistic, auc
from audit.measure.estimate import FEWEST, LEVEL, resample, summarise
from audit.record import Estimate, Map

BLOCK = 256
"""So many columns at a time: the draws of more would be large."""

SIGNED = ("removal", "transplant", "shift")
"""Of these both directions count, so it is also asked how far from zero they lie."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One number in two runs, on the cases in which both have it.

    ``difference`` is candidate minus baseline, ``growth`` the candidate's distance from zero minus the baseline's (None
    where zero is no middle). A value is None where nothing was measured, with the reason; where one run alone measured
    it, that run's own number stands by itself.
    """

    baseline: Estimate
    candidate: Estimate
    difference: Estimate
    growth: Estimate | None = None

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """What rules are asked of: the candidate's own number, and the changes."""
        return (
            self.candidate,
            self.difference,
            *([] if self.growth is None else [self.growth]),
        )


def changes(shared: Shared, number: int, maps: Sequence[Map]) -> list[Change]:
    """Every change of run ``number`` against the first: of accuracy and effects over all cases, by label and group;
    of AUC and of the scores of ``maps`` over all cases."""
    seed = int(shared.sources[0].run.manifest["seed"])
    sides = (columns(shared, 0, maps), columns(shared, number, maps))
    same = bool(np.array_equal(answers(shared, 0), answers(shared, number)))
    found = list(_aucs(shared, number, seed, same=same))
    keys = sorted({*sides[0], *sides[1]})
    names = (shared.names[0], shared.names[number])
    for stratum, chosen in shared.strata.items():
        asked = [k for k in keys if stratum == "all" or not k.explainer]
        found += _paired(asked, sides, names, shared.patients, chosen, stratum, seed, same=same)
    return found


def _paired(
    keys: Sequence[Key],
    sides: tuple[Columns, Columns],
    names: tuple[str, str],
    patients: Sequence[str],
    chosen: NDArray[np.bool_],
    stratum: str,
    seed: int,
    *,
    same: bool,
) -> Iterator[Change]:
    of = [p for p, c in zip(patients, chosen, strict=True) if c]
    nothing = Column(np.full(len(chosen), np.nan), None)
    for start in range(0, len(keys), BLOCK):
        block = keys[start : start + BLOCK]
        pairs = [tuple(side.get(k, nothing) for side in sides) for k in block]
        before, after = (np.stack([p[i].values[chosen] for p in pairs], 1) for i in (0, 1))
        known, draws = drawn(before, after, of, seed=seed)
        owner = np.unique(np.asarray(of, dtype=object).astype(str), return_inverse=True)[1]
        for j, key in enumerate(block):
            rows = known[:, j]
            about = Estimate(
                **key._asdict(),
                stratum=stratum,
                value=None,
                n=int(rows.sum()),
                patients=len(set(owner[rows].tolist())),
                missing=len(rows) - int(rows.sum()),
            )
            if not rows.any():
                empty = _unmeasured(about, _why(key, sides, names, chosen))
                alone = [_alone(about, p.values[chosen], of, p.why, seed) for p in pairs[j]]
                yield replace(empty, baseline=alone[0], candidate=alone[1])
                continue
            levels = [float(side[rows, j].sum() / rows.sum()) for side in (before, after)]
            units = about.patients if key.metric == "accuracy" else 0
            yield _change(about, levels, draws[:, :, j], units=units, same=same)


def drawn(
    before: NDArray[np.float64], after: NDArray[np.float64], patients: Sequence[str], *, seed: int
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which cases have both values ``(cases, k)``, and the means of both sides in each draw ``(2, draws, k)``."""
    known = ~(np.isnan(before) | np.isnan(after))
    names, owner = np.unique(np.asarray(patients, dtype=object).astype(str), return_inverse=True)
    sums = np.zeros((3, len(names), before.shape[1]))
    for table, side in zip(
        sums, (np.where(known, before, 0.0), np.where(known, after, 0.0), known), strict=True
    ):
        np.add.at(table, owner, side)
    weights = resample(len(names), seed=seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.stack([weights @ sums[0], weights @ sums[1]]) / (weights @ sums[2])
    return known, means


def _change(
    about: Estimate,
    levels: Sequence[float],
    draws: NDArray[np.float64],
    *,
    units: int = 0,
    same: bool = False,
) -> Change:
    """The four numbers of one column from the draws of both sides ``(2, draws)``.

    ``units``: of a share, over how many patients the exact bound is taken where every draw says the same; ``same``: the
    networks answer alike in every case, so that no difference is certain.
    """
    if about.patients < FEWEST:
        alone = replace(about, why="one patient has no interval")
        before, after = (replace(alone, value=v) for v in levels)
        difference = replace(alone, metric=f"{CHANGE}{about.metric}", value=levels[1] - levels[0])
        growth = replace(alone, metric=f"{GROWTH}{about.metric}", value=abs(levels[1]) - abs(levels[0]))
    else:
        draws = draws[:, ~np.isnan(draws).any(0)]
        before, after = (_bounded(_with(about, v, d), units, 0.0) for v, d in zip(levels, draws, strict=True))
        difference = _with(about, levels[1] - levels[0], draws[1] - draws[0], CHANGE)
        difference = difference if same else _bounded(difference, units, -1.0)
        # the side of zero is that of the whole set in each draw: a mean near zero, folded, would lean to one side
        before_, after_ = (np.copysign(1.0, v) * d for v, d in zip(levels, draws, strict=True))
        growth = _with(about, abs(levels[1]) - abs(levels[0]), after_ - before_, GROWTH)
    signed = about.metric.startswith(SIGNED)
    return Change(baseline=before, candidate=after, difference=difference, growth=growth if signed else None)


def _with(about: Estimate, value: float, draws: NDArray[np.float64], kind: str = "") -> Estimate:
    low, high = (float(q) for q in np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return replace(
        about, metric=f"{kind}{about.metric}", value=value, low=low, high=high, se=float(draws.std())
    )


def _bounded(e: Estimate, units: int, least: float) -> Estimate:
    """With the exact binomial bound for ``units`` patients where every draw says the same; 0 units: as it is."""
    if not units or e.value is None or e.low is None or e.low != e.high:
        return e
    reach = 1 - ((1 - LEVEL) / 2) ** (1 / units)
    return replace(e, low=max(least, e.value - reach), high=min(1.0, e.value + reach))


def _alone(
    about: Estimate, values: NDArray[np.float64], patients: Sequence[str], why: str | None, seed: int
) -> Estimate:
    """What one run says of a thing that the other did not measure."""
    summary = summarise(values[:, None], patients, seed=seed, why=[why or "it was not asked for"])
    return replace(about, **asdict(summary[0]))


def _unmeasured(about: Estimate, why: str) -> Change:
    empty = replace(about, why=why)
    signed = about.metric.startswith(SIGNED)
    return Change(
        baseline=empty,
        candidate=empty,
        difference=replace(empty, metric=f"{CHANGE}{about.metric}"),
        growth=replace(empty, metric=f"{GROWTH}{about.metric}") if signed else None,
    )


def _why(key: Key, sides: Sequence[Columns], names: Sequence[str], chosen: NDArray[np.bool_]) -> str:
    """Why no case has a value in both runs."""
    lacking = [name for side, name in zip(sides, names, strict=True) if key not in side]
    if lacking:
        return f"{' and '.join(lacking)} did not ask for it"
    empty = [
        (name, side[key].why)
        for side, name in zip(sides, names, strict=True)
        if np.isnan(side[key].values[chosen]).all()
    ]
    if not empty:
        return "no case has a value in both runs"
    whys = {why or "no case has a value" for _, why in empty}
    if len(empty) == len(sides) and len(whys) == 1:
        return whys.pop()
    return "; ".join(f"{name}: {why or 'no case has a value'}" for name, why in empty)


def _aucs(shared: Shared, number: int, seed: int, *, same: bool) -> Iterator[Change]:
    """How well each class is told from the rest, and the mean over the classes, in both runs."""
    tables = [answers(shared, i) for i in (0, number)]
    labels = np.array([c.label for c in shared.cases], dtype=object)
    names, owner = np.unique(np.asarray(shared.patients, dtype=object).astype(str), return_inverse=True)
    weights = np.concatenate(
        [np.ones((1, len(labels))), resample(len(names), seed=seed)[:, owner]]
    )  # the set as it is comes first
    each: list[NDArray[np.float64]] = []
    fewest = len(names)
    about = Estimate(metric="auc", value=None, n=len(labels), patients=len(names))
    for column, cls in enumerate(shared.sources[0].classes):
        of_class = labels == cls
        if not of_class.any():
            continue
        own = replace(about, cls=cls)
        if of_class.all():
            yield _unmeasured(own, "it takes cases of this class and of another one")
            continue
        units = min(len(set(owner[side].tolist())) for side in (of_class, ~of_class))
        fewest = min(fewest, units)
        pair: list[Statistic] = [auc(table[:, column], of_class) for table in tables]
        means = np.stack([statistic(weights) for statistic in pair])
        each.append(means)
        yield _change(own, means[:, 0].tolist(), means[:, 1:], units=units, same=same)
    if each:
        means = np.mean(each, axis=0)
        yield _change(about, means[:, 0].tolist(), means[:, 1:], units=fewest, same=same)
    else:
        yield _unmeasured(about, "every case has the same label")
