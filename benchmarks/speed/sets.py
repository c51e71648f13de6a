"""Pictures with a lesion and a tag, and networks with random weights: speed does not depend on what was learned."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

CLASSES = ["well", "ill"]


def picture(number: int, size: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """A picture uint8 ``(size, size, 3)`` of smooth colours with a blot and a tag, and the masks of the two."""
    rng = np.random.default_rng(number)
    coarse = Image.fromarray(rng.integers(60, 200, (7, 7, 3), dtype=np.uint8))
    shown = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC)).astype(int)
    shown = shown + rng.integers(-12, 13, shown.shape)
    rows, columns = np.mgrid[0:size, 0:size] / size
    centre, radius = rng.uniform(0.4, 0.6, 2), rng.uniform(0.12, 0.2)
    lesion = np.hypot(rows - centre[0], columns - centre[1]) < radius
    shown[lesion] -= 60
    tag = (rows > 0.03) & (rows < 0.1) & (columns > 0.05) & (columns < 0.35) & (number % 3 == 0)
    shown[tag] = 250
    return shown.clip(0, 255).astype(np.uint8), lesion, tag


def pictures(n: int, size: int = 224) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """``(n, size, size, 3)`` in [0, 1], and the lesions ``(n, size, size)``."""
    drawn = [picture(number, size) for number in range(n)]
    return np.stack([p for p, _, _ in drawn]).astype(np.float32) / 255, np.stack([m for _, m, _ in drawn])


def write(folder: Path, n: int, size: int = 224) -> Path:
    """Pictures, masks and their manifest; returns the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(n):
        names = {key: f"{number:05d}-{key}.png" for key in ("image", "lesion", "artefact")}
        for name, array in zip(names.values(), picture(number, size), strict=True):
            Image.fromarray(array).save(folder / name, compress_level=1)
        rows.append({**names, "label": CLASSES[number % 2], "patient": f"p{number}"})
    with (folder / "cases.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / "cases.csv"


def network(name: str) -> nn.Module:
    """A network of torchvision with two classes and random weights; or a ``small`` one of three layers; or a ``tiny``
    one, which costs next to nothing: what a run takes with it is what is not the network."""
    torch.manual_seed(0)
    if name in ("small", "tiny"):
        first = [nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        return nn.Sequential(
            *(first if name == "small" else [nn.Conv2d(3, 16, 8, stride=8), nn.ReLU()]),
            *(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2)),
        ).eval()
    from torchvision import models

    found: nn.Module = models.get_model(name, weights=None, num_classes=2).eval()
    return found
