"""Shifts and their controls, on black boxes that read one cue and nothing else."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from scipy import ndimage

from audit.cues import CUES
from audit.intervene import shift
from audit.intervene.scramble import scrambled
from audit.models.asking import ask

sys.path.insert(0, str(Path(__file__).parents[1] / "cues"))
from drawn import disc, flat, picture, scene

CLASSES = ["well", "ill"]

AMOUNTS = {
    "brightness": 0.06,
    "contrast": 0.02,
    "cast-red-blue": 0.06,
    "cast-green": 0.05,
    "sharpness": -0.4,
    "noise": 0.01,
    "blockiness": 0.3,
    "field-size": -0.12,
    "padding-share": 0.15,
    "frame": 0.06,
}


def middle(images):
    """The central half of each side."""
    n = images.shape[1]
    return images[:, n // 4 : n - n // 4, n // 4 : n - n // 4]


def read_frame(images):
    n = images.shape[1]
    edge = round(n / 6)
    around = np.ones((n, n), bool)
    around[edge : n - edge, edge : n - edge] = False
    return images[:, around].mean((1, 2), dtype=float)


def read_sharpness(images):
    """Fine over all detail, by finite differences: none of the audit's own blurs."""
    n = images.shape[1]
    grey = images.mean(3, dtype=float)[:, n // 4 : n // 2 - 3, n // 4 : n - n // 4]
    fine = np.diff(grey, 2, axis=1)
    return np.log2(fine.std((1, 2)) / (grey[:, 6:] - grey[:, :-6]).std((1, 2)))


READS = {
    "brightness": (lambda images: images.mean((1, 2, 3), dtype=float), 60),
    "contrast": (lambda images: images.mean(3, dtype=float).std((1, 2)), 150),
    "cast-red-blue": (lambda images: (images[..., 0] - images[..., 2]).mean((1, 2), dtype=float), 60),
    "cast-green": (lambda images: (2 * images[..., 1] - images.sum(3)).mean((1, 2), dtype=float), 60),
    "sharpness": (read_sharpness, 12),
    "field-size": (lambda images: (images.max(3) > 0.05).mean((1, 2)), 40),
    "frame": (read_frame, 60),
}
"""What a black box reads, written anew, and how many log-odds one unit of it is worth."""


def reader(read, weight, image):
    """A model that says ill by one number, and is in doubt about this picture."""
    here = float(read(image[None])[0])

    def predict(images):
        p = 1 / (1 + np.exp(-np.clip(weight * (read(np.asarray(images)) - here), -12, 12)))
        return np.stack([1 - p, p], 1)

    return predict


def asked(predict, image, plan, label="well", other="ill"):
    ((_, answers),) = ask(predict, [("x", plan.questions(image))], batch=4)
    before = predict(image[None])[0]
    return shift.effects("x", plan, before, answers, CLASSES, CLASSES, label=label, other=other)


def planned(name, image, lesion, amount=None, seed=0):
    value = CUES[name].read(picture(image, lesion))
    amount = AMOUNTS[name] if amount is None else amount
    return shift.plan(
        CUES[name], image, value, value + amount, lesion=lesion, rng=np.random.default_rng(seed)
    )


ROUND = pytest.mark.parametrize("round_field", [False, True], ids=["full", "round"])
SIZES = pytest.mark.parametrize("n", [64, 224])


@SIZES
@ROUND
@pytest.mark.parametrize("name", AMOUNTS)
def test_the_cue_read_again_is_where_it_should_be_and_the_controls_left_it(name, n, round_field):
    """And the controls are as far away, but for the field's, which change what it shows."""
    image, lesion = scene(1, n, round_field=round_field)
    plan = planned(name, image, lesion)
    assert plan.why is None
    shifted, *controls = plan.questions(image)
    assert len(controls) == 2
    before = CUES[name].read(picture(image, lesion))
    room = max(0.1, 2.3 / n / abs(AMOUNTS[name])) if "field" in name or "padding" in name else 0.1
    moved = [(CUES[name].read(picture(p, lesion)) - before) / AMOUNTS[name] for p in (shifted, *controls)]
    assert moved[0] == pytest.approx(1, abs=room)
    assert moved[1:] == pytest.approx([0, 0], abs=0.2)
    for found in (shifted, *controls):
        assert (found.dtype, found.shape) == (np.float32, image.shape)
        assert 0 <= found.min() <= found.max() <= 1
    if CUES[name].controls is None:
        norms = [np.linalg.norm(p - image) for p in (shifted, *controls)]
        assert norms[1:] == pytest.approx([norms[0]] * 2, rel=0.1)


@SIZES
@ROUND
@pytest.mark.parametrize("name", READS)
def test_a_model_that_reads_the_cue_moves_far_beyond_its_controls(name, n, round_field):
    if name == "contrast" and round_field:
        pytest.skip("the black surround is most of the contrast that this box reads")
    image, lesion = scene(2, n, round_field=round_field)
    well, ill = asked(reader(*READS[name], image), image, planned(name, image, lesion))
    sign = np.sign(AMOUNTS[name])
    assert sign * ill.change > 1
    assert abs(ill.control) < 0.25 * abs(ill.change)
    assert sign * ill.difference > 0.75 * abs(ill.change)
    assert well.change == pytest.approx(ill.change)
    assert well.region == name


@SIZES
@ROUND
@pytest.mark.parametrize("name", ["brightness", "cast-red-blue", "cast-green", "frame", "sharpness"])
def test_a_model_that_reads_only_the_middles_contrast_does_not_move(name, n, round_field):
    """Neither by the shift, nor beyond it by what the controls do to either class."""
    differences, own = [], []
    for seed in range(8):
        image, lesion = scene(seed, n, round_field=round_field)
        predict = reader(lambda i: middle(i).mean(3, dtype=float).std((1, 2)), 150, image)
        label, other = CLASSES if seed % 2 else CLASSES[::-1]
        plan = planned(name, image, lesion)
        _, ill = asked(predict, image, plan, label=label, other=other)
        own.append(ill.change)
        differences.append(ill.difference)
        stronger = planned("contrast", image, lesion, AMOUNTS["contrast"])
        _, reference = asked(predict, image, stronger, label=label, other=other)
        assert abs(ill.change) < 0.25 * abs(reference.change)
    assert abs(np.mean(differences)) < 2 * np.std(differences) / np.sqrt(8) + 0.2


@SIZES
@pytest.mark.parametrize("name", ["brightness", "cast-red-blue", "contrast", "sharpness", "noise", "frame"])
def test_a_model_that_any_change_upsets_is_upset_as_much_by_the_controls(name, n):
    """It knows the picture by heart, and loses faith by how far another is from it: no effect beyond control."""
    image, lesion = scene(3, n)
    plan = planned(name, image, lesion)
    far = float(np.linalg.norm(plan.shifted - image))

    def predict(images):
        away = np.sqrt(((np.asarray(images) - image) ** 2).sum((1, 2, 3)))
        p = 1 / (1 + np.exp(4 * away / far - 2))
        return np.stack([1 - p, p], 1)

    _, ill = asked(predict, image, plan, label="ill", other="well")
    assert ill.change > 3
    assert abs(ill.difference) < 0.1 * ill.change


@SIZES
@pytest.mark.parametrize("amount", [-0.06, 0.06])
def test_a_smaller_field_is_compared_with_one_as_small_a_change_elsewhere(n, amount):
    """Of the two controls one zooms what the field shows; one moves the field, as far from the picture as the shift."""
    image, lesion = scene(3, n, round_field=True)
    image[~disc(n, 0.3)] = 0
    shifted, zoomed, moved = planned("field-size", image, lesion, amount).questions(image)
    norm = np.linalg.norm(shifted - image)
    assert np.linalg.norm(moved - image) == pytest.approx(norm, rel=0.25)
    assert (moved.max(2) > 0.05).sum() == (image.max(2) > 0.05).sum()
    np.testing.assert_array_equal(zoomed.max(2) > 0.05, image.max(2) > 0.05)
    assert not np.allclose(zoomed, image)


@pytest.mark.parametrize("n", [64, 65, 224])
def test_a_scrambled_change_has_the_spectrum_and_the_colour_of_the_change(n):
    rng = np.random.default_rng(0)
    change = ndimage.gaussian_filter(rng.standard_normal((n, n)), 2)[..., None] * np.array([1.0, 0.5, -0.5])
    found = scrambled((change - change.mean((0, 1))).astype(np.float32), rng)
    want, have = (np.abs(np.fft.fft2(c - c.mean((0, 1)), axes=(0, 1))) for c in (change, found))
    np.testing.assert_allclose(have, want, atol=1e-3 * want.max())
    np.testing.assert_allclose(found[..., 1], found[..., 0] / 2, atol=1e-4)
    assert abs(np.corrcoef(found[..., 0].ravel(), change[..., 0].ravel())[0, 1]) < 0.3


def test_a_change_that_is_the_same_everywhere_is_spread_over_the_lowest_frequencies():
    even = np.ones((64, 64, 3), np.float32)
    found = scrambled(even, np.random.default_rng(0))
    assert abs(found.mean()) < 1e-5
    assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(even), rel=0.01)
    assert np.abs(np.diff(found, axis=0)).max() < 0.4


