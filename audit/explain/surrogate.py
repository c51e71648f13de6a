"""The linear model that stands in for the network: a weight for each superpixel, and how well it is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, stdtrit

from audit.explain.designs import hadamard, order

KERNEL_WIDTH = 0.25
RIDGE = 1.0
"""lime's penalty."""
LEVEL = 0.95
"""An interval holds the weight with at least this probability, whenever the questions stop."""
TOP = 3
"""So many of the heaviest superpixels must be told from zero and from the others before the questions stop early."""
SHARE = 0.1
"""Or every half width is at most this share of the heaviest weight."""

MASKS = 4096
"""At least so many masks, of which nobody is asked, for the weights of a guess."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """What the answers say.

    Attributes:
        weights: ``(S,)``; NaN for a superpixel that was not tested.
        half: ``(S,)``, half the width of each weight's interval; NaN where there are too few questions to tell.
        r2: the share of the answers' variance that the weights explain; None where the answers do not vary.
    """

    weights: Floats
    half: Floats
    r2: float | None


def fit(
    design: NDArray[np.bool_],
    answers: NDArray[np.floating],
    *,
    tested: NDArray[np.bool_] | None = None,
    together: int = 1,
    looks: int = 1,
    penalty: float = RIDGE,
    odds: NDArray[np.floating] | None = None,
) -> Fit:
    """LIME's weights with an interval for each.

    Where the answers are probabilities and their log-odds are given, a first guess is made of them: the log-odds as a
    linear function of what is shown. What LIME's weights of the guess are is worked out over thousands of masks without
    asking anybody; the answers then only have to tell by how much to trust it and what it misses. What is estimated
    stays the same, and it is known with fewer questions (a regression estimator: Särndal, Swensson and Wretman 1992,
    Model Assisted Survey Sampling, chapter 6).

    Args:
        design: ``(m, S)``, True where the superpixel is shown.
        answers: ``(m,)``, what is to be explained.
        tested: ``(S,)``, False for superpixels whose hiding changes nothing; they take no part. All, unless given.
        together: this many questions following each other belong together.
        looks: how often it is looked whether the answers are enough. Each look may err, so intervals are as wide as
            all of them together need (Bonferroni).
        penalty: on the square of the weights. It draws all of them towards 0, the more the fewer questions there are:
            what it takes off a weight is added to the interval.
        odds: ``(m,)``, the log-odds of the answers, for the guess. Not with a penalty.
    """
    count = design.shape[1]
    tested = np.ones(count, bool) if tested is None else tested
    weights, half = np.full(count, np.nan), np.full(count, np.nan)
    if not tested.any():
        return Fit(weights=weights, half=half, r2=None)
    near, part = kernel(design), design[:, tested].astype(np.float64)
    each, error = np.eye(part.shape[1]), 0.0
    columns, mapping = part, each
    if odds is not None and not penalty and np.ptp(odds) > 0:
        guess, whole, error = _guessed(part, odds, near, tested)
        if _full(_centred(np.column_stack([part, guess]), near)):
            columns, mapping = np.column_stack([part, guess]), np.column_stack([each, whole])
    coefficients, _, _ = ridge(columns, answers, near, penalty)
    weights[tested] = own = mapping @ coefficients
    spread = _half(columns, answers, near, coefficients, mapping, together, looks, penalty)
    drawn = abs(coefficients[-1]) * error if len(coefficients) > len(own) else 0.0
    half[tested] = np.hypot(spread, drawn)
    return Fit(weights=weights, half=half, r2=_explained(part, answers, near, own))


def kernel(design: NDArray[np.bool_]) -> Floats:
    """The weight of each question, ``(m,)``: sqrt(exp(-D^2 / 0.25^2)), D the cosine distance to the whole picture.

    The square root is lime_image's. As it says of itself, the kernel is meant to be local; with half of the
    superpixels hidden nearly all questions weigh about the same.

    >>> kernel(np.array([[True, True, True, True], [True, False, False, False]])).round(4).tolist()
    [1.0, 0.1353]
    """
    shown = design.sum(axis=1)
    distance = 1 - np.sqrt(shown / design.shape[1])
    return np.asarray(np.sqrt(np.exp(-(distance**2) / KERNEL_WIDTH**2)), dtype=np.float64)


def ridge(
    design: NDArray[np.bool_] | Floats, answers: NDArray[np.floating], weights: Floats, penalty: float = RIDGE
) -> tuple[Floats, float, float | None]:
    """The weighted ridge regression of answers ``(m,)`` on the design, in closed form.

    Returns the coefficients ``(S,)``, the intercept (which is not penalised) and the weighted R^2; None
    where the answers do not vary, so that there is nothing to explain.
    """
    x, y = design.astype(np.float64), answers.astype(np.float64)
    share = weights / weights.sum()
    middle_x, middle_y = share @ x, float(share @ y)
    x, y = x - middle_x, y - middle_y
    gram = (x * weights[:, None]).T @ x
    gram[np.diag_indices_from(gram)] += penalty
    coefficients = np.linalg.solve(gram, (x * weights[:, None]).T @ y)
    r2 = _explained(design, answers, weights, coefficients)
    return coefficients, middle_y - float(middle_x @ coefficients), r2


def _explained(
    design: NDArray[np.bool_] | Floats, answers: NDArray[np.floating], weights: Floats, coefficients: Floats
) -> float | None:
    """The weighted R^2 of the linear model with these coefficients; None where the answers do not vary."""
    share = weights / weights.sum()
    y = answers.astype(np.float64)
    left = y - design @ coefficients
    whole = float(weights @ (y - share @ y) ** 2)
    rest = float(weights @ (left - share @ left) ** 2)
    return 1 - rest / whole if np.ptp(answers) > 0 and whole > 0 else None


def _half(
    columns: Floats,
    answers: NDArray[np.floating],
    weights: Floats,
    coefficients: Floats,
    mapping: Floats,
    together: int,
    looks: int,
    penalty: float,
) -> Floats:
    """Half the width of the interval of ``mapping @ coefficients``, ``(S,)``; NaN where questions are too few.

    The spread is robust: it holds whatever the linear model leaves unexplained, also where that is larger for some
    questions than for others, and counts questions that belong together as one (CR2: Bell and McCaffrey 2002, Survey
    Methodology 28; for single questions HC2). What the penalty takes off a coefficient is added.
    """
    number, count = columns.shape
    groups = number // together
    freedom = groups - count - 1
    if np.ptp(answers) == 0:
        return np.zeros(len(mapping))
    x = _centred(columns, weights)
    if freedom < 1 or not _full(x):
        return np.full(len(mapping), np.nan)
    root = np.sqrt(weights)
    y = (answers - float(weights @ answers) / weights.sum()) * root
    base, triangle = np.linalg.qr(x)
    plain = np.linalg.solve(triangle, base.T @ y)
    left = (y - x @ plain).reshape(groups, together)
    base = np.column_stack([root / np.sqrt(weights.sum()), base]).reshape(groups, together, count + 1)
    free = np.eye(together) - np.einsum("gis,gjs->gij", base, base)
    sizes, axes = np.linalg.eigh(free)
    scale = np.where(sizes > 1e-9, 1 / np.sqrt(np.maximum(sizes, 1e-9)), 0.0)
    left = np.einsum("gij,gj,gkj,gk->gi", axes, scale, axes, left)
    pull = mapping @ np.linalg.solve(x.T @ x + penalty * np.eye(count), x.T)
    spread = np.sqrt((np.einsum("sgi,gi->sg", pull.reshape(-1, groups, together), left) ** 2).sum(axis=1))
    quantile = float(stdtrit(freedom, 1 - (1 - LEVEL) / 2 / looks))
    return np.asarray(quantile * spread + np.abs(mapping @ (plain - coefficients)))


def _centred(columns: Floats, weights: Floats) -> Floats:
    return np.asarray((columns - weights @ columns / weights.sum()) * np.sqrt(weights)[:, None])


def _full(x: Floats) -> bool:
    """Are there enough questions to tell the columns apart?"""
    edge = np.abs(np.diag(np.linalg.qr(x, mode="r"))) / np.maximum(np.linalg.norm(x, axis=0), 1e-300)
    return bool(len(x) > x.shape[1] and edge.min() > 1e-6)


def _guessed(
    part: Floats, odds: NDArray[np.floating], near: Floats, tested: NDArray[np.bool_]
) -> tuple[Floats, Floats, float]:
    """A guess of each answer ``(m,)``, LIME's weights of the guess ``(S,)``, and the half width of their error."""
    slopes, level, _ = ridge(part, odds, near, 0.0)
    masks, weights, pull = _many(tested.tobytes())
    guess = expit(masks @ slopes + level)
    whole = pull @ guess
    left = guess - masks @ whole
    left -= weights @ left / weights.sum()
    error = 1.96 * 2 * float(np.sqrt(((weights * left) ** 2).sum()) / weights.sum())
    return expit(part @ slopes + level), whole, error


