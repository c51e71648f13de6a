"""A file -> pixels as they were stored, turned as they are shown; a mask -> the same way up.

What goes wrong elsewhere and not here: a 16-bit picture is clipped to 255; a photograph is turned and its
mask is not; a broken file gives a grey half instead of an error.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFile, UnidentifiedImageError

from audit.errors import DataError
from audit.record.nouns import Image

ORIENTATION = 0x0112

SIXTEEN = 65535.0


@dataclass(frozen=True, kw_only=True)
class Frame:
    """How a picture lies: rows and columns as shown, as stored before turning, and its EXIF orientation
    (1..8). ``quality``: how well it was compressed, 1 to 100; 100 where nothing was lost."""

    shown: tuple[int, int]
    stored: tuple[int, int]
    orientation: int = 1
    quality: float = 100.0


def turned(pixels: NDArray[np.generic], orientation: int) -> NDArray[np.generic]:
    """Stored rows and columns -> as shown, for an EXIF orientation 1..8; anything else is taken for 1.

    >>> turned(np.array([[1, 2, 3], [4, 5, 6]]), 6).tolist()
    [[4, 1], [5, 2], [6, 3]]
    """
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def read_image(path: Path) -> Image:
    """A picture's pixels, (h, w, 3) float32 in [0, 1], as shown. See ``read_picture``."""
    return read_picture(path)[0]


def read_picture(path: Path) -> tuple[Image, Frame]:
    """A picture's pixels, (h, w, 3) float32 in [0, 1], turned as shown, and how they lie.

    8-bit values are divided by 255, 16-bit grey by 65535, 1-bit is 0 or 1; floats must lie in [0, 1]. Grey is
    repeated into three channels; transparent parts are laid over black; CMYK goes through Pillow's plain
    formula, colour profiles are not applied. Of a PNG with 16 bits a colour Pillow keeps the upper 8.

    Raises:
        DataError: missing, empty, cut short, no picture, several pictures, more than 89 million pixels,
            or numbers whose range nobody knows.
    """
    opened, orientation, remaining = _open(path)
    pixels = turned(_colours(opened, path), remaining)
    shown = (pixels.shape[0], pixels.shape[1])
    stored = shown[::-1] if orientation >= 5 else shown
    image: Image = np.ascontiguousarray(pixels, dtype=np.float32)
    quality = compressed(getattr(opened, "quantization", None))
    return image, Frame(shown=shown, stored=stored, orientation=orientation or 1, quality=quality)


STANDARD, SMALLEST = 3689, 246
"""The sums of the luminance table of the JPEG standard (ITU T.81, table K.1), which quality 50 uses as it is: of all 64
numbers, and of the smallest 16, which do not reach the end at 255."""


def compressed(tables: Mapping[int, Sequence[int]] | None) -> float:
    """The quality, 1 to 100, whose luminance table is nearest to a JPEG's in its sum; 100 without tables.

    libjpeg scales the standard's table by 50 / quality up to 50, by 2 - quality / 50 above. Other programs use other
    tables; for them it is the libjpeg quality of like coarseness.

    >>> compressed(None), compressed({0: [16] * 64})
    (100.0, 86.0)
    """
    if not tables:
        return 100.0
    table = sorted(tables[min(tables)])
    scale = sum(table) / STANDARD if table[-1] < 255 else sum(table[:16]) / SMALLEST
    quality = 50 / scale if scale > 1 else 100 - 50 * scale
    return float(min(100, max(1, round(quality))))


def read_mask(path: Path, *, like: Frame, bits: bool = False) -> NDArray[np.uint16]:
    """A mask's values, (h, w), lying as the picture of ``like`` is shown.

    A mask with an EXIF orientation is turned by its own. One without is taken as it is where its size is
    that of the picture as shown, and is turned with the picture where only the size before turning fits.

    With ``bits`` the stored numbers are returned (of a palette: the index). Without, 1 is inside: every
    value but zero, every colour but black; of a JPEG, which blurs, what is brighter than half. Where only
    the transparency varies, the opaque part is inside.

    Raises:
        DataError: cannot be read, is of another size (both are named), or is a JPEG or in colour where
            bits are wanted.
    """
    opened, orientation, remaining = _open(path)
    values = turned(_bits(opened, path) if bits else _inside(opened), remaining)
    size = (values.shape[0], values.shape[1])
    if size != like.shown and orientation == 0 and size == like.stored:
        values = turned(values, like.orientation)
    elif size != like.shown:
        raise DataError(
            f"the mask is {size[1]} x {size[0]} pixels, its picture {like.shown[1]} x {like.shown[0]}",
            where=str(path),
            todo="draw or resize the mask on the picture's own pixels",
        )
    return np.ascontiguousarray(values, dtype=np.uint16)


