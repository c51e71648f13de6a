"""Is the paper what it says it is? Our own look at its structure, and veraPDF's verdict where that is installed.

Our own look covers the ways in which a report of ours could fail PDF/A-3a or PDF/UA-1, each of which has once made
veraPDF refuse a file of this kind. It does not replace veraPDF, which tests every clause.
"""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree

from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

from audit.errors import Problem
from audit.report import painted

FLAVOURS = {"3a": "PDF/A-3a", "ua1": "PDF/UA-1"}
"""What veraPDF is asked for, and what that is called."""

PATIENCE = 600
"""Seconds that veraPDF may take for one file and one flavour."""

INSIDE = {
    "/L": {"/L", "/LI", "/Caption"},
    "/LI": {"/Lbl", "/LBody"},
    "/Table": {"/TR", "/THead", "/TBody", "/TFoot", "/Caption"},
    "/THead": {"/TR"},
    "/TBody": {"/TR"},
    "/TFoot": {"/TR"},
    "/TR": {"/TH", "/TD"},
}
"""What may stand right inside these elements; and those inside stand nowhere else, but for lists and captions."""

ONLY_IN = {
    "/LI": {"/L"},
    "/Lbl": {"/LI"},
    "/LBody": {"/LI"},
    "/THead": {"/Table"},
    "/TBody": {"/Table"},
    "/TFoot": {"/Table"},
    "/TR": {"/Table", "/THead", "/TBody", "/TFoot"},
    "/TH": {"/TR"},
    "/TD": {"/TR"},
}

