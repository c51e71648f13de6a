"""The paper: what it claims to be, what it carries, and that it asks nobody for anything."""

from __future__ import annotations

import hashlib
import html
import io
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as Tree

import numpy as np
import outloud
import pikepdf
import pypdf
import pytest
import synthetic
from PIL import Image as Pillow
from weasyprint.css.tokens import InvalidValues
from weasyprint.urls import FatalURLFetchingError

from audit.cli import main
from audit.record import Run
from audit.report import Context, build, checked, enclosed, figures, pdf, typeface

ROOT = Path(__file__).resolve().parents[2]

SCRIPTS = {
    "greek": "κόλπος",
    "cyrillic": "родинка",
    "arabic": "شامة",
    "hebrew": "שומה",
    "armenian": "խալ",
    "georgian": "ხალი",
    "devanagari": "तिल",
    "bengali": "তিল",
    "gurmukhi": "ਤਿਲ",
    "gujarati": "તલ",
    "oriya": "ଜଡ଼ା",
    "tamil": "மச்சம்",
    "telugu": "పుట్టుమచ్చ",
    "kannada": "ಮಚ್ಚೆ",
    "malayalam": "മറുക്",
    "sinhala": "උපන්ලපය",
    "thai": "ไฝ",
    "lao": "ໄຝ",
    "khmer": "ប្រជ្រុយ",
    "myanmar": "မှဲ့",
    "ethiopic": "ማርያም",
    "hangul": "점무늬",
    "han": "黑素瘤 疹",
    "kana": "ほくろ ホクロ",
    "decomposed": "la\u0308sion",
}
ODD = "mole \U0001f600 \ue000 \ufeff \U000e0041 end"
NAMES = [*SCRIPTS.values(), ODD]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return synthetic.write(tmp_path_factory.mktemp("run") / "run", ids=NAMES[:4], title=" ".join(NAMES))


@pytest.fixture(scope="module")
def context(run: Run) -> Context:
    return build(run)


@pytest.fixture(scope="module")
def paper(run: Run, context: Context) -> bytes:
    return pdf.document(context, enclosed.files(run))


@pytest.fixture(scope="module")
def opened(paper: bytes) -> Iterator[pikepdf.Pdf]:
    with pikepdf.open(io.BytesIO(paper)) as document:
        yield document


@pytest.fixture(scope="module")
def file(paper: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("paper") / "report.pdf"
    path.write_bytes(paper)
    return path


def elements(document: pikepdf.Pdf) -> list[pikepdf.Dictionary]:
    """Every element of the structure in reading order."""

    def walk(element: pikepdf.Object) -> Iterator[pikepdf.Dictionary]:
        if isinstance(element, pikepdf.Dictionary) and "/S" in element:
            yield element
        kids = element.get("/K", [])
        for kid in kids if isinstance(kids, pikepdf.Array) else [kids]:
            if isinstance(kid, pikepdf.Dictionary):
                yield from walk(kid)

    return list(walk(document.Root.StructTreeRoot))


def test_one_description_claims_both_standards(opened: pikepdf.Pdf) -> None:
    """A second description beside the first would not be heeded."""
    rdf = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
    found = Tree.fromstring(opened.Root.Metadata.read_bytes()).findall(f"{rdf}RDF")
    assert len(found) == 1
    text = Tree.tostring(found[0], encoding="unicode")
    with opened.open_metadata() as told:
        assert told["pdfaid:part"] == "3"
        assert told["pdfaid:conformance"] == "A"
        assert told["pdfuaid:part"] == "1"
    assert (
        text.count("http://www.aiim.org/pdfua/ns/id/</") == 1
    )  # the property that PDF/A does not know is described
    assert " ".join(NAMES) in text
    assert opened.Root.Lang == "en"
    assert opened.Root.MarkInfo.Marked
    assert opened.Root.ViewerPreferences.DisplayDocTitle
    assert opened.Root.OutputIntents[0].S == "/GTS_PDFA1"
    assert opened.docinfo["/Title"] == " ".join(NAMES)


def test_another_checker_finds_no_error(file: Path) -> None:
    """outloud reads PDF/UA-1 and WCAG 2.2 by its own lights."""
    result = outloud.check(str(file))
    assert result.error is None
    assert [f for f in result.findings if f.severity == "error"] == []


def test_pictures_are_jpeg_in_rgb_at_their_size_and_have_words(opened: pikepdf.Pdf, context: Context) -> None:
    """Nothing is smoothed, recompressed or painted with ink; each picture and drawing has words."""
    kept = {hashlib.sha256(p.jpeg).digest() for p in context.pictures}
    found = [
        x
        for page in opened.pages
        for x in page.Resources.get("/XObject", {}).values()
        if x.Subtype == "/Image"
    ]
    assert found
    for picture in found:
        assert picture.Filter == "/DCTDecode"
        assert picture.ColorSpace == "/DeviceRGB"
        assert not picture.get("/Interpolate", False)
        with Pillow.open(io.BytesIO(picture.read_raw_bytes())) as jpeg:
            assert jpeg.mode == "RGB"
            assert jpeg.size == (picture.Width, picture.Height)
    assert {hashlib.sha256(p.read_raw_bytes()).digest() for p in found} <= kept
    figures = [e for e in elements(opened) if e.S == "/Figure"]
    assert len(figures) > len(context.pictures)
    assert all(str(e.Alt).strip() for e in figures)


def test_headings_begin_at_one_and_skip_no_level(opened: pikepdf.Pdf) -> None:
    """And bookmarks lead to them."""
    levels = [int(str(e.S)[2]) for e in elements(opened) if str(e.S)[1:] in {"H1", "H2", "H3", "H4"}]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in itertools.pairwise(levels))
    with opened.open_outline() as outline:
        assert len(outline.root[0].children) >= 15


