"""The paper: the same context through WeasyPrint, as one file that is both PDF/A-3a and PDF/UA-1.

PDF/A-3a (ISO 19005-3): opens alike in decades, and may carry the numbers it was made from. PDF/UA-1 (ISO 14289-1):
a reader who cannot see it can hear it. The printer may open the report's own pictures and fonts, and nothing else.
"""

from __future__ import annotations

import gc
import re
import warnings
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree

import weasyprint
from weasyprint.pdf.metadata import DocumentMetadata
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from audit.errors import ConfigError, visible
from audit.report import enclosed, html, tags, typeface
from audit.report.blocks import Picture
from audit.report.context import Context
from audit.report.enclosed import Enclosed

NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What cannot stand in the file's description of itself, which is XML."""

NOBODY_KNOWS = datetime(1980, 1, 1, tzinfo=UTC)
"""The date of a paper whose run does not say when it began: a clock would change its bytes."""

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
UA = "{http://www.aiim.org/pdfua/ns/id/}"
EXTENSION = "{http://www.aiim.org/pdfa/ns/extension/}"
SCHEMA = "{http://www.aiim.org/pdfa/ns/schema#}"
PROPERTY = "{http://www.aiim.org/pdfa/ns/property#}"

Tree.register_namespace("pdfaExtension", EXTENSION[1:-1])
Tree.register_namespace("pdfaSchema", SCHEMA[1:-1])
Tree.register_namespace("pdfaProperty", PROPERTY[1:-1])


class Assets(URLFetcher):  # type: ignore[misc]
    """Hands out what is in memory, and our fonts; any other address ends the rendering."""

    def __init__(self, known: Mapping[str, tuple[bytes, str]]) -> None:
        super().__init__(allowed_protocols=("asset", "data"), allow_redirects=False)
        self.known = known

    def fetch(self, url: str, headers: Any = None) -> Any:
        """The picture, font or file that ``asset:KEY`` names, or what a ``data:`` address holds.

        Raises:
            FatalURLFetchingError: any other address.
        """
        key = url.removeprefix("asset:")
        if url.startswith("asset:") and key in self.known:
            return URLFetcherResponse(url, self.known[key][0], {"Content-Type": self.known[key][1]})
        if url.startswith("asset:fonts/") and (file := key.removeprefix("fonts/")) in typeface.FILES:
            return URLFetcherResponse(url, typeface.content(file), {"Content-Type": "font/ttf"})
        if url.startswith("data:"):
            return super().fetch(url, headers)
        raise FatalURLFetchingError(f"a report opens no address: {url}")


class Both(DocumentMetadata):  # type: ignore[misc]
    """What the file says of itself: that it is PDF/A-3a, and PDF/UA-1 too, in one description."""

    def generate_rdf_metadata(self, variant: str, version: int, conformance: str) -> bytes:
        """The XMP packet's RDF. PDF/A asks that a property which it does not know is described in the file."""
        rdf = Tree.fromstring(super().generate_rdf_metadata(variant, version, conformance))
        own = Tree.SubElement(rdf, f"{RDF}Description", {f"{RDF}about": ""})
        Tree.SubElement(own, f"{UA}part").text = "1"
        described = Tree.SubElement(rdf, f"{RDF}Description", {f"{RDF}about": ""})
        bag = Tree.SubElement(Tree.SubElement(described, f"{EXTENSION}schemas"), f"{RDF}Bag")
        schema = Tree.SubElement(bag, f"{RDF}li", {f"{RDF}parseType": "Resource"})
        Tree.SubElement(schema, f"{SCHEMA}schema").text = "PDF/UA identification schema"
        Tree.SubElement(schema, f"{SCHEMA}namespaceURI").text = UA[1:-1]
        Tree.SubElement(schema, f"{SCHEMA}prefix").text = "pdfuaid"
        sequence = Tree.SubElement(Tree.SubElement(schema, f"{SCHEMA}property"), f"{RDF}Seq")
        part = Tree.SubElement(sequence, f"{RDF}li", {f"{RDF}parseType": "Resource"})
        for name, text in (
            ("name", "part"),
            ("valueType", "Integer"),
            ("category", "internal"),
            ("description", "Part of ISO 14289 that the file follows"),
        ):
            Tree.SubElement(part, f"{PROPERTY}{name}").text = text
        return bytes(Tree.tostring(rdf, encoding="utf-8"))


