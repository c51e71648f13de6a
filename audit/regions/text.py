"""Burned-in text, found by what it looks like, not by reading it.

Letters are drawn with one pen in one colour. So they are thin against their ground (a top-hat transform keeps
them and drops organs), even in colour, sharp at the rim, alike in height, and they stand on one line. Four such
parts on a line are text; one to three must besides be strong, sharp, on even ground and, where the ground has a
colour, white or grey. Vessels, ribs and hairs fail: they are long, soft or uneven. The bright rim of a bone fails,
for it stands on a wide slope of which the top-hat sees a part only; pale spots on a retina fail by their yellow;
gaps between vessels fail, for they are hardly brighter than the ground. Light text is looked for as single
letters and as lines, dark text as lines only, for a single dark letter and a spot of blood are too much alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage

from audit.record.nouns import Image, Mask

SETTINGS: dict[str, Any] = {
    "side": 1024,  # a larger picture is first made smaller, to this many pixels on its longer side
    "window": 0.03,  # the top-hat's square, as a share of the shorter side: wider than any pen stroke
    "floor": 0.08,  # the least that ink stands out from its ground, of white minus black
    "noises": 6.0,  # and the least in robust standard deviations of the top-hat
    "height": (0.015, 0.09),  # of a line, as a share of the shorter side
    "letter_height": (0.02, 0.12),  # of a single letter
    "contrast": 0.25,  # of one to three parts
    "paint": 0.5,  # of the same, as a share of what white paint would give on that ground
    "line_paint": (0.25, 0.35),  # the same, for four parts or more on even and on uneven ground
    "thin": 0.6,  # the top-hat's part of the contrast: less in a bone's bright rim than in a pen stroke
    "round_thin": 0.7,  # the same, for a single letter without an upright and a level stroke
    "line_thin": (0.6, 0.5),  # the same, for a line with few and with many strokes
    "many": 1.1,  # strokes that a row crosses in a line, over its width in heights: from here on they are many
    "tint": 0.2,  # of one to three parts: how far their colour is from white or grey paint's
    "colourless": 0.1,  # the channels of ground without a colour of its own differ by no more
    "rim": 0.28,  # how far the pixels next to the ink have its colour: 0 sharp, 1 soft
    "line_rim": 0.36,  # the same, for four parts or more
    "uneven": 0.5,  # the ground's standard deviation over the contrast
    "ragged": 0.21,  # the standard deviation of the parts' heights over their mean
    "margin": 0.15,  # added around a box, as a share of its height
}

Grey = NDArray[np.float32]
Box = tuple[int, int, int, int]
"""Top, left, bottom, right; the last two lie outside."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Ink that hangs together: its box, its pixels in the box, and how far it stands out, by the top-hat."""

    box: Box
    ink: Mask
    contrast: float


@dataclass(frozen=True, kw_only=True)
class Look:
    """What parts on one line look like together. Lengths are shares of the picture's shorter side."""

    box: Box
    parts: int
    dark: bool
    height: float
    width: float
    ragged: float  # spread of the parts' heights over their mean
    slim: float  # a part's width over its height, the median
    hat: float  # mean contrast of the parts, by the top-hat
    fill: float = 1.0  # ink's share of the box
    ground: float = 1.0
    contrast: float = 0.0  # ink minus ground
    uneven: float = 1.0  # spread of the ground over the contrast
    rim: float = 1.0
    strokes: float = 0.0  # strokes that a row crosses, the mean
    bars: float = 0.0  # of the fullest row and the fullest column, the lesser filling
    tint: float = 0.0  # how far the ink's colour is from white paint's on that ground, over the contrast

    @property
    def aspect(self) -> float:
        return self.width / self.height

    @property
    def paint(self) -> float:
        """The contrast as a share of what white paint would give on that ground."""
        return self.contrast / max(1e-6, 1 - self.ground)


