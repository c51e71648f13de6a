"""Train a classifier of melanoma on ISIC 2017 dermoscopy, as found, and set an audit up.

    python examples/isic2017/train.py --data DIR --out OUT

``DIR`` holds ``manifest.csv`` (columns ``image``, ``melanoma``, ``lesion_mask``, ``color_patch``,
``patch_mask`` and others) and the pictures and masks it names. ``OUT`` gets the checkpoint, the test cases and
``audit.yaml``. Nothing is done about the colour patches: they lie in benign pictures only, in training too.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import finetuning as ft  # noqa: E402

SIZE = (224, 224)


def split(rows: list[dict[str, str]], seed: int) -> tuple[list[int], list[int]]:
    """Row numbers for training and testing: 60 melanomas and 60 others, 30 of them with a colour patch."""
    rng = np.random.default_rng(seed)
    ill = np.array([row["melanoma"] == "1" for row in rows])
    patch = np.array([row["color_patch"] == "1" for row in rows])
    pools = ((ill, 60), (~ill & patch, 30), (~ill & ~patch, 30))
    test = np.concatenate([rng.permutation(np.flatnonzero(pool))[:count] for pool, count in pools])
    return sorted(set(range(len(rows))) - set(test.tolist())), sorted(test.tolist())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with manifest.csv")
    parser.add_argument(
        "--out", type=Path, required=True, help="a folder for checkpoint, cases and audit.yaml"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rows = ft.rows_of(given.data)
    images = ft.pictures(given.data, rows, SIZE)
    labels = np.array([int(row["melanoma"]) for row in rows])
    patch = np.array([row["color_patch"] == "1" for row in rows])
    train, test = split(rows, given.seed)
    network = ft.fine_tune(images[train], labels[train], passes=4, per_class=336, seed=given.seed)
    score, truth, marked = ft.probabilities(network, images[test]), labels[test], patch[test]
    print(ft.told("test", score, truth))
    print(ft.told("test, no colour patch", score[~marked], truth[~marked]))
    print(ft.told("test, colour patch", score[marked], truth[marked]))
    ft.hand_over(given.out, given.data, HERE, network, [rows[i] for i in test])


if __name__ == "__main__":
    main()
