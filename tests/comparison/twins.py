"""Finished runs made by hand: every number that a comparison reads is given, so that its answer is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from audit.record import (
    Case,
    Effect,
    Estimate,
    Explained,
    Extent,
    Map,
    Prediction,
    Region,
    Run,
    Score,
    Verdict,
)

N, SIZE = 60, 24
TEXT = Region(name="text", role="artefact", title="Burned-in text", detector="top-hat", version="2")
LESION = Region(name="lesion", role="lesion", title="Lesion", detector="masks", version="1")
LIGHT = Region(name="brightness", role="cue", title="Brightness", detector="mean", version="1")
FUSED = Map(name="fused.cam", explainer="fused", layer="cam", family="cam", signed=False, title="Fused")


def numbers(seed: int, centre: float, spread: float, n: int = N) -> np.ndarray:
    return np.random.default_rng(seed).normal(centre, spread, n)


def chances(right: Sequence[bool], sure: float = 0.8, n: int = N) -> np.ndarray:
    """The probability of ``ill`` in each case, odd ones being ill: ``sure`` where right, its rest where not."""
    ill = np.arange(n) % 2 == 1
    p = np.where(np.asarray(right), sure, 1 - sure) + 0.001 * np.arange(n) / n
    return np.where(ill, p, 1 - p)


def write(
    path: Path,
    *,
    n: int = N,
    p: np.ndarray | None = None,
    removal: np.ndarray | None = None,
    lesion: np.ndarray | None = None,
    shift: np.ndarray | None = None,
    mass: np.ndarray | None = None,
    maps: np.ndarray | None = None,
    ids: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    classes: Sequence[str] = ("well", "ill"),
    grid: int = SIZE,
    regions: Sequence[Region] = (LESION, TEXT),
    area: float = 0.1,
    verdicts: Sequence[Verdict] = (),
    rules: Sequence[Path] = (),
    shade: Mapping[str, int] | None = None,
    explained: Explained | None = None,
    title: str = "Checkpoint",
) -> Run:
    """A run whose text takes ``removal`` log-odds from ``ill``, whose lesion ``lesion`` from the case's own label."""
    names = list(ids) or [f"case-{i:03d}" for i in range(n)]
    n = len(names)
    right = np.arange(n) % 5 != 4
    p = chances(right, n=n) if p is None else p
    removal = numbers(1, 0.05, 0.3, n) if removal is None else removal
    lesion = numbers(2, 2.0, 0.5, n) if lesion is None else lesion
    explained = explained or Explained(
        explainer="fused", family="cam", applied=True, settings={"depths": 3}, maps=(FUSED,)
    )
    cues = [LIGHT] if shift is not None else []
    run = Run.create(path, _manifest(title, classes, grid, n, regions, cues, explained))
    cases, predictions, effects, extents, scores = [], [], [], [], []
    stacks = [run.new_array("maps", f"fused.cam{end}", (n, grid, grid), np.float16) for end in ("", "@true")]
    for i, name in enumerate(names):
        label = (labels or {}).get(name, classes[i % 2])
        own = int(classes.index(label)) if label in classes else 0
        predicted = classes[int(p[i] > 0.5)]
        cases.append(Case(id=name, image=f"{i}.png", label=label, patient=f"p{i // 2}", lesion="m.png"))
        predictions.append(
            Prediction(case=name, label=label, predicted=predicted, probabilities=(1 - p[i], p[i]))
        )
        grey = (shade or {}).get(name, 40 + i)
        Image.new("RGB", (grid, grid), (grey, 90, 50)).save(run.thumb(name), "JPEG")
        for region in regions:
            extents.append(
                Extent(case=name, region=region.name, present=True, area=area, mean=0.5, spread=0.1)
            )
        for cls, sign in zip(classes, (-1, 1), strict=True):
            effects.append(_effect(name, "removal", "text", cls, sign * removal[i], "inpaint"))
            towards = 1 if cls == classes[own] else -1
            effects.append(_effect(name, "removal", "lesion", cls, towards * lesion[i], "inpaint"))
            if shift is not None:
                effects.append(_effect(name, "shift", "brightness", cls, shift[i], ""))
        heat = np.zeros((grid, grid)) if maps is None else maps[i]
        stacks[0][i] = heat
        if predicted != label:
            stacks[1][i] = heat
        value = None if mass is None else float(mass[i])
        for cls in dict.fromkeys((predicted, label)):
            scores.append(
                Score(case=name, explainer="fused", layer="cam", cls=cls, region="text", metric="mass",
                      value=value, why=None if value is not None else "the map is zero everywhere")
            )  # fmt: skip
    for stack in stacks:
        stack.flush()
    effects = [e for e in effects if e.region in {r.name for r in (*regions, *cues)}]
    run.write(Case, cases)
    run.write(Prediction, predictions)
    run.write(Effect, effects)
    run.write(Extent, extents)
    run.write(Score, scores)
    run.write(Estimate, [Estimate(metric="accuracy", value=0.8, n=n, patients=n // 2)])
    worst = verdicts[0].verdict if verdicts else "clear"
    run.write_findings(worst, verdicts or [said("clear")], [], [])
    run.keep_rules(rules)
    run.seal()
    return Run.open(path)


def said(verdict: Any, sign: str = "text", cls: str = "ill") -> Verdict:
    return Verdict(artefact=sign, cls=cls, verdict=verdict, statement=f"The audit says {verdict}.")


def without_explainer() -> Explained:
    return Explained(explainer="fused", family="cam", applied=False, why="a black box")


def _effect(case: str, what: str, region: str, cls: str, size: float, fill: str) -> Effect:
    return Effect(case=case, intervention=what, region=region, cls=cls, fill=fill, change=float(size) + 0.1,
                  control=0.1, difference=float(size), flipped=0.0, flipped_control=0.0, places=4)  # fmt: skip


def _manifest(
    title: str, classes: Sequence[str], grid: int, n: int, regions: Any, cues: Any, explained: Explained
) -> dict[str, Any]:
    return {
        "created": "2026-11-23T06:00:00+00:00", "title": title, "pfungst": "0.1.0", "config": {}, "seed": 3,
        "model": {"name": "resnet18", "classes": list(classes), "output": "softmax", "size": [grid, grid],
                  "sha256": "ab" * 32},
        "data": {"cases": n, "sha256": "cd" * 32}, "regions": list(regions), "cues": list(cues),
        "explainers": [replace(explained)], "files": {}, "history": [],
    }  # fmt: skip
