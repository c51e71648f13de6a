"""Cues of pictures that were drawn to have them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from drawn import disc, flat, picture, scene, tree
from PIL import Image as Pillow
from scipy import ndimage
from scipy.stats import spearmanr
from skimage.measure import blur_effect

from audit.cues import CUES, catalogue, readings
from audit.errors import ConfigError
from audit.images.dataset import load
from audit.images.grid import Grid
from audit.record import Case

SIZES = pytest.mark.parametrize("n", [64, 224, 512])


def read(name, image, lesion=None, **given):
    return readings([name], picture(image, lesion, **given))[name]


@SIZES
def test_light_is_read_inside_the_field_of_view_and_off_the_lesion(n):
    """A black surround and a white lesion say nothing of the light."""
    image, field = flat(n, (0.5, 0.4, 0.2)), disc(n, 0.4)
    lesion = disc(n, 0.1)
    image[lesion] = 1
    image[~field] = 0
    assert read("brightness", image, lesion) == pytest.approx(1.1 / 3, abs=1e-5)
    assert read("cast-red-blue", image, lesion) == pytest.approx(0.3, abs=1e-5)
    assert read("cast-green", image, lesion) == pytest.approx(0.05, abs=1e-5)
    assert read("contrast", image, lesion) == pytest.approx(0, abs=1e-5)


@SIZES
def test_contrast_is_that_of_a_chessboard(n):
    board = flat(n)
    board[np.indices((n, n)).sum(0) % 2 == 0] = 0.3
    assert read("contrast", board) == pytest.approx(0.1, abs=1e-5)


@SIZES
def test_blur_is_seen_whatever_the_light(n):
    """As skimage's blur_effect says; brightness and contrast have no part in it."""
    image, _ = scene(0, n)
    blurred = [ndimage.gaussian_filter(image, (s, s, 0)) for s in (0, 0.7, 1.2, 2)]
    found = [read("sharpness", b) for b in blurred]
    other = [blur_effect(b, channel_axis=2) for b in blurred]
    assert found == sorted(found, reverse=True)
    assert other == sorted(other)
    assert read("sharpness", 0.1 + 0.5 * image) == pytest.approx(found[0], abs=0.01)


@SIZES
@pytest.mark.parametrize("sigma", [0.01, 0.03])
def test_noise_is_that_which_was_added(n, sigma):
    ramp = np.linspace(0.3, 0.7, n, dtype=np.float32)[:, None, None] * np.ones((1, n, 3), np.float32)
    ramp = ramp + sigma * np.random.default_rng(0).standard_normal((n, n, 1)).astype(np.float32)
    assert read("noise", ramp) == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize("quality", [5, 30, 50, 75, 90, 95])
def test_a_jpegs_quality_is_that_it_was_saved_with(tmp_path, quality):
    image, _ = scene(0, 64)
    file = Pillow.fromarray(np.round(image * 255).astype(np.uint8))
    file.save(tmp_path / "a.jpg", quality=quality)
    found = load(Case(id="a", image="a.jpg", label="x", patient="a"), tmp_path, Grid(size=(32, 32)))
    assert found.quality == pytest.approx(quality, abs=1)
    assert readings(["jpeg-quality"], found)["jpeg-quality"] == found.quality


def test_without_loss_or_without_a_file(tmp_path):
    image, _ = scene(0, 64)
    Pillow.fromarray(np.round(image * 255).astype(np.uint8)).save(tmp_path / "a.png")
    found = load(Case(id="a", image="a.png", label="x", patient="a"), tmp_path, Grid(size=(32, 32)))
    assert readings(["jpeg-quality"], found) == {"jpeg-quality": 100.0}
    assert "no file" in read("jpeg-quality", image)


@SIZES
def test_blocks_show_in_a_jpeg_and_only_there(n, tmp_path):
    image, lesion = scene(0, n)
    found = []
    for quality in (60, 20, 5):
        Pillow.fromarray(np.round(image * 255).astype(np.uint8)).save(tmp_path / "a.jpg", quality=quality)
        found.append(
            read("blockiness", np.asarray(Pillow.open(tmp_path / "a.jpg"), np.float32) / 255, lesion)
        )
    assert read("blockiness", image, lesion) == pytest.approx(0, abs=0.1)
    assert 0.2 < found[0] < min(found[1:])
    assert max(found) > 1


def test_the_stored_pictures_sides():
    native = np.zeros((256, 1024, 3), np.float32)
    assert read("resolution", flat(64), native=native) == pytest.approx(9)
    assert read("aspect", flat(64), native=native) == pytest.approx(2)


