"""Scores, effects and predictions -> estimates: what the set says, with intervals over patients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import product

import numpy as np
from numpy.typing import NDArray

from audit.measure.agreement import pairs
from audit.measure.association import Statistic, auc, interval, rank_biserial, share_difference
from audit.measure.estimate import COLUMNS, Summary, summarise
from audit.measure.explainers import explainers
from audit.measure.following import carried, following
from audit.measure.guard import stranger
from audit.measure.leftover import leftover
from audit.measure.opportunity import opportunity
from audit.measure.reliance import reliance
from audit.measure.scores import EVERY, heats_of
from audit.record import (
    PREDICTED,
    TRUE,
    Carried,
    Case,
    Effect,
    Estimate,
    Extent,
    Prediction,
    Reading,
    Run,
    Score,
)
from audit.record.stack import Stack

BASELINE = "baseline"
"""The family of maps that know nothing of the network."""

NEARLY_ALL = 0.9
"""Of a region that so many cases bear, what it shows is compared between the classes, not whether it is there."""


def estimates(run: Run) -> list[Estimate]:
    """Every estimate of a run, from its tables and maps."""
    cases = run.read(Case)
    predictions = {p.case: p for p in run.read(Prediction)}
    seed = int(run.manifest["seed"])
    strata = _strata(cases)
    rows: list[Estimate] = []
    rows += _model(run, cases, predictions, seed)
    rows += _presence(run, cases, seed)
    rows += _attention(run, cases, predictions, strata, seed)
    rows += reliance(run, cases, predictions, strata, seed)
    rows += leftover(
        cases,
        predictions,
        run.read(Extent),
        run.frame(Effect),
        run.classes,
        seed=seed,
        exclusive=run.manifest["model"]["output"] != "multilabel",
    )
    rows += _circumstances(run, cases, predictions, seed)
    rows += stranger(run, cases, predictions, _fills(run))
    rows += explainers(run, cases, seed)
    rows += _agreement(run, cases, seed)
    return rows


def _strata(cases: Sequence[Case]) -> dict[str, NDArray[np.bool_]]:
    """All cases, then those of each label, then of each group."""
    labels = np.array([c.label for c in cases], dtype=object)
    groups = np.array([c.group or "" for c in cases], dtype=object)
    strata = {"all": np.ones(len(cases), bool)}
    strata |= {f"label={x}": labels == x for x in sorted(set(labels))}
    strata |= {f"group={x}": groups == x for x in sorted(set(groups) - {""})}
    return strata


def _estimate(summary: Summary, **names: str) -> Estimate:
    return Estimate(**names, **asdict(summary))  # type: ignore[arg-type]


def _fills(run: Run) -> dict[str, list[str]]:
    """What each region was painted over with."""
    frame = run.frame(Effect)
    removed = frame[frame["intervention"] == "removal"]
    return {str(r): sorted(set(g["fill"])) for r, g in removed.groupby("region", sort=True)}


def _circumstances(
    run: Run, cases: Sequence[Case], predictions: Mapping[str, Prediction], seed: int
) -> Iterator[Estimate]:
    """What lies in the set: who goes with whom, whom it flatters, and whether the masks fit."""
    exclusive = run.manifest["model"]["output"] != "multilabel"
    extents = run.read(Extent)
    artefacts = [r for r in run.regions if r.role == "artefact" and r.name != "joint"]
    yield from opportunity(
        cases, predictions, extents, artefacts, run.classes, seed=seed, exclusive=exclusive
    )
    yield from following(
        cases, predictions, run.read(Reading), run.cues, run.classes, seed=seed, exclusive=exclusive
    )
    if run.has(Carried):
        yield from carried(cases, run.read(Carried), run.read(Reading), run.classes, seed=seed)
    drawn = [
        e for e in extents if e.region == "lesion" and (e.present is not None or "lost" in (e.why or ""))
    ]
    if drawn:
        lost = np.array([[float(e.present is None)] for e in drawn])
        patient = {c.id: c.patient for c in cases}
        summary = summarise(lost, [patient[e.case] for e in drawn], seed=seed, shares=[True])[0]
        yield _estimate(summary, metric="lost", region="lesion")


def _model(
    run: Run, cases: Sequence[Case], predictions: Mapping[str, Prediction], seed: int
) -> Iterator[Estimate]:
    """Accuracy, and how well each class is told from the rest."""
    patients = [c.patient for c in cases]
    labels = np.array([c.label for c in cases], dtype=object)
    right = np.array([predictions[c.id].predicted == c.label for c in cases], float)
    for stratum, chosen in _strata(cases).items():
        summary = summarise(right[chosen, None], _pick(patients, chosen), seed=seed, shares=[True])[0]
        yield _estimate(summary, metric="accuracy", stratum=stratum)
    answers = np.array([predictions[c.id].probabilities for c in cases], float)
    each = []
    for number, cls in enumerate(run.classes):
        if cls not in set(labels):
            continue
        statistic = auc(answers[:, number], labels == cls)
        each.append(statistic)
        fewest = min(int((labels == cls).sum()), int((labels != cls).sum()))
        summary = interval(statistic, patients, seed=seed, ends=(0.0, 1.0), fewest=fewest)
        yield _estimate(summary, metric="auc", cls=cls)
    fewest = min(Counter(labels).values())
    yield _estimate(interval(_mean(each), patients, seed=seed, ends=(0.0, 1.0), fewest=fewest), metric="auc")


def _mean(statistics: Sequence[Statistic]) -> Statistic:
    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        each = [s(weights) for s in statistics]
        return np.asarray(np.mean(each, axis=0)) if each else np.full(len(weights), np.nan)

    return statistic


def _pick(values: Sequence[str], chosen: NDArray[np.bool_]) -> list[str]:
    return [v for v, c in zip(values, chosen, strict=True) if c]


def _presence(run: Run, cases: Sequence[Case], seed: int) -> Iterator[Estimate]:
    """How many cases bear each region, and whether that, or what the region holds, goes with the label."""
    extents = {(e.case, e.region): e for e in run.read(Extent)}
    labels = np.array([c.label for c in cases], dtype=object)
    classes = [c for c in run.classes if c in set(labels)]
    for region in run.regions:
        found = [extents[c.id, region.name] for c in cases]
        present = np.array([np.nan if e.present is None else float(e.present) for e in found])
        known = ~np.isnan(present)
        patients = _pick([c.patient for c in cases], known)
        missing = int((~known).sum())
        why = next((e.why for e in found if e.why), None)
        summary = summarise(present[:, None], [c.patient for c in cases], seed=seed, shares=[True], why=[why])
        yield _estimate(summary[0], metric="presence", region=region.name)
        if not known.any():
            continue
        borne = present[known] == 1
        for cls in classes:
            of_class = labels[known] == cls
            fewest = min(int(of_class.sum()), int((~of_class).sum()))
            statistic = share_difference(borne, of_class)
            yield _estimate(
                interval(statistic, patients, seed=seed, missing=missing, fewest=fewest),
                metric="association",
                region=region.name,
                cls=cls,
            )
            if borne.mean() < NEARLY_ALL:
                continue
            for metric in ("size", "mean", "spread"):
                content = np.array([_held(e, metric) for e, p in zip(found, present, strict=True) if p == 1])
                if metric == "size" and not np.ptp(content):
                    continue  # a corner is as large in every case
                statistic = rank_biserial(content, of_class[borne])
                of_content = interval(
                    statistic,
                    [p for p, b in zip(patients, borne, strict=True) if b],
                    seed=seed,
                    missing=missing + int((~borne).sum()),
                    fewest=fewest,
                )
                yield _estimate(of_content, metric=f"content-{metric}", region=region.name, cls=cls)


GREYS = 255
"""A difference in brightness or contrast of less than one grey level is none: rounding is no content."""


def _held(extent: Extent, metric: str) -> float:
    """What a region holds in a case: its share of the picture, or its brightness or contrast in grey levels."""
    value = extent.area if metric == "size" else getattr(extent, metric)
    if value is None:
        return float("nan")
    return float(value) if metric == "size" else float(np.rint(value * GREYS))


def _attention(
    run: Run,
    cases: Sequence[Case],
    predictions: Mapping[str, Prediction],
    strata: Mapping[str, NDArray[np.bool_]],
    seed: int,
) -> Iterator[Estimate]:
    """The mean score of every map on every region, for the predicted and for the true class."""
    if not run.maps:
        return
    family = {(m.explainer, m.layer): m.family for m in run.maps}
    columns = [(m.explainer, m.layer, r.name, k) for m in run.maps for r in run.regions for k in EVERY]
    patients = [c.patient for c in cases]
    shares = [c[3].startswith(("pointing", "rank")) for c in columns]
    for target, field in ((PREDICTED, "predicted"), (TRUE, "label")):
        wanted = {c.id: getattr(predictions[c.id], field) for c in cases}
        values, reasons = _scored(run, columns, wanted)
        for (stratum, rows), start in product(strata.items(), range(0, len(columns), COLUMNS)):
            block = slice(start, start + COLUMNS)
            found = summarise(
                np.asarray(values)[:, block][rows],
                _pick(patients, rows),
                seed=seed,
                shares=shares[block],
                why=reasons[block],
            )
            for (explainer, layer, region, metric), summary in zip(columns[block], found, strict=True):
                yield _estimate(
                    summary,
                    metric=metric,
                    region=region,
                    explainer=explainer,
                    layer=layer,
                    target=target,
                    family=family[explainer, layer],
                    stratum=stratum,
                )
        values.path.unlink()


def _scored(
    run: Run, columns: Sequence[tuple[str, ...]], wanted: Mapping[str, str]
) -> tuple[Stack, list[str | None]]:
    """The scores of the class that is wanted of each case, ``(cases, columns)``; NaN where there is none.

    They lie on disk, for a row is some 15 kB. And for each column the reason that most of its undefined cases give.
    """
    rows = {case: row for row, case in enumerate(wanted)}
    path = run.path / "attention.npy.part"
    path.unlink(missing_ok=True)  # of a process that was ended here
    values = Stack(path, (len(rows), len(columns)), np.float64, empty=np.nan)
    told: list[Counter[str]] = [Counter() for _ in columns]
    keys = [{name: i for i, name in enumerate(sorted(set(names)))} for names in zip(*columns, strict=True)]
    lookup = np.zeros([len(key) for key in keys], np.int64)
    for number, column in enumerate(columns):
        lookup[tuple(key[name] for key, name in zip(keys, column, strict=True))] = number
    for part in run.blocks(Score):
        chosen = part[part["case"].astype(object).map(wanted).to_numpy() == part["cls"].to_numpy(object)]
        at = [
            np.array([key[name] for name in chosen[k].cat.categories])[chosen[k].cat.codes]
            for key, k in zip(keys, ("explainer", "layer", "region", "metric"), strict=True)
        ]
        where = lookup[tuple(at)]
        there = np.load(path, mmap_mode="r+")  # mapped anew for each part: what was written need not be held
        there[chosen["case"].astype(object).map(rows).to_numpy(int), where] = chosen["value"].to_numpy(float)
        empty = chosen["why"].notna().to_numpy()
        counted = Counter(zip(where[empty].tolist(), chosen["why"][empty].tolist(), strict=True))
        for (number, why), count in counted.items():
            told[number][why] += count
    return values, [max(t, key=lambda why: (t[why], why)) if t else None for t in told]


def _agreement(run: Run, cases: Sequence[Case], seed: int) -> Iterator[Estimate]:
    """Every two maps of the predicted class, and the mean over pairs of different families.

    A map that knows nothing of the network is no explainer, and has none to agree with.
    """
    maps = [m for m in run.maps if m.family != BASELINE]
    if len(maps) < 2:
        return
    heats = heats_of(run, maps)
    first, second = np.triu_indices(len(maps), 1)
    patients = [c.patient for c in cases]
    found = [[m[first, second] for m in pairs(heats(row, False))] for row in range(len(cases))]
    between = np.array([maps[i].family != maps[j].family for i, j in zip(first, second, strict=True)])
    why = "one of the two maps is flat in every case"
    for metric, each in zip(("rank-correlation", "top-overlap"), zip(*found, strict=True), strict=True):
        values = np.stack(each)
        for i, j, summary in zip(
            first, second, summarise(values, patients, seed=seed, why=[why] * len(first)), strict=True
        ):
            yield _estimate(
                summary,
                metric=metric,
                explainer=maps[i].explainer,
                layer=maps[i].layer,
                other=maps[j].name,
                target=PREDICTED,
                family="between" if maps[i].family != maps[j].family else "within",
            )
        if between.any():
            chosen = values[:, between]
            counts = (~np.isnan(chosen)).sum(1)
            mean = np.where(counts > 0, np.nansum(chosen, axis=1) / np.maximum(counts, 1), np.nan)
            summary = summarise(mean[:, None], patients, seed=seed, why=[why])[0]
            yield _estimate(summary, metric=metric, target=PREDICTED, family="between")
