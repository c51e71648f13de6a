"""What tells the classes apart beside the drawn lesions: a row of its own, and a doubt about cues."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.judge.handmade import CONTROL, GATES, GROUND, LESION, TWO, est, judged, mirrored, only
from tests.judge.test_evidence import BASE, BRIGHTNESS, FOUND, TEXT, cue, found

SMALL = mirrored("removal", 0.02, 0.05)


def left(value: float | None, half: float = 0.1):
    return [est("leftover", value, half, region="lesion", cls=cls, n=128) for cls in TWO]


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.9, "suspected"), (0.45, "undecided"), (0.1, "clear"), (-0.8, "clear")]
)
def test_nothing_that_was_listed_is_needed_and_yet(value, verdict):
    """No artefact moves the answer. Without their lesions the ill are told from the well, or they are not."""
    result = judged([*GROUND, *SMALL, *left(value)])
    rows = {r.artefact: r for r in result.verdicts}
    assert rows["text"].verdict == "clear"
    assert rows["elsewhere"].verdict == result.verdict == verdict
    assert rows["elsewhere"].strength == max(0.0, value)
    assert ("An expert must look" in rows["elsewhere"].statement) == (verdict == "suspected")


def test_what_has_a_name_comes_first():
    """The named one is weaker, and equally suspected."""
    looks = mirrored("transplant", 0.45, 0.05)
    result = judged(
        [*GROUND, *mirrored("removal", 0.1, 0.15), *looks, *mirrored("association", 0.6), *left(1.5)]
    )
    assert [(r.artefact, r.verdict) for r in result.verdicts] == [
        ("text", "suspected"),
        ("elsewhere", "suspected"),
    ]


def test_where_no_lesion_is_drawn_there_is_no_row():
    assert only(judged([*GROUND, *SMALL, *left(None)])).artefact == "text"
    assert only(judged([*GROUND, *SMALL])).artefact == "text"


def test_where_a_gate_is_shut_there_is_no_row():
    guessing = [est("auc", 0.5, 0.05, n=128) if e.metric == "auc" else e for e in GATES]
    rows = judged([*guessing, *CONTROL, *GROUND[3:], *SMALL, *left(0.9)]).verdicts
    assert {r.verdict for r in rows} == {"undecided"}
    assert "elsewhere" not in {r.artefact for r in rows}


@pytest.mark.parametrize(("over", "verdict"), [(0.1, "sensitive"), (0.9, "confirmed"), (0.35, "confirmed")])
def test_a_cue_cannot_do_more_than_all_that_is_left(over, verdict):
    """Brightness moves the answer by 0.7 to 0.9 SD: as much would be left over if it told the classes apart.

    Where it is open how much is left, that doubt has nothing to rest on."""
    result = judged([*BASE, *cue(0.8, 0.6), *left(over)], [LESION, BRIGHTNESS])
    row = next(r for r in result.verdicts if r.artefact == "brightness")
    assert row.verdict == verdict
    assert ("told apart by less than that" in row.statement) == (verdict == "sensitive")


def test_a_cue_that_does_no_more_than_what_is_left_stands():
    small = [
        replace(e, value=0.25, low=0.21, high=0.29, se=0.02) if e.metric.startswith("shift") else e
        for e in cue(0.25, 0.6)
    ]
    result = judged([*BASE, *small, *left(0.28)], [LESION, BRIGHTNESS])
    rows = {r.artefact: r.verdict for r in result.verdicts}
    assert rows == {"brightness": "confirmed", "elsewhere": "clear"}


def test_of_many_classes_each_has_its_row():
    three = ["benign", "melanoma", "naevus"]
    each = [
        est("leftover", value, 0.1, region="lesion", cls=cls, n=128)
        for cls, value in zip(three, (0.9, 0.1, 0.45), strict=True)
    ]
    removal = [est("removal", 0.02, 0.05, region="text", cls=cls) for cls in three]
    result = judged([*GROUND, *removal, *each], [LESION, TEXT], three)
    rows = {r.cls: r.verdict for r in result.verdicts if r.artefact == "elsewhere"}
    assert rows == {"benign": "suspected", "melanoma": "clear", "naevus": "undecided"}


@pytest.mark.parametrize(("over", "told"), [(0.1, False), (0.9, True), (None, True)])
def test_a_found_place_is_not_told_where_nothing_is_left_that_it_could_explain(over, told):
    result = judged([*GROUND, *SMALL, *found(1.4, 1.2, 1.1), *left(over)], [LESION, TEXT, FOUND])
    assert ("found-1" in {r.artefact for r in result.verdicts}) == told
    assert (result.verdict == "suspected") == told


@pytest.mark.parametrize(("often", "told"), [(0.6, False), (0.08, True)])
def test_a_thing_that_few_cases_bear_explains_little_and_is_told(often, told):
    """Putting it in moves the answer by 0.6 SD. In 8 % of the ill that makes 0.05 between the classes."""
    thing = replace(FOUND, title="Found: things of one kind", settings={"how": "thing"})
    put = [e for m in ("transplant", "transplant-change") for e in mirrored(m, 0.6, 0.1, region="found-1")]
    bears = [
        est("presence", 0.5, 0.05, region="found-1", n=128),
        *mirrored("association", often, 0.05, region="found-1", n=128),
    ]
    removed = [e for e in found(0.6, 0.55, 0.5) if e.metric.startswith("removal")]
    result = judged([*GROUND, *SMALL, *bears, *removed, *put, *left(0.02)], [LESION, TEXT, thing])
    assert ("found-1" in {r.artefact for r in result.verdicts}) == told


def test_what_was_listed_comes_before_what_was_found():
    """Of two that are suspected: the found one may be a part of the listed one, and is stronger."""
    looks = mirrored("transplant", 0.45, 0.05)
    told = [*GROUND, *mirrored("removal", 0.1, 0.15), *looks, *mirrored("association", 0.6)]
    result = judged([*told, *found(1.4, 1.2, 1.1)], [LESION, TEXT, FOUND])
    assert [r.artefact for r in result.verdicts] == ["text", "found-1"]
