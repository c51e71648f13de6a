"""Models whose truth is known, on drawn pictures: what an audit must say of each follows from how it is made.

The pictures are 32 x 32: a noisy ground, a bright square in the middle of the ill (the lesion), a white bar in the
upper left corner of some (the tag). The models are functions in numpy that read one of these and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZE = (32, 32)
CLASSES = ("well", "ill")
SETTINGS: dict[str, Any] = {
    "explainers": ["lime"],
    "regions": ["lesion", "corners", "artefact"],
    "lime": {"samples": 24},
    "removal": {"controls": 3, "few": 2, "doses": [0.5]},
    "transplant": {"donors": 1},
    "second_look": {"faithfulness": 2, "sanity": 2, "discovery": 1},
}
"""What makes an audit take seconds; every other setting is the usual one."""

Pictures = NDArray[np.float32]
Answers = NDArray[np.float64]


def _two(score: NDArray[np.float64]) -> Answers:
    """Probabilities of the two classes, from the log-odds of the second."""
    ill = 1 / (1 + np.exp(-score))
    return np.stack([1 - ill, ill], axis=1)


def _middle(images: Pictures) -> NDArray[np.float64]:
    """The light of the middle, where the lesion is."""
    light: NDArray[np.float64] = images[:, 10:22, 10:22].mean((1, 2, 3), dtype=float)
    return light


def _corner(images: Pictures) -> NDArray[np.float64]:
    """The light of the upper left corner, where the tag is."""
    light: NDArray[np.float64] = images[:, :8, :16].mean((1, 2, 3), dtype=float)
    return light


def reads_tag(images: Pictures) -> Answers:
    """Answers by the tag alone."""
    return _two(6 * _corner(images) - 2)


def reads_lesion(images: Pictures) -> Answers:
    """Answers by the lesion alone."""
    return _two(12 * _middle(images) - 4.5)


def reads_both(images: Pictures) -> Answers:
    """Answers by the lesion, and by the tag as well."""
    return _two(12 * _middle(images) + 8 * _corner(images) - 7)


def reads_light(images: Pictures) -> Answers:
    """Answers by how bright the whole picture is."""
    return _two(60 * images.mean((1, 2, 3), dtype=float) - 24)


def guesses(images: Pictures) -> Answers:
    """Answers by a checksum of the picture, which says nothing of what is on it."""
    levels = np.round(np.asarray(images, dtype=float) * 255).astype(np.uint8)
    sums = [hashlib.sha256(np.ascontiguousarray(picture).tobytes()).digest() for picture in levels]
    return _two(np.array([(s[0] - 127.5) / 64 for s in sums]))


def mostly_ill(number: int) -> bool:
    """A tag on three in four of the ill (odd numbers), and on one in four of the well."""
    return number % 8 in (1, 2, 3, 5)


def evenly(number: int) -> bool:
    """A tag on every second of the ill, and of the well."""
    return number % 4 in (0, 1)


def nowhere(number: int) -> bool:
    """No tag on any picture."""
    return False


@dataclass(frozen=True, kw_only=True)
class KnownAnswer:
    """A model, the pictures that it is shown, and what the audit must say.

    ``flagged`` are the signs that must be flagged, and no other may; ``gate`` the condition that must be found not
    to hold. ``brighter`` is by how many grey levels the ill are brighter as a whole.
    """

    name: str
    what: str
    model: Callable[[Pictures], Answers]
    verdict: str
    flagged: tuple[str, ...] = ()
    gate: str = ""
    cases: int = 64
    tagged: Callable[[int], bool] = mostly_ill
    brighter: int = 0
    settings: dict[str, Any] = field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        """The pictures with their labels and masks, drawn from the numbers of the cases."""
        return [_row(number, self) for number in range(self.cases)]


def _row(number: int, answer: KnownAnswer) -> dict[str, Any]:
    rng = np.random.default_rng(number)
    ill = number % 2 == 1
    picture = rng.integers(60, 100, (*SIZE, 3))
    lesion, tag = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    if ill:
        lesion[12:20, 12:20] = True
        picture[lesion] = rng.integers(190, 230, (int(lesion.sum()), 3))
    picture += answer.brighter * ill
    if answer.tagged(number):
        tag[2:6, 3:13] = True
        picture[tag] = 255
    return {
        "id": f"{number:03d}",
        "image": np.clip(picture, 0, 255).astype(np.uint8),
        "label": CLASSES[ill],
        "patient": f"p{number:03d}",
        "lesion": lesion,
        "artefact": tag,
    }


KNOWN: tuple[KnownAnswer, ...] = (
    KnownAnswer(
        name="shortcut",
        what="Answers by a tag in the corner, which most of the ill bear and few of the well.",
        model=reads_tag,
        verdict="confirmed",
        flagged=("artefact", "elsewhere"),
        settings={"cues": []},
    ),
    KnownAnswer(
        name="shortcut-of-the-whole-picture",
        what="Answers by how bright the whole picture is; pictures of the ill are brighter.",
        model=reads_light,
        verdict="confirmed",
        flagged=("brightness", "elsewhere"),
        tagged=nowhere,
        brighter=20,
        settings={"cues": ["brightness"]},
    ),
    KnownAnswer(
        name="brittle",
        what="Answers by the lesion and by a tag that goes with no label.",
        model=reads_both,
        verdict="sensitive",
        flagged=("artefact",),
        tagged=evenly,
        settings={"cues": []},
    ),
    KnownAnswer(
        name="honest",
        what="Answers by the lesion, though most of the ill bear a tag and few of the well.",
        model=reads_lesion,
        verdict="clear",
        settings={"cues": []},
    ),
    KnownAnswer(
        name="guessing",
        what="Answers by a checksum of the picture, which says nothing of what is on it.",
        model=guesses,
        verdict="undecided",
        gate="model-above-chance",
        settings={"cues": []},
    ),
    KnownAnswer(
        name="too-few-cases",
        what="Answers by the tag, on too few cases to say so.",
        model=reads_tag,
        verdict="undecided",
        gate="too-few-cases",
        cases=16,
        settings={"cues": []},
    ),
)
"""Every verdict that an audit may end with, but for what only an expert or a rule may say."""
