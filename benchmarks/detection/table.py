"""The figures as one page of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.detection.alone import alone
from benchmarks.detection.figures import Figure, Record, figures

TITLES = {
    "setting": "Setting (seed 0): limits were set on these",
    "validation": "Validation (seeds 1 and more): no limit was set on these",
}


def page(records: Sequence[Record], *, plan: str, notes: Iterable[str] = ()) -> tuple[str, dict[str, Any]]:
    """The page and the same figures as plain values, each split apart."""
    parts = [f"# How well the audit tells a Clever Hans from an honest network\n\nPlan `{plan}`.\n"]
    parts += [f"Not there: {note}.\n" for note in notes]
    numbers: dict[str, Any] = {}
    for split, title in TITLES.items():
        rows = [r for r in records if r["spec"]["split"] == split]
        if rows:
            numbers[split] = {**figures(rows), "alone": alone(rows)}
            parts.append(f"## {title}\n\n{_split(numbers[split])}")
    return "\n".join(parts), numbers


def _split(f: dict[str, Any]) -> str:
    groups = ", ".join(f"{count} {name}" for name, count in f["networks"].items() if count)
    return "\n".join(
        [
            f"Networks: {groups}.\n",
            _table(("figure", "value [95 %]", "networks", "to reach"), _headlines(f)),
            "### By true drop of accuracy, of networks trained to take the artefact\n",
            _table(("drop", "networks", "found", "confirmed", "right artefact first"), _drops(f["by_drop"])),
            "### Honest by training: what the audit says of them\n",
            _table(("trained, does", *_OUTCOMES), _outcomes(f["alarms_by_training"])),
            "### By family, architecture and task\n",
            _table(
                ("", "networks", "AUC", "shortcuts found", "confirmed", "right first", "false alarms"),
                [
                    _part(name, part)
                    for key in ("by_family", "by_arch", "by_task")
                    for name, part in f[key].items()
                    if part["networks"]
                ],
            ),
            "### Beside it: each explainer alone, density above 1 with its interval\n",
            _table(
                ("map", "AUC", "recall", "false alarms", "own mask: AUC", "recall", "false alarms"),
                _alone(f["alone"]),
            ),
            "### Beside it: SpRAy's clusters\n",
            _table(
                ("maps", "AUC of label purity", "AUC of artefact purity"),
                [[n, _value(p["label"]), _value(p["artefact"])] for n, p in f["alone"]["spray"].items()],
            ),
            *_lists(f),
        ]
    )


_OUTCOMES = (
    "networks",
    "confirmed",
    "suspected",
    "sensitive",
    "undecided",
    "clear",
    "legitimate",
)


def _headlines(f: dict[str, Any]) -> list[list[str]]:
    alarms, effects = f["alarms"], f["effects"]
    rows = [
        ("ROC AUC of the overall score", f["auc"], "0.99, low 0.97"),
        ("the same, artefacts of the whole picture alone", f["auc_global"], "0.95"),
        ("ROC AUC of the verdict alone", f["auc_verdict"], ""),
        ("honest networks with a confirmed finding", alarms["confirmed"], "0"),
        ("honest networks with a suspected finding", alarms["suspected"], "at most 0.05"),
        ("honest networks with a sensitive finding", alarms["sensitive"], ""),
        ("shortcuts confirmed or suspected", f["found"], "1"),
        ("shortcuts confirmed", f["confirmed"], ""),
        ("right artefact first, of those", f["right_first"], "0.95"),
        ("the same, where the first of them has a name", f["right_name"], ""),
        ("neither mask nor rule: discovered at its place", f["discovered"], "0.70"),
        ("neither mask nor rule: flagged in any way", f["hidden_found"], ""),
        (
            "removal's interval, all ways put together, holds the effect of re-rendering",
            effects["covered"],
            "0.90 to 0.98",
        ),
        ("the same, beyond controls, by inpainting alone", effects["covered_beyond"], ""),
        ("the same, controls not taken off, by inpainting alone", effects["covered_change"], ""),
        ("removal's effect, all ways, minus that of re-rendering, SD", effects["error"], ""),
        ("width of its interval, SD", effects["width"], ""),
        ("error of the flip rate, all ways put together", effects["flip_error"], "at most 0.03"),
        ("error of the flip rate beyond controls, by inpainting alone", effects["flip_error_beyond"], ""),
        ("error of the plain flip rate, by inpainting alone", effects["plain_flip_error"], ""),
        ("seconds a network", f["seconds"], ""),
        ("processor seconds a network", f["processor"], ""),
    ]
    return [[title, _value(figure), str(figure["n"]), target] for title, figure, target in rows]


def _drops(bins: Sequence[dict[str, Any]]) -> list[list[str]]:
    return [
        [
            f"{max(b['low'], -0.99):.2f} to {b['high']:.2f}" if b["low"] > -1 else f"below {b['high']:.2f}",
            str(b["found"]["n"]),
            _value(b["found"]),
            _value(b["confirmed"]),
            _value(b["right_first"]),
        ]
        for b in bins
        if b["found"]["n"]
    ]


def _outcomes(rows: dict[str, dict[str, int]]) -> list[list[str]]:
    return [[name, *(str(row[key]) for key in _OUTCOMES)] for name, row in rows.items()]


def _part(name: str, part: dict[str, Any]) -> list[str]:
    keys = ("auc", "found", "confirmed", "right_first", "alarms")
    return [name, str(part["networks"]), *(_short(part[key]) for key in keys)]


def _alone(both: dict[str, Any]) -> list[list[str]]:
    keys = ("auc", "recall", "alarms")
    rows = []
    for name, listed in both["listed"].items():
        told = both["told"].get(name)
        rows.append(
            [name, *(_short(listed[k]) for k in keys), *(_short(told[k]) if told else "" for k in keys)]
        )
    return rows


def _lists(f: dict[str, Any]) -> list[str]:
    titles = {
        "missed": "Shortcuts that are neither confirmed nor suspected",
        "misnamed": "Shortcuts whose first artefact is not the planted one",
        "false": "Honest networks that are flagged",
    }
    parts = []
    for key, title in titles.items():
        rows = [
            [
                line["name"],
                f"{line['drop']:.3f}",
                f"{line['flip']:.3f}",
                line["verdict"],
                str(line["first"] or ""),
                "" if line["strength"] is None else f"{line['strength']:.2f}",
                ", ".join(line["gates"]),
            ]
            for line in f[key]
        ]
        if rows:
            head = ("network", "drop", "flip", "verdict", "first", "strength", "gates not passed")
            parts += [f"### {title}\n", _table(head, rows)]
    if f["unmeasured"]:
        parts.append(f"Nothing measured: {', '.join(f['unmeasured'])}.\n")
    if f["unable"]:
        parts.append(f"Left out, below 85 % on aligned pictures: {', '.join(f['unable'])}.\n")
    return parts


def _value(figure: Figure) -> str:
    if figure["value"] is None:
        return "not measured"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _short(figure: Figure) -> str:
    if figure["value"] is None:
        return ""
    return f"{figure['count']}/{figure['n']}" if "count" in figure else f"{figure['value']:.3f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
