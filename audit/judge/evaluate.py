"""Rules x estimates -> findings. Every finding says its numbers; an undecided one always says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

from audit.judge.asking import BEYOND, MADE, Answer, ask, both, chance, together, would_decide
from audit.judge.metrics import CHANGE, GROWTH
from audit.judge.pool import key, mirror_images, pool
from audit.judge.schema import (
    FOUND,
    OTHER,
    REGIONS,
    Condition,
    Conditions,
    Evidence,
    Rule,
    matches,
)
from audit.judge.words import called, capital, number, tell, titles
from audit.record.nouns import Estimate, Finding, Outcome, Region, Role

ROLES = get_args(Role)

LEVEL = {"holm": 0.05, "benjamini-hochberg": 0.10}
CORRECTION = {"holm": "Holm's", "benjamini-hochberg": "Benjamini and Hochberg's"}
ORDER = {name: i for i, name in enumerate(get_args(Evidence))}


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """A rule asked of one region and class, before the correction for the number of tests."""

    rule: Rule
    region: str
    cls: str
    when: tuple[Answer, ...]
    clear: tuple[Answer, ...]
    p: float | None
    held: str = ""

    @property
    def flagged(self) -> bool | None:
        return both(self.rule.when, self.when)

    @property
    def leading(self) -> float | None:
        """The signed number that tells for which of two classes a region speaks."""
        for answer in self.when:
            for e in answer.lead:
                if e.cls and e.value is not None:
                    return e.value
        return None


def findings(
    rules: Sequence[Rule], estimates: Sequence[Estimate], *, regions: list[Region], classes: list[str]
) -> list[Finding]:
    """What each rule says of each region and class that it ranges over.

    With two classes that exclude each other an effect on one mirrors that on the other: one finding is given,
    for the class that the region speaks for (the second where nothing points anywhere). Where a rule asks for
    it, p values are corrected over all regions and classes of the rules with that evidence: Holm (1979) at 0.05,
    Benjamini and Hochberg (1995) at 0.10. A flag then needs both, an interval beyond the limit and a corrected p.

    Numbers are rounded to three decimals before anything is compared. The order of rules and estimates is
    of no importance.
    """
    known = pool(estimates)
    names = titles(regions)
    mirrored = mirror_images(known, classes)
    drafts: list[_Draft] = []
    for rule in sorted(rules, key=lambda r: (ORDER[r.evidence], r.id)):
        for region in _ranged(rule, regions):
            drafts += _by_class(rule, known, region, classes, mirrored)
    return [_finding(draft, names) for draft in _corrected(drafts)]


BASELINE = "it asks for a change since a baseline, and a run by itself has none; `pfungst compare` judges it"


def unasked(rule: Rule) -> Finding:
    """What a run says of a rule that needs a baseline: not decided, and why."""
    return Finding(
        rule=rule.id,
        title=rule.title,
        severity=rule.severity,
        evidence=rule.evidence,
        region="",
        cls="",
        outcome="undecided",
        statement=f"Not decided: {BASELINE}.",
        why=BASELINE,
    )


def _ranged(rule: Rule, regions: list[Region]) -> list[str]:
    if not rule.regions:
        return [""]
    role = rule.role if rule.role in ROLES else None
    return sorted(r.name for r in regions if _meant(r, rule) and (role is None or r.role == role))


def _meant(region: Region, rule: Rule) -> bool:
    ours = region.name in REGIONS or region.name.startswith("lesion:") or matches(region.name, [FOUND])
    return matches(region.name, rule.regions) or (OTHER in rule.regions and not ours)


def _by_class(
    rule: Rule, estimates: list[Estimate], region: str, classes: list[str], mirrored: bool
) -> list[_Draft]:
    drafts = [
        _draft(rule, estimates, region, cls) for cls in (classes if rule.by_class and classes else [""])
    ]
    if len(drafts) != 2 or not mirrored:
        return drafts
    first, second = drafts
    if second.leading is None:
        return [second if first.leading is None else first]
    return [first if first.leading is not None and first.leading > 0 >= second.leading else second]


def _draft(rule: Rule, estimates: list[Estimate], region: str, cls: str) -> _Draft:
    clear = rule.clear_when or Conditions.model_construct()
    when = (
        *together(rule.when.all, rule, estimates, region, cls),
        *(ask(c, rule, estimates, region, cls) for c in rule.when.any),
    )
    return _Draft(
        rule=rule,
        region=region,
        cls=cls,
        when=when,
        clear=tuple(ask(c, rule, estimates, region, cls) for c in (*clear.all, *clear.any)),
        p=chance(rule.when, when),
    )


def _corrected(drafts: list[_Draft]) -> list[_Draft]:
    """Take back the flags that do not stand against the number of tests."""
    families: dict[tuple[str, str, str], list[int]] = {}
    for i, draft in enumerate(drafts):
        if draft.rule.correct != "none" and draft.p is not None:
            key = (draft.rule.correct, draft.rule.evidence, draft.rule.role)
            families.setdefault(key, []).append(i)
    drafts = list(drafts)
    for (how, *_), members in families.items():
        for i, p in zip(members, adjusted([drafts[i].p or 0.0 for i in members], how), strict=True):
            if drafts[i].flagged and p > LEVEL[how]:
                drafts[i] = replace(
                    drafts[i],
                    held=f"the interval lies beyond the limit, but not after {CORRECTION[how]} correction "
                    f"for {len(members)} tests (p = {number(p)}, where {LEVEL[how]} is asked)",
                )
    return drafts


def adjusted(p: list[float], how: str) -> list[float]:
    """Adjusted p values, in the order given.

    >>> [round(x, 3) for x in adjusted([0.01, 0.04, 0.03], "holm")]
    [0.03, 0.06, 0.06]
    >>> [round(x, 3) for x in adjusted([0.01, 0.04, 0.03], "benjamini-hochberg")]
    [0.03, 0.04, 0.04]
    """
    m = len(p)
    order = sorted(range(m), key=lambda i: p[i])
    out = [0.0] * m
    worst = 0.0
    if how == "holm":
        for rank, i in enumerate(order):
            worst = max(worst, min(1.0, (m - rank) * p[i]))
            out[i] = worst
        return out
    worst = 1.0
    for rank in range(m, 0, -1):
        i = order[rank - 1]
        worst = min(worst, p[i] * m / rank)
        out[i] = worst
    return out


def _finding(draft: _Draft, names: dict[str, str]) -> Finding:
    rule = draft.rule
    place = called(draft.region, names)
    flagged, clear = draft.flagged, None
    if rule.clear_when is not None:
        clear = both(rule.clear_when, draft.clear)
    elif flagged is False:
        clear = True
    outcome: Outcome = "undecided"
    why: str | None = None
    if flagged and not draft.held:
        outcome, statement = "flagged", _told(draft.when, place)
    elif clear and not flagged:
        answers = draft.clear or draft.when
        outcome, statement = "clear", _told(answers, place, holds=bool(draft.clear))
    else:
        why = draft.held or _why(draft)
        # of the estimates that a clearing asks for, the one that reaches across is told too
        instead = tuple(
            a for a in draft.clear if a.condition.instead_of or (a.condition.every and a.holds is False)
        )
        told = _told((*draft.when, *instead), place, limits=False, holds=None)
        statement = f"{told} Not decided: {why}." if told else f"Not decided{_about(place)}: {why}."
    used = {key(e): e for answer in (*draft.when, *draft.clear) for e in answer.used}
    return Finding(
        rule=rule.id,
        title=rule.title,
        severity=rule.severity,
        evidence=rule.evidence,
        region=draft.region,
        cls=draft.cls,
        outcome=outcome,
        statement=statement,
        estimates=tuple(used[k] for k in sorted(used)),
        why=why,
    )


def _about(place: str) -> str:
    return f" for {place}" if place else ""


def _told(answers: Sequence[Answer], place: str, *, limits: bool = True, holds: bool | None = True) -> str:
    """The numbers behind the answers that count (those with this outcome; None: all that were measured)."""
    sentences: list[str] = []
    for answer in answers:
        if not answer.lead or (holds is not None and answer.holds is not holds):
            continue
        c = answer.condition
        if _veto(c) and answer.holds:
            continue  # that nothing moves the other way is told only where something does
        if c.bound in ("n", "patients"):
            said = f"there are {getattr(answer.lead[0], c.bound)} {_COUNTS[c.bound]}"
        else:
            said = " and ".join(tell(e, place) for e in answer.lead)
        if limits:
            said += f", {_limit(c, holds=bool(answer.holds))}"
        sentence = f"{capital(said)}."
        if sentence not in sentences:
            sentences.append(sentence)
    return " ".join(sentences)


def _veto(c: Condition) -> bool:
    """Does it ask only that nothing goes the other way?"""
    return c.every and c.value < 0


def _limit(c: Condition, *, holds: bool) -> str:
    """The limit in words, beside the number that it was compared with."""
    op = c.op if holds else {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}[c.op]
    if c.bound in ("n", "patients"):
        fewer = {"<": "fewer than", ">=": "at least"}.get(op, BEYOND[op])
        return f"{fewer} the {c.value:g} asked" if op == ">=" else f"{fewer} {c.value:g}"
    if c.bound == "abs-low" and c.value == 0:
        return f"and the interval {'does not hold' if op == '>' else 'holds'} zero"
    unit = _base(c.metric) in _IN_SD
    shown = _shown(c)
    limit = f"{BEYOND[op]} {'the smallest effect of interest of ' if unit else ''}{shown}"
    above = op in (">", ">=")
    whole = c.bound in (("low", "abs-low") if above else ("high", "abs-high"))
    if c.bound in _ENDS and not (whole and unit):
        return f"with {'the whole interval' if whole else _ENDS[c.bound]} {limit}"
    return limit


def _shown(c: Condition) -> str:
    """A limit with its unit."""
    if c.metric in ("association", f"{CHANGE}accuracy"):
        return f"{c.value * 100:g} percentage points"
    return f"{number(c.value)} SD" if _base(c.metric) in _IN_SD else number(c.value)


def _base(metric: str) -> str:
    """The metric of which a change is asked."""
    return metric.removeprefix(CHANGE).removeprefix(GROWTH)


_COUNTS = {"n": "cases", "patients": "patients"}
_IN_SD = {f"{what}{end}" for what in MADE for end in ("", "-change", "-control", "-own")} | {"leftover"}
_ENDS = {
    "low": "the lower end of the interval",
    "high": "the upper end of the interval",
    "abs-low": "the end of the interval nearest to zero",
    "abs-high": "the end of the interval farthest from zero",
}


def _why(draft: _Draft) -> str:
    """Why nobody can say: not measured, too few, or an interval that reaches across the limit."""
    unknown = [a.why for a in (*draft.when, *draft.clear) if a.holds is None and a.why]
    known = [a for a in (*draft.when, *draft.clear) if a.holds is not None and a.lead]
    if not known or (draft.flagged is None and unknown):
        return unknown[0] if unknown else "nothing was measured"
    failed = [a for a in draft.when if a.holds is False]
    if failed and all(_veto(a.condition) for a in failed):
        return "in the cases of one label it moves the answer the other way"
    answer = known[0]
    limit = answer.condition.value
    why = f"the interval reaches across the limit of {_shown(answer.condition)}"
    # Fitting where one estimate is asked; of many maps no single number of cases would be true.
    if len(answer.used) == 1 and limit > 0:
        e = answer.lead[0]
        cases = would_decide(e, limit)
        if cases is not None:
            why += (
                f"; about {cases} such cases would decide, {cases - e.n} more, if the effect stays as it is"
            )
        else:
            why += "; the effect lies so close to it that more cases would hardly decide"
    return why
