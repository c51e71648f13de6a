"""What the report's files were when they were rendered.

The run's own seal knows nothing of them: they can be made anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audit.record import Run, seal
from audit.record.files import sha256

NAME = "digests.json"


def document(run: Run) -> str:
    """The SHA-256 of every file in ``report/``, and of the seal of the run that they were rendered from.

    A draft is rendered from a run that is not sealed yet, and says so with None.
    """
    finished = run.manifest.get("status") == "complete"
    files = {
        file.relative_to(run.report).as_posix(): sha256(file)
        for file in sorted(run.report.rglob("*"))
        if file.is_file() and file.name != NAME
    }
    made_from = seal.digest({"files": run.manifest.get("files", {})}) if finished else None
    return _text({"schema": 1, "rendered from": made_from, "files": files})


def note(run: Run, file: Path) -> None:
    """Add a file to the list that was made from a rendered one, such as its signed copy; what the list says stays.

    A list that is not what was written is left alone, so that nothing is made good by the way.
    """
    document, wrong = seal.read(run.report / NAME)
    if document is None or wrong:
        return
    document["files"][file.relative_to(run.report).as_posix()] = sha256(file)
    half = run.report / f"{NAME}.part"
    half.write_text(_text({**document, "files": dict(sorted(document["files"].items()))}), "utf-8")
    half.replace(run.report / NAME)


def _text(document: Mapping[str, Any]) -> str:
    return seal.text(seal.sealed(document))
