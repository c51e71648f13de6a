"""Burned-in text: drawn tags are found, honest pictures stay empty."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from audit.images.pixels import read_image
from audit.regions.text import text

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def ground(size, seed=0, level=0.2):
    """A soft, faintly noisy picture without anything sharp."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size] / size
    grey = level + 0.15 * np.sin(3 * rows + 2 * columns) * (level > 0) + rng.normal(0, 0.01, (size, size))
    return np.clip(grey, 0, 1)[..., None].repeat(3, axis=2).astype(np.float32)


def drawn(picture, string, share, place, *, opacity=1.0, colour=1.0):
    """The picture with a string whose capitals are ``share`` of its side high, and the string's box."""
    size = picture.shape[0]
    layer = Pillow.new("L", (size, size), 0)
    face = ImageFont.load_default(size * share / 0.72)
    left, top, right, bottom = ImageDraw.Draw(layer).textbbox((0, 0), string, font=face)
    row, column = round(place[0] * size), round(place[1] * size)
    ImageDraw.Draw(layer).text((column - left, row - top), string, fill=255, font=face)
    alpha = np.asarray(layer, dtype=np.float32)[..., None] / 255 * opacity
    shown = (picture * (1 - alpha) + colour * alpha).astype(np.float32)
    box = (slice(row, round(row + bottom - top)), slice(column, round(column + right - left)))
    return shown, box


@pytest.mark.parametrize("size", [224, 512, 1024])
@pytest.mark.parametrize("opacity", [1.0, 0.6])
@pytest.mark.parametrize("string", ["PORTABLE", "12:34 AP", "R", "L"])
def test_a_tag_is_found_and_nothing_else(string, opacity, size):
    """At least half of its box is covered, and hardly anything beyond it."""
    share = 0.045 if len(string) > 1 else 0.07
    shown, box = drawn(ground(size), string, share, (0.04, 0.04), opacity=opacity)
    mask = text(shown)
    assert mask[box].mean() >= 0.5
    outside = mask.copy()
    outside[: round(0.17 * size), : round(0.45 * size)] = False
    assert not outside.any()


def test_dark_text_on_light_ground_is_found():
    """A line of black letters, too."""
    shown, box = drawn(ground(512, level=0.7), "PORTABLE", 0.04, (0.9, 0.5), colour=0.0)
    assert text(shown)[box].mean() >= 0.5


def test_a_large_picture_gives_a_mask_of_its_own_size():
    """It is looked at in a smaller copy; the mask is for the picture."""
    picture = np.zeros((1300, 2000, 3), np.float32)
    picture[1:1299, 1:1999] = 0.1
    shown = picture.copy()
    tag, box = drawn(ground(800, level=0.1), "PORTABLE", 0.08, (0.1, 0.1))
    shown[:800, :800] = tag
    mask = text(shown)
    assert mask.shape == (1300, 2000)
    assert mask[box].mean() > 0.9


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (15, 15), (16, 16), (40, 17)])
def test_small_and_flat_pictures_have_no_text(shape):
    """Nor do they break anything."""
    assert not text(np.zeros((*shape, 3), np.float32)).any()
    assert not text(np.ones((*shape, 3), np.float32)).any()


def test_shapes_that_are_no_text_are_left_alone():
    """A disc, a long line, a vessel-like curve, a soft rib."""
    size = 512
    rows, columns = np.mgrid[:size, :size]
    picture = ground(size)[..., 0]
    picture[np.hypot(rows - 300, columns - 300) < 20] = 1.0
    picture[(np.abs(rows - 100) < 2) & (columns > 50)] = 0.9
    picture[np.abs(columns - 200 - 60 * np.sin(rows / 60)) < 2.5] = 0.8
    picture = np.maximum(picture, 0.9 * np.exp(-(((rows - 420 - columns / 8) / 9) ** 2)))
    assert not text(picture[..., None].repeat(3, axis=2).astype(np.float32)).any()


def rows(folder, start, step, count):
    path = DATA / folder / "manifest.csv"
    if not path.is_file():
        pytest.skip(f"the public data set {folder} is not here")
    with path.open(encoding="utf-8", newline="") as file:
        return [DATA / folder / row["image"] for row in csv.DictReader(file)][start::step][:count]


def test_real_retinas_bear_no_text():
    """Vessels, exudates, haemorrhages and discs are not taken for it: none in 20 pictures."""
    assert [path.name for path in rows("idrid", 1, 22, 20) if text(read_image(path)).any()] == []


def test_the_letter_of_real_radiographs_is_found():
    """Most of these chest pictures bear an R; it is found in at least half of 24."""
    found = [text(read_image(path)).any() for path in rows("cxr_kermany", 1, 44, 24)]
    assert sum(found) >= 12
