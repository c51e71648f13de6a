"""Removal, attention and agreement: the estimates as tables."""

from __future__ import annotations

from audit.record import Estimate, Map, Region
from audit.report import words
from audit.report.blocks import Cell, Table
from audit.report.findings import label, scale_note
from audit.report.source import Source

ORDER = ("cam", "gradient", "perturbation")


def _own(source: Source) -> list[tuple[Region, str]]:
    """Regions and classes that were painted over, in the order of the run."""
    pairs = {(e.region, e.cls) for e in source.estimates if e.metric == "removal"}
    return [(r, c) for r in source.regions for c in (*source.classes, "") if (r.name, c) in pairs]


def removal_table(source: Source, role: str) -> Table | None:
    """Effect of painting over each region of a role against its control, for each class."""
    pairs = [(r, c) for r, c in _own(source) if r.role == role]
    if not pairs:
        return None
    main = {(r.name, c): source.one("removal", region=r.name, cls=c, stratum="all") for r, c in pairs}
    limits = words.scale([e for e in main.values() if e is not None], "removal")
    rows = []
    for region, cls in pairs:
        e = main[region.name, cls]
        flips = source.one("removal-flip", region=region.name, cls=cls, stratum="all")
        change = source.one("removal-change", region=region.name, cls=cls, stratum="all")
        control = source.one("removal-control", region=region.name, cls=cls, stratum="all")
        rows.append(
            (
                Cell(text=region.title or region.name),
                Cell(text=cls or "all classes"),
                *_effect_cells((e, change, control, flips), limits),
                *words.count_cells(e),
            )
        )
    head = (
        "Region",
        "Class",
        "Beyond control",
        "95 % interval",
        "Drawn",
        "Change",
        "Control",
        "Flips",
        "Cases",
    )
    return Table(
        caption="Artefact regions painted over"
        if role == "artefact"
        else "The lesion painted over: the positive control",
        head=(*head, "Patients", "Missing"),
        rows=tuple(rows),
        note="In standard deviations of the class's margin over this set; positive: the region spoke for the class. "
        "“Change” is without, “Beyond control” with the control places subtracted. “Flips” is the share of answers "
        f"that flip, beyond control. {scale_note(limits, 'removal')}",
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


def _effect_cells(found: tuple[Estimate | None, ...], limits: tuple[float, float]) -> tuple[Cell, ...]:
    """The effect, the change, its control and the flips; one reason in their place where it is the same for all."""
    reasons = {e.why for e in found if e is not None and e.value is None}
    if len(reasons) == 1 and all(e is not None and e.value is None for e in found):
        return (
            Cell(text=f"not measured: {reasons.pop() or 'no reason was recorded'}", kind="missing", span=6),
        )
    e, change, control, flips = found
    return (*words.value_cells(e, limits), _single(change), _single(control), _single(flips, ends=True))


def _single(e: Estimate | None, *, ends: bool = False) -> Cell:
    """An estimate in one cell, with its interval where ``ends`` is set."""
    if e is None:
        return Cell(text="not computed", kind="missing")
    if e.value is None:
        return Cell(text=f"not measured: {e.why or 'no reason was recorded'}", kind="missing")
    between = f" ({words.interval(e)})" if ends and e.low is not None else ""
    return Cell(text=words.number(e.value) + between, kind="number")


def attention_tables(source: Source) -> tuple[Table, ...]:
    """For each region: how every map falls on it, for the predicted and for the true class."""
    tables = []
    for region in source.regions:
        found = [
            e
            for e in source.find("density", region=region.name, target="predicted", stratum="all")
            if e.explainer
        ]
        if found:
            tables.append(_attention(source, region, found))
    return tuple(tables)


def _attention(source: Source, region: Region, found: list[Estimate]) -> Table:
    def of(metric: str, e: Estimate, target: str) -> Estimate | None:
        return source.one(
            metric, region=region.name, explainer=e.explainer, layer=e.layer, target=target, stratum="all"
        )

    measured = [e for e in found if e.value is not None]
    limits = words.scale(measured, "density")
    if measured:
        rows = tuple(
            (
                Cell(text=words.map_title(e.explainer, e.layer)),
                *words.value_cells(e, limits),
                *words.value_cells(of("density", e, "true")),
                *(
                    Cell(text=_both(*(of(m, e, t) for t in ("predicted", "true"))), kind="number")
                    for m in ALSO
                ),
                *words.count_cells(e),
            )
            for e in found
        )
    else:
        why = next((e.why for e in found if e.why), None) or "no reason was recorded"
        rows = ((Cell(text="All maps"), Cell(text=f"not measured: {why}", kind="missing", span=10)),)
    return Table(
        caption=region.title or region.name,
        head=ATTENTION,
        rows=rows,
        note=f"Mass and pointing: predicted / true class. {scale_note(limits, 'density')}"
        if measured
        else "",
        kind="numbers attention",
    )


ALSO = ("mass", "pointing")
ATTENTION = (
    "Map",
    *("Density", "95 % interval", "Drawn", "Density, true class", "95 % interval", "Mass", "Pointing"),
    *("Cases", "Patients", "Missing"),
)


def _both(predicted: Estimate | None, true: Estimate | None) -> str:
    return " / ".join(
        "–" if e is None or e.value is None else words.number(e.value) for e in (predicted, true)
    )


def ordered_maps(source: Source) -> list[Map]:
    """Maps by family, then as the run has them."""
    return sorted(source.maps, key=lambda m: ORDER.index(m.family) if m.family in ORDER else len(ORDER))


def agreement_table(source: Source, metric: str) -> Table | None:
    """A matrix of agreement with shaded cells and values; maps are numbered, families follow each other."""
    maps = ordered_maps(source)
    titles = {(m.explainer, m.layer): m.name for m in maps}
    pairs: dict[frozenset[str], Estimate] = {}
    for e in source.find(metric, stratum="all"):
        first = titles.get((e.explainer, e.layer))
        if first is not None and e.other and e.target in ("", "predicted"):
            pairs[frozenset((first, e.other))] = e
    if not pairs:
        return None
    rows = []
    for i, m in enumerate(maps, start=1):
        cells = [
            Cell(text=f"{i}. {words.map_title(m.explainer, m.layer)}"),
            Cell(text=words.FAMILIES.get(m.family, m.family)),
        ]
        for other in maps:
            cells.append(_shaded(pairs.get(frozenset((m.name, other.name))), same=m.name == other.name))
        rows.append(tuple(cells))
    widest = max(
        (e.high - e.low for e in pairs.values() if e.low is not None and e.high is not None), default=None
    )
    cases = [e.n for e in pairs.values() if e.value is not None]
    said = "" if widest is None else f" The widest 95 % interval of a cell spans {words.number(widest)}."
    least, most = min(cases, default=0), max(cases, default=0)
    span = f"{least:,} cases" if least == most else f"{least:,} to {most:,} cases"
    over = f" Each cell is a mean over {span}." if cases else ""
    why = sorted({e.why for e in pairs.values() if e.value is None and e.why})
    gaps = f" Empty cells: {'; '.join(why)}." if why else ""
    return Table(
        caption=f"{words.metric(metric)}, mean over cases",
        head=("Map", "Family", *(str(i) for i in range(1, len(maps) + 1))),
        rows=tuple(rows),
        note=f"The darker, the more two maps agree; 1 is the same.{over}{said}{gaps}",
        kind="matrix",
    )


def _shaded(e: Estimate | None, *, same: bool) -> Cell:
    if same:
        return Cell(text="·", kind="number")
    if e is None or e.value is None:
        return Cell(text="–", kind="missing")
    return Cell(text=words.number(e.value), kind="number", shade=round(10 * min(1.0, max(0.0, e.value))))


def agreement_words(source: Source) -> tuple[str, ...]:
    """The agreement in sentences."""
    said = []
    for family in ("within", "between"):
        found = [
            e
            for e in source.find("rank-correlation", family=family, stratum="all")
            if e.value is not None and e.explainer and e.target in ("", "predicted")
        ]
        if not found:
            continue
        mean = sum(e.value or 0.0 for e in found) / len(found)
        best, worst = max(found, key=lambda e: e.value or 0.0), min(found, key=lambda e: e.value or 0.0)
        kind = "of the same family" if family == "within" else "of different families"
        if len(found) == 1:
            said.append(
                f"The one pair of maps {kind} agrees {_degree(mean)}: {words.metric('rank-correlation').lower()} "
                f"{words.number(mean)} (95 % interval {words.interval(best)}, {words.count(best.n, 'case')})."
            )
            continue
        said.append(
            f"Maps {kind} agree {_degree(mean)}: the mean of {words.count(len(found), 'pair')} "
            f"is {words.number(mean)}. "
            f"Most alike: {label(source, best)} ({words.number(best.value or 0.0)}). "
            f"Least alike: {label(source, worst)} ({words.number(worst.value or 0.0)})."
        )
    for metric in ("rank-correlation", "top-overlap"):
        summary = source.one(metric, explainer="", other="", stratum="all")
        if summary is None:
            continue
        name = words.metric(metric)
        if summary.value is None:
            said.append(
                f"{name}, over all families: not measured: {words.sentence(summary.why or 'no reason was recorded')}"
            )
        else:
            said.append(
                f"{name}, over all families: {words.number(summary.value)} (95 % interval {words.interval(summary)}, "
                f"{words.count(summary.n, 'case')})."
            )
    return tuple(said)


def _degree(mean: float) -> str:
    """A rank correlation in a word: below 0.3 hardly, below 0.6 in part, else well."""
    return "hardly" if mean < 0.3 else "in part" if mean < 0.6 else "well"
