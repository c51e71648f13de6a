"""Does a sign go with the label in this set, and does the model tell the classes apart at all?

Both are weighted means over cases, so their intervals come from the same draws of patients as every other's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from audit.measure.estimate import FEWEST, LEVEL, Summary, redrawn

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Case weights ``(draws, cases)`` to the statistic of each draw, NaN where a draw has none."""


def share_difference(present: NDArray[np.bool_], of_class: NDArray[np.bool_]) -> Statistic:
    """The share bearing a sign among the cases of a class, minus the share among the others; in [-1, 1].

    >>> s = share_difference(np.array([True, True, False, True]), np.array([True, True, False, False]))
    >>> float(s(np.ones((1, 4)))[0])
    0.5
    """

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(divide="ignore", invalid="ignore"):
            here = (weights @ (present & of_class)) / (weights @ of_class)
            there = (weights @ (present & ~of_class)) / (weights @ ~of_class)
        return np.asarray(here - there)

    return statistic


def auc(scores: NDArray[np.float64], of_class: NDArray[np.bool_]) -> Statistic:
    """The chance that a case of the class scores above a case of another; ties count half (Mann-Whitney).

    >>> float(auc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, True, False, True]))(np.ones((1, 4)))[0])
    0.875
    """
    order = np.argsort(scores, kind="stable")
    levels = np.unique(scores[order], return_inverse=True)[1]
    starts = np.flatnonzero(np.r_[True, np.diff(levels) > 0])

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        sorted_weights = weights[:, order]
        inside = np.add.reduceat(sorted_weights * of_class[order], starts, axis=1)
        outside = np.add.reduceat(sorted_weights * ~of_class[order], starts, axis=1)
        below = np.cumsum(outside, axis=1) - outside / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((inside * below).sum(1) / (inside.sum(1) * outside.sum(1)))

    return statistic


def rank_biserial(values: NDArray[np.float64], of_class: NDArray[np.bool_]) -> Statistic:
    """Twice the AUC minus one: how well a value alone tells the class from the others; in [-1, 1]."""
    of_values = auc(values, of_class)
    return lambda weights: 2 * of_values(weights) - 1


def interval(
    statistic: Statistic,
    patients: Sequence[str],
    *,
    seed: int,
    missing: int = 0,
    ends: tuple[float, float] = (-1.0, 1.0),
    fewest: int | None = None,
) -> Summary:
    """A statistic of the whole set with its 95 % percentile interval over patients.

    Where the statistic stands at one of its ``ends`` it stands there in every draw, although it is not certain:
    the interval then reaches as far in as the exact binomial bound for the smaller class, ``fewest`` cases.
    """
    cases = len(patients)
    names, owner = np.unique(np.asarray(patients, dtype=object).astype(str), return_inverse=True)
    if not cases:
        return Summary(value=None, missing=missing, why="no case has a value")
    value = float(statistic(np.ones((1, cases)))[0])
    if np.isnan(value):
        return Summary(
            value=None, missing=missing + cases, why="it takes cases of this class and of another one"
        )
    if len(names) < FEWEST:
        return Summary(value=value, n=cases, patients=len(names), missing=missing, why="one patient only")
    draws = np.concatenate([statistic(drawn[:, owner]) for drawn in redrawn(len(names), seed=seed)])
    draws = draws[~np.isnan(draws)]
    low, high = (float(q) for q in np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    if low == high and value in ends:
        reach = (ends[1] - ends[0]) * (1 - ((1 - LEVEL) / 2) ** (1 / min(fewest or cases, len(names))))
        low, high = (value, value + reach) if value == ends[0] else (value - reach, value)
    return Summary(
        value=value,
        low=low,
        high=high,
        se=float(draws.std()),
        n=cases,
        patients=len(names),
        missing=missing,
    )
