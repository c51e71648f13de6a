"""Is every byte of a run what it was when it was sealed, and of its report what it was when it was rendered?

A run's ``manifest.json`` holds the SHA-256 of every file and of itself; ``report/digests.json`` holds those of the
report. The PDF's attachments must be files of the run, byte for byte. A seal tells damage and carelessness: whoever
can write all files can write the digests too. A signature of the PDF tells forgery.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from audit.errors import Problem, RunError
from audit.record import seal
from audit.record.files import safe, sha256
from audit.record.folder import AGAIN
from audit.report import digests, signed

MANIFEST = "manifest.json"
REPORT = "report"
RENDER = "`pfungst report` renders it anew"


def problems(path: Path | str) -> list[Problem]:
    """Everything in a run's folder that is not what it was; empty if all of it is.

    Raises:
        RunError: there is no such folder, or it holds no manifest that says what it should be.
    """
    path = Path(path)
    if not path.is_dir():
        raise RunError("there is no such folder", where=str(path), todo="name a run's folder")
    manifest, wrong = seal.read(path / MANIFEST)
    if manifest is None:
        todo = "name the folder that `pfungst run -o` wrote" if "missing" in wrong else AGAIN
        raise RunError(f"manifest.json {wrong}", where=str(path / MANIFEST), todo=todo)
    found = [_problem(path / MANIFEST, f"the manifest {wrong}", AGAIN)] if wrong else []
    if manifest.get("status") != "complete":
        found.append(_problem(path / MANIFEST, "this run did not finish, so it was never sealed", ""))
    files = _digests(manifest)
    there = set(_files(path))
    own = {name for name in there if name.split("/")[0] != REPORT} - {MANIFEST}
    found += _compared(path, own, files, "sealed", AGAIN)
    found += _report(path, manifest, {name for name in there if name.split("/")[0] == REPORT})
    found += _attached(path, files)
    found += _signed(path)
    return found


def _problem(where: Path, what: str, todo: str) -> Problem:
    return Problem(what=what, where=str(where), todo=todo)


def _digests(document: Mapping[str, Any]) -> dict[str, str]:
    files = document.get("files")
    return {str(k): str(v) for k, v in files.items()} if isinstance(files, Mapping) else {}


def _files(path: Path) -> Iterator[str]:
    """Every file below a folder, and every link, which is no file of its own."""
    for folder, folders, files in os.walk(path):
        linked = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in [*files, *linked]:
            yield (Path(folder) / name).relative_to(path).as_posix()


def _compared(
    path: Path, there: set[str], files: Mapping[str, str], how: str, todo: str
) -> Iterator[Problem]:
    """What was changed, is missing, or was added: by name."""
    for name in sorted({*there, *files}):
        where = path / name
        if name not in files:
            yield _problem(where, f"this file was added: it is not among those {how}", "take it out")
        elif name not in there:
            yield _problem(where, f"this file is missing: it was {how}", todo)
        elif where.is_symlink():
            yield _problem(where, f"this is a link now, and no file of the run: a file was {how}", todo)
        else:
            try:
                same = sha256(where) == files[name]
            except OSError as error:
                yield _problem(where, f"this file cannot be read: {error.strerror}", todo)
                continue
            if not same:
                yield _problem(where, f"this file is not what was {how}", todo)


def _report(path: Path, manifest: Mapping[str, Any], there: set[str]) -> Iterator[Problem]:
    """The report's files against what they were when they were rendered. A run need not have a report."""
    name = f"{REPORT}/{digests.NAME}"
    if not there:
        return
    document, wrong = seal.read(path / name)
    if wrong:
        yield _problem(path / name, f"the list of the report's files {wrong}", RENDER)
    if document is None:
        return
    if document.get("rendered from") != seal.digest({"files": _digests(manifest)}):
        yield _problem(
            path / name, "the report was rendered from other findings or tables than these", RENDER
        )
    files = {f"{REPORT}/{key}": value for key, value in _digests(document).items()}
    yield from _compared(path, there - {name}, files, "rendered", RENDER)


def _attached(path: Path, files: Mapping[str, str]) -> Iterator[Problem]:
    """What the PDF carries along, against the files of the run: the same bytes under the same name."""
    import pypdf
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it would say beside the error that it raises
    paper = path / REPORT / "report.pdf"
    if not paper.is_file():
        return
    try:
        held = [(a.name, bytes(a.content)) for a in pypdf.PdfReader(paper).attachment_list]
    except (PyPdfError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        yield _problem(paper, f"its attachments cannot be read: {error}", RENDER)
        return
    for name, content in held:
        source = _source(name, files)
        if source is None:
            yield _problem(paper, f"the attachment {name!r} is no file of the run", RENDER)
        elif not (path / source).is_file() or (path / source).read_bytes() != content:
            yield _problem(paper, f"the attachment {name!r} is not the run's {source}", RENDER)


def _signed(path: Path) -> Iterator[Problem]:
    """A signed copy must be of the PDF beside it: a signature is added behind what it signs."""
    copy, paper = path / REPORT / signed.NAME, path / REPORT / "report.pdf"
    if not copy.is_file() or (paper.is_file() and copy.read_bytes().startswith(paper.read_bytes())):
        return
    yield _problem(
        copy, "this is no signed copy of the report.pdf beside it", "sign that one, or take this out"
    )


def _source(name: str, files: Mapping[str, str]) -> str | None:
    """The file of the run that an attachment's name means: its path, its path in one word, or a name that is its own.

    >>> _source("text.yaml", {"rules/text.yaml": ""}), _source("rules-text.yaml", {"rules/text.yaml": ""})
    ('rules/text.yaml', 'rules/text.yaml')
    """
    known = [*files, MANIFEST]
    for means in (
        lambda known_name: known_name == name,
        lambda known_name: safe(known_name.replace("/", "-")) == name,
        lambda known_name: known_name.rsplit("/", 1)[-1] == name,
    ):
        if len(fitting := [k for k in known if means(k)]) == 1:
            return fitting[0]
    return None
