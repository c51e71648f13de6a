"""A case -> its picture and what experts drew on it, on the model's grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from audit.errors import DataError
from audit.images.grid import Grid
from audit.images.pixels import read_mask, read_picture
from audit.record.nouns import Case, Image, Mask

Read = TypeVar("Read")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A case with its pixels. ``native`` (h, w, 3) as shown; all else on the grid.

    ``lesion`` and ``artefact`` are None where nobody drew one; ``kinds`` is empty there. ``lost`` names
    what was drawn but has no pixel left on the grid: too small, or cut away. ``quality`` is that of the file's
    compression, 1 to 100, None where there is no file.
    """

    case: Case
    native: Image
    image: Image
    lesion: Mask | None
    kinds: Mapping[str, Mask]
    artefact: Mask | None
    lost: frozenset[str]
    quality: float | None = None


def load(case: Case, root: Path | str, grid: Grid, *, kinds: Mapping[str, int] | None = None) -> Picture:
    """Read a case's files. Paths are relative to ``root``.

    With ``kinds`` the lesion mask's numbers carry kinds as bits: the lesion is where any named bit is set;
    bits without a name (an optic disc, say) are not part of it. Without, it is whatever was drawn.

    Raises:
        DataError: a file that cannot be read or a mask of another size; names the case and the file.
    """
    folder = Path(root)
    native, frame = _named(case, case.image, lambda: read_picture(folder / case.image))
    lesion, artefact = case.lesion, case.artefact
    values = marked = None
    if lesion is not None:
        path = folder / lesion
        values = _named(case, lesion, lambda: read_mask(path, like=frame, bits=bool(kinds)))
    if artefact is not None:
        other = folder / artefact
        marked = _named(case, artefact, lambda: read_mask(other, like=frame))
    return _picture(case, native, values, marked, grid, kinds or {}, quality=frame.quality)


def of_arrays(
    case: Case,
    image: NDArray[Any],
    grid: Grid,
    *,
    lesion: NDArray[Any] | None = None,
    artefact: NDArray[Any] | None = None,
    kinds: Mapping[str, int] | None = None,
) -> Picture:
    """A case whose pixels are at hand: ``(h, w)`` or ``(h, w, 3)``, uint8, uint16 or float in [0, 1].

    Raises:
        DataError: another shape or range, or a mask of another size.
    """
    native = _named(case, "image", lambda: colours(image))
    for name, mask in (("lesion", lesion), ("artefact", artefact)):
        if mask is not None and (mask.dtype.kind not in "buif" or not np.isfinite(mask).all()):
            raise DataError("a mask holds finite numbers", where=f"case {case.id}, {name}")
        if mask is not None and mask.shape != native.shape[:2]:
            raise DataError(
                f"the mask is of shape {mask.shape}, its picture of {native.shape[:2]}",
                where=f"case {case.id}, {name}",
            )
    values = None if lesion is None else np.asarray(lesion).astype(np.int64)
    return _picture(case, native, values, artefact, grid, kinds or {})


def colours(image: NDArray[Any]) -> Image:
    """An array at hand as float32 ``(h, w, 3)`` in [0, 1].

    Raises:
        DataError: another shape or range.

    >>> colours(np.array([[0, 255]], np.uint8)).tolist()
    [[[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]]
    """
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    if image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise DataError(f"a picture is (h, w) or (h, w, 3), not {image.shape}")
    if image.dtype in (np.uint8, np.uint16):
        return (image / np.iinfo(image.dtype).max).astype(np.float32)
    if image.dtype.kind not in "buif":
        raise DataError(f"a picture is made of numbers, not of {image.dtype}")
    found = image.astype(np.float32)
    if not (np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1):
        raise DataError("a picture of numbers that are not uint8 or uint16 lies in [0, 1]")
    return found


def _picture(
    case: Case,
    native: Image,
    values: NDArray[Any] | None,
    marked: NDArray[Any] | None,
    grid: Grid,
    kinds: Mapping[str, int],
    *,
    quality: float | None = None,
) -> Picture:
    """Picture and masks brought to the grid."""
    drawn: dict[str, Mask] = {}
    if values is not None:
        bits = reduce(or_, kinds.values(), 0)
        drawn["lesion"] = (values & bits) > 0 if kinds else values > 0
        drawn |= {f"lesion:{kind}": (values & bit) > 0 for kind, bit in kinds.items()}
    if marked is not None:
        drawn["artefact"] = np.asarray(marked) > 0
    image = _named(case, case.image, lambda: grid.image(native))
    shown = {name: grid.mask(mask) for name, mask in drawn.items()}
    return Picture(
        case=case,
        native=native,
        image=image,
        lesion=shown.get("lesion"),
        kinds={kind: shown[f"lesion:{kind}"] for kind in kinds if "lesion" in shown},
        artefact=shown.get("artefact"),
        lost=frozenset(name for name, mask in shown.items() if drawn[name].any() and not mask.any()),
        quality=quality,
    )


def _named(case: Case, file: str, read: Callable[[], Read]) -> Read:
    """What ``read`` gives; its errors name the case and the file as the manifest does."""
    try:
        return read()
    except DataError as error:
        raise DataError(
            [replace(problem, where=f"case {case.id}, {file}") for problem in error.problems]
        ) from error
