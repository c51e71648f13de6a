"""Verdicts and findings of two runs side by side: what is new, fixed, changed and as it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from audit import judge as judging
from audit.judge.verdict import FLAGGED
from audit.record.files import sha256
from audit.report.source import Source

Kind = Literal["new", "worse", "fixed", "better", "cleared", "left open", "unchanged", "changed", "gone"]

RANK = {
    "legitimate": 0,
    "clear": 0,
    "undecided": 1,
    "sensitive": 2,
    "suspected": 3,
    "confirmed": 4,
    "flagged": 4,
}


@dataclass(frozen=True, kw_only=True)
class News:
    """What two runs say of one thing: of a rule, or of the verdict on an artefact where ``rule`` is empty.

    ``before`` and ``after`` are verdicts or outcomes; empty where a run says nothing of it. ``statement`` is what the
    candidate says, or the baseline where the candidate says nothing.
    """

    rule: str
    title: str
    sign: str
    cls: str
    before: str
    after: str
    kind: Kind
    statement: str


def kind(before: str, after: str) -> Kind:
    """What became of it.

    >>> kind("clear", "confirmed"), kind("suspected", "confirmed"), kind("confirmed", "clear")
    ('new', 'worse', 'fixed')
    >>> kind("clear", "undecided"), kind("", "clear"), kind("confirmed", "confirmed"), kind("flagged", "")
    ('left open', 'changed', 'unchanged', 'gone')
    >>> kind("undecided", "clear"), kind("confirmed", "undecided")
    ('cleared', 'left open')
    """
    flagged = (*FLAGGED, "flagged")
    if before == after:
        return "unchanged"
    if after in flagged:
        if before not in flagged:
            return "new"
        return "worse" if RANK[after] > RANK[before] else "better"
    if not after:
        return "gone"
    if before in flagged:
        return "left open" if after == "undecided" else "fixed"
    if before == "undecided":
        return "cleared"
    return "left open" if after == "undecided" and before else "changed"


def judgements(sources: Sequence[Source]) -> tuple[list[dict[str, Any]], bool]:
    """What each run was judged to be, by one set of rules; and whether runs had to be judged again for that.

    Where the rules that the runs keep are not the same files, all are judged by those of the last run: a verdict that
    changed because a limit did says nothing of the network.
    """
    kept = [{f.name: sha256(f) for f in s.run.rule_files()} for s in sources]
    if all(k == kept[0] for k in kept):
        return [s.judgement for s in sources], False
    rules = judging.load(sources[-1].run.rule_files(), folder=Path())
    found = []
    for s in sources:
        j = judging.judge(rules, s.estimates, [*s.regions, *s.cues], list(s.classes))
        found.append(
            {
                "verdict": j.verdict,
                "verdicts": [vars(v) for v in j.verdicts],
                "findings": [vars(f) for f in j.findings],
                "gates": [vars(f) for f in j.gates],
            }
        )
    return found, True


def news(before: dict[str, Any], after: dict[str, Any], same: set[str]) -> tuple[list[News], list[News]]:
    """What became of the verdicts, and of the findings and gates.

    Args:
        before: the baseline's judgement, as ``findings.json`` holds it.
        after: the candidate's.
        same: the regions and cues that are the same thing in both runs; of others each run's rows stand alone.
    """
    verdicts = _matched(
        [_verdict(v) for v in before["verdicts"] if v["artefact"]],
        [_verdict(v) for v in after["verdicts"] if v["artefact"]],
        same,
    )
    findings = _matched(
        [_finding(f) for f in (*before["findings"], *before["gates"])],
        [_finding(f) for f in (*after["findings"], *after["gates"])],
        {*same, ""},
    )
    return verdicts, findings


def _verdict(row: dict[str, Any]) -> News:
    return News(rule="", title="", sign=row["artefact"], cls=row["cls"], before="", after=row["verdict"],
                kind="changed", statement=row["statement"])  # fmt: skip


def _finding(row: dict[str, Any]) -> News:
    return News(rule=row["rule"], title=row["title"], sign=row["region"], cls=row["cls"], before="",
                after=row["outcome"], kind="changed", statement=row["statement"])  # fmt: skip


def _matched(before: list[News], after: list[News], same: set[str]) -> list[News]:
    """Rows of both runs in pairs: of one class first; then, of two classes, of the one that each run's row is for."""
    left, right = list(before), list(after)
    pairs: list[tuple[News | None, News | None]] = []

    def take(key: Callable[[News], tuple[str, ...]], *, alone: bool) -> None:
        for row in list(right):
            mine = [b for b in left if key(b) == key(row)]
            others = [a for a in right if key(a) == key(row)]
            if row.sign in same and mine and (not alone or len(mine) == len(others) == 1):
                pairs.append((mine[0], row))
                left.remove(mine[0])
                right.remove(row)

    take(lambda r: (r.rule, r.sign, r.cls), alone=False)
    take(lambda r: (r.rule, r.sign), alone=True)
    pairs += [(None, a) for a in right] + [(b, None) for b in left]
    rows = [_pair(b, a) for b, a in pairs]
    return sorted(rows, key=lambda r: (ORDER.index(r.kind), r.rule, r.sign, r.cls))


ORDER: tuple[Kind, ...] = (
    *("new", "worse", "left open", "changed", "better", "fixed", "cleared", "gone", "unchanged"),
)
"""What is read first."""


def _pair(before: News | None, after: News | None) -> News:
    row = after or before
    assert row is not None
    first, second = (before.after if before else ""), (after.after if after else "")
    return replace(row, before=first, after=second, kind=kind(first, second))
