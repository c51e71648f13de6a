"""A row for an effect: its interval, drawn, beside change and control; and how many classes are told one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from audit.record import Estimate, Region
from audit.report import words
from audit.report.blocks import Cell
from audit.report.source import Source

MOST_CLASSES = 3
"""Classes of one region in the tables by way of painting over, where there are many."""

MIRRORED = "Of two classes the one is told that the sign is about; the other's numbers are the opposite. "


def effect_rows(
    source: Source,
    regions: Sequence[Region],
    found: Mapping[str, dict[str, Estimate]],
    marks: Sequence[float],
    cells: Callable[[Region, str, Estimate], tuple[Cell, ...]],
    width: int,
) -> tuple[tuple[Cell, ...], ...]:
    """For each region a row for every class that is told one by one, and one row for all others."""
    rows: list[tuple[Cell, ...]] = []
    for region in regions:
        title = source.title(region.name)
        kept, rest = apart(found[region.name], marks)
        for cls, e in kept.items():
            rows.append((Cell(text=title), Cell(text=cls or "all classes"), *cells(region, cls, e)))
        rows += rest_row(title, rest, width - 2)
    return tuple(rows)


def apart(
    found: dict[str, Estimate], marks: Sequence[float]
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """Of many classes those to tell one by one, and the rest: the largest, and all that reach beyond a rule's limit."""
    bar = max(marks) if marks else 0.2
    largest = sorted(found, key=lambda c: -abs(found[c].value or 0.0))[:MOST_CLASSES]
    told = {
        c: e
        for c, e in found.items()
        if c in largest or any(end is not None and abs(end) > bar for end in (e.low, e.high))
    }
    rest = {c: e for c, e in found.items() if c not in told}
    return (found, {}) if len(rest) < 2 else (told, rest)


def rest_row(title: str, rest: dict[str, Estimate], span: int) -> list[tuple[Cell, ...]]:
    """The other classes in one row: between which bounds their numbers lie."""
    if not rest:
        return []
    who = Cell(text=words.count(len(rest), "other class", "other classes"))
    ends = [end for e in rest.values() for end in (e.low, e.high) if end is not None]
    if ends:
        text = f"every interval within {words.number(min(ends))} to {words.number(max(ends))}"
        return [(Cell(text=title), who, Cell(text=text, span=span))]
    reasons = sorted({e.why or "no reason was recorded" for e in rest.values()})
    return [
        (Cell(text=title), who, Cell(text=f"not measured: {'; '.join(reasons)}", kind="missing", span=span))
    ]


EFFECT = ("Beyond control", "95 % interval", "Drawn", "Change", "Control", "Flips")


def effect_cells(
    found: tuple[Estimate | None, ...], limits: tuple[float, float], marks: Sequence[float] = ()
) -> tuple[Cell, ...]:
    """The effect, the change, its control and the flips; one reason in their place where it is the same for all."""
    reasons = {e.why for e in found if e is not None and e.value is None}
    if len(reasons) == 1 and all(e is not None and e.value is None for e in found):
        return (
            Cell(text=f"not measured: {reasons.pop() or 'no reason was recorded'}", kind="missing", span=6),
        )
    e, change, control, flips = found
    return (*words.value_cells(e, limits, marks), _single(change), _single(control), _flips(flips))


def _single(e: Estimate | None) -> Cell:
    """An estimate in one cell, without its interval."""
    if e is None:
        return Cell(text="not computed", kind="missing")
    if e.value is None:
        return Cell(text=f"not measured: {e.why or 'no reason was recorded'}", kind="missing")
    return Cell(text=words.number(e.value), kind="number")


def _flips(e: Estimate | None) -> Cell:
    return words.pair_cell(e) if e is not None and e.value is not None else _single(e)