@SIZES
def test_light_leaves_padding_and_the_lesions_contrast(n):
    image, lesion = scene(4, n, round_field=True)
    around = ndimage.binary_dilation(lesion, iterations=3) & ~lesion
    for name in ("brightness", "cast-red-blue", "contrast"):
        shifted = planned(name, image, lesion).shifted
        assert not shifted[~disc(n, 0.45)].any()
        before, after = (i[around].mean() - i[lesion].mean() for i in (image, shifted))
        assert after == pytest.approx(before, rel=0.2)


@SIZES
@pytest.mark.parametrize("name", ["sharpness", "noise", "blockiness"])
def test_texture_leaves_lesions_bit_for_bit(name, n):
    image, lesion = scene(4, n)
    np.testing.assert_array_equal(planned(name, image, lesion).shifted[lesion], image[lesion])


@SIZES
@pytest.mark.parametrize("quality", [60, 80])
def test_blocks_are_moved_as_a_file_of_that_quality_has_them_colours_and_all(n, quality):
    """What a library writes by default halves the size of the colours; a network was seen to read little else."""
    image, _ = scene(2, n)
    speckled = image + 0.03 * np.random.default_rng(0).standard_normal(image.shape)
    image = (np.round(np.clip(speckled, 0, 1) * 255) / 255).astype(np.float32)
    held = io.BytesIO()
    Pillow.fromarray((image * 255).round().astype(np.uint8)).save(held, "JPEG", quality=quality)
    real = np.asarray(Pillow.open(held), np.float32) / 255
    blocks = CUES["blockiness"].read
    amount = blocks(picture(real, None)) - blocks(picture(image, None))
    shifted = planned("blockiness", image, None, amount).shifted

    def far(a, b, tint):
        """RMS distance of two pictures in their grey, or in their colours."""
        grey = (a - b).mean(2, keepdims=True)
        return float(np.sqrt((((a - b) - grey if tint else grey) ** 2).mean()))

    for tint in (False, True):
        assert far(shifted, real, tint) < (0.3 if tint else 0.5) * far(image, real, tint)


