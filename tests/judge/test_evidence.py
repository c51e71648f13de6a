"""Several ways of painting over, transplants, cues, clinical signs, found places: what each may say at most."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from handmade import (
    BETWEEN,
    BIG,
    BRIGHTNESS,
    CONTROL,
    CORE,
    CORNER,
    FOLLOWS,
    FOUND,
    GATES,
    GOES,
    GROUND,
    JOINT,
    LESION,
    LOOKS,
    LOOSE,
    PADDING,
    SMALL,
    TEXT,
    THERE,
    THREE,
    TWO,
    VESSELS,
    est,
    judged,
    looks,
    mirrored,
    only,
    region,
    unmoved,
)

from audit.judge import exit_code, judge, load
from audit.judge.schema import Conditions
from audit.judge.sight import surest
from audit.record import Estimate

SANE = ("inpaint", "ring", "donor")
PUT = mirrored("transplant", 0.9, 0.2)
PUT_SMALL = mirrored("transplant", 0.02, 0.08)
PUT_BETWEEN = mirrored("transplant", 0.25, 0.2)
PUT_AGAINST = mirrored("transplant", -0.9, 0.2)


def fills(*values: float, half: float = 0.1, **more: Any) -> list[Estimate]:
    """The effect of removal by each sane way of painting over, in turn."""
    pairs = zip(SANE, values, strict=False)
    return [e for fill, value in pairs for e in mirrored("removal", value, half, fill=fill, **more)]


def strange(fill: str, share: float = 0.8, **more: Any) -> Estimate:
    return est("strange", share, fill=fill, region="text", **more)


def outcomes(estimates: list[Estimate], **more: Any) -> dict[str, str]:
    return {f.rule: f.outcome for f in judged(estimates, **more).findings if f.region != "lesion"}


# -- every way of painting over ----------------------------------------------------------------------


def test_every_sane_way_agreeing_confirms_and_the_smallest_is_the_strength() -> None:
    """What a confirmation rests on is its weakest leg."""
    row = only(judged([*GROUND, *fills(1.4, 0.9, 1.1), *GOES]))
    assert (row.verdict, row.strength) == ("confirmed", 0.9)
    assert "with the colour and noise of its surround" in row.statement


@pytest.mark.parametrize("values", [(1.4, 0.05, 1.1), (1.4, 0.9, -0.9), (1.4, 0.05, 0.02), (0.9, 0.25, 0.8)])
def test_ways_that_disagree_are_suspected(values: tuple[float, ...]) -> None:
    """One way that shows nothing, or the other sign, takes the confirmation; the suspicion stays."""
    estimates = [*GROUND, *fills(*values), *GOES]
    row = only(judged(estimates))
    assert row.verdict == "suspected"
    assert outcomes(estimates)["reliance-some-fills"] == "flagged"
    assert outcomes(estimates)["reliance-artefacts"] != "flagged"


@pytest.mark.parametrize("values", [(0.05, 0.02, 0.6), (0.05, 0.9, 0.8), (0.05, -0.9, 0.02)])
def test_what_a_rule_flags_of_some_ways_takes_the_clearing(values: tuple[float, ...]) -> None:
    """The shipped rules hear inpainting on what is clear; a rule that hears every way makes a suspicion of one."""
    estimates = [*GROUND, *fills(*values), *GOES]
    assert only(judged(estimates)).verdict == "clear"
    every_way = [
        r.model_copy(
            update={"when": Conditions(all=tuple(c.model_copy(update={"fill": SANE}) for c in r.when.all))}
        )
        if r.id == "reliance-some-fills"
        else r
        for r in CORE
    ]
    row = only(judge(every_way, unmoved(estimates), regions=[LESION, TEXT], classes=TWO))
    assert row.verdict == "suspected"
    assert "not every way of painting over says so" in row.statement


def test_one_sign_is_asked_within_a_stratum_not_across() -> None:
    """Cases of two labels may react in two ways; the ways of painting over must agree in one of them."""
    healthy = fills(-1.0, -0.9, -0.8, stratum="label=healthy")
    row = only(judged([*GROUND, *fills(0.05, 0.05, 0.05), *healthy, *GOES]))
    assert (row.verdict, row.cls) == ("sensitive", "healthy")
    mixed = fills(-1.0, 0.9, -0.8, stratum="label=healthy")
    assert only(judged([*GROUND, *fills(0.05, 0.05, 0.05), *mixed, *GOES])).verdict == "suspected"


def test_a_strange_way_has_no_vote() -> None:
    """Neither against nor for: what a network has never seen the like of says little of the artefact."""
    disagree = fills(1.4, 0.05, 1.1)
    assert only(judged([*GROUND, *disagree, *GOES])).verdict == "suspected"
    row = only(judged([*GROUND, *disagree, *GOES, strange("ring")]))
    assert (row.verdict, row.strength) == ("confirmed", 1.1)
    assert only(judged([*GROUND, *disagree, *GOES, strange("ring", 0.3)])).verdict == "suspected"
    alone = fills(0.02, 0.9, 0.05)
    assert only(judged([*GROUND, *alone, *LOOSE, strange("ring")])).verdict == "clear"


def test_a_strange_way_has_no_vote_for_clearing_either() -> None:
    """Clear rests on inpainting, unless that is what is strange."""
    row = only(judged([*GROUND, *SMALL, *LOOSE, strange("inpaint")]))
    assert row.verdict == "undecided"
    assert "the picture is strange to the network" in row.statement


def test_a_strange_way_does_not_say_which_way_the_artefact_speaks() -> None:
    """A donor's patch that shouts the other way turns no shortcut into a mere sensitivity."""
    estimates = [*GROUND, *fills(1.4, 0.9, -4.0), *GOES, strange("donor")]
    assert only(judged(estimates)).verdict == "confirmed"


