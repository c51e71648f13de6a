"""Which superpixels are hidden together: the table of designs, a function each.

A design says of so many questions what each of them shows. The classic one throws a coin for every superpixel. The
others spend the same questions so that the effects of the superpixels disturb each other less (Plackett and Burman
1946, The Design of Optimum Multifactorial Experiments, Biometrika 33; Box and Hunter 1961, fold-over, Technometrics 3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Shown = NDArray[np.bool_]
Design = Callable[[int, int, np.random.Generator], tuple[Shown, int]]
"""``(superpixels, questions, rng)`` -> what each question shows, bool ``(questions, superpixels)``, and how many
questions following each other belong together: 1, or 2 where each is followed by its opposite."""

SPARE = 4
"""A Hadamard matrix has at least so many more columns than there are superpixels: they tell how large the error is."""


def iid(count: int, samples: int, rng: np.random.Generator) -> tuple[Shown, int]:
    """The classic: each superpixel is hidden with probability 1/2, independently; the first question hides none.

    >>> iid(3, 2, np.random.default_rng(0))[0].tolist()
    [[True, True, True], [True, False, False]]
    """
    shown = rng.random((samples, count)) < 0.5
    shown[0] = True
    return shown, 1


def antithetic(count: int, samples: int, rng: np.random.Generator) -> tuple[Shown, int]:
    """Coins as in :func:`iid`, each question followed by its opposite: what is shown is hidden, and the reverse.

    What two superpixels do only together then cancels from the effect of each. An odd question is not asked.
    """
    return _folded(rng.random((samples // 2, count)) < 0.5), 2


def hadamard(count: int, samples: int, rng: np.random.Generator) -> tuple[Shown, int]:
    """Rows of a Hadamard matrix, each followed by its opposite; every run of ``2 * order(count)`` is drawn anew.

    Within a run each superpixel is shown in half of the questions, and every pair of superpixels is shown together,
    hidden together and one without the other equally often. Columns, their signs and the order of the rows are drawn
    by ``rng``, so runs are independent of each other and every question by itself is a throw of coins: what is
    estimated is what :func:`iid` estimates. With too few questions for one run with opposites, there are none.

    >>> shown, together = hadamard(4, 16, np.random.default_rng(0))
    >>> together, (shown[::2] ^ shown[1::2]).all().item(), shown.sum(0).tolist()
    (2, True, [8, 8, 8, 8])
    """
    whole = order(count)
    folded = samples >= 2 * whole
    wanted = samples // 2 if folded else samples
    runs = [_run(whole, count, rng) for _ in range(-(-wanted // whole))]
    rows = np.concatenate(runs)[:wanted]
    return (_folded(rows), 2) if folded else (rows, 1)


DESIGNS: Mapping[str, Design] = {"hadamard": hadamard, "antithetic": antithetic, "iid": iid}


def rounds(count: int, samples: int) -> tuple[int, ...]:
    """After how many questions it is looked whether they are enough: one run, then twice as many each time.

    >>> rounds(44, 256), rounds(44, 64)
    ((96, 192, 256), (64,))
    """
    ends = [2 * order(count)]
    while ends[-1] < samples:
        ends.append(2 * ends[-1])
    return (*ends[:-1], samples)


@lru_cache(maxsize=64)
def order(count: int) -> int:
    """The order of the smallest Paley matrix with :data:`SPARE` columns to spare.

    >>> [order(n) for n in (2, 8, 16, 40, 44, 45)]
    [8, 12, 20, 44, 48, 60]
    """
    prime = max(3, count + SPARE - 1)
    while prime % 4 != 3 or any(prime % d == 0 for d in range(3, int(prime**0.5) + 1, 2)):
        prime += 1
    return prime + 1


@lru_cache(maxsize=8)
def paley(order: int) -> NDArray[np.int8]:
    """The Hadamard matrix of this order, entries 1 and -1, first column all 1.

    Paley 1933, On Orthogonal Matrices, Journal of Mathematics and Physics 12; ``order - 1`` is a prime of the form
    4 k + 3. Unlike Sylvester's, it spreads what three superpixels do together thinly over the other columns, so that
    no single superpixel is given all of it.

    >>> paley(4).tolist()
    [[1, 1, 1, 1], [1, -1, 1, -1], [1, -1, -1, 1], [1, 1, -1, -1]]
    """
    prime = order - 1
    sign = np.full(prime, -1, np.int8)
    sign[np.arange(1, prime) ** 2 % prime] = 1
    sign[0] = 1
    place = np.arange(prime)
    matrix = np.ones((order, order), np.int8)
    matrix[1:, 1:] = -sign[(place[:, None] - place[None, :]) % prime]
    return matrix


def _run(order: int, count: int, rng: np.random.Generator) -> Shown:
    """One run: rows in any order, any of the columns but the first, and any signs."""
    matrix = paley(order)[rng.permutation(order)][:, 1 + rng.permutation(order - 1)[:count]]
    signs = 1 - 2 * rng.integers(0, 2, count, dtype=np.int8)
    return np.asarray(matrix * signs > 0)


def _folded(rows: Shown) -> Shown:
    return np.stack([rows, ~rows], axis=1).reshape(2 * len(rows), -1)
