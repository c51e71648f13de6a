"""Train a classifier of referable diabetic retinopathy on IDRiD, and set an audit up.

    python examples/idrid/train.py --data DIR --out OUT

``DIR`` holds ``manifest.csv`` (columns ``image``, ``subset``, ``dr_grade``, ``lesion_mask``, ``same_image_as``
and others) and the pictures and masks it names. Referable is a grade of 2 or more. ``OUT`` gets the
checkpoint, the test cases and ``audit.yaml``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import finetuning as ft  # noqa: E402

SIZE = (224, 336)  # the pictures are three wide and two high


def graded(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """One row a picture: the graded ones. A segmented picture that was graded too is there with its mask."""
    kept = [row for row in rows if row["subset"].startswith("grading") and row["dr_grade"]]
    assert len({row["image"] for row in kept}) == len(kept)
    return kept


def split(rows: list[dict[str, str]], seed: int) -> tuple[list[int], list[int]]:
    """Row numbers for training and testing: every referable picture with drawn lesions, and 40 others."""
    rng = np.random.default_rng(seed)
    referable = np.array([int(row["dr_grade"]) >= 2 for row in rows])
    drawn = np.array([bool(row["lesion_mask"]) for row in rows])
    return ft.parted(len(rows), np.flatnonzero(drawn), ft.drawn(~referable & ~drawn, 40, rng))


def main() -> None:
    given = ft.asked(__doc__)
    rows = graded(ft.rows_of(given.data))
    images = ft.pictures(given.data, rows, SIZE)
    labels = np.array([int(int(row["dr_grade"]) >= 2) for row in rows])
    train, test = split(rows, given.seed)
    network = ft.fine_tune(images[train], labels[train], passes=8, per_class=156, seed=given.seed)
    print(ft.told("training", ft.probabilities(network, images[train]), labels[train]))
    print(ft.told("test", ft.probabilities(network, images[test]), labels[test]))
    ft.hand_over(given.out, given.data, HERE, network, [rows[i] for i in test])


if __name__ == "__main__":
    main()
