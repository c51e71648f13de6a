"""Removal: does the answer change when a region is painted over, more than when other places are?

The region is painted over by :func:`audit.intervene.inpaint.membrane`, and so are matched control places in the
same picture. The effect on a class is the fall of its log-odds; the control's mean is taken off, case by case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audit.intervene.inpaint import membrane, widened
from audit.intervene.places import control_places
from audit.measure.margin import margins
from audit.record import Effect, Image, Mask

NAME = "removal"
CONTROLS = 8
NOTICEABLE = (
    8 / 255
)  # a fill that changes no pixel by more has taken nothing away; JPEG noise on black stays below

NOTHING = "nothing is there to take away: the region looks as its surroundings do"
CONSTANT = (
    "nothing is there to take away: padding is of one colour, and painting tissue into it would invent some"
)
WHOLE = "the region covers the whole picture"
NO_PLACE = "the picture has no free place of this shape for a control"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is painted over in one picture: the region, and its control places. ``why`` tells why nothing is."""

    region: str
    mask: Mask | None
    controls: tuple[Mask, ...] = ()
    painted: Image | None = None
    why: str | None = None

    def questions(self, image: Image) -> Iterator[Image]:
        """The picture without the region, then without each control place."""
        if self.painted is not None:
            yield self.painted
            for control in self.controls:
                yield membrane(image, control)


def plan(
    region: str,
    image: Image,
    mask: Mask,
    forbidden: Mask,
    *,
    rng: np.random.Generator,
    keep: Mask | None = None,
    controls: int = CONTROLS,
) -> Plan:
    """Plan the removal of one region from one picture.

    Args:
        region: its name.
        image: float32 ``(h, w, 3)`` on the model's grid.
        mask: the region, not empty.
        forbidden: where no control may lie.
        rng: chooses the control places.
        keep: what is never painted over (the lesion, when an artefact is taken away).
        controls: how many control places.
    """
    wide = widened(mask)
    if keep is not None:
        wide = wide & ~keep
    if wide.all():
        return Plan(region=region, mask=None, why=WHOLE)
    painted = membrane(image, wide)
    if float(np.abs(painted - image).max()) <= NOTICEABLE:
        return Plan(region=region, mask=None, why=NOTHING)
    places = control_places(wide, forbidden, controls, rng)
    return Plan(region=region, mask=wide, controls=tuple(places), painted=painted)


def effects(
    case: str,
    plan: Plan,
    before: NDArray[np.float64],
    answers: NDArray[np.float64],
    classes: Sequence[str],
    audited: Sequence[str],
    *,
    exclusive: bool = True,
) -> list[Effect]:
    """What the removal did, one row for each audited class.

    Args:
        case: its id.
        plan: what was asked.
        before: the answer to the untouched picture, ``(k,)``.
        answers: the answers to ``plan.questions``, ``(1 + controls, k)``.
        classes: the model's classes.
        audited: those to report.
        exclusive: a picture has one class; False for independent labels.
    """
    if plan.mask is None or not len(answers):
        return [missing(case, plan.region, cls, plan.why or "not asked") for cls in audited]
    fall = margins(before[None], exclusive=exclusive) - margins(answers, exclusive=exclusive)
    flipped = answers.argmax(1) != before.argmax()
    column: Mapping[str, int] = {c: i for i, c in enumerate(classes)}
    rows = []
    for cls in audited:
        own = fall[:, column[cls]]
        control = float(own[1:].mean()) if len(own) > 1 else None
        rows.append(
            Effect(
                case=case,
                intervention=NAME,
                region=plan.region,
                cls=cls,
                change=float(own[0]),
                control=control,
                difference=None if control is None else float(own[0]) - control,
                flipped=bool(flipped[0]),
                flipped_control=float(flipped[1:].mean()) if len(own) > 1 else None,
                places=len(own) - 1,
                why=NO_PLACE if control is None else None,
            )
        )
    return rows


def missing(case: str, region: str, cls: str, why: str) -> Effect:
    """The row of a case where the region could not be taken away."""
    return Effect(
        case=case,
        intervention=NAME,
        region=region,
        cls=cls,
        change=None,
        control=None,
        difference=None,
        flipped=None,
        flipped_control=None,
        places=0,
        why=why,
    )
