"""Findings -> one verdict for each artefact, cue and class, and the worst of them for the whole.

What attribution says is never enough for a verdict beyond ``suspected``, and never needed for one: what
counts is whether the answer changes when the sign is taken away, put there or moved. A verdict is about this set
of cases and these signs; ``clear`` does not say that the model is good.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from audit.judge.doubts import idle, shadowed, unneeded
from audit.judge.elsewhere import elsewhere
from audit.judge.pool import mirror_images, pool
from audit.judge.schema import WEIGHTS, Weight
from audit.judge.sight import Sight, aside, left_open, shut, sign, tie, told
from audit.judge.words import ELSEWHERE, called, titles
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

JOINT = "joint"
DISCOVERED = "discovered"
FLAGGED = ("confirmed", "suspected", "sensitive")


def verdicts(
    findings: Sequence[Finding],
    gates: Sequence[Finding],
    estimates: Sequence[Estimate],
    regions: list[Region],
    classes: list[str],
    *,
    legitimate: Collection[str] = (),
    worth: Mapping[str, Weight] | None = None,
) -> tuple[VerdictName, list[Verdict]]:
    """The overall verdict, and one row for each artefact or cue that is there and class that it is about.

    With two classes a row is given for the class that the sign speaks for, since the effect on the
    other is its mirror image; with more, one for each class that occurs. ``legitimate`` names the rules
    that call their sign clinical: what they flag is ``legitimate``. ``worth``: of each rule, what a flag is worth;
    by its evidence where it is not named. A region that is in no case has no row, nor has a cue in which the classes
    do not differ, a clinical sign that no test shows to be needed, a place that the audit found by itself and that
    nothing speaks against, or the joint removal of all artefacts where one of them is flagged already. What is not
    a drawn lesion has one row a class, where lesions are drawn.
    """
    known = pool(estimates)
    names = titles(regions)
    many = not mirror_images(known, classes)
    worth = {**{f.rule: WEIGHTS.get(f.evidence, "informs") for f in findings}, **(worth or {})}
    rest = [] if shut(gates) else elsewhere(findings, worth)
    rows: list[Verdict] = []
    for region in sorted(regions, key=lambda r: r.name):
        about = [f for f in findings if f.region == region.name]
        if not _has_row(region, about, known, worth):
            continue
        place = called(region.name, names)
        signs = [r for r in regions if r.role == "clinical"]
        each = [
            _row(Sight(about, gates, known, region, cls, place, worth, frozenset(legitimate), many=many))
            for cls in _classes(about, known, classes, many)
        ]
        each = [unneeded(shadowed(row, region, signs, known), region, rest, known) for row in each]
        rows += each
        if many and not shut(gates):
            rows += _anyhow(about, each, region.name)
    named = any(r.verdict in FLAGGED for r in rows if r.artefact != JOINT)
    rows = [r for r in rows if r.artefact != JOINT or (r.verdict in FLAGGED and not named)]
    found = {r.name: r for r in regions if r.detector == DISCOVERED}
    rows = [r for r in rows if r.artefact not in found or _worth_telling(r, found[r.artefact], rest, known)]
    if not rows:
        why = "No artefact region that was looked for shows anything in any case: nothing could be judged."
        rows = [Verdict(artefact="", cls="", verdict="undecided", statement=why)]
    else:
        rows += rest
    rows.sort(key=lambda row: (*_gravity(row, found), -_size(known, row)))
    return rows[0].verdict, rows


def _gravity(row: Verdict, found: Collection[str]) -> tuple[int, int, float]:
    """The worst first; of equals, what was listed, what was found, what has no name; and then the strongest."""
    named = 2 if row.artefact == ELSEWHERE else int(row.artefact in found)
    return WORST_FIRST.index(row.verdict), named, -(row.strength or 0.0)


LEAST = 0.2
"""The smallest effect of interest, in standard deviations of the score: a place that nobody listed must reach it in
every test, because it was chosen on the cases on which it is tested."""


def _worth_telling(row: Verdict, region: Region, rest: Sequence[Verdict], known: Sequence[Estimate]) -> bool:
    """Of what was found: is it flagged, a place by removal and transplant both, or might it be the disease itself?

    A thing that cases bear was chosen in the pictures alone, before the model was asked about it: one test will do.
    What nobody listed is not told where the lesions, painted over, leave nothing that it could explain.
    """
    if idle(row.cls, (row.strength or 0.0) * _share(region, row.cls, known), rest, known):
        return False
    far = region.borne or (row.strength or 0.0) > LEAST
    return bool(row.verdict in FLAGGED and far) or (
        row.verdict == "undecided" and row.strength is None and "the disease itself" in row.statement
    )


def _share(region: Region, cls: str, known: Sequence[Estimate]) -> float:
    """How much more often cases of the class bear it than the others; 1 of a place that every case has."""
    if not region.borne:
        return 1.0
    about = ("association", region.name, cls, "all")
    link = next((e.value for e in known if (e.metric, e.region, e.cls, e.stratum) == about), None)
    return abs(link or 0.0)


def _size(estimates: list[Estimate], row: Verdict) -> float:
    """How much taking the artefact away moves the answer; the largest comes first among equals."""
    sizes = [
        abs(e.value)
        for e in estimates
        if (e.region, e.stratum) == (row.artefact, "all")
        and e.metric in ("removal", "shift")
        and e.value is not None
    ]
    return max(sizes, default=0.0)


RARE = 0.05
"""A sign that a detector sees in no more of the cases than this cannot carry the figures of the set, nor be tested on
it; and a detector errs about as often. It is told as not tested. What an expert drew is judged however rare."""

DRAWN = "drawn"


def _has_row(
    region: Region, about: list[Finding], estimates: list[Estimate], worth: Mapping[str, Weight]
) -> bool:
    """Is it there, and was anything asked of it? Of a clinical sign, does the answer need it for certain?

    A cue of which no rule decides has no row, unless the score follows it within a label for certain, or moving it
    moves the answer: it is told in the table of cues. It is not called clear for that.
    """
    if region.role == "lesion":
        return False
    if region.role == "clinical":
        return any(f.outcome == "flagged" and worth[f.rule] == "confirms" for f in about)
    if region.role == "cue":
        sure = {e.metric for e in estimates if e.region == region.name and e.stratum == "all" and sign(e) > 0}
        apart = any(e.metric == "separation" and e.region == region.name and sign(e) for e in estimates)
        decided = {f.outcome for f in about if worth[f.rule] == "confirms"} & {"clear"}
        open_ = decided or "follow" in sure or _moves(estimates, region.name)
        return any(f.outcome == "flagged" for f in about) or (apart and bool(open_))
    return not (_absent(estimates, region) or _bare(about))


def _moves(estimates: list[Estimate], cue: str) -> bool:
    """In the cases of one label, does moving the cue move the answer for certain, by itself and beyond control?"""
    far = {
        (e.metric, e.cls, e.stratum)
        for e in estimates
        if e.region == cue and e.metric in ("shift", "shift-change") and e.low is not None and e.low > LEAST
    }
    return any(("shift-change", *rest) in far for metric, *rest in far if metric == "shift")


def _absent(estimates: list[Estimate], region: Region) -> bool:
    """Nobody looked, or it is in no case or hardly any: it is told under what was not measured."""
    seen = [e for e in estimates if e.metric == "presence" and e.region == region.name and e.stratum == "all"]
    most = 0.0 if region.detector == DRAWN else RARE
    return bool(seen) and all(not e.value or e.value <= most for e in seen)


FIRST = ("", "inpaint", "reflect")
"""The way of painting over that is tried wherever one can be: of bars, the picture's reflection."""


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
        if e.metric in ("removal", "removal-change") and e.stratum == "all" and e.fill in FIRST
    ]
    bare = bool(tried) and all(e.value is None and (e.why or "").startswith(NOTHING) for e in tried)
    return (bare or not asked) and not any(f.outcome == "flagged" for f in about)


