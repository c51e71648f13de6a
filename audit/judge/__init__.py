"""Estimates x rules -> findings -> verdict. What may be said of a model, and with what right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audit.judge.evaluate import findings, unasked
from audit.judge.gate import FAILS, exit_code
from audit.judge.rules import Rule, check, files, load
from audit.judge.verdict import WORST_FIRST, verdicts
from audit.record.nouns import Estimate, Finding, Region, Verdict, VerdictName

__all__ = [
    "FAILS",
    "WORST_FIRST",
    "Judgement",
    "Rule",
    "check",
    "exit_code",
    "files",
    "findings",
    "judge",
    "load",
    "verdicts",
]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The overall verdict, each artefact's, and the findings and gates that they rest on."""

    verdict: VerdictName
    verdicts: list[Verdict]
    findings: list[Finding]
    gates: list[Finding]


def judge(
    rules: Sequence[Rule], estimates: Sequence[Estimate], regions: list[Region], classes: list[str]
) -> Judgement:
    """Judge the estimates by the rules. In whatever order they come, the judgement is the same.

    A rule about a change since a baseline is told as not decided, and has no part in the verdict.
    """
    waiting = [unasked(rule) for rule in rules if rule.against_baseline]
    rules = [rule for rule in rules if not rule.against_baseline]
    found = findings(rules, estimates, regions=regions, classes=classes)
    gates = [f for f in found if f.evidence in ("gate", "control")]
    rest = [f for f in found if f.evidence not in ("gate", "control")]
    legitimate = {rule.id for rule in rules if rule.legitimate}
    worth = {rule.id: rule.worth for rule in rules}
    overall, rows = verdicts(rest, gates, estimates, regions, classes, legitimate=legitimate, worth=worth)
    return Judgement(verdict=overall, verdicts=rows, findings=[*rest, *waiting], gates=gates)
