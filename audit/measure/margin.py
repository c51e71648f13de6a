"""The answer as one number a class: its log-odds against all others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FLOOR = 1e-6
"""Of a probability: log-odds beyond +-13.8 are the same answer."""


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


def _others(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of the other classes, added up rather than taken from 1, so that small ones are not lost."""
    return np.stack([np.delete(p, c, axis=1).sum(1) for c in range(p.shape[1])], axis=1)


def flips(
    before: NDArray[np.float64], after: NDArray[np.float64], *, exclusive: bool = True
) -> NDArray[np.bool_]:
    """Did the answer for each class turn over? ``before`` ``(k,)``, ``after`` ``(m, k)``; gives ``(m, k)``.

    Where classes exclude each other, the predicted class changed, which is the same for all of them. Where they do
    not, each class is answered yes above one half.

    >>> flips(np.array([0.9, 0.1]), np.array([[0.4, 0.6], [0.8, 0.2]])).tolist()
    [[True, True], [False, False]]
    >>> flips(np.array([0.9, 0.7]), np.array([[0.8, 0.4]]), exclusive=False).tolist()
    [[False, True]]
    """
    if not exclusive:
        return np.asarray((after > 0.5) != (before > 0.5))
    turned = after.argmax(1) != before.argmax()
    return np.broadcast_to(turned[:, None], after.shape)
