"""Many values -> one estimate: the mean over cases, its 95 % interval over patients, and what is missing.

Efron and Tibshirani 1993, percentile bootstrap. Patients are drawn, not cases, because two pictures of one
patient are not two pieces of evidence. A share of which every case says the same (0 or 1) has no bootstrap
spread although it is not certain: it gets the exact binomial bound (Clopper and Pearson 1934) over patients.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
BLOCK, OF = 200, 500  # draws that are worked on at a time of so many patients; of more patients fewer draws
COLUMNS = 256  # columns that are worked on at a time: the draws of each are held
LEVEL = 0.95
FEWEST = 2  # patients; one patient has no spread to speak of


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One column's mean with its interval. ``value`` None says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    se: float | None = None
    n: int = 0
    patients: int = 0
    missing: int = 0
    why: str | None = None


@lru_cache(maxsize=8)
def _drawn(patients: int, seed: int, resamples: int) -> NDArray[np.uint8]:
    """In small numbers, and a block at a time, so that a large set takes little more memory than a small one."""
    rng = np.random.default_rng([seed, patients])
    shares = np.full(patients, 1 / patients)
    found = np.zeros((resamples, patients), np.uint8)
    for block in _blocks(patients, resamples):
        # one patient is drawn 256 times with a chance of 1/256!, of however many
        found[block] = rng.multinomial(patients, shares, size=len(found[block]))
    return found


def _blocks(patients: int, resamples: int) -> Iterator[slice]:
    """Draws that are worked on together: what they take does not grow with the patients beyond ``OF``."""
    size = max(1, BLOCK * OF // max(OF, patients))
    yield from (slice(start, min(start + size, resamples)) for start in range(0, resamples, size))


def redrawn(patients: int, *, seed: int, resamples: int = RESAMPLES) -> Iterator[NDArray[np.float64]]:
    """How often each patient is drawn: blocks ``(b, patients)`` of ``resamples`` rows; each sums to ``patients``."""
    drawn = _drawn(patients, seed, resamples)
    for block in _blocks(patients, resamples):
        yield drawn[block].astype(np.float64)


def resample(patients: int, *, seed: int, resamples: int = RESAMPLES) -> NDArray[np.float64]:
    """The blocks of :func:`redrawn` as one table, ``(resamples, patients)``."""
    return np.concatenate([*redrawn(patients, seed=seed, resamples=resamples)])


def summarise(
    values: NDArray[np.float64],
    patients: Sequence[str],
    *,
    seed: int,
    shares: Sequence[bool] | None = None,
    why: Sequence[str | None] | None = None,
    resamples: int = RESAMPLES,
) -> list[Summary]:
    """Each column of ``values`` ``(cases, columns)`` summed up; NaN is a case that has no value.

    Args:
        values: one row a case, one column a measure.
        patients: the patient of each row.
        seed: of the bootstrap.
        shares: which columns are shares of yes-or-no answers.
        why: for each column the reason to print where nothing was measured.
        resamples: bootstrap draws.

    >>> s = summarise(np.array([[1.0], [3.0], [np.nan]]), ["a", "b", "c"], seed=0)[0]
    >>> s.value, s.n, s.patients, s.missing
    (2.0, 2, 2, 1)
    """
    names, owner = np.unique(np.asarray(patients, dtype=object).astype(str), return_inverse=True)
    summaries = []
    for start in range(0, values.shape[1], COLUMNS):
        block = values[:, start : start + COLUMNS]
        known = ~np.isnan(block)
        by_patient, counts = np.zeros((2, len(names), block.shape[1]))
        np.add.at(by_patient, owner, np.where(known, block, 0.0))
        np.add.at(counts, owner, known)
        n, having = known.sum(0), (counts > 0).sum(0)
        blocks = redrawn(len(names), seed=seed, resamples=resamples) if len(block) else [np.zeros((0, 0))]
        with np.errstate(divide="ignore", invalid="ignore"):
            means = np.concatenate([(drawn @ by_patient) / (drawn @ counts) for drawn in blocks])
        for j, column in enumerate(block.T):
            draws = means[:, j]
            draws = draws[~np.isnan(draws)]
            summaries.append(
                _summary(
                    column[known[:, j]],
                    draws,
                    int(n[j]),
                    int(having[j]),
                    len(block) - int(n[j]),
                    bool(shares[start + j]) if shares is not None else False,
                    why[start + j] if why is not None else None,
                )
            )
    return summaries


def _summary(
    values: NDArray[np.float64],
    draws: NDArray[np.float64],
    n: int,
    patients: int,
    missing: int,
    share: bool,
    why: str | None,
) -> Summary:
    if not n:
        return Summary(value=None, missing=missing, why=why or "no case has a value")
    value = float(values.sum() / n)
    if patients < FEWEST:
        return Summary(
            value=value, n=n, patients=patients, missing=missing, why="one patient has no interval"
        )
    low, high = (float(q) for q in np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    if share and float(np.ptp(values)) == 0 and value in (0.0, 1.0):
        bound = 1 - ((1 - LEVEL) / 2) ** (1 / patients)
        low, high = (0.0, bound) if value == 0 else (1 - bound, 1.0)
    return Summary(
        value=value,
        low=low,
        high=high,
        se=float(draws.std()),
        n=n,
        patients=patients,
        missing=missing,
    )
