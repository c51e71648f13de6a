"""Things that pictures of one class hold more often, wherever they lie: from pictures and labels, no model asked.

Ink, a sticker or a tag lies here in one picture and there in the next, so no single place tells it. Every picture is
cut into small cells. Of a cell that stands out of its picture a forest tells, learnt on other patients' pictures, in
which share of those that look like it the picture is of a class. A cell where that share is high is *telling*. Whether
the pictures of a class hold more telling cells than the others is set against labels dealt anew (max-T over the
classes, Westfall and Young 1993). What is found may be the disease, where nobody drew it: a question, never an
artefact by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from audit.discover.candidate import TITLES, Candidate, chosen, pure
from audit.discover.informative import EXAMPLES, FEW, FEWEST, FLOOR, LEVEL, LIMITS, ROUNDS, told, units
from audit.discover.looked import cells, shown
from audit.errors import Undefined
from audit.record.nouns import Image
from audit.record.stack import scratch

GRID = 32
"""Rows and columns of cells."""

OUT = 0.15
"""This share of all cells stands out of its picture most."""

FOLDS, TREES, LEAF = 4, 40, 40
"""Of the patients; of the forest; and cells in a leaf at least, so that no picture has a leaf to itself."""

ENOUGH = 500
"""Pictures, or a few fewer, that tell how cells differ; they lie evenly over a larger set."""

LEARNT = 30_000
"""Cells that a forest learns from at most."""

SMALLEST = 3
"""Cells that touch: fewer are no thing."""

LARGEST = 0.25
"""Of the picture: what covers more is no thing, but another kind of picture."""

COVERED = "lesions and listed places cover every picture: nothing is left to look for things in"

WHOLE = 0.75
"""In the middle case its largest part holds this share of it: what lies in scattered bits is no thing."""


def things(
    images: Iterable[Image],
    labels: Sequence[str],
    *,
    lesions: NDArray[np.bool_] | None = None,
    known: NDArray[np.bool_] | None = None,
    patients: Sequence[str] | None = None,
    seed: int,
    most: int = 2,
) -> list[Candidate]:
    """Small things of which the pictures of one class hold more, as candidates: for each class one at most.

    Args:
        images: ``(h, w, 3)`` in [0, 1], one by one, all of one size; thumbnails will do.
        labels: one for each.
        lesions: ``(n, h, w)``: cells that they touch are not looked at in that case.
        known: ``(n, h, w)``: listed regions, likewise.
        patients: whose pictures they are; no forest tells of a patient that it has learnt from.
        seed: deals the labels and the patients, and seeds the forests.
        most: things at most.

    Returns:
        The things, strongest first; none where no class passes the bar.

    Raises:
        Undefined: no class has ten patients in it and ten outside it, or nothing is left to look at.
    """
    looks, size = _looks(images, len(labels), lesions, known)
    who = list(patients) if patients is not None else [str(i) for i in range(len(labels))]
    own = {c: np.array([y == c for y in labels]) for c in sorted(set(labels))}
    patient = np.unique(np.asarray(who), return_inverse=True)[1].ravel()
    names = [c for c, y in own.items() if min(len(set(patient[y])), len(set(patient[~y]))) >= FEWEST]
    if not names:
        raise Undefined(FEW)
    if np.isnan(looks[..., 0]).all():
        raise Undefined(COVERED)
    telling = _telling(looks, [own[c] for c in names], patient, seed)
    counts = telling.sum((2, 3))
    values, owners = units(np.log1p(counts.T.astype(np.float64)), labels, who)

    def more(dealt: NDArray[np.object_]) -> NDArray[np.float64]:
        return np.diagonal(told(values, np.stack([dealt == c for c in names])))

    rng = np.random.default_rng([seed, 3])
    chance = [more(rng.permutation(owners)).max() for _ in range(ROUNDS)]
    bar = float(np.quantile(chance, 1 - LEVEL, method="higher"))
    strengths = more(owners)
    off = [m for m in (lesions, known) if m is not None]
    found: list[Candidate] = []
    for k in np.flatnonzero(strengths > bar):
        found += _candidate(telling[k], own[names[k]], labels, float(strengths[k]), size, off)
    return chosen(found, most=most)


def _looks(
    images: Iterable[Image], count: int, lesions: NDArray[np.bool_] | None, known: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Each cell's colour against its picture's and against its surround's, and its fine detail: ``(n, g, g, 7)``,
    NaN in cells that are off; and the pictures' size. They lie on disk: 28 kB a picture."""
    rows, size = np.zeros((0, 0, 0, 0), np.float32), (0, 0)
    for number, (image, fine, off) in enumerate(shown(images, lesions, known)):
        size = image.shape[0], image.shape[1]
        layers = np.stack([*image.transpose(2, 0, 1), fine])
        seen = cells(layers, np.broadcast_to(off, layers.shape), grid=GRID)
        left = ~np.isnan(seen[0])
        middle = np.median(seen[:, left], axis=1) if left.any() else np.zeros(len(seen))
        filled = np.where(left, seen, middle[:, None, None])
        around = np.stack([ndimage.median_filter(colour, 9, mode="nearest") for colour in filled[:3]])
        colour, apart = filled[:3] - middle[:3, None, None], filled[:3] - around
        look = np.concatenate([colour, apart, np.log(filled[3:] + FLOOR) / 10])
        if not number:
            rows = scratch((count, *look.shape), np.float32)
        rows[number] = np.where(left, look, np.nan)
    if not len(rows):
        raise Undefined(FEW)
    return rows.transpose(0, 2, 3, 1), size


