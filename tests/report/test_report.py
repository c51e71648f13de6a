from __future__ import annotations

import io
import itertools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pypdf
import pytest
import synthetic
from PIL import Image as Pillow
from reading import HOSTILE, NEVER, Text
from weasyprint.urls import FatalURLFetchingError

from audit.errors import RunError
from audit.record import Case, Estimate, Run
from audit.report import Context, build, figures, html, pdf, render, words
from audit.report.asked import lime_words
from audit.report.blocks import Cell, Table
from audit.report.panel import strips
from audit.report.source import load

ROOT = Path(__file__).resolve().parents[2]


def paper_text(content: bytes) -> str:
    """The paper's text; where a glyph is missing in its font, pypdf leaves the first byte of each letter in it."""
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    return "\n".join(p.extract_text() for p in pages).replace("\x00", "")


def printed(number: float) -> str:
    """As a reader finds it: two decimals, three where it is small, a true minus sign."""
    return f"{number:.{2 + (0.0005 <= abs(number) < 0.01)}f}".replace("-", "−")


def table(tables: tuple[Table, ...], start: str) -> Table:
    return next(t for t in tables if t.caption.startswith(start))


def texts(row: tuple[Cell, ...]) -> list[str]:
    return [c.text.replace("\u00a0", " ") for c in row]


def cells(tables: tuple[Table, ...]) -> list[Cell]:
    return [c for t in tables for row in t.rows for c in row]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return synthetic.write(tmp_path_factory.mktemp("run") / "run")


@pytest.fixture(scope="module")
def context(run: Run) -> Context:
    return build(run)


@pytest.fixture(scope="module")
def rendered(run: Run) -> tuple[str, bytes]:
    page, paper = render(run)
    return page.read_text("utf-8"), paper.read_bytes()


def test_page_and_paper_lie_where_they_should_and_say_the_verdict(
    run: Run, rendered: tuple[str, bytes]
) -> None:
    """The verdict, its sentence and the reasons stand in both."""
    page, paper = rendered
    assert (run.report / "index.html").is_file()
    assert (run.report / "report.pdf").is_file()
    first = " ".join(pypdf.PdfReader(io.BytesIO(paper)).pages[0].extract_text().split())
    for text in (Text(page).text, first):
        assert "Confirmed" in text
        assert "The model relies on an artefact." in text
        assert "Burned-in text, referable. The answer rests on it." in text
        assert "12 cases of 6 patients" in text
        assert "abababababab" in text


def test_one_run_gives_the_same_bytes_again(run: Run, rendered: tuple[str, bytes]) -> None:
    """There is no clock and no chance in a report."""
    page, paper = render(Run.open(run.path))
    assert page.read_text("utf-8") == rendered[0]
    assert paper.read_bytes() == rendered[1]


def test_what_the_page_says_is_what_the_tables_hold(run: Run, context: Context) -> None:
    """Every estimate of removal and density is printed as it stands in estimates.parquet."""
    found = tuple(t for f in context.found for t in f.tables)
    said = " | ".join(texts(tuple(cells((*context.removal, *found)))))
    for e in run.read(Estimate):
        if e.metric == "removal" and e.value is not None:
            assert printed(e.value) in said
            assert f"{printed(e.low or 0.0)} to {printed(e.high or 0.0)}" in said
    text = table(context.attention, "Burned-in text")
    expected = next(
        e
        for e in run.read(Estimate)
        if (e.metric, e.region, e.explainer, e.layer, e.target)
        == ("density", "text", "lime", "mean", "predicted")
    )
    row = next(r for r in text.rows if r[0].text == "LIME, mean fill")
    assert row[1].text == words.number(expected.value or 0.0)
    assert [c.text for c in row[-3:]] == ["12", "6", "0"]


def test_every_row_of_a_table_fills_its_columns(context: Context) -> None:
    """A reason that stands in place of numbers spans exactly their columns."""
    tables = [*context.identity, *context.data, *context.settings, *context.removal, *context.attention]
    tables += [*context.transplant, *context.cues, *context.harm, *context.trust]
    tables += [t for f in context.found for t in f.tables]
    tables += [*context.agreement, *context.missing, *context.meanings, *context.more]
    tables += [
        t for t in (context.gates, context.verdicts, context.undecided, context.clear) if t is not None
    ]
    tables += [f.estimates for r in context.flagged for f in r.findings if f.estimates is not None]
    for each in tables:
        for row in each.rows:
            assert sum(c.span for c in row) == len(each.head), (each.caption, row)


def test_a_gap_prints_its_reason_and_never_a_number(rendered: tuple[str, bytes]) -> None:
    """Where nothing was measured the reason stands; None and NaN stand nowhere."""
    text = Text(rendered[0]).text
    assert "not measured: the region is in no case" in text
    assert not NEVER.search(text), NEVER.search(text)
    assert not NEVER.search(paper_text(rendered[1]))


