"""Where might a model look that it should not? And where should it?

A finder is a function ``(image (h, w, 3) float32 in [0, 1]) -> Mask (h, w)``. Anyone's is reached by
``"package.module:function"``; it may raise ``Undefined("why")`` where it cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from audit import plugins
from audit.errors import ConfigError, DataError, Problem, Undefined
from audit.images.dataset import Picture
from audit.images.grid import Grid
from audit.record.nouns import Image, Mask, Region
from audit.regions import geometry, padding, place, text
from audit.regions.place import Place

Finder = Callable[[Image], Mask]


@dataclass(frozen=True, kw_only=True)
class Detector:
    """A finder of ours with what the report says of it. ``native``: it looks at the picture as stored."""

    find: Finder
    title: str
    detector: str
    version: str = "1"
    native: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


def _corner(where: geometry.Corner) -> Detector:
    return Detector(
        find=partial(geometry.corner, where=where),
        title=f"Corner {where.replace('-', ' ')}",
        detector="square",
        settings={"side": f"1/{geometry.CORNER} of the shorter side"},
    )


DETECTORS: dict[str, Detector] = {
    "corner-top-left": _corner("top-left"),
    "corner-top-right": _corner("top-right"),
    "corner-bottom-left": _corner("bottom-left"),
    "corner-bottom-right": _corner("bottom-right"),
    "border": Detector(
        find=geometry.border,
        title="Border",
        detector="ring",
        settings={"width": f"1/{geometry.BORDER} of the shorter side"},
    ),
    "text": Detector(
        find=text.text,
        title="Burned-in text",
        detector="top-hat and components",
        native=True,
        settings=text.SETTINGS,
    ),
    "padding": Detector(
        find=padding.padding,
        title="Constant padding",
        detector="constant bars and surround",
        settings={"flat": padding.FLAT, "clipped": padding.CLIPPED, "least": padding.LEAST},
    ),
}

CORNERS = tuple(name for name in DETECTORS if name.startswith("corner-"))

THINGS = ("text", "artefact")
PLACES = (*CORNERS, "border", "padding")

HALO = 0.03
"""Of the shorter side: so far round a thing a place begins. Nearer, the place's own painting over would touch it."""

NAMES = ("lesion", "artefact", "corners", *DETECTORS)
"""What a configuration may name, besides ``package.module:function``."""

DRAWN = "drawn"
"""The detector of what experts drew."""


def catalogue(
    names: Sequence[str | Place | Mapping[str, Any]],
    kinds: Iterable[str] | None = None,
    *,
    artefact_column: bool = True,
    folder: Path | None = None,
) -> list[Region]:
    """The regions that a configuration's names stand for, each once, in their order.

    ``kinds`` are the lesion kinds that the masks carry: ``lesion`` stands for the whole and each of them.
    ``artefact_column``: the manifest has a column for artefacts, so that an empty cell says: none there.
    ``folder``: what the masks of saved places (:class:`Place`, or the same keys) are relative to, by default the
    working one.

    Raises:
        ConfigError: unknown names, functions that are not there or bear a name of ours, masks that are not there;
            all at once.

    >>> [region.name for region in catalogue(["lesion", "border"], ["haemorrhage"])]
    ['lesion', 'lesion:haemorrhage', 'border']
    """
    regions: dict[str, Region] = {}
    problems: list[Problem] = []
    for number, name in enumerate(names):
        try:
            where = f"regions[{number}]"
            for region in (
                _regions(name, tuple(kinds or ()), artefact_column, where)
                if isinstance(name, str)
                else [_saved(place.place(name, where), folder or Path(), where)]
            ):
                other = regions.setdefault(region.name, region)
                if other != region:
                    raise ConfigError(
                        f"two finders are called {region.name!r}: {other.detector} and {region.detector}",
                        where=f"regions[{number}]",
                        todo="rename one of the functions",
                    )
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return list(regions.values())


def _regions(name: str, kinds: tuple[str, ...], artefact_column: bool, where: str) -> list[Region]:
    if name == "lesion":
        whole = "any of the kinds named" if kinds else "all that was drawn"
        return [
            Region(
                name=f"lesion:{kind}" if kind else "lesion",
                role="lesion",
                title=f"Lesion: {kind}" if kind else "Lesion",
                detector=DRAWN,
                version="1",
                settings={"inside": f"bit of {kind}" if kind else whole, "empty cell": "nobody drew one"},
            )
            for kind in ("", *kinds)
        ]
    if name == "artefact":
        empty = "no artefact there" if artefact_column else "the manifest has no artefact column"
        settings = {"empty cell": empty}
        return [
            Region(
                name=name,
                role="artefact",
                title="Marked artefact",
                detector=DRAWN,
                version="1",
                settings=settings,
            )
        ]
    if name == "corners":
        return [_ours(corner) for corner in CORNERS]
    if name in DETECTORS:
        return [_ours(name)]
    if not callable(plugins.find(name, dict.fromkeys(NAMES), stage="regions", where=where)):
        raise ConfigError(f"{name!r} is no function", where=where, todo="name a function of a picture")
    own = name.rpartition(":")[2].rpartition(".")[2] if ":" in name else name
    if own in NAMES:
        raise ConfigError(f"{name!r} bears a name of ours, {own!r}", where=where, todo="rename the function")
    return [
        Region(
            name=own,
            role="artefact",
            title=own.replace("_", " ").capitalize(),
            detector=name,
            version="",
            settings={"looks at": "the picture on the model's grid"},
        )
    ]


