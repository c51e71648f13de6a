"""What a reader finds: one set of numbers in JSON, page and PDF, hostile names as text, sliders that move together."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import outloud
import pypdf
import pytest
import twins
from reading import HOSTILE, NEVER, Text
from twins import N, said

from audit import schemas
from audit.comparison import Comparison, compare
from audit.comparison.page import build
from audit.record import Run
from audit.report import words


def moving(path: Path, number: int, **more: Any) -> Run:
    """Run ``number`` of a training that turns from the lesion to the text."""
    rows, columns = np.indices((twins.SIZE, twins.SIZE))
    spot = [(12.0, 12.0), (8.0, 9.0), (3.0, 4.0)][number]
    heat = np.exp(-((rows - spot[0]) ** 2 + (columns - spot[1]) ** 2) / 30)
    wrong = np.arange(len(more["ids"]) if more.get("ids") else N) % (9 - 2 * number) == 1
    n = len(wrong)
    return twins.write(
        path,
        n=n,
        p=twins.chances(~wrong, 0.8 + 0.05 * number, n),
        removal=twins.numbers(1, 0.9 * number, 0.3, n),
        lesion=twins.numbers(2, 2.0 - 0.8 * number, 0.3, n),
        mass=twins.numbers(5, 0.1 + 0.2 * number, 0.02, n),
        maps=np.stack([heat * (1 + i / n) for i in range(n)]),
        verdicts=[said(("clear", "suspected", "confirmed")[number])],
        **more,
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    place = tmp_path_factory.mktemp("runs")
    return [moving(place / f"epoch-{i}", i) for i in range(3)]


@pytest.fixture(scope="module")
def out(runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, Path]:
    place = tmp_path_factory.mktemp("out") / "compared"
    return compare([r.path for r in runs], place), place


def paper(place: Path) -> str:
    pages = pypdf.PdfReader(io.BytesIO((place / "report" / "report.pdf").read_bytes())).pages
    return " ".join(" ".join(p.extract_text() for p in pages).split()).replace("\u00a0", " ")


def page(place: Path) -> str:
    return (place / "report" / "index.html").read_text("utf-8")


def test_the_document_has_its_published_shape(out: tuple[Comparison, Path]) -> None:
    """Valid by the schema that is shipped, and a made-up key is not."""
    document = json.loads((out[1] / "comparison.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schemas.schema("comparison"))
    validator.validate(document)
    assert not validator.is_valid({**document, "grade": "A"})
    assert [r["manifest_sha256"] for r in document["runs"]] == list(out[0].shared.digests)
    assert (document["verdict"], len(document["comparisons"]), len(document["shared"]["cases"])) == (
        "worse",
        2,
        N,
    )


def test_page_and_paper_say_the_verdict_and_every_change(out: tuple[Comparison, Path]) -> None:
    """Each effect, figure and mass, with its interval, as the comparison holds it."""
    found, place = out
    screen, printed = Text(page(place)).text, paper(place)
    for text in (screen, printed):
        assert "Worse" in text
        assert "epoch-0" in text
        assert "Since the baseline the effect of painting over burned-in text" in text
        assert not NEVER.search(text)
    seen = 0
    for pair in found.pairs:
        for c in pair.changes:
            e = c.difference
            shown = c.candidate.cls in ("", "ill") and c.candidate.metric in (
                "accuracy",
                "removal",
                "removal-own",
                "mass",
            )
            if shown and e.value is not None:
                assert words.number(e.value) in screen
                assert words.interval(e) in screen
                assert words.interval(e) in printed
                seen += 1
    assert seen > 20


def test_the_paper_is_archival_and_can_be_heard(out: tuple[Comparison, Path]) -> None:
    """It says that it is PDF/A-3 and PDF/UA-1, and another checker finds no error."""
    file = out[1] / "report" / "report.pdf"
    said_ = pypdf.PdfReader(file).trailer["/Root"]["/Metadata"].get_object().get_data()
    assert b"pdfuaid:part" in said_
    assert b"pdfaid:part" in said_
    result = outloud.check(str(file))
    assert result.error is None
    assert [f for f in result.findings if f.severity == "error"] == []


def test_the_trend_holds_each_runs_own_mean(runs: list[Run], out: tuple[Comparison, Path]) -> None:
    """Accuracy counted by hand, and the effect of the text rising from run to run."""
    found, place = out
    series = {(s.metric, s.sign): s for s in found.trend}
    accuracy = [e.value for e in series["accuracy", ""].estimates]
    expected = [np.mean([p.predicted == p.label for p in r.read(twins.Prediction)]) for r in runs]
    assert accuracy == pytest.approx(expected)
    effects = [e.value or 0 for e in series["removal", "text"].estimates]
    assert effects[0] < effects[1] < effects[2]
    svg = [a for t, a in Text(page(place)).tags if t == "polyline"]
    assert len(svg) == len(found.trend)
    drawn = [float(p.split(",")[1]) for p in (svg[2]["points"] or "").split()]
    assert [s.sign for s in found.trend][2] == "text"
    assert drawn[0] > drawn[1] > drawn[2]  # up is small in SVG
    assert "From run to run" in paper(place)


def test_two_runs_have_no_trend(runs: list[Run]) -> None:
    """The comparison itself says it all."""
    from audit.comparison import compared

    two = build(compared([r.path for r in runs[:2]]))
    assert two.trend is None
    assert two.panels == ()


def test_hostile_names_are_text(tmp_path: Path) -> None:
    """In the folder's name, ids, title, and statements: nothing of it becomes a tag, an attribute or a script."""
    name = "<script>alert(1)<" + "\u202eb>"
    ids = [HOSTILE, "a\x1b[31mb", *[f"c{i}" for i in range(38)]]
    a = moving(tmp_path / "a", 0, ids=ids, title=HOSTILE)
    b = moving(tmp_path / name, 2, ids=ids, title=HOSTILE)
    found = compare([a.path, b.path], tmp_path / "out")
    assert HOSTILE in [m.case for m in found.pairs[0].moved]
    read = Text(page(tmp_path / "out"))
    assert HOSTILE in read.text
    assert sum(t == "script" for t, _ in read.tags) == 1
    assert not [a for _, attrs in read.tags for a in attrs if a.startswith("on")]
    assert "\u202e" not in page(tmp_path / "out")
    assert "\x1b" not in page(tmp_path / "out")
    assert "<script>alert(1)</script>" in paper(tmp_path / "out")
    assert HOSTILE in json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8"))["shared"]["cases"]


