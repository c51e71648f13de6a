"""What goes with a label without having a place: the light, the sharpness, the field of view.

A heat map cannot show such a sign, so each is read as one number a picture, compared between the classes, and moved to
the other class's value while the rest of the picture stays (:mod:`audit.intervene.shift`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from audit.cues import light, texture, vessels, view, windows
from audit.errors import ConfigError, Problem, Undefined
from audit.images.dataset import Picture
from audit.plugins import nearest
from audit.record.nouns import Image, Mask, Region

Measure = Callable[[Image, Mask], float]
Window = Callable[[Image, "Mask | None"], Mask]

DETECTOR = "statistic"

STEP = 2 / 255
"""Light that differs by less is what rounding makes of it."""


@dataclass(frozen=True, kw_only=True)
class Cue:
    """One sign of the whole picture.

    Attributes:
        name: as in a configuration.
        title: in words.
        role: ``clinical`` where a disease itself changes it.
        unit: of its value.
        read: a picture to the value; raises ``Undefined`` where it has none.
        measure: the value from the pixels on the grid and the window; None where it takes the file.
        window: where it is measured, from pixels and lesions.
        shift: ``(image, amount, *, keep, rng)`` to the picture whose cue is larger by ``amount``, lesions kept; None
            where nobody can move it, and ``why_no_shift`` tells why. Raises ``Undefined`` where this picture cannot
            be moved so far.
        controls: ``(image, shifted)`` to control pictures; None: the phase-scrambled difference.
        like: what the control's spectrum is that of: the ``difference``, or the ``picture`` where the difference
            scrambled would be the cue itself.
        least: an amount that is nothing.
        settings: for the report.
    """

    name: str
    title: str
    role: Literal["cue", "clinical"] = "cue"
    unit: str
    read: Callable[[Picture], float]
    measure: Measure | None = None
    window: Window = windows.window
    shift: Callable[..., Image] | None = None
    why_no_shift: str | None = None
    controls: Callable[[Image, Image], list[Image]] | None = None
    like: Literal["difference", "picture"] = "difference"
    least: float = 0.0
    settings: dict[str, Any] = field(default_factory=dict)


def _pixels(
    measure: Measure,
    *,
    window: Window = windows.window,
    within: str = "content off the lesions",
    **given: Any,
) -> Cue:
    """A cue that is read off the pixels that the model is shown."""

    def read(picture: Picture) -> float:
        return measure(picture.image, window(picture.image, picture.lesion))

    settings = {"looks at": "the picture on the model's grid", "within": within, **given.pop("settings", {})}
    return Cue(read=read, measure=measure, window=window, settings=settings, **given)


NO_GRID = "every picture is shown on one grid: what is left of it there is its sharpness"
NO_WARP = "pictures cannot be given another {} without changing what they show"
WHOLE = "the whole picture"
FRAME = "outside the central window, off the lesions"
STORED = {"looks at": "the picture as stored"}

CUES: dict[str, Cue] = {
    cue.name: cue
    for cue in (
        _pixels(
            light.brightness,
            name="brightness",
            title="Brightness",
            unit="grey, 0 to 1",
            shift=light.brighter,
            least=STEP,
        ),
        _pixels(
            light.contrast,
            name="contrast",
            title="Contrast",
            unit="grey, standard deviation",
            shift=light.stronger,
            least=STEP,
        ),
        _pixels(
            light.red_blue,
            name="cast-red-blue",
            title="Colour cast, blue to red",
            unit="red minus blue",
            shift=light.redder,
            least=STEP,
        ),
        _pixels(
            light.green,
            name="cast-green",
            title="Colour cast, purple to green",
            unit="green minus the mean of red and blue",
            shift=light.greener,
            least=STEP,
        ),
        _pixels(
            texture.sharpness,
            name="sharpness",
            title="Sharpness",
            unit="octaves, fine over coarse detail",
            shift=texture.sharper,
            least=0.05,
            settings={"fine": f"{texture.FINE:g} px", "coarse": f"{texture.COARSE:g} px"},
        ),
        _pixels(
            texture.noise,
            name="noise",
            title="Noise",
            unit="grey, standard deviation",
            shift=texture.grainier,
            like="picture",
            least=1 / 255 / 2,
        ),
        Cue(
            name="jpeg-quality",
            title="JPEG quality",
            unit="1 to 100, as the file's tables say; 100 without loss",
            read=texture.jpeg_quality,
            why_no_shift="what compression leaves on the model's grid is blockiness, which is moved by itself",
            settings={"looks at": "the file's quantisation tables"},
        ),
        _pixels(
            texture.blockiness,
            name="blockiness",
            title="JPEG blocks on the model's grid",
            unit="octaves, steps between 8 x 8 blocks over steps within",
            shift=texture.blockier,
            like="picture",
            least=0.1,
        ),
        Cue(
            name="resolution",
            title="Resolution of the stored picture",
            unit="log2 of the side in pixels",
            read=view.resolution,
            why_no_shift=NO_GRID,
            settings=STORED,
        ),
        Cue(
            name="aspect",
            title="Width over height of the stored picture",
            unit="log2",
            read=view.aspect,
            why_no_shift=NO_WARP.format("aspect"),
            settings=STORED,
        ),
        _pixels(
            view.size,
            window=windows.everywhere,
            within=WHOLE,
            name="field-size",
            title="Size of the field of view",
            unit="share of the side",
            shift=view.wider,
            controls=view.same_field,
            least=0.01,
        ),
        _pixels(
            view.shape,
            window=windows.everywhere,
            within=WHOLE,
            name="field-shape",
            title="Shape of the field of view",
            unit="share of its bounding box",
            why_no_shift=NO_WARP.format("outline"),
        ),
        _pixels(
            view.padded,
            window=windows.everywhere,
            within=WHOLE,
            name="padding-share",
            title="Padding",
            unit="share of the picture",
            shift=view.more_padded,
            controls=view.same_field,
            least=0.01,
        ),
        _pixels(
            light.brightness,
            window=windows.frame,
            within=FRAME,
            name="frame",
            title="Brightness of the frame around the middle",
            unit="grey, 0 to 1",
            shift=light.frame_brighter,
            least=STEP,
            settings={"middle": f"{windows.MIDDLE:.0%} of each side"},
        ),
        _pixels(
            light.contrast,
            window=windows.frame,
            within=FRAME,
            name="frame-contrast",
            title="Contrast in the frame around the middle",
            unit="grey, standard deviation",
            why_no_shift="moving it redraws the frame; its brightness is moved by itself",
            settings={"middle": f"{windows.MIDDLE:.0%} of each side"},
        ),
        _pixels(
            vessels.density,
            name="vessel-density",
            title="Density of vessels",
            role="clinical",
            unit="length of centre lines over the content's area, per side",
            why_no_shift=vessels.NOT_MOVED,
            settings=vessels.SETTINGS,
        ),
        _pixels(
            vessels.tortuosity,
            name="vessel-tortuosity",
            title="Tortuosity of vessels",
            role="clinical",
            unit="length of branches over length of their chords",
            why_no_shift=vessels.NOT_MOVED,
            settings=vessels.SETTINGS,
        ),
    )
}

VERSION = "2"


def catalogue(names: Sequence[str]) -> list[Region]:
    """The cues that a configuration names, each once, in their order.

    Raises:
        ConfigError: unknown names, all at once.

    >>> [(cue.name, cue.role) for cue in catalogue(["brightness", "vessel-density"])]
    [('brightness', 'cue'), ('vessel-density', 'clinical')]
    """
    problems = [
        Problem(what=f"unknown cue {name!r}", where=f"cues[{number}]", todo=nearest(name, CUES))
        for number, name in enumerate(names)
        if name not in CUES
    ]
    if problems:
        raise ConfigError(problems)
    return [
        Region(
            name=cue.name,
            role=cue.role,
            title=cue.title,
            detector=DETECTOR,
            version=VERSION,
            settings={
                "unit": cue.unit,
                **cue.settings,
                **({"not moved": cue.why_no_shift} if cue.why_no_shift else {}),
            },
        )
        for cue in (CUES[name] for name in dict.fromkeys(names))
    ]


def readings(names: Iterable[str], picture: Picture) -> dict[str, float | str]:
    """Each cue's value in one picture, or why it has none. Never NaN."""
    found: dict[str, float | str] = {}
    for name in names:
        try:
            value = CUES[name].read(picture)
            found[name] = value if np.isfinite(value) else "its value is not finite"
        except Undefined as why:
            found[name] = str(why)
    return found