@pytest.mark.parametrize("fill", ["blur", "black"])
def test_black_and_blur_only_show_what_they_do(fill: str) -> None:
    """A black spot looks like a haemorrhage: it neither makes nor breaks a verdict."""
    for value in (-2.0, 0.0, 2.0):
        beside = mirrored("removal", value, 0.1, fill=fill)
        assert only(judged([*GROUND, *fills(1.4, 0.9, 1.1), *beside, *GOES])).verdict == "confirmed"
        assert only(judged([*GROUND, *fills(0.02, 0.05, 0.0), *beside, *GOES])).verdict == "clear"
        row = only(judged([*GROUND, *fills(1.4, 0.9, 1.1), *beside, *GOES]))
        assert row.strength == 0.9


def test_a_lighter_dose_is_no_vote() -> None:
    """Half the paint moves the answer by half: a figure for the report."""
    dose = mirrored("removal-dose", 0.02, 0.08, other="0.5")
    assert only(judged([*GROUND, *BIG, *GOES, *dose])).verdict == "confirmed"


# -- explainers ------------------------------------------------------------------------------------------


def test_an_insane_explainer_has_no_vote() -> None:
    """A map that the network's weights hardly change says nothing of the network."""
    estimates = [*GROUND, *BETWEEN, *LOOSE, *LOOKS]
    assert only(judged(estimates)).verdict == "suspected"
    about = {"explainer": "lime", "layer": "last", "family": "perturbation"}
    assert only(judged([*estimates, est("sanity", 0.8, 0.1, **about)])).verdict == "undecided"
    assert only(judged([*estimates, est("sanity", 0.2, 0.1, **about)])).verdict == "suspected"
    assert only(judged([*estimates, est("sanity", None, **about)])).verdict == "suspected"
    other_layer = {**about, "layer": "first"}
    assert only(judged([*estimates, est("sanity", 0.8, 0.1, **other_layer)])).verdict == "suspected"


def test_where_no_explainer_is_sane_it_is_said() -> None:
    """Not that nothing was measured."""
    sanity = [est("sanity", 0.8, 0.1, explainer=n, layer="last") for n in ("grad-cam", "lime")]
    found = judged([*GROUND, *BETWEEN, *LOOSE, *LOOKS, *sanity]).findings
    (look,) = [f for f in found if f.rule == "attention-artefacts"]
    assert "hardly change when the network's weights are drawn anew" in str(look.why)


def test_an_edge_map_does_not_vote() -> None:
    """It knows nothing of the network, and text is full of edges."""
    edges = [*looks(6.0, 0.99, "edges", "baseline"), *looks(3.0, 0.99, "uniform", "baseline")]
    one = looks(4.3, 0.97, "grad-cam", "cam")
    assert outcomes([*GROUND, *edges])["attention-artefacts"] == "undecided"
    assert outcomes([*GROUND, *edges, *one])["attention-artefacts"] == "undecided"
    assert outcomes([*GROUND, *edges, *LOOKS])["attention-artefacts"] == "flagged"
    low = [*looks(0.5, 0.5, "grad-cam", "cam"), *looks(0.4, 0.5, "lime", "perturbation")]
    assert outcomes([*GROUND, *low, *edges])["attention-artefacts"] == "clear"


def test_relevance_must_stand_out_among_like_places() -> None:
    """Twice the share of the area is what every place with such edges gets."""
    everywhere = [*looks(4.3, 0.6, "grad-cam", "cam"), *looks(3.1, 0.55, "lime", "perturbation")]
    assert only(judged([*GROUND, *BETWEEN, *LOOSE, *everywhere])).verdict == "undecided"


