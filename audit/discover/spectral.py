"""Spectral clustering: which cases are alike, and how many kinds of them are there?

Von Luxburg 2007, A tutorial on spectral clustering: a graph joins each row to its nearest neighbours, the smallest
eigenvectors of its normalised Laplacian lay out the rows, the largest gap between eigenvalues says how many clusters
there are, and k-means finds them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from audit.errors import Undefined

NEIGHBOURS = 10
MOST = 8
"""Clusters at most."""

LARGEST = 1200
"""Rows of which the eigenvectors are taken; others join the cluster of their nearest neighbours."""

RESTARTS = 8
TURNS = 100

FEW = "too few cases to look for clusters"


@dataclass(frozen=True, kw_only=True, eq=False)
class Clusters:
    """Each row's cluster ``(n,)`` from 0, the largest first, and the eigenvalues that said how many."""

    labels: NDArray[np.int64]
    sizes: tuple[int, ...]
    eigenvalues: tuple[float, ...]

    @property
    def count(self) -> int:
        """How many clusters."""
        return len(self.sizes)


def spectral(
    rows: NDArray[np.floating],
    *,
    rng: np.random.Generator,
    neighbours: int = NEIGHBOURS,
    most: int = MOST,
    count: int | None = None,
) -> Clusters:
    """Cluster rows ``(n, d)``, as many clusters as the eigengap says or as ``count`` asks.

    The graph joins two rows where either is among the other's nearest ``neighbours`` (every edge weighs one), and
    ``L = I - D^-1/2 W D^-1/2``. With eigenvalues ``l1 <= l2 <= ...`` the number is the ``k`` up to ``most`` that
    makes ``l(k+1) - l(k)`` largest. The first ``k`` eigenvectors, each row brought to length one (Ng, Jordan and
    Weiss 2002), go through k-means with k-means++ seeds, the best of eight. Of more than ``LARGEST`` rows a random
    part is laid out, and the others join the majority of their neighbours there.

    Raises:
        Undefined: fewer than ``2 * (neighbours + 1)`` rows.

    >>> two = np.r_[np.zeros((20, 9)), np.ones((30, 9))] + np.random.default_rng(0).normal(0, 0.1, (50, 9))
    >>> spectral(two, rng=np.random.default_rng(0)).sizes
    (30, 20)
    """
    points = np.asarray(rows, dtype=np.float64)
    if len(points) < 2 * (neighbours + 1):
        raise Undefined(FEW)
    chosen = (
        np.arange(len(points))
        if len(points) <= LARGEST
        else np.sort(rng.choice(len(points), LARGEST, replace=False))
    )
    part = points[chosen]
    near = _nearest(part, part, neighbours + 1, own=True)
    graph = np.zeros((len(part), len(part)), bool)
    graph[np.arange(len(part))[:, None], near] = True
    graph |= graph.T
    root = 1 / np.sqrt(graph.sum(1))
    laplacian = np.zeros(graph.shape)
    for number, joined in enumerate(graph):
        laplacian[number] -= root[number] * joined * root
    laplacian.flat[:: len(part) + 1] += 1
    top = min(most, len(part) - 2)
    # it is its own transpose, and in that order it is worked on where it lies
    values, vectors = linalg.eigh(laplacian.T, subset_by_index=(0, top), overwrite_a=True)
    found = count or int(np.argmax(np.diff(values))) + 1
    layout = vectors[:, :found]
    layout = layout / np.maximum(np.linalg.norm(layout, axis=1, keepdims=True), 1e-12)
    labels = kmeans(layout, found, rng=rng)
    if len(chosen) < len(points):
        votes = labels[_nearest(points, part, neighbours)]
        whole = (votes[..., None] == np.arange(found)).sum(1).argmax(1)
        whole[chosen] = labels
        labels = whole
    order = np.argsort(-np.bincount(labels, minlength=found), kind="stable")
    labels = np.argsort(order)[labels].astype(np.int64)
    sizes = tuple(int(s) for s in np.bincount(labels, minlength=found) if s)
    return Clusters(labels=labels, sizes=sizes, eigenvalues=tuple(float(v) for v in values))


def _nearest(
    points: NDArray[np.float64], among: NDArray[np.float64], count: int, *, own: bool = False
) -> NDArray[np.intp]:
    """The nearest ``count`` rows of ``among`` for each point; with ``own`` the point itself is left out."""
    count -= own
    one, other = (points**2).sum(1), (among**2).sum(1)
    found = np.empty((len(points), count), np.intp)
    for start in range(0, len(points), LARGEST):
        shared = 2 * points[start : start + LARGEST] @ among.T
        for row, of_row in enumerate(shared, start):
            far = one[row] + other - of_row
            if own:
                far[row] = np.inf
            found[row] = np.argsort(far, kind="stable")[:count]
    return found


def kmeans(points: NDArray[np.float64], count: int, *, rng: np.random.Generator) -> NDArray[np.int64]:
    """Lloyd's k-means of ``(n, d)`` with k-means++ seeds (Arthur and Vassilvitskii 2007), the best of eight."""
    best, found = np.inf, np.zeros(len(points), dtype=np.int64)
    for _ in range(RESTARTS if count > 1 else 0):
        centres = points[[rng.integers(len(points))]]
        while len(centres) < count:
            gap = _squares(points, centres).min(1)
            weights = gap / gap.sum() if gap.sum() > 0 else None
            centres = np.r_[centres, points[[rng.choice(len(points), p=weights)]]]
        labels = np.full(len(points), -1)
        for _ in range(TURNS):
            moved = _squares(points, centres).argmin(1)
            if (moved == labels).all():
                break
            labels = moved
            for number in np.unique(labels):
                centres[number] = points[labels == number].mean(0)
        spread = float(_squares(points, centres)[np.arange(len(points)), labels].sum())
        if spread < best - 1e-12:
            best, found = spread, labels.astype(np.int64)
    return found


def _squares(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = ((points[:, None] - centres) ** 2).sum(-1)
    return found
