"""What is painted on the pages of a PDF: is all of it known to the structure, and can all of it be archived?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pypdf import PdfReader
from pypdf.generic import ContentStream

from audit.report.typeface import lawful

TEXT = {b"Tj", b"TJ", b"'", b'"'}
PAINTS = TEXT | {b"Do", b"sh", b"S", b"s", b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*", b"INLINE IMAGE"}
CMYK = {b"k", b"K"}

BLOCK = re.compile(rb"beginbfchar(.*?)endbfchar", re.DOTALL)
MAPPED = re.compile(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>")
"""The lines of a font's table from glyph to text."""


def faults(reader: PdfReader) -> Iterator[str]:
    """What no archive takes and no reader hears, page by page."""
    seen: set[int] = set()
    for page in reader.pages:
        resources: Any = page["/Resources"]
        fonts = resources.get("/Font", {})
        yield from _stream(page.get_contents(), fonts)
        yield from _resources(reader, resources, seen)


def _stream(content: ContentStream | None, fonts: Any) -> Iterator[str]:
    """Painting outside of tags and artefacts, glyphs that are empty boxes, colours of print shops."""
    depth = marked = 0
    opened: list[bool] = []
    for operands, operator in content.operations if content is not None else ():
        if operator in (b"BDC", b"BMC"):
            known = operands[0] == "/Artifact" or (operator == b"BDC" and "/MCID" in operands[1])
            opened.append(known)
            depth, marked = depth + 1, marked + known
        elif operator == b"EMC":
            depth, marked = depth - 1, marked - opened.pop()
        elif operator in PAINTS and not marked:
            yield "something is painted that is neither part of the structure nor an artefact"
        elif operator in CMYK:
            yield "a colour is given as inks"
        if operator in TEXT:
            shown = operands[-1] if operator == b"TJ" else [operands[-1]]
            for piece in shown:
                raw = getattr(piece, "original_bytes", None)
                if raw and any(raw[i : i + 2] == b"\0\0" for i in range(0, len(raw), 2)):
                    yield "a character has no glyph in its font"
    if depth:
        yield "a part of the structure is opened and not closed"


def _resources(reader: PdfReader, resources: Any, seen: set[int]) -> Iterator[str]:
    """Pictures that a reader program would smooth, inks, fonts that are not inside; each looked at once."""
    for thing in (resources.get("/XObject") or {}).values():
        if thing.indirect_reference.idnum in seen:
            continue
        seen.add(thing.indirect_reference.idnum)
        if str(thing.get("/Interpolate")) == "True":
            yield "a picture asks to be smoothed"
        if thing.get("/ColorSpace") == "/DeviceCMYK":
            yield "a picture's colours are inks"
        if thing["/Subtype"] == "/Form":
            yield from _resources(reader, thing.get("/Resources", {}), seen)
    for font in (resources.get("/Font") or {}).values():
        font = font.get_object()
        if font.indirect_reference.idnum in seen:
            continue
        seen.add(font.indirect_reference.idnum)
        below = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
        if not {"/FontFile", "/FontFile2", "/FontFile3"} & set(below["/FontDescriptor"]):
            yield "a font is not inside the file"
        if "/ToUnicode" not in font:
            yield "a font does not say which characters its glyphs are"
            continue
        told = font["/ToUnicode"].get_data()
        for text in (text for block in BLOCK.findall(told) for _, text in MAPPED.findall(block)):
            spelt = bytes.fromhex(text.decode()).decode("utf-16-be", "replace")
            if not all(lawful(c) for c in spelt):
                yield "a glyph stands for a character that no archive takes"