def test_all_that_is_painted_is_tagged_or_an_artefact_and_no_glyph_is_missing(opened: pikepdf.Pdf) -> None:
    """Running heads and page numbers are artefacts; what is tagged is in the tree of its page."""
    parents = opened.Root.StructTreeRoot.ParentTree.Nums
    known = {e.objgen for e in elements(opened)}
    for page in opened.pages:
        own, inside, heads = parents[2 * int(page.StructParents) + 1], [], 0
        for operands, operator in pikepdf.parse_content_stream(page):
            name = str(operator)
            if name == "BDC":
                inside.append(operands[1].get("/MCID", operands[0]))
                heads += operands[1].get("/Type") == "/Pagination"
                if "/MCID" in operands[1]:
                    assert own[int(operands[1].MCID)].objgen in known
            elif name == "BMC":
                inside.append(operands[0])
            elif name == "EMC":
                inside.pop()
            elif name in {"Tj", "TJ", "Do", "S", "f", "f*", "B", "sh"}:
                assert inside
            if name in {"Tj", "TJ"}:
                for piece in operands[0] if name == "TJ" else operands:
                    if isinstance(piece, pikepdf.String):
                        raw = bytes(piece)
                        assert all(raw[i : i + 2] != b"\0\0" for i in range(0, len(raw), 2))
        assert heads >= 2  # the foot's two lines at least


def test_names_in_any_script_print(file: Path) -> None:
    """What has a glyph can be copied out again; what has none stands there as its number."""
    text = "".join(pypdf.PdfReader(file).pages[0].extract_text().split())
    for name in ("κόλπος", "родинка", "점무늬", "黑素瘤", "ほくろ", "தி"[:0] + "ማርያም"):
        assert name in text
    assert "mole[U+1F600][U+E000][U+FEFF][U+E0041]end" in text.replace("\n", "")
    used = {str(f["/BaseFont"]) for f in pypdf.PdfReader(file).pages[0]["/Resources"]["/Font"].values()}  # type: ignore[index]
    assert all("+Report-" in font for font in used)


def test_every_script_has_a_font_and_only_needed_fonts_are_taken() -> None:
    """Only what no font has is written as a number."""
    for script, word in SCRIPTS.items():
        assert typeface.choose(word)[1] == word, script
    assert typeface.choose("Läsion; plain")[0] == typeface.ALWAYS
    assert {p.name for p in (ROOT / "templates" / "fonts").glob("*.ttf")} == typeface.FILES


@pytest.mark.parametrize("tag", ["p", "b", "i", "code"])
def test_what_is_called_printable_prints_in_our_fonts_in_every_cut(tag: str, tmp_path: Path) -> None:
    """The bold and the oblique lack some that the upright has; and no font of the machine may step in."""
    every = set.union(
        *(set(sorted(typeface.printable(f))[:: 1 if "Condensed.ttf" in f else 37]) for f in typeface.FILES)
    )
    style = (ROOT / "templates" / "paper.css").read_text("utf-8")
    body = html.escape(" ".join(map(chr, sorted(every))))
    made = pdf.printed(
        f'<!doctype html><html lang="en"><title>t</title><style>{style}</style><h1>t</h1><{tag}>{body}</{tag}>',
        title="t",
        begun="",
    )
    (tmp_path / "a.pdf").write_bytes(made)
    assert not [p for p in checked.problems(tmp_path / "a.pdf") if "glyph" in p.what]
    with pikepdf.open(tmp_path / "a.pdf") as document:
        assert all("+Report-" in str(f.BaseFont) for f in document.pages[0].Resources.Font.values())


