"""One condition asked of the estimates: does it hold, how strongly, and if nobody can say, why not."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from scipy.special import ndtr

from audit.judge.metrics import METRICS
from audit.judge.pool import bearing
from audit.judge.schema import Condition, Conditions, Rule, matches
from audit.record.nouns import Estimate

OPS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MADE = ("removal", "transplant", "shift")
"""How the metrics of an intervention begin."""

BEYOND = {"<": "less than", "<=": "not more than", ">": "more than", ">=": "not less than"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """``holds`` is None where nobody can say. ``used``: what was asked; ``lead``: what is worth telling."""

    condition: Condition
    holds: bool | None
    used: tuple[Estimate, ...] = ()
    lead: tuple[Estimate, ...] = ()
    p: float = 1.0
    why: str = ""


def _chosen(
    condition: Condition, metric: str, estimates: Sequence[Estimate], region: str, cls: str
) -> list[Estimate]:
    """The estimates that a condition is about."""
    regions = condition.region or (region,)
    if not METRICS[metric].region:
        regions = condition.region or ("", region)
    if condition.cls is not None:
        classes: tuple[str, ...] | None = condition.cls
    else:
        classes = (cls, "") if METRICS[metric].cls else None
    silent = _vetoed(condition, estimates)
    return [
        e
        for e in estimates
        if e.metric == metric
        and not (condition.unless and _voter(e, condition.unless.metric) in silent)
        and matches(e.region, regions)
        and (classes is None or matches(e.cls, classes))
        and matches(e.stratum, condition.stratum)
        and e.fill in condition.fill
        and all(
            wanted is None or matches(getattr(e, name), wanted)
            for name, wanted in (
                ("explainer", condition.explainer),
                ("layer", condition.layer),
                ("other", condition.other),
                ("target", condition.target),
                ("family", condition.family),
            )
        )
    ]


def _vetoed(condition: Condition, estimates: Sequence[Estimate]) -> set[tuple[str, ...]]:
    """The maps, or fills of a region, of which what the condition names holds: they have no vote."""
    veto = condition.unless
    if veto is None:
        return set()
    return {
        _voter(v, veto.metric)
        for v in estimates
        if v.metric == veto.metric
        and v.stratum == "all"
        and (seen := bound(v, veto.bound)) is not None
        and OPS[veto.op](seen, veto.value)
    }


def _voter(e: Estimate, metric: str) -> tuple[str, ...]:
    """Whose vote a veto's metric takes: a map's, or a fill's of one region."""
    return (e.region if METRICS[metric].region else "", e.fill, e.explainer, e.layer)


_NO_VOTE = {
    "strange": "painted over in any of the ways tried, the picture is strange to the network",
    "sanity": "the maps hardly change when the network's weights are drawn anew",
}


def _nothing(condition: Condition, estimates: Sequence[Estimate], region: str) -> str:
    """Why no estimate was chosen: what there is has no vote, or there is nothing."""
    veto = condition.unless
    regions = condition.region or ("", region)
    there = [
        e
        for e in estimates
        if e.metric == condition.metric and e.value is not None and matches(e.region, regions)
    ]
    silent = _vetoed(condition, estimates)
    if veto is not None and any(_voter(e, veto.metric) in silent for e in there):
        return _NO_VOTE.get(veto.metric, f"what was measured has no vote, by its {veto.metric!r}")
    return f"no {condition.metric!r} was measured"


def _too_few(rule: Rule, e: Estimate, estimates: Sequence[Estimate]) -> str:
    """Why an estimate comes from too little, and how much more would do; empty where it does not."""
    for need in rule.requires:
        if e.metric not in need.metric:
            continue
        bear = bearing(estimates, e.region)
        if need.bearing is not None and bear is not None and bear < need.bearing:
            more = need.bearing - bear
            return f"too few cases: {bear} bear it and {need.bearing} are needed, {more} more"
        if e.n < need.cases:
            measured = "1 was measured" if e.n == 1 else f"{e.n} were measured"
            return f"too few cases: {measured} and {need.cases} are needed, {need.cases - e.n} more"
        if e.patients < need.patients:
            more = need.patients - e.patients
            return (
                f"too few patients: {e.patients} in {e.n} cases and {need.patients} are needed, {more} more"
            )
    return ""


def bound(e: Estimate, name: str) -> float | None:
    """The number of an estimate that a condition compares."""
    if name in ("n", "patients"):
        return float(e.n if name == "n" else e.patients)
    if name in ("value", "abs-value"):
        return None if e.value is None else abs(e.value) if name == "abs-value" else e.value
    if e.low is None or e.high is None:
        return None
    if name in ("low", "high"):
        return e.low if name == "low" else e.high
    ends = (abs(e.low), abs(e.high))
    if name == "abs-high":
        return max(ends)
    return 0.0 if e.low <= 0 <= e.high else min(ends)


