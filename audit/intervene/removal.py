"""Removal: does the answer change when a region is painted over, more than when other places are?

The region is painted over by every fill of :mod:`audit.intervene.fills`, and so are matched control places in the
same picture. The effect on a class is the fall of its log-odds; the control's mean is taken off, case by case and fill
by fill. Beside it, the inpainted picture is mixed with the untouched one, so that a reaction can be seen to grow with
the dose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from audit.errors import Undefined
from audit.intervene.fills import FILLS, ring_width
from audit.intervene.inpaint import membrane, widened
from audit.intervene.places import control_places
from audit.intervene.rows import moved, row, unasked
from audit.record import Effect, Image, Mask

NAME = "removal"
INPAINT = "inpaint"
CONTROLS = 8
FEW = 4
BESIDE = 2  # control places of a fill that decides nothing
DOSES = (0.25, 0.5, 0.75)
NOTICEABLE = 8 / 255
"""A fill that changes no pixel by more has taken nothing away; JPEG noise on black stays below."""

NOTHING = "nothing is there to take away: the region looks as its surroundings do"
CONSTANT = (
    "nothing is there to take away: padding is of one colour, and painting tissue into it would invent some"
)
WHOLE = "the region covers the whole picture"
WITHIN = "all of the region lies in the lesion, which is not painted over"
SAME = "this fill leaves the region as it looks"
NO_PLACE = "the picture has no free place of this shape for a control"
DOSE = "doses are compared with each other, not with controls"
NOT_ASKED = "not asked"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What one changed picture is: a fill, its opacity, and the control's number (None: the region itself)."""

    fill: str
    dose: float = 1.0
    place: int | None = None


class Asked(Protocol):
    """What :func:`effects` wants to know of a plan: :class:`Plan` tells it, and so does ``bars.Reflected``."""

    @property
    def region(self) -> str: ...

    @property
    def asked(self) -> list[Question]: ...

    @property
    def missed(self) -> list[tuple[str, float, str]]: ...


