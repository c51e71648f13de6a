"""What happens when a region is taken away, by every way of painting over."""

from __future__ import annotations

from collections.abc import Sequence

from audit.intervene.fills import FILLS
from audit.record import Estimate, Region
from audit.report import rulebook, words
from audit.report.blocks import Cell, Table
from audit.report.effects import EFFECT, MIRRORED, MOST_CLASSES, effect_cells, effect_rows
from audit.report.findings import label, scale_note
from audit.report.source import DISCOVERED, MAIN, Source

UNITS = (
    "In standard deviations of the class's margin over this set; positive: the region spoke for the class. "
    "“Change” is without, “Beyond control” with the control places subtracted. "
)


def removal_table(source: Source, role: str) -> Table | None:
    """Effect of the first way of painting over each region of a role against its control, for each class."""
    own = [r for r in source.regions if r.role == role and r.detector != DISCOVERED]
    main = {
        r.name: {c: e for c in source.classes_of(r.name) if (e := _main(source, "removal", r, c)) is not None}
        for r in own
    }
    every = [e for found in main.values() for e in found.values()]
    if not every:
        return None
    marks = rulebook.limits(source.rules, "removal", "reliance")
    limits = words.scale(every, "removal", marks)

    def cells(region: Region, cls: str, e: Estimate) -> tuple[Cell, ...]:
        also = (_main(source, m, region, cls) for m in ("removal-change", "removal-control", "removal-flip"))
        return (*effect_cells((e, *also), limits, marks), *words.count_cells(e))

    head = ("Region", "Class", *EFFECT, "Cases", "Patients", "Missing")
    return Table(
        caption="Artefact regions painted over"
        if role == "artefact"
        else "The lesion painted over: the positive control",
        head=head,
        rows=effect_rows(source, own, main, marks, cells, len(head)),
        note=f"{UNITS}“Flips” is the share of answers that flip, beyond control. "
        + (MIRRORED if source.mirrored else "")
        + scale_note(limits, "removal", marks),
        kind="numbers",
    )


def fill_tables(source: Source) -> tuple[Table, ...]:
    """Every way of painting over: a table for each artefact that moves the answer, and one for the rest."""
    tried = [r for r in source.listed if r.role == "artefact" and len(_ways(source, r)) > 1]
    calm = [r for r in tried if _calm(source, r)]
    own = [t for r in tried if r not in calm if (t := fill_table(source, r)) is not None]
    together = _calm_table(source, calm)
    return (*own, together) if together else tuple(own)


def _calm(source: Source, region: Region) -> bool:
    """Is it flagged by nothing, and does every sane way that was measured stay within the rule's limit?"""
    if source.verdict(region.name) in ("confirmed", "suspected", "sensitive"):
        return False
    marks = rulebook.limits(source.rules, "removal", "reliance")
    ends = [
        abs(end)
        for c in source.classes_of(region.name)
        for e in _removals(source, region, c)
        if vote(source, region, e.fill).startswith("yes")
        for end in (e.low, e.high)
        if end is not None
    ]
    return max(ends, default=0.0) < (max(marks) if marks else 0.2)


def fill_table(source: Source, region: Region) -> Table | None:
    """Every way of painting one region over, with what each is worth."""
    ways = _ways(source, region)
    classes = telling(source, region)
    if not ways or not classes:
        return None
    marks = rulebook.limits(source.rules, "removal", "reliance")
    found = [e for c in classes for e in _removals(source, region, c)]
    limits = words.scale(found, "removal", marks)
    rows: list[tuple[Cell, ...]] = []
    for cls in classes:
        if len(classes) > 1:
            rows.append((Cell(text=f"Class {cls}", kind="group", span=len(EFFECT) + 3),))
        for way in ways:
            four = tuple(
                source.one(m, region=region.name, cls=cls, fill=way, stratum="all")
                for m in ("removal", "removal-change", "removal-control", "removal-flip")
            )
            rows.append(
                (
                    Cell(text=_capital(words.fill(way))),
                    *effect_cells(four, limits, marks),
                    Cell(text=vote(source, region, way)),
                    Cell(text="–" if four[0] is None else f"{four[0].n:,}", kind="number"),
                )
            )
    about = f", class {classes[0]}" if len(classes) == 1 else ""
    return Table(
        caption=f"{source.title(region.name)}{about}: the ways of painting over beside each other",
        head=("Painted over", *EFFECT, "Has it a vote?", "Cases"),
        rows=tuple(rows),
        note=scale_note(limits, "removal", marks) + _pooled_note(source, region, classes),
        kind="numbers",
    )


def _pooled_note(source: Source, region: Region, classes: Sequence[str]) -> str:
    """What the same pictures without the region would have changed, as all sane ways together have it."""
    found = {c: source.one("removal-pooled", region=region.name, cls=c, stratum="all") for c in classes}
    told = [
        f"{words.pair_cell(e).text}{f' for {c}' if len(classes) > 1 else ''}"
        for c, e in found.items()
        if e is not None and e.value is not None
    ]
    if not told:
        return ""
    start = " All sane ways put together, controls not taken off, the same pictures without it would change the answer"
    return f"{start} by {'; '.join(told)}. The interval holds how far the ways differ."


def vote(source: Source, region: Region, way: str) -> str:
    """May a way of painting over decide? And if not, why not."""
    if way in FILLS and not FILLS[way].sane:
        return "no: shown only"
    asked = source.find("removal", region=region.name, fill=way, stratum="all")
    if all(e.value is None for e in asked):
        return "no: not measured"
    e = source.one("strange", region=region.name, fill=way)
    if e is None or e.value is None:
        return "yes"
    if rulebook.veto(source.rules, "strange").holds(e):
        return f"no: strange, {words.number(e.value)}"
    return f"yes; strange {words.number(e.value)}"