@SIZES
def test_the_frame_leaves_the_middle_bit_for_bit(n):
    image, lesion = scene(4, n)
    np.testing.assert_array_equal(middle(planned("frame", image, lesion).shifted[None]), middle(image[None]))


@pytest.mark.parametrize(
    ("name", "amount", "why"),
    [
        ("brightness", 0.9, "that far"),
        ("brightness", 0.001, shift.SAME),
        ("blockiness", -0.5, "given back"),
        ("field-size", 0.2, "fills the picture"),
        ("aspect", 0.5, "aspect"),
        ("vessel-density", 1.0, "vessels"),
    ],
)
def test_what_cannot_be_moved_says_why_and_asks_nothing(name, amount, why):
    image, lesion = scene(5, 64)
    plan = shift.plan(CUES[name], image, 0.4, 0.4 + amount, lesion=lesion, rng=np.random.default_rng(0))
    assert why in plan.why
    assert list(plan.questions(image)) == []
    rows = shift.effects(
        "x", plan, np.array([0.5, 0.5]), np.zeros((0, 2)), CLASSES, CLASSES, label="well", other="ill"
    )
    assert [(r.change, r.difference, r.why) for r in rows] == [(None, None, plan.why)] * 2


def test_a_flat_picture_has_no_contrast_to_stretch():
    plan = shift.plan(CUES["contrast"], flat(64), 0.0, 0.05, lesion=None, rng=np.random.default_rng(0))
    assert "no contrast" in plan.why


def test_positive_is_what_speaks_for_the_class_and_a_third_class_is_not_measured():
    """The light goes up, as the ill have it: ill falls for an ill case whose light is taken, rises for the well's."""
    plan = shift.Plan(region="brightness", cue=CUES["brightness"], shifted=flat(4))
    before, after = np.array([0.25, 0.5, 0.25]), np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]])
    classes = ["well", "ill", "else"]
    rows = shift.effects("x", plan, before, after, classes, classes, label="ill", other="well")
    well, ill, third = rows
    assert well.change == pytest.approx(np.log(3))
    assert ill.change == pytest.approx(np.log(3))
    assert (ill.flipped, ill.flipped_control, ill.control) == (1, 0, 0)
    assert (third.change, third.why) == (None, shift.OUTSIDE)
    rows = shift.effects(
        "x", plan, before, after, classes, classes, exclusive=False, label="ill", other="well"
    )
    assert [row.flipped for row in rows] == [0, 0, None]  # neither label was said before, nor is it now
    rows = shift.effects(
        "x", plan, before, 2 * before[None], classes, classes, exclusive=False, label="ill", other="well"
    )
    assert [row.flipped for row in rows] == [0, 1, None]


def test_one_seed_gives_the_same_questions_however_often_they_are_asked():
    image, lesion = scene(6, 64)
    for name in ("brightness", "noise"):
        first, second = planned(name, image, lesion), planned(name, image, lesion)
        for a, b, c in zip(
            first.questions(image), first.questions(image), second.questions(image), strict=True
        ):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(a, c)
