"""The fills against a slow definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.images.fill import RING, mean_fill, surround_fill


def slow_mean(image, segments):
    out = np.zeros_like(image)
    for label in np.unique(segments):
        out[segments == label] = image[segments == label].astype(np.float64).mean(axis=0)
    return out


def slow_surround(image, segments):
    height, width = segments.shape
    out = np.zeros_like(image)
    for label in np.unique(segments):
        colours = [
            image[r, c].astype(np.float64)
            for r in range(height)
            for c in range(width)
            if segments[r, c] != label
            and (segments[max(0, r - RING) : r + RING + 1, max(0, c - RING) : c + RING + 1] == label).any()
        ]
        inside = segments == label
        out[inside] = np.mean(colours if colours else list(image[inside].astype(np.float64)), axis=0)
    return out


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_fills_agree_with_a_loop_over_pixels(height, width, count, seed):
    """Whatever the labels' shapes, gaps among them and pictures thinner than the ring included."""
    rng = np.random.default_rng(seed)
    image = rng.random((height, width, 3), dtype=np.float32)
    segments = rng.integers(0, count, (height, width)).astype(np.uint16)
    np.testing.assert_allclose(mean_fill(image, segments), slow_mean(image, segments), atol=1e-6)
    np.testing.assert_allclose(surround_fill(image, segments), slow_surround(image, segments), atol=1e-6)


def test_a_flat_tag_disappears_only_under_the_surround():
    """The reason why there are two fills: its mean paints a flat tag over with itself."""
    image = np.full((20, 20, 3), 0.25, np.float32)
    image[2:6, 2:9] = 1.0
    segments = np.zeros((20, 20), int)
    segments[2:6, 2:9] = 1
    assert (mean_fill(image, segments) == image).all()
    np.testing.assert_allclose(surround_fill(image, segments)[2:6, 2:9], 0.25)


def test_the_fills_leave_their_input_alone():
    """They return new pictures of the same shape and type."""
    image = np.random.default_rng(0).random((9, 7, 3), dtype=np.float32)
    before = image.copy()
    segments = np.arange(63).reshape(9, 7) // 5
    for fill in (mean_fill, surround_fill):
        filled = fill(image, segments)
        assert filled.dtype == np.float32
        assert filled.shape == image.shape
        assert (image == before).all()
