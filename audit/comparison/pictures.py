"""The cases that moved most, side by side: the picture, and the same explainer's map in both runs."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from PIL import Image as Pillow

from audit.comparison.compared import Pair
from audit.comparison.moved import Moved
from audit.comparison.shared import Shared
from audit.record import Heat, Map
from audit.report import figures, words
from audit.report.blocks import Fact, Picture
from audit.report.gallery import credit

FINEST = 96
"""Rows or columns of a map that the page can threshold, at most: finer is not seen at this size."""

SIDES = ("baseline", "candidate")


@dataclass(frozen=True, kw_only=True)
class Side:
    """One run's map over the picture. ``map`` is the map as signed bytes, base64, ``rows`` by ``columns``."""

    picture: Picture
    map: str
    rows: int
    columns: int
    signed: bool


@dataclass(frozen=True, kw_only=True)
class MovedBlock:
    """One case; ``base`` None where no picture was kept, ``sides`` empty where no map is shared."""

    title: str
    chosen: str
    facts: tuple[Fact, ...]
    base: Picture | None
    sides: tuple[Side, ...]

    @property
    def pictures(self) -> list[Picture]:
        """The pictures of the case."""
        return [*([self.base] if self.base else []), *(s.picture for s in self.sides)]


def ramp(steps: int = 32) -> str:
    """The colours of a map from weak to strong, as the report draws them, six hexadecimal digits each."""
    colours = colormaps["inferno"](0.25 + 0.72 * np.linspace(0, 1, steps))[:, :3]
    return "".join(f"{round(255 * float(v)):02x}" for colour in colours for v in colour)


def blocks(shared: Shared, pair: Pair) -> tuple[MovedBlock, ...]:
    """Every case that moved most."""
    return tuple(_block(shared, pair, moved) for moved in pair.moved)


def _block(shared: Shared, pair: Pair, moved: Moved) -> MovedBlock:
    runs = (0, pair.number)
    case = shared.sources[0].cases[shared.sources[0].rows[moved.case]]
    facts = [Fact(name="Label", text=case.label)]
    for name, i in zip(SIDES, runs, strict=True):
        prediction = shared.sources[i].predictions[case.id]
        p = moved.before if i == 0 else moved.after
        text = f"{prediction.predicted}; {moved.cls} {words.number(p, 3)}"
        facts.append(Fact(name=f"Answer, {name}", text=text))
    if pair.map_ is not None:
        near = "one map is flat" if moved.likeness is None else words.number(moved.likeness)
        facts.append(Fact(name="Rank correlation of the two maps", text=near))
    base = next((b for b in (shared.sources[i].pixels(case.id) for i in runs) if b is not None), None)
    if base is None:
        return MovedBlock(title=case.id, chosen=moved.why, facts=tuple(facts), base=None, sides=())
    caption = f"As the model was shown it.{credit(case)}"
    plain = figures.picture(figures.compose(base), alt=f"Case {case.id}.", caption=caption)
    sides = []
    for name, i in zip(SIDES, runs, strict=True):
        heat = None if pair.map_ is None else shared.sources[i].heat(pair.map_, case.id, "true")
        if heat is not None and pair.map_ is not None:
            sides.append(_side(base, heat, pair.map_, f"{name}, {shared.names[i]}", case.id))
    return MovedBlock(title=case.id, chosen=moved.why, facts=tuple(facts), base=plain, sides=tuple(sides))


def _side(base: figures.Pixels, heat: Heat, map_: Map, name: str, case: str) -> Side:
    gradient = map_.family == "gradient"
    signed = map_.signed and not gradient
    flat = " The map is zero everywhere." if not np.any(heat) else ""
    picture = figures.picture(
        figures.compose(base, heat=heat, signed=signed, clip=gradient),
        alt=f"Case {case}; map of {words.map_title(map_.explainer, map_.layer)} over the picture, {name}.",
        caption=f"{name[:1].upper()}{name[1:]}.{flat}",
    )
    small = figures.strength(np.asarray(heat, np.float32), clip=gradient)
    factor = min(1.0, FINEST / max(small.shape))
    if factor < 1:
        size = (round(small.shape[1] * factor), round(small.shape[0] * factor))
        small = np.asarray(Pillow.fromarray(small).resize(size, Pillow.Resampling.BOX))
    values = np.rint(127 * (small if signed else np.abs(small))).astype(np.int8)
    return Side(
        picture=picture,
        map=base64.b64encode(values.tobytes()).decode("ascii"),
        rows=values.shape[0],
        columns=values.shape[1],
        signed=signed,
    )