# -- putting it into other cases -------------------------------------------------------------------------


def test_transplant_agreeing_confirms_and_bounds_the_strength() -> None:
    """Needed and enough."""
    row = only(judged([*GROUND, *BIG, *GOES, *PUT]))
    assert (row.verdict, row.strength) == ("confirmed", 0.9)
    assert "of cases of other classes into a case" in row.statement


@pytest.mark.parametrize(
    ("put", "words"),
    [(PUT_SMALL, "does not move the answer"), (PUT_AGAINST, "moves the answer the other way")],
)
def test_a_transplant_that_says_otherwise_takes_the_confirmation(put: list[Estimate], words: str) -> None:
    """Two interventions that contradict each other are a reason to look, and no proof."""
    row = only(judged([*GROUND, *BIG, *GOES, *put]))
    assert row.verdict == "suspected"
    assert words in row.statement


@pytest.mark.parametrize("put", [PUT_BETWEEN, [est("transplant", None, region="text", cls=c) for c in TWO]])
def test_a_transplant_that_could_not_say_does_not(put: list[Estimate]) -> None:
    """Where every case bears the artefact there is nobody to put it into."""
    assert only(judged([*GROUND, *BIG, *GOES, *put])).verdict == "confirmed"


@pytest.mark.parametrize("reliance", [[], BETWEEN])
def test_transplant_alone_is_suspected_where_the_artefact_goes_with_the_class(
    reliance: list[Estimate],
) -> None:
    """An innocent model may react to what it never met: only with a tie is it a suspicion."""
    row = only(judged([*GROUND, *reliance, *GOES, *PUT]))
    assert row.verdict == "suspected"
    assert "does not show that the answer needs it" in row.statement
    for ties in (LOOSE, mirrored("association", -0.6, 0.15)):
        row = only(judged([*GROUND, *reliance, *ties, *PUT]))
        assert row.verdict == "undecided"
        assert "moves" in row.statement or "raises" in row.statement


def test_an_undecided_row_tells_of_a_transplant_that_moves_the_answer_but_not_for_certain_enough() -> None:
    """Half the way to the limit is no verdict, and nothing to be passed over in silence either."""
    some, none = mirrored("transplant", 0.35, 0.1), mirrored("transplant", 0.05, 0.1)
    told = [only(judged([*GROUND, *BETWEEN, *LOOSE, *put])) for put in (some, none)]
    assert [row.verdict for row in told] == ["undecided", "undecided"]
    assert ["of cases of other classes into a case" in row.statement for row in told] == [True, False]


def test_a_transplant_that_many_places_outvote_is_suspected_by_name() -> None:
    """Beyond the limit by itself, and not after the correction for the other places: a reason to look at this one."""
    corners = [replace(CORNER, name=f"corner-{n}") for n in ("top-right", "bottom-left", "bottom-right")]
    put = mirrored("transplant", 0.40, 0.09, region=CORNER.name, n=60)
    none = [e for c in corners for e in mirrored("transplant", 0.25, 0.1, region=c.name, n=60)]
    there = [est("presence", 1.0, 0.0, region=c.name) for c in (CORNER, *corners)]
    result = judged([*GATES, *CONTROL, *there, *put, *none], [LESION, CORNER, *corners])
    rules = {f.rule: f.outcome for f in result.findings if f.region == CORNER.name}
    assert rules["sufficiency-artefacts"] == "undecided"
    row = next(r for r in result.verdicts if r.artefact == CORNER.name)
    assert row.verdict == "suspected"
    assert "Holm's correction" in row.statement
    assert "does not show that the answer needs it" in row.statement
    assert {r.verdict for r in result.verdicts if r.artefact != CORNER.name} == {"undecided"}


def test_how_certain_the_score_follows_weighs_the_strength_of_a_cue() -> None:
    """The effect counts in its own unit: a small correlation that is sure takes nothing off, an unsure one does."""
    sure, unsure, none = (only(judged([*BASE, *cue(0.8, f)], ROOM)) for f in (0.4, 0.08, 0.0))
    assert sure.strength == pytest.approx(0.8, abs=0.01)
    assert 0.2 < (unsure.strength or 0) < 0.75
    assert not none.strength


def test_a_handful_of_pictures_to_cut_from_says_nothing() -> None:
    """Put into however many others, twelve tags are twelve tags."""
    few = est("presence", 12 / 128, 0.05, region="text", n=128)
    row = only(judged([*GATES, *CONTROL, few, *GOES, *PUT]))
    assert row.verdict == "undecided"