def test_the_run_s_files_are_inside_byte_for_byte(run: Run, opened: pikepdf.Pdf) -> None:
    """Tables, rules, configuration, findings and manifest; dated by the run, not by a clock."""
    manifest = json.loads((run.path / "manifest.json").read_text("utf-8"))
    expected = {f.name: f for f in enclosed.files(run)}
    inside = dict(opened.attachments.items())
    assert set(inside) == set(expected)
    assert {"manifest.json", "findings.json", "estimates.parquet", "scores.parquet"} <= set(inside)
    assert sum(name.startswith("rules-") for name in inside) == len(run.rule_files())
    assert len(opened.Root.AF) == len(inside)
    for name, one in inside.items():
        content = one.get_file().read_bytes()
        path = expected[name].path
        assert content == (run.path / path).read_bytes()
        if path != "manifest.json":
            assert hashlib.sha256(content).hexdigest() == manifest["files"][path]
        assert str(one.obj.AFRelationship) == f"/{expected[name].relation}"
        assert str(one.obj.Desc).startswith(f"{path}: ")
        assert str(one.obj.EF.F.Params.CreationDate) == pdf.when(manifest["created"]).strftime(
            "D:%Y%m%d%H%M%SZ"
        )
    names = [str(n) for n in opened.Root.Names.EmbeddedFiles.Names[::2]]
    assert names == sorted(names)


def test_what_is_too_large_stays_in_the_run_and_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its digest is printed all the same."""
    monkeypatch.setattr(enclosed, "LARGEST", 4096)
    kept = enclosed.files(run)
    large = next(f for f in kept if f.path == "scores.parquet")
    assert large.content is None
    shown = enclosed.table(kept)
    assert shown is not None
    row = next(r for r in shown.rows if r[0].text == "scores.parquet")
    assert "not enclosed" in row[1].text
    assert row[3].text == hashlib.sha256((run.path / "scores.parquet").read_bytes()).hexdigest()


NO_CLOCK = """
import datetime, os, sys, time
sys.path.insert(0, {root!r})
import weasyprint
class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        raise AssertionError("a clock was read")
weasyprint.datetime = Clock
time.time = lambda: 4e9
from audit.record import Run
from audit.report import build, enclosed, html, pdf
run = Run.open({run!r})
made = build(run)
sys.stdout.buffer.write(pdf.document(made, enclosed.files(run)))
"""


def test_the_same_bytes_from_another_folder_at_another_time(run: Run, paper: bytes, tmp_path: Path) -> None:
    """Another process, another seed of hashes, another time zone, another working directory."""
    done = subprocess.run(
        [sys.executable, "-c", NO_CLOCK.format(root=str(ROOT), run=str(run.path))],
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin",
            "TZ": "Asia/Tokyo",
            "PYTHONHASHSEED": "77",
            "LC_ALL": "C",
            "HOME": str(tmp_path),
        },
        capture_output=True,
        check=True,
    )
    assert done.stdout == paper


ADDRESSES = {
    "picture": '<img alt="a" src="{at}">',
    "style sheet": '<link rel="stylesheet" href="{at}">',
    "import": '<style>@import url("{at}");</style>',
    "background": '<p style="background: url({at})">a</p>',
    "list mark": '<ul style="list-style-image: url({at})"><li>a</li></ul>',
    "content": '<style>h1::before {{ content: url("{at}") }}</style>',
    "object": '<object data="{at}">a</object>',
    "embed": '<embed src="{at}">',
    "svg": '<svg role="img"><title>a</title><image href="{at}" width="9" height="9"/></svg>',
    "svg use": '<svg role="img"><title>a</title><use href="{at}#b"/></svg>',
    "attachment": '<link rel="attachment" href="{at}">',
    "attached link": '<a rel="attachment" href="{at}">a</a>',
    "font": '<style>@font-face {{ font-family: x; src: url("{at}") }} h1 {{ font-family: x }}</style>',
}


@pytest.mark.parametrize("kind", ADDRESSES)
@pytest.mark.parametrize("scheme", ["file", "http", "relative"])
def test_no_address_is_opened(
    kind: str, scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rendering ends, or the address is left alone; what lies there is never in the file."""
    secret = tmp_path / "secret.svg"
    secret.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>secret</text></svg>', "utf-8"
    )
    at = {"file": secret.as_uri(), "http": "http://127.0.0.1:9/secret.svg", "relative": "secret.svg"}[scheme]
    monkeypatch.chdir(tmp_path)
    opened: list[str] = []
    monkeypatch.setattr(
        "urllib.request.OpenerDirector.open", lambda self, request, **_: opened.append(request)
    )
    page = f'<!doctype html><html lang="en"><title>t</title><style></style><h1>t</h1>{ADDRESSES[kind].format(at=at)}'
    try:
        made = pdf.printed(page, title="t", begun="")
    except (FatalURLFetchingError, InvalidValues):
        made = b""
    assert not opened
    if made:
        with pikepdf.open(io.BytesIO(made)) as document:
            assert not document.attachments
            assert not [x for p in document.pages for x in p.Resources.get("/XObject", {}).values()]


