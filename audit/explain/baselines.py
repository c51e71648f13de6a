"""Maps that no network made: what an edge detector and a blind eye would call important.

Edges draw many an explainer, whatever the network has learned (Adebayo et al. 2018, Sanity Checks for Saliency
Maps, arXiv:1810.03292), and burned-in text is all edges. So the same scores are taken of an edge map and of a map
that is the same everywhere; an explainer whose figures are not beyond theirs has shown nothing. No torch is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy import ndimage

from audit.record import Explained, Heat, Image, Map

FAMILY = "baseline"
"""Of the maps that vote for nothing and agree with nobody: they are scored, and that is all."""

LAYER = "picture"


def edges(image: Image) -> Heat:
    """Sobel magnitude of the grey picture ``(h, w, 3)``; the frame repeats its last pixel. Not negative.

    >>> ramp = np.tile(np.arange(4, dtype=np.float32)[:, None], (3, 1, 3)).reshape(3, 4, 3) / 4
    >>> edges(ramp)[1].round(3).tolist()
    [1.0, 2.0, 2.0, 1.0]
    """
    grey = np.asarray(image, np.float32).mean(2)
    across = [ndimage.sobel(grey, axis=axis, mode="nearest") for axis in (0, 1)]
    return np.asarray(np.hypot(*across), np.float32)


def uniform(image: Image) -> Heat:
    """One everywhere, ``(h, w)``: each region gets what its area is worth."""
    return np.ones(image.shape[:2], np.float32)


BASELINES: Mapping[str, Callable[[Image], Heat]] = {"edges": edges, "uniform": uniform}

_TITLES = {"edges": ("Edge map", "M = |Sobel(grey)|"), "uniform": ("Uniform map", "M = 1")}


def _explained(name: str) -> Explained:
    title, formula = _TITLES[name]
    return Explained(
        explainer=name,
        family=FAMILY,
        applied=True,
        title=title,
        formula=formula,
        paper="Adebayo et al. 2018, Sanity Checks for Saliency Maps, arXiv:1810.03292"
        if name == "edges"
        else "",
        departures="Not an explainer: what one is compared with.",
        maps=(
            Map(
                name=f"{name}.{LAYER}", explainer=name, layer=LAYER, family=FAMILY, signed=False, title=title
            ),
        ),
    )


EXPLAINED: tuple[Explained, ...] = tuple(_explained(name) for name in BASELINES)
"""Their rows beside the explainers'; their maps are the same whichever class is explained."""


def heats(image: Image) -> dict[str, Heat]:
    """The maps of one picture by their stacks' names, ``edges.picture`` and ``uniform.picture``."""
    return {f"{name}.{LAYER}": make(image) for name, make in BASELINES.items()}
