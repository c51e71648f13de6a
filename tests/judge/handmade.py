"""Estimates made by hand, for what the shipped rules and the verdict table say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from audit.judge import Judgement, judge, load
from audit.record import Estimate, Region

CORE = load(["core"], folder=Path())
TWO = ["healthy", "referable"]
THREE = ["benign", "melanoma", "naevus"]


def region(name: str, title: str, role: Any = "artefact") -> Region:
    return Region(name=name, role=role, title=title, detector="drawn", version="1")


BRIGHTNESS = region("brightness", "Brightness", "cue")
VESSELS = region("vessel-density", "Density of the vessels", "clinical")
JOINT = region("joint", "All artefacts together")
PADDING = region("padding", "Constant padding")
FOUND = Region(name="found-1", role="artefact", title="Found place 1", detector="discovered", version="1")
TEXT = region("text", "Burned-in text")
LESION = region("lesion", "Lesion", "lesion")
CORNER = region("corner-top-left", "Top left corner")
REGIONS = [LESION, TEXT]


def est(metric: str, value: float | None, half: float = 0.1, **more: Any) -> Estimate:
    """An estimate with a symmetric interval, of 64 patients if nothing else is said; removal is by inpainting."""
    n = more.pop("n", 64)
    if metric.startswith("removal"):
        more = {"fill": "inpaint", **more}
    if value is None:
        return Estimate(metric=metric, value=None, n=n, patients=n, **{"why": "nobody drew it", **more})
    ends = {"low": value - half, "high": value + half, "se": half / 1.96}
    return Estimate(metric=metric, value=value, n=n, patients=more.pop("patients", n), **{**ends, **more})


def mirrored(
    metric: str, value: float, half: float = 0.1, *, region: str = "text", **more: Any
) -> list[Estimate]:
    """The same effect as both of two classes see it."""
    return [
        est(metric, value, half, region=region, cls="referable", **more),
        est(metric, -value, half, region=region, cls="healthy", **more),
    ]


GATES = [est("accuracy", 0.9, 0.05, n=128), est("auc", 0.93, 0.04, n=128)]
CONTROL = [est("removal-own", 1.5, 0.2, region="lesion")]
THERE = [est("presence", 0.5, 0.08, region="text", n=128)]
GROUND = [*GATES, *CONTROL, *THERE]
GOES = mirrored("association", 0.6, 0.15, n=128)
LOOSE = mirrored("association", 0.02, 0.15, n=128)
FOLLOWS = mirrored("follow", 0.7, 0.15, n=128)
HARMS = [est("accuracy-gap", 0.5, 0.15, region="text", cls=c, n=128) for c in TWO]


def looks(density: float, beyond: float, explainer: str, family: str) -> list[Estimate]:
    """How much relevance a map puts on the text, and on how many like places it puts less."""
    about = {
        "region": "text",
        "explainer": explainer,
        "layer": "last",
        "family": family,
        "target": "predicted",
    }
    return [est("density", density, 0.6, **about), est("beyond", beyond, 0.03, **about)]


LOOKS = [*looks(4.3, 0.97, "grad-cam", "cam"), *looks(3.1, 0.96, "lime", "perturbation")]
BIG = mirrored("removal", 1.43, 0.23)
SMALL = mirrored("removal", 0.02, 0.08)
BETWEEN = mirrored("removal", 0.3, 0.2)


def unmoved(estimates: Sequence[Estimate]) -> list[Estimate]:
    """With each removal beyond control the plain change, as large, where none is given: the controls did nothing."""
    about = {(e.metric, e.region, e.cls, e.fill, e.stratum) for e in estimates}
    beside = [
        replace(e, metric="removal-change")
        for e in estimates
        if e.metric == "removal" and ("removal-change", e.region, e.cls, e.fill, e.stratum) not in about
    ]
    return [*estimates, *beside]


def judged(estimates: list[Estimate], regions: list[Region] = REGIONS, classes: list[str] = TWO) -> Judgement:
    return judge(CORE, unmoved(estimates), regions=regions, classes=classes)


def only(judgement: Judgement) -> Any:
    assert len(judgement.verdicts) == 1, judgement.verdicts
    return judgement.verdicts[0]
