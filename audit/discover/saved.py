"""A place that was found, kept as a picture, so that the next audit can name it among its regions."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from audit.discover.candidate import Candidate
from audit.record import Run
from audit.record.files import safe

FOLDER = "found"


def save(run: Run, candidates: Iterable[Candidate]) -> dict[str, Path]:
    """Write ``found/NAME.png`` for each candidate that has a place, black and white, on the run's grid.

    A candidate that moves has no place to save: its masks are the run's ``regions/NAME.npy``, like any region's.

    Returns:
        Each file by the candidate's name; :func:`entry` says how the next audit's configuration names it.
    """
    written = {}
    for candidate in candidates:
        if candidate.mask is None:
            continue
        (run.path / FOLDER).mkdir(exist_ok=True)
        path = run.path / FOLDER / f"{safe(candidate.name)}.png"
        Pillow.fromarray(np.where(candidate.mask, np.uint8(255), np.uint8(0))).save(path)
        written[candidate.name] = path
    return written


def entry(name: str, path: Path) -> str:
    """The line that names a saved place under ``regions`` in ``audit.yaml``.

    >>> entry("left-edge", Path("found/left-edge.png"))
    '- {name: left-edge, mask: found/left-edge.png}'
    """
    return f"- {{name: {name}, mask: {path.as_posix()}}}"
