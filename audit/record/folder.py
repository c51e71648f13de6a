"""May a run begin in this folder? Asked before any work, so that a wrong ``-o`` costs nothing."""

from __future__ import annotations

import os
from pathlib import Path

from audit.errors import RunError

AGAIN = "copy the run again from where it was made, or run the audit again"
"""What helps where a run is damaged."""


def check(path: Path) -> None:
    """See that a run can begin in this folder; makes nothing.

    Raises:
        RunError: it is a file, it holds something already, or it cannot be made.
    """
    try:
        if path.is_symlink() and not path.exists():
            raise RunError("this is a link that leads nowhere", where=str(path), todo="name another with -o")
        if path.exists() and not path.is_dir():
            raise RunError("this is a file, not a folder", where=str(path), todo="name another with -o")
        if path.exists() and any(path.iterdir()):
            raise RunError(
                "this folder is not empty", where=str(path), todo="name another with -o, or remove it first"
            )
        ground = next(p for p in (path.absolute(), *path.absolute().parents) if p.exists())
        if not ground.is_dir() or not os.access(ground, os.W_OK | os.X_OK):
            raise RunError("nothing can be written here", where=str(ground), todo="name another with -o")
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: Exception) -> RunError:
    """What the file system said, as an error that names the folder."""
    said = getattr(error, "strerror", None) or error
    what = f"the run's folder cannot be written: {said}"
    return RunError(what, where=str(path)[:300], todo="name another with -o")
