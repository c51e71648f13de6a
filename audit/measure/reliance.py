"""Effects -> estimates: what taking a sign away, putting it there or moving it does to the answer.

In standard deviations of the margin over the set. For each region or cue, class, fill and stratum; a flip is a share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.measure.estimate import summarise
from audit.measure.margin import margins
from audit.measure.pooled import pooled
from audit.record import Case, Effect, Estimate, Prediction, Run

REMOVAL = "removal"

FIELDS: Mapping[str, str] = {"": "difference", "-change": "change", "-control": "control"}
"""What is told of an intervention: its effect beyond control, the plain change, and the controls' own."""

SAME = "the model gives every case the same answer"

WAYS = ("inpaint", "ring", "donor", "reflect")
"""The sane ways of painting over: guesses at what lies under a region. Blur and black are none."""

Strata = Mapping[str, NDArray[np.bool_]]


def reliance(
    run: Run, cases: Sequence[Case], predictions: Mapping[str, Prediction], strata: Strata, seed: int
) -> Iterator[Estimate]:
    """Every intervention's estimates, in standard deviations of the margin over the set.

    ``removal-own`` is the effect of a lesion on the score of the case's own class. A lesion that leaves no room for
    control places is the kind that counts most; the mean control of the class's other cases stands in for its own.
    ``removal-pooled`` and ``removal-pooled-flip`` put the plain changes and flips of all sane ways together, as an
    estimate of what the picture without the region would have changed; see :mod:`audit.measure.pooled`.
    ``removal-dose`` is the plain change at a lighter paint, whose opacity stands in ``other``.
    """
    frame = run.frame(Effect)
    if frame.empty:
        return
    exclusive = run.manifest["model"]["output"] != "multilabel"
    answers = margins(np.array([predictions[c.id].probabilities for c in cases], float), exclusive=exclusive)
    scale = dict(zip(run.classes, answers.std(0), strict=True))
    patients = [c.patient for c in cases]
    frame["of"] = frame["case"].map({c.id: i for i, c in enumerate(cases)})
    keys = ["intervention", "region", "cls", "fill", "dose"]
    for (what, region, cls, fill, dose), group in frame.groupby(keys, sort=False):
        spread = np.full(len(cases), scale[str(cls)])
        names = {"region": str(region), "cls": str(cls), "fill": str(fill), "family": str(what)}
        if dose != 1:
            names |= {"other": f"{dose:g}"}
            yield from _effects(group, {"removal-dose": "change"}, names, spread, patients, strata, seed)
            continue
        fields = {f"{what}{end}": field for end, field in FIELDS.items()}
        yield from _effects(group, fields, names, spread, patients, strata, seed)
        yield from _flips(group, f"{what}-flip", names, patients, strata, seed)
    plain = frame[(frame["intervention"] == REMOVAL) & (frame["dose"] == 1) & frame["fill"].isin(WAYS)]
    for (region, cls), group in plain.groupby(["region", "cls"], sort=False):
        spread = np.full(len(cases), scale[str(cls)])
        names = {"region": str(region), "cls": str(cls), "fill": "", "family": REMOVAL}
        yield from _together(group, names, spread, patients, strata, seed)
    lesions = {r.name for r in run.regions if r.role == "lesion"}
    label = {c.id: c.label for c in cases}
    first = (frame["intervention"] == REMOVAL) & (frame["dose"] == 1) & frame["region"].isin(lesions)
    own = frame[first & (frame["cls"] == frame["case"].map(label))]
    of_own = np.array([scale[c.label] for c in cases])
    for (name, fill), group in own.groupby(["region", "fill"], sort=False):
        standing_in = group.groupby("cls")["control"].transform("mean")
        group = group.assign(own=group["change"] - group["control"].fillna(standing_in))
        names = {"region": str(name), "cls": "", "fill": str(fill), "family": REMOVAL}
        yield from _effects(group, {"removal-own": "own"}, names, of_own, patients, strata, seed)


def _effects(
    group: pd.DataFrame,
    fields: Mapping[str, str],
    names: Mapping[str, str],
    scale: NDArray[np.float64],
    patients: Sequence[str],
    strata: Strata,
    seed: int,
) -> Iterator[Estimate]:
    why = _most(group["why"])
    if not (scale > 0).all():
        why = SAME
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.stack(
            [np.where(scale > 0, _column(group, f, len(scale)) / scale, np.nan) for f in fields.values()],
            1,
        )
    for stratum, rows in strata.items():
        of = [p for p, chosen in zip(patients, rows, strict=True) if chosen]
        found = summarise(values[rows], of, seed=seed, why=[why] * len(fields))
        for metric, summary in zip(fields, found, strict=True):
            yield Estimate(metric=metric, stratum=stratum, **names, **asdict(summary))  # type: ignore[arg-type]


def _together(
    group: pd.DataFrame,
    names: Mapping[str, str],
    scale: NDArray[np.float64],
    patients: Sequence[str],
    strata: Strata,
    seed: int,
) -> Iterator[Estimate]:
    """The plain change and flips of one region and class, the ways of painting over put together."""
    ways = [way for _, way in group.groupby("fill", sort=False)]
    why = [_most(way["why"]) for way in ways]
    flat = not (scale > 0).all()
    changes = [_column(way, "change", len(scale)) / np.where(scale > 0, scale, np.nan) for way in ways]
    flips = [_column(way, "flipped", len(scale)) for way in ways]
    for stratum, rows in strata.items():
        of = [p for p, chosen in zip(patients, rows, strict=True) if chosen]
        for metric, columns, share in (
            ("removal-pooled", changes, False),
            ("removal-pooled-flip", flips, True),
        ):
            found = summarise(np.stack(columns, 1)[rows], of, seed=seed, shares=[share] * len(ways), why=why)
            summary = pooled(found)
            if share and summary.low is not None and summary.high is not None:
                summary = replace(summary, low=max(0.0, summary.low), high=min(1.0, summary.high))
            if flat and not share:
                summary = replace(summary, value=None, why=SAME)
            yield Estimate(metric=metric, stratum=stratum, **names, **asdict(summary))  # type: ignore[arg-type]


def _flips(
    group: pd.DataFrame,
    metric: str,
    names: Mapping[str, str],
    patients: Sequence[str],
    strata: Strata,
    seed: int,
) -> Iterator[Estimate]:
    count = len(patients)
    beyond = _column(group, "flipped", count) - _column(group, "flipped_control", count)
    why = _most(group["why"])
    for stratum, rows in strata.items():
        of = [p for p, chosen in zip(patients, rows, strict=True) if chosen]
        summary = summarise(beyond[rows, None], of, seed=seed, shares=[True], why=[why])[0]
        yield Estimate(metric=metric, stratum=stratum, **names, **asdict(summary))  # type: ignore[arg-type]


def _column(group: pd.DataFrame, field: str, cases: int) -> NDArray[np.float64]:
    values = np.full(cases, np.nan)
    values[group["of"].to_numpy(int)] = group[field].astype(float).to_numpy()
    return values


def _most(texts: Iterable[object]) -> str | None:
    """The reason that most cases give."""
    counts = pd.Series([t for t in texts if isinstance(t, str)], dtype=object).value_counts()
    return str(sorted(counts[counts == counts.max()].index)[0]) if len(counts) else None