def _calm_table(source: Source, regions: Sequence[Region]) -> Table | None:
    pairs = [(r, c) for r in regions for c in telling(source, r)]
    ways = [w for w in words_order(source) if any(w in _ways(source, r) for r, _ in pairs)]
    if not pairs or len(ways) < 2:
        return None
    rows = tuple(
        (
            Cell(text=r.title or r.name),
            Cell(text=c or "all classes"),
            *(
                words.pair_cell(source.one("removal", region=r.name, cls=c, fill=w, stratum="all"))
                for w in ways
            ),
        )
        for r, c in pairs
    )
    shown = [words.fill(w) for w in ways if w in FILLS and not FILLS[w].sane]
    return Table(
        caption="Artefacts that hardly move the answer: change beyond control, by way of painting over",
        head=("Region", "Class", *(_capital(words.fill(w)) for w in ways)),
        rows=rows,
        note="In standard deviations, with the 95 % interval. A dash: not measured, for the reason under “What was "
        "not measured”." + (f" Shown only, deciding nothing: {' and '.join(shown)}." if shown else ""),
        kind="numbers",
    )


def words_order(source: Source) -> list[str]:
    """The ways of painting over of this run, in the order of the table of fills."""
    there = {e.fill for (m, _), found in source.by_metric.items() if m == "removal" for e in found}
    known = [f for f in ("", *FILLS, "reflect") if f in there]
    return [*known, *sorted(there - set(known))]


def dose_table(source: Source, regions: Sequence[Region]) -> Table | None:
    """How the answer moves as the paint gets more opaque."""
    pairs = [(r, c) for r in regions for c in telling(source, r)]
    doses = sorted({e.other for r, c in pairs for e in _doses(source, r, c)}, key=float)
    if not doses:
        return None
    rows = []
    for region, cls in pairs:
        found = {e.other: e for e in _doses(source, region, cls)}
        if not any(e.value is not None for e in found.values()):
            continue
        full = _main(source, "removal-change", region, cls)
        steps = [found.get(d) for d in doses] + [full]
        values = [None if e is None else e.value for e in steps]
        most = max([abs(v) for v in values if v is not None] + [0.2])
        drawn = words.curve(
            [0.0, *values],
            min(0.0, *(v or 0.0 for v in values), -0.1 * most),
            most,
            "from no paint to opaque paint",
        )
        rows.append(
            (
                Cell(text=source.title(region.name)),
                Cell(text=cls or "all classes"),
                Cell(kind="plot", curve=drawn),
                *(words.pair_cell(e) for e in steps),
            )
        )
    if not rows:
        return None
    return Table(
        caption="Does a lighter paint do less?",
        head=("Region", "Class", "Drawn", *(f"{words.percent(d)} opaque" for d in doses), "Opaque"),
        rows=tuple(rows),
        note="Change in standard deviations, control places not subtracted, for paint from the rim. A model that reads "
        "the region reacts the more, the less of it is left; a jump at the lightest paint speaks for the paint.",
        kind="numbers",
    )


def own_table(source: Source) -> Table | None:
    """What painting over the lesion does to the answer for the case's own label."""
    found = [e for e in source.estimates if e.metric == "removal-own"]
    if not found:
        return None
    limits = words.scale(found, "removal-own")
    rows = tuple(
        (Cell(text=label(source, e)), *words.value_cells(e, limits), *words.count_cells(e)) for e in found
    )
    return Table(
        caption="The lesion painted over: the answer for the case's own label",
        head=("Region and cases", "Beyond control", "95 % interval", "Drawn", "Cases", "Patients", "Missing"),
        rows=rows,
        note=f"In standard deviations of the margin. {scale_note(limits, 'removal-own')}",
        kind="numbers",
    )


# -- which estimates ------------------------------------------------------------------------------


def telling(source: Source, region: Region) -> list[str]:
    """The classes to tell of in detail: all where they are few, else those judged and that with the largest effect."""
    classes = [c for c in source.classes_of(region.name) if _removals(source, region, c)]
    if len(classes) <= MOST_CLASSES:
        return classes
    judged = {
        v["cls"]
        for v in source.judgement["verdicts"]
        if v["artefact"] == region.name and v["verdict"] not in ("clear", "undecided")
    }
    size = {c: abs(e.value or 0.0) if (e := _main(source, "removal", region, c)) else 0.0 for c in classes}
    first = sorted(classes, key=lambda c: (c not in judged, -size[c]))[:MOST_CLASSES]
    return [c for c in classes if c in first]


def _main(source: Source, metric: str, region: Region, cls: str) -> Estimate | None:
    """The estimate over all cases for the first way of painting over."""
    found = source.find(metric, region=region.name, cls=cls, stratum="all")
    return next((e for e in found if e.fill in MAIN), None)


def _removals(source: Source, region: Region, cls: str) -> list[Estimate]:
    return source.find("removal", region=region.name, cls=cls, stratum="all")


def _ways(source: Source, region: Region) -> list[str]:
    there = {e.fill for c in source.classes for e in _removals(source, region, c)}
    return [w for w in words_order(source) if w in there]


def _doses(source: Source, region: Region, cls: str) -> list[Estimate]:
    return source.find("removal-dose", region=region.name, cls=cls, stratum="all")


# -- cells ----------------------------------------------------------------------------------------


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
