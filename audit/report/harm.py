"""Could the model live on an artefact, and does it flatter the figures?"""

from __future__ import annotations

from audit.record import Estimate, Region
from audit.report import words
from audit.report.blocks import Cell, Table
from audit.report.source import Source


def harm_tables(source: Source) -> tuple[Table, ...]:
    """Right answers with and without each artefact by label; what the artefact lends to the figures, by class."""
    regions = [
        r for r in source.listed if r.role == "artefact" and source.find("accuracy-with", region=r.name)
    ]
    telling = [r for r in regions if not _lacking(source, r)]
    tables = (_accuracy(source, telling), _lent(source, telling), _not_told(source, regions))
    return tuple(t for t in tables if t is not None)


def _lacking(source: Source, region: Region) -> str:
    """Why there is nothing to compare, where that is one reason for all; else empty."""
    found = [
        e for m in ("accuracy-gap", "follow", "auc-inflation") for e in source.find(m, region=region.name)
    ]
    reasons = {e.why or "no reason was recorded" for e in found if e.value is None}
    one_side = any(
        (e := source.one(m, region=region.name, stratum="all")) is None or not e.n
        for m in ("accuracy-with", "accuracy-without")
    )
    none = all(e.value is None for e in found)
    return reasons.pop() if found and none and one_side and len(reasons) == 1 else ""


def _accuracy(source: Source, regions: list[Region]) -> Table | None:
    rows: list[tuple[Cell, ...]] = []
    for region in regions:
        rows.append((Cell(text=region.title or region.name, kind="group", span=5),))
        worst = source.one("worst-group", region=region.name)
        for e in source.find("accuracy-with", region=region.name):
            other = source.one("accuracy-without", region=region.name, stratum=e.stratum)
            label = e.stratum.partition("=")[2]
            rows.append(
                (
                    Cell(text=f"Label {label}" if label else "All labels"),
                    words.pair_cell(e),
                    Cell(text=f"{e.n:,}", kind="number"),
                    words.pair_cell(other),
                    Cell(text="–" if other is None else f"{other.n:,}", kind="number"),
                )
            )
        if worst is not None and worst.value is not None:
            said = f"{words.number(worst.value)} (95 % interval {words.interval(worst)})"
            rows.append((Cell(text="The group that fares worst"), Cell(text=said, span=4)))
    if not rows:
        return None
    return Table(
        caption="Right answers with and without each artefact",
        head=("Cases", "With it", "Of cases", "Without it", "Of cases"),
        rows=tuple(rows),
        note="Share of right answers with its 95 % interval; a dash where there is no such case. Groups are label by "
        "presence; those of fewer than five cases are left out of the worst.",
        kind="numbers harm",
    )


MOST = 3
"""Classes of one region that are told, where there are many: those with the largest gap."""


def _trio(source: Source, region: Region, cls: str) -> tuple[Estimate | None, ...]:
    return tuple(
        source.one(m, region=region.name, cls=cls) for m in ("accuracy-gap", "auc-inflation", "follow")
    )


def _lent(source: Source, regions: list[Region]) -> Table | None:
    rows: list[tuple[Cell, ...]] = []
    for region in regions:
        title, silent = region.title or region.name, dict[str, list[str]]()
        found = {c: _trio(source, region, c) for c in source.classes_of(region.name)}
        size = {c: abs(trio[0].value or 0.0) if trio[0] else 0.0 for c, trio in found.items()}
        first = sorted(found, key=lambda c: -size[c])[:MOST]
        for cls, trio in found.items():
            known = [e for e in trio if e is not None]
            reasons = {e.why or "no reason was recorded" for e in known if e.value is None}
            if known and len(reasons) == 1 and all(e.value is None for e in known):
                silent.setdefault(reasons.pop(), []).append(cls)
            elif known and cls in first:
                n = f"{known[-1].n:,}"
                rows.append(
                    (Cell(text=title), Cell(text=cls), *map(_or_why, trio), Cell(text=n, kind="number"))
                )
        rows += [
            (
                Cell(text=title),
                Cell(text=", ".join(classes)),
                Cell(text=f"not measured: {why}", kind="missing", span=4),
            )
            for why, classes in silent.items()
        ]
    if not rows:
        return None
    return Table(
        caption="What the artefact lends to the figures",
        head=("Region", "Class", "Accuracy gap", "AUC lent", "Score follows", "Cases"),
        rows=tuple(rows),
        note="Accuracy gap: right answers where artefact and label go together as they do in this set, minus where "
        "they conflict. AUC lent: the AUC minus the AUC with the artefact made independent of the label by weights. "
        "Score follows: rank correlation of the class's score with the artefact among cases of one label. "
        "0 is no harm; none of these shows that the artefact is the reason.",
        kind="text",
    )


def _not_told(source: Source, regions: list[Region]) -> Table | None:
    by_reason: dict[str, list[str]] = {}
    for region in regions:
        why = _lacking(source, region)
        if why:
            by_reason.setdefault(why, []).append(region.title or region.name)
    rows = tuple(
        (Cell(text=", ".join(names)), Cell(text=words.sentence(why))) for why, names in by_reason.items()
    )
    return (
        Table(
            caption="Artefacts of which this cannot be asked", head=("Region", "Why"), rows=rows, kind="text"
        )
        if rows
        else None
    )


def _or_why(e: Estimate | None) -> Cell:
    if e is None:
        return Cell(text="–", kind="missing")
    if e.value is None:
        return Cell(text=f"not measured: {e.why or 'no reason was recorded'}", kind="missing")
    return words.pair_cell(e)
