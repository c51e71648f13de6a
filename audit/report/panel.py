"""The LIME panel: superpixels, the heaviest of them at two thresholds, and some of the questions with their answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit.images.fill import mean_fill, surround_fill
from audit.record import Case, Map
from audit.report import figures, words
from audit.report.asked import small
from audit.report.blocks import Picture, Strip
from audit.report.source import Source

FILLS = {"mean": mean_fill, "surround": surround_fill}
HEAVIEST = (3, 10)
"""How many superpixels the two thresholds of LIME leave; the second leaves half of them at most."""


def strip(title: str, pictures: Sequence[Picture | None], note: str = "") -> Strip | None:
    """Those of the pictures that there are, None where there is none."""
    kept = tuple(p for p in pictures if p is not None)
    return Strip(title=title, pictures=kept, note=note) if kept else None


def strips(source: Source, case: Case) -> list[Strip]:
    """Superpixels, the heaviest of them at two thresholds for each fill, four questions with their answers."""
    base = source.pixels(case.id)
    maps = [m for m in source.maps if m.explainer == "lime"]
    segments = source.row("lime", "segments", case.id)
    if base is None or not maps or segments is None or segments.shape != base.shape[:2]:
        return []
    number = int(segments.max()) + 1
    first = figures.picture(
        figures.compose(base, segments=segments),
        alt=f"Case {case.id}, divided into {words.count(number, 'superpixel')}.",
        caption=f"{words.count(number, 'superpixel')}.",
    )
    pictures: list[Picture] = [first]
    notes = ["Orange spoke for the predicted class, blue against it."]
    for map_ in maps:
        weights = source.row("lime", f"weights-{map_.layer}", case.id)
        if weights is None or not np.isfinite(weights[0, :number]).any():
            continue
        own = np.nan_to_num(weights[0, :number]).astype(np.float32)
        blind = source.blind(map_, case.id)
        untested = f" {100 * blind:.0f} % of the picture was never tested by this fill." if blind else ""
        r2 = source.row("lime", f"r2-{map_.layer}", case.id)
        fit = (
            f" The linear model explains {100 * float(r2[0]):.0f} % of the answers."
            if (r2 is not None and np.isfinite(r2[0]))
            else ""
        )
        if told := (_asked(source, map_, case) + fit + untested).strip():
            notes.append(f"{map_.layer.capitalize()} fill: {told}")
        for most in sorted({min(HEAVIEST[0], number), min(HEAVIEST[1], max(1, number // 2))}):
            keep = np.argsort(-np.abs(own), kind="stable")[:most]
            heavy = np.zeros(number, np.float32)
            heavy[keep] = own[keep]
            pictures.append(
                figures.picture(
                    figures.compose(base, heat=heavy[segments], signed=True),
                    alt=f"Case {case.id}: the {most} heaviest superpixels of LIME with the {map_.layer} fill.",
                    caption=f"The {most} heaviest, {map_.layer} fill.",
                )
            )
    found = [
        strip(
            "LIME: superpixels, and the heaviest of them at two thresholds",
            pictures,
            " ".join(notes),
        ),
        _questions(source, case, maps, segments, number),
    ]
    return [s for s in found if s is not None]


def spread(shown: NDArray[Any], answers: NDArray[Any], most: int) -> NDArray[np.intp]:
    """The rows of at most so many questions, evenly from the highest answer to the lowest."""
    asked = np.flatnonzero(~shown.astype(bool).all(axis=1) & np.isfinite(answers))
    order = asked[np.argsort(-answers[asked], kind="stable")]
    return order[np.unique(np.linspace(0, len(order) - 1, most).round().astype(int))] if len(order) else order


def _asked(source: Source, map_: Map, case: Case) -> str:
    """How many questions this case took, and how well the weights are known."""
    asked = source.row("lime", f"asked-{map_.layer}", case.id)
    half = source.row("lime", f"half-{map_.layer}", case.id)
    if asked is None or half is None:
        return ""
    wide = np.nan_to_num(half[0], nan=-1.0).max()
    interval = (
        f"; the interval of each weight reaches {small(float(wide))} to both sides or less"
        if wide >= 0
        else ""
    )
    return f" {words.count(int(asked), 'question')}{interval}."


def _questions(
    source: Source, case: Case, maps: list[Map], segments: NDArray[Any], number: int
) -> Strip | None:
    base, prediction = source.pixels(case.id), source.predictions.get(case.id)
    design = source.row("lime", "design", case.id)
    fill = next((m.layer for m in maps if m.layer in FILLS), None)
    answers = None if fill is None else source.row("lime", f"answers-{fill}", case.id)
    if base is None or prediction is None or design is None or answers is None or fill is None:
        return None
    shown = design[:, :number].astype(bool)
    picks = spread(shown, answers[:, 0], 4)
    if not len(picks):
        return None
    image = base.astype(np.float32) / np.float32(255)
    filled = FILLS[fill](image, segments)
    pictures = []
    for row in picks:
        changed = np.where(shown[row][segments][..., None], image, filled)
        p = words.number(float(answers[row, 0]), 3)
        left = int(shown[row].sum())
        pictures.append(
            figures.picture(
                figures.compose(np.clip(np.rint(changed * 255), 0, 255).astype(np.uint8)),
                alt=f"Case {case.id} with {number - left} of {number} superpixels painted over.",
                caption=f"{left} of {number} superpixels shown: {prediction.predicted} {p}.",
            )
        )
    return strip(
        "LIME: four of the questions, with the model's answer to each",
        pictures,
        f"Painted over with the {fill} fill, highest answer first; re-made from the kept small picture.",
    )
