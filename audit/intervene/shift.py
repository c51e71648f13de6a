"""Shift: does the answer change when one cue alone takes the other class's value, more than under a random change?

The amount is measured: what the medians of the two classes differ by (:func:`audit.measure.following.targets`). The
cue is moved by it, lesions kept, and read again: it must have got there. The controls are as far from the picture and
have a like spectrum, but leave the cue where it was (:mod:`audit.intervene.scramble`); for the field of view they zoom
what it shows and leave its outline. Adebayo 2022 blurs in this way to find a model that reads sharpness.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audit.cues import Cue
from audit.errors import Undefined
from audit.intervene.rows import moved, row, unasked
from audit.intervene.scramble import control
from audit.record import Effect, Image, Mask

NAME = "shift"
CONTROLS = 2

SAME = "the classes hardly differ in it: there is nothing to shift"
OUTSIDE = "the shift goes between two other classes"
NO_CONTROL = "no random change as large leaves the cue where it was"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One picture with one cue moved, and what its controls take. ``why`` tells why nothing is asked."""

    region: str
    cue: Cue
    shifted: Image | None = None
    lesion: Mask | None = None
    seed: int = 0
    why: str | None = None

    def questions(self, image: Image) -> Iterator[Image]:
        """The shifted picture, then its controls. None where nothing can be asked."""
        if self.shifted is None:
            return
        yield self.shifted
        yield from self._controls(image, self.shifted)

    def _controls(self, image: Image, shifted: Image) -> Iterator[Image]:
        cue = self.cue
        if cue.controls is not None:
            yield from cue.controls(image, shifted)
            return
        assert cue.measure is not None
        measure, where = cue.measure, cue.window(image, self.lesion)
        rng = np.random.default_rng(self.seed)
        like = image if cue.like == "picture" else None
        for _ in range(CONTROLS):
            found = control(image, shifted, lambda i: measure(i, where), rng, like=like)
            if found is None and like is None:
                found = control(image, shifted, lambda i: measure(i, where), rng, like=image)
            if found is not None:
                yield found


def plan(
    cue: Cue,
    image: Image,
    value: float,
    target: float,
    *,
    lesion: Mask | None,
    rng: np.random.Generator,
) -> Plan:
    """Plan the shift of one cue in one picture.

    Args:
        cue: from :data:`audit.cues.CUES`.
        image: float32 ``(h, w, 3)`` on the model's grid.
        value: what the cue reads in it.
        target: what it shall read.
        lesion: what is left as it is, or keeps its contrast.
        rng: of grain and controls.

    Returns:
        A plan without questions, and ``why``, where the cue cannot be moved so far in this picture.
    """
    if cue.shift is None:
        return Plan(region=cue.name, cue=cue, why=cue.why_no_shift)
    amount = target - value
    if abs(amount) < max(cue.least, 1e-9):
        return Plan(region=cue.name, cue=cue, why=SAME)
    seed = int(rng.integers(2**62))
    try:
        shifted = cue.shift(image, amount, keep=lesion, rng=rng)
    except Undefined as why:
        return Plan(region=cue.name, cue=cue, why=str(why))
    return Plan(region=cue.name, cue=cue, shifted=shifted, lesion=lesion, seed=seed)


def effects(
    case: str,
    plan: Plan,
    before: NDArray[np.float64],
    answers: NDArray[np.float64],
    classes: Sequence[str],
    audited: Sequence[str],
    *,
    exclusive: bool = True,
    label: str,
    other: str,
) -> list[Effect]:
    """What the shift did, one row for each audited class.

    Positive: the value that a class has speaks for it. For the case's own class that is what it loses as the cue
    leaves, for the other class what it gains as the cue comes.

    Args:
        case: its id.
        plan: what was asked.
        before: the answer to the untouched picture, ``(k,)``.
        answers: the answers to ``plan.questions``, ``(1 + controls, k)``.
        classes: the model's classes.
        audited: those to report.
        exclusive: a picture has one class; False for independent labels.
        label: the case's class.
        other: the class whose value the cue took.
    """
    if plan.shifted is None or not len(answers):
        return [missing(case, plan.region, cls, plan.why or "not asked") for cls in audited]
    found = []
    for cls in moved(before, answers, classes, audited, exclusive=exclusive):
        if cls.cls not in (label, other):
            found.append(missing(case, plan.region, cls.cls, OUTSIDE))
            continue
        own, *beside = cls.fall * (1 if cls.cls == label else -1)
        found.append(
            row(
                case,
                NAME,
                plan.region,
                cls.cls,
                change=float(own),
                control=float(np.mean(beside)) if beside else None,
                flipped=float(cls.flipped[0]),
                flipped_control=float(cls.flipped[1:].mean()) if beside else None,
                places=len(beside),
                why=None if beside else NO_CONTROL,
            )
        )
    return found


def missing(case: str, region: str, cls: str, why: str) -> Effect:
    """The row of a case whose cue could not be moved."""
    return unasked(case, NAME, region, cls, why)
