"""A run -> columns with one value for each shared case: what can be compared in pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyarrow.compute import field as column_named

from audit.comparison.shared import Shared
from audit.measure.margin import margins
from audit.record import Map, Score
from audit.report.source import Source


class Key(NamedTuple):
    """What a column is about; the fields are those of an estimate."""

    metric: str
    region: str = ""
    cls: str = ""
    explainer: str = ""
    layer: str = ""
    target: str = ""
    family: str = ""
    fill: str = ""


class Column(NamedTuple):
    """A value for each shared case, NaN where there is none, and the reason that most of those give."""

    values: NDArray[np.float64]
    why: str | None = None


Columns = Mapping[Key, Column]

FIELDS = {"": "difference", "-change": "change"}
"""Of an intervention: its effect beyond control, and the plain change."""


def columns(shared: Shared, number: int, maps: Sequence[Map]) -> dict[Key, Column]:
    """Every column of one run: right answers, interventions, and scores of the maps for each case's own label.

    Effects are in standard deviations of the run's own margins over the shared cases, because the scale of log-odds
    differs between networks. Scores are of the map for the case's label, so that every run is asked the same; the map
    for the predicted class explains another class wherever the answers differ. ``maps``: those that may be compared.
    """
    source = shared.sources[number]
    of = {c.id: i for i, c in enumerate(shared.cases)}
    signs = {r.name for r in shared.signs}
    right = [float(source.predictions[c.id].predicted == c.label) for c in shared.cases]
    found = {Key("accuracy"): Column(np.array(right))}
    effects = source.effects
    effects = effects[effects["case"].isin(of) & effects["region"].isin(signs)]
    found |= dict(_effects(shared, number, effects.assign(of=effects["case"].map(of))))
    if maps:
        found |= dict(_scores(shared, source, maps, of, signs))
    return found


def answers(shared: Shared, number: int) -> NDArray[np.float64]:
    """The probabilities of the shared cases ``(n, classes)``."""
    source = shared.sources[number]
    return np.array([source.predictions[c.id].probabilities for c in shared.cases], float)


def exclusive(source: Source) -> bool:
    """Has a picture one class?"""
    return bool(source.run.manifest["model"]["output"] != "multilabel")


def _effects(shared: Shared, number: int, frame: pd.DataFrame) -> Iterator[tuple[Key, Column]]:
    source = shared.sources[number]
    odds = margins(answers(shared, number), exclusive=exclusive(source))
    scale = dict(zip(source.classes, odds.std(0), strict=True))
    size = len(shared.cases)
    frame = frame[frame["dose"] == 1]
    for (what, region, cls, fill), group in frame.groupby(
        ["intervention", "region", "cls", "fill"], sort=True
    ):
        why = _most(group["why"])
        names = {"region": str(region), "cls": str(cls), "fill": str(fill), "family": str(what)}
        for end, field in FIELDS.items():
            values = _spread(group, field, size)
            yield Key(f"{what}{end}", **names), _scaled(values, np.full(size, scale[str(cls)]), why)
        beyond = _spread(group, "flipped", size) - _spread(group, "flipped_control", size)
        yield Key(f"{what}-flip", **names), Column(beyond, why)
    lesions = {r.name for r in shared.signs if r.role == "lesion"}
    label = {c.id: c.label for c in shared.cases}
    own = frame[(frame["intervention"] == "removal") & frame["region"].isin(lesions)]
    own = own[own["cls"] == own["case"].map(label)]
    of_own = np.array([scale[c.label] for c in shared.cases])
    for (region, fill), group in own.groupby(["region", "fill"], sort=True):
        # as in a run: where no control place fits, the mean control of the class's other cases stands in
        standing_in = group.groupby("cls")["control"].transform("mean")
        group = group.assign(own=group["change"] - group["control"].fillna(standing_in))
        key = Key("removal-own", region=str(region), fill=str(fill), family="removal")
        yield key, _scaled(_spread(group, "own", size), of_own, _most(group["why"]))


def _scaled(values: NDArray[np.float64], scale: NDArray[np.float64], why: str | None) -> Column:
    if not (scale > 0).all():
        return Column(np.full(len(values), np.nan), "the model gives every case the same answer")
    return Column(values / scale, why)


def _spread(group: pd.DataFrame, field: str, size: int) -> NDArray[np.float64]:
    values = np.full(size, np.nan)
    values[group["of"].to_numpy(int)] = group[field].astype(float).to_numpy()
    return values


def _most(texts: pd.Series) -> str | None:
    """The reason that most cases give."""
    counts = texts[texts.notna()].value_counts()
    return str(min(counts[counts == counts.max()].index)) if len(counts) else None


def _scores(
    shared: Shared, source: Source, maps: Sequence[Map], of: Mapping[str, int], signs: set[str]
) -> Iterator[tuple[Key, Column]]:
    if not signs:
        return
    label = {c.id: c.label for c in shared.cases}
    family = {(m.explainer, m.layer): m.family for m in maps}
    frame = source.run.frame(
        Score, column_named("region").isin(sorted(signs)) & column_named("case").isin(list(of))
    )
    frame = frame[frame["cls"] == frame["case"].map(label)]
    names = ["explainer", "layer", "region", "metric"]
    values = frame.assign(of=frame["case"].map(of)).pivot(index="of", columns=names, values="value")
    values = values.reindex(range(len(of)))
    told = frame[frame["why"].notna()].groupby(names, sort=True)["why"].agg(_most)
    reasons = told.to_dict() if len(told) else {}
    for name, column in zip(values.columns, values.to_numpy(float).T, strict=True):
        explainer, layer, region, metric = tuple(name)
        if (explainer, layer) not in family:
            continue
        key = Key(
            metric,
            region=region,
            explainer=explainer,
            layer=layer,
            target="true",
            family=family[explainer, layer],
        )
        yield key, Column(column, reasons.get((explainer, layer, region, metric)))
