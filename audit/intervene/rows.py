"""The rows that every intervention ends in: what it did to the answer, or why nothing was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audit.measure.margin import flips, margins
from audit.record import Effect


@dataclass(frozen=True, kw_only=True)
class Moved:
    """How far each answer went for one class: ``fall`` ``(m,)`` of its log-odds, and whether it turned over."""

    cls: str
    fall: NDArray[np.float64]
    flipped: NDArray[np.bool_]


def moved(
    before: NDArray[np.float64],
    answers: NDArray[np.float64],
    classes: Sequence[str],
    audited: Sequence[str],
    *,
    exclusive: bool,
) -> Iterator[Moved]:
    """For each audited class the fall from ``before`` ``(k,)`` to each of ``answers`` ``(m, k)``."""
    fall = margins(before[None], exclusive=exclusive) - margins(answers, exclusive=exclusive)
    flipped = flips(before, answers, exclusive=exclusive)
    column: Mapping[str, int] = {c: i for i, c in enumerate(classes)}
    for cls in audited:
        yield Moved(cls=cls, fall=fall[:, column[cls]], flipped=flipped[:, column[cls]])


def row(
    case: str,
    intervention: str,
    region: str,
    cls: str,
    *,
    change: float | None,
    control: float | None,
    flipped: float | None,
    flipped_control: float | None,
    places: int,
    fill: str = "",
    dose: float = 1.0,
    why: str | None,
) -> Effect:
    """A row; the difference is change minus control, and missing where one of them is."""
    return Effect(
        case=case,
        intervention=intervention,
        region=region,
        cls=cls,
        fill=fill,
        dose=dose,
        change=change,
        control=control,
        difference=None if change is None or control is None else change - control,
        flipped=flipped,
        flipped_control=flipped_control,
        places=places,
        why=why,
    )


def unasked(
    case: str, intervention: str, region: str, cls: str, why: str, *, fill: str = "", dose: float = 1.0
) -> Effect:
    """The row of a case where nothing could be asked, and why."""
    nothing = dict.fromkeys(("change", "control", "flipped", "flipped_control"))
    return row(case, intervention, region, cls, **nothing, places=0, fill=fill, dose=dose, why=why)
