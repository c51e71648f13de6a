"""Changes, verdicts and rules -> is the candidate worse than the baseline, and why?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from audit import judge as judging
from audit.comparison.change import Change
from audit.comparison.news import News
from audit.comparison.shared import Shared
from audit.judge.gate import exit_code
from audit.judge.metrics import CHANGE, GROWTH
from audit.judge.verdict import FLAGGED
from audit.record import Finding

Answer = Literal["worse", "undecided", "not-worse"]

WORST_FIRST: tuple[Answer, ...] = ("worse", "undecided", "not-worse")
FAILS = "worse"
SHIPPED = "compare"

ALSO = ("strange", "presence")
"""What a rule may look at beside the changes, as the candidate's own run measured it over its own cases."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Is one candidate worse? ``findings`` are those of the rules about changes; ``reasons`` say why."""

    verdict: Answer
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...]


def rules(names: Sequence[str] | None, shared: Shared, folder: Path) -> tuple[list[judging.Rule], list[Path]]:
    """The rules about changes, and the files that they stand in.

    ``names`` are shipped sets, files and folders; None takes the shipped set ``compare``, and after it the rules about
    changes that the last run keeps, if their ids are new.

    Raises:
        ConfigError: with every mistake in every file.
    """
    files = judging.files(names if names is not None else [SHIPPED], folder=folder)
    known = {rule.id: (rule, file) for file in files for rule in judging.load([file], folder=Path())}
    if names is None:
        for file in shared.sources[-1].run.rule_files():
            for rule in judging.load([file], folder=Path()):
                known.setdefault(rule.id, (rule, file))
    asked = [(rule, file) for rule, file in known.values() if rule.against_baseline]
    return [rule for rule, _ in asked], [file for _, file in asked]


def judge(
    shared: Shared,
    number: int,
    asked: Sequence[judging.Rule],
    changes: Sequence[Change],
    verdicts: Sequence[News],
) -> Judged:
    """Judge run ``number`` against the baseline.

    It is worse if a rule about a change is flagged, or if an artefact's verdict is now confirmed, suspected or
    sensitive and was not, or is worse among these. It is undecided if such a rule cannot decide, or if what was clear
    is no longer. What both runs say alike makes nothing worse, however bad it is. A sign without a verdict in either
    run, because it is in no case or because nothing speaks of it, is not asked about; nor is what neither run measured.
    """
    candidate = shared.sources[number]
    estimates = [e for c in changes for e in c.estimates]
    estimates += [e for e in candidate.estimates if e.metric in ALSO]
    told = {row.sign for row in verdicts}
    signs = [r for r in shared.signs if r.name in told or r.role == "lesion"]
    measured = {
        (e.metric, e.region) for c in changes for e in (c.baseline, c.candidate) if e.value is not None
    }
    about = {rule.id: _about(rule) for rule in asked}
    findings = [
        f
        for f in judging.findings(asked, estimates, regions=signs, classes=list(candidate.classes))
        if f.outcome != "undecided" or {(metric, f.region) for metric in about[f.rule]} & measured
    ]
    worse = [f"{f.title}: {f.statement}" for f in findings if f.outcome == "flagged"]
    worse += [_said(row, shared) for row in verdicts if row.kind in ("new", "worse") and row.after in FLAGGED]
    open_ = [f"{f.title}: {f.statement}" for f in findings if f.outcome == "undecided"]
    open_ += [_said(row, shared) for row in verdicts if row.kind == "left open" and row.before == "clear"]
    verdict: Answer = "worse" if worse else "undecided" if open_ else "not-worse"
    return Judged(verdict=verdict, reasons=tuple(worse or open_), findings=tuple(findings))


def _about(rule: judging.Rule) -> set[str]:
    """The metrics of which a rule asks a change."""
    kinds = (CHANGE, GROWTH)
    return {c.metric.partition(":")[2] for c in rule.conditions if c.metric.startswith(kinds)}


def _said(row: News, shared: Shared) -> str:
    title = shared.sources[0].title(row.sign) if row.sign else "The run as a whole"
    of = f", {row.cls}" if row.cls else ""
    return f"{title}{of}: {row.before or 'no verdict'} before, {row.after} now. {row.statement}"


def code(verdict: str, fail_on: str | None = None) -> int:
    """The exit code: 0 nothing is worse, 1 worse, 4 undecided.

    ``fail_on``: what ends with 1 instead, ``worse``, ``undecided``, both with a comma, or ``none``.

    Raises:
        ConfigError: a name in ``fail_on`` is none of these.

    >>> code("worse"), code("undecided"), code("undecided", "worse,undecided"), code("worse", "none")
    (1, 4, 1, 0)
    """
    return exit_code(verdict, fail_on, fails=FAILS, names=("worse", "undecided"))
