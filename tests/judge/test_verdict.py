"""Hand-made estimates for every row of the verdict table, judged by the shipped rules."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from handmade import (
    BETWEEN,
    BIG,
    CONTROL,
    CORE,
    CORNER,
    FOLLOWS,
    GATES,
    GOES,
    GROUND,
    HARMS,
    LESION,
    LOOKS,
    LOOSE,
    REGIONS,
    SMALL,
    TEXT,
    THERE,
    THREE,
    TWO,
    est,
    judged,
    mirrored,
    only,
    region,
    unmoved,
)

from audit.errors import ConfigError
from audit.judge import exit_code, judge
from audit.judge.verdict import verdicts
from audit.record import Estimate, Finding, Region


def test_needed_and_going_with_the_class_is_confirmed() -> None:
    """The answer needs the tag, in the direction in which tag and class go together."""
    result = judged([*GROUND, *BIG, *GOES])
    row = only(result)
    assert (result.verdict, row.verdict, row.artefact, row.cls) == (
        "confirmed",
        "confirmed",
        "text",
        "referable",
    )
    for words in ("by 1.43 SD (95 % interval 1.20 to 1.66; 64 cases)", "0.20 SD", "60 percentage points"):
        assert words in row.statement
    assert "reliance-artefacts" in row.findings
    assert row.strength == 1.43


def test_confirmed_needs_no_attention_and_no_control() -> None:
    """A shortcut that no map shows, in a model that ignores the lesion, is a shortcut all the same."""
    ignored = [est("removal-own", 0.02, 0.05, region="lesion")]
    result = judged([*GATES, *ignored, *THERE, *BIG, *GOES])
    assert only(result).verdict == "confirmed"
    assert {f.rule: f.outcome for f in result.findings}["lesion-ignored"] == "flagged"
    assert {g.rule: g.outcome for g in result.gates}["positive-control"] == "flagged"


@pytest.mark.parametrize(
    ("ties", "words"),
    [
        (LOOSE, "Nothing in this set ties it"),
        (mirrored("association", -0.6, 0.15), "the other way"),
        ([est("association", None, region="text", cls=c) for c in TWO], "could not be measured"),
        ([], "could not be measured"),
    ],
)
def test_needed_but_not_tied_to_the_class_is_sensitive(ties: list[Estimate], words: str) -> None:
    """Brittle, but not a Clever Hans."""
    row = only(judged([*GROUND, *BIG, *ties]))
    assert row.verdict == "sensitive"
    assert words in row.statement


def test_the_row_is_for_the_class_that_the_artefact_speaks_for() -> None:
    """A tag that speaks for 'healthy' gets its row there, with positive numbers."""
    row = only(judged([*GROUND, *mirrored("removal", -1.43, 0.2), *mirrored("association", -0.6, 0.15)]))
    assert (row.verdict, row.cls) == ("confirmed", "healthy")
    assert "lowers the evidence for 'healthy' by 1.43 SD" in row.statement


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        ([("content-mean", 0.5), ("content-spread", 0.0)], "confirmed"),
        ([("content-mean", 0.0), ("content-spread", -0.4)], "confirmed"),
        ([("content-mean", 0.05), ("content-spread", -0.05)], "sensitive"),
    ],
)
def test_what_every_case_has_is_tied_by_what_it_shows(content: list[tuple[str, float]], verdict: str) -> None:
    """Each picture has a corner: only what is in it can go with a class, with either sign."""
    estimates = [
        *GATES,
        *CONTROL,
        est("presence", 1.0, 0.0, region=CORNER.name),
        *mirrored("association", 0.0, 0.0, region=CORNER.name),
        *mirrored("removal", 1.0, 0.2, region=CORNER.name),
        *[e for m, v in content for e in mirrored(m, v, 0.2, region=CORNER.name)],
    ]
    row = only(judged(estimates, [LESION, CORNER]))
    assert row.verdict == verdict
    assert "the top left corner" in row.statement


def test_an_effect_inside_the_limit_is_clear() -> None:
    """Equivalence: the whole interval is too small to matter, and the instrument works."""
    result = judged([*GROUND, *SMALL, *LOOSE])
    assert (result.verdict, only(result).verdict) == ("clear", "clear")
    assert "less than the smallest effect of interest of 0.20 SD" in only(result).statement


def test_what_is_clear_stays_clear_whatever_the_maps_say() -> None:
    """Text attracts gradients in models that do not use it. The statement tells, the verdict stands."""
    row = only(judged([*GROUND, *SMALL, *GOES, *LOOKS]))
    assert row.verdict == "clear"
    assert "Grad-CAM (last) puts 4.30 times" in row.statement
    assert "goes with the label" in row.statement


def test_nothing_is_clear_without_the_positive_control() -> None:
    """An instrument that does not see the lesion go clears nothing; nor does one that was not tried."""
    for control in (
        [est("removal-own", 0.05, 0.1, region="lesion")],
        [est("removal-own", None, region="lesion")],
        [],
    ):
        row = only(judged([*GATES, *THERE, *control, *SMALL, *LOOSE]))
        assert row.verdict == "undecided"
        assert "positive control" in row.statement
    assert only(judged([*GATES, *THERE, *SMALL, *LOOKS])).verdict == "suspected"


def test_the_control_may_pass_in_one_class() -> None:
    """Painting over lesions of the ill is noticed, whatever the mean over all cases says."""
    control = [
        est("removal-own", 0.3, 0.2, region="lesion"),
        est("removal-own", 1.2, 0.3, region="lesion", stratum="label=referable"),
    ]
    assert only(judged([*GATES, *THERE, *control, *SMALL, *LOOSE])).verdict == "clear"


def test_without_a_control_place_a_change_may_clear_but_not_confirm() -> None:
    """A border has no second place of its shape."""
    none = [est("removal", None, region="text", cls=c, n=0, why="no control place fits") for c in TWO]
    row = only(judged([*GROUND, *none, *mirrored("removal-change", 0.02, 0.08), *LOOSE]))
    assert row.verdict == "clear"
    assert "no control place" in row.statement
    three = [replace(e, n=3, patients=3) for e in BIG]  # a place for a control in three cases says little
    assert only(judged([*GROUND, *three, *mirrored("removal-change", 0.02, 0.08), *LOOSE])).verdict == "clear"
    row = only(judged([*GROUND, *none, *mirrored("removal-change", 1.4, 0.08), *GOES, *FOLLOWS]))
    assert row.verdict == "suspected"  # by what the score follows, not by the change
    assert (
        only(judged([*GROUND, *none, *mirrored("removal-change", 1.4, 0.08), *LOOSE])).verdict == "undecided"
    )


@pytest.mark.parametrize("signs", [LOOKS, FOLLOWS, HARMS, [*LOOKS, *GOES, *FOLLOWS, *HARMS]])
def test_attention_association_or_harm_alone_is_suspected(signs: list[Estimate]) -> None:
    """Where the answer's need is not measured or not decided, a sign of use is a suspicion."""
    for reliance in ([], BETWEEN):
        row = only(judged([*GROUND, *reliance, *signs]))
        assert row.verdict == "suspected"
    assert only(judged([*GROUND, *SMALL, *signs])).verdict == "clear"


