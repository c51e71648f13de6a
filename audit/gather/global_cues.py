"""The questions about cues of the whole picture: each moved by what the classes differ in, against random changes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from audit.cues import CUES
from audit.errors import Undefined
from audit.gather.desk import LOOKED, Answers, Desk, Question
from audit.intervene import shift
from audit.measure.following import targets
from audit.record import Reading


class Cues:
    """Shifts of every cue, case by case."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        readings = list(desk.run.parts.rows(Reading, LOOKED))
        self.value = {(r.case, r.cue): r for r in readings}
        self.targets = targets(readings, desk.cases, list(desk.classifier.classes))

    def questions(self, row: int) -> Iterator[Question]:
        """Every question about one case's cues."""
        desk, case = self.desk, self.desk.cases[row]
        image, lesion = desk.picture(row)
        for region in desk.cues:
            cue, reading = CUES[region.name], self.value[case.id, region.name]
            try:
                if cue.shift is None:
                    raise Undefined(cue.why_no_shift or "it cannot be moved alone")
                if reading.value is None:
                    raise Undefined(reading.why or "it could not be read")
                if case.label not in self.targets.get(cue.name, {}):
                    raise Undefined("the classes do not differ in it in this set")
                other, amount = self.targets[cue.name][case.label]
                rng = desk.rng(row, f"shift of {cue.name}")
                plan = shift.plan(cue, image, reading.value, reading.value + amount, lesion=lesion, rng=rng)
            except Undefined as why:
                desk.add(*(shift.missing(case.id, cue.name, cls, str(why)) for cls in desk.audited))
                continue

            def settle(
                answers: Answers, _: NDArray[np.float32], plan: shift.Plan = plan, other: str = other
            ) -> None:
                desk.add(*desk.effects(shift.effects, row, plan, answers, label=case.label, other=other))

            yield Question(
                row=row, what=f"shift of {cue.name}", pictures=plan.questions(image), settle=settle
            )
