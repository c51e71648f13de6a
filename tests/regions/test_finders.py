"""Corners, border, padding; the catalogue; masks on the grid or the reason why not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from audit import regions
from audit.errors import ConfigError, DataError, Undefined
from audit.images.dataset import Picture
from audit.images.grid import Grid
from audit.record.nouns import Case
from audit.regions.geometry import border, corner
from audit.regions.padding import bars, padding, surround

GRID = Grid(size=(20, 20))


def picture_of(drawing):
    """``#`` black, ``.`` grey, ``o`` white, digits in between."""
    values = {"#": 0.0, ".": 0.5, "o": 1.0, "1": 0.6, "2": 0.7}
    grey = np.array([[values[c] for c in line] for line in drawing.split()], np.float32)
    return grey[..., None].repeat(3, axis=2)


def mask_of(drawing, inside="#"):
    return np.array([[c == inside for c in line] for line in drawing.split()])


def case(**given):
    return Case(id="a", image="a.png", label="x", patient="a", **given)


def picture(**given):
    rng = np.random.default_rng(0)
    image = rng.random((20, 20, 3), dtype=np.float32)
    plain = {"lesion": None, "kinds": {}, "artefact": None, "lost": frozenset()}
    return Picture(**{"case": case(), "native": image, "image": image, **plain, **given})


def test_corners_are_squares_of_a_fifth_of_the_shorter_side():
    """Drawn."""
    drawing = "##........ ##........" + " .........." * 8
    assert (corner(np.zeros((10, 10, 3), np.float32), "top-left") == mask_of(drawing)).all()
    four = [corner(np.zeros((30, 40, 3), np.float32), w.removeprefix("corner-")) for w in regions.CORNERS]
    assert sum(mask.sum() for mask in four) == np.logical_or.reduce(four).sum() == 4 * 6 * 6


def test_the_border_is_a_ring_of_a_twentieth():
    """As wide on every side."""
    mask = border(np.zeros((40, 60, 3), np.float32))
    assert mask[:2].all()
    assert mask[-2:].all()
    assert mask[:, :2].all()
    assert mask[:, -2:].all()
    assert not mask[2:-2, 2:-2].any()


def test_bars_are_found_to_the_pixel():
    """A black frame, thicker below, around a picture; and no bar in a picture without."""
    framed = "######## #.1.2.1# #1.2.1.# #.2.1.2# ######## ########"
    expected = "######## #......# #......# #......# ######## ########"
    assert (bars(picture_of(framed)) == mask_of(expected)).all()
    assert not bars(picture_of(".1.2 2.1. .1.2")).any()
    assert not bars(picture_of("#### ####")).any()


def test_bars_survive_jpeg():
    """Black stays nearly black; at most one row beside the picture is lost to ringing."""
    rng = np.random.default_rng(0)
    pixels = np.zeros((96, 96), np.uint8)
    pixels[16:80] = 90 + rng.integers(0, 80, (64, 96))
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "JPEG", quality=85)
    image = np.asarray(Pillow.open(file).convert("RGB"), np.float32) / 255
    mask = bars(image)
    assert mask[:15].all()
    assert mask[-15:].all()
    assert not mask[16:80].any()


def test_the_surround_of_a_round_field_is_found_and_a_dark_spot_inside_is_not():
    """What hangs together with a corner, no more."""
    rows, columns = np.mgrid[:64, :64]
    inside = np.hypot(rows - 31.5, columns - 31.5) < 30
    grey = np.where(inside, 0.4, 0.01)
    grey[28:36, 28:36] = 0.0
    image = grey[..., None].repeat(3, axis=2).astype(np.float32)
    mask = surround(image)
    assert not mask[inside].any()
    assert mask[~inside].mean() > 0.9
    assert (padding(image) == mask).all()


def test_the_letterbox_of_a_padding_model_is_padding():
    """The grid's own black is found, whatever the picture's shape."""
    native = np.random.default_rng(0).random((30, 60, 3), dtype=np.float32) * 0.5 + 0.3
    grid = Grid(size=(40, 40), fit="pad")
    assert (padding(grid.image(native)) == ~grid.mask(np.ones((30, 60), bool))).all()


def test_the_catalogue_says_what_each_region_is():
    """Corners expand to four, the lesion to its kinds; each once, in the order given."""
    found = regions.catalogue(
        ["corners", "lesion", "corner-top-left", "text", "artefact"], {"MA": 1, "HE": 2}
    )
    names = [region.name for region in found]
    assert names == [*regions.CORNERS, "lesion", "lesion:MA", "lesion:HE", "text", "artefact"]
    assert {region.role for region in found if region.name.startswith("lesion")} == {"lesion"}
    assert all(region.title and region.detector and region.settings for region in found)


