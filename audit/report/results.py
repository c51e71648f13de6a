"""Attention and agreement: the estimates as tables."""

from __future__ import annotations

from audit.record import Estimate, Map, Region
from audit.report import vocabulary, words
from audit.report.blocks import Cell, Table
from audit.report.findings import label, scale_note
from audit.report.source import BASELINE, Source
from audit.report.trust import silent

ORDER = ("cam", "gradient", "perturbation")


def attention_tables(source: Source) -> tuple[Table, ...]:
    """For each listed region: how every map falls on it, for the predicted and for the true class."""
    tables = []
    for region in source.listed:
        found = [
            e
            for e in source.find("density", region=region.name, target="predicted", stratum="all")
            if e.explainer
        ]
        if found:
            tables.append(_attention(source, region, found))
    return tuple(tables)


def _attention(source: Source, region: Region, found: list[Estimate]) -> Table:
    measured = [e for e in found if e.value is not None]
    limits = words.scale(measured, "density")
    if measured:
        nulls = [e for e in found if e.family == BASELINE]
        mute = silent(source)
        quiet = [e for e in found if (e.explainer, e.layer) in mute]
        rows = [_scored(source, region, e, limits) for e in found if e not in nulls and e not in quiet]
        for title, group in (
            ("No vote: hardly another map when the network's weights are drawn anew", quiet),
            ("To compare with: maps that know nothing of the network", nulls),
        ):
            if group:
                rows.append((Cell(text=title, kind="group", span=len(ATTENTION)),))
                rows += [_scored(source, region, e, limits) for e in group]
    else:
        why = next((e.why for e in found if e.why), None) or "no reason was recorded"
        rows = [
            (
                Cell(text="All maps"),
                Cell(text=f"not measured: {why}", kind="missing", span=len(ATTENTION) - 1),
            )
        ]
    return Table(
        caption=region.title or region.name,
        head=ATTENTION,
        rows=tuple(rows),
        note="Mass and pointing: predicted / true class. “True class”: the density of that class's map. "
        + scale_note(limits, "density")
        if measured
        else "",
        kind="numbers attention",
    )


def _scored(source: Source, region: Region, e: Estimate, limits: tuple[float, float]) -> tuple[Cell, ...]:
    def of(metric: str, target: str = "predicted") -> Estimate | None:
        return source.one(
            metric, region=region.name, explainer=e.explainer, layer=e.layer, target=target, stratum="all"
        )

    return (
        Cell(text=words.map_title(e.explainer, e.layer)),
        *words.value_cells(e, limits),
        _number(of("density", "true")),
        words.pair_cell(of("beyond")),
        _number(of("excess")),
        *(Cell(text=_both(of(m), of(m, "true")), kind="number") for m in ALSO),
        *words.count_cells(e),
    )


def _number(e: Estimate | None) -> Cell:
    if e is None or e.value is None:
        return Cell(text="–", kind="missing")
    return Cell(text=words.number(e.value), kind="number")


ALSO = ("mass", "pointing")
ATTENTION = (
    *("Map", "Density", "95 % interval", "Drawn", "True class", "Beyond like places", "Excess"),
    *("Mass", "Pointing", "Cases", "Patients", "Missing"),
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
            Cell(text=vocabulary.FAMILIES.get(m.family, m.family)),
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