def document(context: Context, files: Iterable[Enclosed] = (), templates: Path | None = None) -> bytes:
    """The report as PDF (A4), with the run's files enclosed. The same context and files give the same bytes.

    Raises:
        ConfigError: a template in the user's folder ``templates`` cannot be printed, or names an address.
    """
    kept = enclosed.sorted_by_name(files)
    page = html.page(context, "paper", enclosed=enclosed.table(kept), templates=templates)
    try:
        return printed(
            page, title=context.title, begun=context.created, pictures=context.pictures, files=kept
        )
    except FatalURLFetchingError as error:
        if templates is None:
            raise
        todo = "a template may embed a picture as data:, and name no other address"
        raise ConfigError(str(error), where=str(templates), todo=todo) from error


def printed(
    page: str, *, title: str, begun: str, pictures: Iterable[Picture] = (), files: Iterable[Enclosed] = ()
) -> bytes:
    """A page of HTML as PDF/A-3a and PDF/UA-1.

    Args:
        page: its style calls the families of ``typeface`` and nothing else; its pictures are ``asset:KEY``.
        title: of the file, as it is, whatever the fonts can write.
        begun: when the run began, as the manifest has it; the date of the file and of what it encloses.
        pictures: what ``asset:KEY`` names.
        files: enclosed in the file.

    Raises:
        FatalURLFetchingError: the page names another address.
    """
    faces, page = typeface.choose(page)
    page = page.replace("<style>", "<style>" + "\n".join(face.css for face in faces), 1)
    inside = [f for f in files if f.content is not None]
    known = {p.key: (p.jpeg, "image/jpeg") for p in pictures}
    fetcher = Assets(known | {f"enclosed/{f.name}": (f.content or b"", f.type) for f in inside})
    paper = weasyprint.HTML(string=page, url_fetcher=fetcher, media_type="print").render()
    moment = when(begun)
    told = {**vars(paper.metadata), "title": NO_XML.sub("\ufffd", visible(title))}
    told["created"] = told["modified"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    paper.metadata = Both(**told)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # WeasyPrint leaves its colour profile open
        made: bytes = paper.write_pdf(
            pdf_variant="pdf/a-3a",
            presentational_hints=False,
            finisher=_finish,
            attachments=[_attachment(f, fetcher, moment) for f in inside],
        )
    return made


def _finish(paper: Any, made: Any) -> None:
    """Mend the tags, and let go of the pages as they were laid out: to write the file takes room of its own."""
    tags.finish(paper, made)
    paper.pages.clear()
    gc.collect()


def _attachment(file: Enclosed, fetcher: Assets, moment: datetime) -> weasyprint.Attachment:
    """For the printer, with a date that is no clock's."""
    return weasyprint.Attachment(
        url=f"asset:enclosed/{file.name}",
        url_fetcher=fetcher,
        name=file.name,
        description=f"{file.path}: {file.what}",
        created=moment,
        modified=moment,
        relationship=file.relation,
    )


def when(begun: str) -> datetime:
    """The moment that a manifest writes, in universal time, to the second.

    >>> when("2026-11-23T10:00:00.5+01:00").isoformat(), when("not recorded").year
    ('2026-11-23T09:00:00+00:00', 1980)
    """
    try:
        moment = datetime.fromisoformat(begun)
    except ValueError:
        return NOBODY_KNOWS
    return (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)).replace(microsecond=0)