def test_a_clear_removal_tells_what_the_transplant_did() -> None:
    """The answers of the cases that bear it do not need it; that others react is not passed over in silence."""
    row = only(judged([*GROUND, *SMALL, *GOES, *PUT]))
    assert row.verdict == "clear"
    assert "of cases of other classes into a case" in row.statement


# -- cues of the whole picture ---------------------------------------------------------------------------


def cue(
    shift: float | None, follow: float | None, apart: float = 0.6, name: str = "brightness"
) -> list[Estimate]:
    """A cue's shift and following are measured in the direction in which it goes with each class."""
    one = [
        est(metric, value, half, region=name, cls=c)
        for metric, value, half in (
            ("shift", shift, 0.1),
            ("shift-change", shift, 0.1),
            ("follow", follow, 0.1),
        )
        for c in TWO
    ]
    return [*one, *mirrored("separation", apart, 0.15, region=name)]


ROOM = [LESION, BRIGHTNESS]
BASE = [*GATES, *CONTROL]


@pytest.mark.parametrize(
    ("shift", "follow", "apart", "verdict"),
    [
        (0.8, 0.6, 0.6, "confirmed"),
        (0.8, 0.6, 0.05, "sensitive"),  # nothing ties the cue to the class
        (0.02, 0.6, 0.6, "clear"),
        (0.8, 0.0, 0.6, "clear"),  # any network reacts to a changed picture
        (None, 0.6, 0.6, "suspected"),
        (None, 0.25, 0.6, "undecided"),
        (0.25, 0.25, 0.6, "undecided"),
        (-0.8, 0.6, 0.6, "suspected"),  # moved one way, followed the other
        (-0.8, -0.6, 0.6, "clear"),  # it does not follow in the direction that flatters
    ],
)
def test_a_cue(shift: float | None, follow: float | None, apart: float, verdict: str) -> None:
    """Changing it alone moves the answer, and within a label the score follows it: both, and in one direction."""
    row = only(judged([*BASE, *cue(shift, follow, apart)], ROOM))
    assert (row.verdict, row.artefact) == (verdict, "brightness")
    if verdict == "confirmed":
        assert row.strength == 0.8  # of the answer, in its standard deviations: the score follows for certain
        assert "changing brightness alone by what the classes differ in" in row.statement.lower()


def test_a_cue_that_moves_the_answer_the_other_way_in_one_label_is_not_confirmed() -> None:
    """What speaks for a class does so in the cases of both; light that any change of light answers to does not."""
    against = [est("shift", -2.0, 0.1, region="brightness", cls=c, stratum="label=healthy") for c in TWO]
    row = only(judged([*BASE, *cue(0.5, 0.6), *against], ROOM))
    assert row.verdict == "suspected"  # for the score follows it within a label
    loose = only(judged([*BASE, *cue(0.5, 0.25), *against], ROOM))
    assert loose.verdict == "undecided"
    assert "in the cases of one label it moves the answer the other way" in loose.statement
    assert "in cases of 'healthy' in the other direction by 2.00 SD" in loose.statement
    assert "-0.20" not in loose.statement + only(judged([*BASE, *cue(0.8, 0.6)], ROOM)).statement


def test_a_random_change_that_does_as_much_confirms_no_cue() -> None:
    """The change itself must move the answer, and more than its control does: here it only moves the control back."""
    estimates = [
        replace(e, value=0.0, low=-0.1, high=0.1) if e.metric == "shift-change" else e for e in cue(0.8, 0.6)
    ]
    assert only(judged([*BASE, *estimates], ROOM)).verdict == "suspected"


def test_a_cue_in_which_the_classes_do_not_differ_has_no_row() -> None:
    """There is nothing to learn from it, whatever could not be measured."""
    assert only(judged([*BASE, *cue(None, None, 0.05)], ROOM)).artefact == ""


def test_a_cue_is_not_clear_without_the_positive_control() -> None:
    """As with artefacts: the model must be seen to react to something."""
    row = only(judged([*GATES, *cue(0.02, 0.0)], ROOM))
    assert row.verdict == "undecided"
    assert "positive control" in row.statement


def test_cues_and_artefacts_stand_beside_each_other_strongest_first() -> None:
    """One row each; the strongest of the confirmed comes first."""
    result = judged([*GROUND, *BIG, *GOES, *cue(0.8, 0.6)], [LESION, BRIGHTNESS, TEXT])
    assert [(r.artefact, r.verdict, r.strength) for r in result.verdicts] == [
        ("text", "confirmed", 1.43),
        ("brightness", "confirmed", 0.8),
    ]


# -- clinical signs --------------------------------------------------------------------------------------