def spoil_claims(d: pikepdf.Pdf) -> None:
    del d.Root.Lang


def spoil_metadata(d: pikepdf.Pdf) -> None:
    d.Root.Metadata.write(d.Root.Metadata.read_bytes().replace(b"pdfuaid:part>1<", b"pdfuaid:part>2<"))


def spoil_second_description(d: pikepdf.Pdf) -> None:
    told = d.Root.Metadata.read_bytes()
    begin, end = told.index(b"<rdf:RDF"), told.index(b"</rdf:RDF>") + len(b"</rdf:RDF>")
    d.Root.Metadata.write(told[:end] + told[begin:end] + told[end:])


def spoil_smoothing(d: pikepdf.Pdf) -> None:
    first_picture(d).Interpolate = True


def spoil_inks(d: pikepdf.Pdf) -> None:
    first_picture(d).ColorSpace = pikepdf.Name.DeviceCMYK


def spoil_words(d: pikepdf.Pdf) -> None:
    del next(e for e in elements(d) if e.S == "/Figure").Alt


def spoil_headings(d: pikepdf.Pdf) -> None:
    next(e for e in elements(d) if e.S == "/H2").S = pikepdf.Name.H4


def spoil_list(d: pikepdf.Pdf) -> None:
    next(e for e in elements(d) if e.S == "/LI").S = pikepdf.Name.Div


def spoil_cell(d: pikepdf.Pdf) -> None:
    del next(e for e in elements(d) if e.S == "/TD").A.Headers


def spoil_row(d: pikepdf.Pdf) -> None:
    next(e for e in elements(d) if e.S == "/TD").A.ColSpan = 3


def spoil_tag(d: pikepdf.Pdf) -> None:
    d.pages[0].Contents.write(d.pages[0].Contents.read_bytes() + b"\n0 0 m 9 9 l S")


def spoil_glyph(d: pikepdf.Pdf) -> None:
    page, name = d.pages[0], str(next(iter(d.pages[0].Resources.Font.keys()))).encode()
    painted = page.Contents.read_bytes() + b"\n/Artifact BMC BT " + name + b" 9 Tf <0000> Tj ET EMC"
    page.Contents.write(painted)


def spoil_character(d: pikepdf.Pdf) -> None:
    font = next(iter(d.pages[0].Resources.Font.values()))
    font.ToUnicode.write(font.ToUnicode.read_bytes().replace(b"endbfchar", b"<0fff> <e000>\nendbfchar", 1))


def spoil_file(d: pikepdf.Pdf) -> None:
    del d.Root.AF[0].AFRelationship


def spoil_association(d: pikepdf.Pdf) -> None:
    del d.Root.AF[0]


def spoil_link(d: pikepdf.Pdf) -> None:
    d.pages[0].Annots[0].F = 0


def spoil_way_out(d: pikepdf.Pdf) -> None:
    d.pages[0].Annots[0].A = pikepdf.Dictionary(S=pikepdf.Name.URI, URI=pikepdf.String("http://example.org"))


def first_picture(d: pikepdf.Pdf) -> pikepdf.Object:
    return next(x for p in d.pages for x in p.Resources.get("/XObject", {}).values() if x.Subtype == "/Image")


