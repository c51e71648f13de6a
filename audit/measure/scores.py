"""Maps x regions -> scores, one case at a time, in columns: a large set has millions of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audit.measure.localisation import BLIND, METRICS, REASONS, score
from audit.record import TRUE, Case, Extent, Map, Prediction, Run, Score
from audit.record.tables import schema

MOSTLY = 0.5  # of a region: painted over with itself beyond this, a perturbation method has not tested it


def heats_of(run: Run, maps: list[Map]) -> Callable[[int, bool], NDArray[np.float16]]:
    """A function from a row (and whether the true class is meant) to that case's ``(m, h, w)`` maps."""
    predicted = [run.array("maps", m.name) for m in maps]
    true = [run.array("maps", Run.map_name(m, TRUE)) for m in maps]
    return lambda row, of_true: np.stack([stack[row] for stack in (true if of_true else predicted)])


def scores(run: Run) -> pa.Table:
    """The score table of a run: every map of every case on every region by every measure.

    A case that the model gets wrong has two sets of maps, for the class it predicted and for its true class.
    """
    maps, regions, cases = run.maps, run.regions, run.read(Case)
    predictions = {p.case: p for p in run.read(Prediction)}
    why = {(e.case, e.region): e.why for e in run.read(Extent)}
    schema_ = schema(Score)
    if not maps:
        return schema_.empty_table()
    heats = heats_of(run, maps)
    stacks = [run.array("regions", r.name) for r in regions]
    blind = {i: run.array("blind", m.name) for i, m in enumerate(maps) if run.has_array("blind", m.name)}
    blocks = []
    for row, case in enumerate(cases):
        masks = np.stack([stack[row] for stack in stacks])
        p = predictions[case.id]
        for of_true, cls in _targets(p):
            values, reasons = score(heats(row, of_true), masks)
            for i, unseen in blind.items():
                for r, mask in enumerate(masks):
                    if mask.any() and unseen[row][mask].mean() > MOSTLY:
                        values[i, r], reasons[i, r] = np.nan, REASONS.index(BLIND)
            text = np.array(REASONS, dtype=object)[reasons]
            for r, region in enumerate(regions):
                unknown = why.get((case.id, region.name))
                if unknown and not masks[r].any():
                    text[:, r] = unknown
            blocks.append(_block(case.id, cls, maps, [r.name for r in regions], values, text))
    return pa.concat_tables(blocks).cast(schema_).combine_chunks()


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
            "metric": np.tile(list(METRICS), m * r),
            "value": pa.array(flat, mask=np.isnan(flat)),
            "why": pa.array([t or None for t in text.reshape(-1)], pa.string()),
        }
    )
