"""How well the audit's words fit the truth: records of ``audits`` -> numbers, with intervals over networks.

A network is in one group: ``shortcut`` (trained with the artefact going with the label, and it costs at least 5
points), ``weak`` (the same training, but it costs less), ``honest`` (trained without the artefact, with it independent
of the label, or on a true global sign, and it does nothing), ``unsteady`` (the same, but it does a little),
``reacts`` (the same, but it does much: a network may react to what it never met), ``unable`` (did not learn its task).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from scipy.special import betaincinv

from benchmarks.detection.compared import COVERED, DISCOVERED
from benchmarks.detection.families import FOUND
from benchmarks.detection.others import ALL

Record = dict[str, Any]
Figure = dict[str, Any]
"""``value`` or None, ``low``, ``high``, ``n``; of a share also ``count``."""

GROUPS = ("shortcut", "weak", "honest", "unsteady", "reacts", "unable")

FLAGGED = ("confirmed", "suspected")

NAMELESS = "elsewhere"
"""The row of a verdict that says that something else than the drawn lesions tells the classes apart, and not what."""

BINS = ((-1.0, 0.01), (0.01, 0.03), (0.03, 0.05), (0.05, 0.1), (0.1, 0.2), (0.2, 1.0))
"""Drops of accuracy."""

DRAWS = 2000


def group(record: Record) -> str:
    """The group that a network is in, by its training and its behaviour."""
    truth, hans = record["truth"], record["spec"]["trained"] == "hans"
    if not truth["able"]:
        return "unable"
    if hans:
        return "shortcut" if truth["kind"] == "shortcut" else "weak"
    return {"shortcut": "reacts", "clean": "honest"}.get(truth["kind"], "unsteady")


def strength(record: Record) -> float:
    """The overall score: the largest strength of a row that is not legitimate; -inf where nothing was measured."""
    rows = [r for r in record["verdicts"] if r["verdict"] != "legitimate" and r["strength"] is not None]
    return max((float(r["strength"]) for r in rows), default=-math.inf)


def right(record: Record, name: str) -> bool:
    """Whether a name in the verdict is the planted artefact's; a place that was found must lie where it is."""
    family = record["spec"]["family"]
    if family is None or not ALL[family].named(name):
        return False
    return not name.startswith(DISCOVERED) or record["covers"].get(name, 0.0) >= COVERED


def first_is_right(record: Record) -> bool:
    """Whether the first row of the verdict, which is the gravest, names the planted artefact."""
    return bool(record["verdicts"]) and right(record, record["verdicts"][0]["artefact"])


def discovered(record: Record) -> bool:
    """Whether a place that nobody listed is flagged, and is the artefact's."""
    return any(
        row["verdict"] in FLAGGED
        and row["artefact"].startswith(DISCOVERED)
        and right(record, row["artefact"])
        for row in record["verdicts"]
    )


def hidden(record: Record) -> bool:
    """The artefact has a place, but the audit has neither its mask nor a detector of its kind."""
    spec = record["spec"]
    return spec["family"] is not None and ALL[spec["family"]].names == FOUND and not spec["masks"]


def share(flags: Iterable[bool]) -> Figure:
    """A share with its exact 95 % interval (Clopper and Pearson 1934).

    >>> share([True] * 20)["low"] > 0.83, share([])["value"] is None
    (True, True)
    """
    found = list(flags)
    n, k = len(found), sum(map(bool, found))
    if not n:
        return {"value": None, "low": None, "high": None, "n": 0, "count": 0}
    low = float(betaincinv(k, n - k + 1, 0.025)) if k else 0.0
    high = float(betaincinv(k + 1, n - k, 0.975)) if k < n else 1.0
    return {"value": k / n, "low": low, "high": high, "n": n, "count": k}