def _p(e: Estimate, condition: Condition, holds: bool) -> float:
    """How surprising an effect of this size were if the truth lay on the limit.

    z = (|value| - limit) / se, one-sided; two-sided where the limit of a size is 0. A comparison of the value
    itself or of a count is no test: 0 where it holds, else 1.
    """
    if condition.bound in ("value", "abs-value", "n", "patients") or e.value is None:
        return 0.0 if holds else 1.0
    se = e.se
    if se is None:
        if e.low is None or e.high is None:
            return 1.0
        se = (e.high - e.low) / (2 * 1.96)
    size = abs(e.value) if condition.bound.startswith("abs-") else e.value
    beyond = size - condition.value if condition.op in (">", ">=") else condition.value - size
    if se <= 0:
        return 0.0 if beyond > 0 else 1.0
    tail = float(ndtr(-beyond / se))
    return min(1.0, 2 * tail) if condition.bound.startswith("abs-") and condition.value == 0 else tail


def ask(condition: Condition, rule: Rule, estimates: Sequence[Estimate], region: str, cls: str) -> Answer:
    """Does a condition hold for this region and class?"""
    chosen = _chosen(condition, condition.metric, estimates, region, cls)
    if condition.instead_of is not None and any(
        e.value is not None and not _too_few(rule, e, estimates)
        for e in _chosen(condition, condition.instead_of, estimates, region, cls)
    ):
        return Answer(condition=condition, holds=None)
    reasons: list[str] = []
    results: list[tuple[Estimate, bool]] = []
    for e in sorted(chosen, key=lambda e: condition.fill.index(e.fill)):  # the first fill's reason is told
        why = "" if e.value is None else _too_few(rule, e, estimates)
        seen = None if why else bound(e, condition.bound)
        if seen is None:
            reasons.append(why or e.why or "it has no interval")
        else:
            results.append((e, OPS[condition.op](seen, condition.value)))
    used = tuple(chosen)
    if not results:
        why = reasons[0] if reasons else _nothing(condition, estimates, region)
        return Answer(condition=condition, holds=None, used=used, why=why)

    def strength(result: tuple[Estimate, bool]) -> float:
        seen = bound(result[0], condition.bound) or 0.0
        return -seen if condition.op in (">", ">=") else seen

    if condition.every:
        weakest = max(results, key=strength)
        return Answer(
            condition=condition,
            holds=all(h for _, h in results),
            used=used,
            lead=(weakest[0],),
            p=max(_p(e, condition, h) for e, h in results),
        )
    if condition.fills is not None:
        return _every_fill(condition, results, used)
    needed = condition.families or 1
    groups: dict[str, list[tuple[Estimate, bool]]] = {}
    for e, h in results:
        groups.setdefault(e.family if condition.families else "", []).append((e, h))
    if len(groups) < needed:
        names = ", ".join(sorted(groups)) or "none"
        why = f"only explainers of one family answered ({names}), and {needed} families are needed"
        return Answer(
            condition=condition, holds=None, used=used, lead=(min(results, key=strength)[0],), why=why
        )
    best = sorted((min(group, key=strength) for group in groups.values()), key=strength)
    # Inside a family each map is a chance to be wrong (Bonferroni); of the families the needed-th must stand.
    chances = sorted(
        min(1.0, len(group) * min(_p(e, condition, h) for e, h in group)) for group in groups.values()
    )
    p = min(1.0, chances[needed - 1] * (len(groups) - needed + 1))
    holding = sum(any(h for _, h in group) for group in groups.values())
    lead = tuple(e for e, _ in best[:needed])
    return Answer(condition=condition, holds=holding >= needed, used=used, lead=lead, p=p)