def _saved(entry: Place, folder: Path, where: str) -> Region:
    if entry.name in NAMES or ":" in entry.name:
        what = f"a saved place is called {entry.name!r}, a name of ours or of a kind of lesion"
        raise ConfigError(what, where=where, todo="give it another name")
    return place.region(entry, folder, where)


def _ours(name: str) -> Region:
    found = DETECTORS[name]
    without = (
        {"without": f"text and marked artefacts in it, and {HALO:.0%} around them"} if name in PLACES else {}
    )
    return Region(
        name=name,
        role="artefact",
        title=found.title,
        detector=found.detector,
        version=found.version,
        settings={
            **found.settings,
            **without,
            "looks at": "the picture as stored" if found.native else "the picture on the model's grid",
        },
    )


def find(
    regions: Iterable[Region],
    picture: Picture,
    grid: Grid,
    *,
    failed: list[str] | None = None,
    folder: Path | None = None,
) -> dict[str, Mask | str]:
    """Each region's mask on the grid, (h, w), or why nobody can know it.

    An empty mask says: looked for, not there. The lesion, where one was drawn, is taken off every artefact. Corners,
    border and padding are places: a tag that stands in one is taken off it, so that what a model reads bears its
    own name. Padding is taken off the border: painting over the edge of a field of view would redraw it.

    ``failed``, where given, is told of functions of the user's that fail, and their regions are not known.
    ``folder`` is what the masks of saved places are relative to, as in :func:`catalogue`.

    Raises:
        DataError: a function of the user's fails, or gives something that is no mask of the grid's size; a saved
            place's mask is gone.
    """
    found: dict[str, Mask | str] = {}
    for region in regions:
        try:
            found[region.name] = _one(region, picture, grid, folder or Path())
        except DataError as error:
            if failed is None:
                raise
            failed += [p.what for p in error.problems]
            found[region.name] = f"its function failed: {error.problems[0].what}"
    things = [mask for name, mask in found.items() if name in THINGS and not isinstance(mask, str)]
    around = _haloed(things, grid)
    frame = _haloed([padding.padding(picture.image)], grid) if "border" in found else around
    for name, mask in found.items():
        if name in PLACES and not isinstance(mask, str):
            found[name] = mask & ~(around | frame if name == "border" else around)
    return found


def _haloed(masks: list[Mask], grid: Grid) -> Mask:
    """All masks, and what lies near them."""
    whole: Mask = np.logical_or.reduce([np.zeros(grid.size, dtype=bool), *masks])
    return (
        ndimage.binary_dilation(whole, iterations=max(2, round(HALO * min(grid.size))))
        if whole.any()
        else whole
    )


def _one(region: Region, picture: Picture, grid: Grid, folder: Path) -> Mask | str:
    if region.name in picture.lost:
        return "it was drawn, but is lost on the model's grid: too small, or cut away"
    if region.role == "lesion":
        if picture.lesion is None:
            return "no lesion mask was drawn for this case"
        return picture.lesion if region.name == "lesion" else picture.kinds[region.name.partition(":")[2]]
    if region.name == "artefact" and region.detector == DRAWN:
        if region.settings["empty cell"] != "no artefact there":
            return "the manifest has no artefact column"
        mask = picture.artefact if picture.artefact is not None else np.zeros(grid.size, dtype=bool)
    elif region.detector == place.DETECTOR:
        try:
            mask = place.find(region, folder, grid, picture.case.id)
        except Undefined as why:
            return str(why)
    elif region.name in DETECTORS:
        ours = DETECTORS[region.name]
        mask = grid.mask(ours.find(picture.native)) if ours.native else ours.find(picture.image)
    else:
        try:
            mask = _theirs(region, picture, grid)
        except Undefined as why:
            return str(why)
    return mask if picture.lesion is None else mask & ~picture.lesion


def _theirs(region: Region, picture: Picture, grid: Grid) -> Mask:
    where = f"region {region.name}, case {picture.case.id}"
    try:
        mask = np.asarray(plugins.find(region.detector, {}, stage="regions")(picture.image.copy()))
    except (Undefined, ConfigError):
        raise
    except (Exception, SystemExit) as error:
        raise DataError(f"{region.detector} failed: {type(error).__name__}: {error}", where=where) from error
    if mask.shape != grid.size or mask.dtype != bool:
        raise DataError(
            f"{region.detector} gave {mask.dtype} of shape {mask.shape}, not bool of {grid.size}", where=where
        )
    return mask