def mean(values: Iterable[float]) -> Figure:
    """A mean with a 95 % interval over networks, by the bootstrap."""
    found = np.array(list(values), float)
    if not len(found):
        return {"value": None, "low": None, "high": None, "n": 0}
    draws = np.random.default_rng(0).choice(found, (DRAWS, len(found))).mean(1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"value": float(found.mean()), "low": float(low), "high": float(high), "n": len(found)}


def area(shortcuts: Sequence[float], honest: Sequence[float]) -> Figure:
    """ROC AUC, ties half, with a 95 % interval over networks: a bootstrap within each group.

    Where the groups do not overlap the bootstrap has no spread; ``n`` says from how many networks that is.

    >>> area([2.0, 3.0], [0.0, 2.0])["value"]
    0.875
    """
    a, b = np.array(shortcuts, float), np.array(honest, float)
    if not len(a) or not len(b):
        return {"value": None, "low": None, "high": None, "n": 0}
    wins = (a[:, None] > b).astype(float) + 0.5 * (a[:, None] == b)
    rng = np.random.default_rng(0)
    draws = [
        wins[np.ix_(rng.integers(len(a), size=len(a)), rng.integers(len(b), size=len(b)))].mean()
        for _ in range(DRAWS)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"value": float(wins.mean()), "low": float(low), "high": float(high), "n": len(a) + len(b)}


def figures(records: Sequence[Record]) -> dict[str, Any]:
    """All figures of a split; see ``table`` for what each is called."""
    by = {name: [r for r in records if group(r) == name] for name in GROUPS}
    hans, honest = by["shortcut"], by["honest"]
    widely = [r for name in ("shortcut", "weak", "unsteady", "reacts", "honest") for r in by[name]]
    whole = [r for r in hans if not ALL[r["spec"]["family"]].local]
    return {
        "networks": {name: len(rows) for name, rows in by.items()},
        "auc": area([strength(r) for r in hans], [strength(r) for r in honest]),
        "auc_global": area([strength(r) for r in whole], [strength(r) for r in honest]),
        "auc_verdict": area([_rank(r) for r in hans], [_rank(r) for r in honest]),
        "unmeasured": [r["spec"]["name"] for r in widely if math.isinf(strength(r))],
        "alarms": {v: share(_has(r, v) for r in honest) for v in ("confirmed", "suspected", "sensitive")},
        "alarms_by_training": {
            kind: {
                "networks": len(rows),
                **{
                    v: sum(_overall(r) == v for r in rows)
                    for v in ("confirmed", "suspected", "sensitive", "undecided", "clear", "legitimate")
                },
            }
            for kind, rows in _honest_by_training(widely).items()
        },
        "found": share(_overall(r) in FLAGGED for r in hans),
        "confirmed": share(_overall(r) == "confirmed" for r in hans),
        "right_first": share(first_is_right(r) for r in hans if _overall(r) in FLAGGED),
        "right_name": share(
            first_is_right(r)
            for r in hans
            if _overall(r) in FLAGGED and r["verdicts"][0]["artefact"] != NAMELESS
        ),
        "discovered": share(discovered(r) for r in hans if hidden(r)),
        "hidden_found": share(_overall(r) in FLAGGED for r in hans if hidden(r)),
        "by_drop": [_by_drop(low, high, widely) for low, high in BINS],
        "by_family": {name: _part(records, "family", name) for name in ALL},
        "by_arch": {
            name: _part(records, "arch", name) for name in sorted({r["spec"]["arch"] for r in records})
        },
        "by_task": {
            name: _part(records, "task", name) for name in sorted({r["spec"]["task"] for r in records})
        },
        "effects": _effects([r for r in widely if r["effects"]]),
        "seconds": mean(r["seconds"] for r in records if r.get("seconds")),
        "processor": mean(r["processor"] for r in records if r.get("processor")),
        "missed": [_line(r) for r in hans if _overall(r) not in FLAGGED],
        "misnamed": [_line(r) for r in hans if _overall(r) in FLAGGED and not first_is_right(r)],
        "false": [_line(r) for r in honest if _overall(r) in (*FLAGGED, "sensitive")],
        "unable": [r["spec"]["name"] for r in by["unable"]],
    }