def _classes(about: list[Finding], estimates: list[Estimate], classes: list[str], many: bool) -> list[str]:
    """The classes that get a row."""
    if not many:
        for kinds in (("reliance",), ("sufficiency",), ("association",)):
            for f in about:
                if f.evidence in kinds and f.cls and any(e.value is not None for e in f.estimates):
                    return [f.cls]
        return [classes[-1]]
    metrics = ("auc", "association", "content-mean", "content-spread", "separation")
    with_cases = {e.cls for e in estimates if e.value is not None and e.metric in metrics}
    return [c for c in classes if c in with_cases] or list(classes) or [""]


BUT = {
    "artefact": "But not every way of painting over says so, so this is not confirmed.",
    "cue": "But the score does not follow it for certain among cases of one label, so this is not confirmed.",
}
"""Why an effect that another test of reliance does not show is only suspected."""


UNFOLLOWED = (
    "But moving it moves the answer, by itself and beyond random changes, and where a cue goes with the label few "
    "cases of one label differ in it, so that the score could hardly be seen to follow: not cleared."
)


def _unfollowed(see: Sight) -> bool:
    """Does the answer move with a cue, though the score is not seen to follow it, and is not sure not to?"""
    follow = see.estimate("follow")
    sure = follow is not None and follow.high is not None and follow.high <= FOLLOWED
    mine = [e for e in see.estimates if e.cls == see.cls]
    return see.region.role == "cue" and not sure and _moves(mine, see.region.name)


FOLLOWED = 0.1
"""A score that follows a cue by no more than this, for certain, does not use it: as in `reliance-cues-unfollowed`."""


