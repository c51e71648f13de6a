"""What LIME was asked, and how well its weights are known, in sentences with numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit.record import Map
from audit.report import words
from audit.report.source import Source

DESIGNS = {
    "hadamard": "the rows of a Hadamard matrix, each with its opposite where the questions suffice (a screening "
    "design with fold-over)",
    "antithetic": "coins, each question with its opposite",
    "iid": "independent coins, as in the lime package",
}
TARGETS = {"probability": "the probability of the class", "logodds": "the log-odds of the class"}


def lime_words(source: Source) -> tuple[str, ...]:
    """How LIME's questions were chosen, how many there were, and the widths of its intervals, a sentence a fill."""
    found = next((e for e in source.explained if e.explainer == "lime" and e.applied), None)
    design = DESIGNS.get(str(found.settings.get("design"))) if found else None
    if found is None or design is None:
        return ()
    most = int(found.settings["samples"])
    said = [
        f"LIME hid superpixels by {design}, and explains {TARGETS[found.settings['target']]}. "
        f"Of each case it asked at most {words.count(most, 'question')} a fill"
        + (", and stopped before where the intervals decided." if found.settings.get("stop") else ".")
    ]
    for map_ in source.maps:
        if map_.explainer == "lime":
            said.extend(_of_fill(source, map_, most))
    return tuple(said)


def _of_fill(source: Source, map_: Map, most: int) -> list[str]:
    asked, weights, half = (_stack(source, name, map_) for name in ("asked", "weights", "half"))
    if asked is None or weights is None or half is None or not (asked > 0).any():
        return []
    rows = asked > 0
    number, weights, half = asked[rows], np.abs(weights[rows, 0]), half[rows, 0]
    tested = np.isfinite(weights).any(axis=1)
    title = words.map_title(map_.explainer, map_.layer)
    said = (
        f"{title}: {_range(number)} questions a case in {words.count(int(rows.sum()), 'case')}, median "
        f"{np.median(number):.0f}; fewer than {most:,} in {int((number < most - most % 2).sum())}."
    )
    known = np.isfinite(half).any(axis=1)
    if known.any():
        widths = np.nanmedian(half[known], axis=1)
        heaviest = np.nanmax(weights[known], axis=1)
        said += (
            f" Half the width of a superpixel's 95 % interval is {small(float(np.median(widths)))} "
            f"(median), where the heaviest superpixel weighs {small(float(np.median(heaviest)))}."
        )
    if (few := int((tested & ~known).sum())) > 0:
        said += f" In {words.count(few, 'case')} the questions were too few for an interval."
    if (none := int((~tested).sum())) > 0:
        said += f" In {words.count(none, 'case')} this fill changes no superpixel."
    blind = source.run.array("blind", map_.name) if source.run.has_array("blind", map_.name) else None
    if (
        blind is not None
        and (share := float(np.mean([blind[row].mean() for row in np.flatnonzero(rows)]))) > 0
    ):
        said += (
            f" {words.percent(share)} of the pictures were not tested: this fill hardly changes them there."
        )
    return [said]


def small(value: float) -> str:
    """Three decimals, and no 0.000 for what is not 0.

    >>> small(0.0312), small(0.0002)
    ('0.031', 'below 0.001')
    """
    return "below 0.001" if 0 < value < 0.0005 else words.number(value, 3)


def _stack(source: Source, name: str, map_: Map) -> NDArray[Any] | None:
    """A kept array, None where the run has none or it is not finished."""
    whole = f"{name}-{map_.layer}"
    if not source.run.has_array("lime", whole):
        return None
    stack = np.array(source.run.array("lime", whole))
    return stack if len(stack) == len(source.cases) else None


def _range(numbers: NDArray[np.integer]) -> str:
    low, high = int(numbers.min()), int(numbers.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