def test_a_clinical_sign_only_informs() -> None:
    """That the score follows the vessels is told in a finding; it decides nothing of the whole."""
    estimates = [*GROUND, *SMALL, *LOOSE, *cue(None, 0.6, name="vessel-density")]
    result = judged(estimates, [LESION, TEXT, VESSELS])
    assert [(r.artefact, r.verdict) for r in result.verdicts] == [("text", "clear")]
    assert {f.rule: f.outcome for f in result.findings}["reliance-clinical"] == "flagged"
    assert exit_code(result.verdict) == 0
    assert only(judged([*BASE, *cue(None, 0.6, name="vessel-density")], [LESION, VESSELS])).artefact == ""


def test_a_clinical_sign_that_the_answer_needs_is_legitimate(tmp_path: Path) -> None:
    """With a rule that asks for a shift of it, it is what a confirmed cue would be, and no shortcut."""
    text = """
id: vessels-needed
title: The answer needs the vessels
severity: info
evidence: reliance
role: clinical
regions: ["*"]
what: Does the answer rest on the vessels?
why: They narrow with the disease.
limits: A convention.
when:
  all:
    - {metric: shift, bound: low, op: ">", value: 0.2}
examples:
  - name: it does
    outcome: flagged
    region: vessel-density
    estimates: [{metric: shift, value: 1, low: 0.9, high: 1.1}]
"""
    (tmp_path / "own.yaml").write_text(text)
    rules = [*CORE, *load(["own.yaml"], folder=tmp_path)]
    estimates = [*BASE, *cue(0.8, 0.6, name="vessel-density")]
    result = judge(rules, estimates, regions=[LESION, VESSELS], classes=TWO)
    assert (result.verdict, only(result).artefact) == ("legitimate", "vessel-density")
    assert "a clinical sign" in only(result).statement


# -- all together, and what nobody listed ------------------------------------------------------------------


TOGETHER = [
    est("presence", 0.9, 0.05, region="joint"),
    *mirrored("removal", 0.8, 0.1, region="joint"),
    *mirrored("removal-change", 0.8, 0.1, region="joint"),
]


def test_all_together_has_a_row_only_when_nothing_else_is_flagged() -> None:
    """Weak cues add up; but where one artefact is named, that all of them matter is no news."""
    regions = [LESION, TEXT, JOINT]
    result = judged([*GROUND, *SMALL, *LOOSE, *TOGETHER], regions)
    assert {r.artefact: r.verdict for r in result.verdicts} == {"joint": "suspected", "text": "clear"}
    assert "none can be named" in result.verdicts[0].statement
    for named in ([*BIG, *GOES], [*BIG, *LOOSE], [*BETWEEN, *LOOKS]):
        assert only(judged([*GROUND, *named, *TOGETHER], regions)).artefact == "text"


@pytest.mark.parametrize("value", [0.02, 0.25, None])
def test_all_together_has_no_row_unless_it_is_flagged(value: float | None) -> None:
    """Clear is said of each artefact by itself."""
    together = [TOGETHER[0], *[replace(e, region="joint") for e in _removal(value)]]
    assert only(judged([*GROUND, *SMALL, *LOOSE, *together], [LESION, TEXT, JOINT])).artefact == "text"


def _removal(value: float | None) -> list[Estimate]:
    return (
        mirrored("removal", value, 0.1) if value is not None else [est("removal", None, cls=c) for c in TWO]
    )


def found(*values: float, ties: float = 0.6) -> list[Estimate]:
    there = est("presence", 0.4, 0.08, region="found-1", n=128)
    link = mirrored("association", ties, 0.15, region="found-1", n=128)
    return [there, *fills(*values, region="found-1"), *link]


def test_a_found_place_is_at_most_suspected() -> None:
    """Nobody says yet what it is: an expert may call it a clinical sign."""
    regions = [LESION, TEXT, FOUND]
    base = [*GROUND, *SMALL, *LOOSE]
    put = [replace(e, region="found-1") for e in PUT]
    for more in ([], put):
        result = judged([*base, *found(1.4, 1.2, 1.1), *more], regions)
        assert {r.artefact: r.verdict for r in result.verdicts} == {"found-1": "suspected", "text": "clear"}
        assert "Nobody listed this place" in result.verdicts[0].statement
    loose = judged([*base, *found(1.4, 1.2, 1.1, ties=0.0)], regions)
    assert {r.artefact: r.verdict for r in loose.verdicts}["found-1"] == "sensitive"


@pytest.mark.parametrize("values", [(0.02, 0.0, 0.03), (0.25, 0.2, 0.15), ()])
def test_a_found_place_that_nothing_speaks_against_has_no_row(values: tuple[float, ...]) -> None:
    """It was proposed by the maps, and the test did not bear it out."""
    row = only(judged([*GROUND, *SMALL, *LOOSE, *found(*values)], [LESION, TEXT, FOUND]))
    assert (row.artefact, row.verdict) == ("text", "clear")