def test_nothing_to_show_is_said(tmp_path: Path) -> None:
    """No maps, no regions, no verdicts: a page all the same, without a hole."""
    runs = [
        twins.write(tmp_path / n, n=10, regions=[], explained=twins.without_explainer(),
                       verdicts=[said("undecided", "")])
        for n in "ab"
    ]  # fmt: skip
    compare([r.path for r in runs], tmp_path / "out")
    read = Text(page(tmp_path / "out")).text
    for words_ in ("Neither run has a verdict on any artefact.", "No region or sign was tested in both runs.",
                   "No map was scored on a region in both runs.", "No answer and no map moved."):  # fmt: skip
        assert words_ in read
    assert not NEVER.search(read)


@pytest.mark.browser
def test_one_slider_moves_both_maps_and_the_page_asks_for_nothing(out: tuple[Comparison, Path]) -> None:
    """Half the share leaves fewer coloured pixels in both; no overflow, no message, no request but the page."""
    from playwright.sync_api import sync_playwright

    coloured = """article => [...article.querySelectorAll(".pane canvas")].map(c => {
        const copy = Object.assign(document.createElement("canvas"), {width: c.width, height: c.height});
        const field = copy.getContext("2d", {willReadFrequently: true});
        field.drawImage(c, 0, 0);
        const d = field.getImageData(0, 0, c.width, c.height).data;
        let n = 0;
        for (let i = 0; i < d.length; i += 4) n += Math.abs(d[i] - d[i + 2]) > 24;
        return n;
    })"""
    file = out[1] / "report" / "index.html"
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        for width in (360, 1280):
            tab = browser.new_page(viewport={"width": width, "height": 800})
            heard: list[str] = []
            tab.on("console", lambda m, heard=heard: heard.append(m.text))
            tab.on("pageerror", lambda e, heard=heard: heard.append(str(e)))
            tab.on("request", lambda r, heard=heard: r.url.startswith("data:") or heard.append(r.url))
            tab.goto(file.as_uri())
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            case = tab.locator("article.case:has(.linked)").first
            slider = case.get_by_label("Strongest share of both maps")
            slider.focus()
            counts = []
            for key in ("End", "Home"):
                slider.press(key)
                slider.dispatch_event("input")
                case.locator(".pane canvas").nth(1).wait_for()
                tab.wait_for_timeout(100)
                counts.append(case.evaluate(coloured))
            assert case.locator("output").inner_text() == "1 %"
            assert all(few < many / 5 for many, few in zip(*counts, strict=True))
            assert all(few > 0 for few in counts[1])
            assert len(counts[0]) == 2
            assert heard == [file.as_uri()]
        browser.close()
