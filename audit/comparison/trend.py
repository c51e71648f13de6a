"""More than two runs, such as the epochs of a training: accuracy and each sign's effect in all of them, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from audit.comparison.columns import Key, columns
from audit.comparison.shared import Shared
from audit.measure.estimate import summarise
from audit.record import Estimate

EFFECT = {"lesion": "removal-own", "artefact": "removal", "cue": "shift", "clinical": "shift"}
"""What is followed of a sign, by its role."""

FIRST = ("inpaint", "reflect", "")
"""The way of painting over that is followed: the one that is tried first."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One number in every run, in the order given; an estimate without a value says why."""

    sign: str
    cls: str
    metric: str
    estimates: tuple[Estimate, ...]


def trend(shared: Shared, classes: dict[str, tuple[str, ...]]) -> list[Series]:
    """Accuracy, then each region's and cue's effect, on the shared cases of every run.

    Args:
        shared: the runs; with two, the comparison itself says it all, and the list is empty.
        classes: for which classes a sign is told.
    """
    if len(shared.sources) <= 2:
        return []
    seed = int(shared.sources[0].run.manifest["seed"])
    tables = [columns(shared, i, ()) for i in range(len(shared.sources))]
    found = []
    for key in _keys(shared, classes, {k for table in tables for k in table}):
        each = []
        for name, table in zip(shared.names, tables, strict=True):
            column = table.get(key)
            if column is None:
                why = f"{name} did not ask for it"
                each.append(Estimate(**key._asdict(), value=None, missing=len(shared.cases), why=why))
                continue
            summary = summarise(
                column.values[:, None],
                shared.patients,
                seed=seed,
                shares=[key.metric == "accuracy"],
                why=[column.why],
            )[0]
            each.append(Estimate(**key._asdict(), **asdict(summary)))
        if sum(e.value is not None for e in each) > 1:
            found.append(Series(sign=key.region, cls=key.cls, metric=key.metric, estimates=tuple(each)))
    return found


def _keys(shared: Shared, classes: dict[str, tuple[str, ...]], known: set[Key]) -> Iterator[Key]:
    yield Key("accuracy")
    for sign in shared.signs:
        metric = EFFECT[sign.role]
        of: Sequence[str] = ("",) if sign.role == "lesion" else classes.get(sign.name, ())
        for cls in of:
            mine = [k for k in known if (k.metric, k.region, k.cls) == (metric, sign.name, cls)]
            mine = [k for k in mine if k.fill in FIRST]
            if mine:
                yield min(mine, key=lambda k: FIRST.index(k.fill))


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A run in a panel, in the panel's own units; None where nothing was measured."""

    x: float
    name: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A small chart of one series: 300 wide, the field from ``TOP`` to ``BOTTOM``. ``zero``: the line of no effect."""

    title: str
    label: str
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]
    zero: float | None

    @property
    def line(self) -> str:
        """The points that were measured, as an SVG polyline knows them."""
        return " ".join(f"{m.x},{m.value}" for m in self.marks if m.value is not None)


LEFT, RIGHT, TOP, BOTTOM = 44.0, 290.0, 12.0, 112.0


def panel(series: Series, names: Sequence[str], title: str, number: str) -> Panel:
    """The chart of a series. ``number``: the words of all its values, for who does not see it."""
    values = [v for e in series.estimates for v in (e.low, e.value, e.high) if v is not None]
    share = series.metric == "accuracy"
    low, high = min(values), max(values)
    if not share:
        low, high = min(low, 0.0), max(high, 0.0)
    middle, half = (low + high) / 2, max((high - low) / 2, 0.05)
    low, high = middle - half * 1.1, middle + half * 1.1
    if share:
        low, high = max(low, -0.02), min(high, 1.02)

    def at(v: float | None) -> float | None:
        return None if v is None else round(BOTTOM - (BOTTOM - TOP) * (v - low) / (high - low), 1)

    step = (RIGHT - LEFT - 24) / max(1, len(names) - 1)
    marks = tuple(
        Mark(x=round(LEFT + 12 + i * step, 1), name=name, value=at(e.value), low=at(e.low), high=at(e.high))
        for i, (name, e) in enumerate(zip(names, series.estimates, strict=True))
    )
    ticks = tuple((float(at(v) or 0.0), f"{v:.2f}".replace("-", "−")) for v in _round(low, high))
    zero = None if share or not low <= 0 <= high else at(0.0)
    return Panel(title=title, label=number, marks=marks, ticks=ticks, zero=zero)


def _round(low: float, high: float) -> list[float]:
    """Three to six round numbers inside a range.

    >>> _round(-0.13, 0.71)
    [0.0, 0.2, 0.4, 0.6]
    """
    for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0):
        ticks = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
        if len(ticks) <= 6:
            return [round(float(t), 6) + 0.0 for t in ticks]
    return [round(low, 2), round(high, 2)]
