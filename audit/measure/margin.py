"""The answer as one number a class: its log-odds against all others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FLOOR = 1e-6
"""Of a probability: log-odds beyond +-13.8 are the same answer."""

SAID = 0.5
"""A label of a model whose labels do not exclude each other is said where its probability is above this."""


def margins(probabilities: NDArray[np.float64], *, exclusive: bool = True) -> NDArray[np.float64]:
    """Log-odds of each class, ``(n, k)``: against the sum of all others, or, where labels do not exclude each other,
    against the class's own absence.

    >>> margins(np.array([[0.2, 0.2, 0.6]])).round(2).tolist()
    [[-1.39, -1.39, 0.41]]
    >>> margins(np.array([[0.2, 0.5]]), exclusive=False).round(2).tolist()
    [[-1.39, 0.0]]
    """
    p = np.asarray(probabilities, np.float64)
    rest = _others(p) if exclusive else 1 - p
    return np.asarray(np.log(np.clip(p, FLOOR, 1)) - np.log(np.clip(rest, FLOOR, 1)))


def flips(
    before: NDArray[np.float64], answers: NDArray[np.float64], *, exclusive: bool = True
) -> NDArray[np.bool_]:
    """Which answers ``(m, k)`` say something else than the answer before, ``(k,)``, does, for each class, ``(m, k)``.

    Of classes that exclude each other one is predicted, so all flip together. Of labels that do not, each is said or
    not said, at :data:`SAID`.

    >>> before, after = np.array([0.9, 0.6]), np.array([[0.4, 0.3]])
    >>> flips(before, after).tolist(), flips(before, after, exclusive=False).tolist()
    ([[False, False]], [[True, True]])
    """
    if not exclusive:
        return np.asarray((answers > SAID) != (before > SAID))
    other = answers.argmax(1) != before.argmax()
    return np.repeat(other[:, None], answers.shape[1], axis=1)


def _others(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of the other classes, added up rather than taken from 1, so that small ones are not lost."""
    return np.stack([np.delete(p, c, axis=1).sum(1) for c in range(p.shape[1])], axis=1)
