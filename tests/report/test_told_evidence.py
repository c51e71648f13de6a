"""What a reader must find of the evidence beyond attribution."""

from __future__ import annotations

from pathlib import Path

import pytest
import synthetic
from reading import Text
from test_report import printed, table, texts

from audit.record import Estimate, Run
from audit.report import Context, build, html


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return synthetic.write(tmp_path_factory.mktemp("run") / "run")


@pytest.fixture(scope="module")
def context(run: Run) -> Context:
    return build(run)


def one(run: Run, **wanted: str) -> Estimate:
    return next(e for e in run.read(Estimate) if all(getattr(e, k) == v for k, v in wanted.items()))


def test_a_cue_and_a_found_place_have_titles_on_the_first_page(context: Context) -> None:
    """The flagged ones are told in full, the others by name and in a table of their own."""
    told = {r.artefact: r.verdict.key for r in context.reasons}
    assert told["Brightness"] == "confirmed"
    assert told["Found: attribution of a cluster of cases (found-1)"] == "suspected"
    assert {f.name.split(" ", 1)[1] for f in context.others} <= {"Undecided", "Legitimate", "Clear"}
    assert context.verdicts is not None
    titles = [texts(r)[0] for r in context.verdicts.rows]
    assert len(told) + len(titles) == 7
    assert {"Border", "Width over height"} <= {*told, *titles}


def test_a_gate_that_is_shut_is_told_once(tmp_path: Path) -> None:
    """What every undecided statement begins with stands above them."""
    run = synthetic.write(tmp_path / "run", n=4, size=24)
    findings = run.findings()
    gate = "Not decided, because a gate did not open. There are 4 cases."
    rows = [
        {
            **findings["verdicts"][0],
            "artefact": name,
            "verdict": "undecided",
            "statement": f"{gate} Of {name} 0.1 SD.",
        }
        for name in ("text", "border", "padding")
    ]
    run.write_findings("undecided", rows, findings["findings"], findings["gates"])  # type: ignore[arg-type]
    made = build(run)
    assert made.shared == gate
    assert [r.statement for r in made.reasons] == [
        "Of text 0.1 SD.",
        "Of border 0.1 SD.",
        "Of padding 0.1 SD.",
    ]
    assert Text(html.page(made)).text.count("There are 4 cases.") == 1


def test_every_way_of_painting_over_stands_beside_the_others_with_its_vote(
    run: Run, context: Context
) -> None:
    """Shown only, strange, or with a vote; an artefact that moves nothing shares one table with its like."""
    own = table(context.removal, "Burned-in text: the ways of painting over")
    rows = [texts(r) for r in own.rows if len(r) > 1]
    votes = {r[0]: r[7] for r in rows}
    assert votes["From its rim (inpainted)"] == "yes; strange 0.00"
    assert votes["Colour and noise of its surround"] == "no: strange, 0.61"
    assert votes["Blurred"] == votes["Black"] == "no: shown only"
    ring = one(run, metric="removal", region="text", cls="healthy", fill="ring")
    row = next(r for r in rows if r[0] == "Colour and noise of its surround")
    assert row[1] == printed(ring.value or 0.0)
    assert "Top left corner" in {texts(r)[0] for r in table(context.removal, "Artefacts that hardly").rows}
    whole = one(run, metric="removal-pooled", region="text", cls="healthy")
    assert "the same pictures without it would change the answer by" in own.note
    assert f"{printed(whole.value or 0.0)} (" in own.note


def test_a_way_without_a_number_has_no_vote(context: Context) -> None:
    """The border is in every case, so that none can lend a patch: a dash or the reason, never a number."""
    for made in context.removal:
        for row in made.rows:
            if texts(row)[0] == "Border" and "Patch of a case without it" in made.head:
                assert texts(row)[made.head.index("Patch of a case without it")] == "–"
            if made.caption.startswith("Border") and texts(row)[0] == "Patch of a case without it":
                assert "could lend a patch" in texts(row)[1]
                assert texts(row)[2] == "no: not measured"


def test_lighter_paint_is_drawn_and_written(run: Run, context: Context) -> None:
    """One point for no paint, each dose, and opaque paint; the numbers beside it."""
    made = table(context.removal, "Does a lighter paint")
    assert made.head[3:] == ("25 % opaque", "50 % opaque", "75 % opaque", "Opaque")
    row = next(r for r in made.rows if texts(r)[:2] == ["Burned-in text", "referable"])
    assert row[2].curve is not None
    heights = [y for _, y in row[2].curve.points]
    assert len(heights) == 5
    assert heights == sorted(heights, reverse=True)
    half = one(run, metric="removal-dose", region="text", cls="referable", other="0.5")
    assert texts(row)[4].startswith(printed(half.value or 0.0))


def test_the_transplant_tells_effect_control_flips_and_elsewhere(run: Run, context: Context) -> None:
    """All from the estimates."""
    made = table(context.transplant, "Artefacts put into")
    row = texts(next(r for r in made.rows if texts(r)[:2] == ["Burned-in text", "referable"]))
    for column, metric, fill in (
        ("Beyond control", "transplant", ""),
        ("Control", "transplant-control", ""),
        ("Flips", "transplant-flip", ""),
        ("Elsewhere", "transplant-change", "elsewhere"),
    ):
        e = one(run, metric=metric, region="text", cls="referable", fill=fill)
        assert row[made.head.index(column)].startswith(printed(e.value or 0.0)), column
    assert not any("found" in texts(r)[0] for r in made.rows)


