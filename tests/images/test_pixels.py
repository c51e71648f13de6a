"""Files as they come: modes, depths, orientations, damage."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from audit.errors import DataError
from audit.images.dataset import load
from audit.images.grid import Grid
from audit.images.pixels import Frame, read_image, read_mask, read_picture
from audit.record.nouns import Case


def save(path, pixels, *, orientation=None, mode=None, **options):
    picture = pixels if isinstance(pixels, Pillow.Image) else Pillow.fromarray(pixels)
    if mode:
        picture = picture.convert(mode)
    if orientation:
        exif = picture.getexif()
        exif[0x0112] = orientation
        options["exif"] = exif
    picture.save(path, **options)
    return path


COLOURS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
GREYS = COLOURS[..., 0]


def test_eight_bits_are_divided_by_255(tmp_path):
    """In colour and grey; grey is repeated."""
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", COLOURS)), COLOURS.astype("f4") / 255)
    grey = read_image(save(tmp_path / "b.png", GREYS))
    assert grey.dtype == np.float32
    np.testing.assert_array_equal(grey, GREYS[..., None].repeat(3, axis=2).astype("f4") / 255)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_keep_their_range(tmp_path, name):
    """A ramp over all 65536 values stays a ramp; nothing is cut off at 255."""
    ramp = np.linspace(0, 65535, 5000).astype(np.uint16).reshape(50, 100)
    image = read_image(save(tmp_path / name, ramp))
    np.testing.assert_allclose(image[..., 0], ramp / 65535, atol=1e-7)
    assert abs(float(image.mean()) - 0.5) < 1e-3


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "F", "I", "I;16"]
)
def test_every_mode_gives_three_channels(tmp_path, mode):
    """Between 0 and 1, of the picture's size."""
    plain = Pillow.fromarray(COLOURS)
    if mode in ("F", "I", "I;16"):
        kinds = {"F": np.float32(GREYS / 255), "I": GREYS.astype(np.int32), "I;16": GREYS.astype(np.uint16)}
        plain = Pillow.fromarray(kinds[mode])
    elif mode == "HSV":
        mode = "RGB"
    image = read_image(save(tmp_path / "a.tif", plain, mode=mode if mode not in ("F", "I", "I;16") else None))
    assert image.shape == (6, 9, 3)
    assert image.min() >= 0
    assert image.max() <= 1


def test_transparent_parts_lie_over_black(tmp_path):
    """And half transparent ones are half as bright."""
    layers = np.full((2, 3, 4), 255, np.uint8)
    layers[0, :, 3] = (0, 128, 255)
    image = read_image(save(tmp_path / "a.png", layers))
    np.testing.assert_allclose(image[0, :, 0], [0, 128 / 255, 1], atol=1 / 255)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_a_turned_picture_and_its_mask_stay_together(tmp_path, orientation, suffix):
    """Drawn before or after turning, with EXIF or without: the mask lies on the bright part."""
    stored = np.zeros((24, 40), np.uint8)
    stored[3:11, 5:29] = 255
    exif = save(tmp_path / f"a.{suffix}", stored, orientation=orientation)
    shown = np.asarray(
        ImageOps.exif_transpose(Pillow.open(save(tmp_path / "x.png", stored, orientation=orientation)))
    )
    save(tmp_path / "as-shown.png", shown)
    save(tmp_path / "with-exif.png", stored, orientation=orientation)
    save(tmp_path / "as-stored.png", stored)
    image, frame = read_picture(exif)
    bright = image[..., 0] > 0.5
    assert (bright == (shown > 0)).all()
    assert frame.shown == shown.shape
    names = ["as-shown", "with-exif"] + (["as-stored"] if orientation >= 5 else [])
    for name in names:
        assert (read_mask(tmp_path / f"{name}.png", like=frame) == bright).all(), name
    for fit in ("squash", "crop", "pad"):
        case = Case(id="a", image=exif.name, label="x", patient="a", lesion="as-shown.png")
        picture = load(case, tmp_path, Grid(size=(16, 20), fit=fit))
        if suffix != "jpg":
            assert (picture.lesion == (picture.image[..., 0] >= 0.5)).all()


