"""What happens when an artefact is put into cases of other classes."""

from __future__ import annotations

from collections.abc import Sequence

from audit.record import Estimate, Region
from audit.report import rulebook, words
from audit.report.blocks import Cell, Table
from audit.report.findings import scale_note
from audit.report.reliance import EFFECT, MIRRORED, apart, effect_cells, rest_row
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
    rows: list[tuple[Cell, ...]] = []
    for region in regions:
        kept, rest = apart(put[region.name], marks)
        for cls, e in kept.items():
            also = (
                _put(source, m, region, cls)
                for m in ("transplant-change", "transplant-control", "transplant-flip")
            )
            away = source.one(
                "transplant-change", region=region.name, cls=cls, fill="elsewhere", stratum="all"
            )
            rows.append(
                (
                    Cell(text=source.title(region.name)),
                    Cell(text=cls or "all classes"),
                    *effect_cells((e, *also), limits, marks),
                    words.pair_cell(away),
                    Cell(text=f"{e.n:,}", kind="number"),
                )
            )
        rows += rest_row(source.title(region.name), rest, len(EFFECT) + 2)
    return Table(
        caption="Artefacts put into cases of other classes",
        head=("Region", "Class", *EFFECT, "Elsewhere", "Cases"),
        rows=tuple(rows),
        note="In standard deviations; positive: the artefact speaks for the class. The control is a patch of the same "
        "shape from a case without it, and one in the local colour. “Elsewhere”: the change, control not subtracted, "
        "where it is put at another place than its own; a dash where that was not asked. "
        f"{MIRRORED if source.mirrored else ''}{scale_note(limits, 'transplant', marks)}",
        kind="numbers",
    )


def _put(source: Source, metric: str, region: Region, cls: str) -> Estimate | None:
    return source.one(metric, region=region.name, cls=cls, stratum="all", fill="")
