"""Does the answer rest on what a map calls relevant? Curves of deletion, insertion and ROAD -> estimates.

``deletion`` and ``insertion`` are areas under the curve of the explained class's probability over the share of pixels
(Petsiuk et al. 2018): a faithful map has a low one and a high one. ``road`` is the mean probability with the least
relevant pixels taken away minus that with the most relevant ones (Rong et al. 2022), over the shares: 0 where
the order means nothing. The ``-gain`` of each is its lead over an order by chance in the same case, positive where
the map is better than chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from audit.measure.estimate import summarise
from audit.measure.sanity import most
from audit.record import PREDICTED, Case, Estimate, Faithfulness, Map

METRICS = ("deletion", "insertion", "road")
BETTER = (-1.0, 1.0, 1.0)
"""Which way a metric is better."""
RANDOM = "random"
NO_FLOOR = "the case has no order by chance to compare with"

Curve = Mapping[str, list[tuple[float, float]]]


def figures(curve: Curve) -> NDArray[np.float64]:
    """``METRICS`` of one map of one case, ``(3,)``, from its curves; NaN where a curve is missing.

    >>> flat = [(0.0, 0.5), (0.5, 0.5), (1.0, 0.5)]
    >>> lines = {"deletion": flat, "insertion": flat, "road-most": [(0.5, 0.25)], "road-least": [(0.5, 0.5)]}
    >>> figures(lines).tolist()
    [0.5, 0.5, 0.25]
    """
    found = [_area(curve.get(test, [])) for test in ("deletion", "insertion")]
    most_first, least_first = (
        np.array([p for _, p in sorted(curve.get(test, []))]) for test in ("road-most", "road-least")
    )
    same = len(most_first) == len(least_first) > 0
    found.append(float((least_first - most_first).mean()) if same else np.nan)
    return np.array(found)


def _area(points: list[tuple[float, float]]) -> float:
    """By trapezia, from share 0 to 1; NaN where the curve does not reach from end to end."""
    shares, values = np.array(sorted(points)).reshape(-1, 2).T
    if not len(shares) or shares[0] != 0 or shares[-1] != 1:
        return float("nan")
    return float(np.trapezoid(values, shares))


def faithfulness(
    rows: Iterable[Faithfulness], cases: Sequence[Case], maps: Sequence[Map], *, seed: int
) -> Iterator[Estimate]:
    """Estimates of each explainer and layer, and of the order by chance, means over the cases that were tried.

    Args:
        rows: of :func:`audit.intervene.ordering.reduce`.
        cases: the run's, for their patients.
        maps: the run's, for their families.
        seed: of the bootstrap.
    """
    family = {(m.explainer, m.layer): m.family for m in maps}
    curves: dict[tuple[str, str], dict[str, dict[str, list[tuple[float, float]]]]] = {}
    reasons: dict[tuple[str, str], list[str | None]] = {}
    for row in rows:
        key = row.explainer, row.layer
        lines = curves.setdefault(key, {}).setdefault(row.case, {})
        reasons.setdefault(key, []).append(row.why)
        if row.probability is not None:
            lines.setdefault(row.test, []).append((row.share, row.probability))
    tried = [c for c in cases if any(c.id in found for found in curves.values())]
    patients = [c.patient for c in tried]
    nothing = np.full(len(METRICS), np.nan)

    def table(key: tuple[str, str]) -> NDArray[np.float64]:
        lines = curves.get(key, {})
        return np.array([figures(lines[c.id]) if c.id in lines else nothing for c in tried])

    floor = table((RANDOM, ""))
    for key in curves:
        explainer, layer = key
        names: Mapping[str, str] = {
            "explainer": explainer,
            "layer": layer,
            "target": PREDICTED,
            "family": family.get(key, ""),
        }
        values, why = table(key), [most(reasons[key])] * len(METRICS)
        for metric, summary in zip(METRICS, summarise(values, patients, seed=seed, why=why), strict=True):
            yield Estimate(metric=metric, **names, **asdict(summary))  # type: ignore[arg-type]
        if explainer == RANDOM:
            continue
        gain = (values - floor) * np.array(BETTER)
        why = [w or NO_FLOOR for w in why]
        for metric, summary in zip(METRICS, summarise(gain, patients, seed=seed, why=why), strict=True):
            yield Estimate(metric=f"{metric}-gain", **names, **asdict(summary))  # type: ignore[arg-type]
