"""A place of the frame that somebody drew, or that an earlier audit found: one mask for every case; or one for each.

In ``audit.yaml``, among the regions: ``{name: left-edge, mask: found/left-edge.png}``. The mask is a picture, white
(or any colour but black) inside, of the grid's own size or of the same shape on another grid: it says where on what
the model is shown the place lies, not where on the picture as stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from audit.errors import ConfigError, DataError
from audit.images.grid import Grid
from audit.images.pixels import read_image
from audit.record.files import sha256
from audit.record.nouns import Mask, Region
from audit.regions import spread

DETECTOR = "saved place"
KEYS = ("name", "mask")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A saved place as a configuration names it. ``mask`` is a file, relative to the configuration's folder."""

    name: str
    mask: str


def place(entry: Place | Mapping[str, Any], where: str) -> Place:
    """An entry of a configuration's ``regions`` that is no name.

    Raises:
        ConfigError: keys besides ``name`` and ``mask``, or values that are no text.

    >>> place({"name": "left-edge", "mask": "found/left-edge.png"}, "regions[0]").name
    'left-edge'
    """
    if isinstance(entry, Place):
        return entry
    if sorted(map(str, entry)) != sorted(KEYS) or not all(isinstance(v, str) and v for v in entry.values()):
        raise ConfigError(
            "a saved place has a name and a mask, both text",
            where=where,
            todo="write it as {name: left-edge, mask: found/left-edge.png}",
        )
    return Place(name=entry["name"], mask=entry["mask"])


def region(entry: Place, folder: Path, where: str) -> Region:
    """A saved place as a region, with the SHA-256 of its mask.

    Raises:
        ConfigError: there is no such file, it is no picture, or nothing in it is white.
    """
    path = folder / entry.mask
    many = path.suffix == spread.SUFFIX
    try:
        if many:
            how = spread.how(path)
        empty = not many and not drawn(path).any()
    except (DataError, OSError) as error:
        raise ConfigError(
            f"the mask of {entry.name!r}: {error.problems[0].what if isinstance(error, DataError) else error}",
            where=where,
            todo=f"{entry.mask} is looked for in {folder}",
        ) from error
    if empty:
        raise ConfigError(
            f"the mask of {entry.name!r} is black all over", where=where, todo="draw it in white"
        )
    return Region(
        name=entry.name,
        role="artefact",
        title=entry.name.replace("-", " ").replace("_", " ").capitalize(),
        detector=DETECTOR,
        version="1",
        settings={
            "mask": entry.mask,
            "sha256": sha256(path),
            "looks at": "where an earlier audit found it in each case"
            if many
            else "the same place in every picture",
            **({"how": how} if many else {}),
        },
    )


def find(region: Region, folder: Path, grid: Grid, case: str) -> Mask:
    """A saved place on the grid, ``(h, w)``: the mask brought to the grid's size, inside where half of a pixel is.

    Raises:
        Undefined: what moves was not looked for in this case.
        DataError: the file is gone, is no longer the one that the region was made from, or leaves no pixel.
    """
    path, digest = folder / region.settings["mask"], region.settings["sha256"]
    if path.suffix == spread.SUFFIX:
        return spread.mask(path, digest, case, grid)
    return _found(path, digest, grid.size)


@lru_cache(maxsize=16)
def _found(path: Path, digest: str, size: tuple[int, int]) -> Mask:
    if not path.is_file() or sha256(path) != digest:
        raise DataError("this mask is gone or was changed while the audit ran", where=str(path))
    mask = Grid(size=size).mask(drawn(path))
    if not mask.any():
        raise DataError(f"no pixel of this mask is left at {size[0]} x {size[1]}", where=str(path))
    mask.setflags(write=False)
    return mask


def drawn(path: Path) -> Mask:
    """What is not black in a picture, ``(h, w)``.

    Raises:
        DataError: it cannot be read.
    """
    inside: Mask = np.asarray(read_image(path).max(axis=2) > 0.5)
    return inside