def test_all_unknown_names_are_told_at_once():
    """With the nearest name that is known."""
    with pytest.raises(ConfigError) as caught:
        regions.catalogue(["lesoin", "border", "cornes", "no_such_module:find"])
    told = str(caught.value)
    assert [problem.where for problem in caught.value.problems] == ["regions[0]", "regions[2]", "regions[3]"]
    assert "did you mean 'lesion'?" in told
    assert "did you mean 'corners'?" in told


def found(names, shown, grid=GRID, **given):
    return regions.find(regions.catalogue(names, **given), shown, grid)


def test_nobody_drew_is_not_the_same_as_empty():
    """A lesion that nobody drew has a reason; an artefact cell left empty says that there is none."""
    masks = found(["lesion", "artefact"], picture())
    assert masks["lesion"] == "no lesion mask was drawn for this case"
    assert not masks["artefact"].any()
    assert "no artefact column" in found(["artefact"], picture(), artefact_column=False)["artefact"]


def test_what_was_lost_on_the_grid_has_a_reason():
    """It was there; the model's grid has no pixel of it."""
    shown = picture(lesion=np.zeros((20, 20), bool), lost=frozenset({"lesion"}))
    assert "lost on the model's grid" in found(["lesion"], shown)["lesion"]


def test_the_lesion_is_taken_off_every_artefact():
    """What an expert calls a lesion is never an artefact."""
    lesion = np.zeros((20, 20), bool)
    lesion[:3, :3] = True
    marked = np.zeros((20, 20), bool)
    marked[:6, 15:] = marked[:2, :5] = True
    masks = found(["lesion", "artefact"], picture(lesion=lesion, artefact=marked))
    masks |= found(["corners", "border"], picture(lesion=lesion))
    assert masks["lesion"].sum() == 9
    assert all(not mask[lesion].any() for name, mask in masks.items() if name != "lesion")
    assert masks["corner-top-left"].sum() == 16 - 9


def bright(image):
    """A finder of a user's."""
    image[:] = image.mean(axis=2, keepdims=True)
    return image[..., 0] > 0.5


def broken(image):
    return image


def unsure(image):
    raise Undefined("too dark to tell")


def crashes(image):
    return image[1000]


def test_a_finder_of_ones_own(monkeypatch):
    """Named by module and function; its picture is a copy; what it gives is checked."""
    monkeypatch.setitem(__import__("sys").modules, "my_finders", __import__("sys").modules[__name__])
    shown = picture()
    before = shown.image.copy()
    masks = found(["my_finders:bright", "my_finders:unsure"], shown)
    assert (masks["bright"] == (before.mean(axis=2) > 0.5)).all()
    assert masks["unsure"] == "too dark to tell"
    assert (shown.image == before).all()
    with pytest.raises(DataError, match="not bool of"):
        found(["my_finders:broken"], shown)
    with pytest.raises(DataError, match="failed: IndexError"):
        found(["my_finders:crashes"], shown)


def test_text_is_looked_for_in_the_picture_as_stored():
    """Even where the model's grid is too small to read anything; and the mask is on the grid."""
    from audit.regions import DETECTORS

    assert DETECTORS["text"].native
    assert found(["text"], picture(native=np.zeros((300, 200, 3), np.float32)))["text"].shape == (20, 20)


def test_a_tag_is_taken_off_the_place_it_stands_in():
    """What is left of the corner, three pixels off the tag, is the corner."""
    from audit.images.dataset import of_arrays
    from audit.images.grid import Grid
    from audit.record import Case
    from audit.regions import catalogue, find

    image = 0.3 + 0.2 * np.random.default_rng(0).random((100, 100, 3))
    tag = np.zeros((100, 100), bool)
    tag[4:9, 4:15] = True
    image[tag] = 1
    case = Case(id="a", image="a", label="x", patient="a", artefact="drawn")
    picture = of_arrays(case, image, Grid(size=(100, 100)), artefact=tag)
    found = find(catalogue(["artefact", "corners", "border"]), picture, Grid(size=(100, 100)))
    corner = found["corner-top-left"]
    assert (found["artefact"] == tag).all()
    assert not (corner & tag).any()
    assert not corner[6, 17]
    assert corner[6, 18]
    assert corner.sum() > 150
    assert (found["corner-top-right"].sum(), found["border"][50].sum()) == (400, 10)


def test_the_border_leaves_out_the_black_round_a_field_of_view():
    """Painting over the edge of a field of view would redraw it."""
    rows, columns = np.mgrid[:100, :100] - 50
    eye = rows**2 + columns**2 < 56**2
    image = np.where(eye[..., None], 0.5 + 0.1 * np.random.default_rng(0).random((100, 100, 3)), 0)
    image = image.astype(np.float32)
    border = found(["border"], picture(native=image, image=image), Grid(size=(100, 100)))["border"]
    assert border[50, :5].all()
    assert not border[:8, :8].any()
    assert not (border & ~eye).any()
