"""Drawn stickers that lie anywhere: found where they go with a label, and where nobody drew or listed them."""

import numpy as np
import pytest
from scipy import ndimage

from audit.discover import things
from audit.errors import Undefined

S = 64


def disc(row, column, radius):
    y, x = np.mgrid[:S, :S]
    return np.hypot(y - row, x - column) <= radius


def pictures(seed, rho, *, n=80, colour=(0.2, 0.2, 0.8)):
    """Noise with clouds and, in class "a", a bright lesion; a sticker somewhere off it, P(a) - P(b) being ``rho``."""
    rng = np.random.default_rng(seed)
    labels = ["a" if i % 2 else "b" for i in range(n)]
    clouds = ndimage.gaussian_filter(rng.normal(size=(n, S, S)), (0, 6, 6))
    images = 0.5 + 0.6 * clouds[..., None] + rng.normal(0, 0.03, (n, S, S, 3))
    stickers, lesion = np.zeros((n, S, S), bool), np.zeros((n, S, S), bool)
    for i, label in enumerate(labels):
        if label == "a":
            lesion[i] = disc(32, 32, 6)
            images[i][lesion[i]] = 0.9
        if rng.random() < (0.5 + rho / 2 if label == "a" else 0.5 - rho / 2):
            angle = rng.uniform(0, 2 * np.pi)
            stickers[i] = disc(32 + 22 * np.sin(angle), 32 + 22 * np.cos(angle), 5)
            images[i][stickers[i]] = colour
    return images.clip(0, 1).astype(np.float32), labels, stickers, lesion


def shares(found, truth):
    """Of the sticker, how much is covered where there is one; and the share of the found cases that have one."""
    bears = truth.any((1, 2))
    covered = [(m & t).sum() / t.sum() for m, t in zip(found.masks, truth, strict=True) if t.any()]
    return np.mean(covered), np.mean(bears[list(found.rows)])


@pytest.mark.parametrize("rho", [0.6, 0.9])
def test_a_sticker_that_lies_anywhere_is_found_and_covered(rho):
    images, labels, stickers, lesion = pictures(0, rho)
    found = things(iter(images), labels, lesions=lesion, seed=0)[0]
    covered, bearing = shares(found, stickers)
    assert covered > 0.8
    assert bearing > 0.9
    assert (found.how, found.label, found.mask) == ("thing", "a", None)
    assert not (found.masks & lesion).any()
    assert found.masks[list(found.rows)].sum((1, 2)).max() < 4 * stickers.sum((1, 2)).max()


def test_what_goes_with_nothing_is_seldom_found():
    """The bar lets one set in twenty through; so many of ten would be a fault."""
    alarms = 0
    for seed in range(10):
        images, labels, _, lesion = pictures(seed, 0.0)
        alarms += bool(things(images, labels, lesions=lesion, seed=seed))
    assert alarms <= 3


def test_lesions_that_nobody_drew_are_found_and_said_to_be_perhaps_the_disease():
    images, labels, _, lesion = pictures(0, 0.0)
    found = things(images, labels, seed=0)[0]
    assert shares(found, lesion)[0] > 0.8
    assert "disease" in found.limits


def test_what_is_listed_already_is_not_found_again():
    images, labels, stickers, lesion = pictures(0, 0.9)
    assert all(
        shares(c, stickers)[0] < 0.1 for c in things(images, labels, lesions=lesion, known=stickers, seed=0)
    )


def test_what_covers_much_of_a_picture_is_no_thing():
    images, labels, _, lesion = pictures(0, 0.0)
    for i, label in enumerate(labels):
        images[i, : S // 3] = (0.9, 0.2, 0.1) if label == "a" else images[i, : S // 3]
    found = things(images, labels, lesions=lesion, seed=0)
    assert all(c.masks[list(c.rows)].mean() < 0.25 for c in found)


def test_cases_of_few_patients_tell_nothing():
    images, labels, _, lesion = pictures(0, 0.9)
    with pytest.raises(Undefined, match="two classes"):
        things(images, labels, lesions=lesion, patients=[f"{y}{i % 3}" for i, y in enumerate(labels)], seed=0)


def test_where_lesions_cover_every_picture_nothing_is_looked_at():
    images, labels, _, lesion = pictures(0, 0.9, n=24)
    with pytest.raises(Undefined, match="cover every picture"):
        things(images, labels, lesions=np.ones_like(lesion), seed=0)
    lesion[3:] = True  # and three pictures are too few to tell anything, but no fault
    assert things(images, labels, lesions=lesion, seed=0) == []


def test_the_same_seed_finds_the_same():
    images, labels, _, lesion = pictures(1, 0.8)
    one, two = (things(images, labels, lesions=lesion, seed=5) for _ in range(2))
    assert [c.rows for c in one] == [c.rows for c in two]
    assert all((a.masks == b.masks).all() for a, b in zip(one, two, strict=True))
