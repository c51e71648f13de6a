"""What happens when an artefact is put into cases of other classes."""

from __future__ import annotations

from collections.abc import Sequence

from audit.record import Estimate, Region
from audit.report import rulebook, words
from audit.report.blocks import Cell, Table
from audit.report.effects import EFFECT, MIRRORED, effect_cells, effect_rows
from audit.report.findings import scale_note
from audit.report.source import Source


def transplant_table(source: Source, regions: Sequence[Region]) -> Table | None:
    """What each artefact does to the answer of cases of other classes into which it is put."""
    put = {
        r.name: {
            c: e for c in source.classes_of(r.name) if (e := _put(source, "transplant", r, c)) is not None
        }
        for r in regions
    }
    every = [e for found in put.values() for e in found.values()]
    if not every:
        return None
    marks = rulebook.limits(source.rules, "transplant", "sufficiency")
    limits = words.scale(every, "transplant", marks)

    def cells(region: Region, cls: str, e: Estimate) -> tuple[Cell, ...]:
        metrics = ("transplant-change", "transplant-control", "transplant-flip")
        also = (_put(source, m, region, cls) for m in metrics)
        away = source.one("transplant-change", region=region.name, cls=cls, fill="elsewhere", stratum="all")
        number = Cell(text=f"{e.n:,}", kind="number")
        return (*effect_cells((e, *also), limits, marks), words.pair_cell(away), number)

    head = ("Region", "Class", *EFFECT, "Elsewhere", "Cases")
    return Table(
        caption="Artefacts put into cases of other classes",
        head=head,
        rows=effect_rows(source, regions, put, marks, cells, len(head)),
        note="In standard deviations; positive: the artefact speaks for the class. The control is a patch of the same "
        "shape from a case without it, and one in the local colour. “Elsewhere”: the change, control not subtracted, "
        "where it is put at another place than its own; a dash where that was not asked. "
        f"{MIRRORED if source.mirrored else ''}{scale_note(limits, 'transplant', marks)}",
        kind="numbers",
    )


def _put(source: Source, metric: str, region: Region, cls: str) -> Estimate | None:
    return source.one(metric, region=region.name, cls=cls, stratum="all", fill="")
