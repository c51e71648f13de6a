"""Each fill against its definition, written slowly, and against pictures whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from audit.errors import Undefined
from audit.intervene.fills import FILLS, NO_BARS, blur, clone, reflect, ring
from audit.intervene.inpaint import membrane


def hole(shape: tuple[int, int], rows: slice, columns: slice) -> np.ndarray:
    found = np.zeros(shape, bool)
    found[rows, columns] = True
    return found


def noisy(
    seed: int, shape: tuple[int, int] = (48, 48), level: float = 0.5, spread: float = 0.05
) -> np.ndarray:
    found = level + spread * np.random.default_rng(seed).standard_normal((*shape, 3))
    return np.clip(found, 0, 1).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.bool_, (12, 10)), st.integers(0, 99), st.sampled_from(list(FILLS)))
def test_a_fill_changes_no_pixel_outside_and_stays_within_black_and_white(mask, seed, name):
    if mask.all():
        return
    rng = np.random.default_rng(seed)
    image, donor = (rng.random((12, 10, 3)).astype(np.float32) for _ in "ab")
    before = image.copy()
    painted = FILLS[name].paint(image, mask, np.random.default_rng(seed), donor)
    again = FILLS[name].paint(image, mask, np.random.default_rng(seed), donor)
    assert (painted[~mask] == image[~mask]).all()
    assert painted.dtype == np.float32
    assert painted[mask].size == 0 or (painted[mask].min() >= 0 and painted[mask].max() <= 1)
    assert (painted == again).all()
    assert (image == before).all()


def test_the_sane_ones_stand_first():
    assert [f.sane for f in FILLS.values()] == [True] * 3 + [False] * 2
    assert all(name == fill.name for name, fill in FILLS.items())


def test_a_tag_is_gone_under_every_sane_fill_and_its_light_is_left_by_a_blur():
    plain = noisy(0)
    image = plain.copy()
    tag = hole((48, 48), slice(10, 16), slice(20, 34))
    image[tag] = 1
    lights = {}
    for name, fill in FILLS.items():
        lights[name] = fill.paint(image, tag, np.random.default_rng(0), noisy(1))[tag].mean()
    for name in ("inpaint", "ring", "donor"):
        assert lights[name] == pytest.approx(0.5, abs=0.05)
    assert lights["blur"] > 0.7
    assert lights["black"] == 0


def test_the_rings_mean_and_noise_are_those_of_a_ring_found_by_looking_at_every_pixel():
    image = noisy(3, spread=0.04)
    image[:, 30:] += np.float32(0.3)  # two grounds, so that a part's ring must be its own
    image = np.clip(image, 0, 1)
    left, right = hole((48, 48), slice(8, 20), slice(6, 18)), hole((48, 48), slice(28, 40), slice(34, 44))
    painted = ring(image, left | right, np.random.default_rng(0))
    for part in (left, right):
        near = []
        for r, c in np.argwhere(~(left | right)):
            steps = min(abs(r - a) + abs(c - b) for a, b in np.argwhere(part))
            if steps <= 2:
                near.append(image[r, c])
        rows, columns = np.nonzero(part)
        inner = painted[rows.min() + 1 : rows.max(), columns.min() + 1 : columns.max()]
        assert inner.mean((0, 1)) == pytest.approx(np.mean(near, 0), abs=0.04)  # the grain is smooth
        assert inner.std() == pytest.approx(0.04, rel=0.3)


def test_noise_keeps_its_colours_together():
    """Grey noise around a region does not turn into coloured noise inside it."""
    grey = np.repeat(noisy(2)[..., :1], 3, axis=2)
    painted = ring(grey, hole((48, 48), slice(10, 30), slice(10, 30)), np.random.default_rng(0))
    assert np.abs(painted - painted[..., :1]).max() < 1e-6


def test_an_edge_across_the_ring_is_no_noise():
    """Half of the ring is light, half dark, both with a little noise: the part gets no pepper and salt."""
    image = noisy(7, level=0.2, spread=0.02)
    image[:, 24:] += np.float32(0.6)
    tag = hole((48, 48), slice(14, 32), slice(14, 34))
    inner = ring(image, tag, np.random.default_rng(0))[17:29, 17:31]
    assert inner.std() < 0.03
    assert inner.mean() == pytest.approx(0.5, abs=0.05)


def test_the_outermost_pixels_are_half_way_between_the_rings_mean_and_the_membrane():
    image = np.zeros((20, 20, 3), np.float32)
    image[:, 10:] = 0.5
    tag = hole((20, 20), slice(5, 12), slice(5, 15))
    painted, smooth = ring(image, tag, np.random.default_rng(0)), membrane(image, tag)
    outer = tag & ~hole((20, 20), slice(6, 11), slice(6, 14))
    mean = painted[8, 8]
    assert painted[outer] == pytest.approx((smooth[outer] + mean) / 2, abs=1e-5)


def test_a_seamless_patch_solves_poissons_equation():
    """Inside, the Laplacian is the donor's; at the rim the picture goes on. Solved here for all pixels at once."""
    rng = np.random.default_rng(1)
    image, donor = (0.4 + 0.2 * rng.random((9, 9, 3)).astype(np.float32) for _ in "ab")
    mask = hole((9, 9), slice(2, 6), slice(0, 5))  # touches the frame
    painted = clone(image, mask, donor)
    inside = [tuple(p) for p in np.argwhere(mask)]
    system, right = np.zeros((len(inside), len(inside))), np.zeros((len(inside), 3))
    for i, (r, c) in enumerate(inside):
        for near in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
            if not (0 <= near[0] < 9 and 0 <= near[1] < 9):
                continue
            system[i, i] += 1
            right[i] += donor[r, c] - donor[near]
            if mask[near]:
                system[i, inside.index(near)] -= 1
            else:
                right[i] += image[near]
    assert painted[mask] == pytest.approx(np.clip(np.linalg.solve(system, right), 0, 1), abs=1e-5)


