"""The limits by which this run was judged, their digests, and what shows that they were set before it; and what departs
from the plan."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from audit.errors import ConfigError
from audit.judge import protocol
from audit.report import rulebook, words
from audit.report.dossier.parts import Section, kept, stated, table
from audit.report.rulebook import DIGEST
from audit.report.source import Source


def lock(source: Source) -> protocol.Lock | None:
    """The protocol that the run keeps, None where there is none or it cannot be read."""
    path = source.run.path / "protocol.yaml"
    try:
        return protocol.read(path) if path.is_file() else None
    except ConfigError:
        return None


def criteria(source: Source) -> Section:
    """Every rule's limits and digest, and whether they were locked."""
    rows = [
        (
            rule_id,
            str(rule.get("severity") or "not set"),
            "; ".join(dict.fromkeys(map(_limit, rulebook.conditions(rule)))) or "no limit",
            str(rule.get(DIGEST) or "not read"),
        )
        for rule_id, rule in source.rules.items()
    ]
    head = ("Rule", "Severity", "Limits", "SHA-256 of the file")
    together = protocol.digest([(i, str(r.get(DIGEST))) for i, r in source.rules.items()])
    return Section(
        words=(
            *before(source),
            f"The SHA-256 of all rules together is {together}."
            if source.rules
            else "This run keeps no rule.",
        ),
        tables=kept(table("Limits", head, rows, kind="text criteria", most=500)),
    )


def _limit(condition: Mapping[str, Any]) -> str:
    bound = str(condition.get("bound"))
    of = {"value": "", "n": " (cases)", "patients": " (patients)"}.get(bound, f" ({bound})")
    return f"{condition.get('metric')}{of} {condition.get('op')} {words.plain(condition.get('value'))}"


def before(source: Source) -> tuple[str, ...]:
    """What shows that the limits were set before the run, and what does not."""
    found = lock(source)
    if found is None:
        return (
            "No protocol was given. The digests below hold for the rules that this run was judged by, and nothing in "
            "the run shows that they were set before it. `pfungst rules lock` writes a protocol.",
        )
    said = protocol.differences(found, source.run.rule_files())
    began = str(source.run.manifest.get("created"))
    order = {True: "before", False: "after", None: "at a time that cannot be compared with when"}[
        _earlier(found.locked, began)
    ]
    kept_ = (
        "The rules of this run are, byte for byte, those of the protocol."
        if not said
        else f"The rules of this run are no longer those of the protocol: {'; '.join(said)}."
    )
    return (
        f"A protocol of {words.count(len(found.rules), 'rule')} was written at {found.locked}, {order} the run began "
        f"({began}). Its digest is {found.digest}. {kept_}",
        "The time is that of the clock on which the protocol was written. What proves it is a dated record of the "
        "digest that was made elsewhere.",
    )


def locked_before(source: Source) -> bool:
    """Is there a protocol, does it hold these rules, and was it written before the run began?"""
    found = lock(source)
    if found is None or protocol.differences(found, source.run.rule_files()):
        return False
    return bool(_earlier(found.locked, str(source.run.manifest.get("created"))))


def _earlier(one: str, other: str) -> bool | None:
    """Does the first time lie before the second? None where one of them is no time.

    >>> _earlier("2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"), _earlier("soon", "2026-01-02")
    (True, None)
    """
    try:
        return datetime.fromisoformat(one) <= datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return None


def deviations(source: Source) -> Section:
    """What departs from the plan: as stated, and as the run itself shows."""
    said = [str(text) for text in stated(source, "document").get("deviations") or []]
    lost = Counter((f.stage, f.error) for f in source.run.failures() if f.case)
    changed = changes(source)
    lines = [
        *(said or ["No deviation from the plan is stated."]),
        *(changed or ["The run was judged by the rules that it began with."]),
    ]
    if source.run.manifest.get("given_up"):
        lines.append(
            "Parts of the audit were cut short for a budget; they are listed under what was not measured."
        )
    if not lost:
        lines.append("No case was left out.")
    rows = [(stage, words.sentence(why), f"{n:,}") for (stage, why), n in sorted(lost.items())]
    return Section(
        words=tuple(words.sentence(line) for line in lines),
        tables=kept(table("Cases that were left out", ("Where", "Why", "Cases"), rows)),
    )


def changes(source: Source) -> list[str]:
    """What the run's history says of rules that were changed after it was judged first."""
    judged = [
        dict(h["rules"])
        for h in source.run.manifest.get("history") or []
        if isinstance(h, dict) and h.get("stage") == "judge" and isinstance(h.get("rules"), dict)
    ]
    said = []
    for number, (earlier, later) in enumerate(itertools.pairwise(judged), start=2):
        old, new = set(earlier.values()), set(later.values())
        if old != new:
            gone = sorted(name for name, d in earlier.items() if d not in new)
            come = sorted(name for name, d in later.items() if d not in old)
            said.append(
                f"The run was judged again, for time {number}, by other rules: "
                f"{', '.join(come) or 'none'} came in, {', '.join(gone) or 'none'} went out"
            )
    return said
