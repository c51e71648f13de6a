"""The questions about cues of the whole picture: each moved by what the classes differ in, against random changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from audit.cues import CUES
from audit.errors import Undefined
from audit.gather.desk import LOOKED, Answers, Desk, Question
from audit.intervene import shift
from audit.measure.following import targets
from audit.record import Carried, Image, Mask, Reading

SIGNS_IN = 80
"""In about so many cases the clinical signs are read again after a cue was moved: they follow it or they do not."""


class Cues:
    """Shifts of every cue, case by case."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        readings = list(desk.run.parts.rows(Reading, LOOKED))
        self.value = {(r.case, r.cue): r for r in readings}
        self.targets = targets(readings, desk.cases, list(desk.classifier.classes))
        self.signs = [r.name for r in desk.cues if r.role == "clinical" and CUES[r.name].measure is not None]
        self.some = _spread([c.label for c in desk.cases], SIGNS_IN)

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
            if row in self.some and plan.shifted is not None:
                desk.add(*self._carried(case.id, cue.name, plan.shifted, lesion))

            def settle(
                answers: Answers, _: NDArray[np.float32], plan: shift.Plan = plan, other: str = other
            ) -> None:
                desk.add(*desk.effects(shift.effects, row, plan, answers, label=case.label, other=other))

            yield Question(
                row=row, what=f"shift of {cue.name}", pictures=plan.questions(image), settle=settle
            )

    def _carried(self, case: str, cue: str, shifted: Image, lesion: Mask | None) -> Iterator[Carried]:
        """What each clinical sign reads once the cue alone was moved: does its reading come along?"""
        for name in self.signs:
            sign, before = CUES[name], self.value[case, name]
            after, why = None, before.why
            if before.value is not None and sign.measure is not None:
                try:
                    after = float(sign.measure(shifted, sign.window(shifted, lesion)))
                except Undefined as gone:
                    why = str(gone)
            yield Carried(case=case, cue=cue, sign=name, before=before.value, after=after, why=why)


def _spread(labels: Sequence[str], count: int) -> set[int]:
    """About ``count`` rows, or all, as many of each label, evenly over the set.

    >>> sorted(_spread(["a", "b"] * 4, 4))
    [0, 1, 4, 5]
    """
    rows: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        rows.setdefault(label, []).append(row)
    each = max(1, count // max(1, len(rows)))
    return {row for of in rows.values() for row in of[:: -(-len(of) // each)]}
