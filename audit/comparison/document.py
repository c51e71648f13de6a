"""A comparison as one JSON document. Its shape: `pfungst schema comparison`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from audit.comparison.change import Change
from audit.comparison.compared import Comparison, Pair
from audit.comparison.shared import Shared
from audit.record import Estimate

SCHEMA = 1

ABOUT = ("metric", "region", "cls", "explainer", "layer", "target", "family", "fill", "stratum")
NUMBERS = ("value", "low", "high", "se")


def text(comparison: Comparison) -> str:
    """The document; the same runs and rules give the same bytes."""
    return json.dumps(document(comparison), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def document(comparison: Comparison) -> dict[str, Any]:
    """The comparison in plain values."""
    shared = comparison.shared
    return {
        "schema": SCHEMA,
        "verdict": comparison.verdict,
        "runs": [_run(shared, i) for i in range(len(shared.names))],
        "judged_again": comparison.judged_again,
        "rules": comparison.rules,
        "shared": {
            "cases": [c.id for c in shared.cases],
            "patients": len(set(shared.patients)),
            "maps": shared.maps,
        },
        "left_out": [asdict(a) for a in shared.apart],
        "comparisons": [_pair(shared, pair) for pair in comparison.pairs],
        "trend": [
            {
                **{k: getattr(s, k) for k in ("metric", "sign", "cls")},
                "runs": [_estimate(e) for e in s.estimates],
            }
            for s in comparison.trend
        ],
    }


def _run(shared: Shared, number: int) -> dict[str, Any]:
    manifest = shared.sources[number].run.manifest
    return {
        "name": shared.names[number],
        "manifest_sha256": shared.digests[number],
        "title": manifest.get("title"),
        "created": manifest.get("created"),
        "pfungst": manifest.get("pfungst"),
        "model": manifest["model"].get("name"),
        "model_sha256": manifest["model"].get("sha256"),
        "data_sha256": manifest["data"].get("sha256"),
        "cases": len(shared.sources[number].cases),
        "verdict": shared.sources[number].judgement["verdict"],
    }


def _pair(shared: Shared, pair: Pair) -> dict[str, Any]:
    return {
        "baseline": shared.names[0],
        "candidate": shared.names[pair.number],
        "verdict": pair.judged.verdict,
        "reasons": list(pair.judged.reasons),
        "not_compared": [asdict(a) for a in pair.apart],
        "findings": [
            {**asdict(f), "estimates": [_estimate(e, about=True) for e in f.estimates]}
            for f in pair.judged.findings
        ],
        "verdicts": [asdict(n) for n in pair.verdicts],
        "run_findings": [asdict(n) for n in pair.findings],
        "changes": [_change(c) for c in pair.changes],
        "maps": [_estimate(e, about=True) for e in pair.maps],
        "cases": [asdict(m) for m in pair.moved],
    }


def _change(change: Change) -> dict[str, Any]:
    of = change.candidate
    return {
        **{k: getattr(of, k) for k in ABOUT},
        **{k: getattr(of, k) for k in ("n", "patients", "missing", "why")},
        "baseline": _numbers(change.baseline, NUMBERS),
        "candidate": _numbers(of, NUMBERS),
        "change": _numbers(change.difference, NUMBERS),
        "growth": None if change.growth is None else _numbers(change.growth, NUMBERS),
    }


def _numbers(e: Estimate, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(e, name) for name in names}


def _estimate(e: Estimate, *, about: bool = False) -> dict[str, Any]:
    named = _numbers(e, ABOUT) if about else {}
    return {
        **named,
        **_numbers(e, NUMBERS),
        "n": e.n,
        "patients": e.patients,
        "missing": e.missing,
        "why": e.why,
    }
