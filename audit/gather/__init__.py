"""Ask the model and write down what it said: predictions, maps, regions, cues and effects of every case.

Three walks over the cases. The first only looks at the pictures: where regions are and what cues they bear. The
second asks the model: one forward and one backward for the maps, then LIME, removal, transplant and shifts through
one queue. The third looks back at the maps: would the explainers notice another network, are they faithful, and do
they point at a place that nobody listed? Every walk goes chunk by chunk, and a chunk that is known is not asked again.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from audit.explain.applied import Prepared
from audit.gather.artefacts import Artefacts
from audit.gather.desk import MAPPED, Desk, Load, Question
from audit.gather.global_cues import Cues
from audit.gather.kept import keep
from audit.gather.maps import Maps
from audit.gather.second_look import look_back
from audit.gather.survey import JOINT, survey

__all__ = ["JOINT", "Desk", "Load", "gather", "keep"]

ASKED = "asked"


def gather(desk: Desk, prepared: Prepared) -> None:
    """Ask everything that is not known yet of a run."""
    survey(desk)
    desk.progress.stage("asking the model", len(desk.cases))
    maps, artefacts, cues = Maps(desk, prepared), Artefacts(desk, desk.regions), Cues(desk)

    def questions(rows: range) -> Iterator[Question]:
        for row in rows:
            yield from maps.questions(row)
            yield from artefacts.questions(row)
            yield from cues.questions(row)

    for number, rows in enumerate(desk.chunks):
        desk.progress.step(rows.start, "maps")
        desk.part(MAPPED, number, partial(maps.look, rows))
        desk.part(ASKED, number, partial(desk.ask, questions(rows)))
    maps.close(ASKED)
    look_back(desk, prepared)
