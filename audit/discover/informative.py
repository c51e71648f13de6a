"""Places whose look alone tells the classes apart: from the pictures and their labels, no model asked.

On a grid each cell's fine detail, its light and its colour are compared between the cases of a class and the
others. Light and colour are set against the picture's own middle, so that a darker picture is no place. The bar is
that of the largest of all cells, looks and classes when the labels are dealt anew (max-T, Westfall and Young 1993).
It finds what stands at one place. What it finds may be the disease, where nobody drew it: a question, never an
artefact by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from audit.discover.candidate import TITLES, Candidate, chosen, pure
from audit.discover.looked import cells, shown
from audit.discover.spots import spot
from audit.errors import Undefined
from audit.record.nouns import Image, Mask
from audit.record.stack import scratch

ROUNDS = 199
LEVEL = 0.05
FEWEST = 10
"""Cases of a class and of the others."""

LOOKS = ("fine detail", "light", "red against blue")
FLOOR = 1e-5
"""Added to the energy of fine detail: a step of 1/255 is no detail."""

SIDE = 64
"""Rows and columns of the grid on which a found place is drawn, at most."""

COLUMNS = 64
"""Looks of cells that are brought to one scale at a time."""

EXAMPLES = 9
FEW = "too few cases of two classes to compare places"
LIMITS = "found from the pictures and labels: it may be the disease itself"


def informative_places(
    images: Iterable[Image],
    labels: Sequence[str],
    *,
    lesions: NDArray[np.bool_] | None = None,
    known: NDArray[np.bool_] | None = None,
    patients: Sequence[str] | None = None,
    seed: int,
    most: int = 2,
) -> list[Candidate]:
    """Places whose look goes with the label beyond chance, as candidates.

    Args:
        images: ``(h, w, 3)`` in [0, 1], one by one, all of one size; thumbnails will do.
        labels: one for each.
        lesions: ``(n, h, w)``: cells that they touch are not compared in that case.
        known: ``(n, h, w)``: listed regions, likewise.
        patients: whose pictures they are; all of a patient's pictures of one label are one piece of evidence.
        seed: deals the labels.
        most: places at most.

    Returns:
        The places, strongest first; none where no cell passes the bar.

    Raises:
        Undefined: no class has ten patients in it and ten outside it.
    """
    features, size = _features(images, len(labels), lesions, known)
    unit_values, unit_labels = units(features, labels, patients)
    names = [
        c for c in sorted(set(labels)) if FEWEST <= int((unit_labels == c).sum()) <= len(unit_labels) - FEWEST
    ]
    if not names:
        raise Undefined(FEW)
    apart = told(unit_values, np.stack([unit_labels == c for c in names]))
    rng = np.random.default_rng(seed)
    bar = float(
        np.quantile(
            [
                np.abs(told(unit_values, np.stack([dealt == c for c in names]))).max()
                for dealt in (rng.permutation(unit_labels) for _ in range(ROUNDS))
            ],
            1 - LEVEL,
            method="higher",
        )
    )
    grid = features.shape[2:]
    apart = apart.reshape(len(names), len(LOOKS), *grid)
    zoom = max(1, min(SIDE, min(size)) // max(grid))
    taken = np.zeros(tuple(g * zoom for g in grid), bool)
    found: list[Candidate] = []
    for _ in range(most):
        left = np.where(taken[::zoom, ::zoom] | taken[zoom // 2 :: zoom, zoom // 2 :: zoom], 0, np.abs(apart))
        which, look, *place = (int(i) for i in np.unravel_index(int(left.argmax()), left.shape))
        if left[which, look, *place] <= bar:
            break
        heat = np.abs(apart[which]).max(0).repeat(zoom, 0).repeat(zoom, 1)
        heat = np.where(heat > bar, heat, 0)
        smooth = ndimage.gaussian_filter(heat, zoom / 2)
        within = np.zeros(heat.shape, bool)
        within[place[0] * zoom : (place[0] + 1) * zoom, place[1] * zoom : (place[1] + 1) * zoom] = True
        mask = spot(smooth, within=within, off=taken)
        if mask is None:
            break
        taken |= ndimage.binary_dilation(mask, iterations=zoom)  # a cell's neighbours share what it shows
        found += _candidate(
            mask,
            features[:, look, place[0], place[1]],
            labels,
            (names[which], LOOKS[look]),
            float(left[which, look, *place]),
            size,
            heat,
            [m for m in (lesions, known) if m is not None],
        )
    return chosen(found, most=most)


def _features(
    images: Iterable[Image], count: int, lesions: NDArray[np.bool_] | None, known: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Each case's looks by cell, ``(n, looks, g, g)``, NaN in cells that are off; and the pictures' size."""
    rows, size = np.zeros((0, 0, 0, 0)), (0, 0)
    for number, (image, fine, off) in enumerate(shown(images, lesions, known)):
        size = image.shape[0], image.shape[1]
        layers = np.stack([fine, image.mean(2), image[..., 0] - image[..., 2]])
        looks = cells(layers, np.broadcast_to(off, layers.shape))
        looks[0] = np.log(looks[0] + FLOOR)
        left = ~np.isnan(looks).any(0)
        middle = np.median(looks[:, left], axis=1) if left.any() else np.zeros(len(looks))
        if not number:
            rows = scratch((count, *looks.shape), np.float64)
        rows[number] = looks - middle[:, None, None]
    if not len(rows):
        raise Undefined(FEW)
    return rows, size


