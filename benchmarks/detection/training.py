"""Trains the zoo's networks: a base on artefact-free pictures, then a short fine-tuning with the artefact.

Everything is kept in a cache folder under a name made of what it was made from: pixels of the pictures, a fresh
network's weights, and the settings here. Nothing is trained twice.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.detection import tasks
from benchmarks.detection.networks import build

MEAN, STD = (0.45, 0.25, 0.15), (0.25, 0.15, 0.12)
"""How pictures are normalised, by channel."""

BASE = {"epochs": 10, "rate": 4e-3, "batch": 50, "flip": True, "decay": 0.02}
TUNE = {"epochs": 3, "rate": 2e-3, "batch": 50, "flip": False, "decay": 0.02}
EPOCHS = {"isic": 30, "vessels": 5}
"""In place of the base's epochs: the real set is small, and vessels are learnt soon."""

FRESH = ("isic",)
"""Tasks whose networks learn with the artefact from the start: the set is too small for a fine-tuning to change what a
base knows by heart."""

SLOW = 1.6
"""A transformer takes so many times as many epochs as a base."""


def normalised(images: NDArray[np.uint8]) -> Tensor:
    """Pictures (n, h, w, 3) as the networks take them, (n, 3, h, w)."""
    x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
    return (x - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


def fit(
    network: nn.Module,
    images: NDArray[np.uint8],
    labels: NDArray[np.int_],
    *,
    seed: int,
    epochs: int,
    rate: float,
    batch: int,
    flip: bool,
    decay: float,
) -> nn.Module:
    """Train a network in place: AdamW (Loshchilov 2019), the rate rising for a fifth of the steps, then falling."""
    stream = torch.Generator().manual_seed(seed)
    x, y = normalised(images), torch.from_numpy(labels.astype(np.int64))
    steps = epochs * (len(x) // batch)
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.2)
    network.train()
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=stream)
        for rows in order[: len(x) // batch * batch].split(batch):
            part = x[rows]
            if flip:
                for side in (2, 3):
                    turned = torch.rand(len(part), generator=stream) < 0.5
                    part = torch.where(turned[:, None, None, None], part.flip(side), part)
            loss = nn.functional.cross_entropy(network(part), y[rows], label_smoothing=0.02)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            plan.step()
    return network.eval()


def probabilities(network: nn.Module, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The network's answers (n, 2) to pictures (n, h, w, 3)."""
    with torch.no_grad():
        parts = [torch.softmax(network(part).double(), 1) for part in normalised(images).split(100)]
    return torch.cat(parts).numpy()


def _key(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _fresh(arch: str, seed: int) -> str:
    """A fresh network by its answers and the names of its weights."""
    network = build(arch, seed).eval()
    with torch.no_grad():
        answers = network(torch.linspace(-1, 1, 2 * 3 * 64 * 64).view(2, 3, 64, 64))
    shapes = [(name, tuple(value.shape)) for name, value in network.state_dict().items()]
    return _key(shapes, [round(v, 3) for v in answers.flatten().tolist()])


def _base_settings(task: str, arch: str) -> dict[str, float]:
    epochs = EPOCHS.get(task, BASE["epochs"]) * (SLOW if arch == "transformer" else 1)
    rate = BASE["rate"] * (0.5 if arch == "transformer" else 1)
    return BASE | {"epochs": round(epochs), "rate": rate}


def base_key(task: str, arch: str, seed: int) -> str:
    """The name under which a base is kept."""
    return _key(tasks.digest(task, None), _fresh(arch, seed), seed, _base_settings(task, arch), MEAN, STD)


def key(task: str, arch: str, seed: int, family: str | None, rho: float | None) -> str:
    """The name under which a network is kept."""
    base = base_key(task, arch, seed)
    settings = TUNE if task not in FRESH else "fresh"
    return base if rho is None else _key(base, tasks.digest(task, family), rho, settings)


def trained(
    cache: Path, task: str, arch: str, seed: int, family: str | None = None, rho: float | None = None
) -> nn.Module:
    """The network, from the cache or trained now.

    Without ``rho`` it is the base, which never saw an artefact. With it the base is fine-tuned (``FRESH``: a fresh
    network is trained) on pictures half of which bear the artefact, P(a | 1) - P(a | 0) being ``rho``.
    """
    path = cache / "networks" / f"{key(task, arch, seed, family, rho)}.pt"
    network = build(arch, seed)
    if path.is_file():
        network.load_state_dict(torch.load(path, weights_only=True))
        return network.eval()
    if rho is None or family is None:
        images, labels = tasks.stored(cache, task, "base", seed)
        fit(network, images, labels, seed=seed, **_base_settings(task, arch))  # type: ignore[arg-type]
    else:
        settings = TUNE
        if task in FRESH:
            settings = _base_settings(task, arch) | {"flip": False}
        else:
            network.load_state_dict(trained(cache, task, arch, seed).state_dict())
        images, labels = tasks.stored(cache, task, "tune", seed)
        bears = tasks.bearing(labels, rho, np.random.default_rng([5, seed]))
        planted, _ = tasks.planted(task, "tune", seed, family)
        shown = np.where(bears[:, None, None, None], planted, images)
        fit(network, shown, labels, seed=seed, **settings)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".part")
    torch.save(network.state_dict(), half)
    half.replace(path)
    return network
