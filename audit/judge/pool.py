"""The estimates as the rules see them: rounded, in an order of their own, each with a key."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from audit.record.nouns import Estimate


def key(e: Estimate) -> tuple[str, ...]:
    """What an estimate is about: its place in every list."""
    return (e.metric, e.region, e.cls, e.explainer, e.layer, e.other, e.target, e.family, e.fill, e.stratum)


def rounded(e: Estimate) -> Estimate:
    """To three decimals, so that the noise of another batch size never changes a finding."""

    def three(x: float | None) -> float | None:
        # 0.0 added: -0.0 reads like a mistake
        return None if x is None or not math.isfinite(x) else float(np.round(x, 3)) + 0.0

    e = replace(e, value=three(e.value), low=three(e.low), high=three(e.high), se=three(e.se))
    return replace(e, why=e.why or "no reason was given") if e.value is None else e


def pool(estimates: Sequence[Estimate]) -> list[Estimate]:
    """The estimates rounded, in an order of their own: it does not matter in which order they came."""

    def order(e: Estimate) -> tuple[str, ...]:
        return (*key(e), *(str(getattr(e, f.name)) for f in fields(e)))

    return sorted((rounded(e) for e in estimates), key=order)


def mirror_images(estimates: Sequence[Estimate], classes: Sequence[str]) -> bool:
    """Are there two classes, and is every effect on one the opposite of that on the other?

    Two labels that do not exclude each other (a multilabel model) have effects of their own.
    """
    if len(classes) != 2:
        return False
    effects = {(e.metric, e.region, e.fill, e.cls): e.value for e in estimates if e.stratum == "all"}
    for (metric, region, fill, cls), value in effects.items():
        if metric in ("removal", "removal-change") and cls == classes[0] and value is not None:
            other = effects.get((metric, region, fill, classes[1]))
            if other is not None and abs(value + other) > 0.005:
                return False
    return True


def bearing(estimates: Sequence[Estimate], region: str) -> int | None:
    """How many cases bear a region; None where nobody counted."""
    for e in estimates:
        if e.metric == "presence" and e.region == region and e.stratum == "all" and e.value is not None:
            return round(e.value * e.n)
    return None
