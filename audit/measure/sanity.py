"""Does an explainer notice when the weights are drawn anew? The rows of a cascade -> estimates.

Adebayo et al. 2018, Sanity Checks for Saliency Maps, arXiv:1810.03292. Near 0 the map comes from the weights; near 1 it
comes from the picture. ``sanity`` is the rank correlation with all weights drawn anew, ``sanity-absolute`` that of
magnitudes (a map that only turns its signs has not noticed), ``sanity-step`` that after each step, in ``other``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

import numpy as np

from audit.measure.estimate import summarise
from audit.record import PREDICTED, Case, Estimate, Map, Sanity


def sanity(
    rows: Iterable[Sanity], cases: Sequence[Case], maps: Sequence[Map], *, seed: int
) -> Iterator[Estimate]:
    """Estimates of each explainer and layer, means over the cases that were tried.

    A map that is flat once the weights are drawn anew ranks nothing: such cases count as missing, with the reason.

    Args:
        rows: of :func:`audit.explain.sanity.cascade`.
        cases: the run's, for their patients.
        maps: the run's, for their families.
        seed: of the bootstrap.
    """
    patient = {c.id: c.patient for c in cases}
    family = {(m.explainer, m.layer): m.family for m in maps}
    groups: dict[tuple[str, str, int], list[Sanity]] = {}
    for row in rows:
        groups.setdefault((row.explainer, row.layer, row.step), []).append(row)
    for (explainer, layer, step), group in groups.items():
        values = np.array([[r.correlation, r.absolute] for r in group], float)
        why = most(r.why for r in group)
        found = summarise(values, [patient[r.case] for r in group], seed=seed, why=[why, why])
        names: Mapping[str, str] = {
            "explainer": explainer,
            "layer": layer,
            "target": PREDICTED,
            "family": family.get((explainer, layer), ""),
        }
        yield Estimate(metric="sanity-step", other=str(step), **names, **asdict(found[0]))  # type: ignore[arg-type]
        if step == group[0].steps:
            yield Estimate(metric="sanity", **names, **asdict(found[0]))  # type: ignore[arg-type]
            yield Estimate(metric="sanity-absolute", **names, **asdict(found[1]))  # type: ignore[arg-type]


def most(reasons: Iterable[str | None]) -> str | None:
    """The reason that most rows give; of equals the first by the alphabet.

    >>> most(["b", None, "a", "b"])
    'b'
    """
    counts = Counter(r for r in reasons if r)
    return min(counts, key=lambda r: (-counts[r], r)) if counts else None