def units(
    features: NDArray[np.float64], labels: Sequence[str], patients: Sequence[str] | None
) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """One row for each patient and label: the mean over the pictures; missing cells at the mean of all."""
    flat = features.reshape(len(features), -1)
    names = patients if patients is not None else [str(i) for i in range(len(labels))]
    keys, owner = np.unique([f"{p}\0{y}" for p, y in zip(names, labels, strict=True)], return_inverse=True)
    owner = np.asarray(owner).ravel()
    values = scratch((len(keys), flat.shape[1]), np.float64)
    for start in range(0, flat.shape[1], COLUMNS):
        own = flat[:, start : start + COLUMNS]
        known = ~np.isnan(own)
        sums, counts = np.zeros((2, len(keys), own.shape[1]))
        np.add.at(sums, owner, np.where(known, own, 0))
        np.add.at(counts, owner, known)
        middle = sums.sum(0) / np.maximum(counts.sum(0), 1)
        part = np.where(counts > 0, sums / np.maximum(counts, 1), middle)
        part -= part.mean(0)
        spread = part.std(0)
        few = (counts > 0).sum(0) < 2 * FEWEST
        part = np.where((spread > 1e-9) & ~few, part / np.where(spread > 1e-9, spread, 1), 0)
        values[:, start : start + COLUMNS] = part
    return values, np.array([k.split("\0")[-1] for k in keys], dtype=object)


def told(values: NDArray[np.float64], classes: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The t of each class against the others ``(k, d)``, by the point-biserial correlation with standard scores."""
    share = classes.mean(1, keepdims=True)
    r = (classes - share) @ values / len(values) / np.sqrt(share * (1 - share))
    found: NDArray[np.float64] = r * np.sqrt((len(values) - 2) / np.maximum(1 - r**2, 1e-9))
    return found


def _candidate(
    small: Mask,
    values: NDArray[np.float64],
    labels: Sequence[str],
    what: tuple[str, str],
    strength: float,
    size: tuple[int, int],
    heat: NDArray[np.float64],
    off: Sequence[NDArray[np.bool_]],
) -> list[Candidate]:
    """The place, in the cases where something stands there: on the side of the midpoint between class and others that
    has more detail, or whose light or colour is farther from the picture's own middle."""
    name, look = what
    own = np.asarray(labels, dtype=object) == name
    one, other = float(np.nanmean(values[own])), float(np.nanmean(values[~own]))
    upper = max(one, other) if look == LOOKS[0] else max(one, other, key=abs)
    sign = 1 if upper == max(one, other) else -1
    here = np.nan_to_num(sign * values, nan=-np.inf) > sign * (one + other) / 2
    spread = [(np.arange(s) * t) // s for s, t in zip(size, small.shape, strict=True)]
    mask = small[spread[0][:, None], spread[1]]
    masks = scratch((len(here), *size), bool)
    masks[here] = mask
    for stack in off:
        masks[stack] = False
    rows = np.flatnonzero(masks.any((1, 2)))
    if len(rows) < FEWEST // 2 or masks[rows].sum() < mask.sum() * len(rows) / 2:
        return []
    label, purity, base = pure(rows.tolist(), labels)
    return [
        Candidate(
            name="found",
            title=f"{TITLES['informative']}: {look}",
            how="informative",
            masks=masks,
            rows=tuple(rows.tolist()),
            label=label,
            purity=purity,
            base=base,
            mean=heat[spread[0][:, None], spread[1]].astype(np.float32),
            strength=strength,
            mask=mask,
            examples=tuple(rows[np.argsort(-sign * values[rows], kind="stable")][:EXAMPLES].tolist()),
            limits=LIMITS,
        )
    ]
