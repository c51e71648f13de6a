"""Ask the model and write down what it said: predictions, maps, regions, cues and effects of every case.

Three walks over the cases. The first only looks at the pictures: where regions are and what cues they bear. The
second asks the model: one forward and one backward for the maps, then LIME, removal, transplant and shifts through
one queue. The third looks back at the maps: would the explainers notice another network, are they faithful, and do
they point at a place that nobody listed?
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.explain.applied import Prepared
from audit.gather.artefacts import Artefacts, in_order
from audit.gather.desk import Desk, Gathered, Load, Question
from audit.gather.global_cues import Cues
from audit.gather.maps import Maps
from audit.gather.second_look import look_back
from audit.gather.survey import JOINT, survey

__all__ = ["JOINT", "Desk", "Gathered", "Load", "gather"]


def gather(desk: Desk, prepared: Prepared) -> Gathered:
    """Ask everything of a new run, in one go."""
    survey(desk)
    desk.progress.stage("asking the model", len(desk.cases))
    maps, artefacts, cues = Maps(desk, prepared), Artefacts(desk, desk.regions), Cues(desk)

    def questions() -> Iterator[Question]:
        size = desk.config.batch
        for start in range(0, len(desk.cases), size):
            chunk = desk.cases[start : start + size]
            desk.progress.step(start, "maps")
            maps.look(start, chunk)
            for row in range(start, start + len(chunk)):
                yield from maps.questions(row)
                yield from artefacts.questions(row)
                yield from cues.questions(row)

    desk.ask(questions())
    maps.close()
    look_back(desk, prepared)
    subjects = [r.name for r in (*desk.regions, *desk.cues)]
    in_order(desk.gathered.effects, [c.id for c in desk.cases], subjects, desk.audited)
    case = {c.id: i for i, c in enumerate(desk.cases)}
    desk.gathered.failures.sort(key=lambda f: (case[f.case], f.stage, f.error))
    return desk.gathered
