"""What there is to see of one artefact or cue and class: its findings by what they are worth, and its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scipy.special import ndtr

from audit.judge.pool import bearing
from audit.judge.schema import Weight
from audit.judge.words import capital, tell
from audit.record.nouns import Estimate, Finding, Region, Verdict, VerdictName

INTERVENTION = {"artefact": "removal", "cue": "shift", "clinical": "shift"}
"""What answers, by the role, whether the answer needs a sign."""


PADDING = "padding"


class Sight:
    """One artefact or cue and one class."""

    def __init__(
        self,
        about: Sequence[Finding],
        gates: Sequence[Finding],
        estimates: list[Estimate],
        region: Region,
        cls: str,
        place: str,
        worth: Mapping[str, Weight],
        legitimate: frozenset[str],
        *,
        many: bool,
    ) -> None:
        self.region, self.cls, self.place, self.estimates = region, cls, place, estimates
        mine = [f for f in about if not many or f.cls in (cls, "")]
        self.intervention = INTERVENTION.get(region.role, "removal")
        self.findings = tuple(dict.fromkeys(f.rule for f in mine))
        confirming = [f for f in mine if worth.get(f.rule) == "confirms"]
        self.reliance = [f for f in confirming if f.evidence != "sufficiency"]
        self.sufficiency = [f for f in confirming if f.evidence == "sufficiency"]
        flagged = [f for f in mine if f.outcome == "flagged"]
        self.legitimate = region.role == "clinical" or any(f.rule in legitimate for f in flagged)
        # Attention is not about one class; with more than two it has a row of its own.
        self.suspicions = [f for f in flagged if worth.get(f.rule) == "suggests" and (f.cls or not many)]
        self.asides = [f for f in flagged if f not in self.reliance]
        self.shut = shut(gates)
        control = [g for g in gates if g.evidence == "control"]
        self.control = bool(control) and all(g.outcome == "clear" for g in control)
        self.undrawn = not any(g.outcome in ("clear", "flagged") for g in control)
        failed = any(g.outcome == "flagged" for g in control)
        why = next((g.why for g in control if g.why), "no rule asks for it")
        self.control_why = (
            "the positive control failed, for painting over the lesion is not noticed either."
            if failed
            else f"the positive control was not passed ({why})."
        )

    def say(self, verdict: VerdictName, *parts: str) -> Verdict:
        """The row."""
        statement = " ".join(dict.fromkeys(part for part in parts if part))
        return Verdict(
            artefact=self.region.name,
            cls=self.cls,
            verdict=verdict,
            statement=statement,
            findings=self.findings,
            strength=self.strength(),
        )

    def estimate(self, metric: str) -> Estimate | None:
        """The estimate over all cases, None where nothing was measured."""
        about = (metric, self.region.name, self.cls, "all")
        found = [e for e in self.estimates if (e.metric, e.region, e.cls, e.stratum) == about]
        return next((e for e in found if e.value is not None), None)

    def voters(self, findings: Sequence[Finding], metric: str) -> list[Estimate]:
        """The estimates of a metric for this class that the rules behind the findings let vote."""
        # With two classes a finding may be for the other one, whose effects mirror these.
        asked = {(e.fill, e.stratum) for f in findings for e in f.estimates if e.metric == metric}
        return [
            e
            for e in self.estimates
            if (e.metric, e.region, e.cls) == (metric, self.region.name, self.cls)
            and (e.fill, e.stratum) in asked
            and e.value is not None
        ]

    def direction(self) -> int:
        """For the class or against it: the sign of what taking the sign away, or moving it, does; 0 if none is sure."""
        return surest(self.voters(self.reliance, self.intervention))

    def transplanted(self) -> int:
        """For the class or against it: the sign of what putting it in does; 0 where that is not sure, or not made."""
        return surest(self.voters(self.sufficiency, "transplant"))

    @property
    def everywhere(self) -> bool:
        """Is it a place that every case has? What it shows in one class is then put into cases of another."""
        name, fixed = self.region.name, self.region.detector in ("discovered", "saved place")
        return name.startswith("corner-") or name == "border" or (fixed and not self.region.borne)

    def strength(self) -> float | None:
        """The smallest effect that a confirmation asks for, in the stratum where that is largest.

        Of a cue that effect counts as far as it is certain that the score follows it.
        """
        asked = self.voters(self.reliance, self.intervention)
        if not asked:
            return None
        plain = self.voters(self.reliance, f"{self.intervention}-change")
        beside = {(e.fill, e.stratum) for e in asked}
        asked += [e for e in plain if (e.fill, e.stratum) in beside]
        strata = {e.stratum for e in asked}
        least = [_together([e.value or 0.0 for e in asked if e.stratum == s]) for s in sorted(strata)]
        size = max(least, key=abs)
        follow = self.estimate("follow") if self.region.role != "artefact" else None
        if follow is not None and follow.value is not None:
            return max(0.0, size * _sure(follow))
        transplants = [e.value or 0.0 for e in self.voters(self.sufficiency, "transplant")]
        if transplants and self.everywhere:
            return max(0.0, min(abs(size), max(transplants)))
        if transplants:
            size = max((_together([size, t]) for t in transplants), key=abs)
        return abs(size)


def _together(values: Sequence[float]) -> float:
    """The smallest of values that agree in sign; 0 where they do not.

    >>> _together([0.4, 0.3]), _together([-0.4, 0.3]), _together([-0.4, -0.5])
    (0.3, 0.0, -0.4)
    """
    if all(v > 0 for v in values) or all(v < 0 for v in values):
        return min(values, key=abs)
    return 0.0


def _sure(e: Estimate) -> float:
    """How certain it is that an effect is positive: from 0, where it is as likely negative, to 1.

    >>> _sure(Estimate(metric="follow", value=0.2, low=0.0, high=0.4, se=0.1)) > 0.95
    True
    >>> _sure(Estimate(metric="follow", value=-0.2, low=-0.4, high=0.0, se=0.1))
    0.0
    """
    if e.value is None or e.low is None or e.high is None:
        return 0.0
    se = e.se or (e.high - e.low) / (2 * 1.96)
    return max(0.0, 2 * float(ndtr(e.value / se)) - 1) if se > 0 else float(e.value > 0)


def sign(e: Estimate) -> int:
    """The sign of an effect whose interval does not hold zero; else 0."""
    if e.low is None or e.high is None:
        return 0
    return 1 if e.low > 0 else -1 if e.high < 0 else 0


def surest(estimates: Sequence[Estimate]) -> int:
    """The sign of the effect whose interval lies farthest from zero; 0 where every interval holds it."""
    sure = [e for e in estimates if sign(e)]
    return sign(max(sure, key=lambda e: min(abs(e.low or 0.0), abs(e.high or 0.0)))) if sure else 0


def shut(gates: Sequence[Finding]) -> list[Finding]:
    """The gates that did not open. One about lesions is no gate where none is drawn."""
    return [
        g
        for g in gates
        if g.evidence == "gate" and (g.outcome == "flagged" or (g.outcome == "undecided" and not g.region))
    ]


def tie(see: Sight, effect: int) -> tuple[bool, str]:
    """Does the sign go with the class in this set, in the direction in which the model uses it?

    ``effect`` is that direction: 1 for the class, -1 against it, 0 where it is not known.

    First whether its presence does; where that does not tell, because all cases or nearly all have the place (a
    corner, the border), whether what the place shows does, and of padding first how much there is. Of a cue, whether
    its value does: a shift is measured in that direction, so that only a positive effect flatters the figures.
    """
    if see.region.role != "artefact":
        link = see.estimate("separation")
        if link is None or not sign(link):
            return False, f"Nothing in this set ties it to '{see.cls}' for certain."
        said = capital(tell(link, see.place))
        if effect < 0:
            return False, f"The answer goes the other way, so it does not flatter the figures. {said}."
        return True, f"And it goes with the class in this set: {tell(link, see.place)}."
    if see.everywhere and see.transplanted() > 0:
        moved = next(e for e in see.voters(see.sufficiency, "transplant") if sign(e) > 0)
        return True, f"What it shows goes with the class: {tell(moved, see.place)}."
    link = see.estimate("association")
    going = 0 if link is None else sign(link)
    if link is not None and going:
        if effect and not see.everywhere and going != effect:
            said = capital(tell(link, see.place))
            return False, f"In this set it goes the other way, so it does not flatter the figures. {said}."
        return True, f"And it goes with the class in this set: {tell(link, see.place)}."
    size = see.estimate("content-size") if see.region.name == PADDING else None
    if size is not None and sign(size):
        # bars are taken off, and the black around a field of view stays: the more there is, the more bars
        said = tell(size, see.place)
        if effect and sign(size) != effect:
            words = "In this set it goes the other way, so it does not flatter the figures."
            return False, f"{words} {capital(said)}."
        return True, f"And it goes with the class in this set: {said}."
    content = [e for m in ("content-mean", "content-spread") if (e := see.estimate(m)) is not None]
    tied = [e for e in content if sign(e)]
    if tied:
        return True, "What it shows goes with the class: " + "; ".join(tell(e, see.place) for e in tied) + "."
    if content:
        shown = "; ".join(tell(e, see.place) for e in content)
        return False, f"Nothing in this set ties what it shows to '{see.cls}' for certain: {shown}."
    if link is not None:
        said = capital(tell(link, see.place))
        return False, f"Nothing in this set ties it to '{see.cls}' for certain. {said}."
    return False, f"Whether it goes with '{see.cls}' in this set could not be measured."


def told(findings: Sequence[Finding]) -> str:
    """What findings say, each sentence once."""
    return " ".join(dict.fromkeys(f.statement for f in findings))


def aside(see: Sight) -> str:
    """What else was seen of a sign that the answer does not need."""
    parts = []
    looks = [f for f in see.asides if f.evidence == "attention"]
    if looks:
        parts.append(
            "The explainers point at it all the same, which by itself does not show that it is used: "
            + told(looks)
        )
    goes = [f for f in see.asides if f.evidence == "association" and not _follows(f)]
    if goes:
        parts.append("It goes with the label in this set, so another model could learn it: " + told(goes))
    rest = [f for f in see.asides if f not in looks and f not in goes]
    if rest:
        parts.append("Other signs speak against it, though the answer does not need it: " + told(rest))
    return " ".join(parts)


def _follows(f: Finding) -> bool:
    """Is it about the score, and not about the label alone?"""
    return any(e.metric == "follow" for e in f.estimates)


def left_open(see: Sight, *, clear: bool) -> str:
    """Why reliance is not decided."""
    if clear:
        return f"{told(see.reliance)} That clears nothing: {see.control_why}"
    undecided = [f for f in see.reliance if f.outcome == "undecided"]
    if undecided:
        return told(undecided)
    many = bearing(see.estimates, see.region.name)
    there = f" {many} case{'' if many == 1 else 's'} bear it." if many is not None else ""
    return f"Whether the answer needs {see.place} was not measured.{there}"