def _telling(
    looks: NDArray[np.float32], own: Sequence[NDArray[np.bool_]], patient: NDArray[np.intp], seed: int
) -> NDArray[np.bool_]:
    """Which cells tell of a class, ``(k, n, g, g)``: of the cells like it in other patients' pictures the share whose
    picture is of the class is high. None that is off or does not stand out of its picture does."""
    from sklearn.ensemble import ExtraTreesRegressor  # slow to import, and only a run needs it

    flat = looks.reshape(len(looks), -1, looks.shape[-1])
    some = flat[:: -(-len(flat) // ENOUGH)]
    middle, spread = np.nanmean(some, axis=(0, 1)), np.nanstd(some, axis=(0, 1))
    spread = np.where(spread > 1e-9, spread, 1)
    far = np.empty(flat.shape[:2], np.float32)
    for number, cells_of in enumerate(flat):
        far[number] = _apart((cells_of - middle) / spread)
    out = far > np.quantile(far[far >= 0], 1 - OUT)
    row = np.nonzero(out)[0]
    points, classes = flat[out], np.stack([y[row] for y in own], axis=1).astype(np.float32)
    points -= middle
    points /= spread
    rng = np.random.default_rng([seed, 4])
    fold = rng.permutation(patient.max() + 1)[patient][row] % FOLDS
    shares = np.zeros((len(points), len(own)), np.float32)
    for k in range(FOLDS):
        mine, others = fold == k, np.flatnonzero(fold != k)
        if mine.any() and len(others):
            learnt = rng.permutation(others)[:LEARNT]
            forest = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF, random_state=seed)
            forest.fit(points[learnt], classes[learnt])
            shares[mine] = forest.predict(points[mine]).reshape(-1, len(own))
    high = np.array([(1 + y.mean()) / 2 for y in own])
    found = np.zeros((len(own), *out.shape), bool)
    found[:, out] = (shares > high).T
    return found.reshape(len(own), *looks.shape[:3])


def _apart(looks: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each of a picture's cells ``(c, d)`` stands out of it; -1 for one that is off."""
    far = np.square(np.nan_to_num(looks)).sum(-1)
    return np.where(np.isnan(looks[:, 0]), -1, far).astype(np.float32)


def _candidate(
    telling: NDArray[np.bool_],
    own: NDArray[np.bool_],
    labels: Sequence[str],
    strength: float,
    size: tuple[int, int],
    off: Sequence[NDArray[np.bool_]],
) -> list[Candidate]:
    """The thing, in the cases that hold more of it than lies midway between the class and the others."""
    values = np.log1p(telling.sum((1, 2)))
    here = values > (values[own].mean() + values[~own].mean()) / 2
    masks, parted = scratch((len(own), *size), bool), []
    at = [(np.arange(s) * t) // s for s, t in zip(size, telling.shape[1:], strict=True)]
    reach = max(1, round(min(size) / GRID / 2))
    for row in np.flatnonzero(here):
        parts, _ = ndimage.label(telling[row], np.ones((3, 3)))
        areas = np.bincount(parts.ravel())
        areas[0] = 0
        large = (areas >= SMALLEST)[parts]
        masks[row] = ndimage.binary_dilation(large[at[0][:, None], at[1]], iterations=reach)
        for stack in off:
            masks[row] &= ~stack[row]
        areas = np.bincount(ndimage.label(masks[row])[0].ravel())[1:]
        parted += [areas.max() / areas.sum()] if len(areas) else []
    rows = np.flatnonzero(masks.any((1, 2)))
    if len(rows) < FEWEST // 2 or masks[rows].mean() > LARGEST or np.median(parted) < WHOLE:
        return []
    label, purity, base = pure(rows.tolist(), labels)
    return [
        Candidate(
            name="found",
            title=TITLES["thing"],
            how="thing",
            masks=masks,
            rows=tuple(rows.tolist()),
            label=label,
            purity=purity,
            base=base,
            mean=masks[rows].mean(0, dtype=np.float32),
            strength=strength,
            mask=None,
            examples=tuple(rows[np.argsort(-values[rows], kind="stable")][:EXAMPLES].tolist()),
            limits=LIMITS,
        )
    ]
