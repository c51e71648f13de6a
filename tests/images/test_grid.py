"""Picture and mask meet on the model's grid, to the pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from audit.images.grid import Grid

sides = st.integers(1, 90)
fits = st.sampled_from(["squash", "crop", "pad"])


@settings(max_examples=60, deadline=None)
@given(sides, sides, sides, sides, fits, st.sampled_from([1.0, 0.875, 0.5]), st.integers(0, 2**32 - 1))
def test_a_mask_falls_on_the_bright_part_that_it_was_drawn_from(h, w, rows, columns, fit, pct, seed):
    """Whatever the sizes and the fit: the mask is where the picture of it is at least half bright."""
    if fit == "crop" and max(h, w) > 20 * min(h, w):
        return
    rng = np.random.default_rng(seed)
    mask = np.zeros((h, w), bool)
    top, left = rng.integers(h), rng.integers(w)
    mask[top : top + 1 + rng.integers(h), left : left + 1 + rng.integers(w)] = True
    grid = Grid(size=(rows, columns), fit=fit, crop_pct=pct)
    shown = grid.image(mask[..., None].repeat(3, axis=2).astype(np.float32))
    assert shown.shape == (rows, columns, 3)
    assert shown.dtype == np.float32
    assert (grid.mask(mask) == (shown[..., 1] >= 0.5)).all()
    if fit != "pad":
        assert grid.mask(np.ones((h, w), bool)).all()


@pytest.mark.parametrize("shape", [(340, 512), (224, 224), (100, 477), (431, 300), (17, 23)])
@pytest.mark.parametrize("resize", [256, 232, 224])
def test_the_grid_shows_what_torchvision_shows(shape, resize):
    """Of an 8-bit picture, to 1/255; a mask drawn as such a picture falls where torchvision puts it."""
    transforms = pytest.importorskip("torchvision.transforms")
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    mask = np.zeros(shape, bool)
    mask[shape[0] // 4 : shape[0] // 2, shape[1] // 5 : shape[1] // 2] = True
    crop = transforms.Compose([transforms.Resize(resize), transforms.CenterCrop(224)])
    ways = [
        (Grid(size=(224, 224), fit="crop", crop_pct=224 / resize), crop),
        (Grid(size=(96, 64)), transforms.Resize((96, 64))),
    ]
    for grid, theirs in ways:
        expected = np.asarray(theirs(Pillow.fromarray(pixels)), np.float64) / 255
        assert np.abs(grid.image(pixels.astype(np.float32) / 255) - expected).max() <= 1 / 255 + 1e-6
        drawn = np.asarray(theirs(Pillow.fromarray(mask.astype(np.uint8) * 255)), int)
        clear = np.abs(drawn - 127.5) > 1.5
        assert (grid.mask(mask) == (drawn > 127))[clear].all()


def test_padding_keeps_the_shape_and_is_black():
    """A picture twice as wide as high lies in the middle of a square."""
    shown = Grid(size=(40, 40), fit="pad").image(np.ones((30, 60, 3), np.float32))
    assert shown[10:30].min() == 1
    assert shown[:10].max() == shown[30:].max() == 0


def test_a_grid_of_the_picture_s_own_size_changes_nothing():
    """For every fit."""
    image = np.random.default_rng(0).random((31, 31, 3), dtype=np.float32)
    for fit in ("squash", "crop", "pad"):
        np.testing.assert_array_equal(Grid(size=(31, 31), fit=fit).image(image), image)
