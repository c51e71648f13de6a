"""How far must a picture be changed until its cue reads what it should? Sought, because light clips at 0 and 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from audit.errors import Undefined
from audit.record.nouns import Image, Mask

NEAR = 0.03
"""Of the amount: so near must the cue come to where it should be."""

STEPS = 24

Changed = TypeVar("Changed", bound=NDArray[Any])

TOO_FAR = "the picture cannot be moved that far: its light is clipped, or it has not enough of the cue"


def reach(
    apply: Callable[[float], Changed],
    read: Callable[[Changed], float],
    amount: float,
    top: float,
    near: float = NEAR,
) -> Changed:
    """The changed picture whose cue has moved by ``amount``.

    Args:
        apply: a strength to the picture changed so strongly; 0 changes nothing, and the cue grows or falls with it.
        read: a picture to its cue.
        amount: by how much the cue shall move.
        top: the largest strength that may be tried.
        near: the share of the amount that it may be off.

    Raises:
        Undefined: not even ``top`` moves the cue so far.

    The bracket is narrowed by false position with the Illinois weights (Dowell and Jarratt 1971).
    """
    start = read(apply(0.0))
    low, high = 0.0, top
    below, above = -1.0, (read(apply(top)) - start) / amount - 1
    if above < -near:
        raise Undefined(TOO_FAR)
    for number in range(STEPS):
        step = (low * above - high * below) / (above - below) if number % 6 else (low + high) / 2
        image = apply(step)
        miss = (read(image) - start) / amount - 1
        if abs(miss) <= near:
            return image
        if miss < 0:
            low, below, above = step, miss, above / 2
        else:
            high, above, below = step, miss, below / 2
    raise Undefined(TOO_FAR)


def clipped(image: NDArray[np.floating]) -> Image:
    """Back into [0, 1], float32."""
    return np.asarray(np.clip(image, 0, 1), np.float32)


def carried(change: NDArray[np.float32], lesion: Mask | None) -> NDArray[np.float32]:
    """A change of light, ``(h, w)``, that is smooth inside the lesions, so that they keep their contrast.

    Each pixel of a lesion takes the change of the nearest one outside, blurred a little.
    """
    if lesion is None or not lesion.any() or lesion.all():
        return change
    near = ndimage.distance_transform_edt(lesion, return_distances=False, return_indices=True)
    width = max(1.0, 0.02 * min(change.shape))
    smooth = ndimage.gaussian_filter(change[tuple(near)], width)
    return np.where(lesion, smooth, change).astype(np.float32)


def spared(lesion: Mask | None, size: tuple[int, int]) -> NDArray[np.float32]:
    """1 where a picture may be changed, 0 on lesions, with a soft edge outside them; ``(h, w)``."""
    if lesion is None or not lesion.any():
        return np.ones(size, np.float32)
    wide = max(1.0, 0.015 * min(size))
    away = ndimage.distance_transform_edt(~lesion)
    return np.asarray(np.clip(away / (2 * wide), 0, 1), np.float32)
