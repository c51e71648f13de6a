"""Does a cue of the whole picture tell the classes apart in this set, and does the score follow it within a class?

The first is a property of the set, the second of the model: among cases of one label the label explains nothing, so a
score that rises with the cue reads the cue, or something that goes with it. Both are statistics over case weights, so
their intervals come from the draws of patients that all others use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from audit.measure.association import Statistic, interval, rank_biserial
from audit.measure.estimate import Summary, summarise
from audit.measure.margin import margins
from audit.record import Carried, Case, Estimate, Prediction, Reading, Region

CONSTANT = "it is the same in every case"
NO_LABEL = "no label has two cases in which cue and score differ"
NO_SIDE = "the cue goes neither with the class nor against it, so there is no direction to follow"


def following(
    cases: Sequence[Case],
    predictions: Mapping[str, Prediction],
    readings: Sequence[Reading],
    cues: Sequence[Region],
    classes: Sequence[str],
    *,
    seed: int,
    exclusive: bool = True,
) -> Iterator[Estimate]:
    """The estimates ``separation`` and ``follow`` of each cue and class that has cases; ``region`` is the cue's name.

    ``separation``: the rank-biserial correlation of the cue's value with being of the class, in [-1, 1].
    ``follow``: the rank correlation of the class's margin with the cue within a label, pooled over labels; positive
    in the direction in which the cue goes with the class over the set, in [-1, 1].

    Args:
        cases: those of the run.
        predictions: by case id.
        readings: every cue's value in every case.
        cues: those that were read.
        classes: the model's, in the order of the probabilities.
        seed: of the bootstrap.
        exclusive: a picture has one class; False for independent labels.
    """
    value = {(r.case, r.cue): r.value for r in readings}
    reason = {r.cue: r.why for r in readings if r.why}
    labels = np.array([c.label for c in cases], dtype=object)
    patients = np.array([c.patient for c in cases], dtype=object)
    scores = margins(
        np.array([predictions[c.id].probabilities for c in cases], float).reshape(len(cases), -1),
        exclusive=exclusive,
    )
    for cue in cues:
        found = [value.get((c.id, cue.name)) for c in cases]
        known = np.array([v is not None for v in found], bool)
        read = np.array([v for v in found if v is not None], float)
        missing = int((~known).sum())
        why = None
        if not known.any():
            why = reason.get(cue.name, "it was read in no case")
        elif np.ptp(read) == 0:
            why = CONSTANT
        for number, cls in enumerate(classes):
            of_class = labels[known] == cls
            if not (labels == cls).any():
                continue
            names = {"region": cue.name, "cls": cls}
            if why is not None:
                nothing = Summary(value=None, missing=len(cases), why=why)
                yield _estimate(nothing, metric="separation", **names)
                yield _estimate(nothing, metric="follow", **names)
                continue
            owners = list(patients[known])
            fewest = max(1, min(int(of_class.sum()), int((~of_class).sum())))
            separation = interval(
                rank_biserial(read, of_class), owners, seed=seed, missing=missing, fewest=fewest
            )
            yield _estimate(separation, metric="separation", **names)
            if not separation.value:
                none = Summary(value=None, missing=len(cases), why=separation.why or NO_SIDE)
                yield _estimate(none, metric="follow", **names)
                continue
            statistic = pooled_rank_correlation(
                np.sign(separation.value) * read, scores[known, number], labels[known]
            )
            if np.isnan(statistic(np.ones((1, len(read))))[0]):
                none = Summary(value=None, missing=len(cases), why=NO_LABEL)
                yield _estimate(none, metric="follow", **names)
                continue
            yield _estimate(interval(statistic, owners, seed=seed, missing=missing), metric="follow", **names)


def pooled_rank_correlation(
    first: NDArray[np.float64], second: NDArray[np.float64], strata: NDArray[np.object_]
) -> Statistic:
    """Spearman's correlation within each stratum, averaged over strata by their cases less one; ties share their rank.

    Pooled as van Elteren 1960 pools: each stratum counts by the inverse variance of its own correlation.

    >>> cue, score = np.array([1.0, 2, 3, 9, 8, 7]), np.array([1.0, 2, 4, 5, 3, 1])
    >>> rho = pooled_rank_correlation(cue, score, np.array([*"aaabbb"], dtype=object))
    >>> float(rho(np.ones((1, 6)))[0].round(6))
    1.0
    """
    parts = [np.flatnonzero(strata == s) for s in dict.fromkeys(strata.tolist())]
    ranked = [(rows, _ranks(first[rows]), _ranks(second[rows])) for rows in parts]

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        top, bottom = np.zeros(len(weights)), np.zeros(len(weights))
        for rows, rank, other in ranked:
            w = weights[:, rows]
            rho = _correlation(rank(w), other(w), w)
            counts = np.where(np.isnan(rho), 0, np.maximum(w.sum(1) - 1, 0))
            top += counts * np.nan_to_num(rho)
            bottom += counts
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(top / bottom)

    return statistic


def _ranks(values: NDArray[np.float64]) -> Statistic:
    """Case weights ``(draws, cases)`` to each case's midrank among the cases as drawn, of the same shape."""
    order = np.argsort(values, kind="stable")
    level = np.unique(values[order], return_inverse=True)[1]
    starts = np.flatnonzero(np.r_[True, np.diff(level) > 0])
    back = np.empty(len(values), int)
    back[order] = level

    def ranks(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        groups = np.add.reduceat(weights[:, order], starts, axis=1)
        return np.asarray((np.cumsum(groups, axis=1) - groups / 2)[:, back])

    return ranks


def _correlation(
    a: NDArray[np.float64], b: NDArray[np.float64], w: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weighted correlation of each row, NaN where one side does not vary."""
    with np.errstate(invalid="ignore", divide="ignore"):
        total = w.sum(1, keepdims=True)
        a = a - (w * a).sum(1, keepdims=True) / total
        b = b - (w * b).sum(1, keepdims=True) / total
        wa = w * a
        across, aa, bb = (wa * b).sum(1), (wa * a).sum(1), (w * b * b).sum(1)
        flat = ~((aa > 1e-9) & (bb > 1e-9))
        return np.where(flat, np.nan, np.clip(across / np.sqrt(np.where(flat, 1, aa * bb)), -1, 1))


def targets(
    readings: Sequence[Reading], cases: Sequence[Case], classes: Sequence[str]
) -> dict[str, dict[str, tuple[str, float]]]:
    """For each cue and label: the class whose median differs most, and by how much a case must be shifted to it.

    A label without a reading has no entry, and neither has one where no other class has a reading.

    Args:
        readings: every cue's value in every case.
        cases: those of the run.
        classes: the model's; the first of two that differ as much is taken.

    >>> two = [Case(id=i, image="", label=i, patient=i) for i in "ab"]
    >>> read = [Reading(case="a", cue="brightness", value=0.5), Reading(case="b", cue="brightness", value=0.75)]
    >>> targets(read, two, ["a", "b"])
    {'brightness': {'a': ('b', 0.25), 'b': ('a', -0.25)}}
    """
    label = {c.id: c.label for c in cases}
    held: dict[str, dict[str, list[float]]] = {}
    for reading in readings:
        if reading.value is not None and reading.case in label:
            held.setdefault(reading.cue, {}).setdefault(label[reading.case], []).append(reading.value)
    found: dict[str, dict[str, tuple[str, float]]] = {}
    for cue, values in held.items():
        medians = {c: float(np.median(values[c])) for c in classes if c in values}
        for own, median in medians.items():
            others = {c: m - median for c, m in medians.items() if c != own}
            if others:
                other = max(others, key=lambda c: abs(others[c]))
                found.setdefault(cue, {})[own] = (other, others[other])
    return found


ALIKE = "the classes do not differ in it"


def carried(
    cases: Sequence[Case],
    rows: Sequence[Carried],
    readings: Sequence[Reading],
    classes: Sequence[str],
    *,
    seed: int,
) -> Iterator[Estimate]:
    """The estimates ``carried``: how far a clinical sign's reading (``other``) comes along when a cue alone is moved.

    A share of what the classes differ by in the sign: 1 where moving the cue to the other class's value moves the
    reading to the other class's too, which then tells nothing that the cue does not; 0 where it stays.

    Args:
        cases: those of the run.
        rows: what the signs read once a cue was moved.
        readings: every cue's and sign's value in every case.
        classes: the model's.
        seed: of the bootstrap.
    """
    of = {c.id: c for c in cases}
    far = targets(readings, cases, classes)
    shares: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for row in rows:
        _, amount = far.get(row.sign, {}).get(of[row.case].label, ("", 0.0))
        value = np.nan
        if amount and row.before is not None and row.after is not None:
            value = (row.after - row.before) / amount
        shares.setdefault((row.cue, row.sign), []).append((of[row.case].patient, value))
    for (cue, sign), found in sorted(shares.items()):
        values = np.array([[v] for _, v in found])
        summary = summarise(values, [p for p, _ in found], seed=seed, why=[ALIKE])[0]
        for cls in classes:
            yield _estimate(summary, metric="carried", region=cue, cls=cls, other=sign)


def _estimate(summary: Summary, **names: str) -> Estimate:
    return Estimate(**names, **asdict(summary))  # type: ignore[arg-type]
