"""What is not a drawn lesion: does it tell the classes apart? One row beside those of what was listed or found.

It names nothing, and needs no name: a shortcut that no region, cue or search shows is in it too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audit.judge.schema import Weight
from audit.judge.words import ELSEWHERE
from audit.record.nouns import Estimate, Finding, Verdict, VerdictName

LEFTOVER = "leftover"

SAID: Mapping[str, tuple[VerdictName, str]] = {
    "flagged": (
        "suspected",
        "So something that is not a drawn lesion tells the classes apart: a shortcut, named here or not, or a sign of "
        "disease that nobody drew. An expert must look.",
    ),
    "clear": ("clear", "So what is not drawn hardly tells the classes apart in this set."),
    "undecided": (
        "undecided",
        "Whether something else than the drawn lesions tells the classes apart is open.",
    ),
}


def elsewhere(findings: Sequence[Finding], worth: Mapping[str, Weight]) -> list[Verdict]:
    """A row for each class of which it was measured; none where no lesion is drawn or no rule asks."""
    rows = []
    for f in findings:
        found = left(f.estimates, f.cls)
        if found is None or found.value is None or worth[f.rule] == "informs":
            continue
        verdict, words = SAID[f.outcome]
        rows.append(
            Verdict(
                artefact=ELSEWHERE,
                cls=f.cls,
                verdict=verdict,
                statement=f"{f.statement} {words}",
                findings=(f.rule,),
                strength=max(0.0, found.value),
            )
        )
    return rows


def left(estimates: Sequence[Estimate], cls: str) -> Estimate | None:
    """The estimate for a class, None where there is none."""
    return next((e for e in estimates if e.metric == LEFTOVER and e.cls == cls), None)