def test_going_with_the_label_informs_and_is_no_suspicion() -> None:
    """It is a fact about the set and not about the model: an innocent model is audited on such sets too."""
    for reliance in ([], BETWEEN):
        result = judged([*GROUND, *reliance, *GOES])
        assert only(result).verdict == "undecided"
        assert {f.rule: f.outcome for f in result.findings}["association-artefacts"] == "flagged"


def test_one_family_of_explainers_is_not_enough() -> None:
    """Explainers of one family are wrong together."""
    one = [replace(e, family="cam") for e in LOOKS]
    assert only(judged([*GROUND, *BETWEEN, *LOOSE, *one])).verdict == "undecided"


def test_an_interval_across_the_limit_says_how_many_cases_would_decide() -> None:
    """0.3 +- 0.2 against 0.2 needs an interval half as wide: four times the cases."""
    row = only(judged([*GROUND, *BETWEEN, *LOOSE]))
    assert row.verdict == "undecided"
    assert "about 256 such cases would decide, 192 more" in row.statement


def test_too_few_bearing_cases_say_how_many_more() -> None:
    """Twelve pictures with text are not judged, however large the effect, and whatever goes with what."""
    few = [est("presence", 12 / 128, 0.05, region="text", n=128)]
    effects = mirrored("removal", 1.43, 0.23, n=12)
    few_looks = [replace(e, n=12, patients=12) for e in LOOKS]
    row = only(judged([*GATES, *CONTROL, *few, *effects, *GOES, *few_looks]))
    assert row.verdict == "undecided"
    assert "12 were measured and 20 are needed, 8 more" in row.statement


def test_many_pictures_of_few_patients_are_too_few() -> None:
    """Patients are what is resampled."""
    row = only(judged([*GROUND, *mirrored("removal", 1.43, 0.23, patients=6), *LOOSE]))
    assert row.verdict == "undecided"
    assert "6 in 64 cases and 10 are needed, 4 more" in row.statement


