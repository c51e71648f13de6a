"""How far two explainers agree on a case: rank correlation, and the overlap of their most decisive tenth.

Maps are compared on a coarse grid of block means, at most 32 by 32, because a difference of one pixel is no
disagreement. Of a signed map the evidence for the class is compared. Papers: Adebayo et al. 2018 (rank
correlation); Krishna et al. 2022, "The disagreement problem" (top features' overlap).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

GRID = 32
TOP = 0.1


def coarse(heats: NDArray[np.floating]) -> NDArray[np.float64]:
    """``(m, h, w)`` maps as block means ``(m, cells)`` of their positive part."""
    positive = np.maximum(np.asarray(heats, np.float64), 0)
    edges = [np.linspace(0, s, min(GRID, s) + 1).round().astype(int)[:-1] for s in positive.shape[1:]]
    sums = np.add.reduceat(np.add.reduceat(positive, edges[0], axis=1), edges[1], axis=2)
    sizes = [np.diff(np.r_[e, s]) for e, s in zip(edges, positive.shape[1:], strict=True)]
    return np.asarray((sums / np.outer(*sizes)).reshape(len(positive), -1))


def pairs(heats: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rank correlation (Spearman) and top overlap (Jaccard) of every two maps of one case.

    Returns:
        Two ``(m, m)`` arrays; NaN where a map is flat, because a flat map ranks nothing.
    """
    cells = coarse(heats)
    flat = np.ptp(cells, axis=1) == 0
    ranks = pd.DataFrame(cells.T).rank().to_numpy().T
    ranks = ranks - ranks.mean(1, keepdims=True)
    norms = np.sqrt((ranks**2).sum(1))
    with np.errstate(divide="ignore", invalid="ignore"):
        # einsum in a fixed order, so that a pair's figure does not depend on the other maps
        correlation = np.einsum("ik,jk->ij", ranks, ranks, optimize=False) / np.outer(norms, norms)
    size = max(1, round(TOP * cells.shape[1]))
    # ties at the limit are broken by position: the same for every map
    tops = np.zeros(cells.shape, bool)
    np.put_along_axis(tops, np.argsort(-cells, axis=1, kind="stable")[:, :size], True, axis=1)
    both = (tops[:, None] & tops[None]).sum(2)
    overlap = both / (2 * size - both)
    correlation[flat], correlation[:, flat] = np.nan, np.nan
    overlap = np.where(np.isnan(correlation), np.nan, overlap)
    return np.asarray(correlation), overlap