def _row(see: Sight) -> Verdict:
    if see.shut:
        why = " ".join(g.statement for g in see.shut)
        return see.say("undecided", f"Not decided, because a gate did not open. {why}", told(see.reliance))
    outcomes = {f.outcome for f in see.reliance}
    flagged = [f for f in see.reliance if f.outcome == "flagged"]
    if flagged and any(_controlled(f) for f in flagged):
        return _needed(see, [f for f in flagged if _controlled(f)])
    if flagged:
        words = "No matched control places were there to compare with, so this is not confirmed."
        return see.say("suspected", told(flagged), words)
    clear = "clear" in outcomes and "undecided" not in outcomes
    hinted = [f for f in see.suspicions if f.evidence == "sufficiency"]
    enough = [f for f in see.sufficiency if f.outcome == "flagged"] or hinted
    towards = see.transplanted() > 0 or not see.everywhere
    if enough and towards and tie(see, see.transplanted())[0] and not (clear and see.control):
        words = "But taking it away does not show that the answer needs it, so this is not confirmed."
        return see.say("suspected", told([*see.sufficiency, *enough]), words, left_open(see, clear=clear))
    disagree = [f for f in see.suspicions if f.evidence == "reliance"]
    if disagree and clear and see.control:
        return see.say("suspected", told(disagree), BUT[see.region.role], told(see.reliance))
    if clear and see.control and _unfollowed(see):
        return see.say("undecided", told(see.reliance), UNFOLLOWED)
    if clear and see.control:
        return see.say("clear", told(see.reliance), aside(see))
    rest = [f for f in see.suspicions if f not in hinted]
    if rest:
        return see.say("suspected", told(rest), left_open(see, clear=clear))
    heard = [f for f in see.sufficiency if f in enough or any(sign(e) for e in f.estimates)]
    return see.say("undecided", left_open(see, clear=clear), told(heard))


def _needed(see: Sight, flagged: list[Finding]) -> Verdict:
    """The answer needs it: is it a shortcut, a mere sensitivity, or a clinical sign?"""
    if see.legitimate:
        return see.say(
            "legitimate", told(flagged), f"A rule calls {see.place} a clinical sign, so this is no shortcut."
        )
    crossed = _crossed(see)
    if crossed:
        return see.say("suspected", told(flagged), crossed, told(see.sufficiency))
    tied, words = tie(see, see.direction())
    other = told([f for f in see.sufficiency if f.outcome == "flagged"])
    this = "such things" if see.region.borne else "this place"
    if see.region.detector == DISCOVERED and see.undrawn:
        word = f"Nobody listed {this}, and no lesion is drawn: it may be the disease itself."
        return replace(see.say("undecided", told(flagged), other, words, word), strength=None)
    if see.region.role == "cue" and see.undrawn and tied:
        word = "No lesion is drawn, so a cue that disease itself changes cannot be told apart: not confirmed."
        return see.say("suspected", told(flagged), words, word)
    if see.region.detector == DISCOVERED:
        word = f"Nobody listed {this}, so an expert must say whether it is a clinical sign."
        return see.say("suspected" if tied else "sensitive", told(flagged), other, words, word)
    if see.region.name == JOINT:
        word = "No single artefact does it by itself, so none can be named."
        return see.say("suspected", told(flagged), word)
    return see.say("confirmed" if tied else "sensitive", told(flagged), other, words)


def _crossed(see: Sight) -> str:
    """Does putting it into other cases say otherwise? Empty where it agrees, or could not be asked."""
    direction, put = see.direction(), see.transplanted()
    if any(f.outcome == "clear" for f in see.sufficiency):
        return (
            "But putting it into cases of other classes does not move the answer, so this is not confirmed."
        )
    if put < 0 if see.everywhere else direction and put == -direction:
        return "But putting it into cases of other classes moves the answer the other way, so this is not confirmed."
    return ""


def _controlled(f: Finding) -> bool:
    """Was the control subtracted? Only then can it be confirmed."""
    beyond = ("removal", "removal-flip", "shift")
    return any(e.metric in beyond and e.value is not None for e in f.estimates)


def _anyhow(about: list[Finding], rows: list[Verdict], region: str) -> list[Verdict]:
    """With many classes, attention has one row, where no class is flagged and not every one is clear."""
    looks = [f for f in about if f.evidence == "attention" and f.outcome == "flagged" and not f.cls]
    said = {row.verdict for row in rows}
    if not looks or "undecided" not in said or said & set(FLAGGED):
        return []
    words = "Whether the answer needs it is not decided for every class."
    rules = tuple(dict.fromkeys(f.rule for f in looks))
    statement = f"{told(looks)} {words}"
    return [Verdict(artefact=region, cls="", verdict="suspected", statement=statement, findings=rules)]
