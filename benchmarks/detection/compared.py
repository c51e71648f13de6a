"""What a run says, beside what is true of its pictures: numbers for the table, as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from audit.discover.clusters import clusters
from audit.discover.looked import looked
from audit.record import Case, Effect, Estimate, Prediction, Run
from benchmarks.detection import sets, training
from benchmarks.detection.truth import score

DISCOVERED = "found-"
"""How the names of places begin that the audit found by itself."""

COVERED = 0.5
"""A found place is the artefact's where it covers so much of it without being ``LARGE`` times its size, or agrees with
it by ``OVERLAP`` (intersection over union)."""

LARGE, OVERLAP = 4, 0.3

ATTENTION = "density"

SMALLEST = 0.1
"""Of the cases of a predicted class: a smaller cluster is not looked at."""


def attention(run: Run, estimates: Sequence[Estimate]) -> Iterator[dict[str, Any]]:
    """Each map's density on each artefact region: attribution over its share of the area, 1 by chance."""
    places = {r.name for r in run.regions if r.role == "artefact"}
    for e in estimates:
        wanted = (e.metric, e.stratum, e.target) == (ATTENTION, "all", "predicted")
        if wanted and e.region in places and e.value is not None:
            yield {
                "explainer": e.explainer,
                "layer": e.layer,
                "region": e.region,
                "value": e.value,
                "low": e.low,
            }


def honesty(
    run: Run, module: nn.Module, told: sets.Twins, estimates: Sequence[Estimate], cls: str
) -> dict[str, Any]:
    """The effect of removal as the audit estimates it, and as re-rendering the same pictures without it has it.

    Both are the mean fall of the score of class 1, ``cls``, over the cases that bear the artefact, in standard
    deviations of the score over the set, and the share of answers that flip.
    """
    name = "artefact"
    before = training.probabilities(module, told.shown)
    after = training.probabilities(module, told.without)
    fall = (score(before) - score(after))[told.bears] / max(score(before).std(), 1e-9)
    flips = (before.argmax(1) != after.argmax(1))[told.bears]
    found: dict[str, Any] = {"true": float(fall.mean()), "true_flip": float(flips.mean())}
    ways = {"removal": "inpaint", "removal-change": "inpaint", "removal-flip": "inpaint"}
    for metric, fill in (ways | {"removal-pooled": "", "removal-pooled-flip": ""}).items():
        for e in estimates:
            where = (e.metric, e.region, e.cls, e.stratum, e.fill) == (metric, name, cls, "all", fill)
            if where and e.value is not None:
                found[metric] = {"value": e.value, "low": e.low, "high": e.high}
    found |= _asked(run, name, cls)
    return found


def _asked(run: Run, region: str, cls: str) -> dict[str, float]:
    """The share of cases that flip when the region is painted over, without the controls' share taken off."""
    flips = [
        float(e.flipped)
        for e in run.read(Effect)
        if (e.intervention, e.region, e.cls, e.fill, e.dose) == ("removal", region, cls, "inpaint", 1.0)
        and e.flipped is not None
    ]
    return {"plain_flip": float(np.mean(flips))} if flips else {}


def covers(run: Run, told: sets.Twins) -> dict[str, float]:
    """For each place that the audit found: in which share of the cases that bear the artefact it is the artefact's."""
    bears = np.flatnonzero(told.masks.any((1, 2)))
    found = {}
    for region in run.regions:
        if region.name.startswith(DISCOVERED) and run.has_array("regions", region.name) and len(bears):
            order = [int(p.case.rsplit("/", 1)[-1]) for p in run.read(Prediction)]
            stack = np.asarray(run.array("regions", region.name), bool)
            found[region.name] = float(
                np.mean([fits(stack[order.index(row)], told.masks[row]) for row in bears])
            )
    return found


def fits(place: NDArray[np.bool_], artefact: NDArray[np.bool_]) -> bool:
    """Whether a found place is the artefact's: it covers half of it without being much larger, or overlaps it.

    >>> artefact = np.zeros((8, 8), bool); artefact[:2, :2] = True
    >>> fits(artefact, artefact), fits(np.ones((8, 8), bool), artefact)
    (True, False)
    """
    both, either = int((place & artefact).sum()), int((place | artefact).sum())
    covered = both >= COVERED * artefact.sum() and place.sum() <= LARGE * artefact.sum()
    return bool(covered or both >= OVERLAP * either)


def spray(run: Run, bears: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """How pure clusters of maps are (SpRAy, Lapuschkin 2019), by family of explainers: the largest over clusters.

    ``label``: by how much the share of the commonest label is above that of the predicted class. ``artefact``: by how
    much the share that bears the artefact differs from that of the predicted class, which nobody knows but who planted
    it: the most that somebody who looks at the cluster's pictures could see.
    """
    maps = run.maps
    if not maps:
        return []
    answers = run.read(Prediction)
    labels, predicted = [c.label for c in run.read(Case)], [p.predicted for p in answers]
    heats = {m.name: run.array("maps", m.name) for m in maps}
    found = looked(heats, None, None, families={m.name: m.family for m in maps})
    best: dict[str, dict[str, Any]] = {}
    for cluster in clusters(found, labels, predicted, seed=0):
        among = np.array(predicted, dtype=object) == cluster.predicted
        if len(cluster.rows) < SMALLEST * among.sum():
            continue
        rows = list(cluster.rows)
        share = float(np.mean([label == cluster.label for label in np.array(labels, dtype=object)[among]]))
        row = best.setdefault(cluster.family, {"family": cluster.family, "label": 0.0, "artefact": 0.0})
        row["label"] = max(row["label"], cluster.purity - share)
        row["artefact"] = max(row["artefact"], float(abs(bears[rows].mean() - bears[among].mean())))
    return list(best.values())
