"""Bars mirrored away, on drawings and on a black box that reads nothing but the bar."""

from __future__ import annotations

import numpy as np
import pytest

from audit.intervene import bars_plan, effects
from audit.intervene.removal import CONSTANT, NO_PLACE
from audit.models.asking import ask
from audit.regions.padding import padding

CLASSES = ["well", "ill"]


def scene(seed: int = 0, shape: tuple[int, int] = (40, 32)) -> np.ndarray:
    return (0.3 + 0.3 * np.random.default_rng(seed).random((*shape, 3))).astype(np.float32)


def letterbox(top: int = 4, bottom: int = 6) -> np.ndarray:
    image = scene()
    image[:top] = 0
    image[40 - bottom :] = 0
    return image


def fundus() -> np.ndarray:
    image = scene(1, (40, 40))
    image[np.hypot(*(np.mgrid[:40, :40] - 19.5)) > 17] = 0
    return image


def bar_reader(images: np.ndarray) -> np.ndarray:
    p = 1 / (1 + np.exp(-(4 - 20 * images[:, :4].mean((1, 2, 3), dtype=float))))
    return np.stack([1 - p, p], 1)


def asked(image, plan, audited=CLASSES):
    ((_, answers),) = ask(bar_reader, [("x", plan.questions(image))], batch=8)
    return effects("x", plan, bar_reader(image[None])[0], answers, CLASSES, audited)


def test_a_model_that_reads_the_bar_is_moved_and_by_the_control_it_is_not():
    image = letterbox()
    well, ill = asked(image, bars_plan("padding", image, padding(image)))
    assert (ill.region, ill.fill, ill.dose, ill.places) == ("padding", "reflect", 1.0, 1)
    assert ill.difference > 5
    assert ill.control == 0
    assert (ill.flipped, ill.flipped_control) == (1.0, 0.0)
    assert well.difference == pytest.approx(-ill.difference)


def test_the_first_picture_has_no_bars_left_and_the_second_has_its_own():
    image = letterbox(4, 6)
    mirrored, turned = bars_plan("padding", image, padding(image)).questions(image)
    assert not padding(mirrored).any()
    assert (mirrored[4:34] == image[4:34]).all()
    assert (mirrored[:4] == image[4:8][::-1]).all()
    assert (mirrored[34:] == image[28:34][::-1]).all()
    assert (turned[:4] == 0).all()
    assert (turned[34:] == 0).all()
    assert (turned[4:8] == image[4:8][::-1]).all()
    assert (turned[28:34] == image[28:34][::-1]).all()
    assert (turned[8:28] == image[8:28]).all()


def test_a_control_strip_is_at_most_a_quarter_of_what_is_between_the_bars():
    image = letterbox(12, 12)
    _, turned = bars_plan("padding", image, padding(image)).questions(image)
    assert (turned[12:16] == image[12:16][::-1]).all()
    assert (turned[16:24] == image[16:24]).all()


@pytest.mark.parametrize("pad", [0, 3])
def test_the_black_around_a_field_of_view_is_not_painted(pad):
    image = np.pad(fundus(), [(pad, pad), (0, 0), (0, 0)])
    plan = bars_plan("padding", image, padding(image))
    assert (plan.why, plan.asked, list(plan.questions(image))) == (CONSTANT, [], [])
    (row,) = effects("x", plan, np.array([0.5, 0.5]), np.zeros((0, 2)), CLASSES, ["ill"])
    assert (row.change, row.flipped, row.fill, row.why) == (None, None, "reflect", CONSTANT)


def test_a_field_of_view_cut_off_above_and_below_is_mirrored_there_and_not_at_its_sides():
    image = np.pad(fundus()[12:28], [(5, 5), (0, 0), (0, 0)])
    plan = bars_plan("padding", image, padding(image))
    (mirrored, _) = plan.questions(image)
    assert plan.mask[:5].all()
    assert plan.mask[-5:].all()
    assert not plan.mask[5:-5].any()
    assert (mirrored[:5] == image[5:10][::-1]).all()


def test_a_lesion_is_neither_copied_into_a_bar_nor_moved():
    image = letterbox(4, 6)
    lesion = np.zeros((40, 32), bool)
    lesion[5:7, 10:13] = True
    image[lesion] = 1
    mirrored, turned = bars_plan("padding", image, padding(image), keep=lesion).questions(image)
    for picture in (mirrored, turned):
        assert ((picture == 1).all(2) == lesion).all()


def test_a_picture_without_bars_is_not_asked():
    assert bars_plan("padding", scene(), np.zeros((40, 32), bool)).why == CONSTANT


def test_a_sliver_between_bars_has_no_control():
    image = letterbox(19, 19)
    (_, ill) = asked(image, bars_plan("padding", image, padding(image)))
    assert ill.change is not None
    assert (ill.control, ill.difference, ill.flipped_control, ill.why) == (None, None, None, NO_PLACE)
