"""The parts of a run become its tables, in the cases' order, whatever batch they were answered in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from audit.gather.desk import Desk
from audit.record import Carried, Case, Effect, Extent, Failure, Faithfulness, Prediction, Reading, Sanity

Row = TypeVar("Row")

WALKS = ("looked", "mapped", "asked", "sanity", "faithful", "placed", "found")


def keep(desk: Desk, failures: Sequence[Failure]) -> None:
    """Write every table of what was gathered; ``failures`` are those from before the model was asked."""
    run, parts = desk.run, desk.run.parts
    run.write(Case, desk.cases)
    run.write(Effect, _effects(desk))
    for noun in (Prediction, Extent, Reading, Carried, Sanity, Faithfulness):
        run.write(noun, (row for walk in WALKS for row in parts.rows(noun, walk)))
    case = {c.id: i for i, c in enumerate(desk.cases)}
    of_parts = [row for walk in WALKS for row in parts.rows(Failure, walk)]
    run.write_failures([*failures, *sorted(of_parts, key=lambda f: (case[f.case], f.stage, f.error))])


def _effects(desk: Desk) -> Iterator[Effect]:
    """Chunk by chunk, so that memory does not grow with the number of cases."""
    subjects = [r.name for r in (*desk.regions, *desk.cues)]
    for number in range(len(desk.chunks)):
        rows = [row for walk in WALKS for row in desk.run.parts.rows(Effect, walk, number)]
        yield from in_order(rows, [c.id for c in desk.cases], subjects, desk.audited)


def in_order(
    effects: Iterable[Effect], cases: Sequence[str], subjects: Sequence[str], classes: Sequence[str]
) -> list[Effect]:
    """Rows by case, region or cue, intervention and class."""
    case, subject, cls = ({n: i for i, n in enumerate(names)} for names in (cases, subjects, classes))
    return sorted(
        effects,
        key=lambda e: (case[e.case], subject[e.region], e.intervention, e.fill, -e.dose, cls[e.cls]),
    )
