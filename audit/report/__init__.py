"""From a run directory to a page and a PDF that say the same, because both are made from one context."""

from __future__ import annotations

import shutil
from pathlib import Path

from audit.errors import RunError
from audit.record import Run
from audit.report import album, digests, enclosed, html, junit, markdown, pdf, sarif
from audit.report.context import Context, build
from audit.report.source import Source, load

__all__ = ["Context", "build", "render"]


def render(run: Run, *, draft: bool = False, templates: Path | None = None) -> tuple[Path, Path]:
    """Write ``report/index.html`` and ``report/report.pdf`` of a run; return both paths.

    Beside them, for machines: ``junit.xml``, ``findings.sarif``, ``summary.md``, and ``digests.json`` for all of them.

    One run gives the same bytes each time: nothing is read but the run directory, and a folder of ``templates`` where
    one is given. Without it the templates that the run keeps are taken, where it keeps any.

    Raises:
        RunError: the run did not finish, and no draft was asked for.
        ConfigError: a template of the user's cannot be printed.
    """
    if run.manifest.get("status") != "complete" and not draft:
        raise RunError(
            "this run did not finish, so it has no report",
            where=str(run.path),
            todo="run the audit again, or ask for a draft",
        )
    if templates is None and (run.path / "templates").is_dir():
        templates = run.path / "templates"
    source = load(run)
    context = build(run, source)
    run.report.mkdir(parents=True, exist_ok=True)
    page, paper = run.report / "index.html", run.report / "report.pdf"
    _replace(page, html.page(context, album=_album(source), templates=templates).encode("utf-8"))
    for file in context.beside:
        _replace(run.report / file.name, file.text.encode("utf-8"))
    _replace(paper, pdf.document(context, enclosed.files(run), templates))
    _replace(run.report / "junit.xml", junit.document(run))
    _replace(run.report / "findings.sarif", sarif.document(run))
    _replace(run.report / "summary.md", markdown.document(run, context))
    _replace(run.report / digests.NAME, digests.document(run).encode())
    return page, paper


def _album(source: Source) -> album.Album | None:
    """The page's album; packets for which the page has no room go into ``cases/`` beside it, and old ones go away."""
    folder = source.run.report / "cases"
    shutil.rmtree(folder, ignore_errors=True)

    def put(name: str, content: bytes) -> None:
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)

    return album.make(source, put)


def _replace(path: Path, content: bytes) -> None:
    """Write through a neighbour and rename, so that a reader never meets half a report."""
    half = path.with_name(path.name + ".part")
    half.write_bytes(content)
    half.replace(path)
