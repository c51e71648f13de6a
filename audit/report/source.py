"""A run's tables and arrays, read once, with the few questions that the report asks of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from pyarrow.compute import field

from audit.errors import RunError
from audit.judge.pool import mirror_images
from audit.judge.words import BESIDE, ELSEWHERE
from audit.record import (
    Case,
    Effect,
    Estimate,
    Explained,
    Extent,
    Heat,
    Map,
    Mask,
    Prediction,
    Reading,
    Region,
    Run,
    Score,
    Target,
)
from audit.report import figures, rulebook
from audit.report.figures import Pixels

Row = TypeVar("Row")

JOINT, DISCOVERED, BASELINE = "joint", "discovered", "baseline"

MAIN = ("", "inpaint", "reflect")
"""What a region is painted over with first; every other way stands beside it."""

UNJUDGED: dict[str, Any] = {"verdict": "undecided", "verdicts": [], "findings": [], "gates": []}


@dataclass(frozen=True, kw_only=True)
class Source:
    """What the report is made from. ``judged`` is false for a draft of a run that has no findings yet.

    ``maps`` are the explainers'; ``nulls`` the maps that know nothing of the network. ``mirrored``: of two classes
    what is told of the one is the opposite of what is told of the other.
    """

    run: Run
    cases: tuple[Case, ...]
    rows: dict[str, int]
    predictions: dict[str, Prediction]
    extents: pd.DataFrame
    effects: pd.DataFrame
    scores: pd.DataFrame
    readings: pd.DataFrame
    estimates: tuple[Estimate, ...]
    by_metric: dict[tuple[str, str], tuple[Estimate, ...]]
    classes: tuple[str, ...]
    mirrored: bool
    regions: tuple[Region, ...]
    cues: tuple[Region, ...]
    explained: tuple[Explained, ...]
    maps: tuple[Map, ...]
    nulls: tuple[Map, ...]
    rules: dict[str, rulebook.Raw]
    judgement: dict[str, Any]
    judged: bool

    def title(self, region: str) -> str:
        """The title of a region or cue; its name where the run does not list it."""
        known = next((r for r in (*self.regions, *self.cues) if r.name == region), None)
        if known is None:
            return BESIDE if region == ELSEWHERE else region
        title = known.title or known.name
        return f"{title} ({known.name})" if known.detector == DISCOVERED else title

    @property
    def listed(self) -> tuple[Region, ...]:
        """The regions that were looked for by name: neither found by the audit itself, nor all of them together."""
        return tuple(r for r in self.regions if r.detector != DISCOVERED and r.name != JOINT)

    @property
    def found(self) -> tuple[Region, ...]:
        """The places that the audit found by itself."""
        return tuple(r for r in self.regions if r.detector == DISCOVERED)

    def verdict(self, artefact: str) -> str:
        """The first, that is the worst, verdict on a region or cue; empty where it has none."""
        return next((v["verdict"] for v in self.judgement["verdicts"] if v["artefact"] == artefact), "")

    def classes_of(self, name: str) -> tuple[str, ...]:
        """The classes that a region or cue is told for: of two that mirror each other, the one of its verdict."""
        if not self.mirrored:
            return self.classes
        said = [v["cls"] for v in self.judgement["verdicts"] if v["artefact"] == name and v["cls"]]
        said += [f["cls"] for f in self.judgement["findings"] if f["region"] == name and f["cls"]]
        return (said[0] if said else self.classes[-1],)

    def effects_of(self, intervention: str) -> pd.DataFrame:
        """One row for each case, region and class: the first way of painting over, at full opacity."""
        rows = self.effects
        if rows.empty:
            return rows
        main = rows["fill"].isin(MAIN) & (rows["dose"] == 1)
        return rows[(rows["intervention"] == intervention) & main]

    def wrong(self, case: str) -> bool:
        """Did the model miss the label?"""
        prediction = self.predictions.get(case)
        return prediction is not None and prediction.predicted != prediction.label

    def pixels(self, case: str) -> Pixels | None:
        """The kept small picture, None where there is none."""
        return figures.thumb(self.run.thumb(case))

    def heat(self, map_: Map, case: str, target: str = "predicted") -> Heat | None:
        """A case's map for its predicted or true class, None where it was not kept."""
        own: Target = "true" if target == "true" and self.wrong(case) else "predicted"
        heat: Heat | None = self.row("maps", self.run.map_name(map_, own), case)
        return heat

    def mask(self, region: str, case: str) -> Mask | None:
        """A region's mask in a case, None where it is empty or was not kept."""
        mask = self.row("regions", region, case)
        return mask if mask is not None and mask.any() else None

    def blind(self, map_: Map, case: str) -> float | None:
        """The share of the picture that a LIME fill never tested, None where that was not kept."""
        blind = self.row("blind", map_.name, case)
        return None if blind is None else float(blind.mean())

    def row(self, folder: str, name: str, case: str) -> Any:
        """A case's row of an array, None where it was not kept."""
        number = self.rows[case]
        if not self.run.has_array(folder, name):
            return None
        stack = self.run.array(folder, name)
        return np.array(stack[number]) if number < len(stack) else None

    def find(self, metric: str, **wanted: str) -> list[Estimate]:
        """The estimates of a metric with these field values."""
        regions = [wanted["region"]] if "region" in wanted else [r for m, r in self.by_metric if m == metric]
        return [
            e
            for region in regions
            for e in self.by_metric.get((metric, region), ())
            if all(getattr(e, key) == value for key, value in wanted.items())
        ]

    def one(self, metric: str, **wanted: str) -> Estimate | None:
        """The first such estimate, None where the run has none."""
        return next(iter(self.find(metric, **wanted)), None)


def load(run: Run) -> Source:
    """Read a run. What an unfinished one lacks is empty; a finished one lacks nothing."""
    draft = run.manifest.get("status") != "complete"

    def rows(noun: type[Row]) -> list[Row]:
        return run.read(noun) if run.has(noun) or not draft else []

    def frame(noun: type, where: Any = None) -> pd.DataFrame:
        if run.has(noun) or not draft:
            return run.frame(noun, where)
        return pd.DataFrame(columns=list(noun.__dataclass_fields__))  # type: ignore[attr-defined]

    try:
        judgement, judged = run.findings(), True
    except RunError:
        if not draft:
            raise
        judgement, judged = UNJUDGED, False
    cases = tuple(rows(Case))
    maps = tuple(run.maps)
    estimates = tuple(rows(Estimate))
    by_metric: dict[tuple[str, str], list[Estimate]] = {}
    for e in estimates:
        by_metric.setdefault((e.metric, e.region), []).append(e)
    return Source(
        run=run,
        cases=cases,
        rows={case.id: row for row, case in enumerate(cases)},
        predictions={p.case: p for p in rows(Prediction)},
        extents=frame(Extent),
        effects=frame(Effect),
        scores=frame(Score, (field("metric") == "density") | field("value").is_null()),
        readings=run.frame(Reading) if run.has(Reading) else pd.DataFrame(columns=["case", "cue", "value"]),
        estimates=estimates,
        by_metric={key: tuple(found) for key, found in by_metric.items()},
        classes=tuple(run.classes),
        mirrored=run.manifest["model"]["output"] != "multilabel" and mirror_images(estimates, run.classes),
        regions=tuple(run.regions),
        cues=tuple(run.cues),
        explained=tuple(run.explained),
        maps=tuple(m for m in maps if m.family != BASELINE),
        nulls=tuple(m for m in maps if m.family == BASELINE),
        rules=rulebook.rules(run),
        judgement=judgement,
        judged=judged,
    )
