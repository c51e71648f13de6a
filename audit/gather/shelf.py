"""Pictures that were decoded and are wanted again: as they are on the grid, on disk."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from audit.record import Image, Mask
from audit.record.stack import scratch


class Shelf:
    """Room for so many pictures ``(h, w, 3)`` and their lesions; the ones longest unused make room."""

    def __init__(self, room: int, size: tuple[int, int]) -> None:
        self._images = scratch((room, *size, 3), np.float32)
        self._lesions = scratch((room, *size), np.bool_)
        self._places: OrderedDict[int, tuple[int, bool]] = (
            OrderedDict()
        )  # by row the place; is a lesion drawn?

    def __contains__(self, row: int) -> bool:
        return row in self._places

    def put(self, row: int, image: Image, lesion: Mask | None) -> None:
        """Keep a picture, and the lesion if one was drawn."""
        if row in self._places:
            place = self._places.pop(row)[0]
        elif len(self._places) < len(self._images):
            place = len(self._places)
        else:
            place = self._places.popitem(last=False)[1][0]
        self._places[row] = place, lesion is not None
        self._images[place] = image
        if lesion is not None:
            self._lesions[place] = lesion

    def get(self, row: int) -> tuple[Image, Mask | None]:
        """A picture that is here, and its lesion: the caller's own, since its place may be taken."""
        self._places.move_to_end(row)
        place, drawn = self._places[row]
        return self._images[place].copy(), self._lesions[place].copy() if drawn else None
