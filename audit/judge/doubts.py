"""Two doubts about a cue that was flagged: is it the shadow of a clinical sign, and is anything left for it to do?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from audit.judge.elsewhere import left
from audit.judge.sight import sign
from audit.judge.words import called, capital, tell, titles
from audit.record.nouns import Estimate, Region, Verdict


def shadowed(row: Verdict, region: Region, clinical: Sequence[Region], known: list[Estimate]) -> Verdict:
    """A cue that the score follows no more than it follows a clinical sign may be that sign's shadow: fine vessels make
    a picture sharp. It is then undecided, and says so.

    Unless the shadow falls the other way: where moving the cue alone takes the reading of the sign along, as blocks of
    compression read like vessels, the sign's reading tells nothing that the cue does not.
    """
    if region.role != "cue" or row.verdict not in ("confirmed", "suspected"):
        return row
    follow = {e.region: e for e in known if (e.metric, e.cls, e.stratum) == ("follow", row.cls, "all")}
    own = follow.get(region.name)
    for other in clinical:
        sure = follow.get(other.name)
        if own is None or sure is None or own.value is None or sure.value is None:
            continue
        if sign(sure) > 0 and sure.value >= own.value:
            name = called(other.name, titles([other]))
            along = _along(known, region.name, other.name, row.cls)
            if along is not None:
                comes = capital(tell(along, called(region.name, titles([region]))))
                row = replace(row, statement=f"{row.statement} {comes}, so that reading says no more.")
                continue
            words = f"But {tell(sure, name)}, so the two cannot be told apart, and {name} is a clinical sign."
            return replace(row, verdict="undecided", statement=f"{row.statement} {words}", strength=None)
    return row


ALONG = 0.25
"""Of what the classes differ by in a clinical sign: a cue that takes its reading so far along, for certain, is not its
shadow. Moving sharpness takes true vessels along by -0.08, moving compression by 0.57 (setting half of the zoo)."""


def _along(known: list[Estimate], cue: str, sign_: str, cls: str) -> Estimate | None:
    about = ("carried", cue, sign_, cls)
    for e in known:
        if (e.metric, e.region, e.other, e.cls) == about and e.low is not None and e.low > ALONG:
            return e
    return None


def unneeded(row: Verdict, region: Region, rest: Sequence[Verdict], known: Sequence[Estimate]) -> Verdict:
    """A cue that would move the answer farther than all that is not drawn tells the classes apart cannot be what does.

    The picture was then changed as no camera changes it, or as lesions do: the model reacts, and no more is shown.
    """
    if region.role != "cue" or row.verdict not in ("confirmed", "suspected"):
        return row
    moved = [
        e.low
        for e in known
        if (e.metric, e.region, e.cls) == ("shift", region.name, row.cls) and e.low is not None
    ]
    if not idle(row.cls, max(moved, default=0.0), rest, known):
        return row
    words = (
        "But with the drawn lesions painted over the classes are told apart by less than that, so this is not what "
        "tells them apart in this set."
    )
    return replace(row, verdict="sensitive", statement=f"{row.statement} {words}")


def idle(cls: str, effect: float, rest: Sequence[Verdict], known: Sequence[Estimate]) -> bool:
    """Do the lesions, painted over, leave for certain less than this effect would make between the classes?"""
    said = {r.verdict for r in rest if r.cls == cls} or {r.verdict for r in rest}
    over = left(known, cls)
    return said == {"clear"} and over is not None and over.high is not None and effect > over.high
