"""Does a fill make pictures that the network has never seen the like of? Its answer to those says little.

A network's features of a picture are far from those of every class if the picture is strange to it. The fill of a
region is measured against the fill of control places: painting does something everywhere, and only more than that
counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from audit.errors import Undefined
from audit.record import Case, Estimate, Prediction, Run

BEYOND = 0.95
FEWEST_ORIGINALS = 20
FEWEST_FILLED = 10
FEWEST_CONTROLS = 20
FEWEST_OF_A_CLASS = 5
GUARD_CONTROLS = 4
"""Of so many control places of a case the features are worth keeping."""

Features = NDArray[np.floating]


def strange(originals: Features, predicted: Sequence[object], filled: Features, controls: Features) -> float:
    """Share of the filled pictures that lie further from every class than 95 % of the control-filled ones do.

    A fill that stays within the distribution has about 0.05; one whose share is large should not decide. ``controls``
    are best the inpainted control places for every fill: against black holes elsewhere a black hole is not strange.
    A model that tells its classes apart by an artefact may find its absence strange as well, whatever the fill: it
    is the difference between fills that tells of the paint.

    Args:
        originals: features of the untouched pictures, ``(n, d)``.
        predicted: the class that the model gives each of them, ``(n,)``.
        filled: features of the pictures with the region painted over, ``(m, d)``.
        controls: features of the pictures with a control place painted over, ``(c, d)``.

    Returns:
        A share in [0, 1].

    Raises:
        Undefined: fewer than 10 filled, 20 controls or 20 originals (in classes of 5 and more), or features that do
            not vary.

    >>> rng = np.random.default_rng(0)
    >>> seen, painted, far = rng.normal(size=(200, 3)), rng.normal(size=(200, 3)), rng.normal(9, 1, size=(20, 3))
    >>> strange(seen, ["a"] * 200, far, painted)
    1.0
    """
    for table, least, what in (
        (filled, FEWEST_FILLED, "pictures with the region painted over"),
        (controls, FEWEST_CONTROLS, "pictures with a control place painted over"),
    ):
        if len(table) < least:
            raise Undefined(f"{len(table)} {what}, and {least} are the fewest to tell")
    limit = np.quantile(distances(originals, predicted, controls), BEYOND)
    return float((distances(originals, predicted, filled) > limit).mean())


def distances(originals: Features, predicted: Sequence[object], asked: Features) -> NDArray[np.float64]:
    """How far pictures lie from the nearest class: the smallest Mahalanobis distance, squared, ``(m,)``.

    Class means, and one covariance pooled over classes (Lee et al. 2018, arXiv 1807.03888). Our departures: classes are
    those predicted, not the labels; those with fewer than five pictures are left out; the covariance is
    shrunk to a multiple of the identity (Ledoit & Wolf 2004), so that few pictures do.

    Args:
        originals: features of the untouched pictures, ``(n, d)``.
        predicted: their classes, ``(n,)``.
        asked: features of the pictures in question, ``(m, d)``.

    Raises:
        Undefined: too few originals, or features that do not vary.
    """
    table = np.asarray(originals, np.float64)
    _, of = np.unique(np.asarray([str(p) for p in predicted]), return_inverse=True)
    counts = np.bincount(of)
    known = np.flatnonzero(counts >= FEWEST_OF_A_CLASS)
    rows = np.isin(of, known)
    if rows.sum() < FEWEST_ORIGINALS:
        raise Undefined(
            f"{int(rows.sum())} untouched pictures in classes of at least {FEWEST_OF_A_CLASS}, "
            f"and {FEWEST_ORIGINALS} are the fewest to tell"
        )
    means = np.stack([table[of == c].mean(0) for c in known])
    within = np.concatenate([table[of == c] - mean for c, mean in zip(known, means, strict=True)])
    root = np.linalg.cholesky(np.linalg.inv(shrunk(within)))
    away = (np.asarray(asked, np.float64)[:, None] - means) @ root
    nearest: NDArray[np.float64] = (away**2).sum(2).min(1)
    return nearest


def shrunk(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """The covariance of centred rows ``(n, d)``, shrunk to a multiple of the identity by Ledoit & Wolf's (2004) amount.

    Raises:
        Undefined: the rows do not vary.
    """
    n, d = centred.shape
    sample = centred.T @ centred / n
    scale = float(np.trace(sample)) / d
    if not scale > 0:
        raise Undefined("the network's features are the same for every picture of a class")
    off = float(((sample - scale * np.eye(d)) ** 2).sum())
    noise = float(((centred**2).sum(1) ** 2).mean() - (sample**2).sum()) / n
    share = min(noise, off) / off if off > 0 else 0.0
    covariance: NDArray[np.float64] = (1 - share) * sample + share * scale * np.eye(d)
    return covariance


SANE = ("inpaint", "ring", "donor")
FOLDER = "features"


def stranger(
    run: Run,
    cases: Sequence[Case],
    predictions: Mapping[str, Prediction],
    effects: Mapping[str, Sequence[str]],
) -> Iterator[Estimate]:
    """Of each region and fill, how much more often it leaves the distribution than the least strange of the sane ones.

    What the least strange one shows is what the artefact's absence does; what another shows beyond it is its paint.

    Args:
        run: with the features that were kept; a black box shows none, and nothing is said.
        cases, predictions: of the run.
        effects: the fills that were asked, by region.
    """
    if not run.has_array(FOLDER, "untouched."):
        return
    originals = np.asarray(run.array(FOLDER, "untouched."))[:, 0]
    known = ~np.isnan(originals).any(1)
    predicted = [predictions[c.id].predicted for c, k in zip(cases, known, strict=True) if k]
    for region, fills in effects.items():
        shares: dict[str, float | str] = {}
        count: dict[str, int] = {}
        for fill in fills:
            if not run.has_array(FOLDER, f"{region}.{fill}"):
                continue
            kept = np.asarray(run.array(FOLDER, f"{region}.{fill}"))
            first = np.asarray(run.array(FOLDER, f"{region}.{SANE[0]}"))
            filled, controls = (_whole(a) for a in (kept[:, 0], first[:, 1:].reshape(-1, kept.shape[2])))
            count[fill] = len(filled)
            try:
                shares[fill] = strange(originals[known], predicted, filled, controls)
            except Undefined as why:
                shares[fill] = str(why)
        told = [v for f, v in shares.items() if f in SANE and not isinstance(v, str)]
        for fill, share in shares.items():
            value = None if isinstance(share, str) or not told else max(0.0, share - min(told))
            reason = share if isinstance(share, str) else None if told else "no sane fill can be told"
            names = {"metric": "strange", "region": region, "fill": fill, "family": "removal"}
            yield Estimate(**names, value=value, n=count[fill], why=reason)  # type: ignore[arg-type]


def _whole(features: NDArray[np.floating]) -> NDArray[np.floating]:
    """Rows without NaN."""
    return np.asarray(features[~np.isnan(features).any(1)])
