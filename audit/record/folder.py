"""May a run begin in this folder? Asked before any work, so that a wrong ``-o`` costs nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from audit.errors import RunError

AGAIN = "copy the run again from where it was made, or run the audit again"
"""What helps where a run is damaged."""


LOCK = ".lock"


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a run's folder while it is written. The hold ends with the process, however that ends.

    Raises:
        RunError: another run holds it.
    """
    lock = FileLock(path / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        todo = "wait until it has ended, or name another folder with -o"
        raise RunError("another run is writing into this folder", where=str(path), todo=todo) from None
    try:
        yield
    finally:
        (path / LOCK).unlink(missing_ok=True)
        lock.release()


def begun(path: Path) -> bool:
    """Has a run begun in this folder, whatever became of it?"""
    return (path / "manifest.json").is_file()


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
            todo = "name another with -o, or remove it first"
            raise RunError(
                "this folder is not empty",
                where=str(path),
                todo=f"{todo}; a run that did not finish goes on with --resume" if begun(path) else todo,
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