def test_masks_of_any_mode(tmp_path):
    """Any colour but black is inside; a JPEG's blur is not; opaque ink on a clear ground is."""
    drawn = np.zeros((16, 16), bool)
    drawn[4:12, 2:9] = True
    frame = Frame(shown=(16, 16), stored=(16, 16))
    ink = np.zeros((16, 16, 4), np.uint8)
    ink[drawn, 3] = 255
    palette = Pillow.fromarray(drawn.astype(np.uint8), mode=None).convert("P")
    palette.putpalette([0, 0, 0, 200, 10, 10])
    files = [
        save(tmp_path / "bits.png", Pillow.fromarray(drawn)),
        save(tmp_path / "ones.png", drawn.astype(np.uint8)),
        save(tmp_path / "colour.png", drawn[..., None] * np.array([0, 90, 0], np.uint8)),
        save(tmp_path / "ink.png", ink),
        save(tmp_path / "palette.png", palette),
        save(tmp_path / "wide.png", drawn.astype(np.uint16) * 3),
        save(tmp_path / "soft.jpg", drawn.astype(np.uint8) * 255, quality=60),
    ]
    for file in files:
        assert (read_mask(file, like=frame) == drawn).all(), file.name


def test_kinds_are_bits(tmp_path):
    """A kind without a name is not part of the lesion; a kind too small for the grid is told as lost."""
    values = np.zeros((64, 64), np.uint8)
    values[:32, :32] = 1 | 2
    values[32:, 32:] = 16
    values[50, 3] = 4
    save(tmp_path / "a.png", np.zeros((64, 64), np.uint8))
    save(tmp_path / "m.png", values)
    case = Case(id="a", image="a.png", label="x", patient="a", lesion="m.png")
    picture = load(case, tmp_path, Grid(size=(16, 16)), kinds={"MA": 1, "HE": 2, "EX": 4, "SE": 8})
    assert picture.lesion.sum() == 64
    assert {kind: int(mask.sum()) for kind, mask in picture.kinds.items()} == {
        "MA": 64,
        "HE": 64,
        "EX": 0,
        "SE": 0,
    }
    assert picture.lost == {"lesion:EX"}
    assert load(case, tmp_path, Grid(size=(16, 16))).lesion.sum() == 128
    save(tmp_path / "m.jpg", values)
    with pytest.raises(DataError, match="JPEG cannot carry"):
        read_mask(tmp_path / "m.jpg", like=Frame(shown=(64, 64), stored=(64, 64)), bits=True)


def test_a_mask_of_another_size_is_refused(tmp_path):
    """Both sizes are named, and the case."""
    save(tmp_path / "a.png", COLOURS)
    save(tmp_path / "m.png", np.zeros((9, 8), np.uint8))
    case = Case(id="seven", image="a.png", label="x", patient="a", lesion="m.png")
    with pytest.raises(DataError, match=r"case seven, m.png: the mask is 8 x 9 pixels, its picture 9 x 6"):
        load(case, tmp_path, Grid(size=(8, 8)))


def test_damaged_files_are_named(tmp_path, monkeypatch):
    """Missing, empty, cut short, no picture, several pictures, a bomb, an unknown range: one error each."""
    whole = save(
        tmp_path / "whole.png", np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    )
    for share in (0.1, 0.5, 0.9):
        (tmp_path / f"cut{share}.png").write_bytes(whole.read_bytes()[: int(share * whole.stat().st_size)])
    save(tmp_path / "cut.jpg", COLOURS.repeat(20, axis=0).repeat(20, axis=1))
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:-900])
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no picture")
    Pillow.fromarray(GREYS).save(
        tmp_path / "two.gif", save_all=True, append_images=[Pillow.fromarray(255 - GREYS)]
    )
    save(tmp_path / "range.tif", np.float32([[0, 900.0]]))
    save(tmp_path / "wide.tif", np.int32([[-4, 70000]]))
    broken = [path for path in sorted(tmp_path.iterdir()) if path != whole]
    for path in [*broken, tmp_path / "missing.png", tmp_path]:
        with pytest.raises(DataError) as caught:
            read_image(path)
        assert str(path) in str(caught.value)
    for pixels in (5000, 2000):  # Pillow warns from its limit on, and refuses from twice the limit on
        monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", pixels)
        with pytest.raises(DataError, match="too large"):
            read_image(whole)