AID, UA = "{http://www.aiim.org/pdfa/ns/id/}", "{http://www.aiim.org/pdfua/ns/id/}"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was looked at, in words, and what is wrong."""

    said: tuple[str, ...]
    problems: tuple[Problem, ...]


def check(path: Path) -> Checked:
    """Look at a PDF: our own checks, and veraPDF for both standards if it is on the path."""
    own = problems(path)
    said = [f"{path.name}: our own checks of its structure " + (f"found {len(own)}" if own else "passed")]
    found = list(own)
    program = shutil.which("verapdf")
    if program is None:
        said.append("veraPDF is not installed, so only our own checks were made; they do not replace it")
        return Checked(said=tuple(said), problems=tuple(found))
    for flavour, name in FLAVOURS.items():
        refused = _vera(program, path, flavour)
        said.append(f"veraPDF: {name} " + ("refused" if refused else "passed"))
        found += [refused] if refused else []
    return Checked(said=tuple(said), problems=tuple(found))


def _vera(program: str, path: Path, flavour: str) -> Problem | None:
    """What veraPDF has against a file, None where it passes."""
    command = [program, "--flavour", flavour, "--format", "text", "-v", str(path)]
    todo = "run veraPDF on the file by hand; if a template of your own is used, mend that"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Problem(
            what=f"veraPDF gave no answer for {FLAVOURS[flavour]}: {error}", where=str(path), todo=todo
        )
    if done.returncode == 0 and done.stdout.lstrip().startswith("PASS"):
        return None
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    told = "; ".join(lines[:6]) or f"exit code {done.returncode}"
    return Problem(
        what=f"veraPDF refuses it as {FLAVOURS[flavour]}: {told}"[:900], where=str(path), todo=todo
    )


def problems(path: Path) -> list[Problem]:
    """What our own checks have against a PDF: none for a report that is PDF/A-3a and PDF/UA-1."""
    try:
        reader = PdfReader(path)
        said = [
            *_claims(reader),
            *_structure(reader),
            *_enclosed(reader),
            *_links(reader),
            *painted.faults(reader),
        ]
    except Exception as error:  # a damaged file can fail in any way, and each is the answer
        said = [f"it cannot be read as a PDF of ours: {type(error).__name__}: {error}"]
    again = "run `pfungst report` again; if a template of your own is used, mend that"
    return [
        Problem(what=text if n == 1 else f"{text} ({n} times)", where=str(path), todo=again)
        for text, n in Counter(said).items()
    ]


def _claims(reader: PdfReader) -> Iterator[str]:
    """Title, language and the two standards that it says it follows, in one description."""
    root: Any = reader.root_object
    if root.get("/MarkInfo", {}).get("/Marked") != True:  # noqa: E712
        yield "the file is not marked as tagged"
    if not root.get("/Lang"):
        yield "the file does not say its language"
    if root.get("/ViewerPreferences", {}).get("/DisplayDocTitle") != True:  # noqa: E712
        yield "the title is not shown in place of the file's name"
    if "/Outlines" not in root:
        yield "the file has no bookmarks"
    if not root.get("/OutputIntents"):
        yield "the file does not say what its colours mean"
    if "/ID" not in reader.trailer:
        yield "the file has no identifier"
    if reader.is_encrypted:
        yield "the file is encrypted"
    packets = Tree.fromstring(root["/Metadata"].get_data()).findall(f"{RDF}RDF")
    if len(packets) != 1:
        yield f"the metadata hold {len(packets)} descriptions, and readers heed only one"
        return
    told = {
        **{k: v for d in packets[0] for k, v in d.attrib.items()},
        **{e.tag: e.text for d in packets[0] for e in d},
    }
    if (told.get(f"{AID}part"), told.get(f"{AID}conformance")) != ("3", "A"):
        yield "the metadata do not claim PDF/A-3a"
    if told.get(f"{UA}part") != "1":
        yield "the metadata do not claim PDF/UA-1"
    if packets[0].find(".//{http://www.aiim.org/pdfa/ns/extension/}schemas") is None:
        yield "the claim of PDF/UA-1 is not described in the way that PDF/A asks for"
    if not packets[0].findtext(".//{http://purl.org/dc/elements/1.1/}title//" + f"{RDF}li"):
        yield "the metadata hold no title"


def elements(reader: PdfReader) -> Iterator[tuple[Any, str]]:
    """Every element of the structure in reading order, with the kind of the one above it."""
    root: Any = reader.root_object
    ahead: list[tuple[Any, str]] = [(root["/StructTreeRoot"], "")]
    while ahead:
        element, above = ahead.pop()
        if "/S" in element:
            yield element, above
        kids = element.get("/K", [])
        kids = [k.get_object() for k in (kids if isinstance(kids, ArrayObject) else [kids])]
        down = element.get("/S", "")
        ahead += reversed([(k, down) for k in kids if isinstance(k, DictionaryObject) and "/S" in k])


def _structure(reader: PdfReader) -> Iterator[str]:
    """Alternative texts, the order of headings, the grids of tables, what may stand in what."""
    level = 0
    names = {str(e["/ID"]) for e, _ in elements(reader) if e["/S"] == "/TH" and "/ID" in e}
    for element, above in elements(reader):
        kind = str(element["/S"])
        if kind == "/Figure" and not str(element.get("/Alt", "")).strip():
            yield "a picture has no words that stand for it"
        if len(kind) == 3 and kind[1] == "H" and kind[2].isdigit():
            if int(kind[2]) > level + 1:
                yield (
                    f"a heading of level {kind[2]} follows one of level {level}"
                    if level
                    else "no first heading"
                )
            level = int(kind[2])
        if above in INSIDE and kind not in INSIDE[above]:
            yield f"{kind[1:]} stands right inside {above[1:]}"
        if kind in ONLY_IN and above not in ONLY_IN[kind]:
            yield f"{kind[1:]} stands outside of what it is a part of"
        if kind == "/Table":
            yield from _grid(element)
        if kind == "/TD":
            heads = element.get("/A", {}).get("/Headers", [])
            if not heads or any(str(head) not in names for head in heads):
                yield "a cell of a table does not say which head it stands under"


def _grid(table: Any) -> Iterator[str]:
    """Does every row of a table fill its columns?"""
    kids = [k.get_object() for k in table["/K"]]
    rows = [row for k in kids for row in ([k] if k["/S"] == "/TR" else [r.get_object() for r in k["/K"]])]
    cells = [[c.get_object() for c in row["/K"]] for row in rows if row.get("/S") == "/TR"]
    widths = {sum(int(c.get("/A", {}).get("/ColSpan", 1)) for c in row) for row in cells}
    if len(widths) > 1:
        yield "the rows of a table have different numbers of columns"


def _enclosed(reader: PdfReader) -> Iterator[str]:
    """Does each file inside say its name, its kind and how it belongs to the document?"""
    root: Any = reader.root_object
    belonging = {r.idnum for r in root.get("/AF", []) if isinstance(r, IndirectObject)}
    tree = root.get("/Names", {}).get("/EmbeddedFiles", {}).get("/Names", [])
    for reference in tree[1::2]:
        file = reference.get_object()
        if not (
            file.get("/F")
            and file.get("/UF")
            and file.get("/AFRelationship")
            and "/Subtype" in file["/EF"]["/F"]
        ):
            yield "a file inside lacks its name, its kind or how it belongs to the document"
        if reference.idnum not in belonging:
            yield "a file inside is not associated with the document"


def _links(reader: PdfReader) -> Iterator[str]:
    """Links lead to places in the file, print, say where they lead and are part of the structure."""
    for page in reader.pages:
        notes: Any = page.get("/Annots") or []
        if notes and page.get("/Tabs") != "/S":
            yield "the links of a page are not visited in the order of its structure"
        for note in (n.get_object() for n in notes):
            if note.get("/Subtype") == "/Widget" and not any(float(x) for x in note["/Rect"]):
                continue  # a signature that shows nothing on the page
            if "/A" in note or "/AA" in note:
                yield "something in the file leads out of it"
            if not int(note.get("/F", 0)) & 4 or not note.get("/Contents") or "/StructParent" not in note:
                yield "a link does not print, has no words, or is no part of the structure"
