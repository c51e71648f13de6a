"""A run directory drawn from a seed: everything that a real one holds, and the hard cases that it may hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import beyond
import numpy as np
from PIL import Image as Pillow

from audit.record import (
    Case,
    Effect,
    Estimate,
    Explained,
    Extent,
    Failure,
    Finding,
    Map,
    Prediction,
    Region,
    Run,
    Score,
    Verdict,
)

REGIONS = (
    Region(name="lesion", role="lesion", title="Lesion", detector="masks", version="1"),
    Region(name="corner-top-left", role="artefact", title="Top left corner", detector="geometry", version="1",
           settings={"share": 0.12}),
    Region(name="border", role="artefact", title="Border", detector="geometry", version="1", settings={"share": 0.05}),
    Region(name="text", role="artefact", title="Burned-in text", detector="top-hat", version="2",
           settings={"height": [3, 24], "threshold": 0.2}),
    Region(name="padding", role="artefact", title="Constant padding", detector="flood", version="1"),
)  # fmt: skip

LAYERS = {
    "cam": ("last",),
    "grad-cam": ("initial", "intermediate", "last"),
    "grad-cam++": ("initial", "intermediate", "last"),
    "fused": ("grad-cam", "grad-cam++"),
    "vanilla-gradient": ("input",),
    "smoothgrad": ("input",),
    "lime": ("mean", "surround"),
}
FAMILY = {"vanilla-gradient": "gradient", "smoothgrad": "gradient", "lime": "perturbation"}

RULE = """\
id: {id}
title: {title}
severity: {severity}
evidence: {evidence}
what: "{what}"
why: A sign that has nothing to do with the disease can go with the label in one hospital and not in the next.
limits: One way of painting over was used. The region is as good as its detector.
references:
  - Winkler et al. 2019, JAMA Dermatology 155
  - Nauta et al. 2021, Diagnostics 12