def test_a_found_place_that_somebody_saved_as_a_region_is_judged_as_any_other() -> None:
    """Once an expert has listed it, it can be confirmed."""
    own = region("left-edge", "Left edge")
    estimates = [replace(e, region="left-edge") if e.region == "found-1" else e for e in found(1.4, 1.2, 1.1)]
    assert only(judged([*BASE, *estimates], [LESION, own])).verdict == "confirmed"


def test_a_thing_found_in_the_pictures_alone_needs_one_test() -> None:
    """No answer chose it, so what putting it into other cases does is no choice of the largest of many effects."""
    thing = replace(FOUND, title="Found: things of one kind", settings={"how": "thing"})
    put = [
        *mirrored("transplant", 0.6, 0.1, region="found-1"),
        *mirrored("transplant-change", 0.6, 0.1, region="found-1"),
    ]
    base = [*GROUND, *SMALL, *LOOSE, *found(0.25, 0.2, 0.15), *put]
    row = next(r for r in judged(base, [LESION, TEXT, thing]).verdicts if r.artefact == "found-1")
    assert row.verdict == "suspected"
    assert "Putting the things found-1 of cases of other classes into a case" in row.statement
    assert "found-1" not in {row.artefact for row in judged(base, [LESION, TEXT, FOUND]).verdicts}


# -- padding -----------------------------------------------------------------------------------------------


def padding(value: float | None, ties: float) -> list[Estimate]:
    why = "nothing is there to take away: padding is of one colour, and painting tissue into it would invent some"
    removal = (
        [est("removal", None, region="padding", cls=c, fill="reflect", why=why, n=0) for c in TWO]
        if value is None
        else mirrored("removal", value, 0.1, region="padding", fill="reflect")
    )
    there = est("presence", 0.5, 0.08, region="padding", n=128)
    return [*BASE, there, *removal, *mirrored("association", ties, 0.15, region="padding", n=128)]


@pytest.mark.parametrize(
    ("value", "ties", "verdict"),
    [(1.2, 0.6, "confirmed"), (1.2, 0.0, "sensitive"), (1.2, -0.6, "sensitive"), (0.02, 0.6, "clear")],
)
def test_bars_are_mirrored_away_and_judged(value: float, ties: float, verdict: str) -> None:
    """In the direction in which bars and class go together, as any artefact."""
    row = only(judged(padding(value, ties), [LESION, PADDING]))
    assert (row.artefact, row.verdict) == ("padding", verdict)
    assert row.strength == abs(value)
    assert "Reflecting the picture into constant padding" in row.statement


@pytest.mark.parametrize(
    ("value", "size", "verdict"),
    [(1.2, 0.6, "confirmed"), (-1.2, 0.6, "sensitive"), (1.2, 0.05, "sensitive"), (-1.2, -0.6, "confirmed")],
)
def test_padding_that_every_case_has_is_tied_by_how_much_there_is(
    value: float, size: float, verdict: str
) -> None:
    """Bars beside the black around a field of view. Bars that speak against the class that has more flatter nothing."""
    everywhere = [
        *BASE,
        est("presence", 1.0, 0.0, region="padding", n=128),
        *mirrored("removal", value, 0.1, region="padding", fill="reflect"),
        *mirrored("association", 0.0, 0.0, region="padding", n=128),
        *mirrored("content-size", size, 0.15, region="padding", n=128),
        *mirrored("content-mean", 0.0, 0.0, region="padding", n=128),
    ]
    row = only(judged(everywhere, [LESION, PADDING]))
    assert row.verdict == verdict
    assert ("he size of" in row.statement) == (size != 0.05)


def test_a_surround_that_cannot_be_painted_has_no_row_unless_it_goes_with_the_label() -> None:
    """Black around a round field is in every fundus picture; where it tells the classes apart, it was not tested."""
    assert only(judged(padding(None, 0.0), [LESION, PADDING])).artefact == ""
    row = only(judged(padding(None, 0.6), [LESION, PADDING]))
    assert (row.artefact, row.verdict) == ("padding", "undecided")


# -- gates ---------------------------------------------------------------------------------------------------


def test_masks_that_are_lost_shut_the_gate() -> None:
    """What falls on a lesion cannot be said where the lesion is not on the grid."""
    lost = est("lost", 0.6, 0.1, region="lesion")
    row = only(judged([*GROUND, *BIG, *GOES, lost]))
    assert row.verdict == "undecided"
    assert "is lost on the model's grid in a share of 0.60" in row.statement
    fits = est("lost", 0.1, 0.05, region="lesion")
    assert only(judged([*GROUND, *BIG, *GOES, fits])).verdict == "confirmed"


