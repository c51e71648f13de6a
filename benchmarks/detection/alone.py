"""Single explainers as detectors, on the same runs: what a heat map alone would have told, and SpRAy's clusters.

A heat map alarms where the density of attribution in a region is above 1 with its whole interval: the threshold that
people would use. Its score is the largest density over the regions that the audit listed. Places that the audit found
by itself are left out, since attribution found them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from benchmarks.detection.compared import DISCOVERED
from benchmarks.detection.figures import Figure, Record, area, group, share
from benchmarks.detection.others import ALL

ANY = "any of them"


def alone(records: Sequence[Record]) -> dict[str, Any]:
    """For each explainer and layer, and for any of them: AUC, recall, and false alarms on honest networks.

    Shortcuts are those whose artefact has a place: no map could show the others. ``listed``: over all listed regions.
    ``told``: over the planted artefact's own mask, in the sets that come with it.
    """
    hans = [r for r in records if group(r) == "shortcut" and ALL[r["spec"]["family"]].local]
    honest = [r for r in records if group(r) == "honest"]
    return {
        "listed": _both(hans, honest, told=False),
        "told": _both(_masked(hans), _masked(honest), told=True),
        "spray": _spray(hans, honest),
    }


def _masked(records: Sequence[Record]) -> list[Record]:
    return [r for r in records if r["spec"]["masks"]]


def _both(hans: Sequence[Record], honest: Sequence[Record], *, told: bool) -> dict[str, dict[str, Figure]]:
    names = sorted({_map(a) for r in [*hans, *honest] for a in r["attention"]})
    return {
        name: {
            "auc": area([_score(r, name, told) for r in hans], [_score(r, name, told) for r in honest]),
            "recall": share(_alarms(r, name, told) for r in hans),
            "alarms": share(_alarms(r, name, told) for r in honest),
        }
        for name in [*names, ANY]
    }


def _map(row: dict[str, Any]) -> str:
    return f"{row['explainer']} {row['layer']}".strip()


def _rows(record: Record, name: str, told: bool) -> list[dict[str, Any]]:
    def counts(region: str) -> bool:
        return region == "artefact" if told else region != "joint" and not region.startswith(DISCOVERED)

    return [a for a in record["attention"] if counts(a["region"]) and name in (ANY, _map(a))]


def _score(record: Record, name: str, told: bool) -> float:
    return max((a["value"] for a in _rows(record, name, told)), default=-math.inf)


def _alarms(record: Record, name: str, told: bool) -> bool:
    return any(a["low"] is not None and a["low"] > 1 for a in _rows(record, name, told))


def _spray(hans: Sequence[Record], honest: Sequence[Record]) -> dict[str, dict[str, Figure]]:
    """By family of explainers: how well the purity of clusters tells shortcuts from honest networks."""
    families = sorted({row["family"] for r in [*hans, *honest] for row in r["spray"] or []})

    def purity(record: Record, family: str, key: str) -> float:
        return max((row[key] for row in record["spray"] or [] if row["family"] == family), default=0.0)

    return {
        family: {
            key: area([purity(r, family, key) for r in hans], [purity(r, family, key) for r in honest])
            for key in ("label", "artefact")
        }
        for family in families
    }
