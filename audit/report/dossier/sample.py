"""What the set could show at all: the smallest effect that so many patients would have found, eight times in ten.

From the spread that was observed, as a normal distribution has it: an effect is found with power 80 % if it lies
(z(1 - α/2) + z(0.8)) standard errors beyond the limit (Cohen 1988). Departure: the standard error is that of the
bootstrap over patients. This is planning for the next set, and no second judgement of this one.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from statistics import NormalDist

from audit.record import Estimate
from audit.report import rulebook, words
from audit.report.blocks import Cell, Table
from audit.report.dossier.parts import Section, kept
from audit.report.source import MAIN, Source

POWER, ALPHA = 0.8, 0.05
METRICS = ("removal", "shift")


def detectable(se: float, tests: int = 1, power: float = POWER) -> float:
    """How far beyond a limit an effect must lie to be found, with ``tests`` corrected as Holm does at its strictest.

    >>> round(detectable(0.1), 2), round(detectable(0.1, tests=10), 2)
    (0.28, 0.36)
    """
    z = NormalDist().inv_cdf
    return (z(1 - ALPHA / (2 * max(1, tests))) + z(power)) * se


def to_clear(se: float, patients: int, limit: float, power: float = POWER) -> int:
    """How many patients would clear an effect of none: both ends of the interval inside the limit.

    >>> to_clear(0.1, 50, 0.2)
    132
    """
    z = NormalDist().inv_cdf
    return ceil(patients * ((z(1 - ALPHA / 2) + z(1 - (1 - power) / 2)) * se / limit) ** 2)


def sample(source: Source) -> Section:
    """The reliance findings, and the smallest effects that this set could have shown for them."""
    rows = [row for f in _findings(source) for row in _row(source, f)]
    if not rows:
        return Section(words=("No effect was measured whose spread would say what this set can show.",))
    return Section(
        tables=kept(
            Table(
                caption="Smallest effects that this set could show",
                head=(
                    "Artefact or sign",
                    "Class",
                    "Cases",
                    "Patients",
                    "Standard error",
                    "From 0",
                    "Flagged from",
                    "Patients to clear",
                ),
                rows=tuple(rows),
                note="In standard deviations of the score, found eight times in ten. “From 0”: told apart from no "
                "effect, one test. “Flagged from”: beyond the rule's limit and after Holm's correction at its "
                "strictest, by the first way of painting over; that the other ways must agree is not in the figure. "
                "“Patients to clear”: so many would clear an artefact without any effect; a star where this set "
                "has them. Computed from the spread in this set after it was seen, so for planning only.",
                kind="numbers sample",
            )
        )
    )


def _findings(source: Source) -> list[rulebook.Raw]:
    """The findings on reliance, one for each sign and class: that of a rule that can clear it, where there is one."""
    found = [
        f for f in source.judgement["findings"] if f["evidence"] == "reliance" and f["rule"] in source.rules
    ]
    found.sort(key=lambda f: "clear_when" not in source.rules[f["rule"]])
    first: dict[tuple[str, str], rulebook.Raw] = {}
    for f in found:
        first.setdefault((f["region"], f["cls"]), f)
    return list(first.values())


def _tests(source: Source, rule: rulebook.Raw) -> int:
    """How many tests a rule's correction counts: those of all rules with its correction, evidence and role."""
    if rule.get("correct") != "holm":
        return 1
    alike = ("correct", "evidence", "role")
    return sum(
        all(source.rules.get(f["rule"], {}).get(key) == rule.get(key) for key in alike)
        for f in source.judgement["findings"]
    )


def _row(source: Source, finding: rulebook.Raw) -> Iterable[tuple[Cell, ...]]:
    rule = source.rules[finding["rule"]]
    e = _estimate(source, finding, rule)
    if e is None or e.value is None or not e.se:
        return
    flag, clear = _limits(rule, "when", e.metric), _limits(rule, "clear_when", e.metric)
    need = max(to_clear(e.se, e.patients, min(clear)), _fewest(rule, e.metric)) if clear else None
    enough = need is not None and e.patients >= need
    yield (
        Cell(text=source.title(e.region)),
        Cell(text=e.cls),
        Cell(text=f"{e.n:,}", kind="number"),
        Cell(text=f"{e.patients:,}", kind="number"),
        Cell(text=words.number(e.se), kind="number"),
        Cell(text=words.number(detectable(e.se)), kind="number"),
        Cell(text=words.number(max(flag) + detectable(e.se, _tests(source, rule))), kind="number")
        if flag
        else Cell(text="no limit", kind="missing"),
        Cell(text=f"{need:,}{' *' if enough else ''}", kind="number")
        if need is not None
        else Cell(text="never cleared", kind="missing"),
    )


def _fewest(rule: rulebook.Raw, metric: str) -> int:
    """The patients that a rule asks for before it says anything."""
    asked = [r for r in rule.get("requires") or () if metric in rulebook.texts(r.get("metric"))]
    return max((int(r.get("patients") or 1) for r in asked), default=1)


def _estimate(source: Source, finding: rulebook.Raw, rule: rulebook.Raw) -> Estimate | None:
    """The first way of painting over, or the change of a sign, over all cases."""
    asked = [c.get("metric") for c in rulebook.conditions(rule)]
    for metric in METRICS:
        if metric in asked:
            found = source.find(metric, region=finding["region"], cls=finding["cls"], stratum="all")
            return next((e for e in found if e.fill in MAIN), None)
    return None


def _limits(rule: rulebook.Raw, part: str, metric: str) -> list[float]:
    """The sizes that a rule's conditions of one part compare a metric with."""
    own = {part: rule[part]} if isinstance(rule.get(part), dict) else {}
    return [
        abs(float(c["value"]))
        for c in rulebook.conditions(own)
        if c.get("metric") == metric and isinstance(c.get("value"), int | float) and float(c["value"])
    ]
