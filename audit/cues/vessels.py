"""Vessels: how many there are and how they wind. A disease changes both, so they are clinical signs, not artefacts.

Ridges by Sato's filter (Sato 1998: a dark line's larger eigenvalue of the Hessian, the largest over widths), kept by
hysteresis, thinned to centre lines, and cut into branches at the crossings. Made for the eye's fundus, in whose
green channel vessels are dark; in other pictures the numbers are of whatever dark lines there are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from audit.errors import Undefined
from audit.record.nouns import Image, Mask

WIDTHS = (0.004, 0.007, 0.012)
"""Of the shorter side: the widths (sigma) of the lines looked for, at least 0.8 px."""

WEAK, STRONG = 2.5, 5.0
"""Hysteresis, in robust standard deviations of the ridge strength over the content."""

SHORTEST = 0.04
"""Of the shorter side: shorter branches say nothing of winding."""

CORNERS = 2**0.5

NOT_MOVED = "vessels cannot be drawn anew without drawing a disease: it is only read"

SETTINGS = {"filter": "Sato, green channel, dark lines", "widths": f"{WIDTHS} of the shorter side"}

_last: list[tuple[Image, tuple[float, bytes], Mask]] = []

_NEAR = np.ones((3, 3), bool)


def density(image: Image, where: Mask) -> float:
    """The centre lines' length over the content's area, lengths in the picture's shorter side."""
    lines = centre_lines(image, where)
    return float(lines.sum() * min(lines.shape) / where.sum())


def tortuosity(image: Image, where: Mask) -> float:
    """All branches' lengths over all their chords' lengths: 1 is straight.

    Raises:
        Undefined: no branch is long enough.
    """
    lines = centre_lines(image, where)
    crossings = lines & (ndimage.convolve(lines.astype(int), _NEAR.astype(int), mode="constant") > 3)
    branches, _ = ndimage.label(lines & ~ndimage.binary_dilation(crossings, _NEAR), _NEAR)
    length = chord = 0.0
    for number, box in enumerate(ndimage.find_objects(branches), start=1):
        points = np.argwhere(branches[box] == number)
        along, across = _lengths(points)
        if along >= SHORTEST * min(lines.shape) and across > 0:
            length, chord = length + along, chord + across
    if not chord:
        raise Undefined("no vessel is long enough to say how it winds")
    return float(length / chord)


def centre_lines(image: Image, where: Mask) -> Mask:
    """The thinned vessels, (h, w). The last picture's are kept: density and tortuosity ask one after the other."""
    key = (float(image.sum(dtype=float)), where.tobytes())
    if not (_last and _last[0][0] is image and _last[0][1] == key):
        _last[:] = [(image, key, _thinned(image, where))]
    return _last[0][2]


def _thinned(image: Image, where: Mask) -> Mask:
    from skimage.morphology import skeletonize  # brings scipy.stats, which takes a second to import

    strength = ridges(image, where)
    inside = ndimage.binary_erosion(where, iterations=max(2, round(0.015 * min(where.shape))))
    if not inside.any():
        raise Undefined("the content is too narrow to look for vessels in")
    spread = float(np.sqrt(np.mean(np.square(strength[inside])))) or 1.0
    middle = float(np.median(strength[inside]))
    robust = max(float(np.median(np.abs(strength[inside] - middle))) / 0.6745, 0.05 * spread, 1e-6)
    weak = inside & (strength > middle + WEAK * robust)
    parts, count = ndimage.label(weak, _NEAR)
    sure = np.zeros(count + 1, bool)
    sure[np.unique(parts[weak & (strength > middle + STRONG * robust)])] = True
    sure[0] = False
    thin: Mask = np.asarray(skeletonize(sure[parts]), np.bool_)  # type: ignore[no-untyped-call]
    return thin


def ridges(image: Image, where: Mask) -> NDArray[np.float32]:
    """Sato's strength of dark lines, (h, w), at least 0. The content is carried on outside, so its rim is no line."""
    green = image[..., 1]
    if not where.all():
        near = ndimage.distance_transform_edt(~where, return_distances=False, return_indices=True)
        green = green[tuple(near)]
    best = np.zeros(green.shape, np.float32)
    for share in WIDTHS:
        width = max(0.8, share * min(green.shape))
        rr, rc, cc = (
            ndimage.gaussian_filter(green, width, order=order, truncate=3)
            for order in ((2, 0), (1, 1), (0, 2))
        )
        larger = (rr + cc) / 2 + np.sqrt(((rr - cc) / 2) ** 2 + rc**2)
        best = np.maximum(best, width**2 * larger)
    return best


def _lengths(points: NDArray[np.int64]) -> tuple[float, float]:
    """A thin branch's length along its pixels, and between its ends."""
    steps = np.abs(points[:, None] - points[None]).max(-1) == 1
    straight = np.abs(points[:, None] - points[None]).sum(-1) == 1
    along = (straight.sum() + CORNERS * (steps & ~straight).sum()) / 2
    ends = np.flatnonzero(steps.sum(1) == 1)
    if len(ends) != 2:
        return 0.0, 0.0
    return float(along), float(np.hypot(*(points[ends[0]] - points[ends[1]])))