def text(image: Image) -> Mask:
    """Boxes around burned-in text, (h, w), from a picture (h, w, 3) in [0, 1] as stored.

    Found are horizontal lines and single light letters with capitals of 1.5 to 12 % of the shorter side,
    where they stand out. Missed are faint letters on busy ground, slanted or vertical text, single dark letters,
    and single letters in colour on coloured tissue. Metal letters and bright, sharp objects of a letter's size
    (clips, leads, a joint of bright bone) can be taken for text.
    """
    height, width = image.shape[:2]
    picture = _looked_at(image)
    rows, columns = picture.shape[:2]
    found = np.zeros((rows, columns), dtype=bool)
    for top, left, bottom, right in boxes(picture):
        margin = max(1, round(SETTINGS["margin"] * (bottom - top)))
        found[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin] = True
    if (rows, columns) == (height, width):
        return found
    return found[np.ix_(np.arange(height) * rows // height, np.arange(width) * columns // width)]


def boxes(picture: Image) -> list[Box]:
    """The boxes of what is taken for text in a picture (h, w, 3) in [0, 1], without margin."""
    return [look.box for look in looks(picture) if is_line(look) or is_letter(look)]


def looks(picture: Image) -> list[Look]:
    """All that might be text, light first."""
    if min(picture.shape[:2]) < 16:
        return []
    found = []
    for dark in (False, True):
        shade = 1 - picture if dark else picture
        grey = shade.mean(axis=2)
        found += [_look(members, grey, shade, dark) for members in _lines(_parts(grey))]
    return found


def is_line(look: Look) -> bool:
    """Four parts or more on a line; or fewer, run together in a small picture, that look like print."""
    if not (_between(look.height, "height") and look.slim >= 0.25 and look.contrast > 0):
        return False
    many = look.strokes >= SETTINGS["many"] * look.aspect
    if not look.dark and look.hat < SETTINGS["line_thin"][many] * look.contrast:
        return False
    if look.dark:
        return look.parts >= 4 and look.ragged <= 0.15 and look.contrast >= 0.3 and look.uneven <= 0.3
    if look.parts >= 4:
        return bool(
            look.ragged <= SETTINGS["ragged"]
            and look.rim <= SETTINGS["line_rim"]
            and look.paint >= SETTINGS["line_paint"][look.uneven > SETTINGS["uneven"]]
        )
    return (
        (look.aspect > 1.8 or (look.parts > 1 and look.aspect > 1.1 and look.ragged <= 0.1))
        and _prints(look)
        and look.ragged <= SETTINGS["ragged"]
        and look.strokes >= 0.7 * look.aspect
    )


def is_letter(look: Look) -> bool:
    """One light letter: rows cross more than one stroke; or one upright and one level stroke, as in L."""
    return (
        not look.dark
        and look.parts <= 2
        and _between(look.height, "letter_height")
        and 0.3 <= look.aspect <= 1.1
        and _prints(look)
        and look.hat >= SETTINGS["thin" if look.bars >= 0.55 else "round_thin"] * look.contrast
        and (1.25 <= look.strokes <= 2.8 or (look.bars >= 0.75 and look.fill <= 0.55))
    )


def _prints(look: Look) -> bool:
    return (
        look.contrast >= SETTINGS["contrast"]
        and look.paint >= SETTINGS["paint"]
        and look.tint <= SETTINGS["tint"]
        and look.rim <= SETTINGS["rim"]
        and look.uneven <= SETTINGS["uneven"]
        and look.fill <= 0.75
    )


def _between(value: float, name: str) -> bool:
    low, high = SETTINGS[name]
    return bool(low <= value <= high)


def _looked_at(image: Image) -> Image:
    """The picture, at most ``side`` pixels long."""
    picture = np.asarray(image, dtype=np.float32)
    scale = SETTINGS["side"] / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    channels = [Pillow.fromarray(np.ascontiguousarray(channel)) for channel in np.moveaxis(picture, 2, 0)]
    return np.stack([np.asarray(one.resize(size, Pillow.Resampling.BOX)) for one in channels], axis=2)


def _parts(grey: Grey) -> list[Part]:
    """Light ink that hangs together and has a letter's size."""
    side = min(grey.shape)
    window = max(3, round(SETTINGS["window"] * side) | 1)
    hat = grey - ndimage.grey_opening(grey, size=(window, window))
    middle = float(np.median(hat))
    noise = 1.4826 * float(np.median(np.abs(hat - middle)))
    floor = max(SETTINGS["floor"], middle + SETTINGS["noises"] * noise)
    # half of what stands out most nearby: strokes keep their width, whatever their strength
    ink = hat > np.maximum(floor, 0.45 * ndimage.maximum_filter(hat, size=window))
    labels, _ = ndimage.label(ink, np.ones((3, 3), bool))
    parts = []
    for number, where in enumerate(ndimage.find_objects(labels), 1):
        rows, columns = where
        high, wide = rows.stop - rows.start, columns.stop - columns.start
        if high < max(3, 0.008 * side) or high > SETTINGS["letter_height"][1] * side or wide > 0.6 * side:
            continue
        inside = labels[where] == number
        box = (rows.start, columns.start, rows.stop, columns.stop)
        parts.append(Part(box=box, ink=inside, contrast=float(hat[where][inside].mean())))
    return parts


def _lines(parts: list[Part]) -> list[list[Part]]:
    """Parts side by side: on one line, near, alike in height and strength."""
    if not parts:
        return []
    top, left, bottom, right = np.array([part.box for part in parts]).T
    strength = np.array([part.contrast for part in parts])
    height = bottom - top
    group = np.arange(len(parts))
    for i in range(len(parts)):
        overlap = np.minimum(bottom, bottom[i]) - np.maximum(top, top[i])
        gap = np.maximum(left, left[i]) - np.minimum(right, right[i])
        low, high = np.minimum(height, height[i]), np.maximum(height, height[i])
        reach = np.where(high <= 1.25 * low, 1.3, 0.9)  # a space between words of like height
        near = (overlap >= 0.6 * low) & (gap <= reach * high) & (high <= 2.2 * low)
        near &= np.minimum(strength, strength[i]) > 0.5 * np.maximum(strength, strength[i])
        joined = np.unique(group[near])
        group[np.isin(group, joined)] = joined[0]
    members: dict[int, list[Part]] = {}
    for part, number in zip(parts, group.tolist(), strict=True):
        members.setdefault(number, []).append(part)
    return list(members.values())


def _look(members: list[Part], grey: Grey, picture: Image, dark: bool) -> Look:
    """Measure a line; what its size or strength already rules out is left unmeasured."""
    tops, lefts, bottoms, rights = np.array([part.box for part in members]).T
    heights = bottoms - tops
    top, left, bottom, right = int(tops.min()), int(lefts.min()), int(bottoms.max()), int(rights.max())
    side, high, wide = min(grey.shape), bottom - top, right - left
    size: dict[str, Any] = {
        "box": (top, left, bottom, right),
        "parts": len(members),
        "dark": dark,
        "height": high / side,
        "width": wide / side,
        "ragged": float(heights.std() / heights.mean()),
        "slim": float(np.median((rights - lefts) / heights)),
        "hat": float(np.mean([part.contrast for part in members])),
    }
    rough = Look(**size)
    few = rough.parts < 4
    if (
        rough.height > SETTINGS["letter_height"][1]
        or rough.ragged > SETTINGS["ragged"]
        or (few and (dark or rough.hat < 0.5 * SETTINGS["contrast"]))
    ):
        return rough
    pad = max(3, round(0.35 * high))
    up, back = max(0, top - pad), max(0, left - pad)
    window = grey[up : bottom + pad, back : right + pad]
    ink = np.zeros(window.shape, dtype=bool)
    for part in members:
        part_top, part_left, part_bottom, part_right = part.box
        ink[part_top - up : part_bottom - up, part_left - back : part_right - back] |= part.ink
    near = ndimage.binary_dilation(ink, np.ones((3, 3), bool))
    rim = near & ~ink
    away = ~ndimage.binary_dilation(near, np.ones((3, 3), bool))
    ground = window[away]
    if ground.size < 10 or not rim.any():
        return rough
    level = float(np.median(ground))
    contrast = float(np.percentile(window[ink], 90)) - level
    if contrast <= 0:
        return rough
    colours = picture[up : bottom + pad, back : right + pad]
    box = ink[top - up : bottom - up, left - back : right - back]
    begins = box & ~np.pad(box, ((0, 0), (1, 0)))[:, :-1]
    return Look(
        **size,
        fill=float(box.mean()),
        ground=level,
        contrast=contrast,
        uneven=float(ground.std()) / contrast,
        rim=(float(window[rim].mean()) - level) / contrast,
        strokes=float(begins.sum(axis=1).mean()),
        bars=float(min(box.mean(axis=1).max(), box.mean(axis=0).max())),
        tint=_tint(colours[ink & (window >= np.percentile(window[ink], 75))], colours[away]) / contrast,
    )


def _tint(ink: NDArray[Any], ground: NDArray[Any]) -> float:
    """How far the colour of ink (n, 3) is from white paint's, laid thinly on the ground, or grey paint's, thickly.

    No colour is wrong on black or grey ground, for nothing there but paint has any.
    """
    shown, below = ink.mean(axis=0), np.median(ground, axis=0)
    if np.ptp(below) <= SETTINGS["colourless"]:
        return 0.0
    thin = shown - below - (1 - below) * (shown - below).mean() / max(1e-6, float((1 - below).mean()))
    thick = shown - shown.mean()
    return float(min(np.abs(thin).max(), np.abs(thick).max()))