@SIZES
@pytest.mark.parametrize("radius", [0.3, 0.45])
def test_a_round_field_has_its_area_also_beside_a_tag(n, radius):
    image, _ = scene(0, n)
    image[~disc(n, radius)] = 0
    assert read("field-size", image) == pytest.approx(np.sqrt(np.pi) * radius, abs=0.02)
    assert read("padding-share", image) == pytest.approx(1 - np.pi * radius**2, abs=0.02)
    assert read("field-shape", image) == pytest.approx(np.pi / 4, abs=0.02)
    image[: n // 16, : n // 8] = 1
    assert read("field-size", image) == pytest.approx(np.sqrt(np.pi) * radius, abs=0.02)


@SIZES
def test_bars_make_padding_and_leave_a_rectangle(n):
    image, _ = scene(0, n)
    image[: n // 8] = 0
    image[-n // 8 :] = 0
    assert read("padding-share", image) == pytest.approx(0.25)
    assert read("field-size", image) == pytest.approx(np.sqrt(0.75))
    assert read("field-shape", image) == pytest.approx(1)


@SIZES
def test_the_frame_is_what_is_around_the_middle(n):
    image = flat(n, (0.2, 0.2, 0.2))
    edge = round(n / 6)
    image[edge : n - edge, edge : n - edge] = 0.9
    assert read("frame", image) == pytest.approx(0.2, abs=1e-5)
    assert read("frame-contrast", image) == pytest.approx(0, abs=1e-5)


def fundus(n, curves):
    """Dark lines on a bright round field; each curve is rows and columns in shares of the side."""
    image = flat(n, (0.7, 0.5, 0.3))
    dark = np.zeros((n, n), bool)
    for rows, columns in curves:
        dark[np.rint(rows * n).astype(int), np.rint(columns * n).astype(int)] = True
    near = ndimage.distance_transform_edt(~dark)
    image -= 0.25 * np.exp(-((near / max(1.0, 0.007 * n)) ** 2) / 2)[..., None].astype(np.float32)
    image += 0.01 * np.random.default_rng(0).standard_normal((n, n, 3)).astype(np.float32)
    image[~disc(n, 0.45)] = 0
    return image


ALONG = np.linspace(0.2, 0.8, 4000)


@pytest.mark.parametrize("n", [224, 512])
def test_more_vessels_are_denser_by_their_length(n):
    found = [
        read("vessel-density", fundus(n, [(np.full(4000, r), ALONG) for r in rows]))
        for rows in ([0.5], [0.35, 0.65], [0.32, 0.44, 0.56, 0.68])
    ]
    area = np.pi * 0.45**2
    assert found == pytest.approx([0.6 / area, 1.2 / area, 2.4 / area], rel=0.15)
    assert read("vessel-density", fundus(n, [])) < 0.15 / area


@pytest.mark.parametrize("n", [224, 512])
@pytest.mark.parametrize("swing", [0.0, 0.02, 0.04])
def test_winding_vessels_are_longer_than_their_chords(n, swing):
    wave = swing * np.sin(2 * np.pi * (ALONG - 0.2) / 0.2)
    image = fundus(n, [(0.35 + wave, ALONG), (0.65 + wave, ALONG)])
    truth = np.hypot(np.diff(wave), np.diff(ALONG)).sum() / 0.6
    assert read("vessel-tortuosity", image) == pytest.approx(truth, abs=0.12)


@pytest.mark.parametrize("n", [64, 128, 224])
@pytest.mark.parametrize("noise", [0.003, 0.012])
def test_vessels_of_drawn_eyes_read_in_their_order_at_every_size(n, noise):
    """The density of 3 to 12 vessels, and how straight, swaying and winding ones wind; no matter how fine the grid."""
    eyes = [tree(seed, n, count, noise=noise) for seed, count in enumerate([3, 5, 7, 9, 12] * 3)]
    found = [read("vessel-density", image) for image, _ in eyes]
    assert spearmanr(found, [truth for _, truth in eyes])[0] > 0.9
    assert all(0.55 * truth < value < 1.3 * truth for value, (_, truth) in zip(found, eyes, strict=True))
    winding = [
        np.mean([read("vessel-tortuosity", tree(seed, n, 6, swing=s, noise=noise)[0]) for seed in range(6)])
        for s in (0.0, 0.015, 0.03)
    ]
    assert winding[0] < winding[1] < winding[2]


def test_noise_alone_and_a_brighter_lamp_are_no_vessels():
    grain = np.random.default_rng(1).standard_normal((64, 64, 3)).astype(np.float32)
    assert read("vessel-density", flat(64) + 0.05 * grain) < 0.5
    eye = tree(0, 128, 7)[0]
    assert read("vessel-density", 0.6 * eye) == pytest.approx(read("vessel-density", eye), rel=0.05)


def test_a_picture_that_is_all_padding_has_no_light():
    image = flat(64, (0, 0, 0))
    image[30:33, 30:33] = 0.5
    assert "padding" in read("brightness", image)
    assert "lesions" in read("brightness", flat(64), np.ones((64, 64), bool))


@SIZES
def test_nothing_measured_is_never_a_number(n):
    for image in (flat(n, (0, 0, 0)), flat(n, (1, 1, 1)), flat(n), scene(0, n)[0]):
        for name, value in readings(CUES, picture(image)).items():
            assert isinstance(value, str) or np.isfinite(value), name


def test_a_catalogue_names_each_cue_once_and_all_mistakes_at_once():
    found = catalogue([*CUES, "brightness"])
    assert [region.name for region in found] == list(CUES)
    assert {region.role for region in found} == {"cue", "clinical"}
    with pytest.raises(ConfigError) as error:
        catalogue(["brightnes", "contrast", "hue"])
    assert len(error.value.problems) == 2
    assert "did you mean 'brightness'" in str(error.value)


def test_every_cue_can_be_moved_or_says_why_not():
    for cue in CUES.values():
        assert (cue.shift is None) == (cue.why_no_shift is not None), cue.name


def test_an_array_changed_in_place_is_read_anew():
    image, _ = scene(0, 64)
    before = read("padding-share", image)
    image[:16] = 0
    assert (before, read("padding-share", image)) == (0, 0.25)


def test_cues_import_neither_torch_nor_slow_parts_of_scipy():
    code = (
        "import sys; sys.modules['torch'] = None; import audit.cues;"
        "assert 'scipy.stats' not in sys.modules and 'sklearn.metrics' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
