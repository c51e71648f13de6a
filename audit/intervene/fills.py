"""What a region is painted over with. No fill is neutral, so there are several, and a verdict asks all sane ones.

Each fill errs in its own way: the membrane is too smooth, the ring's mean has an edge, another picture's patch
brings that picture's texture. What they agree on is the region's doing. A blur leaves what it should take away smeared
about the place, and a black hole is a thing of its own (on a retina it is a haemorrhage): these two stand beside and
decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from audit.errors import Undefined
from audit.intervene.inpaint import membrane
from audit.record import Image, Mask

Paint = Callable[[Image, Mask, np.random.Generator, Image | None], Image]

FRINGE = 0.05  # of the shorter side
GRAIN = 1.0  # pixels
SPREAD = 2 * np.sqrt(np.pi) * GRAIN
"""What brings smoothed white noise back to its own spread."""

RING = 0.02  # of the shorter side, at least two pixels: how far around a part its ring goes
LOCAL = 5  # pixels to a side: a ring's noise is what differs from the mean of such a window
NOISE = 2.5  # times its median length is the longest that a ring's noise is
BLUR = 0.05  # of the shorter side: the standard deviation of the blur

NO_DONOR = "no other case without the region could lend a patch"
NO_BARS = "what is left of the picture is no rectangle that could be mirrored"


@dataclass(frozen=True, kw_only=True)
class Fill:
    """A way to paint a region over.

    ``paint(image (h, w, 3), mask (h, w), rng, donor (h, w, 3) | None)`` gives the picture back, bit for bit the same
    where the mask is False, or raises :class:`Undefined` with the reason why it cannot. ``sane``: it may decide.
    """

    name: str
    title: str
    paint: Paint
    sane: bool


def ring_width(mask: Mask) -> int:
    """How many pixels around a part its ring goes: 2 % of the shorter side, at least two."""
    return max(2, round(RING * int(min(mask.shape))))


def ring(image: Image, mask: Mask, rng: np.random.Generator) -> Image:
    """Each connected part in the mean colour of a ring around it, with the ring's own noise.

    The ring goes 2 % of the shorter side around the part and leaves out all of the region. Noise is drawn, colour with
    colour, from how the ring's pixels differ from their neighbourhood's mean, where an edge across the ring is no
    noise; it is as smooth as a resized picture's. Over a fringe of 5 % of the side, at most half of the part's depth,
    the colour goes over into the membrane's, so that no hard edge stands there. After ROAD's
    noisy linear imputation (Rong et al. 2022, arXiv 2202.00449); ours takes one mean for a part, and noise as strong as
    the picture's own instead of a fixed one.

    Args:
        image: float32 ``(h, w, 3)``.
        mask: bool ``(h, w)``, not all of the picture.
        rng: draws the noise.

    >>> grey = np.full((9, 9, 3), 0.5, np.float32); grey[4, 4] = 1
    >>> ring(grey, grey[..., 0] == 1, np.random.default_rng(0))[4, 4].tolist()
    [0.5, 0.5, 0.5]
    """
    if not mask.any():
        return image
    painted = membrane(image, mask)
    reach = ring_width(mask)
    box = _around(mask, reach + LOCAL // 2)
    hole, pixels = mask[box], image[box].astype(np.float64)
    parts, count = ndimage.label(hole, structure=np.ones((3, 3)))
    away, nearest = ndimage.distance_transform_cdt(~hole, "taxicab", return_indices=True)
    near = ~hole & (away <= reach)
    part_of = parts[tuple(nearest)][near] - 1
    size = np.bincount(part_of, minlength=count)
    colour = np.stack([np.bincount(part_of, pixels[near][:, c], count) for c in range(pixels.shape[2])], 1)
    noise = _noise((pixels - _local_mean(pixels, ~hole))[near], part_of, size)
    own = parts[hole] - 1
    drawn = (np.cumsum(size) - size)[own] + (rng.random(len(own)) * size[own]).astype(int)
    share = _share(hole, parts, FRINGE * min(mask.shape))[:, None]
    smooth = painted[box][hole].astype(np.float64)
    mean = (colour / np.maximum(size, 1)[:, None])[own]
    grain = np.zeros((*hole.shape, pixels.shape[2]))
    grain[hole] = noise[np.minimum(drawn, len(noise) - 1)]
    grain = ndimage.gaussian_filter(grain, (GRAIN, GRAIN, 0), mode="constant") * SPREAD
    found = share * (mean + grain[hole]) + (1 - share) * smooth
    ringed = (size > 0)[own][:, None]  # a part between others may have every pixel of its ring nearer to them
    painted[box][hole] = np.clip(np.where(ringed, found, smooth), 0, 1)
    return painted


def _share(hole: Mask, parts: NDArray[np.integer], width: float) -> NDArray[np.float64]:
    """How much of the ring's mean each pixel of the hole takes: half at the rim, all of it beyond the fringe."""
    around = np.pad(hole, 1, mode="edge")  # the picture's frame is no rim
    depth = ndimage.distance_transform_cdt(around, "taxicab")[1:-1, 1:-1].astype(float)
    deepest = np.asarray(ndimage.maximum(depth, parts, np.arange(1, parts.max() + 1)))
    fringe = np.maximum(1.0, np.minimum(width, deepest / 2))[parts[hole] - 1]
    return np.asarray(np.minimum(1.0, depth[hole] / (fringe + 1)))