"""


def explained(names: Sequence[str], why_not: str = "") -> list[Explained]:
    """The explainers; those not among ``names`` did not apply."""
    rows = []
    for name, layers in LAYERS.items():
        family = FAMILY.get(name, "cam")
        applied = name in names
        maps = tuple(
            Map(name=f"{name}.{layer}", explainer=name, layer=layer, family=family,
                signed=name in ("lime", "vanilla-gradient", "smoothgrad"), title=f"{name} {layer}")
            for layer in layers
        )  # fmt: skip
        rows.append(
            Explained(
                explainer=name, family=family, applied=applied, why=None if applied else why_not, title=name,
                formula="M = max(0, Σ_k α_k A_k)", paper="Selvaraju et al. 2017, ICCV",
                departures="none" if name != "lime" else "two fills in place of one",
                settings={"samples": 24, "design": "hadamard", "target": "probability", "stop": True}
                if name == "lime" else {}, maps=maps if applied else (),
            )
        )  # fmt: skip
    return rows


def write(
    path: Path,
    *,
    n: int = 12,
    size: int = 48,
    classes: Sequence[str] = ("healthy", "referable"),
    explainers: Sequence[str] = tuple(LAYERS),
    why_not: str = "the model is a function: it has no layers and no gradients",
    lesions: bool = True,
    findings: bool = True,
    thumbs: bool = True,
    zero: bool = False,
    seal: bool = True,
    ids: Sequence[str] = (),
    title: str = "DR screening, checkpoint 12",
    failures: int = 1,
    credit: str | None = None,
    regions: Sequence[Region] = REGIONS,
    many: int = 1,
    verdict: str = "confirmed",
    further: bool = True,
) -> Run:
    """Write a complete run directory and open it. ``further``: with the evidence beyond attribution and one removal."""
    rng = np.random.default_rng(7)
    names = list(ids) + [f"case-{i:03d}" for i in range(len(ids), n)]
    cases, predictions, extents, scores, effects = [], [], [], [], []
    applied = explained(explainers, why_not)
    if further:
        regions = [*regions, *beyond.REGIONS] if regions else regions
        applied += beyond.NULLS if applied and explainers else []
    maps = [m for e in applied for m in e.maps]
    manifest = _manifest(title, classes, regions, applied, names, lesions, failures)
    run = Run.create(path, {**manifest, **(beyond.MANIFEST if further else {})})
    stacks = {(m.name, t): run.new_array("maps", run.map_name(m, t), (n, size, size), np.float16)
              for m in maps for t in ("predicted", "true")}  # fmt: skip
    masks = {r.name: run.new_array("regions", r.name, (n, size, size), bool) for r in regions}
    lime = _lime_arrays(run, n, size) if "lime" in explainers else None
    rows, columns = np.indices((size, size))
    for i, name in enumerate(names):
        label = classes[i % len(classes)]
        wrong = i % 5 == 4
        predicted = classes[(i + 1) % len(classes)] if wrong else label
        p = np.full(len(classes), 0.3 / max(1, len(classes) - 1))
        p[list(classes).index(predicted)] = 0.7 + 0.02 * (i % 10)
        p /= p.sum()
        cases.append(Case(id=name, image=f"images/{i}.png", label=label, patient=f"p{i // 2}", group="site A",
                          lesion="mask.png" if lesions else None, credit=credit))  # fmt: skip
        predictions.append(
            Prediction(case=name, label=label, predicted=predicted, probabilities=tuple(p.tolist()))
        )
        centre = rng.uniform(0.35, 0.65, 2) * size
        blob = np.hypot(rows - centre[0], columns - centre[1]) < size * 0.14
        picture = _picture(rng, rows, columns, blob, size, tag=i % 2 == 1)
        if thumbs:
            Pillow.fromarray(picture).save(run.thumb(name), "JPEG", quality=92)
        for r in regions:
            mask = _mask(r.name, blob if lesions else None, rows, columns, size, tag=i % 2 == 1)
            if mask is None:
                extents.append(Extent(case=name, region=r.name, present=None, area=None, mean=None, spread=None,
                                      why="nobody drew a lesion for this case"))  # fmt: skip
                continue
            masks[r.name][i] = mask
            extents.append(Extent(case=name, region=r.name, present=bool(mask.any()), area=float(mask.mean()),
                                  mean=0.5, spread=0.1))  # fmt: skip
            for cls in classes[:3]:
                absent = not mask.any()
                d = None if absent else round(float(rng.normal(2.0 if r.name == "text" else 0.1, 0.3)), 3)
                effects.append(Effect(case=name, intervention="removal", region=r.name, cls=cls, fill="inpaint",
                                      change=d, control=None if absent else 0.05, difference=d,
                                      flipped=None if absent else bool(d and d > 2), places=0 if absent else 4,
                                      flipped_control=None if absent else 0.0,
                                      why="the region is not in this case" if absent else None))  # fmt: skip
        for m in maps:
            heat = np.exp(-((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) / size**1.6)
            heat += 0.6 * ((rows < 10) & (columns < 20)) + 0.05 * rng.random((size, size))
            heat = heat * (rng.random((size, size)) - 0.4) if m.family == "gradient" else heat
            heat = heat - 0.4 if m.family == "perturbation" else heat
            heat = heat / np.abs(heat).max() * (0 if zero else 1)
            stacks[m.name, "predicted"][i] = heat
            if wrong:
                stacks[m.name, "true"][i] = heat[::-1]
            for r in regions:
                empty = not masks[r.name][i].any()
                for metric in ("density", "mass"):
                    v = None if empty or zero else round(float(rng.gamma(2, 0.8)), 3)
                    why = "the map is zero everywhere" if zero else "the region is not in this case"
                    scores.append(Score(case=name, explainer=m.explainer, layer=m.layer, cls=predicted, region=r.name,
                                        metric=metric, value=v, why=None if v is not None else why))  # fmt: skip
        if lime:
            _lime_case(rng, lime, i, rows, columns, size)
    run.write(Case, cases)
    run.write(Prediction, predictions)
    run.write(Extent, extents)
    run.write(Score, scores)
    if further:
        effects += beyond.effects(rng, names, classes, regions)
    run.write(Effect, effects)
    estimates = _estimates(rng, n, classes, regions, maps, lesions=lesions, zero=zero)
    if further:
        estimates += beyond.estimates(rng, n, classes, regions, [m for m in maps if m.family != "baseline"])
        beyond.keep(run, cases, regions)
    run.write(Estimate, estimates)
    run.write_failures(
        Failure(case=f"lost-{i}", stage="images", error="the file is cut off") for i in range(failures)
    )
    if findings:
        _judge(run, estimates, classes, names, many, verdict)
    else:
        run.write_findings("undecided", [], [], [])
    if seal:
        run.seal()
    return Run.open(path, unfinished=not seal)


def _manifest(
    title: str, classes: Sequence[str], regions: Sequence[Region], applied: list[Explained], names: list[str],
    lesions: bool, failures: int,
) -> dict[str, Any]:  # fmt: skip
    layers = [{"name": f"layer{k}", "depth": d, "channels": 16 * k, "height": 64 // k, "width": 64 // k,
               "why": "the last tensor of its stage, after the non-linearity"}
              for k, d in enumerate(("initial", "intermediate", "last"), start=1)]  # fmt: skip
    return {
        "created": "2026-11-23T06:00:00+00:00", "title": title, "pfungst": "0.1.0",
        "config": {"title": title, "model": {"source": "python", "args": {"depth": 18}, "trust": None}, "seed": 0},
        "model": {"source": "python", "name": "resnet18", "classes": list(classes), "output": "softmax",
                  "size": [48, 48], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "fit": "squash",
                  "crop_pct": None, "weights": "checkpoint.safetensors", "sha256": "ab" * 32,
                  "parameters": 11_689_512, "layers": layers},
        "data": {"manifest": "cases.csv", "sha256": "cd" * 32, "cases": len(names),
                 "labels": {c: len(names) // len(classes) for c in classes}, "patients": (len(names) + 1) // 2,
                 "groups": {"site A": len(names)}, "lesions": len(names) if lesions else 0, "artefacts": 0,
                 "credits": ["Drawn by a script, CC0"], "failures": failures},
        "seed": 0, "packages": {"numpy": "2.1.0", "torch": "2.15.0"}, "hardware": {"cpu": "2 cores", "gpu": None},
        "regions": regions, "explainers": applied,
        "passes": {"predict": 120, "trace": 60, "gradient": 900, "questions": 4800},
        "settings": {"batch": 32}, "files": {}, "history": [],
    }  # fmt: skip


def _picture(rng: Any, rows: Any, columns: Any, blob: Any, size: int, *, tag: bool) -> Any:
    field = np.hypot(rows - size / 2, columns - size / 2) < size * 0.47
    picture = np.zeros((size, size, 3), np.float32)
    picture[field] = (170, 90, 50)
    picture += 12 * rng.standard_normal((size, size, 1)).astype(np.float32)
    picture[blob] = (240, 220, 120)
    if tag:
        picture[3:9, 3:18][::2] = 255
    return np.clip(picture, 0, 255).astype(np.uint8)


def _mask(name: str, blob: Any, rows: Any, columns: Any, size: int, *, tag: bool) -> Any:
    if name.startswith("lesion"):
        return blob
    if name == "corner-top-left":
        return (rows < size // 5) & (columns < size // 5)
    if name == "border":
        return (rows < 2) | (columns < 2) | (rows >= size - 2) | (columns >= size - 2)
    if name == "found-1":
        return (rows >= size - 9) & (columns < 12)
    if name == "found-2" and tag:
        return (rows >= 20) & (rows < 26) & (columns >= 30)
    if name == "text" and tag:
        return (rows >= 2) & (rows < 10) & (columns >= 2) & (columns < 19)
    return np.zeros((size, size), bool)


def _lime_arrays(run: Run, n: int, size: int, most: int = 16, m: int = 24) -> dict[str, Any]:
    arrays = {"segments": run.new_array("lime", "segments", (n, size, size), np.uint16),
              "design": run.new_array("lime", "design", (n, m, most), bool)}  # fmt: skip
    for fill in ("mean", "surround"):
        arrays[f"answers-{fill}"] = run.new_array("lime", f"answers-{fill}", (n, m, 2), np.float32)
        arrays[f"weights-{fill}"] = run.new_array("lime", f"weights-{fill}", (n, 2, most), np.float32)
        arrays[f"half-{fill}"] = run.new_array("lime", f"half-{fill}", (n, 2, most), np.float32)
        arrays[f"asked-{fill}"] = run.new_array("lime", f"asked-{fill}", (n,), np.int32)
        arrays[f"r2-{fill}"] = run.new_array("lime", f"r2-{fill}", (n, 2), np.float32)
        arrays[f"blind-{fill}"] = run.new_array("blind", f"lime.{fill}", (n, size, size), bool)
    return arrays


def _lime_case(rng: Any, lime: dict[str, Any], i: int, rows: Any, columns: Any, size: int) -> None:
    lime["segments"][i] = (rows * 4 // size) * 4 + columns * 4 // size
    design = rng.random(lime["design"].shape[1:]) < 0.5
    design[0] = True
    lime["design"][i] = design
    for fill in ("mean", "surround"):
        lime[f"answers-{fill}"][i] = rng.random((len(design), 2))
        lime[f"weights-{fill}"][i] = rng.normal(0, 0.2, (2, design.shape[1]))
        lime[f"half-{fill}"][i] = 0.05 + 0.01 * (i % 3)
        if fill == "mean":
            lime[f"weights-{fill}"][i, :, 0] = lime[f"half-{fill}"][i, :, 0] = np.nan  # not tested
        lime[f"asked-{fill}"][i] = 12 if i % 4 == 0 else len(design)
        if i % 4 == 0:
            lime[f"answers-{fill}"][i, 12:] = np.nan
        lime[f"r2-{fill}"][i] = 0.8
        lime[f"blind-{fill}"][i] = (rows < 4) & (fill == "mean")


def _e(
    rng: Any, n: int, centre: float, spread: float = 0.2, why: str | None = None, **names: str
) -> Estimate:
    if why:
        return Estimate(value=None, n=0, missing=n, why=why, **names)
    v = round(float(rng.normal(centre, spread / 2)), 3)
    return Estimate(value=v, low=round(v - spread, 3), high=round(v + spread, 3), se=spread / 2, n=n,
                    patients=(n + 1) // 2, missing=0, **names)  # fmt: skip


def _estimates(
    rng: Any, n: int, classes: Sequence[str], regions: Sequence[Region], maps: Sequence[Map], *, lesions: bool,
    zero: bool,
) -> list[Estimate]:  # fmt: skip
    rows = [_e(rng, n, 0.8, 0.1, metric="accuracy"), _e(rng, n, 0.9, 0.05, metric="auc")]
    rows += [_e(rng, n, 0.9, 0.05, metric="auc", cls=c) for c in classes]
    for r in regions:
        why = None
        if r.role == "lesion" and not lesions:
            why = "nobody drew a lesion"
        if r.name == "padding":
            why = "the region is in no case"
        rows.append(
            _e(rng, n, 0.5, 0.1, metric="presence", region=r.name, why=why if r.role == "lesion" else None)
        )
        for c in classes:
            centre = 1.2 if r.name == "text" else 0.05
            rows.append(_e(rng, n, 0.4, 0.2, metric="association", region=r.name, cls=c, why=why))
            for metric in ("removal", "removal-change", "removal-control", "removal-flip"):
                rows.append(
                    _e(
                        rng,
                        n,
                        centre,
                        0.2 if centre > 1 else 0.08,
                        metric=metric,
                        region=r.name,
                        cls=c,
                        family="removal",
                        fill="inpaint",
                        why=why,
                    )
                )
        if r.role == "lesion":
            rows.append(_e(rng, n, 0.9, metric="removal-own", region=r.name, family="removal", why=why))
        for m in maps:
            for target in ("predicted", "true"):
                for metric in ("density", "mass", "pointing"):
                    w = "every map is zero" if zero else why
                    rows.append(_e(rng, n, 1.4, metric=metric, region=r.name, explainer=m.explainer, layer=m.layer,
                                   target=target, family=m.family, why=w))  # fmt: skip
    maps = [m for m in maps if m.family != "baseline"]
    for i, a in enumerate(maps):
        for b in maps[i + 1 :]:
            family = "within" if a.family == b.family else "between"
            for metric in ("rank-correlation", "top-overlap"):
                rows.append(_e(rng, n, 0.5, 0.1, metric=metric, explainer=a.explainer, layer=a.layer, other=b.name,
                               family=family, why="every map is zero" if zero else None))  # fmt: skip
    if len(maps) > 1:
        rows += [
            _e(rng, n, 0.4, 0.1, metric=m, family="between") for m in ("rank-correlation", "top-overlap")
        ]
    return rows


def _judge(
    run: Run, estimates: list[Estimate], classes: Sequence[str], names: list[str], many: int, verdict: str
) -> None:
    cls = classes[-1]
    found = []
    drafts = [("reliance-text", "The answer rests on burned-in text", "reliance", "text", "flagged", "removal"),
              ("attention-text", "The model looks at burned-in text", "attention", "text", "flagged", "density"),
              ("association-text", "Text goes with the label", "association", "text", "undecided", "association"),
              ("reliance-border", "The answer rests on the border", "reliance", "border", "clear", "removal"),
              ("attention-border", "The model looks at the border", "attention", "border", "clear", "density"),
              ("reliance-padding", "The answer rests on padding", "reliance", "padding", "undecided", "removal"),
              ]  # fmt: skip
    if run.manifest.get("cues"):
        drafts += beyond.DRAFTS
    folder = run.path / "made-rules"
    folder.mkdir()
    for rule, title, evidence, region, outcome, metric in drafts * many:
        own = tuple(e for e in estimates if e.metric == metric and e.region == region and e.cls in (cls, ""))[
            :6
        ]
        found.append(Finding(rule=rule, title=title, severity="high" if evidence == "reliance" else "minor",
                             evidence=evidence, region=region, cls=cls, outcome=outcome,
                             statement=f"{title}: painting it over moves the answer by 1.2 standard deviations.",
                             estimates=own, cases=tuple(names[:3]),
                             why="too few cases bear the region" if outcome == "undecided" else None))  # fmt: skip
        (folder / f"{rule}.yaml").write_text(
            RULE.format(
                id=rule, title=title, severity="high", evidence=evidence, what=f"Is it so that: {title}?"
            ),
            "utf-8",
        )
    run.keep_rules(sorted(folder.iterdir()))
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    verdicts = [Verdict(artefact="text", cls=cls, verdict=verdict, statement="The answer rests on it.",
                        findings=("reliance-text",)),
                Verdict(artefact="border", cls=cls, verdict="clear", statement="The answer does not rest on it."),
                Verdict(artefact="padding", cls=cls, verdict="undecided", statement="It is in no case.")]  # fmt: skip
    if run.manifest.get("cues"):
        verdicts += beyond.verdicts(cls)
    gates = [Finding(rule="enough-cases", title="Enough cases", severity="info", evidence="gate", region="", cls="",
                     outcome="clear", statement="There are enough cases.",
                     estimates=tuple(e for e in estimates if e.metric == "accuracy"))]  # fmt: skip
    run.write_findings(verdict, verdicts, found, gates)
