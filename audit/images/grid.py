"""Picture and mask on the model's grid, by one and the same way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from audit.errors import DataError
from audit.record.nouns import Image, Mask

Fit = Literal["squash", "crop", "pad"]

LARGEST = 1 << 27
"""Pixels of a picture on its way to the grid: a strip made to cover it grows without end, and the memory with it."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The rows and columns that the model is shown, and how a picture gets there.

    ``squash`` changes both sides to ``size``. ``crop`` makes the picture just cover ``size / crop_pct``
    and cuts ``size`` out of its middle, as torchvision's ``Resize`` and ``CenterCrop`` do. ``pad`` makes
    the whole picture fit into ``size`` and leaves the rest black. Always bilinear with antialiasing, as
    Pillow does it, but in floating point: 8-bit rounding between the two passes is the only difference
    from torchvision on Pillow pictures, at most 1/255.
    """

    size: tuple[int, int]
    fit: Fit = "squash"
    crop_pct: float = 1.0

    def image(self, native: Image) -> Image:
        """``native`` (h, w, 3) float32 in [0, 1] on the grid, (rows, columns, 3) float32 in [0, 1]."""
        layers = [self._layer(np.ascontiguousarray(native[..., c])) for c in range(native.shape[-1])]
        return np.clip(np.stack(layers, axis=-1), 0, 1)

    def mask(self, mask: Mask) -> Mask:
        """``mask`` (h, w) on the grid: where at least half of what a pixel is made of lies inside.

        The very filter that the picture goes through, so a mask of a picture's bright part falls on that
        part.

        >>> Grid(size=(1, 2)).mask(np.array([[True, True, False, False]])).tolist()
        [[True, False]]
        """
        inside: Mask = self._layer(mask.astype(np.float32)) >= 0.5
        return inside

    def _layer(self, layer: NDArray[np.float32]) -> NDArray[np.float32]:
        (rows, columns), (height, width) = self.size, self._scaled(layer.shape[0], layer.shape[1])
        if height * width > LARGEST:
            raise DataError(
                f"a picture of {layer.shape[0]} x {layer.shape[1]} pixels would have to grow to {height} x {width} "
                f"to cover {rows} x {columns}",
                todo="leave it out, or set model.fit to squash or pad, or model.crop_pct nearer to 1",
            )
        resized = np.asarray(
            Pillow.fromarray(layer).resize((width, height), Pillow.Resampling.BILINEAR), dtype=np.float32
        )
        if self.fit == "crop":
            top, left = round((height - rows) / 2), round((width - columns) / 2)
            return resized[top : top + rows, left : left + columns]
        if self.fit == "pad":
            padded = np.zeros(self.size, dtype=np.float32)
            top, left = (rows - height) // 2, (columns - width) // 2
            padded[top : top + height, left : left + width] = resized
            return padded
        return resized

    def _scaled(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns after the change of size, before the cut or the padding."""
        rows, columns = self.size
        if self.fit == "squash":
            return rows, columns
        if self.fit == "crop":  # the small number keeps 224 / (224 / 232) from being 231
            rows, columns = (int(side / self.crop_pct + 1e-6) for side in self.size)
            if rows * width >= columns * height:
                return rows, max(columns, int(rows * width / height))
            return max(rows, int(columns * height / width)), columns
        if rows * width <= columns * height:
            return rows, max(1, round(rows * width / height))
        return max(1, round(columns * height / width)), columns