def _around(mask: Mask, margin: int) -> tuple[slice, slice]:
    """The mask's bounding box, wider by the margin on each side."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return (
        slice(max(rows[0] - margin, 0), rows[-1] + 1 + margin),
        slice(max(columns[0] - margin, 0), columns[-1] + 1 + margin),
    )


def _noise(
    off: NDArray[np.float64], part_of: NDArray[np.integer], size: NDArray[np.integer]
) -> NDArray[np.float64]:
    """What ring pixels differ by, part by part; what is no noise but an edge in the ring is cut down to noise."""
    length = np.sqrt((off**2).sum(1))
    order = np.lexsort((length, part_of))
    middle = (np.cumsum(size) - size + size // 2).clip(max=len(order) - 1)
    most = NOISE * length[order][middle][part_of]
    noise: NDArray[np.float64] = (off * np.minimum(1, most / np.maximum(length, 1e-12))[:, None])[order]
    return noise


def _local_mean(pixels: NDArray[np.float64], free: Mask) -> NDArray[np.float64]:
    """The mean of the free pixels in a window around each pixel. Where there are none it is of no use, and 0."""
    weighed = np.dstack([pixels * free[..., None], free])
    total = ndimage.uniform_filter(weighed, (LOCAL, LOCAL, 1), mode="constant")
    mean: NDArray[np.float64] = total[..., :-1] / np.maximum(total[..., -1:], 1e-9)
    return mean


def clone(image: Image, mask: Mask, donor: Image | None) -> Image:
    """The same place of another picture, put in without a seam (Poisson cloning, Pérez et al. 2003).

    ``donor + membrane(image - donor)``: the donor's texture, its light bent so that it meets the picture's at the rim.

    Args:
        image: float32 ``(h, w, 3)``.
        mask: bool ``(h, w)``, not all of the picture.
        donor: a picture of the same size that does not bear the region.

    Raises:
        Undefined: there is no donor.

    >>> slope = np.linspace(0, 0.5, 9, dtype=np.float32)[None, :, None].repeat(9, 0).repeat(3, 2)
    >>> hole = np.zeros((9, 9), bool); hole[3:6, 3:6] = True
    >>> bool(np.allclose(clone(slope, hole, slope + np.float32(0.3)), slope, atol=1e-6))
    True
    """
    if donor is None:
        raise Undefined(NO_DONOR)
    if donor.shape != image.shape:
        raise ValueError(f"the donor is {donor.shape}, the picture {image.shape}")
    light = membrane(image - donor, mask)
    return _put(image, mask, donor[mask] + light[mask])


def blur(image: Image, mask: Mask) -> Image:
    """The region blurred, its own light included: three times the mean of a window.

    Together they are a Gaussian but for its tails, as wide as 5 % of the shorter side or, with whole pixels, nearly so.
    """
    if not mask.any():
        return image
    window = 2 * round((np.sqrt(4 * (BLUR * min(mask.shape)) ** 2 + 1) - 1) / 2) + 1
    box = _around(mask, 3 * window)
    soft = image[box]
    for _ in range(3):
        soft = ndimage.uniform_filter(soft, (window, window, 1), mode="nearest")
    painted = image.copy()
    painted[box][mask[box]] = np.clip(soft[mask[box]], 0, 1)
    return painted


def reflect(image: Image, mask: Mask) -> Image:
    """Bars along the frame painted over with the mirrored picture beside them.

    Args:
        image: float32 ``(h, w, 3)``.
        mask: bool ``(h, w)``; what is left of the picture is one rectangle.

    Raises:
        Undefined: it is not.

    >>> row = np.array([9, 9, 1, 2, 3, 9], np.float32)[None, :, None] / 10
    >>> (reflect(row, row[..., 0] > 0.8)[0, :, 0] * 10).round().tolist()
    [2.0, 1.0, 1.0, 2.0, 3.0, 3.0]
    """
    rows, columns = np.flatnonzero(~mask.all(1)), np.flatnonzero(~mask.all(0))
    if not len(rows):
        raise Undefined(NO_BARS)
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    if mask[box].any():
        raise Undefined(NO_BARS)
    sides = [(s.start, size - s.stop) for s, size in zip(box, mask.shape, strict=True)]
    mirrored: Image = np.pad(image[box], [*sides, (0, 0)], mode="symmetric")
    return mirrored


def _put(image: Image, mask: Mask, values: NDArray[np.floating] | float) -> Image:
    painted = image.copy()
    painted[mask] = np.clip(values, 0, 1)
    return painted


FILLS: dict[str, Fill] = {
    fill.name: fill
    for fill in (
        Fill(
            name="inpaint",
            title="the membrane that the rim spans",
            paint=lambda image, mask, rng, donor: membrane(image, mask),
            sane=True,
        ),
        Fill(
            name="ring",
            title="the mean and the noise of a ring around it",
            paint=lambda image, mask, rng, donor: ring(image, mask, rng),
            sane=True,
        ),
        Fill(
            name="donor",
            title="the same place of a case without it",
            paint=lambda image, mask, rng, donor: clone(image, mask, donor),
            sane=True,
        ),
        Fill(
            name="blur",
            title="a blur",
            paint=lambda image, mask, rng, donor: blur(image, mask),
            sane=False,
        ),
        Fill(
            name="black",
            title="black",
            paint=lambda image, mask, rng, donor: _put(image, mask, 0.0),
            sane=False,
        ),
    )
}
"""What any region can be painted over with, sane ones first."""

REFLECT = Fill(
    name="reflect",
    title="the picture beside it, mirrored",
    paint=lambda image, mask, rng, donor: reflect(image, mask),
    sane=True,
)
"""For bars of padding, and for nothing else."""