def test_where_no_lesion_is_drawn_none_is_lost() -> None:
    """No gate for a set without masks, though it can clear nothing."""
    no_control = [est("removal-own", None, region="lesion")]
    for lost in ([], [est("lost", None, region="lesion", n=0, why="no lesion is drawn in any case")]):
        base = [*GATES, *no_control, *THERE, *lost]
        assert only(judged([*base, *BIG, *GOES])).verdict == "confirmed"
        assert only(judged([*base, *SMALL, *LOOSE])).verdict == "undecided"
    assert only(judged([*GATES, *THERE, *BIG, *GOES], [TEXT])).verdict == "confirmed"


# -- strength ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimates", "strength"),
    [
        ([], None),
        (SMALL, 0.02),
        (fills(1.4, 0.9, -0.1), 0.0),  # they do not agree in sign
        (fills(-1.4, -0.9, -1.0), 0.9),
        ([*fills(1.4, 0.9, 1.1), strange("ring")], 1.1),
        ([*fills(0.1, 0.1, 0.1), *fills(0.8, 0.7, 0.9, stratum="label=healthy")], 0.7),
        ([*fills(0.3, 0.3, 0.3), *fills(2.0, 2.0, 2.0, stratum="group=site A")], 0.3),  # rules ask no group
        ([*BIG, *PUT_SMALL], 0.02),
        ([*BIG, *PUT_AGAINST], 0.0),
    ],
)
def test_strength_is_the_weakest_leg_of_the_strongest_stratum(
    estimates: list[Estimate], strength: float | None
) -> None:
    """One number that ranks models, whatever their verdict; None where nothing was measured."""
    assert only(judged([*GROUND, *estimates, *LOOSE])).strength == strength


def test_the_surest_effect_is_not_the_largest() -> None:
    """Three cases that jump do not say which way an artefact speaks."""
    few = est("removal", -3.0, 2.9, n=3)
    many = est("removal", 0.5, 0.1, n=100)
    assert surest([few, many]) == surest([many, few]) == 1
    assert surest([est("removal", 0.1, 0.2)]) == surest([]) == 0


# -- more classes --------------------------------------------------------------------------------------------


def test_three_classes_with_cues() -> None:
    """Each class has its row for each cue that tells it apart; a cue is confirmed where it is used."""

    def each(metric: str, values: list[float | None], half: float) -> list[Estimate]:
        return [est(metric, v, half, region="brightness", cls=c) for c, v in zip(THREE, values, strict=True)]

    text = [
        est(metric, value, 0.08, region="text", cls=c)
        for metric, value in (("removal", 0.0), ("association", 0.0))
        for c in THREE
    ]
    estimates = [
        *GROUND,
        *text,
        *each("separation", [0.7, 0.0, -0.6], 0.15),
        *each("shift", [0.9, 0.02, None], 0.1),
        *each("shift-change", [0.9, 0.02, None], 0.1),
        *each("follow", [0.6, 0.1, 0.25], 0.1),
    ]
    result = judged(estimates, [LESION, BRIGHTNESS, TEXT], THREE)
    rows = {(r.artefact, r.cls): r.verdict for r in result.verdicts}
    assert rows == {
        ("brightness", "benign"): "confirmed",
        ("brightness", "melanoma"): "clear",
        ("brightness", "naevus"): "undecided",
        **{("text", c): "clear" for c in THREE},
    }
    assert result.verdicts[0].cls == "benign"
    follows = [
        replace(e, value=0.6, low=0.5, high=0.7) if e.metric == "follow" and e.cls == "naevus" else e
        for e in estimates
    ]
    rows = {
        (r.artefact, r.cls): r.verdict for r in judged(follows, [LESION, BRIGHTNESS, TEXT], THREE).verdicts
    }
    assert rows["brightness", "naevus"] == "suspected"


def test_a_corner_is_confirmed_by_what_it_shows_and_its_transplant() -> None:
    """What the corner shows in cases of another class, put in: the same table for a place that every case has."""
    name = CORNER.name
    estimates = [
        *BASE,
        est("presence", 1.0, 0.0, region=name),
        *fills(1.0, 0.9, region=name),
        *mirrored("content-mean", 0.5, 0.15, region=name),
        *mirrored("transplant", 0.7, 0.15, region=name),
    ]
    row = only(judged(estimates, [LESION, CORNER]))
    assert (row.verdict, row.strength) == ("confirmed", 0.7)


