"""What was found, kept so that the next audit can name it among its regions: a place as a picture, and what lies now
here, now there as one mask for each case (:mod:`audit.regions.spread`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from audit.discover.candidate import Candidate
from audit.record import Run
from audit.record.files import safe
from audit.regions import spread

FOLDER = "found"


def save(run: Run, candidates: Iterable[Candidate], cases: Sequence[str]) -> dict[str, Path]:
    """Write ``found/NAME.png`` for each candidate that has a place, black and white, on the run's grid; and
    ``found/NAME.npz`` for one that moves, with its mask in each of the ``cases``, by their ids.

    Returns:
        Each file by the candidate's name; :func:`entry` says how the next audit's configuration names it.
    """
    written = {}
    for candidate in candidates:
        (run.path / FOLDER).mkdir(exist_ok=True)
        path = file(run, candidate.name, moves=candidate.mask is None)
        if candidate.mask is None:
            spread.write(path, cases, candidate.masks, how=candidate.how)
        else:
            Pillow.fromarray(np.where(candidate.mask, np.uint8(255), np.uint8(0))).save(path)
        written[candidate.name] = path
    return written


def file(run: Run, name: str, *, moves: bool) -> Path:
    """Where a found place or thing is kept."""
    return run.path / FOLDER / f"{safe(name)}{spread.SUFFIX if moves else '.png'}"


def entry(name: str, path: Path) -> str:
    """The line that names what was saved under ``regions`` in ``audit.yaml``.

    >>> entry("left-edge", Path("found/left-edge.png"))
    '- {name: left-edge, mask: found/left-edge.png}'
    """
    return f"- {{name: {name}, mask: {path.as_posix()}}}"