@pytest.mark.parametrize(
    "gates",
    [
        [est("accuracy", 0.9, n=128), est("auc", 0.55, 0.1)],
        [est("accuracy", 0.9, n=128), est("auc", None)],
        [est("accuracy", 0.9, n=128)],
        [est("accuracy", 0.9, n=20), est("auc", 0.93, 0.04)],
    ],
)
def test_a_shut_gate_leaves_everything_undecided(gates: list[Estimate]) -> None:
    """What a model without skill does, or a handful of cases show, decides nothing."""
    result = judged([*gates, *CONTROL, *THERE, *BIG, *GOES])
    assert (result.verdict, only(result).verdict) == ("undecided", "undecided")
    assert "gate" in only(result).statement
    assert exit_code(result.verdict) == 4


def test_a_region_in_no_case_has_no_row() -> None:
    """What is not there is neither clear nor undecided: it was not measured."""
    absent = est("presence", 0.0, 0.0, region="text", n=128)
    unseen = est("presence", None, region="text", n=0)
    for presence in (absent, unseen):
        result = judged(
            [*GATES, *CONTROL, presence, est("removal", None, region="text", cls="referable", n=0)]
        )
        assert only(result).artefact == ""
        assert result.verdict == "undecided"
    assert only(judged(GATES, [])).artefact == ""


def test_a_plain_black_corner_has_no_row() -> None:
    """Nothing can be taken away where nothing is; but what the explainers point at is not passed over."""
    why = "nothing is there to take away: the region looks as its surroundings do"
    corner = [
        est("presence", 1.0, 0.0, region=CORNER.name),
        *(
            est(m, None, region=CORNER.name, cls=c, n=0, why=why)
            for m in ("removal", "removal-change")
            for c in TWO
        ),
    ]
    result = judged([*GROUND, *SMALL, *LOOSE, *corner], [LESION, CORNER, TEXT])
    assert [row.artefact for row in result.verdicts] == ["text"]
    at_it = [replace(e, region=CORNER.name) for e in LOOKS]
    result = judged([*GROUND, *SMALL, *LOOSE, *corner, *at_it], [LESION, CORNER, TEXT])
    assert {row.artefact: row.verdict for row in result.verdicts}[CORNER.name] == "suspected"


def test_what_one_looks_for_oneself_is_judged_too() -> None:
    """A region of somebody's own finder is judged by the rules for marked artefacts."""
    own = region("ruler", "Ruler")
    rows = [replace(e, region="ruler") if e.region == "text" else e for e in [*GROUND, *BIG, *GOES]]
    row = only(judged(rows, [LESION, own]))
    assert (row.verdict, row.artefact) == ("confirmed", "ruler")
    assert "Painting over ruler lowers" in row.statement


def test_two_labels_that_do_not_exclude_each_other_have_a_row_each() -> None:
    """A multilabel model's two answers are no mirror images."""
    estimates = [
        est("removal", 1.2, 0.1, region="text", cls="healthy"),
        est("removal", 0.02, 0.08, region="text", cls="referable"),
        *mirrored("association", -0.6, 0.15),
    ]
    result = judged([*GROUND, *estimates])
    assert {row.cls: row.verdict for row in result.verdicts} == {"healthy": "confirmed", "referable": "clear"}


def test_what_a_rule_calls_a_clinical_sign_is_legitimate() -> None:
    """A rule may say that a sign is one that an expert reads too."""
    rules = [r.model_copy(update={"legitimate": True}) if r.id == "reliance-artefacts" else r for r in CORE]
    result = judge(rules, unmoved([*GROUND, *BIG, *GOES]), regions=REGIONS, classes=TWO)
    assert (result.verdict, only(result).verdict) == ("legitimate", "legitimate")
    assert exit_code(result.verdict) == 0
    small = judge(rules, unmoved([*GROUND, *SMALL, *GOES]), regions=REGIONS, classes=TWO)
    assert only(small).verdict == "clear"


def three(metric: str, values: list[float], half: float = 0.1) -> list[Estimate]:
    return [est(metric, v, half, region="text", cls=c) for c, v in zip(THREE, values, strict=True)]


def test_more_classes_have_a_row_each() -> None:
    """With three classes an effect on one says little of the others."""
    estimates = [*GROUND, *three("removal", [0.0, 1.2, -0.5]), *three("association", [-0.5, 0.6, 0.0], 0.15)]
    result = judged(estimates, classes=THREE)
    rows = {row.cls: row.verdict for row in result.verdicts}
    assert rows == {"benign": "clear", "melanoma": "confirmed", "naevus": "sensitive"}
    assert result.verdict == "confirmed"


