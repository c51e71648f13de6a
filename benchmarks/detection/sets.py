"""The sets that are audited: pictures, lesion masks and a manifest in a folder, written once.

Beside them lies ``twins.npz``, which no audit sees: every picture without the artefact, where it is, and who bears it.
"""

from __future__ import annotations

import csv
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.detection import tasks
from benchmarks.detection.plans import Spec

VERSION = 1
"""Of the layout of a set's folder."""


@dataclass(frozen=True, kw_only=True)
class Twins:
    """What the audit is not told: pictures without and with the artefact uint8 (n, h, w, 3), where it is bool
    (n, h, w), who bears it bool (n,), and the labels (n,)."""

    without: NDArray[np.uint8]
    shown: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    bears: NDArray[np.bool_]
    labels: NDArray[np.int_]


def folder(cache: Path, spec: Spec) -> Path:
    """The folder of the set that a network is audited on, written if it is not there yet."""
    key = hashlib.sha256(
        repr(
            (
                VERSION,
                tasks.digest(spec.task, spec.family),
                spec.seed,
                spec.among if spec.family else 0,
                spec.masks,
                *([spec.wide] if spec.wide else []),
            )
        ).encode()
    ).hexdigest()[:10]
    path = cache / "sets" / f"{spec.task}-{spec.seed}-{spec.family or 'plain'}-{key}"
    if not (path / "manifest.csv").is_file():
        half = path.with_name(f".{path.name}.part")
        shutil.rmtree(half, ignore_errors=True)
        _write(half, spec)
        shutil.rmtree(path, ignore_errors=True)
        half.rename(path)
    return path


def twins(path: Path) -> Twins:
    """What a set's folder holds that the audit is not told."""
    with np.load(path / "twins.npz") as kept:
        return Twins(**{name: kept[name] for name in kept.files})


def _write(path: Path, spec: Spec) -> None:
    split = f"wide-{spec.wide}" if spec.wide else "audit"
    pictures = tasks.pictures(spec.task, split, spec.seed)
    labels = np.array([p.label for p in pictures])
    without = np.stack([p.image for p in pictures])
    shown, masks = without, np.zeros(without.shape[:3], bool)
    bears = np.zeros(len(pictures), bool)
    if spec.family:
        bears = tasks.bearing(labels, spec.among, np.random.default_rng([6, spec.seed]))
        planted, places = tasks.planted(spec.task, split, spec.seed, spec.family)
        shown = np.where(bears[:, None, None, None], planted, without)
        if places is not None:
            masks = places & bears[:, None, None]
    for name in ("images", "lesions", "artefacts"):
        (path / name).mkdir(parents=True)
    rows = []
    for number, picture in enumerate(pictures):
        file = f"{number:04d}.png"
        row = {"image": f"images/{file}", "label": tasks.TASKS[spec.task].classes[picture.label]}
        Image.fromarray(shown[number]).save(path / row["image"])
        if tasks.TASKS[spec.task].sign == "lesion":
            row["lesion"] = f"lesions/{file}"
            Image.fromarray(picture.lesion).save(path / row["lesion"])
        if spec.masks:
            row["artefact"] = f"artefacts/{file}" if bears[number] else ""
            if bears[number]:
                Image.fromarray(masks[number]).save(path / row["artefact"])
        rows.append(row)
    np.savez_compressed(
        path / "twins.npz", without=without, shown=shown, masks=masks, bears=bears, labels=labels
    )
    with (path / "manifest.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