def _every_fill(
    condition: Condition, results: list[tuple[Estimate, bool]], used: tuple[Estimate, ...]
) -> Answer:
    """An intersection over the fills of one stratum, with one sign; a union over the strata (Bonferroni)."""
    assert condition.fills is not None
    strata: dict[str, list[tuple[Estimate, bool]]] = {}
    for e, h in results:
        strata.setdefault(e.stratum, []).append((e, h))
    enough = {s: group for s, group in strata.items() if len({e.fill for e, _ in group}) >= condition.fills}
    if not enough:
        most = max(len(group) for group in strata.values())
        why = f"measured with {most} way{'' if most == 1 else 's'} of painting over, and {condition.fills} are needed"
        lead = max((e for e, _ in results), key=lambda e: abs(e.value or 0.0))
        return Answer(condition=condition, holds=None, used=used, lead=(lead,), why=why)
    asked: list[tuple[bool, float, tuple[Estimate, ...]]] = []
    for group in enough.values():
        one_sign = len({(e.value or 0.0) > 0 for e, _ in group}) == 1
        holds = one_sign and all(h for _, h in group)
        p = max(_p(e, condition, h) for e, h in group) if one_sign else 1.0
        weakest_first = sorted((e for e, _ in group), key=lambda e: abs(e.value or 0.0))
        asked.append((holds, p, tuple(weakest_first)))
    best = min(asked, key=lambda a: (not a[0], a[1], -abs(a[2][0].value or 0.0)))
    p = min(1.0, min(a[1] for a in asked) * len(asked))
    lead = next((e for e in best[2] if e.fill == condition.fill[0]), best[2][0])
    told = (lead,) if lead is best[2][0] else (lead, best[2][0])
    return Answer(condition=condition, holds=any(a[0] for a in asked), used=used, lead=told, p=p)


def together(
    conditions: Sequence[Condition], rule: Rule, estimates: Sequence[Estimate], region: str, cls: str
) -> tuple[Answer, ...]:
    """The answers to conditions that must all hold. Those that range over strata must hold in one and the same.

    Else an effect beyond the controls in one class and a plain change in another would pass for one effect. Of the
    strata the one that speaks most clearly is told, and its p is that of a choice among them (Bonferroni).
    """
    whole = tuple(ask(c, rule, estimates, region, cls) for c in conditions)
    shared = [
        i for i, c in enumerate(conditions) if not c.every and (len(c.stratum) > 1 or "*" in c.stratum[0])
    ]
    if len(shared) < 2:
        return tuple(_of_one_sign(dict(enumerate(whole))).values())
    tried = []
    for stratum in sorted({e.stratum for i in shared for e in whole[i].used}):
        alone = {
            i: ask(conditions[i].model_copy(update={"stratum": (stratum,)}), rule, estimates, region, cls)
            for i in shared
        }
        if any(a.holds is not None for a in alone.values()):
            tried.append(_of_one_sign(alone))
    if not tried:
        return whole

    def order(alone: dict[int, Answer]) -> tuple[int, int, float]:
        said = [a.holds for a in alone.values()]
        return (2 if False in said else 1 if None in said else 0, said.count(False), _worst(alone))

    best = min(tried, key=order)
    return tuple(
        replace(best[i], used=whole[i].used, p=min(1.0, best[i].p * len(tried))) if i in best else answer
        for i, answer in enumerate(whole)
    )


def _worst(alone: dict[int, Answer]) -> float:
    return max(a.p for a in alone.values())


def _of_one_sign(alone: dict[int, Answer]) -> dict[int, Answer]:
    """Sizes that are asked of several estimates of one intervention must be those of effects that agree in sign."""
    sizes = {
        i: a
        for i, a in alone.items()
        if a.holds and a.condition.bound.startswith("abs-") and a.condition.metric.startswith(MADE)
    }
    if len({(a.lead[0].value or 0.0) > 0 for a in sizes.values() if a.lead}) < 2:
        return alone
    return {**alone, **{i: replace(a, holds=False, p=1.0) for i, a in sizes.items()}}


def both(conditions: Conditions, answers: Sequence[Answer]) -> bool | None:
    """``all`` or ``any`` of the answers, where some may be unknown."""
    said = [a.holds for a in answers]
    if conditions.all:
        return False if False in said else None if None in said else True
    return True if True in said else None if None in said else False


def chance(conditions: Conditions, answers: Sequence[Answer]) -> float | None:
    """One p for a rule's conditions: the largest of ``all``; of ``any``, the smallest times their number."""
    known = [a.p for a in answers if a.holds is not None]
    if not known or (conditions.all and len(known) < len(answers)):
        return None
    return max(known) if conditions.all else min(1.0, min(known) * len(known))


def would_decide(e: Estimate, limit: float) -> int | None:
    """How many such cases would bring the interval to one side of the limit; None where no number would.

    An interval shrinks with the root of the cases: n * (half width / distance to the limit)^2.

    >>> would_decide(Estimate(metric="removal", value=0.3, low=0.1, high=0.5, n=50), 0.2)
    200
    """
    if e.value is None or e.low is None or e.high is None:
        return None
    distance = abs(abs(e.value) - limit)
    half = (e.high - e.low) / 2
    if distance < 1e-3 or half <= 0:
        return None
    cases = math.ceil(round(e.n * (half / distance) ** 2, 6))
    return max(cases, e.n + 1) if cases <= 100_000 else None
