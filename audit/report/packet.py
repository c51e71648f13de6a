"""One case of the interactive page as a packet: its small picture, its grids, and what the model answered.

A packet is a JSON list of three: the picture (JPEG in base64, empty where none was kept), the grids as ``grids.pack``
writes them, and an object that says what lies in them. The page opens a packet when its case is looked at.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from audit.errors import visible
from audit.measure import agreement
from audit.record import Case, Map, Run
from audit.report import figures, grids, panel
from audit.report.figures import Pixels
from audit.report.source import JOINT, Source

LONGEST = 256
"""Pixels of a picture's longer side in the page."""
QUESTIONS = 8
"""So many of LIME's questions are shown with their answers, from the highest answer to the lowest."""


class Stacks:
    """The arrays of a run, each opened once: a page of thousands of cases reads a row of each for every case."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._open: dict[tuple[str, str], NDArray[Any] | None] = {}

    def row(self, folder: str, name: str, number: int) -> Any:
        """A case's row of an array, None where it was not kept."""
        key = folder, name
        if key not in self._open:
            run = self.source.run
            self._open[key] = run.array(folder, name) if run.has_array(folder, name) else None
        stack = self._open[key]
        return np.array(stack[number]) if stack is not None and number < len(stack) else None


def text(thing: object) -> str:
    """A thing as JSON that may stand in a script block: no character in it can end the block."""
    plain = json.dumps(thing, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        plain = plain.replace(character, f"\\u{ord(character):04x}")
    return plain


def packet(stacks: Stacks, case: Case) -> tuple[str, float | None]:
    """A case as a packet, and how far the explainers disagree on it (None where there are not two to compare)."""
    source = stacks.source
    number, wrong = source.rows[case.id], source.wrong(case.id)
    base = source.pixels(case.id)
    heats = {m.name: stacks.row("maps", m.name, number) for m in source.maps}
    size = next((a.shape for a in (base, *heats.values()) if a is not None), None)
    heats = {n: h for n, h in heats.items() if h is not None and h.shape == (size or ())[:2]}
    lime, planes = _lime(stacks, number, base, wrong=wrong)
    told: dict[str, Any] = {
        "size": list((size or (1, 1))[:2]),
        "lime": lime,
        "maps": [],
        "true": [],
        "masks": [],
    }
    known = {row["map"] for row in lime["maps"]} if lime else set()
    for target in ("maps", "true") if wrong else ("maps",):
        for place, map_ in enumerate(source.maps):
            if place in known or map_.name not in heats:
                continue
            name = map_.name if target == "maps" else Run.map_name(map_, "true")
            heat = heats[map_.name] if target == "maps" else stacks.row("maps", name, number)
            if heat is not None:
                told[target].append(place)
                planes.append(_levels(map_, heat))
    for place, region in enumerate(source.regions):
        mask = stacks.row("regions", region.name, number) if _drawn(region.name) else None
        if mask is not None and mask.shape == (size or ())[:2] and mask.any():
            told["masks"].append(place)
            planes.append(grids.bits(mask))
    told["agree"], apart = _agreement(source, heats)
    prediction = source.predictions.get(case.id)
    told["p"] = [round(p, 4) for p in prediction.probabilities] if prediction else []
    told["credit"] = visible(case.credit or "")
    thumb = "" if base is None else grids.letters(_small(source.run.thumb(case.id), base))
    return text([thumb, grids.pack(planes), told]), apart


def _drawn(region: str) -> bool:
    return region != JOINT and not region.startswith("lesion:")


def _levels(map_: Map, heat: NDArray[np.floating]) -> grids.Bytes:
    gradient = map_.family == "gradient"
    return grids.levels(np.asarray(heat, np.float32), signed=map_.signed and not gradient, clip=gradient)


def _small(path: Path, base: Pixels) -> bytes:
    """The kept picture as it is where it is small, else a smaller one."""
    if max(base.shape[:2]) <= LONGEST:
        return path.read_bytes()
    smaller = Pillow.fromarray(base)
    smaller.thumbnail((LONGEST, LONGEST), Pillow.Resampling.LANCZOS)
    return figures.jpeg(np.asarray(smaller))


def _lime(
    stacks: Stacks, number: int, base: Pixels | None, *, wrong: bool
) -> tuple[dict[str, Any] | None, list[grids.Bytes]]:
    """Superpixels, the weight of each, and some questions with their answers."""
    source = stacks.source
    segments = stacks.row("lime", "segments", number)
    count = 0 if segments is None else int(segments.max()) + 1
    if segments is None or count < 2:
        return None, []
    maps = []
    for place, map_ in enumerate(source.maps):
        weights = stacks.row("lime", f"weights-{map_.layer}", number) if map_.explainer == "lime" else None
        if weights is None or not np.isfinite(weights[: 1 + wrong, :count]).any(axis=1).all():
            continue
        r2 = stacks.row("lime", f"r2-{map_.layer}", number)
        blind = stacks.row("blind", map_.name, number)
        maps.append(
            {
                "map": place,
                "weights": [[_weight(w) for w in own[:count]] for own in weights[: 1 + wrong]],
                "r2": None if r2 is None or not np.isfinite(r2[0]) else round(float(r2[0]), 3),
                "blind": None if blind is None else round(float(blind.mean()), 3),
            }
        )
    told = {"superpixels": count, "maps": maps, "asked": _asked(stacks, number, base, segments, count)}
    return told, [grids.labels(segments)]


def _weight(value: float) -> float | None:
    """A superpixel's weight; None where it was not tested."""
    return float(f"{value:.4g}") if np.isfinite(value) else None


def _asked(
    stacks: Stacks, number: int, base: Pixels | None, segments: NDArray[Any], count: int
) -> dict[str, Any] | None:
    """Which superpixels each question showed, the answer, and the colour that each is painted over with."""
    layers = [m.layer for m in stacks.source.maps if m.explainer == "lime"]
    fill = next((n for n in layers if n in panel.FILLS), None)
    design = stacks.row("lime", "design", number)
    answers = None if fill is None else stacks.row("lime", f"answers-{fill}", number)
    if fill is None or base is None or design is None or answers is None or segments.shape != base.shape[:2]:
        return None
    picks = panel.spread(design[:, :count], answers[:, 0], QUESTIONS)
    filled = panel.FILLS[fill](base.astype(np.float32), segments)
    area = np.maximum(np.bincount(segments.ravel(), minlength=count), 1)
    colours = [np.bincount(segments.ravel(), filled[..., c].ravel(), count) / area for c in range(3)]
    return {
        "fill": fill,
        "colours": grids.letters(np.rint(np.stack(colours, 1)).astype(np.uint8).tobytes()),
        "shown": ["".join("1" if s else "0" for s in design[row, :count]) for row in picks],
        "answers": [round(float(answers[row, 0]), 4) for row in picks],
    }


def _agreement(source: Source, heats: dict[str, Any]) -> tuple[list[int | None], float | None]:
    """Rank correlation of every two maps in hundredths, row by row above the diagonal; 1 minus the mean over
    maps of different families, or over all pairs where there is one family.
    """
    maps = [m for m in source.maps if m.name in heats]
    pairs: dict[tuple[str, str], float] = {}
    if len(maps) > 1:
        found, _ = agreement.pairs(np.stack([heats[m.name] for m in maps]))
        pairs = {(a.name, b.name): float(found[i, j]) for i, a in enumerate(maps) for j, b in enumerate(maps)}
    told: list[int | None] = []
    between, every = [], []
    for i, a in enumerate(source.maps):
        for b in source.maps[i + 1 :]:
            value = pairs.get((a.name, b.name), float("nan"))
            told.append(round(100 * value) if np.isfinite(value) else None)
            if np.isfinite(value):
                every.append(value)
                between += [value] if a.family != b.family else []
    chosen = between or every
    return told, round(1 - sum(chosen) / len(chosen), 3) if chosen else None