def _open(path: Path) -> tuple[Pillow.Image, int, int]:
    """The decoded file, its EXIF orientation (0: it has none), and the turn that is still to be made.

    Pillow turns a TIFF by itself while it decodes, so the tag is read before and after.
    """
    if not path.is_file():
        raise DataError("there is no such file", where=str(path))
    if path.stat().st_size == 0:
        raise DataError("the file is empty", where=str(path), todo="copy it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            # weasyprint and others tell Pillow, for the whole process, to take half a picture for a whole one
            ImageFile.LOAD_TRUNCATED_IMAGES = False
            # through memory: mapped from disk, Pillow mixes up the rows of a turned plain TIFF
            with Pillow.open(io.BytesIO(path.read_bytes()), formats=_formats()) as opened:
                before = _orientation(opened)
                frames = 1 if opened.format == "MPO" else getattr(opened, "n_frames", 1)
                if frames == 1:
                    opened.load()
                after = _orientation(opened)
    except (Pillow.DecompressionBombWarning, Pillow.DecompressionBombError) as error:
        raise DataError(
            f"the picture is too large: {error}", where=str(path), todo="make it smaller first"
        ) from error
    except UnidentifiedImageError as error:
        raise DataError("this is not a picture that can be read", where=str(path)) from error
    except Exception as error:  # a broken file fails in as many ways as there are decoders
        raise DataError(
            f"the picture cannot be read: {error}", where=str(path), todo="is it cut short? copy it again"
        ) from error
    if frames > 1:
        raise DataError(
            f"the file holds {frames} pictures", where=str(path), todo="save the one that is meant by itself"
        )
    return opened, before or after, after


@lru_cache(maxsize=1)
def _formats() -> list[str]:
    """All that Pillow knows but PostScript, which is a program: Pillow would run it."""
    Pillow.init()
    return [name for name in Pillow.ID if name != "EPS"]


def _orientation(opened: Pillow.Image) -> int:
    try:
        found = opened.getexif().get(ORIENTATION, 0)
    except Exception:  # unreadable EXIF is no EXIF: the pixels are still good
        return 0
    return found if isinstance(found, int) and 1 <= found <= 8 else 0


def _colours(opened: Pillow.Image, path: Path) -> NDArray[np.float32]:
    """(h, w, 3) float32 in [0, 1], as stored."""
    if opened.mode.startswith(("I", "F")):
        return np.repeat(_grey(np.asarray(opened), path)[..., None], 3, axis=2)
    try:
        if opened.has_transparency_data:
            opened = Pillow.alpha_composite(
                Pillow.new("RGBA", opened.size, (0, 0, 0, 255)), opened.convert("RGBA")
            )
        return np.asarray(opened.convert("RGB"), dtype=np.float32) / np.float32(255)
    except ValueError as error:
        raise DataError(
            f"pictures of mode {opened.mode} are not read", where=str(path), todo="save it as RGB"
        ) from error


def _grey(values: NDArray[np.generic], path: Path) -> NDArray[np.float32]:
    """Numbers wider than 8 bits -> [0, 1], where their range is known."""
    numbers = values.astype(np.float64)
    top = 1.0 if values.dtype.kind == "f" else SIXTEEN
    if not (np.isfinite(numbers).all() and numbers.min() >= 0 and numbers.max() <= top):
        raise DataError(
            f"the picture's numbers go from {numbers.min():g} to {numbers.max():g}, beyond 0 to {top:g}",
            where=str(path),
            todo="save it with 8 or 16 bits",
        )
    return (numbers / top).astype(np.float32)


def _bits(opened: Pillow.Image, path: Path) -> NDArray[np.uint16]:
    """The numbers as stored; a picture whose colours are all grey counts as grey."""
    if opened.format in ("JPEG", "MPO"):
        raise DataError(
            "a JPEG cannot carry lesion kinds as bits: it changes the numbers",
            where=str(path),
            todo="save the mask as PNG",
        )
    values = np.asarray(opened)
    if values.ndim == 3:
        colours = values[..., : -1 if opened.mode in ("LA", "RGBA", "PA", "La", "RGBa") else None]
        if (colours != colours[..., :1]).any():
            raise DataError(
                "the mask is in colour, but its lesion kinds are bits of one number",
                where=str(path),
                todo="save it as 8-bit or 16-bit grey",
            )
        values = colours[..., 0]
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > SIXTEEN:
        raise DataError(
            "lesion kinds are bits of whole numbers from 0 to 65535", where=str(path), todo="save as PNG"
        )
    numbers: NDArray[np.uint16] = values.astype(np.uint16)
    return numbers


def _inside(opened: Pillow.Image) -> NDArray[np.uint16]:
    """1 where something was drawn."""
    if opened.mode.startswith(("I", "F")):
        drawn: NDArray[np.uint16] = (np.asarray(opened) != 0).astype(np.uint16)
        return drawn
    half = 127 if opened.format in ("JPEG", "MPO") else 0
    layers = np.asarray(opened.convert("RGBA"))
    colours, alpha = layers[..., :3], layers[..., 3]
    if (colours == colours[:1, :1]).all() and (alpha != alpha[0, 0]).any():
        drawn = (alpha > 127).astype(np.uint16)
    else:
        drawn = ((colours.max(axis=2) > half) & (alpha > 0)).astype(np.uint16)
    return drawn