@lru_cache(maxsize=8)
def _many(tested: bytes) -> tuple[Floats, Floats, Floats]:
    """Thousands of masks of the tested superpixels, their kernel, and what makes weights of answers to them."""
    seen = np.frombuffer(tested, bool)
    run = 2 * order(len(seen))
    masks, _ = hadamard(len(seen), -(-MASKS // run) * run, np.random.default_rng(0))
    weights, part = kernel(masks), masks[:, seen].astype(np.float64)
    x = _centred(part, weights)
    return part, weights, np.asarray(np.linalg.solve(x.T @ x, x.T) * np.sqrt(weights), np.float64)


def decided(found: Fit) -> bool:
    """Do the intervals decide, so that no more need be asked?

    Either every half width is at most :data:`SHARE` of the heaviest weight, or each of the :data:`TOP` heaviest
    superpixels is told from zero and weighs more than every other by more than both their errors together.

    >>> decided(Fit(weights=np.array([0.5, 0.1, 0.0, 0.1]), half=np.full(4, 0.05), r2=0.9))
    True
    >>> decided(Fit(weights=np.array([0.5, 0.4, 0.3, 0.25]), half=np.full(4, 0.06), r2=0.9))
    False
    """
    known = ~np.isnan(found.weights)
    size, half = np.abs(found.weights[known]), found.half[known]
    if not len(size):
        return True
    if np.isnan(half).any():
        return False
    if half.max() <= SHARE * size.max():
        return True
    heavy = np.argsort(-size, kind="stable")
    top, rest = heavy[:TOP], heavy[TOP:]
    ahead = size[top][:, None] - size[rest][None, :]
    return bool((size[top] > half[top]).all() and (ahead > np.hypot.outer(half[top], half[rest])).all())
