"""Real pictures for the zoo: dermoscopy of ISIC 2017 at 64 px, labelled by the lesion's size.

The label is whether the lesion is large: a true sign, inside the mask that experts drew. Pictures whose lesion is of
middling size are left out, and those with a colour patch, which are the project's own case of a Clever Hans.
The pictures are only read; their licence is CC0-1.0, their attribution stands in the set's manifest.
"""

from __future__ import annotations

import csv
import functools
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.detection.pictures import SIZE, Picture

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "isic2017"

MIDDLING = 0.2
"""This share of the pictures, those nearest the median area, has no label."""


def missing() -> str | None:
    """Why there are no pictures; None where there are."""
    return None if (DATA / "manifest.csv").is_file() else f"{DATA} is not there"


@functools.cache
def pictures() -> tuple[Picture, ...]:
    """Every labelled picture, small and large lesions alternating, in an order that never changes."""
    with (DATA / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["color_patch"] == "0" and row["lesion_mask"]]
    images = [_small(DATA / row["image"], "RGB") for row in rows]
    shares = [_small(DATA / row["lesion_mask"], "L").astype(float) / 255 for row in rows]
    areas = np.array([share.mean() for share in shares])
    low, high = np.quantile(areas, [0.5 - MIDDLING / 2, 0.5 + MIDDLING / 2])
    order = np.random.default_rng(2017).permutation(len(rows))
    by_class: tuple[list[Picture], list[Picture]] = ([], [])
    for row in order[(areas[order] <= low) | (areas[order] > high)]:
        label = int(areas[row] > high)
        by_class[label].append(Picture(image=images[row], lesion=shares[row] > 0.5, label=label))
    return tuple(p for pair in zip(*by_class, strict=False) for p in pair)


def _small(path: Path, mode: str) -> np.ndarray:
    with Image.open(path) as file:
        levels = np.asarray(file.convert(mode).resize((SIZE, SIZE), Image.Resampling.BOX))
    if mode == "L" and levels.max() == 1:  # a mask of zeros and ones averages to nothing
        with Image.open(path) as file:
            levels = np.asarray(
                file.point(lambda v: 255 * (v > 0)).resize((SIZE, SIZE), Image.Resampling.BOX)
            )
    return np.array(levels)
