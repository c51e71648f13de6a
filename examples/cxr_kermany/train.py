"""Train a classifier of pneumonia on the children's chest X-rays of Kermany 2018, and set an audit up.

    python examples/cxr_kermany/train.py --data DIR --out OUT

``DIR`` holds ``manifest.csv`` (columns ``image``, ``label``, ``patient`` and others) and the pictures it names.
``OUT`` gets the checkpoint, the test cases and ``audit.yaml``. The pictures go in whole, frame and letters too.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import finetuning as ft  # noqa: E402

SIZE = (224, 224)
CLASSES = ("normal", "pneumonia")
EACH = 60  # test pictures of a class
FRAME = 22  # pixels from each side: a third of the picture


def split(rows: list[dict[str, str]], seed: int) -> tuple[list[int], list[int]]:
    """Row numbers for training and testing: 60 pictures of either class, every patient on one side only."""
    rng = np.random.default_rng(seed)
    test: list[int] = []
    for label in CLASSES:
        of: dict[str, list[int]] = {}
        for i, row in enumerate(rows):
            if row["label"] == label:
                of.setdefault(row["patient"], []).append(i)
        held: list[int] = []
        for patient in rng.permutation(sorted(of)):
            if len(held) + len(of[patient]) <= EACH:
                held += of[patient]
        test += held
    return ft.parted(len(rows), np.array(test))


def reframed(images: np.ndarray, labels: np.ndarray, *, same: bool, seed: int) -> np.ndarray:
    """Each picture's middle (n, h, w, 3) in the frame of another one, of the same class or of the other."""
    rng = np.random.default_rng(seed)
    out = images[[rng.choice(np.flatnonzero((labels == label) == same)) for label in labels]]
    out[:, FRAME:-FRAME, FRAME:-FRAME] = images[:, FRAME:-FRAME, FRAME:-FRAME]
    return out


def main() -> None:
    given = ft.asked(__doc__)
    rows = ft.rows_of(given.data)
    images = ft.pictures(given.data, rows, SIZE)
    labels = np.array([CLASSES.index(row["label"]) for row in rows])
    train, test = split(rows, given.seed)
    network = ft.fine_tune(images[train], labels[train], passes=3, per_class=336, seed=given.seed)
    print(ft.told("training", ft.probabilities(network, images[train]), labels[train]))
    shown, truth = images[test], labels[test]
    print(ft.told("test", ft.probabilities(network, shown), truth))
    for whose, same in (("its own class", True), ("the other class", False)):
        swapped = reframed(shown, truth, same=same, seed=given.seed)
        print(ft.told(f"test, in frames of {whose}", ft.probabilities(network, swapped), truth))
    ft.hand_over(given.out, given.data, HERE, network, [rows[i] for i in test])


if __name__ == "__main__":
    main()
