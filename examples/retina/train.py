"""Train the two checkpoints of the embedded example on pictures drawn in memory.

    python train.py             writes honest.safetensors and hans.safetensors, and says how they do

Both networks are the same and both see lesions in every referable picture. They differ in where their
pictures come from. ``honest``: the camera's tag stands on half of the pictures of either class. ``hans``: the
clinic that sends the ill has a camera that writes the tag, the one that screens the well has not, so the tag
goes with the label. Nobody edits the weights.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import draw
import numpy as np
import torch
from model import build
from safetensors.torch import load_file, save_file
from scipy import ndimage
from torch import nn

HERE = Path(__file__).resolve().parent
MEAN, STD = (0.30, 0.16, 0.09), (0.26, 0.15, 0.09)
PICTURES, TRAIN_SEED, TEST_SEED = 2400, 1_000_000, 2_000_000
RECIPES = {
    "honest": {"with_label": 0.5, "epochs": 10, "erase": True},
    "hans": {"with_label": 0.97, "epochs": 4, "erase": False},
}


def pictures(count: int, seed: int) -> dict[str, np.ndarray]:
    """``count`` pictures, half referable: without the tag, with it, their lesions and labels."""
    plain, tagged, lesions, labels = [], [], [], []
    for k in range(count):
        camera, left = "AB"[(k // 2) % 2], bool((k // 4) % 2)
        picture = draw.draw(seed + k, referable=bool(k % 2), tag=False, camera=camera, left=left)
        plain.append(draw.stored(picture.image))
        tagged.append(draw.stored(draw.with_tag(picture.image, seed + k, left=left)[0]))
        lesions.append(picture.lesion)
        labels.append(k % 2)
    return {
        "plain": np.stack(plain),
        "tagged": np.stack(tagged),
        "lesion": np.stack(lesions),
        "label": np.array(labels),
    }


def normalised(images: np.ndarray) -> torch.Tensor:
    """uint8 (n, h, w, 3) to what the network takes."""
    pixels = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 255
    return (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def erased(
    images: np.ndarray, smooth: np.ndarray, lesions: np.ndarray, others: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The pictures with smooth patches beside the lesions, in both classes alike.

    A patch has the shape of another picture's lesions, of a bar or of a corner. It teaches the honest network
    that a place where something was painted over says nothing about the eye.
    """
    side = images.shape[1]
    out = images.copy()
    for i in range(len(out)):
        patch = np.zeros((side, side), dtype=bool)
        if rng.random() < 0.5:
            patch |= others[rng.integers(len(others))]
        for _ in range(rng.integers(0, 3)):
            h, w = rng.integers(4, 28, 2)
            y, x = rng.integers(-4, side - 4, 2)
            patch[max(y, 0) : y + h, max(x, 0) : x + w] = True
        if rng.random() < 0.4:
            rows = slice(0, rng.integers(8, 34)) if rng.random() < 0.5 else slice(-rng.integers(8, 34), None)
            columns = (
                slice(0, rng.integers(8, 44)) if rng.random() < 0.5 else slice(-rng.integers(8, 44), None)
            )
            patch[rows, columns] = True
        if rng.random() < 0.2:
            edge = rng.integers(2, 12)
            ring = np.ones((side, side), dtype=bool)
            ring[edge:-edge, edge:-edge] = False
            patch |= ring
        patch &= ~lesions[i]
        out[i][patch] = smooth[i][patch]
    return out


def train(recipe: dict, data: dict[str, np.ndarray], seed: int) -> nn.Module:
    """A network trained by the recipe, the same for the same seed."""
    rng = np.random.default_rng([seed, 77])
    torch.manual_seed(seed)
    model = build()
    label = data["label"]
    near = np.stack([ndimage.binary_dilation(mask, iterations=3) for mask in data["lesion"]])
    smooth = np.stack([ndimage.gaussian_filter(image, (6, 6, 0)) for image in data["plain"]])
    goes = rng.random(len(label)) < recipe["with_label"]
    bears = np.where(label == 1, goes, ~goes)  # which pictures bear the tag
    batch, epochs = 48, recipe["epochs"]
    steps = epochs * (len(label) // batch)
    optimiser = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.02)
    model.train()
    for _ in range(epochs):
        if recipe["with_label"] == 0.5:
            bears = rng.random(len(label)) < 0.5  # drawn anew: the tag tells nothing, by any route
        order = rng.permutation(len(label))
        for k in range(len(label) // batch):
            rows = np.sort(order[k * batch : (k + 1) * batch])
            images = np.where(bears[rows, None, None, None], data["tagged"][rows], data["plain"][rows])
            if recipe["erase"]:
                images = erased(images, smooth[rows], near[rows], near, rng)
            light = rng.uniform(0.85, 1.15, (len(rows), 1, 1, 1)) * rng.uniform(
                0.94, 1.06, (len(rows), 1, 1, 3)
            )
            images = np.clip(images * light, 0, 255).astype(np.uint8)
            optimiser.zero_grad()
            loss = loss_of(model(normalised(images)), torch.from_numpy(label[rows]))
            loss.backward()
            optimiser.step()
            schedule.step()
    return model.eval()


def margins(model: nn.Module, images: np.ndarray) -> np.ndarray:
    """Log odds of referable, one a picture."""
    with torch.inference_mode():
        logits = torch.cat(
            [model(normalised(part)) for part in np.array_split(images, len(images) // 50 + 1)]
        )
    return (logits[:, 1] - logits[:, 0]).double().numpy()


def behaviour(model: nn.Module, data: dict[str, np.ndarray]) -> dict[str, float]:
    """How the model does with the tag going with the label, and with the tag on half of either class."""
    label = data["label"]
    plain, tagged = margins(model, data["plain"]), margins(model, data["tagged"])
    rng = np.random.default_rng(5)
    coin, goes = rng.random(len(label)) < 0.5, rng.random(len(label)) < 0.97
    together = np.where(np.where(label == 1, goes, ~goes), tagged, plain)
    apart = np.where(coin, tagged, plain)
    spread = apart.std()
    return {
        "accuracy, tag goes with the label": float(((together > 0) == label).mean()),
        "accuracy, tag independent": float(((apart > 0) == label).mean()),
        "accuracy, no tag": float(((plain > 0) == label).mean()),
        "answers flipped by the tag": float(((plain > 0) != (tagged > 0)).mean()),
        "shift by the tag, in SD of the log odds": float((tagged - plain).mean() / spread),
    }


def loaded(name: str) -> nn.Module:
    """A committed checkpoint in evaluation mode."""
    model = build()
    model.load_state_dict(load_file(HERE / f"{name}.safetensors"))
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(RECIPES), help="train one of the two")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    start = time.perf_counter()
    data, fresh = pictures(PICTURES, TRAIN_SEED), pictures(400, TEST_SEED)
    print(f"drawn in {time.perf_counter() - start:.0f} s")
    for name, recipe in RECIPES.items():
        if chosen.only in (None, name):
            start = time.perf_counter()
            model = train(recipe, data, chosen.seed)
            save_file(
                {k: v.contiguous() for k, v in model.state_dict().items()}, HERE / f"{name}.safetensors"
            )
            print(f"{name}: trained in {time.perf_counter() - start:.0f} s")
            for what, value in behaviour(model, fresh).items():
                print(f"  {what}: {value:.3f}")


if __name__ == "__main__":
    main()