def test_without_a_donor_there_is_a_reason_and_a_donor_of_another_size_is_a_mistake():
    image, mask = noisy(0), hole((48, 48), slice(2, 6), slice(2, 6))
    with pytest.raises(Undefined, match="no other case"):
        clone(image, mask, None)
    with pytest.raises(ValueError, match="donor"):
        clone(image, mask, image[:40])


def test_a_blur_is_a_gaussians_but_for_a_little():
    from scipy import ndimage

    image, mask = noisy(4, (80, 60), spread=0.2), hole((80, 60), slice(30, 38), slice(0, 9))
    image[mask] = 1
    spread = np.sqrt(3 * (7**2 - 1) / 12)  # of three windows of 7, the odd number nearest to a spread of 3
    whole = ndimage.gaussian_filter(image, (spread, spread, 0), mode="nearest")
    assert blur(image, mask)[mask] == pytest.approx(whole[mask], abs=0.03)


def test_parts_so_close_that_their_rings_overlap_have_a_fill_each():
    image, checks = noisy(6), hole((48, 48), slice(10, 20), slice(10, 20))
    checks &= (np.indices((48, 48)) % 2 == 0).all(0)  # single pixels, two apart
    painted = ring(image, checks, np.random.default_rng(0))
    assert painted[checks] == pytest.approx(0.5, abs=0.25)
    assert 0.03 < painted[checks].std() < 0.09


@pytest.mark.parametrize("widths", [(3, 0, 0, 0), (2, 4, 1, 0), (9, 0, 0, 0), (0, 0, 5, 5)])
def test_a_mirrored_bar_shows_pixel_by_pixel_what_stands_as_far_beyond_its_edge(widths):
    top, bottom, left, right = widths
    image = noisy(5, (16, 14), spread=0.2)
    mask = np.ones((16, 14), bool)
    mask[top : 16 - bottom, left : 14 - right] = False
    painted = reflect(image, mask)

    def mirrored(at: int, first: int, stop: int) -> int:
        while not first <= at < stop:
            at = 2 * first - 1 - at if at < first else 2 * stop - 1 - at
        return at

    for r in range(16):
        for c in range(14):
            there = mirrored(r, top, 16 - bottom), mirrored(c, left, 14 - right)
            assert (painted[r, c] == image[there]).all()


def test_what_is_no_bar_cannot_be_mirrored():
    round_one = np.hypot(*np.mgrid[-8:8, -8:8]) > 7
    for mask in (round_one, np.ones((16, 16), bool)):
        with pytest.raises(Undefined, match=NO_BARS):
            reflect(np.zeros((16, 16, 3), np.float32), mask)