SPOILT = {
    spoil_claims: "language",
    spoil_metadata: "do not claim PDF/UA-1",
    spoil_second_description: "2 descriptions",
    spoil_smoothing: "smoothed",
    spoil_inks: "inks",
    spoil_words: "no words that stand for it",
    spoil_headings: "a heading of level 4 follows one of level 1",
    spoil_list: "Div stands right inside L",
    spoil_cell: "which head it stands under",
    spoil_row: "different numbers of columns",
    spoil_tag: "neither part of the structure nor an artefact",
    spoil_glyph: "no glyph in its font",
    spoil_character: "a character that no archive takes",
    spoil_file: "lacks its name, its kind or how it belongs",
    spoil_association: "not associated",
    spoil_link: "a link does not print",
    spoil_way_out: "leads out of it",
}


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A paper of two pages with one of each thing."""
    folder = tmp_path_factory.mktemp("short")
    (folder / "a.yaml").write_text("a: 1\n", "utf-8")
    drawn = figures.picture(np.zeros((8, 8, 3), np.uint8), alt="A square.", caption="")
    inside = enclosed.Enclosed(
        path="a.yaml", what="a rule", relation="Source", size=5, sha256="", content=b"a: 1\n"
    )
    body = (
        '<h1>t</h1><ul><li><a href="#b">b</a></li></ul><h2 id="b">b</h2>'
        f'<img src="asset:{drawn.key}" alt="{drawn.alt}"><table><thead><tr><th>a</th><th>b</th><th>c</th></tr></thead>'
        "<tbody><tr><td>1</td><td>2</td><td>3</td></tr><tr><td>1</td><td>2</td><td>3</td></tr></tbody></table>"
    )
    style = "* { image-rendering: crisp-edges } html { font-family: 'Report Sans' } h2 { break-before: page }"
    page = f'<!doctype html><html lang="en"><title>t</title><style>{style}</style>{body}'
    return pdf.printed(page, title="t", begun="2026-11-23", pictures=[drawn], files=[inside])


@pytest.mark.parametrize("spoil", [None, *SPOILT], ids=lambda s: s.__name__ if s else "whole")
def test_our_own_checks_see_each_fault(
    spoil: Callable[[pikepdf.Pdf], None] | None, short: bytes, tmp_path: Path
) -> None:
    """Each makes veraPDF refuse a file, or a reader stumble; and a whole file has none."""
    with pikepdf.open(io.BytesIO(short)) as document:
        if spoil:
            spoil(document)
        document.save(tmp_path / "a.pdf")
    said = [p.what for p in checked.problems(tmp_path / "a.pdf")]
    if spoil is None:
        assert said == []
    else:
        assert any(SPOILT[spoil] in text for text in said), said


def test_a_damaged_file_is_told_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\nnothing")
    assert "cannot be read" in checked.problems(tmp_path / "a.pdf")[0].what


@pytest.mark.parametrize("answer", ["PASS", "FAIL", "silent", "none"])
def test_verapdf_is_asked_where_it_is_installed(
    answer: str, short: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For both flavours; what it refuses is told with its words; its absence is told too."""
    (tmp_path / "a.pdf").write_bytes(short)
    program = tmp_path / "verapdf"
    code = {"PASS": 0, "FAIL": 1, "silent": 0}.get(answer, 0)
    said = "" if answer == "silent" else f'echo "{answer} $6 $2"; echo "  FAIL 6.2.4-3"'
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n{said}\nexit {code}\n', "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin" if answer != "none" else str(tmp_path / "empty"))
    done = checked.check(tmp_path / "a.pdf")
    if answer == "none":
        assert "veraPDF is not installed" in done.said[-1]
        assert done.problems == ()
        return
    asked = (tmp_path / "asked").read_text("utf-8").splitlines()
    assert [line.split()[1] for line in asked] == ["3a", "ua1"]
    assert len(done.problems) == (0 if answer == "PASS" else 2)
    if answer == "FAIL":
        assert "6.2.4-3" in done.problems[0].what


def test_the_command_checks_and_ends_with_two(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong is told with what to do; what was looked at is told either way."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("audit.stages.report", lambda *_, **__: None)
    run.report.mkdir(exist_ok=True)
    (run.report / "report.pdf").write_bytes(b"%PDF-1.7\nnothing")
    with pytest.raises(SystemExit) as ended:
        main(["report", str(run.path), "--check"])
    assert ended.value.code == 2
    assert "cannot be read" in capsys.readouterr().err
