"""The drawn pictures and what is planted in them are what the truth of the zoo rests on."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.detection import skin, tasks
from benchmarks.detection.families import FOUND
from benchmarks.detection.others import ALL
from benchmarks.detection.pictures import SIZE, draw

LOCAL = [name for name, family in ALL.items() if family.local]
WHOLE = [name for name, family in ALL.items() if not family.local]
EYES = [draw((41, i), i % 2) for i in range(12)]


def test_the_same_eye_is_drawn_again():
    for i, eye in enumerate(EYES):
        again = draw((41, i), i % 2)
        assert (eye.image == again.image).all()
        assert (eye.lesion == again.lesion).all()


def test_only_the_lesions_differ_between_the_classes_of_one_eye():
    """Blurred by the lens, a lesion reaches a pixel or two beyond its mask, and nothing else moves."""
    for i in range(12):
        ill, well = draw((41, i), 1), draw((41, i), 0)
        assert not well.lesion.any()
        rows, columns = np.nonzero((ill.image.astype(int) - well.image).max(axis=2) > 40)
        assert all(
            ill.lesion[max(r - 2, 0) : r + 3, max(c - 2, 0) : c + 3].any()
            for r, c in zip(rows, columns, strict=True)
        )
        assert 2 <= ill.lesion.sum() <= 120


def test_in_the_other_task_vessels_are_the_sign():
    """The dense have more dark, thin lines: seen by a measure that the drawing does not use."""

    def lines(label):
        greens = [
            draw((42, i), label, task="vessels").image[12:52, 12:52, 1].astype(float) for i in range(20)
        ]
        return np.mean(
            [np.abs(np.diff(g, axis=0)).mean() + np.abs(np.diff(g, axis=1)).mean() for g in greens]
        )

    assert lines(1) > 1.15 * lines(0)
    assert not draw((42, 0), 1, task="vessels").lesion.any()


@pytest.mark.parametrize("name", LOCAL)
def test_what_has_a_place_changes_nothing_outside_it(name):
    for i, eye in enumerate(EYES):
        image, mask = ALL[name].plant(eye, np.random.default_rng(i))
        assert mask is not None
        changed = np.abs(image.astype(int) - eye.image).max(axis=2)
        assert changed[~mask].max() <= 0.08 * 255
        assert changed[mask].max() > 20 or name == "padding"
        assert 10 <= mask.sum() <= 0.3 * SIZE * SIZE
        assert not (mask & eye.lesion).any()


@pytest.mark.parametrize("name", WHOLE)
def test_what_has_no_place_is_everywhere_or_all_round(name):
    for i, eye in enumerate(EYES):
        image, mask = ALL[name].plant(eye, np.random.default_rng(i))
        assert mask is None
        moved = (image != eye.image).any(axis=2)
        quarters = [moved[r : r + 32, c : c + 32].mean() for r in (0, 32) for c in (0, 32)]
        assert min(quarters) > 0.1


@pytest.mark.parametrize("name", list(ALL))
def test_the_same_seed_plants_the_same(name):
    one, two = (ALL[name].plant(EYES[1], np.random.default_rng(3))[0] for _ in range(2))
    assert (one == two).all()
    assert one.dtype == np.uint8


def test_which_names_are_right():
    assert ALL["frame"].named("corner-top-left")
    assert not ALL["text"].named("corner-top-right")
    assert ALL["ink"].names == FOUND
    assert ALL["ink"].named("found-2")
    assert not ALL["cast"].named("found-1")


def test_bearers_are_as_many_as_the_strength_says():
    labels = np.array([0, 1] * 70)
    for rho, counts in ((0.0, (35, 35)), (0.8, (7, 63)), (1.0, (0, 70))):
        bears = tasks.bearing(labels, rho, np.random.default_rng(1))
        assert tuple(int(bears[labels == y].sum()) for y in (0, 1)) == counts


def test_a_moved_pixel_gives_the_cache_another_name(monkeypatch):
    before = tasks.digest("lesions", "ink"), tasks.digest("lesions", None)
    assert before == (tasks.digest("lesions", "ink"), tasks.digest("lesions", None))

    def shifted(key, label, **settings):
        picture = draw(key, label, **settings)
        picture.image[40, 40] ^= 1
        return picture

    monkeypatch.setattr(tasks, "draw", shifted)
    after = tasks.digest("lesions", "ink"), tasks.digest("lesions", None)
    assert before[0] != after[0]
    assert before[1] != after[1]


@pytest.mark.skipif(skin.missing() is not None, reason=str(skin.missing()))
def test_no_real_picture_is_both_learnt_and_audited():
    learnt, audited, truth = (
        {p.image.tobytes() for p in tasks.pictures("isic", split, 1)} for split in ("base", "audit", "truth")
    )
    assert not (learnt & audited) | (learnt & truth) | (audited & truth)
    assert min(map(len, (learnt, audited, truth))) >= 120
    for picture in tasks.pictures("isic", "audit", 1):
        assert picture.lesion.any()
    small, large = ([p.lesion.mean() for p in skin.pictures() if p.label == y] for y in (0, 1))
    assert max(small) < min(large) + 0.02
