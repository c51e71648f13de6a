"""Maps x regions -> scores, one case at a time, in columns: a large set has millions of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audit.measure import nulls
from audit.measure.localisation import BLIND, EMPTY, METRICS, REASONS, ZERO, score
from audit.record import TRUE, Case, Extent, Map, Mask, Prediction, Run, Score
from audit.record.tables import schema

MOSTLY = 0.5  # of a region: painted over with itself beyond this, a perturbation method has not tested it

AT_ONCE = 8
"""Cases for which the files of maps and regions are mapped at a time."""

TOGETHER = 64
"""Sets of maps whose scores are written at a time."""

EVERY = (*METRICS, *nulls.METRICS)
"""What each map is scored by on each region: by itself, and beside other places of the same shape."""

BASELINE = "baseline"
"""The family of the maps that no network made; they are the same for every class."""

EDGES = "edges"
"""The baseline map whose magnitude is the edge energy that null places are matched by."""

PLACES = ("corner-", "border", "joint")
"""Regions, by the start of their name, that are places and not things, or a union with such: null places of other
regions may touch them."""

_WHY = (*REASONS, nulls.FEW)


def stacks(run: Run, folder: str, names: Sequence[str]) -> Callable[[int], NDArray[Any]]:
    """A function from a row to that case's ``(m, h, w)`` arrays.

    Files are mapped for a few cases at a time: what a map of the whole file would hold in memory grows with the cases.
    """

    @lru_cache(maxsize=1)
    def opened(_: int) -> list[NDArray[Any]]:
        return [run.array(folder, name) for name in names]

    return lambda row: np.stack([stack[row] for stack in opened(row // AT_ONCE)])


def heats_of(run: Run, maps: list[Map]) -> Callable[[int, bool], NDArray[np.float16]]:
    """A function from a row (and whether the true class is meant) to that case's ``(m, h, w)`` maps."""
    predicted = stacks(run, "maps", [m.name for m in maps])
    true = stacks(run, "maps", [m.name if m.family == BASELINE else Run.map_name(m, TRUE) for m in maps])
    return lambda row, of_true: true(row) if of_true else predicted(row)


def scores(run: Run) -> Iterator[pa.Table]:
    """The score table of a run, a few cases at a time: every map on every region by every measure.

    A case that the model gets wrong has two sets of maps, for the class it predicted and for its true class.
    """
    maps, regions, cases = run.maps, run.regions, run.read(Case)
    predictions = {p.case: p for p in run.read(Prediction)}
    why = {(e.case, e.region): e.why for e in run.read(Extent) if e.why}
    heats = heats_of(run, maps)
    drawn = stacks(run, "regions", [r.name for r in regions])
    unseen = {i: m.name for i, m in enumerate(maps) if run.has_array("blind", m.name)}
    blind = stacks(run, "blind", list(unseen.values()))
    things = [i for i, r in enumerate(regions) if not r.name.startswith(PLACES)]
    edges = next((i for i, m in enumerate(maps) if m.explainer == EDGES), None)
    seed = int(run.manifest["seed"])
    blocks: list[pa.Table] = []
    for row, case in enumerate(cases if maps else ()):
        masks, of_predicted = drawn(row), heats(row, False)
        moves = _moves(
            masks,
            np.asarray(masks[things].any(0)),
            None if edges is None else np.abs(of_predicted[edges].astype(np.float32)),
            [np.random.default_rng([seed, *f"{case.id}\0null\0{r.name}".encode()]) for r in regions],
        )
        covered = _covered(masks, blind(row)) if unseen else None
        for of_true, cls in _targets(predictions[case.id]):
            values, reasons = _scored(heats(row, True) if of_true else of_predicted, masks, moves)
            if covered is not None:
                for i, hidden in zip(unseen, covered, strict=True):
                    values[i, hidden], reasons[i, hidden] = np.nan, _WHY.index(BLIND)
            text = np.array(_WHY, dtype=object)[reasons]
            for r, region in enumerate(regions):
                unknown = why.get((case.id, region.name))
                if unknown and not masks[r].any():
                    text[:, r] = unknown
            blocks.append(_block(case.id, cls, maps, [r.name for r in regions], values, text))
        if len(blocks) >= TOGETHER:
            yield pa.concat_tables(blocks).cast(schema(Score)).combine_chunks()
            blocks = []
    if blocks:
        yield pa.concat_tables(blocks).cast(schema(Score)).combine_chunks()


def _covered(masks: NDArray[np.bool_], unseen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """For each map ``(m, h, w)`` of what it cannot see, whether that is most of each region, ``(m, r)``."""
    sizes = np.maximum(masks.sum((1, 2)), 1)
    both = np.stack([(masks & one).sum((1, 2)) for one in unseen])
    return np.asarray(both / sizes > MOSTLY)


def _moves(
    masks: NDArray[np.bool_],
    things: Mask,
    edges: NDArray[np.floating] | None,
    streams: Sequence[np.random.Generator],
) -> list[NDArray[np.int64]]:
    """Where each region's shape also fits, for all maps of a case: the places do not depend on what is explained."""
    return [nulls.shifts(mask, things, edges, rng=rng) for mask, rng in zip(masks, streams, strict=True)]


def _scored(
    heats: NDArray[np.floating], masks: NDArray[np.bool_], moves: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """``EVERY`` measure of ``(m, h, w)`` maps on ``(r, h, w)`` regions: values and indices into ``_WHY``."""
    values, reasons = score(heats, masks)
    sums = nulls.running(heats)
    beside = np.full((*values.shape[:2], len(nulls.METRICS)), np.nan)
    why = np.zeros(beside.shape, np.uint8)
    for r, (mask, to) in enumerate(zip(masks, moves, strict=True)):
        if not mask.any():
            why[:, r] = _WHY.index(EMPTY)
            continue
        beside[:, r] = nulls.against(sums, mask, to)
        if len(to) < nulls.FEWEST:
            why[:, r] = _WHY.index(nulls.FEW)
        why[sums[:, -1] == 0, r] = _WHY.index(ZERO)
    return np.concatenate([values, beside], axis=2), np.concatenate([reasons, why], axis=2)


def _targets(p: Prediction) -> Iterator[tuple[bool, str]]:
    yield False, p.predicted
    if p.label != p.predicted:
        yield True, p.label


def _block(
    case: str,
    cls: str,
    maps: list[Map],
    regions: list[str],
    values: NDArray[np.float64],
    text: NDArray[np.object_],
) -> pa.Table:
    m, r, k = values.shape
    size = m * r * k
    flat = values.reshape(-1)
    return pa.table(
        {
            "case": pa.repeat(case, size),
            "explainer": np.repeat([x.explainer for x in maps], r * k),
            "layer": np.repeat([x.layer for x in maps], r * k),
            "cls": pa.repeat(cls, size),
            "region": np.tile(np.repeat(regions, k), m),
            "metric": np.tile(EVERY, m * r),
            "value": pa.array(flat, mask=np.isnan(flat)),
            "why": pa.array([t or None for t in text.reshape(-1)], pa.string()),
        }
    )
