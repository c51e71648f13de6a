"""The first walk over the cases: what is in each picture, before the model is asked anything.

A donor for one case is another case, and the value that a cue is moved to is that of another class, so both must be
known of the whole set first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image as Pillow

from audit import cues, regions
from audit.explain import lime
from audit.gather.desk import LOOKED, Desk
from audit.images.dataset import Picture
from audit.intervene import NOTICEABLE, membrane, widened
from audit.record import Case, Extent, Image, Mask, Reading, Region

JOINT = Region(
    name="joint",
    role="artefact",
    title="All artefacts together",
    detector="union",
    version="1",
    settings={"of": "every artefact region but constant padding"},
)
"""Several weak cues may add up (Bissoto 2020): all artefacts are painted over together, too."""


def surveying(desk: Desk) -> Callable[[int], None]:
    """What finds a chunk's regions, reads its cues, and keeps a small picture of each case."""
    desk.open_masks()

    def chunk(number: int) -> None:
        rows = desk.chunks[number]
        desk.part(LOOKED, number, partial(_look, desk, rows))
        desk.progress.step(rows.stop - 1, "regions and cues")

    return chunk


def _look(desk: Desk, rows: range) -> None:
    segments = desk.segments
    for row in rows:
        case = desk.cases[row]
        picture = desk.load(case)
        desk.shelve(row, picture)
        image, _ = desk.picture(row)
        thumb = Pillow.fromarray(np.round(image * 255).astype(np.uint8))
        thumb.save(desk.run.thumb(case.id), quality=92, subsampling=0)
        _regions(desk, row, case, picture, image)
        if segments is not None:
            segments[row] = lime.cut(image)
        for name, value in cues.readings([c.name for c in desk.cues], picture).items():
            why = value if isinstance(value, str) else None
            desk.add(Reading(case=case.id, cue=name, value=None if why else float(value), why=why))
        desk.progress.step(row, "regions and cues")


def _regions(desk: Desk, row: int, case: Case, picture: Picture, image: Image) -> None:
    failed: list[str] = []
    listed = [r for r in desk.regions if r.name != JOINT.name]
    found = regions.find(
        listed, picture, desk.grid, failed=failed if desk.keep_going else None, folder=desk.folder
    )
    for error in failed:
        desk.fail(row, "regions", error)
    if len(listed) < len(desk.regions):
        found[JOINT.name] = union(listed, found, desk.grid.size)
    for region in desk.regions:
        mask = found[region.name]
        if isinstance(mask, str):
            absent(desk, case, region, mask)
            continue
        desk.masks[region.name][row] = mask
        extent(desk, case, region, image, mask, desk.lesion(row))


def union(listed: list[Region], found: dict[str, Mask | str], size: tuple[int, int]) -> Mask:
    """Every artefact of a case but padding."""
    parts = [found[r.name] for r in listed if r.role == "artefact" and r.name != "padding"]
    whole: Mask = np.logical_or.reduce([np.zeros(size, bool), *(p for p in parts if not isinstance(p, str))])
    return whole


def extent(desk: Desk, case: Case, region: Region, image: Image, mask: Mask, lesion: Mask) -> None:
    """How much of the case the region covers, and whether anything stands there."""
    inside = image[mask].mean(1) if mask.any() else None
    desk.add(
        Extent(
            case=case.id,
            region=region.name,
            present=_shows(region, image, mask, lesion),
            area=float(mask.mean()),
            mean=None if inside is None else float(inside.mean(dtype=float)),
            spread=None if inside is None else float(inside.std(dtype=float)),
        )
    )


def _shows(region: Region, image: Image, mask: Mask, lesion: Mask) -> bool:
    """A place that looks as its surroundings do shows nothing; lesions and padding are there where they are found."""
    if not mask.any() or region.role == "lesion" or region.name in ("padding", JOINT.name):
        return bool(mask.any())
    wide = widened(mask) & ~lesion
    return bool(wide.all()) or float(np.abs(membrane(image, wide) - image).max()) > NOTICEABLE


def absent(desk: Desk, case: Case, region: Region, why: str) -> None:
    """Nobody can know this region of this case."""
    desk.add(
        Extent(case=case.id, region=region.name, present=None, area=None, mean=None, spread=None, why=why)
    )
