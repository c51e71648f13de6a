"""What a network does, by re-rendering: every picture is answered with the artefact and without it.

No label of a case and no mask is needed for the flip rate; the accuracies with and without, by class, give the
accuracy at any strength of association exactly, so that a drop has no noise from which case bears the artefact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ALIGNED = 0.8
"""P(a | 1) - P(a | 0) where artefact and label go together, as in the sets that are audited."""

DROP, FLIP = 0.05, 0.02
"""A shortcut costs at least so much accuracy once the artefact is independent of the label; an honest network loses
no more than a fifth of it and changes no more than this share of its answers."""

ABLE = 0.85
"""A network that does not reach this accuracy on aligned pictures is left out."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """A network's behaviour. ``aligned``, ``independent``: accuracy; ``drop``: their difference.

    ``flip``: share of pictures whose answer the artefact changes; ``shift``: mean change of the score of class 1 when
    it is put in, in standard deviations of the score without it; ``plain``: accuracy on pictures without it.
    ``own_drop``, ``own_flip``: the same of what real pictures bring along by themselves (see :mod:`own`), 0 for drawn
    ones.
    """

    aligned: float
    independent: float
    drop: float
    flip: float
    shift: float
    plain: float
    own_drop: float = 0.0
    own_flip: float = 0.0

    @property
    def able(self) -> bool:
        """It learnt its task."""
        return self.aligned >= ABLE

    @property
    def kind(self) -> str:
        """``shortcut``, ``clean`` or ``grey``, by what it does."""
        drop, flip = max(self.drop, self.own_drop), max(self.flip, self.own_flip)
        if drop >= DROP:
            return "shortcut"
        return "clean" if drop <= DROP / 5 and flip <= FLIP else "grey"


def score(answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """The log-odds of class 1, (n,), of answers (n, 2)."""
    p = np.clip(answers, 1e-6, 1)
    return np.asarray(np.log(p[:, 1]) - np.log(p[:, 0]))


def behaviour(
    without: NDArray[np.float64],
    planted: NDArray[np.float64],
    labels: NDArray[np.int_],
    *,
    rho: float = ALIGNED,
) -> Truth:
    """The truth from the answers (n, 2) to the same pictures without and with the artefact.

    >>> labels = np.array([0, 1] * 10)
    >>> blind = np.where(labels[:, None] == [0, 1], 0.9, 0.1)
    >>> behaviour(blind, blind, labels).drop
    0.0
    >>> hans = behaviour(np.tile([0.9, 0.1], (20, 1)), np.tile([0.1, 0.9], (20, 1)), labels)
    >>> round(hans.aligned, 3), round(hans.independent, 3), hans.flip
    (0.9, 0.5, 1.0)
    """
    right = [[(p.argmax(1) == labels)[labels == y].mean() for y in (0, 1)] for p in (without, planted)]

    def accuracy(strength: float) -> float:
        bearing = (0.5 - strength / 2, 0.5 + strength / 2)
        return float(sum(0.5 * ((1 - bearing[y]) * right[0][y] + bearing[y] * right[1][y]) for y in (0, 1)))

    before, after = score(without), score(planted)
    return Truth(
        aligned=accuracy(rho),
        independent=accuracy(0),
        drop=accuracy(rho) - accuracy(0),
        flip=float((without.argmax(1) != planted.argmax(1)).mean()),
        shift=float((after - before).mean() / max(before.std(), 1e-9)),
        plain=float((without.argmax(1) == labels).mean()),
    )
