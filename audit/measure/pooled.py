"""Several ways of painting over -> one estimate of what the picture without the artefact would have changed.

Nobody knows what lies under an artefact. Each way of painting over is one guess at it, so the ways are put together as
imputations of a missing value are (Rubin 1987): the mean over ways, and an interval that holds the spread of the
patients and that of the ways, as if what is really there were one more of them. Departure: the ways are few, chosen
and not drawn at random, so this is a rule for how far to trust them and no theorem.

Controls are not taken off. What a control place loses is its own content, and a corner, a bar or a border has none
like it; whether the answer moves more than for controls is asked beside it (``removal``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from audit.measure.estimate import LEVEL, Summary

ONE_WAY = "painted over in one way only: how far the ways differ is not known"
NO_WAY = "painted over in no way"


def pooled(ways: Sequence[Summary]) -> Summary:
    """One summary of the same change by several ways of painting over; ``value`` None where fewer than two answered.

    With ``m`` ways: the mean ``q``; the variance ``u + (1 + 1/m) b``, of the mean sampling variance ``u`` and the
    variance ``b`` among ways; a t interval with ``(m - 1) (1 + u / ((1 + 1/m) b))^2`` degrees of freedom.

    >>> one = Summary(value=1.0, low=0.8, high=1.2, se=0.1, n=40, patients=40)
    >>> same = pooled([one, one])
    >>> same.value, round(same.low, 2), round(same.high, 2)
    (1.0, 0.8, 1.2)
    >>> apart = pooled([one, Summary(value=1.6, low=1.4, high=1.8, se=0.1, n=38, patients=38, missing=2)])
    >>> apart.value, apart.n, apart.low < 0
    (1.3, 38, True)
    """
    known = [s for s in ways if s.value is not None and s.se is not None]
    missing = max((s.missing for s in ways), default=0)
    if len(known) < 2:
        why = next((s.why for s in ways if s.value is None and s.why), None) if not known else ONE_WAY
        return Summary(value=None, missing=missing, why=why or NO_WAY)
    values, spreads = np.array([s.value for s in known]), np.array([s.se for s in known])
    value, within = float(values.mean()), float(np.mean(spreads**2))
    among = (1 + 1 / len(known)) * float(values.var(ddof=1))
    total = within + among
    freedom = (len(known) - 1) * (total / among) ** 2 if among > 1e-12 * max(total, 1e-12) else 1e9
    half = float(stdtrit(min(freedom, 1e9), (1 + LEVEL) / 2)) * total**0.5
    low, high = value - half, value + half
    if total < 1e-12:  # every case says the same in every way: the exact bounds of a share
        low, high = min(s.low or 0.0 for s in known), max(s.high or 0.0 for s in known)
    return Summary(
        value=value,
        low=low,
        high=high,
        se=total**0.5,
        n=min(s.n for s in known),
        patients=min(s.patients for s in known),
        missing=missing,
    )
