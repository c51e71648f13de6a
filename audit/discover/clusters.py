"""SpRAy: cases of one class that a model answers for different reasons.

Lapuschkin et al. 2019, Unmasking Clever Hans predictors: maps of one class are made small, clustered by the
spectrum of their neighbour graph, and the clusters looked at. Departures: maps are densities of a family of
explainers, not relevance of one; distance is Hellinger's, so that one hot pixel is not all; and a cluster is handed
on to a removal test.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audit.discover.candidate import pure
from audit.discover.looked import Looked, cells, mean, parts
from audit.discover.spectral import spectral
from audit.errors import Undefined

LEAST = 0.05
"""Of the cases of a predicted class: a smaller cluster is not told."""

FEWEST = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Cluster:
    """Cases whose maps are alike. ``mean`` ``(r, c)`` is their mean density; ``sizes`` all clusters of this class."""

    family: str
    predicted: str
    rows: tuple[int, ...]
    sizes: tuple[int, ...]
    eigenvalues: tuple[float, ...]
    label: str
    purity: float
    base: float
    mean: NDArray[np.float64]


def clusters(
    found: Looked, labels: Sequence[str], predicted: Sequence[str], *, seed: int
) -> Iterator[Cluster]:
    """The clusters of each family of explainers and each predicted class, the largest first.

    Args:
        found: the maps.
        labels: the cases' labels.
        predicted: what the model said.
        seed: of k-means.
    """
    answers = np.asarray(predicted, dtype=object)
    for number, (family, density) in enumerate(found.density.items()):
        for order, answer in enumerate(sorted(set(predicted))):
            rows = np.flatnonzero((answers == answer) & found.known[family])
            if not len(rows):
                continue
            each = [cells(density[rows[p]], found.off[rows[p]]) for p in parts(len(rows))]
            shares = np.nan_to_num(np.concatenate(each)).reshape(len(rows), -1)
            shares = np.sqrt(shares / np.maximum(shares.sum(1, keepdims=True), 1e-12))
            try:
                told = spectral(shares, rng=np.random.default_rng([seed, number, order]))
            except Undefined:
                continue
            for index in range(told.count):
                own = rows[told.labels == index]
                if len(own) < max(FEWEST, LEAST * len(rows)):
                    continue
                label, purity, base = pure(own.tolist(), labels)
                yield Cluster(
                    family=family,
                    predicted=answer,
                    rows=tuple(own.tolist()),
                    sizes=told.sizes,
                    eigenvalues=told.eigenvalues,
                    label=label,
                    purity=purity,
                    base=base,
                    mean=mean(density, own, np.float64),
                )
