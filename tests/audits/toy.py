"""A small set of pictures on disk, a small network, and a configuration: an audit that takes seconds."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

NETWORK = '''
import torch
from torch import nn


def build():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2),
    )


def bright():
    """A black box that reads the light in the middle, where the lesion is."""
    import numpy as np

    def predict(images):
        s = 12 * images[:, 10:22, 10:22].mean((1, 2, 3), dtype=float) - 4.5
        p = 1 / (1 + np.exp(-s))
        return np.stack([1 - p, p], 1)

    return predict


def tag():
    """A black box that reads a tag in the upper left corner."""
    import numpy as np

    def predict(images):
        s = 6 * images[:, :8, :16].mean((1, 2, 3), dtype=float) - 2
        p = 1 / (1 + np.exp(-s))
        return np.stack([1 - p, p], 1)

    return predict
'''

CONFIG = """\
title: Toy
model:
  source: {source}
  factory: "toynet:{factory}"
  classes: [well, ill]
  size: [32, 32]
images:
  manifest: cases.csv
lime: {{samples: 24}}
smoothgrad: {{samples: 3}}
removal: {{controls: 3, few: 2, doses: [0.5]}}
transplant: {{donors: 1}}
cues: [brightness, contrast]
second_look: {{faithfulness: 2, sanity: 2, discovery: 1}}
regions: [lesion, corners, artefact]
"""


def arrays(number: int, *, ill: bool, tagged: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture uint8 (32, 32, 3), its lesion mask and its tag's mask."""
    rng = np.random.default_rng(number)
    picture = rng.integers(60, 100, (32, 32, 3))
    lesion, mark = np.zeros((32, 32), bool), np.zeros((32, 32), bool)
    if ill:
        lesion[12:20, 12:20] = True
        picture[lesion] = rng.integers(190, 250, (int(lesion.sum()), 3))
    if tagged:
        mark[2:6, 3:13] = True
        picture[mark] = 255
    return picture.astype(np.uint8), lesion, mark


def write(folder: Path, *, n: int = 12, source: str = "python", factory: str = "build") -> Path:
    """Pictures, masks, manifest, network and configuration; returns the configuration's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "toynet.py").write_text(NETWORK)
    rows = []
    for number in range(n):
        ill = number % 2 == 1
        picture, lesion, mark = arrays(number, ill=ill, tagged=number % 8 in (1, 2, 3, 5))
        names = {
            "image": f"{number:03d}.png",
            "lesion": f"{number:03d}-l.png",
            "artefact": f"{number:03d}-a.png",
        }
        Image.fromarray(picture).save(folder / names["image"])
        Image.fromarray(lesion).save(folder / names["lesion"])
        Image.fromarray(mark).save(folder / names["artefact"])
        rows.append({**names, "label": "ill" if ill else "well", "patient": f"p{number}"})
    with (folder / "cases.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    config = folder / "audit.yaml"
    config.write_text(CONFIG.format(source=source, factory=factory))
    return config
