"""Could the model live on an artefact, does its score follow it, and does it flatter the figures?

From predictions and presence alone: nothing is asked, so nothing here is causal. A score may follow an artefact because
the more severe cases bear it. Of every artefact region: accuracy with and without it, the accuracy of the worst group
(label by presence), and for every class how far the score follows the artefact among cases of one label (``follow``),
the accuracy where artefact and label go together minus where they conflict (``accuracy-gap``), and the AUC minus the
AUC with the artefact made independent of the label by weights (``auc-inflation``).

Papers: van Elteren 1960 (stratified ranks); Greenland and Robins 1985 (Mantel-Haenszel risk difference); Badgeley
et al. 2019 (matched test sets); Sagawa et al. 2020 (worst group). Departures: the gap is taken within labels and
pooled, because a class that is easier would be a gap by itself; groups of fewer than :data:`FEW` cases say nothing;
the interval of the worst group reaches low, as that of any minimum.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from audit.measure.association import Statistic, auc, interval
from audit.measure.estimate import Summary, summarise
from audit.measure.margin import margins
from audit.record import Case, Estimate, Extent, Prediction, Region

FEW = 5
"""Cases: with fewer in a group, a bootstrap draw often has none of them and the interval means nothing."""

UNKNOWN = "nobody can say which cases bear it"
NONE_BEARS = "no case bears it"
ALL_BEAR = "every case bears it"
SAME = "the model gives every case the same answer"
UNTIED = "the artefact is exactly as common in this class as in the others, so no case conflicts"
NO_OTHER = "it takes cases of this class and of another one"
NO_GROUP = f"fewer than two groups have {FEW} cases"
NOT_WITHIN = f"no label has enough cases with and without it: it takes {FEW} of each, over all labels"
NOT_APART = f"artefact and label cannot be told apart: fewer than {FEW} cases "


def within(values: NDArray[np.float64], present: NDArray[np.bool_], labels: NDArray[np.object_]) -> Statistic:
    """How far a value follows a sign among cases of one label: rank-biserial, pooled over labels; in [-1, 1].

    Twice the chance that a case with the sign has a higher value than one of the same label without it, ties half,
    minus one. Labels are weighed as van Elteren has it, by ``n1 n0 / (n1 + n0 + 1)``; one that lacks a side weighs
    nothing.

    >>> values, present = np.array([1.0, 2.0, 5.0, 4.0]), np.array([False, True, True, False])
    >>> labels = np.array(["ill", "ill", "well", "well"], dtype=object)
    >>> float(within(values, present, labels)(np.ones((1, 4)))[0])
    1.0
    """
    strata = [np.flatnonzero(labels == label) for label in np.unique(labels.astype(str))]
    each = [(rows, auc(values[rows], present[rows]), present[rows]) for rows in strata]

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        total, above = np.zeros(len(weights)), np.zeros(len(weights))
        for rows, of_values, borne in each:
            own = weights[:, rows]
            with_it, without = own @ borne, own @ ~borne
            weight = with_it * without / (with_it + without + 1)
            total += weight
            above += np.where(weight > 0, weight * of_values(own), 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(2 * above / total - 1)

    return statistic


def gap(right: NDArray[np.float64], aligned: NDArray[np.bool_], labels: NDArray[np.object_]) -> Statistic:
    """Accuracy of aligned minus accuracy of conflicting cases of one label, pooled over labels; in [-1, 1].

    Labels are weighed by ``n1 n0 / (n1 + n0)`` (Mantel and Haenszel); one that lacks a side weighs nothing.

    >>> right, aligned = np.array([1.0, 0.0, 1.0, 1.0]), np.array([True, False, True, False])
    >>> float(gap(right, aligned, np.array(["ill", "ill", "well", "well"], dtype=object))(np.ones((1, 4)))[0])
    0.5
    """
    strata = [np.flatnonzero(labels == label) for label in np.unique(labels.astype(str))]

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        total, better = np.zeros(len(weights)), np.zeros(len(weights))
        for rows in strata:
            own, side, ok = weights[:, rows], aligned[rows], right[rows]
            one, other = own @ side, own @ ~side
            with np.errstate(divide="ignore", invalid="ignore"):
                difference = own @ (ok * side) / one - own @ (ok * ~side) / other
                weight = one * other / (one + other)
            known = (one > 0) & (other > 0)
            total += np.where(known, weight, 0)
            better += np.where(known, weight * difference, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(better / total)

    return statistic


def inflation(
    scores: NDArray[np.float64], of_class: NDArray[np.bool_], present: NDArray[np.bool_]
) -> Statistic:
    """The AUC minus the AUC in which each case weighs ``P(a) / P(a|y)``; in [-1, 1].

    With those weights the artefact is as common in the class as in the others. A draw that lacks one of the four kinds
    of case has no value.

    >>> s = inflation(np.array([0.9, 0.2, 0.8, 0.1]), np.array([True, True, False, False]),
    ...               np.array([True, False, True, False]))
    >>> float(s(np.ones((1, 4)))[0])
    0.0
    """
    plain = auc(scores, of_class)

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        factor = np.empty_like(weights)
        lacks = np.zeros(len(weights), bool)
        total = weights.sum(1)
        for a in (present, ~present):
            for y in (of_class, ~of_class):
                cell = weights @ (a & y)
                lacks |= cell == 0
                ratio = (weights @ a) * (weights @ y) / np.where(cell > 0, total * cell, 1)
                factor[:, a & y] = ratio[:, None]
        return np.where(lacks, np.nan, plain(weights) - plain(weights * factor))

    return statistic


def worst(right: NDArray[np.float64], groups: Sequence[NDArray[np.bool_]]) -> Statistic:
    """The accuracy of the group that fares worst; a group that a draw lacks is left out of it.

    >>> float(worst(np.array([1.0, 0.0, 1.0]), [np.array([True, True, False]), np.array([False, False, True])])(
    ...     np.ones((1, 3)))[0])
    0.5
    """

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        lowest = np.full(len(weights), np.nan)
        for group in groups:
            with np.errstate(divide="ignore", invalid="ignore"):
                accuracy = weights @ (right * group) / (weights @ group)
            lowest = np.fmin(lowest, accuracy)
        return lowest

    return statistic


@dataclass(frozen=True, kw_only=True)
class _Set:
    """The cases of which it is known whether they bear the region, and how many are not among them."""

    region: str
    patients: list[str]
    labels: NDArray[np.object_]
    predicted: NDArray[np.object_]
    present: NDArray[np.bool_]
    unknown: list[str]  # the labels of the cases of which it is not known
    seed: int

    def summary(
        self, statistic: Statistic, why: str | None, *, low: float = -1.0, fewest: int | None = None
    ) -> Summary:
        """The statistic with its interval, or the reason against it."""
        if why:
            return Summary(value=None, missing=len(self.unknown) + len(self.patients), why=why)
        return interval(
            statistic,
            self.patients,
            seed=self.seed,
            missing=len(self.unknown),
            ends=(low, 1.0),
            fewest=fewest,
        )

    def estimate(self, metric: str, summary: Summary, cls: str = "", stratum: str = "all") -> Estimate:
        """The summary under its names."""
        return Estimate(metric=metric, region=self.region, cls=cls, stratum=stratum, **asdict(summary))


def opportunity(
    cases: Sequence[Case],
    predictions: Mapping[str, Prediction],
    extents: Iterable[Extent],
    regions: Sequence[Region],
    classes: Sequence[str],
    *,
    seed: int,
    exclusive: bool,
) -> Iterator[Estimate]:
    """The estimates of every artefact region; regions of another role are passed over.

    Args:
        cases: of the run.
        predictions: by case.
        extents: whether each case bears each region; None where nobody can say, and then the case is missing.
        regions: those looked for.
        classes: the model's, in the order of the probabilities. Only those that are some case's label are reported.
        seed: of the bootstrap over patients.
        exclusive: a picture has one class; False for independent labels.

    Yields:
        ``accuracy-with`` and ``accuracy-without`` (strata ``all`` and ``label=X``), ``worst-group``, and for each class
        ``follow`` (positive: the class's log-odds are higher with the artefact), ``accuracy-gap`` and
        ``auc-inflation``. What cannot be measured comes with ``value`` None and the reason.
    """
    borne = {(e.case, e.region): e.present for e in extents}
    answers = np.array([predictions[c.id].probabilities for c in cases], float).reshape(-1, len(classes))
    odds = margins(answers, exclusive=exclusive)
    labels = np.array([c.label for c in cases], dtype=object)
    predicted = np.array([predictions[c.id].predicted for c in cases], dtype=object)
    for region in regions:
        if region.role != "artefact":
            continue
        present = [borne.get((c.id, region.name)) for c in cases]
        rows = [i for i, p in enumerate(present) if p is not None]
        known = _Set(
            region=region.name,
            patients=[cases[i].patient for i in rows],
            labels=labels[rows],
            predicted=predicted[rows],
            present=np.array([bool(present[i]) for i in rows], bool),
            unknown=[c.label for c, p in zip(cases, present, strict=True) if p is None],
            seed=seed,
        )
        yield from _accuracy(known)
        for number, cls in enumerate(classes):
            if cls in set(labels):
                yield from _of_class(known, cls, answers[rows, number], odds[rows, number])


def _lacking(known: _Set) -> str | None:
    """Why nothing can be compared: nobody knows, or all cases are alike."""
    if not len(known.present):
        return UNKNOWN
    if known.present.all():
        return ALL_BEAR
    return None if known.present.any() else NONE_BEARS


def _accuracy(known: _Set) -> Iterator[Estimate]:
    """Accuracy with and without the artefact, over all cases and by label, and that of the worst group."""
    right = (known.predicted == known.labels).astype(float)
    strata = {"all": np.ones(len(right), bool)}
    strata |= {f"label={label}": known.labels == label for label in sorted(set(known.labels))}
    sides = {"accuracy-with": known.present, "accuracy-without": ~known.present}
    for metric, side in sides.items():
        for stratum, of_stratum in strata.items():
            chosen = np.flatnonzero(side & of_stratum)
            why = "no such case" if len(known.present) else UNKNOWN
            summary = summarise(
                right[chosen, None],
                [known.patients[i] for i in chosen],
                seed=known.seed,
                shares=[True],
                why=[why],
            )[0]
            gone = sum(stratum in ("all", f"label={label}") for label in known.unknown)
            yield known.estimate(metric, replace(summary, missing=gone), stratum=stratum)
    cells = [side & of for name, of in strata.items() if name != "all" for side in sides.values()]
    groups = [cell for cell in cells if cell.sum() >= FEW]
    lacking = _lacking(known) or (NO_GROUP if len(groups) < 2 else None)
    fewest = int(min(groups, key=lambda g: float(right[g].mean())).sum()) if groups else None
    yield known.estimate("worst-group", known.summary(worst(right, groups), lacking, low=0.0, fewest=fewest))


def _of_class(
    known: _Set, cls: str, scores: NDArray[np.float64], odds: NDArray[np.float64]
) -> Iterator[Estimate]:
    """Following, gap and inflation of one class."""
    of_class, present = known.labels == cls, known.present
    lacking = _lacking(known)
    sides = [(known.labels == x) & present for x in set(known.labels)]
    others = [(known.labels == x) & ~present for x in set(known.labels)]
    pairs = sum(min(int(a.sum()), int(b.sum())) for a, b in zip(sides, others, strict=True))
    alone = lacking or (NOT_WITHIN if pairs < FEW else None)
    same = SAME if len(odds) and np.ptp(odds) == 0 else None
    follow = known.summary(within(odds, present, known.labels), alone or same, fewest=pairs)
    yield known.estimate("follow", follow, cls)
    single = None if of_class.any() and not of_class.all() else NO_OTHER
    tie = 0.0 if single or lacking else float(present[of_class].mean() - present[~of_class].mean())
    aligned = present == (of_class if tie > 0 else ~of_class)
    right = ((known.predicted == cls) == of_class).astype(float)
    why = alone or single or (UNTIED if tie == 0 else None)
    yield known.estimate(
        "accuracy-gap", known.summary(gap(right, aligned, known.labels), why, fewest=pairs), cls
    )
    smallest, which = min(
        (int((a & y).sum()), f"of {whose} {word} it")
        for y, whose in ((of_class, "this class"), (~of_class, "the others"))
        for a, word in ((present, "with"), (~present, "without"))
    )
    apart = lacking or single or (NOT_APART + which if smallest < FEW else None)
    yield known.estimate(
        "auc-inflation", known.summary(inflation(scores, of_class, present), apart, fewest=smallest), cls
    )
