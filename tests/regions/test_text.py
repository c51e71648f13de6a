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
RETINAS = Path(__file__).resolve().parents[2] / "examples" / "retina"


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


def tissue(size, colour=(0.65, 0.35, 0.18), seed=0):
    """Even ground of the colour of a retina, with a little noise."""
    rng = np.random.default_rng(seed)
    picture = np.array(colour) + rng.normal(0, 0.008, (size, size, 1))
    return np.clip(picture, 0, 1).astype(np.float32)


@pytest.mark.parametrize("opacity", [1.0, 0.7])
@pytest.mark.parametrize("colour", [1.0, 0.9])
def test_a_white_or_grey_letter_on_coloured_tissue_is_found(colour, opacity):
    """Whether the paint covers the ground or lets its colour through."""
    shown, box = drawn(tissue(256), "R", 0.08, (0.3, 0.3), colour=colour, opacity=opacity)
    assert text(shown)[box].mean() >= 0.5


def test_a_yellow_letter_shape_on_coloured_tissue_is_no_text():
    """The shape alone would do: in white it is found. Pale spots on a retina are yellow."""
    place = (0.3, 0.3)
    white, box = drawn(tissue(256), "L", 0.08, place)
    assert text(white)[box].mean() >= 0.5
    yellow, _ = drawn(tissue(256), "L", 0.08, place, colour=np.array([1.0, 0.88, 0.4], np.float32))
    assert not text(yellow).any()


@pytest.mark.parametrize("level", [0.0, 0.25])
@pytest.mark.parametrize("colour", [(1.0, 0.9, 0.1), (0.5, 1.0, 0.8)])
def test_a_letter_in_colour_on_black_or_grey_is_found(colour, level):
    """Nothing there but paint has a colour."""
    paint = np.array(colour, np.float32)
    shown, box = drawn(ground(256, level=level), "R", 0.08, (0.05, 0.05), colour=paint)
    assert text(shown)[box].mean() >= 0.5


def test_a_line_of_letters_in_colour_on_tissue_is_found():
    """Four parts on a line need no colour of their own."""
    paint = np.array((1.0, 0.9, 0.1), np.float32)
    shown, box = drawn(tissue(512), "PORTABLE", 0.05, (0.05, 0.05), colour=paint)
    assert text(shown)[box].mean() >= 0.5


def test_the_bright_rim_of_a_bone_is_no_letter():
    """A bright band with two bright rims on a wide slope crosses a row twice, as an H does: the top-hat sees the
    rims, but they are the lesser part of what stands out."""
    size = 224
    rows, columns = np.mgrid[:size, :size]
    across = columns - 110 - 0.15 * (rows - 110)
    inside = np.clip(1.2 - np.abs(rows - 110) / 8, 0, 1)
    slope = 0.24 * np.exp(-((across / 8) ** 2)) * inside
    rims = 0.2 * (np.exp(-(((across - 4) / 1.1) ** 2)) + np.exp(-(((across + 4) / 1.1) ** 2))) * inside
    picture = ground(size, level=0.3)[..., 0] + slope + rims
    shown = np.clip(picture, 0, 1)[..., None].repeat(3, axis=2).astype(np.float32)
    assert not text(shown).any()


def retinas(tagged):
    """The drawn retinas with a tag, or those without: picture and tag."""
    assert (RETINAS / "pictures").is_dir(), "the drawn retinas are committed, and are not here"
    for path in sorted((RETINAS / "pictures").glob("*.jpg")):
        tag = RETINAS / "tags" / f"{path.stem}.png"
        if tag.exists() == tagged:
            yield path, tag


def test_drawn_retinas_without_a_tag_bear_no_text():
    """Notch, vessels, disc and exudates are not taken for it: at most in 2 of 60."""
    found = [path.name for path, _ in retinas(False) if text(read_image(path)).any()]
    assert len(found) <= 2, found


def test_the_tags_of_drawn_retinas_are_found_and_little_else():
    """Each of 60 by half of its box at least; of what is marked, at most one part in twenty lies off the tags."""
    marked, off = 0, 0
    for path, tag in retinas(True):
        mask = text(read_image(path))
        rows, columns = np.nonzero(np.asarray(Pillow.open(tag).convert("L")) > 0)
        top, left, bottom, right = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
        assert mask[top:bottom, left:right].mean() >= 0.5, path.name
        marked += mask.sum()
        mask[max(0, top - 2) : bottom + 2, max(0, left - 2) : right + 2] = False
        off += mask.sum()
    assert off <= 0.05 * marked


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


def test_ribs_and_clavicles_of_real_radiographs_are_no_text():
    """The R of these stands in their left fifth, and none of their bright bones is taken for text."""
    found = []
    for row in (12, 40, 44, 160, 166, 198, 218, 246, 262, 374, 394, 420, 434, 476):
        (path,) = rows("cxr_kermany", row, 1, 1)
        mask = text(read_image(path))
        found += [row] if mask[:, mask.shape[1] // 5 :].any() else []
    assert found == []
