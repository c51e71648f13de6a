"""How far the maps and the answers of each case moved between two runs, and which cases moved most.

A map is compared with that of the same explainer in the baseline, both for the case's own label, by Spearman's rank
correlation on a coarse grid: what Adebayo et al. 2018 ("Sanity checks for saliency maps") compare the maps of two
networks by. Rank correlation does not ask how strong a map is, only where. Departure: on block means of the positive
part, at most 32 by 32, as the house compares two explainers, because a shift of one pixel is no change.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.comparison.columns import answers
from audit.comparison.shared import Apart, Shared
from audit.measure.agreement import coarse
from audit.measure.estimate import summarise
from audit.record import Estimate, Map, Run
from audit.report.gallery import main_map

MOST = 4
"""So many cases are shown for the answer, and as many for the map."""

BLOCK = 128
FLAT = "one of the two maps is flat in every case"


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A case that moved. ``answer`` is the largest change of a class's probability, and ``cls`` that class;
    ``likeness`` the rank correlation of its two maps, None where one is flat or maps were left out."""

    case: str
    why: str
    cls: str
    before: float
    after: float
    answer: float
    likeness: float | None


def alike(before: NDArray[np.floating], after: NDArray[np.floating]) -> NDArray[np.float64]:
    """Spearman's correlation of each two maps ``(n, h, w)``, on the coarse grid; NaN where one is flat.

    >>> maps = np.arange(32.0).reshape(2, 4, 4)
    >>> alike(maps, maps[:, ::-1, ::-1]).tolist()
    [-1.0, -1.0]
    """
    ranks = []
    for maps in (before, after):
        cells = coarse(maps)
        centred = pd.DataFrame(cells.T).rank().to_numpy().T
        ranks.append(centred - centred.mean(1, keepdims=True))
    norms = np.sqrt((ranks[0] ** 2).sum(1) * (ranks[1] ** 2).sum(1))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(norms > 0, (ranks[0] * ranks[1]).sum(1) / norms, np.nan)
    return np.asarray(np.clip(found, -1.0, 1.0))


def common(shared: Shared, number: int) -> tuple[list[Map], list[Apart]]:
    """The maps that the baseline and run ``number`` made in the same way, and the explainers that differ."""
    if not shared.maps:
        return [], []
    first, second = (shared.sources[i] for i in (0, number))
    other = {e.explainer: e for e in second.explained}
    maps = {m.name: m for m in second.maps}
    kept: list[Map] = []
    apart: list[Apart] = []
    for explained in first.explained:
        match = other.get(explained.explainer)
        if not explained.applied or match is None or not match.applied:
            if explained.applied or (match is not None and match.applied):
                lacks = shared.names[number] if explained.applied else shared.names[0]
                why = f"no map by it in {lacks}"
                apart.append(Apart(kind="explainer", name=explained.explainer, why=why))
        elif match.settings != explained.settings:
            why = f"its settings in {shared.names[number]} are not those in {shared.names[0]}"
            apart.append(Apart(kind="explainer", name=explained.explainer, why=why))
        else:
            kept += [m for m in explained.maps if maps.get(m.name) == m and m in first.maps]
    return kept, apart


def likeness(shared: Shared, number: int, maps: list[Map]) -> dict[str, NDArray[np.float64]]:
    """For each map's name the rank correlation of each shared case with the baseline."""
    found = {}
    for map_ in maps:
        stacks = [_stacks(shared, i, map_) for i in (0, number)]
        each = []
        for start in range(0, len(shared.cases), BLOCK):
            rows = range(start, min(start + BLOCK, len(shared.cases)))
            each.append(alike(*(np.stack([_own(s, shared, i, r) for r in rows])
                                for s, i in zip(stacks, (0, number), strict=True))))  # fmt: skip
        found[map_.name] = np.concatenate(each)
    return found


def _stacks(shared: Shared, number: int, map_: Map) -> dict[bool, NDArray[np.floating]]:
    run = shared.sources[number].run
    names = {False: map_.name, True: Run.map_name(map_, "true")}
    return {wrong: run.array("maps", name) for wrong, name in names.items() if run.has_array("maps", name)}


def _own(
    stacks: dict[bool, NDArray[np.floating]], shared: Shared, number: int, row: int
) -> NDArray[np.floating]:
    """The map for a case's own label: kept apart where the answer is wrong; flat where it was not kept."""
    wrong = shared.sources[number].wrong(shared.cases[row].id)
    stack = stacks.get(wrong)
    at = shared.rows[number][row]
    if stack is None:
        return np.zeros_like(next(iter(stacks.values()))[0])
    return np.asarray(stack[at], np.float32)


def estimates(shared: Shared, maps: list[Map], found: dict[str, NDArray[np.float64]]) -> list[Estimate]:
    """The mean likeness of each map with the baseline's, with its interval over patients."""
    if not maps:
        return []
    values = np.stack([found[m.name] for m in maps], 1)
    seed = int(shared.sources[0].run.manifest["seed"])
    summaries = summarise(values, shared.patients, seed=seed, why=[FLAT] * len(maps))
    return [
        Estimate(
            metric="rank-correlation",
            explainer=m.explainer,
            layer=m.layer,
            other=shared.names[0],
            target="true",
            family=m.family,
            **asdict(s),
        )
        for m, s in zip(maps, summaries, strict=True)
    ]


def shown(shared: Shared, number: int, maps: list[Map]) -> Map | None:
    """The map by which cases are chosen and drawn: the one that stands for all in a run's report, if both have it."""
    usual = main_map(shared.sources[0])
    return usual if usual in maps else next(iter(maps), None)


def most(
    shared: Shared, number: int, map_: Map | None, found: dict[str, NDArray[np.float64]]
) -> tuple[Moved, ...]:
    """The cases whose answer moved most, then those whose map did; a case that did not move is none of them."""
    before, after = answers(shared, 0), answers(shared, number)
    difference = after - before
    cls = np.abs(difference).argmax(1)
    rows = np.arange(len(cls))
    size = np.abs(difference)[rows, cls]
    near = found[map_.name] if map_ is not None else np.full(len(cls), np.nan)

    def moved(i: int, why: str) -> Moved:
        return Moved(
            case=shared.cases[i].id,
            why=why,
            cls=shared.sources[0].classes[cls[i]],
            before=float(before[i, cls[i]]),
            after=float(after[i, cls[i]]),
            answer=float(size[i]),
            likeness=None if np.isnan(near[i]) else float(near[i]),
        )

    by_answer = [int(i) for i in np.argsort(-size, kind="stable") if size[i] > 0][:MOST]
    far = [int(i) for i in np.argsort(near, kind="stable") if near[i] < 1 - 1e-6 and i not in by_answer]
    return (
        *(moved(i, "its answer moved most") for i in by_answer),
        *(moved(i, "its map moved most") for i in far[:MOST]),
    )
