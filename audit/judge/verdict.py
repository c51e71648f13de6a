"""Findings -> one verdict for each artefact and class, and the worst of them for the whole.

What attribution says is never enough for a verdict beyond ``suspected``, and never needed for one: what
counts is whether the answer changes when the artefact is taken away. A verdict is about this set of cases,
these regions and this one intervention; ``clear`` does not say that the model is good.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from audit.judge.asking import bearing, mirror_images, pool
from audit.judge.words import called, capital, tell, titles
from audit.record.nouns import Estimate, Finding, Region, Verdict, VerdictName

WORST_FIRST: tuple[VerdictName, ...] = (
    "confirmed",
    "suspected",
    "sensitive",
    "undecided",
    "clear",
    "legitimate",
)
NOTHING = "nothing is there to take away"
"""How the reason begins that removal gives for a region that looks as its surroundings do."""


def verdicts(
    findings: Sequence[Finding],
    gates: Sequence[Finding],
    estimates: Sequence[Estimate],
    regions: list[Region],
    classes: list[str],
    *,
    legitimate: Collection[str] = (),
) -> tuple[VerdictName, list[Verdict]]:
    """The overall verdict, and one row for each artefact that is there and class that it is about.

    With two classes a row is given for the class that the artefact speaks for, since the effect on the
    other is its mirror image; with more, one for each class that occurs. ``legitimate`` names the rules
    that call their sign clinical: what they flag is ``legitimate``. A region that is in no case has no row.
    """
    known = pool(estimates)
    names = titles(regions)
    many = not mirror_images(known, classes)
    rows: list[Verdict] = []
    for region in sorted(regions, key=lambda r: r.name):
        about = [f for f in findings if f.region == region.name]
        if region.role != "artefact" or _absent(known, region) or _bare(about):
            continue
        place = called(region.name, names)
        each = [
            _row(_Sight(about, gates, known, region.name, cls, place, legitimate, many=many))
            for cls in _classes(about, known, classes, many)
        ]
        rows += each
        if many and not _shut(gates):
            rows += _anyhow(about, each, region.name)
    if not rows:
        why = "No artefact region that was looked for shows anything in any case: nothing could be judged."
        rows = [Verdict(artefact="", cls="", verdict="undecided", statement=why)]
    rows.sort(key=lambda row: (WORST_FIRST.index(row.verdict), -_size(known, row)))
    return rows[0].verdict, rows


def _size(estimates: list[Estimate], row: Verdict) -> float:
    """How much taking the artefact away moves the answer; the largest comes first among equals."""
    sizes = [
        abs(e.value)
        for e in estimates
        if (e.metric, e.region, e.stratum) == ("removal", row.artefact, "all") and e.value is not None
    ]
    return max(sizes, default=0.0)


RARE = 0.05
"""A sign that a detector sees in no more of the cases than this cannot carry the figures of the set, nor be tested on
it; and a detector errs about as often. It is told as not tested. What an expert drew is judged however rare."""

DRAWN = "drawn"


def _absent(estimates: list[Estimate], region: Region) -> bool:
    """Nobody looked, or it is in no case or hardly any: it is told under what was not measured."""
    seen = [e for e in estimates if e.metric == "presence" and e.region == region.name and e.stratum == "all"]
    most = 0.0 if region.detector == DRAWN else RARE
    return bool(seen) and all(not e.value or e.value <= most for e in seen)


def _bare(about: list[Finding]) -> bool:
    """In every case the region looks as its surroundings do, or no rule asks whether it is needed; and nothing speaks
    against it.

    A plain black corner holds nothing that could be taken away, and no more does constant padding: not measured.
    """
    asked = any(f.evidence in ("reliance", "sufficiency") for f in about)
    tried = [
        e
        for f in about
        for e in f.estimates
        if e.metric in ("removal", "removal-change") and e.stratum == "all"
    ]
    bare = bool(tried) and all(e.value is None and (e.why or "").startswith(NOTHING) for e in tried)
    return (bare or not asked) and not any(f.outcome == "flagged" for f in about)


def _classes(about: list[Finding], estimates: list[Estimate], classes: list[str], many: bool) -> list[str]:
    """The classes that get a row."""
    if not many:
        for kinds in (("reliance",), ("association",)):
            for f in about:
                if f.evidence in kinds and f.cls and any(e.value is not None for e in f.estimates):
                    return [f.cls]
        return [classes[-1]]
    told = {
        e.cls
        for e in estimates
        if e.value is not None and e.metric in ("auc", "association", "content-mean", "content-spread")
    }
    return [c for c in classes if c in told] or list(classes) or [""]


class _Sight:
    """What there is to see of one artefact and class."""

    def __init__(
        self,
        about: list[Finding],
        gates: Sequence[Finding],
        estimates: list[Estimate],
        region: str,
        cls: str,
        place: str,
        legitimate: Collection[str],
        *,
        many: bool,
    ) -> None:
        self.region, self.cls, self.place = region, cls, place
        self.estimates = estimates
        mine = [f for f in about if not many or f.cls in (cls, "")]
        self.findings = tuple(dict.fromkeys(f.rule for f in mine))
        self.reliance = [f for f in mine if f.evidence in ("reliance", "sufficiency")]
        self.legitimate = any(f.rule in legitimate and f.outcome == "flagged" for f in self.reliance)
        self.signs = [f for f in mine if f.evidence in ("association", "attention", "harm")]
        # Attention is not about one class; with more than two it has a row of its own.
        self.suspicions = [f for f in self.signs if f.outcome == "flagged" and (f.cls or not many)]
        self.shut = _shut(gates)
        control = [g for g in gates if g.evidence == "control"]
        self.control = bool(control) and all(g.outcome == "clear" for g in control)
        failed = any(g.outcome == "flagged" for g in control)
        why = next((g.why for g in control if g.why), "no rule asks for it")
        self.control_why = (
            "the positive control failed, for painting over the lesion is not noticed either."
            if failed
            else f"the positive control was not passed ({why})."
        )

    def outcome(self, name: str) -> list[Finding]:
        return [f for f in self.reliance if f.outcome == name]

    def flagged(self, *evidence: str) -> list[Finding]:
        return [f for f in self.signs if f.outcome == "flagged" and f.evidence in evidence]

    def say(self, verdict: VerdictName, *parts: str) -> Verdict:
        statement = " ".join(dict.fromkeys(part for part in parts if part))
        return Verdict(
            artefact=self.region, cls=self.cls, verdict=verdict, statement=statement, findings=self.findings
        )

    def estimate(self, metric: str) -> Estimate | None:
        for e in self.estimates:
            if (e.metric, e.region, e.cls, e.stratum) == (metric, self.region, self.cls, "all"):
                return e if e.value is not None else None
        return None


def _row(see: _Sight) -> Verdict:
    reliance = _tell(see.reliance)
    if see.shut:
        why = " ".join(g.statement for g in see.shut)
        return see.say("undecided", f"Not decided, because a gate did not open. {why}", reliance)
    flagged = [f for f in see.outcome("flagged") if _by_removal(f)]
    if flagged:
        if see.legitimate:
            words = f"A rule calls {see.place} a clinical sign, so this is no shortcut."
            return see.say("legitimate", _tell(flagged), words)
        tied, words = _tie(see, flagged)
        return see.say("confirmed" if tied else "sensitive", _tell(flagged), words)
    if see.outcome("flagged"):
        words = "No matched control places were there to compare with, so this is not confirmed."
        return see.say("suspected", _tell(see.outcome("flagged")), words)
    undecided = see.outcome("undecided")
    clear = bool(see.outcome("clear")) and not undecided
    if clear and see.control:
        return see.say("clear", reliance, _aside(see))
    if see.suspicions:
        return see.say("suspected", _tell(see.suspicions), _open(see, clear=clear))
    return see.say("undecided", _open(see, clear=clear))


def _by_removal(f: Finding) -> bool:
    """Was the control subtracted? Only then can it be confirmed."""
    return any(e.metric in ("removal", "removal-flip") and e.value is not None for e in f.estimates)


def _tell(findings: Sequence[Finding]) -> str:
    return " ".join(dict.fromkeys(f.statement for f in findings))


def _tie(see: _Sight, flagged: list[Finding]) -> tuple[bool, str]:
    """Does the artefact go with the class in this set, in the direction in which the model uses it?

    First whether its presence does; where that does not tell, because all cases or nearly all have the place (a
    corner, the border), whether what the place shows does.
    """
    link = see.estimate("association")
    sign = 0 if link is None else _sign(link)
    if link is not None and sign:
        effect = next((s for f in flagged for e in f.estimates if _about(e, see) and (s := _sign(e))), 0)
        if effect and sign != effect:
            said = capital(tell(link, see.place))
            return False, f"In this set it goes the other way, so it does not flatter the figures. {said}."
        return True, f"And it goes with the class in this set: {tell(link, see.place)}."
    content = [e for m in ("content-mean", "content-spread") if (e := see.estimate(m)) is not None]
    tied = [e for e in content if _sign(e)]
    if tied:
        return True, "What it shows goes with the class: " + "; ".join(tell(e, see.place) for e in tied) + "."
    if content:
        shown = "; ".join(tell(e, see.place) for e in content)
        return False, f"Nothing in this set ties what it shows to '{see.cls}' for certain: {shown}."
    if link is not None:
        return (
            False,
            f"Nothing in this set ties it to '{see.cls}' for certain. {capital(tell(link, see.place))}.",
        )
    return False, f"Whether it goes with '{see.cls}' in this set could not be measured."


def _about(e: Estimate, see: _Sight) -> bool:
    return e.metric == "removal" and e.cls == see.cls and e.region == see.region


def _sign(e: Estimate) -> int:
    """The sign of an effect whose interval does not hold zero; else 0."""
    if e.low is None or e.high is None:
        return 0
    return 1 if e.low > 0 else -1 if e.high < 0 else 0


def _aside(see: _Sight) -> str:
    """What else was seen of an artefact that the answer does not need."""
    parts = []
    if see.flagged("attention"):
        parts.append(
            "The explainers point at it all the same, which by itself does not show that it is used: "
            + _tell(see.flagged("attention"))
        )
    if see.flagged("association", "harm"):
        parts.append(
            "It goes with the label in this set, so another model could learn it: "
            + _tell(see.flagged("association", "harm"))
        )
    return " ".join(parts)


def _open(see: _Sight, *, clear: bool) -> str:
    """Why reliance is not decided."""
    if clear:
        return f"{_tell(see.reliance)} That clears nothing: {see.control_why}"
    if see.outcome("undecided"):
        return _tell(see.outcome("undecided"))
    many = bearing(see.estimates, see.region)
    there = f" {many} case{'' if many == 1 else 's'} bear it." if many is not None else ""
    return f"Whether the answer needs {see.place} was not measured.{there}"


def _shut(gates: Sequence[Finding]) -> list[Finding]:
    """The gates that did not open."""
    return [g for g in gates if g.evidence == "gate" and g.outcome != "clear"]


def _anyhow(about: list[Finding], rows: list[Verdict], region: str) -> list[Verdict]:
    """With many classes, attention has one row, where no class is flagged and not every one is clear."""
    looks = [f for f in about if f.evidence == "attention" and f.outcome == "flagged" and not f.cls]
    told = {row.verdict for row in rows}
    if not looks or "undecided" not in told or told & {"confirmed", "sensitive", "suspected"}:
        return []
    words = "Whether the answer needs it is not decided for every class."
    rules = tuple(dict.fromkeys(f.rule for f in looks))
    return [
        Verdict(
            artefact=region,
            cls="",
            verdict="suspected",
            statement=f"{_tell(looks)} {words}",
            findings=rules,
        )
    ]
