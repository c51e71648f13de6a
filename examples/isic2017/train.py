"""Train a classifier of melanoma on ISIC 2017 dermoscopy, as found, and set an audit up.

    python examples/isic2017/train.py --data DIR --out OUT [--without-patches]

``DIR`` holds ``manifest.csv`` (columns ``image``, ``melanoma``, ``lesion_mask``, ``color_patch``,
``patch_mask`` and others) and the pictures and masks it names. ``OUT`` gets the checkpoint, the test cases and
``audit.yaml``. Nothing is done about the colour patches: they lie in benign pictures only, in training too.
With ``--without-patches`` the training pictures that bear one are left out; the test is the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import finetuning as ft  # noqa: E402

SIZE = (224, 224)


def split(
    rows: list[dict[str, str]], seed: int, *, without_patches: bool = False
) -> tuple[list[int], list[int]]:
    """Row numbers for training and testing: 60 melanomas and 60 others, 30 of them with a colour patch."""
    rng = np.random.default_rng(seed)
    ill = np.array([row["melanoma"] == "1" for row in rows])
    patch = np.array([row["color_patch"] == "1" for row in rows])
    pools = ((ill, 60), (~ill & patch, 30), (~ill & ~patch, 30))
    train, test = ft.parted(len(rows), *(ft.drawn(pool, count, rng) for pool, count in pools))
    return [i for i in train if not (without_patches and patch[i])], test


def pasted(
    images: np.ndarray,
    lesions: np.ndarray,
    onto: np.ndarray,
    bearers: np.ndarray,
    patches: np.ndarray,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The pictures numbered ``onto`` with a patch of one of ``bearers`` beside the lesion, and with its shape in skin.

    Of the ten patches that would cover least of the lesion one is drawn, and the lesion stays on top. ``patches`` and
    ``lesions`` are the masks (n, h, w) of all ``images`` (n, h, w, 3); skin is the median colour off the lesion.
    """
    rng = np.random.default_rng(seed)
    marked, plain = images[onto], images[onto]
    for k, i in enumerate(onto):
        covered = [(patches[j] & lesions[i]).sum() / patches[j].sum() for j in bearers]
        j = bearers[rng.choice(np.argsort(covered)[:10])]
        where = patches[j] & ~lesions[i]
        marked[k][where] = images[j][where]
        plain[k][where] = np.median(images[i][~lesions[i]], axis=0)
    return marked, plain


def main() -> None:
    given = ft.asked(__doc__, without_patches="leave the training pictures with a colour patch out")
    rows = ft.rows_of(given.data)
    images = ft.pictures(given.data, rows, SIZE)
    labels = np.array([int(row["melanoma"]) for row in rows])
    patch = np.array([row["color_patch"] == "1" for row in rows])
    train, test = split(rows, given.seed, without_patches=given.without_patches)
    network = ft.fine_tune(images[train], labels[train], passes=4, per_class=336, seed=given.seed)
    score, truth, marked = ft.probabilities(network, images[test]), labels[test], patch[test]
    print(ft.told("test", score, truth))
    print(ft.told("test, no colour patch", score[~marked], truth[~marked]))
    print(ft.told("test, colour patch", score[marked], truth[marked]))
    tested = [rows[i] for i in test]
    lesions, patches = (ft.masks(given.data, tested, c, SIZE) for c in ("lesion_mask", "patch_mask"))
    ill, bearers = np.flatnonzero(truth), np.flatnonzero(marked)
    for what, shown in zip(
        ("a patch", "its shape in skin"),
        pasted(images[test], lesions, ill, bearers, patches, given.seed),
        strict=True,
    ):
        called = (ft.probabilities(network, shown) > 0.5).mean()
        print(f"test, melanomas with {what} pasted in: sensitivity {called:.3f}")
    note = ", trained without colour patches" if given.without_patches else ""
    ft.hand_over(given.out, given.data, HERE, network, tested, note=note)


if __name__ == "__main__":
    main()