def test_following_is_no_suspicion_where_removal_clears() -> None:
    """The clear row says in which respect the answers go with the artefact all the same."""
    row = only(judged([*GROUND, *SMALL, *LOOSE, *FOLLOWS]))
    assert row.verdict == "clear"
    assert "Other signs speak against it, though the answer does not need it" in row.statement
    assert "goes with the label" not in row.statement


def test_a_score_that_follows_bars_within_a_label_is_suspected() -> None:
    """Bars that removal cannot decide, and a score that goes with them among cases of one label."""
    follows = mirrored("follow", 0.7, 0.1, region="padding", n=128)
    row = only(judged([*padding(0.25, 0.6), *follows], [LESION, PADDING]))
    assert row.verdict == "suspected"
    assert "follows" in row.statement


def test_an_answer_that_moves_for_the_controls_alone_is_no_suspicion() -> None:
    """A control place that lies on the disease moves the answer; painting over the tag does not."""
    still = [e for way in SANE for e in mirrored("removal-change", 0.0, 0.02, fill=way)]
    row = only(judged([*GROUND, *fills(0.5, 0.5, 0.5), *still, *GOES]))
    assert (row.verdict, row.strength) == ("undecided", 0.0)


def test_a_cue_that_may_be_a_clinical_signs_shadow_is_undecided() -> None:
    """Fine vessels make a picture sharp: where the score follows the vessels no less, nobody can tell the two apart."""
    vessels = [est("follow", 0.7, 0.05, region="vessel-density", cls=cls) for cls in TWO]
    found = judged([*BASE, *cue(0.8, 0.6), *vessels], [*ROOM, VESSELS])
    row = next(r for r in found.verdicts if r.artefact == "brightness")
    assert row.verdict == "undecided"
    assert "cannot be told apart" in row.statement
    assert row.strength is None


@pytest.mark.parametrize(("comes", "verdict"), [(0.5, "confirmed"), (0.3, "undecided"), (0.0, "undecided")])
def test_a_reading_that_comes_along_when_the_cue_alone_is_moved_casts_no_shadow(
    comes: float, verdict: str
) -> None:
    """Blocks of compression read like vessels: the vessels' reading follows the blocks, and not the other way round."""
    vessels = [est("follow", 0.7, 0.05, region="vessel-density", cls=cls) for cls in TWO]
    along = [est("carried", comes, 0.1, region="brightness", cls=cls, other="vessel-density") for cls in TWO]
    found = judged([*BASE, *cue(0.8, 0.6), *vessels, *along], [*ROOM, VESSELS])
    row = next(r for r in found.verdicts if r.artefact == "brightness")
    assert row.verdict == verdict
    assert ("changes the reading of vessel density by 50 %" in row.statement) == (comes == 0.5)


def test_a_cue_that_hardly_differs_within_a_label_is_not_cleared_by_the_score_not_following_it() -> None:
    """It moves the answer by half a standard deviation: where it goes closely with the label nothing can follow."""
    row = only(judged([*BASE, *cue(0.5, 0.05)], ROOM))
    assert row.verdict == "suspected"
    assert "does not follow it for certain" in row.statement
    assert only(judged([*BASE, *cue(0.5, 0.05, apart=0.1)], ROOM)).verdict != "suspected"


def test_a_cue_that_moves_the_answer_a_little_and_may_be_followed_is_told_as_undecided() -> None:
    """More than the smallest effect of interest, for certain, and less than a suspicion asks for: not clear."""
    wide = [replace(e, low=-0.1, high=0.34, se=0.11) if e.metric == "follow" else e for e in cue(0.35, 0.12)]
    row = only(judged([*BASE, *wide], ROOM))
    assert (row.artefact, row.verdict) == ("brightness", "undecided")


@pytest.mark.parametrize(("half", "verdict"), [(0.1, "undecided"), (0.04, "clear")])
def test_a_cue_that_moves_the_answer_beyond_control_is_cleared_only_if_the_score_surely_does_not_follow(
    half: float, verdict: str
) -> None:
    """0.28 SD for certain, and less than a suspicion asks for; the score follows by 0.05, give or take ``half``."""
    close = [
        replace(e, low=0.23, high=0.33, se=0.026)
        if e.metric.startswith("shift")
        else replace(e, low=0.05 - half, high=0.05 + half, se=half / 1.96)
        if e.metric == "follow"
        else e
        for e in cue(0.28, 0.05)
    ]
    row = only(judged([*BASE, *close], ROOM))
    assert (row.artefact, row.verdict) == ("brightness", verdict)
    assert ("not cleared" in row.statement) == (verdict == "undecided")
    like_any = [replace(e, low=-0.07, high=0.33) if e.metric == "shift-change" else e for e in close]
    assert only(judged([*BASE, *like_any], ROOM)).verdict == "clear"
