"""What the report's files were when they were rendered.

The run's own seal knows nothing of them: they can be made anew.
"""

from __future__ import annotations

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
    return seal.text(
        seal.sealed(
            {
                "schema": 1,
                "rendered from": seal.digest({"files": run.manifest.get("files", {})}) if finished else None,
                "files": files,
            }
        )
    )