def test_more_classes_share_one_row_for_attention() -> None:
    """A map is not about one class: one suspicion, not three."""
    loose = three("association", [0.0, 0.0, 0.0], 0.15)
    between = three("removal", [0.3, 0.2, 0.1], 0.2)
    result = judged([*GROUND, *between, *loose, *LOOKS], classes=THREE)
    assert [(r.cls, r.verdict) for r in result.verdicts if r.verdict != "undecided"] == [("", "suspected")]
    assert judged([*GROUND, *between, *loose], classes=THREE).verdict == "undecided"
    clear = three("removal", [0.0, 0.0, 0.0], 0.08)
    assert {r.verdict for r in judged([*GROUND, *clear, *loose, *LOOKS], classes=THREE).verdicts} == {"clear"}


def test_a_class_that_does_not_occur_has_no_row() -> None:
    """Nobody is labelled so in this set."""
    estimates = [*three("removal", [0.0, 0.0, 0.0], 0.05), *three("association", [0.0, 0.0, 0.0])[:2]]
    result = judged([*GROUND, *estimates], classes=THREE)
    assert [row.cls for row in result.verdicts] == THREE[:2]


def test_the_worst_row_is_the_overall_verdict() -> None:
    """A clear corner does not make up for a confirmed tag."""
    corner = [
        est("presence", 1.0, 0.0, region=CORNER.name),
        *mirrored("removal", 0.0, 0.1, region=CORNER.name),
    ]
    result = judged([*GROUND, *BIG, *GOES, *corner], [LESION, CORNER, TEXT])
    assert {row.artefact: row.verdict for row in result.verdicts} == {
        CORNER.name: "clear",
        "text": "confirmed",
    }
    assert result.verdict == "confirmed"


def test_a_judgement_can_be_written() -> None:
    """Findings are JSON without NaN, and no number has more than three decimals."""
    result = judged([*GROUND, *BIG, *GOES, *LOOKS, *mirrored("content-mean", 1 / 3, 0.1)])
    text = json.dumps([asdict(f) for f in result.findings + result.gates], allow_nan=False)
    for finding in json.loads(text):
        assert finding["statement"].endswith(".")
        assert (finding["why"] is None) == (finding["outcome"] != "undecided")
        for e in finding["estimates"]:
            assert e["value"] is None or e["value"] == round(e["value"], 3)
            assert e["value"] is not None or e["why"]


def test_no_verdict_praises() -> None:
    """Clear is about one artefact in one set, never about the model."""
    for estimates in ([*GROUND, *SMALL, *LOOSE], [*GROUND, *BIG, *GOES], [*GROUND, *BETWEEN]):
        for row in judged(estimates).verdicts:
            assert not any(word in row.statement.lower() for word in (" good", " safe", "trustworth", "fair"))


@pytest.mark.parametrize(
    ("verdict", "fail_on", "code"),
    [
        ("clear", None, 0),
        ("legitimate", None, 0),
        ("confirmed", None, 1),
        ("suspected", None, 1),
        ("sensitive", None, 1),
        ("undecided", None, 4),
        ("suspected", "confirmed", 0),
        ("sensitive", "confirmed, suspected", 0),
        ("undecided", "confirmed", 4),
        ("undecided", "confirmed,undecided", 1),
        ("legitimate", "legitimate", 1),
        ("confirmed", "none", 0),
        ("undecided", "none", 4),
    ],
)
def test_the_exit_code_follows_the_gate(verdict: str, fail_on: str | None, code: int) -> None:
    """0 passes, 1 is flagged, 4 is undecided; --fail-on says what is flagged."""
    assert exit_code(verdict, fail_on) == code


@pytest.mark.parametrize(
    ("fail_on", "hint"), [("confrimed", "'confirmed'"), ("clear", "known:"), ("none,suspected", "'none'")]
)
def test_a_gate_that_is_no_verdict_is_refused(fail_on: str, hint: str) -> None:
    """A slip in --fail-on must not open the gate."""
    with pytest.raises(ConfigError) as error:
        exit_code("clear", fail_on)
    assert error.value.exit_code == 2
    if hint != "'none'":
        assert hint in str(error.value)


def test_what_a_detector_sees_in_hardly_any_case_is_not_judged_and_what_an_expert_drew_is() -> None:
    """Three of a hundred cases cannot carry a set's figures, and a detector errs as often."""
    rare = [Estimate(metric="presence", region=name, value=0.03, n=100) for name in ("text", "artefact")]
    regions = [
        Region(name="text", role="artefact", title="Text", detector="top-hat", version="1"),
        Region(name="artefact", role="artefact", title="Patch", detector="drawn", version="1"),
    ]
    open_ = [
        Finding(
            rule="r",
            title="t",
            severity="major",
            evidence="reliance",
            region=region.name,
            cls="b",
            outcome="undecided",
            statement="Too few.",
        )
        for region in regions
    ]
    overall, rows = verdicts(open_, [], rare, regions, ["a", "b"])
    assert {row.artefact for row in rows} == {"artefact"}
    assert overall == "undecided"
