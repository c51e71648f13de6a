"""The maps that no network made."""

from __future__ import annotations

import numpy as np
from scipy.signal import convolve2d

from audit.explain import baselines


def test_the_edge_map_is_sobels_by_convolution():
    image = np.random.default_rng(0).random((12, 15, 3)).astype(np.float32)
    grey = np.pad(image.mean(2), 1, mode="edge")
    kernel = np.outer([1, 2, 1], [1, 0, -1])
    expected = np.hypot(*(convolve2d(grey, k, mode="valid") for k in (kernel, kernel.T)))
    found = baselines.edges(image)
    assert np.allclose(found, expected, atol=1e-5)
    assert found.dtype == np.float32


def test_every_baseline_has_its_row_and_its_map():
    image = np.zeros((6, 9, 3), np.float32)
    heats = baselines.heats(image)
    assert [m.name for e in baselines.EXPLAINED for m in e.maps] == list(heats)
    assert {e.family for e in baselines.EXPLAINED} == {"baseline"}
    assert all(h.shape == (6, 9) for h in heats.values())
    assert not heats["edges.picture"].any()
    assert (heats["uniform.picture"] == 1).all()