@dataclass(frozen=True, kw_only=True)
class Filled:
    """The region painted over by one fill, and at how many control places it is tried. ``why``: it cannot be."""

    fill: str
    painted: Image | None = None
    places: int = 0
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is painted over in one picture: the region, and its control places. ``why`` tells why nothing is."""

    region: str
    mask: Mask | None
    controls: tuple[Mask, ...] = ()
    fills: tuple[Filled, ...] = ()
    doses: tuple[float, ...] = ()
    inpainted: Image | None = None
    donor: Image | None = None
    seed: int = 0
    why: str | None = None

    @property
    def painted(self) -> Image | None:
        """The picture with the region inpainted. None where nothing is asked."""
        return self.inpainted

    @property
    def asked(self) -> list[Question]:
        """What each picture of ``questions`` is."""
        questions = []
        for filled in self.fills:
            if filled.painted is not None:
                places: list[int | None] = [None, *range(filled.places)]
                questions += [Question(fill=filled.fill, place=place) for place in places]
        if self.inpainted is not None:
            questions += [Question(fill=INPAINT, dose=dose) for dose in self.doses]
        return questions

    @property
    def missed(self) -> list[tuple[str, float, str]]:
        """Fill, dose and reason of what is not asked."""
        rows = [(filled.fill, 1.0, filled.why) for filled in self.fills if filled.why]
        if self.why is not None:
            rows += [(INPAINT, dose, self.why) for dose in self.doses]
        return rows

    def questions(self, image: Image) -> Iterator[Image]:
        """For each fill the picture without the region, then without each control place; last the doses."""
        for filled in self.fills:
            if filled.painted is None:
                continue
            yield filled.painted
            paint = FILLS[filled.fill].paint
            for number, control in enumerate(self.controls[: filled.places], start=1):
                yield paint(image, control, np.random.default_rng([self.seed, number]), self.donor)
        if self.inpainted is not None:
            for dose in self.doses:
                yield (image + np.float32(dose) * (self.inpainted - image)).astype(np.float32)


def plan(
    region: str,
    image: Image,
    mask: Mask,
    forbidden: Mask,
    *,
    rng: np.random.Generator,
    keep: Mask | None = None,
    controls: int = CONTROLS,
    fills: Sequence[str] = tuple(FILLS),
    few: int = FEW,
    donor: Image | None = None,
    doses: Sequence[float] = DOSES,
) -> Plan:
    """Plan the removal of one region from one picture.

    Args:
        region: its name.
        image: float32 ``(h, w, 3)`` on the model's grid.
        mask: the region, not empty. The joint removal of several is that of their union.
        forbidden: where no control may lie.
        rng: chooses the control places, and seeds the fills' noise.
        keep: what is never painted over (the lesion, when an artefact is taken away).
        controls: how many control places the inpainting has.
        fills: names out of :data:`audit.intervene.fills.FILLS`.
        few: how many of the same places, from the first, any other sane fill has; the others have at most two.
        donor: a picture of the same size without the region. Without one the fill ``donor`` is missing, with a reason.
        doses: opacities at which the inpainted picture is laid over the untouched one.

    Raises:
        KeyError: a fill of that name is not known.
    """
    wide = widened(mask)
    if keep is not None:
        wide = wide & ~keep
    why, inpainted = None, image
    if wide.all():
        why = WHOLE
    elif not wide.any():
        why = WITHIN
    else:
        inpainted = membrane(image, wide)
        why = None if _changes(inpainted, image) else NOTHING
    if why is not None:
        unfilled = tuple(Filled(fill=name, why=why) for name in fills)
        return Plan(region=region, mask=None, fills=unfilled, doses=tuple(doses), why=why)
    places = _places(wide, forbidden, controls, rng)
    seed = int(rng.integers(2**62))

    def filled(name: str) -> Filled:
        fill = FILLS[name]
        try:
            painted = (
                inpainted
                if name == INPAINT
                else fill.paint(image, wide, np.random.default_rng([seed, 0]), donor)
            )
        except Undefined as reason:
            return Filled(fill=name, why=str(reason))
        if not _changes(painted, image):
            return Filled(fill=name, why=SAME)
        most = controls if name == INPAINT else few if fill.sane else min(few, BESIDE)
        return Filled(fill=name, painted=painted, places=min(most, len(places)))

    return Plan(
        region=region,
        mask=wide,
        controls=tuple(places),
        fills=tuple(filled(name) for name in fills),
        doses=tuple(doses),
        inpainted=inpainted,
        donor=donor,
        seed=seed,
    )


def _places(wide: Mask, forbidden: Mask, count: int, rng: np.random.Generator) -> list[Mask]:
    """Control places as far off the artefact as a ring goes, so that they are not painted in its colours. Where the
    picture has no room for that, next to it."""
    clear = np.asarray(ndimage.binary_dilation(forbidden | wide, iterations=ring_width(wide)))
    places = control_places(wide, clear, count, rng)
    return places if len(places) == count else control_places(wide, forbidden, count, rng)


def filled_rows(plan: Asked) -> dict[str, tuple[int, ...]]:
    """For each fill that was asked, the numbers of its questions: the region's own first, then its controls'."""
    rows: dict[str, tuple[int, ...]] = {}
    for number, question in enumerate(plan.asked):
        if question.dose == 1:
            rows[question.fill] = (*rows.get(question.fill, ()), number)
    return rows


def _changes(painted: Image, image: Image) -> bool:
    return float(np.abs(painted - image).max()) > NOTICEABLE


def effects(
    case: str,
    plan: Asked,
    before: NDArray[np.float64],
    answers: NDArray[np.float64],
    classes: Sequence[str],
    audited: Sequence[str],
    *,
    exclusive: bool = True,
) -> list[Effect]:
    """What the removal did: one row for each audited class and fill, and for each class and dose of the inpainting.

    Args:
        case: its id.
        plan: what was asked.
        before: the answer to the untouched picture, ``(k,)``.
        answers: the answers to ``plan.questions``, ``(m, k)``; none at all where nothing was asked.
        classes: the model's classes.
        audited: those to report.
        exclusive: a picture has one class; False for independent labels.

    Raises:
        ValueError: there are answers, but not as many as questions.
    """
    asked = plan.asked
    if len(answers) not in (0, len(asked)):
        raise ValueError(f"{len(answers)} answers to {len(asked)} questions")
    groups: dict[tuple[str, float], list[int]] = {}  # a region's picture first, then its controls'
    for number, question in enumerate(asked):
        groups.setdefault((question.fill, question.dose), []).append(number)
    left_out = list(plan.missed)
    if not len(answers):
        left_out += [(fill, dose, NOT_ASKED) for fill, dose in groups]
        groups = {}
    found = [
        missing(case, plan.region, cls, why, fill=fill, dose=dose)
        for fill, dose, why in left_out
        for cls in audited
    ]
    if not groups:
        return found
    for cls in moved(before, answers, classes, audited, exclusive=exclusive):
        for (fill, dose), (own, *others) in groups.items():
            found.append(
                row(
                    case,
                    NAME,
                    plan.region,
                    cls.cls,
                    fill=fill,
                    dose=dose,
                    change=float(cls.fall[own]),
                    control=float(cls.fall[others].mean()) if others else None,
                    flipped=float(cls.flipped[own]),
                    flipped_control=float(cls.flipped[others].mean()) if others else None,
                    places=len(others),
                    why=None if others else NO_PLACE if dose == 1 else DOSE,
                )
            )
    return found


def missing(case: str, region: str, cls: str, why: str, fill: str = INPAINT, *, dose: float = 1.0) -> Effect:
    """The row of a case where the region could not be taken away."""
    return unasked(case, NAME, region, cls, why, fill=fill, dose=dose)
