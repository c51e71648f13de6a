"""What WeasyPrint leaves undone for a reader who hears the paper: mended before the file is written.

Running heads and page numbers are on every page and belong to none: they become artefacts, which are not read out.
A name and what it is become one item of a list. The head cells of a table say whether they head a column or a row,
and are there for as long as they help: not where they would outnumber what they head. Links say that they print; a
file is associated with the document once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pydyf

Element = dict[str, Any]


def finish(document: Any, pdf: pydyf.PDF) -> None:
    """Mend the tags of a PDF that WeasyPrint has painted. ``document`` is not looked at."""
    if "StructTreeRoot" not in pdf.catalog:
        return
    root = _at(pdf, pdf.catalog["StructTreeRoot"])
    elements = list(_elements(pdf, _at(pdf, root["K"][0])))
    _running_heads(pdf, root, {e.number for e in elements})
    for element in elements:
        if element["S"] == "/L":
            _items(pdf, element)
        if element["S"] == "/Table":
            _table(pdf, element)
    _register(pdf, root, elements)
    for thing in pdf.objects:
        if isinstance(thing, pydyf.Dictionary) and thing.get("Subtype") == "/Link":
            thing["F"] = 4
        if isinstance(thing, pydyf.Dictionary) and "ToUnicode" in thing:
            _mapped(_at(pdf, thing["ToUnicode"]))
    if "AF" in pdf.catalog:
        pdf.catalog["AF"] = pydyf.Array(dict.fromkeys(pdf.catalog["AF"]))


def _mapped(table: pydyf.Stream) -> None:
    """Where several glyphs write one syllable, the first stands for it all and the others for nothing.

    An archive takes no glyph without a character, so these get one that has no width.
    """
    nothing, no_width = b" <>", b" <200b>"
    table.stream = [
        line.removesuffix(nothing) + no_width if isinstance(line, bytes) and line.endswith(nothing) else line
        for line in table.stream
    ]


def _at(pdf: pydyf.PDF, reference: bytes) -> Any:
    """The object that a reference such as ``b"12 0 R"`` means."""
    return pdf.objects[int(reference.split()[0])]


def _elements(pdf: pydyf.PDF, element: Any) -> Iterator[Any]:
    """An element of the structure and all below it, in reading order."""
    ahead = [element]
    while ahead:
        one = ahead.pop()
        yield one
        ahead += reversed(_below(pdf, one))


def _running_heads(pdf: pydyf.PDF, root: Element, known: set[int]) -> None:
    """Make an artefact of what stands on a page and in no part of the structure."""
    parents = _at(pdf, root["ParentTree"])["Nums"]
    pages = [pdf.objects[number] for number in pdf.pages["Kids"][::3]]
    for page in pages:
        own = parents[2 * page["StructParents"] + 1]
        lost = {i for i, reference in enumerate(own) if int(reference.split()[0]) not in known}
        stream = _at(pdf, page["Contents"]).stream
        for at, piece in enumerate(stream):
            if isinstance(piece, pydyf.Dictionary) and piece.get("MCID") in lost:
                stream[at - 1], stream[at] = "/Artifact", pydyf.Dictionary({"Type": "/Pagination"})
        for i in lost:
            _at(pdf, own[i]).clear()
            own[i] = b"null"


def _below(pdf: pydyf.PDF, element: Any) -> list[Any]:
    """The elements right below one."""
    kids = [_at(pdf, kid) for kid in element["K"] if isinstance(kid, bytes)]
    return [kid for kid in kids if kid.get("Type") == "/StructElem"]


def _items(pdf: pydyf.PDF, element: Any) -> None:
    """A group inside a list of names becomes an item: the name its label, what follows its body.

    Where a page ends inside a group, what stands on the next page has no name before it.
    """
    for group in _below(pdf, element):
        if group["S"] != "/Div":
            continue
        group["S"] = "/LI"
        parts = [part for item in _below(pdf, group) for part in _below(pdf, item)]
        for part in parts:
            part["P"] = group.reference
        if len(parts) > 1:
            parts[0]["S"] = "/Lbl"
        group["K"] = pydyf.Array(part.reference for part in parts)


def _table(pdf: pydyf.PDF, table: Any) -> None:
    """Say what each head cell heads; a line across the whole table is a cell, and so are heads too many.

    A table of names and values has as many heads as values, and one more for each column: a reader would hear
    nothing but heads. There its columns' heads are enough; and where a page ends after a row in which nothing was
    measured, the first of them.
    """
    rows = [row for group in _below(pdf, table) for row in _rows(pdf, group)]
    cells = [(top, cell) for top, row in rows for cell in _below(pdf, row)]
    heads = [cell for top, cell in cells if top and cell["S"] == "/TH"]
    names = [cell for top, cell in cells if not top and cell["S"] == "/TH"]
    demoted = [cell for cell in names if cell["A"].get("ColSpan", 1) > 1]
    left = len(names) - len(demoted)
    if len(heads) + left > len(cells) - len(heads) - left:
        demoted = names
    if len(heads) > len(cells) - len(heads):
        demoted = demoted + heads[1:]
    lost = {cell.pop("ID").data for cell in demoted}
    for cell in demoted:
        cell["S"] = "/TD"
        cell["A"]["Headers"] = pydyf.Array([heads[0]["ID"]] if heads else [])
    for top, cell in cells:
        if cell["S"] == "/TH":
            cell["A"]["Scope"] = "/Column" if top else "/Row"
        if "Headers" in cell["A"]:
            kept = [head for head in cell["A"]["Headers"] if head.data not in lost]
            cell["A"]["Headers"] = pydyf.Array(kept or [heads[0]["ID"]] if heads else [])


def _rows(pdf: pydyf.PDF, group: Any) -> Iterator[tuple[bool, Any]]:
    """The rows of a part of a table, each with whether it stands in the head."""
    if group["S"] == "/TR":
        yield False, group
    for row in _below(pdf, group) if group["S"] in ("/THead", "/TBody", "/TFoot") else ():
        yield group["S"] == "/THead", row


def _register(pdf: pydyf.PDF, root: Element, elements: list[Any]) -> None:
    """Keep a register of the named head cells, in the order of their names."""
    named = sorted((e["ID"].data, e["ID"], e.reference) for e in elements if "ID" in e)
    if named:
        names = pydyf.Array(piece for _, name, reference in named for piece in (name, reference))
        limits = pydyf.Array((named[0][1], named[-1][1]))
        leaf = pydyf.Dictionary({"Names": names, "Limits": limits})
        pdf.add_object(leaf)
        root["IDTree"] = pydyf.Dictionary({"Kids": pydyf.Array((leaf.reference,))})