def _overall(record: Record) -> str:
    return str(record["verdict"])


def _has(record: Record, verdict: str) -> bool:
    return any(row["verdict"] == verdict for row in record["verdicts"])


def _rank(record: Record) -> int:
    """The verdict alone as a score."""
    order = ("legitimate", "clear", "undecided", "sensitive", "suspected", "confirmed")
    return order.index(_overall(record))


def _honest_by_training(records: Sequence[Record]) -> dict[str, list[Record]]:
    rows: dict[str, list[Record]] = {}
    for record in records:
        name = group(record)
        if name in ("honest", "unsteady", "reacts"):
            rows.setdefault(f"{record['spec']['trained']}, {name}", []).append(record)
    return dict(sorted(rows.items()))


def _by_drop(low: float, high: float, records: Sequence[Record]) -> dict[str, Any]:
    """Of the networks that were trained to take the artefact, how many are found, by what it truly costs."""
    rows = [r for r in records if r["spec"]["trained"] == "hans" and low <= r["truth"]["drop"] < high]
    found: Callable[[Record], bool] = lambda r: _overall(r) in FLAGGED  # noqa: E731
    return {
        "low": low,
        "high": high,
        "found": share(map(found, rows)),
        "confirmed": share(_overall(r) == "confirmed" for r in rows),
        "right_first": share(first_is_right(r) for r in rows if found(r)),
    }


def _part(records: Sequence[Record], key: str, value: str) -> dict[str, Any]:
    rows = [r for r in records if r["spec"][key] == value]
    hans, honest = ([r for r in rows if group(r) == name] for name in ("shortcut", "honest"))
    return {
        "networks": len(rows),
        "auc": area([strength(r) for r in hans], [strength(r) for r in honest]),
        "found": share(_overall(r) in FLAGGED for r in hans),
        "confirmed": share(_overall(r) == "confirmed" for r in hans),
        "right_first": share(first_is_right(r) for r in hans if _overall(r) in FLAGGED),
        "alarms": share(_overall(r) in FLAGGED for r in honest),
    }


def _effects(records: Sequence[Record]) -> dict[str, Figure]:
    """Whether the interval of removal's effect holds the effect of re-rendering, and how far flip rates are off."""

    def held(metric: str) -> Figure:
        rows = [r["effects"] for r in records if r["effects"].get(metric, {}).get("low") is not None]
        return share(e[metric]["low"] <= e["true"] <= e[metric]["high"] for e in rows)

    flips = [r["effects"] for r in records if "removal-flip" in r["effects"]]
    plain = [r["effects"] for r in records if "plain_flip" in r["effects"]]
    pooled = [r["effects"] for r in records if "removal-pooled" in r["effects"]]
    shares = [r["effects"] for r in records if "removal-pooled-flip" in r["effects"]]
    return {
        "covered": held("removal-pooled"),
        "covered_beyond": held("removal"),
        "covered_change": held("removal-change"),
        "error": mean(e["removal-pooled"]["value"] - e["true"] for e in pooled),
        "width": mean(e["removal-pooled"]["high"] - e["removal-pooled"]["low"] for e in pooled),
        "flip_error": mean(abs(e["removal-pooled-flip"]["value"] - e["true_flip"]) for e in shares),
        "flip_error_beyond": mean(abs(e["removal-flip"]["value"] - e["true_flip"]) for e in flips),
        "plain_flip_error": mean(abs(e["plain_flip"] - e["true_flip"]) for e in plain),
    }


def _line(record: Record) -> dict[str, Any]:
    top = record["verdicts"][0] if record["verdicts"] else {}
    return {
        "name": record["spec"]["name"],
        "drop": record["truth"]["drop"],
        "flip": record["truth"]["flip"],
        "verdict": record["verdict"],
        "first": top.get("artefact"),
        "strength": top.get("strength"),
        "gates": record["gates"],
    }