def test_the_page_asks_nobody_for_anything(rendered: tuple[str, bytes]) -> None:
    """One file: a script of its own alone, no address but data:, and a policy that would stop all else."""
    page = Text(rendered[0])
    assert not [t for t, _ in page.tags if t in ("link", "iframe", "object", "embed", "base")]
    scripts = [a for t, a in page.tags if t == "script"]
    assert {a["type"] for a in scripts} == {"application/json", "module"}
    assert not [a for a in scripts if "src" in a]
    assert sum(a["type"] == "module" for a in scripts) == 1
    addresses = [a[k] for _, a in page.tags for k in ("src", "href", "srcset", "action") if k in a]
    assert all(str(u).startswith(("data:image/jpeg;base64,", "#")) for u in addresses)
    assert not re.search(r"\burl\(|@import|https?://|\beval\b|innerHTML|\bfetch\(", rendered[0])
    assert not [a for _, a in page.tags if "style" in a or any(k.startswith("on") for k in a)]
    policy = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv"))
    assert str(policy).startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in str(policy)
    assert "strict-dynamic" not in str(policy)


def test_every_picture_has_words_and_headings_skip_no_level(rendered: tuple[str, bytes]) -> None:
    """Alternative text on each picture, a title in each drawing, h1 first and no level left out."""
    page = Text(rendered[0])
    pictures = [a for t, a in page.tags if t == "img"]
    assert len(pictures) > 20
    assert all(a.get("alt") for a in pictures)
    assert sum(t == "svg" for t, _ in page.tags) == sum(t == "title" for t, _ in page.tags) - 1
    levels = [int(t[1]) for t, _ in page.tags if re.fullmatch("h[1-6]", t)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_the_paper_has_contents_numbers_and_no_png(rendered: tuple[str, bytes]) -> None:
    """A4, page x of y, contents, bookmarks; pictures are JPEG."""
    reader = pypdf.PdfReader(io.BytesIO(rendered[1]))
    assert [round(float(x)) for x in reader.pages[0].mediabox[2:]] == [595, 842]
    assert f"page 2 of {len(reader.pages)}" in reader.pages[1].extract_text()
    assert "Contents" in reader.pages[0].extract_text()
    assert len(reader.outline) >= 1
    filters = {
        str(x.get("/Filter"))
        for p in reader.pages
        for x in (o.get_object() for o in (p["/Resources"].get("/XObject") or {}).values())
        if x.get("/Subtype") == "/Image"
    }
    assert filters == {"/DCTDecode"}
    assert len(rendered[1]) < 4_000_000


def test_hostile_names_are_text(tmp_path: Path) -> None:
    """Case ids, classes, labels, titles, region titles, credits and reasons are printed, not obeyed."""
    bad = HOSTILE
    regions = [
        *synthetic.REGIONS[:2],
        synthetic.Region(name=bad, role="artefact", title=bad, detector=bad, version=bad),
    ]
    run = synthetic.write(
        tmp_path / "run", n=4, classes=("healthy", bad), ids=[bad, "../../etc/passwd", "x" * 300, "病例 é"], title=bad,
        credit=bad, regions=regions, explainers=("lime",), why_not=bad,
    )  # fmt: skip
    context = build(run)
    page = html.page(context)
    seen = Text(page)
    assert {t for t, _ in seen.tags} & {"script"} == set()
    assert not [a for t, a in seen.tags if t == "img" and not str(a["src"]).startswith("data:")]
    assert not [a for _, a in seen.tags if any(k.startswith("on") for k in a)]
    assert HOSTILE in seen.text
    assert "49" not in Text(page).text.split("alert(1)")[1][:20]
    text = "".join(paper_text(pdf.document(context)).split())
    assert "<script>alert(1)</script>" in text
    assert "{{7*7}}" in text


HARD = {
    "three cases": {"n": 3},
    "no masks": {"lesions": False},
    "no findings": {"findings": False},
    "a function, LIME only": {"explainers": ("lime",)},
    "no explainer at all": {"explainers": ()},
    "all maps zero": {"zero": True},
    "ten classes": {"n": 20, "classes": [f"class {i} of a rather long name" for i in range(10)]},
    "no pictures": {"thumbs": False},
    "no regions": {"regions": ()},
    "not latin": {"classes": ("здоровый", "διαβήτης"), "title": "תיק · Ζ"},
    "long words": {
        "n": 3,
        "explainers": ("grad-cam",),
        "ids": ["x" * 300],
        "classes": ("y" * 120, "z" * 120),
        "title": "t" * 200,
    },
    "many failures": {"failures": 90},
}


@pytest.mark.parametrize("name", HARD)
def test_hard_runs_have_a_report(name: str, tmp_path: Path) -> None:
    """Whatever a run lacks, its report is whole, and says so in words."""
    run = synthetic.write(tmp_path / "run", **{"n": 6, "size": 32, **HARD[name]})  # type: ignore[arg-type]
    context = build(run)
    text = Text(html.page(context)).text
    assert not NEVER.search(text), NEVER.search(text)
    assert "What these numbers cannot say" in text
    said = {
        "no masks": "nobody drew a lesion",
        "no findings": "there are no findings",
        "a function, LIME only": "the model is a function: it has no layers and no gradients",
        "no explainer at all": "There are not two maps to compare",
        "all maps zero": "every map is zero",
        "no pictures": "No picture was kept for this case.",
        "no regions": "No region was painted over",
        "many failures": "30 more rows of this kind",
    }
    assert said.get(name, "") in text
    if name == "long words":
        assert len(pypdf.PdfReader(io.BytesIO(pdf.document(context))).pages) < 40


def test_a_region_that_no_case_bears_is_told(context: Context) -> None:
    """It stands under what was not measured."""
    missing = table(context.missing, "Regions")
    assert ("Constant padding", "Found in none of the 12 cases where it can be known.") in [
        (r[0].text, r[1].text) for r in missing.rows
    ]


def test_findings_show_their_rule_and_the_extreme_cases(run: Run, context: Context) -> None:
    """What, why, limits and references come from the run's own rule file; cases are ordered by effect."""
    rule = next(r for r in context.flagged if r.id == "reliance-text")
    assert rule.what == "Is it so that: The answer rests on burned-in text?"
    assert rule.references[1] == "Nauta et al. 2021, Diagnostics 12"
    assert rule.limits == ("One way of painting over was used. The region is as good as its detector.",)
    finding = rule.findings[0]
    assert finding.most is not None
    assert finding.least is not None
    effects = run.frame(synthetic.Effect)
    first = (effects["intervention"] == "removal") & (effects["fill"] == "inpaint") & (effects["dose"] == 1)
    own = effects[first & (effects["region"] == "text") & (effects["cls"] == "referable")]
    own = own.dropna(subset=["difference"])
    ranked = own.sort_values(["difference", "case"], ascending=[False, True])["case"].tolist()
    assert [p.caption.split(":")[0] for p in finding.most.pictures] == ranked[:3]
    assert finding.least.pictures[0].caption.split(":")[0] == ranked[-1]


def test_an_unfinished_run_has_no_report_but_a_draft(tmp_path: Path) -> None:
    """A draft says that it is one."""
    run = synthetic.write(tmp_path / "run", n=3, size=32, seal=False)
    with pytest.raises(RunError, match="did not finish"):
        render(run)
    (run.path / "findings.json").unlink()
    (run.path / "estimates.parquet").unlink()
    page, _ = render(run, draft=True)
    text = Text(page.read_text("utf-8")).text
    assert "Draft." in text
    assert "Not judged" in text


def test_the_paper_opens_no_address() -> None:
    """Neither a file nor the network: the rendering ends there."""
    fetcher = pdf.Assets({"a": (b"x", "image/jpeg")})
    assert fetcher.fetch("asset:a").read() == b"x"
    for url in (
        "file:///etc/passwd",
        "https://example.org/x.png",
        "asset:b",
        "ftp://example.org/",
        "asset:../a",
    ):
        with pytest.raises(FatalURLFetchingError):
            fetcher.fetch(url)


def test_a_report_needs_no_torch(run: Run) -> None:
    """Blocked, torch is not missed."""
    code = (
        "import sys\nfor name in ('torch', 'torchvision', 'timm'): sys.modules[name] = None\n"
        "from audit.record import Run\nfrom audit.report import build, html\n"
        f"assert len(html.page(build(Run.open({str(run.path)!r})))) > 1000\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_an_outline_is_the_rim_of_a_mask() -> None:
    """Drawn by hand: the rim of a 4 x 4 square, open to the picture's edge as well."""
    mask = np.zeros((6, 6), bool)
    mask[0:4, 1:5] = True
    rim = mask.copy()
    rim[1:3, 2:4] = False
    assert np.array_equal(figures.outline(mask), rim)


def test_a_map_is_drawn_where_it_is_strong_and_lines_where_masks_end() -> None:
    """A zero map leaves the picture in grey; the lesion's line is white, a region's cyan and dashed."""
    base = np.full((58, 58, 3), (120, 60, 30), np.uint8)
    zero = figures.compose(base, heat=np.zeros((58, 58), np.float32))
    assert np.ptp(zero, axis=2).max() == 0
    half = np.zeros((58, 58), np.float32)
    half[:, :29] = 1.0
    drawn = figures.compose(base, heat=half)
    assert np.ptp(drawn[:, 10].astype(int), axis=1).min() > 60
    assert np.ptp(drawn[:, -10].astype(int), axis=1).max() == 0
    signed = figures.compose(base, heat=half - 0.5, signed=True).astype(int)
    assert signed[116, 10, 0] > signed[116, 10, 2]
    assert signed[116, -10, 0] < signed[116, -10, 2]
    mask = np.zeros((58, 58), bool)
    mask[20:40, 20:40] = True
    white = (figures.compose(base, lesion=mask) == figures.LESION).all(axis=2)
    cyan = (figures.compose(base, regions=[mask]) == figures.REGION).all(axis=2)
    assert white[80, 85:155].all()
    assert 20 < cyan[80, 85:155].sum() < 50


def test_questions_of_lime_are_made_again_from_what_was_kept(run: Run, context: Context) -> None:
    """The panel's pictures hold the answers that stand in lime/answers, from the highest to the lowest."""
    block = context.cases[0]
    strip = next(s for s in block.strips if s.title.startswith("LIME: four"))
    row = [c.id for c in run.read(Case)].index(block.title)
    answers = run.array("lime", "answers-mean")[row, :, 0]
    shown = run.array("lime", "design")[row]
    asked = np.sort(answers[~shown.all(axis=1)])[::-1]
    printed = [float(p.caption.rstrip(".").split()[-1]) for p in strip.pictures]
    assert len(printed) == 4
    assert printed[0] == pytest.approx(asked[0], abs=6e-4)
    assert printed[-1] == pytest.approx(asked[-1], abs=6e-4)
    assert printed == sorted(printed, reverse=True)


def test_the_report_says_what_lime_was_asked_and_how_well_it_knows(run: Run, context: Context) -> None:
    """Design, target, questions and widths stand in a sentence, with the numbers that lime/ holds."""
    said = "\n".join(context.trust_words)
    assert "rows of a Hadamard matrix" in said
    assert "explains the probability of the class" in said
    assert "at most 24 questions a fill, and stopped before where the intervals decided" in said
    for fill in ("mean", "surround"):
        asked = run.array("lime", f"asked-{fill}")
        line = next(t for t in context.trust_words if t.startswith(f"LIME, {fill} fill:"))
        assert f"12 to 24 questions a case in {len(asked)} cases, median {np.median(asked):.0f}" in line
        assert f"fewer than 24 in {(asked < 24).sum()}" in line
        assert "95 % interval is 0.060 (median)" in line
        assert ("were not tested" in line) == (fill == "mean")
    block = context.cases[0]
    row = [c.id for c in run.read(Case)].index(block.title)
    strip = next(s for s in block.strips if s.title.startswith("LIME: superpixels"))
    wide = np.nanmax(run.array("lime", "half-mean")[row, 0])
    asked = int(run.array("lime", "asked-mean")[row])
    assert (
        f"Mean fill: {asked} questions; the interval of each weight reaches {wide:.3f} to both sides or less"
        in strip.note
    )


def test_a_run_that_kept_no_intervals_says_nothing_of_them(tmp_path: Path) -> None:
    """Runs of before are still rendered."""
    run = synthetic.write(tmp_path / "run", n=4, size=32)
    for file in (run.path / "lime").glob("*"):
        if file.name.startswith(("half-", "asked-")):
            file.unlink()
    source = load(run)
    assert len(lime_words(source)) == 1
    assert "superpixel" in strips(source, source.cases[0])[0].title


def test_pictures_are_jpeg_at_their_final_size(context: Context) -> None:
    """The bytes are what the page says they are."""
    for picture in context.pictures[:10]:
        with Pillow.open(io.BytesIO(picture.jpeg)) as opened:
            assert (opened.format, opened.size) == ("JPEG", (picture.width, picture.height))


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["plain", "long"])
def test_a_browser_shows_it_without_scrolling_sideways(kind: str, context: Context, tmp_path: Path) -> None:
    """On a phone and on a desk: no overflow, nothing in the console, no request but the page itself."""
    from playwright.sync_api import sync_playwright

    if kind == "long":
        run = synthetic.write(
            tmp_path / "run", n=6, size=32, title="t" * 150, ids=["x" * 300], explainers=("grad-cam++", "lime"),
            classes=["y" * 120] + [f"class {i}" for i in range(9)],
        )  # fmt: skip
        context = build(run)
    file = tmp_path / "page.html"
    file.write_text(html.page(context), "utf-8")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        for width in (360, 1280):
            page = browser.new_page(viewport={"width": width, "height": 800})
            said: list[str] = []
            page.on("console", lambda m, said=said: said.append(m.text))
            page.on("pageerror", lambda e, said=said: said.append(str(e)))
            page.on("request", lambda r, said=said: r.url.startswith("data:") or said.append(r.url))
            page.goto(file.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate("[...document.images].every(i => i.naturalWidth > 0)")
            assert said == [file.as_uri()]
        browser.close()
