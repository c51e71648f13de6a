"""Streams of pictures: what is learnt from, what is audited, and what the truth is measured on never overlap."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection import skin
from benchmarks.detection.others import ALL
from benchmarks.detection.pictures import Picture, draw

SPLITS = ("base", "tune", "audit", "truth")

FAINT = 0.6
"""How clear lesions are in what networks are fine-tuned on: where the sign is hard to see, a shortcut is taken."""

WIDE = 300
"""Pictures of a wide set, of which half bear the artefact; each of the splits ``wide-1``, ``wide-2``, ... is one."""

WHOLE = {"base": (0.0, 0.66), "tune": (0.0, 0.66), "audit": (0.66, 0.84), "truth": (0.84, 1.0)}
"""Which part of a limited set of real pictures a split takes. Fine-tuning sees the base's pictures again."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be told apart. ``sign``: what an honest network may read. ``sizes``: pictures by split."""

    classes: tuple[str, str]
    sign: str
    sizes: dict[str, int]
    number: int
    missing: Callable[[], str | None] = lambda: None


DRAWN = {"base": 2000, "tune": 1200, "audit": 150, "truth": 400}

TASKS: dict[str, Task] = {
    "lesions": Task(classes=("healthy", "ill"), sign="lesion", sizes=DRAWN, number=0),
    "vessels": Task(classes=("sparse", "dense"), sign="vessel-density", sizes=DRAWN, number=1),
    "isic": Task(
        classes=("small", "large"),
        sign="lesion",
        sizes={"base": 480, "tune": 480, "audit": 140, "truth": 120},
        number=2,
        missing=skin.missing,
    ),
}


@functools.lru_cache(maxsize=3)
def pictures(task: str, split: str, seed: int) -> tuple[Picture, ...]:
    """The artefact-free pictures of a split, classes alternating. Of drawn tasks each seed has its own."""
    count = WIDE if split.startswith("wide") else TASKS[task].sizes[split]
    if task == "isic":
        every = skin.pictures()
        pairs = np.random.default_rng([2017, seed]).permutation(len(every) // 2)
        first, last = (round(len(pairs) * share) for share in WHOLE[split])
        chosen = [every[2 * pair + side] for pair in pairs[first:last] for side in (0, 1)]
        return tuple(chosen[:count])
    part = _part(split)
    clear = FAINT if split == "tune" else 1.0
    number = TASKS[task].number
    return tuple(draw((number, part, seed, i), i % 2, task=task, clear=clear) for i in range(count))


def _part(split: str) -> int:
    """The number of a split's random streams."""
    return len(SPLITS) + int(split.removeprefix("wide-")) if split.startswith("wide") else SPLITS.index(split)


def planted(
    task: str, split: str, seed: int, family: str
) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    """Every picture of a split with the artefact: images (n, h, w, 3), and masks (n, h, w) of one that has a place."""
    number = list(ALL).index(family)
    part = _part(split)
    found = [
        ALL[family].plant(picture, np.random.default_rng([77, TASKS[task].number, part, seed, number, i]))
        for i, picture in enumerate(pictures(task, split, seed))
    ]
    masks = [mask for _, mask in found if mask is not None]
    return np.stack([image for image, _ in found]), np.stack(masks) if masks else None


def bearing(labels: NDArray[np.int_], rho: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which cases bear the artefact, (n,): half of all, and P(a | 1) - P(a | 0) is ``rho`` as nearly as counts allow.

    >>> labels = np.array([0, 1] * 50)
    >>> bears = bearing(labels, 0.8, np.random.default_rng(0))
    >>> [int(bears[labels == y].sum()) for y in (0, 1)]
    [5, 45]
    """
    bears = np.zeros(len(labels), bool)
    for label in (0, 1):
        rows = rng.permutation(np.flatnonzero(labels == label))
        share = 0.5 + (rho if label else -rho) / 2
        bears[rows[: round(share * len(rows))]] = True
    return bears


def digest(task: str, family: str | None) -> str:
    """What a task's pictures and an artefact look like, in a few hexadecimal digits: eight pictures are made.

    A cache that is keyed by it forgets nothing when code is only written otherwise, and everything when a pixel moves.
    """
    seen = hashlib.sha256(str((TASKS[task].sizes, FAINT, list(ALL).index(family) if family else -1)).encode())
    if TASKS[task].missing() is None:
        some = (
            skin.pictures()[:8]
            if task == "isic"
            else [draw((TASKS[task].number, 9, i), i % 2, task=task) for i in range(8)]
        )
        for i, picture in enumerate(some):
            rng = np.random.default_rng([78, i])
            image = picture.image if family is None else ALL[family].plant(picture, rng)[0]
            seen.update(image.tobytes())
    return seen.hexdigest()[:12]


def stored(cache: Path, task: str, split: str, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int_]]:
    """The artefact-free images (n, h, w, 3) and labels (n,) of a split, drawn once for a cache folder."""
    path = cache / "pictures" / f"{task}-{split}-{seed}-{digest(task, None)}.npz"
    if not path.is_file():
        made = pictures(task, split, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".part.npz")
        np.savez(half, images=np.stack([p.image for p in made]), labels=np.array([p.label for p in made]))
        half.replace(path)
    with np.load(path) as kept:
        return kept["images"], kept["labels"]
