"""The further evidence of a drawn run: fills, doses, transplants, cues, opportunity, nulls, sanity, found places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image as Pillow

from audit.record import Case, Effect, Estimate, Explained, Map, Reading, Region, Run, Verdict

REGIONS = (
    Region(name="joint", role="artefact", title="All artefacts together", detector="union", version="1"),
    Region(name="found-1", role="artefact", title="Found: attribution of a cluster of cases", detector="discovered",
           version="1", settings={"how": "cluster", "cases": 12, "commonest label": "referable",
                                  "its share there": 0.75, "its share in the set": 0.5, "strength": 3.25,
                                  "maps": "cam, gradient", "cluster sizes": [7, 5],
                                  "limits": "no lesion was taken off"}),
    Region(name="found-2", role="artefact", title="Found: the hottest spot of each case", detector="discovered",
           version="1", settings={"how": "moving", "cases": 6, "commonest label": "referable", "its share there": 1.0,
                                  "its share in the set": 0.5, "strength": 2.0, "maps": "cam"}),
)  # fmt: skip

CUES = (
    Region(name="brightness", role="cue", title="Brightness", detector="statistic", version="1",
           settings={"unit": "grey, 0 to 1", "looks at": "the picture on the model's grid"}),
    Region(name="aspect", role="cue", title="Width over height", detector="statistic", version="1",
           settings={"unit": "log2", "not moved": "it cannot be moved alone"}),
    Region(name="vessel-density", role="clinical", title="Density of vessels", detector="statistic", version="1",
           settings={"unit": "share"}),
)  # fmt: skip

NULLS = [
    Explained(explainer=name, family="baseline", applied=True, title=title, formula="M = S", paper="", departures="",
              maps=(Map(name=f"{name}.picture", explainer=name, layer="picture", family="baseline", signed=False,
                        title=title),))
    for name, title in (("edges", "Edge map"), ("uniform", "Uniform map"))
]  # fmt: skip

MANIFEST: dict[str, Any] = {
    "cues": CUES,
    "passes": {"predict": 120, "trace": 60, "gradient": 900, "questions": 4800,
               "kinds": {"removal": 3000, "lime": 1500, "shift": 300}},
    "given_up": ["LIME asks 64 perturbed pictures a fill"],
    "undiscovered": ["fewer than 8 cases have a map of the gradient family"],
}  # fmt: skip

STRANGE = {"inpaint": 0.0, "ring": 0.61, "donor": 0.04, "blur": 0.1, "black": 0.9}
SANITY = {"smoothgrad": 0.82}
"""The explainer that would draw the same map for another network."""


def _e(rng: Any, n: int, centre: float, spread: float = 0.1, **names: Any) -> Estimate:
    v = round(float(rng.normal(centre, spread / 2)), 3)
    return Estimate(
        value=v, low=round(v - spread, 3), high=round(v + spread, 3), n=n, patients=(n + 1) // 2, **names
    )


def _gap(n: int, why: str, **names: Any) -> Estimate:
    return Estimate(value=None, n=0, missing=n, why=why, **names)


def estimates(
    rng: Any, n: int, classes: Sequence[str], regions: Sequence[Region], maps: Sequence[Map]
) -> list[Estimate]:
    """Everything but the first way of painting over."""
    rows: list[Estimate] = []
    for r in regions:
        if r.role != "artefact" or r.name == "padding":
            continue
        size = 1.0 if r.name in ("text", "found-1") else 0.02
        rows += [
            Estimate(metric="strange", region=r.name, fill=f, family="removal", value=v, n=n)
            for f, v in STRANGE.items()
        ]
        rows.append(_e(rng, n, 0.4, metric="worst-group", region=r.name))
        for metric, centre in (("accuracy-with", 0.9), ("accuracy-without", 0.6)):
            rows += [
                _e(rng, n, centre, metric=metric, region=r.name, stratum=s)
                for s in ("all", *(f"label={c}" for c in classes))
            ]
        for c in classes:
            for fill in () if r.name == "joint" else ("ring", "donor", "blur", "black"):
                for metric in ("removal", "removal-change", "removal-control", "removal-flip"):
                    names = {"metric": metric, "region": r.name, "cls": c, "fill": fill, "family": "removal"}
                    if fill == "donor" and r.name == "border":
                        rows.append(_gap(n, "no other case without the region could lend a patch", **names))
                    else:
                        rows.append(_e(rng, n, size, 0.05, **names))
            if r.name != "joint":
                rows.append(
                    _e(rng, n, size, 0.25, metric="removal-pooled", region=r.name, cls=c, family="removal")
                )
            rows += [
                _e(rng, n, size * dose, 0.05, metric="removal-dose", region=r.name, cls=c, fill="inpaint",
                   other=f"{dose:g}", family="removal")
                for dose in (0.25, 0.5, 0.75)
            ]  # fmt: skip
            for metric in ("transplant", "transplant-change", "transplant-control", "transplant-flip"):
                rows.append(_e(rng, n, size, metric=metric, region=r.name, cls=c, family="transplant"))
            rows.append(
                _e(rng, n, size / 2, metric="transplant-change", region=r.name, cls=c, fill="elsewhere",
                   family="transplant")
            )  # fmt: skip
            every = {"region": r.name, "cls": c}
            if r.name == "border":
                rows += [
                    _gap(n, "every case bears it", metric=m, **every)
                    for m in ("follow", "accuracy-gap", "auc-inflation")
                ]
            else:
                rows += [
                    _e(rng, n, 0.3, metric=m, **every) for m in ("follow", "accuracy-gap", "auc-inflation")
                ]
    for cue in CUES:
        for c in classes:
            every = {"region": cue.name, "cls": c}
            if cue.name == "aspect":
                rows += [
                    _gap(n, "it is the same in every case", metric=m, **every)
                    for m in ("separation", "follow")
                ]
            else:
                rows += [_e(rng, n, 0.5, metric=m, **every) for m in ("separation", "follow")]
            for m in ("shift", "shift-flip"):
                moved = cue.name == "brightness"
                why = "vessels cannot be drawn anew" if cue.role == "clinical" else "it cannot be moved alone"
                rows.append(
                    _e(rng, n, 0.71, metric=m, family="shift", **every)
                    if moved
                    else _gap(n, why, metric=m, family="shift", **every)
                )
    for m in maps:
        known = {"explainer": m.explainer, "layer": m.layer, "family": m.family, "target": "predicted"}
        last = SANITY.get(m.explainer, 0.1)
        rows += [_e(rng, 8, last, 0.05, metric=k, **known) for k in ("sanity", "sanity-absolute")]
        rows += [
            _e(rng, 8, 1 - (1 - last) * s / 3, 0.05, metric="sanity-step", other=str(s), **known)
            for s in (1, 2, 3)
        ]
        for k in ("deletion", "insertion", "road"):
            rows += [_e(rng, 8, 0.4, metric=k, **known), _e(rng, 8, 0.2, metric=f"{k}-gain", **known)]
    if maps:
        rows += [
            _e(rng, 8, 0.5, metric=k, explainer="random", target="predicted")
            for k in ("deletion", "insertion", "road")
        ]
    nulls = [m for e in NULLS for m in e.maps] if maps else []
    for r in regions:
        for m in (*maps, *nulls):
            names = {"region": r.name, "explainer": m.explainer, "layer": m.layer, "family": m.family}
            for metric, centre in (("beyond", 0.7), ("excess", 0.9)):
                rows.append(_e(rng, n, centre, metric=metric, target="predicted", **names))
    return rows


DRAFTS = [
    ("sufficiency-text", "Text alone moves the answer", "sufficiency", "text", "flagged", "transplant"),
    ("reliance-cues", "The answer rests on the light", "reliance", "brightness", "flagged", "shift"),
]


def effects(
    rng: Any, names: Sequence[str], classes: Sequence[str], regions: Sequence[Region]
) -> list[Effect]:
    """Transplants and shifts, other fills and lighter paint, case by case."""
    rows = []
    asked = [("shift", "brightness", "", 1.0)]
    if any(r.name == "text" for r in regions):
        asked += [
            ("transplant", "text", "", 1.0),
            ("removal", "text", "black", 1.0),
            ("removal", "text", "inpaint", 0.5),
        ]
    for name in names:
        for how, region, fill, dose in asked:
            d = round(float(rng.normal(9.0 if fill == "black" else 0.7, 0.2)), 3)
            light = dose < 1
            rows += [
                Effect(case=name, intervention=how, region=region, cls=cls, fill=fill, dose=dose, change=d,
                       control=None if light else 0.0, difference=None if light else d, flipped=0.0,
                       flipped_control=None if light else 0.0, places=0 if light else 2,
                       why="doses are compared with each other, not with controls" if light else None)
                for cls in classes[:3]
            ]  # fmt: skip
    return rows


def keep(run: Run, cases: Sequence[Case], regions: Sequence[Region]) -> None:
    """Readings, and the picture of the place that stands still."""
    run.write(
        Reading,
        [
            Reading(case=c.id, cue=cue.name, value=0.25 + 0.5 * (i % 2), why=None)
            for i, c in enumerate(cases)
            for cue in CUES
        ],
    )
    if any(r.name == "found-1" for r in regions):
        (run.path / "found").mkdir()
        Pillow.fromarray(np.zeros((8, 8), np.uint8)).save(run.path / "found" / "found-1.png")


def verdicts(cls: str) -> list[Verdict]:
    """A cue, a clinical sign and a found place."""
    return [
        Verdict(artefact="brightness", cls=cls, verdict="confirmed", statement="The answer follows the light.",
                strength=0.6),
        Verdict(artefact="found-1", cls=cls, verdict="suspected", statement="Nobody listed this place."),
        Verdict(artefact="vessel-density", cls=cls, verdict="legitimate", statement="The score follows the vessels."),
        Verdict(artefact="aspect", cls=cls, verdict="clear", statement="The answer does not follow the shape."),
    ]  # fmt: skip
