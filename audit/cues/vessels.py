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
"""Of the shorter side: the widths (sigma) of the lines looked for."""

NARROWEST = 0.8
"""Pixels: narrower lines cannot be told from single pixels."""

WEAK, STRONG = 0.02, 0.05
"""Hysteresis, in shares of the light around: a line of the filter's width answers with about a third of its depth, so
that a vessel is followed while it is 6 % darker than its surroundings, and begins where it is 14 % darker."""

GRAIN = 3.0
"""Times the noise's own answer: what is weaker is noise. A line must begin at twice that."""

AROUND, DARKEST = 0.06, 0.02
"""Of the shorter side: how far the light around is taken from; and the least that it is taken for."""

SHORTEST = 0.04
"""Of the shorter side: shorter branches say nothing of winding."""

CORNERS = 2**0.5

QUARTILE, NOISE_GAIN = 0.3186, (3 / (16 * np.pi)) ** 0.5
"""The lower quartile of |x| for a standard normal x; and the standard deviation of a second derivative of white noise,
times the filter's width (both of it in closed form)."""

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

    strength, grain = contrast(image, where)
    inside = ndimage.binary_erosion(where, iterations=max(2, round(0.015 * min(where.shape))))
    if not inside.any():
        raise Undefined("the content is too narrow to look for vessels in")
    weak = inside & (strength > max(WEAK, GRAIN * grain))
    parts, count = ndimage.label(weak, _NEAR)
    sure = np.zeros(count + 1, bool)
    sure[np.unique(parts[weak & (strength > max(STRONG, 2 * GRAIN * grain))])] = True
    sure[0] = False
    thin: Mask = np.asarray(skeletonize(sure[parts]), np.bool_)  # type: ignore[no-untyped-call]
    return thin


def contrast(image: Image, where: Mask) -> tuple[NDArray[np.float32], float]:
    """The ridges' strength over the light around them, (h, w), and what noise alone answers with.

    Both are of the picture and not of what else its ridges do: a limit taken from their own spread would rise with the
    vessels, and a picture full of them would seem to have none.
    """
    green = _carried_on(image[..., 1], where)
    light = np.maximum(ndimage.gaussian_filter(green, AROUND * min(green.shape)), DARKEST)
    square = where[:-1, :-1] & where[1:, :-1] & where[:-1, 1:] & where[1:, 1:]
    grain = 0.0
    if square.any():
        diagonal = (green[:-1, :-1] - green[1:, :-1] - green[:-1, 1:] + green[1:, 1:])[square] / 2
        # The lower quartile, not the median: where vessels are many they fill half of a small picture.
        sigma = float(np.quantile(np.abs(diagonal), 0.25)) / QUARTILE
        grain = NOISE_GAIN * sigma / max(NARROWEST, WIDTHS[0] * min(green.shape))
    return ridges(image, where) / light, grain / float(np.median(light[where]))


def ridges(image: Image, where: Mask) -> NDArray[np.float32]:
    """Sato's strength of dark lines, (h, w), at least 0. The content is carried on outside, so its rim is no line."""
    green = _carried_on(image[..., 1], where)
    best = np.zeros(green.shape, np.float32)
    for share in WIDTHS:
        width = max(NARROWEST, share * min(green.shape))
        rr, rc, cc = (
            ndimage.gaussian_filter(green, width, order=order, truncate=3)
            for order in ((2, 0), (1, 1), (0, 2))
        )
        larger = (rr + cc) / 2 + np.sqrt(((rr - cc) / 2) ** 2 + rc**2)
        best = np.maximum(best, width**2 * larger)
    return best


def _carried_on(green: NDArray[np.float32], where: Mask) -> NDArray[np.float32]:
    """Outside the content each pixel is as the content nearest to it."""
    if where.all():
        return green
    near = ndimage.distance_transform_edt(~where, return_distances=False, return_indices=True)
    return np.asarray(green[tuple(near)])


def _lengths(points: NDArray[np.int64]) -> tuple[float, float]:
    """A thin branch's length along its pixels, and between its ends."""
    steps = np.abs(points[:, None] - points[None]).max(-1) == 1
    straight = np.abs(points[:, None] - points[None]).sum(-1) == 1
    along = (straight.sum() + CORNERS * (steps & ~straight).sum()) / 2
    ends = np.flatnonzero(steps.sum(1) == 1)
    if len(ends) != 2:
        return 0.0, 0.0
    return float(along), float(np.hypot(*(points[ends[0]] - points[ends[1]])))
