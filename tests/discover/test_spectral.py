"""Spectral clustering beside scikit-learn's, and shapes that k-means alone cannot tell apart."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.cluster import SpectralClustering
from sklearn.metrics import adjusted_rand_score

from audit.discover import spectral as module
from audit.discover.spectral import kmeans, spectral
from audit.errors import Undefined


def blobs(counts, rng, *, dimensions=6, apart=6.0):
    truth = np.repeat(np.arange(len(counts)), counts)
    centres = rng.normal(size=(len(counts), dimensions))
    centres *= apart / np.linalg.norm(centres, axis=1, keepdims=True)
    return centres[truth] + rng.normal(size=(len(truth), dimensions)) * 0.5, truth


@pytest.mark.parametrize("counts", [(60,), (40, 25), (50, 30, 20), (30, 30, 30, 30, 30)])
def test_the_eigengap_counts_the_clusters(counts):
    """And every row is in its own, the largest first."""
    rows, truth = blobs(counts, np.random.default_rng(len(counts)))
    found = spectral(rows, rng=np.random.default_rng(0))
    assert found.sizes == tuple(sorted(counts, reverse=True))
    assert adjusted_rand_score(truth, found.labels) == 1
    assert found.eigenvalues[0] == pytest.approx(0, abs=1e-10)
    assert list(np.bincount(found.labels)) == list(found.sizes)


def test_two_rings_are_told_apart_as_sklearn_does():
    """One inside the other: no centre separates them, their neighbour graph does."""
    rng = np.random.default_rng(0)
    angle = rng.random(300) * 2 * np.pi
    truth = np.arange(300) % 2
    rows = ((1 + truth) + rng.normal(0, 0.04, 300))[:, None] * np.c_[np.cos(angle), np.sin(angle)]
    ours = spectral(rows, rng=np.random.default_rng(0), count=2).labels
    theirs = SpectralClustering(2, affinity="nearest_neighbors", n_neighbors=11, random_state=0)
    assert adjusted_rand_score(truth, ours) == 1
    assert adjusted_rand_score(kmeans(rows, 2, rng=np.random.default_rng(0)), truth) < 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert adjusted_rand_score(theirs.fit_predict(rows), ours) == 1


def test_overlapping_clusters_agree_with_sklearn():
    rows, truth = blobs((60, 60, 60), np.random.default_rng(3), apart=2.2)
    ours = spectral(rows, rng=np.random.default_rng(0), count=3).labels
    theirs = SpectralClustering(3, affinity="nearest_neighbors", n_neighbors=11, random_state=0).fit_predict(
        rows
    )
    assert adjusted_rand_score(theirs, ours) > 0.9
    assert adjusted_rand_score(truth, ours) > 0.8


def test_one_seed_one_answer_and_too_few_rows_are_told():
    rows, _ = blobs((30, 20), np.random.default_rng(1))
    one, two = (spectral(rows, rng=np.random.default_rng(5)).labels for _ in "ab")
    assert (one == two).all()
    with pytest.raises(Undefined, match="too few"):
        spectral(rows[:15], rng=np.random.default_rng(0))


def test_rows_beyond_the_largest_number_join_their_neighbours(monkeypatch):
    rows, truth = blobs((80, 60), np.random.default_rng(2))
    monkeypatch.setattr(module, "LARGEST", 60)
    found = spectral(rows, rng=np.random.default_rng(0))
    assert adjusted_rand_score(truth, found.labels) == 1


def test_rows_that_are_all_alike_are_one_cluster_or_some_but_no_error():
    assert sum(spectral(np.zeros((40, 3)), rng=np.random.default_rng(0)).sizes) == 40
