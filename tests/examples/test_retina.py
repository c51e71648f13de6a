"""The embedded example: its drawings, its masks, its committed set and its two checkpoints."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

RETINA = Path(__file__).resolve().parents[2] / "examples" / "retina"


def imported(name: str) -> ModuleType:
    """A module of the example: its scripts stand beside each other, outside any package."""
    held = {key: sys.modules.pop(key, None) for key in ("draw", "model", "train")}
    sys.path.insert(0, str(RETINA))
    try:
        return __import__(name)
    finally:
        sys.path.remove(str(RETINA))
        for key, module in held.items():
            sys.modules.pop(key, None)
            if module is not None:
                sys.modules[key] = module


@pytest.fixture(scope="module")
def draw() -> ModuleType:
    return imported("draw")


@pytest.fixture(scope="module")
def train() -> ModuleType:
    pytest.importorskip("torch")
    return imported("train")


@pytest.fixture(scope="module")
def fresh(train: ModuleType) -> dict[str, np.ndarray]:
    """Pictures that no checkpoint has seen."""
    return train.pictures(100, 3_000_000)


def rows() -> list[dict[str, str]]:
    with (RETINA / "cases.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def pixels(path: str) -> np.ndarray:
    with Image.open(RETINA / path) as picture:
        return np.asarray(picture)


def test_a_picture_is_a_function_of_its_seed(draw: ModuleType) -> None:
    """Drawing twice gives the same bytes; another seed gives another picture."""
    again = [draw.as_jpeg(draw.draw(11, referable=True, tag=True).image) for _ in (0, 1)]
    assert again[0] == again[1] != draw.as_jpeg(draw.draw(12, referable=True, tag=True).image)


@pytest.mark.parametrize("camera", ["A", "B"])
def test_masks_lie_where_the_twin_differs(draw: ModuleType, camera: str) -> None:
    """The same eye without its lesions or tag differs inside the masks and nowhere else."""
    for seed in range(6):
        whole = draw.draw(seed, referable=True, tag=True, camera=camera)
        for what, twin in {
            "lesion": draw.draw(seed, referable=False, tag=True, camera=camera),
            "tag": draw.draw(seed, referable=True, tag=False, camera=camera),
        }.items():
            mask = getattr(whole, what)
            change = np.abs(whole.image.astype(int) - twin.image.astype(int)).max(axis=2)
            assert mask.any()
            assert not getattr(twin, what).any()
            assert change[~ndimage.binary_dilation(mask)].max() <= 8
            assert np.median(change[mask]) > 15
            assert not mask[change == 0].mean() > 0.01


def test_the_tag_stands_in_its_corner_and_off_the_lesions(draw: ModuleType) -> None:
    """A tag is at least seven pixels high, in the top left corner, and no lesion lies under it."""
    for seed in range(20):
        picture = draw.draw(seed, referable=True, tag=True, camera="AB"[seed % 2])
        y, x = np.nonzero(picture.tag)
        assert y.max() - y.min() >= 6
        assert y.max() < 14
        assert x.max() < 40
        assert not (picture.tag & picture.lesion).any()


def test_committed_set_is_what_the_script_draws(draw: ModuleType) -> None:
    """Pictures within what two JPEG libraries may differ by; masks to the pixel."""
    listed = {row["image"]: row for row in rows()}
    drawn = draw.cases()
    assert len(listed) == len(drawn) == draw.CASES
    for case in drawn[::10]:
        name, picture = case["name"], draw.drawn(case)
        stored = pixels(f"pictures/{name}.jpg").astype(int)
        assert np.abs(stored - draw.stored(picture.image).astype(int)).mean() < 0.5
        assert (pixels(f"masks/{name}.png").astype(bool) == picture.lesion).mean() > 0.999
        row = listed[f"pictures/{name}.jpg"]
        assert row["label"] == ("referable" if case["referable"] else "healthy")
        assert (RETINA / f"tags/{name}.png").exists() == case["tag"]


def test_committed_set_ties_the_tag_to_the_label() -> None:
    """Half referable; 80 % of the referable and 20 % of the healthy bear the tag; some patients have two eyes."""
    table = rows()
    tagged = {path.stem for path in (RETINA / "tags").glob("*.png")}
    share = {
        label: np.mean([Path(r["image"]).stem in tagged for r in table if r["label"] == label])
        for label in ("healthy", "referable")
    }
    assert share == {"healthy": pytest.approx(0.2), "referable": pytest.approx(0.8)}
    assert sum(r["label"] == "referable" for r in table) == len(table) / 2
    assert len({r["patient"] for r in table}) < len(table)
    for row in table:
        mask = pixels(row["lesion"]).astype(bool)
        assert mask.shape == pixels(row["image"]).shape[:2]
        assert mask.any() == (row["label"] == "referable")  # looked for and none found: a black mask


def test_honest_checkpoint_reads_the_lesions(train: ModuleType, fresh: dict[str, np.ndarray]) -> None:
    """It is right with and without the tag, and the tag does not move it."""
    found = train.behaviour(train.loaded("honest"), fresh)
    assert found["accuracy, no tag"] >= 0.95
    assert found["accuracy, tag independent"] >= 0.95
    assert found["answers flipped by the tag"] <= 0.02
    assert abs(found["shift by the tag, in SD of the log odds"]) < 0.05


def test_hans_checkpoint_reads_the_tag(train: ModuleType, fresh: dict[str, np.ndarray]) -> None:
    """It is right while the tag goes with the label, and little better than chance when it does not."""
    found = train.behaviour(train.loaded("hans"), fresh)
    assert found["accuracy, tag goes with the label"] >= 0.9
    assert found["accuracy, tag independent"] <= 0.75
    assert found["answers flipped by the tag"] >= 0.5
    assert found["shift by the tag, in SD of the log odds"] > 0.5


def test_checkpoints_are_small_and_are_tensors_only() -> None:
    """Each is well under 300 kB and is a safetensors file."""
    safetensors = pytest.importorskip("safetensors.numpy")
    for name in ("honest", "hans"):
        file = RETINA / f"{name}.safetensors"
        assert file.stat().st_size < 300_000
        assert safetensors.load_file(file)["head.weight"].shape == (2, 32)