def test_cues_are_told_apart_from_clinical_signs(run: Run, context: Context) -> None:
    """Separation, following and shift of each; why one was not moved; the medians by label."""
    cues, clinical = table(context.cues, "Signs of camera"), table(context.cues, "Clinical signs")
    assert {texts(r)[0] for r in cues.rows} == {"Brightness"}
    assert {texts(r)[0] for r in clinical.rows} == {"Density of vessels"}
    row = texts(cues.rows[-1])
    for column, metric in (("Apart", "separation"), ("Score follows", "follow"), ("Answer moves", "shift")):
        e = one(run, metric=metric, region="brightness", cls="referable")
        assert row[cues.head.index(column)].startswith(printed(e.value or 0.0))
    assert row[cues.head.index("Verdict")] == "■ Confirmed"
    why = [texts(r) for r in table(context.cues, "What was not measured").rows]
    assert [
        "Width over height",
        "not what the answer does when it changes",
        "it cannot be moved alone.",
    ] in why
    assert any(r[0] == "Density of vessels" and "vessels cannot be drawn anew" in r[2] for r in why)
    read = [texts(r) for r in table(context.cues, "How each sign was read").rows]
    assert read[0][:4] == ["Brightness", "grey, 0 to 1", "0.25", "0.75"]


def test_harm_is_told_by_label_and_what_cannot_be_asked_with_its_reason(run: Run, context: Context) -> None:
    """With and without, the worst group, and what the artefact lends; the border is in every case."""
    made = table(context.harm, "Right answers with and without")
    e = one(run, metric="accuracy-with", region="text", stratum="label=healthy")
    lines = [texts(r) for r in made.rows]
    start = lines.index(["Burned-in text"])
    row = next(r for r in lines[start:] if r[0] == "Label healthy")
    assert row[1].startswith(printed(e.value or 0.0))
    lent = [texts(r) for r in table(context.harm, "What the artefact lends").rows]
    gap = one(run, metric="accuracy-gap", region="text", cls="referable")
    assert next(r for r in lent if r[:2] == ["Burned-in text", "referable"])[2].startswith(
        printed(gap.value or 0.0)
    )
    assert any(r[0] == "Border" and "every case bears it" in " ".join(r) for r in lent)


def test_maps_that_know_nothing_stand_apart(context: Context) -> None:
    """In the tables of attention below the explainers; never in the gallery, nor among those that agree."""
    made = table(context.attention, "Burned-in text")
    lines = [texts(r)[0] for r in made.rows]
    below = lines.index("To compare with: maps that know nothing of the network")
    quiet = next(i for i, t in enumerate(lines) if t.startswith("No vote"))
    assert lines[below + 1 :] == ["Edges of the picture", "Uniform map"]
    assert lines[quiet + 1 : below] == ["SmoothGrad"]
    assert "Beyond like places" in made.head
    assert not any(
        "Edges" in t or "Uniform" in t for m in context.agreement for r in m.rows for t in texts(r)
    )
    assert not any("dge" in p.caption for c in context.cases for s in c.strips for p in s.pictures)
    assert {t.caption for t in context.attention}.isdisjoint({"All artefacts together"})


def test_an_explainer_that_does_not_notice_other_weights_is_marked(context: Context) -> None:
    """It has no vote, and its line stays high."""
    made = table(context.trust, "Would the map be the same")
    rows = {texts(r)[0]: r for r in made.rows}
    column = made.head.index("Has it a vote?")
    assert texts(rows["SmoothGrad"])[column] == "no"
    assert texts(rows["Vanilla gradient"])[column] == "yes"
    curve = rows["SmoothGrad"][made.head.index("From the top down")].curve
    assert curve is not None
    assert len(curve.points) == 4
    assert any("1 hardly change" in t and "SmoothGrad" in t for t in context.trust_words)
    faithful = table(context.trust, "Does the answer follow")
    assert texts(faithful.rows[-1])[0] == "An order by chance"


def test_found_places_have_pictures_purity_and_the_next_configuration(context: Context) -> None:
    """At most nine cases with the place outlined, the mean map, and the line for the next audit."""
    first, second = context.found
    facts = {f.name: f.text for f in first.facts}
    assert facts["Commonest label"] == "referable: 75 % of these cases, 50 % of the set"
    assert facts["Clusters"] == "7, 5 cases"
    assert facts["Limits"] == "no lesion was taken off."
    pictures = first.strips[0].pictures
    assert len(pictures) == 10
    assert pictures[0].caption == "Mean map over 12 cases."
    assert "outlined: Found" in pictures[1].alt
    assert first.line == "- {name: found-1, mask: found/found-1.png}"
    assert first.verdict is not None
    assert first.verdict.key == "suspected"
    assert len(first.tables) == 3
    assert second.line == ""
    assert context.found_words == ("Fewer than 8 cases have a map of the gradient family.",)


def test_model_passes_are_told_by_kind_and_what_a_budget_gave_up(context: Context) -> None:
    """Their sum counts each picture once."""
    made = table(context.settings, "How often the model was asked")
    rows = {texts(r)[0]: texts(r)[1] for r in made.rows}
    assert rows["Regions and control places painted over"] == "3,000"
    assert rows["All"] == f"{120 + 60 + 900 + 3000 + 1500 + 300:,}"
    assert "LIME asks 64 perturbed pictures a fill." in [
        texts(r)[0] for r in table(context.missing, "Given up").rows
    ]
    assert any(f.name == "Given up" for f in context.scope)


def test_a_run_without_that_evidence_says_so(tmp_path: Path) -> None:
    """No cues, no transplant, no sanity: sentences in their place, and no empty table."""
    text = Text(html.page(build(synthetic.write(tmp_path / "run", n=4, size=24, further=False)))).text
    for sentence in (
        "No artefact was put into another case in this run.",
        "No sign of the whole picture was read in this run.",
        "No artefact was counted in this run.",
        "No place stood out beyond chance.",
        "No explainer was put to the test in this run.",
    ):
        assert sentence in text
