"""A copy of a picture is known again; another picture is not."""

from __future__ import annotations

import hashlib
import io
import math

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageEnhance

from audit.errors import DataError
from audit.images.fingerprint import look, of_cases, of_training
from audit.images.source import from_manifest, from_rows
from audit.measure.leakage import NEAR


def drawn(seed: int, height: int = 180, width: int = 240) -> Pillow.Image:
    """A round field with blobs of its own, as a retina has."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((height, width)) / height
    field = np.hypot(rows - 0.5, columns - 0.66) < 0.48
    picture = np.where(field, 120.0, 5.0)
    for _ in range(25):
        at, size = rng.uniform(0, 1.3, 2), rng.uniform(0.01, 0.15)
        blob = np.exp(-(((rows - at[0]) ** 2 + (columns - at[1]) ** 2) / size**2))
        picture += field * rng.uniform(-80, 80) * blob
    picture = np.clip(picture[..., None] + rng.normal(0, 3, (height, width, 3)), 0, 255)
    return Pillow.fromarray(picture.astype(np.uint8))


def seen(picture: Pillow.Image) -> str:
    return look(np.asarray(picture.convert("RGB"), np.float32) / 255)


def apart(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def saved(picture: Pillow.Image, quality: int) -> Pillow.Image:
    held = io.BytesIO()
    picture.save(held, "JPEG", quality=quality)
    return Pillow.open(held)


COPIES = {
    "saved again": lambda p: saved(p, 30),
    "half the size": lambda p: p.resize((p.width // 2, p.height // 2), Pillow.Resampling.BILINEAR),
    "squashed": lambda p: p.resize((128, 128), Pillow.Resampling.BICUBIC),
    "darker": lambda p: ImageEnhance.Brightness(p).enhance(0.8),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_near(how):
    for seed in range(8):
        picture = drawn(seed)
        assert apart(seen(picture), seen(COPIES[how](picture))) <= NEAR


def test_other_pictures_of_the_same_kind_are_far():
    looks = [seen(drawn(seed)) for seed in range(30)]
    assert min(apart(a, b) for i, a in enumerate(looks) for b in looks[:i]) > 2 * NEAR


def test_the_look_is_what_its_definition_says():
    """Slowly: the mean of each of 64 × 64 boxes, the cosine sums, each against the median of all but the first."""
    grey = np.random.default_rng(3).random((64 * 3, 64 * 2)).astype(np.float32)
    boxes = grey.reshape(64, 3, 64, 2).mean((1, 3))
    waves = []
    for u in range(16):
        for v in range(16):
            across = [math.cos(math.pi * v * (2 * j + 1) / 128) for j in range(64)]
            down = [math.cos(math.pi * u * (2 * i + 1) / 128) for i in range(64)]
            scale = (math.sqrt(0.5) if u == 0 else 1) * (math.sqrt(0.5) if v == 0 else 1)
            waves.append(
                scale * sum(down[i] * sum(boxes[i, j] * across[j] for j in range(64)) for i in range(64))
            )
    middle = float(np.median(waves[1:]))
    bits = "".join("1" if w > middle else "0" for w in waves)
    assert look(np.repeat(grey[..., None], 3, 2)) == f"{int(bits, 2):064x}"


def test_files_are_known_by_the_sha256_of_their_bytes(tmp_path):
    """As hashlib says of the file, for picture and masks; the split is the manifest's."""
    for n in range(2):
        drawn(n).save(tmp_path / f"{n}.png")
    Pillow.fromarray(np.eye(180, 240, dtype=np.uint8) * 255).save(tmp_path / "m.png")
    (tmp_path / "cases.csv").write_text(
        "image,label,lesion,split,patient\n0.png,a,m.png,test,p0\n1.png,b,,val,\n"
    )
    source = from_manifest(
        tmp_path / "cases.csv",
        root=None,
        columns={},
        labels=None,
        classes=("a", "b"),
        kinds={},
        keep_going=False,
    )
    first, second = of_cases(source, source.cases, {"0": "ab" * 32})
    assert first.sha256 == hashlib.sha256((tmp_path / "0.png").read_bytes()).hexdigest()
    assert first.lesion == hashlib.sha256((tmp_path / "m.png").read_bytes()).hexdigest()
    assert (first.split, first.patient, first.look, first.audited) == ("test", "p0", "ab" * 32, True)
    assert (second.split, second.patient, second.lesion, second.look) == ("val", None, None, None)
    assert second.why


def test_pictures_at_hand_are_known_by_their_numbers():
    picture = np.zeros((8, 8, 3), np.uint8)
    rows = [{"image": picture + n, "label": "ab"[n % 2], "split": "test"} for n in (0, 0, 1)]
    rows[1]["label"] = "b"
    source = from_rows(rows, classes=("a", "b"))
    one, two, three = of_cases(source, source.cases, {})
    assert one.sha256 == two.sha256 != three.sha256
    assert one.split == "test"


def test_training_pictures_are_read_once_and_named_a_split(tmp_path):
    drawn(1).save(tmp_path / "t.png")
    (tmp_path / "train.csv").write_text("image,label,patient\nt.png,whatever,p9\n")
    (row,), lost = of_training(tmp_path / "train.csv", root=None, columns={})
    assert (row.split, row.patient, row.audited, lost) == ("training", "p9", False, [])
    assert row.look == seen(drawn(1))


def test_a_broken_training_picture_is_told_or_left_out(tmp_path):
    (tmp_path / "t.png").write_bytes(b"no picture")
    drawn(1).save(tmp_path / "u.png")
    (tmp_path / "train.csv").write_text("image,label\nt.png,a\nu.png,a\n")
    with pytest.raises(DataError, match=r"train.csv:2, t.png"):
        of_training(tmp_path / "train.csv", root=None, columns={})
    rows, lost = of_training(tmp_path / "train.csv", root=None, columns={}, keep_going=True)
    assert [r.case for r in rows] == ["u"]
    assert [(f.case, f.stage) for f in lost] == [("t", "training")]
