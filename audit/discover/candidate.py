"""A place that nobody listed and that a model may look at: proposed here, tested by removal like any other region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audit.discover.spots import overlap
from audit.record.nouns import Mask, Region

How = Literal["one place", "cluster", "moving", "informative", "thing"]

TITLES: dict[How, str] = {
    "one place": "Found: attribution stands at one place",
    "cluster": "Found: attribution of a cluster of cases",
    "moving": "Found: the hottest spot of each case",
    "informative": "Found: a place whose look goes with the label",
    "thing": "Found: things of one kind, of which one class has more",
}

FIXED: tuple[How, ...] = ("one place", "cluster")
PICTURED: tuple[How, ...] = ("informative", "thing")
"""Found from the pictures and their labels alone."""

DETECTOR = "discovered"
VERSION = "1"

BESIDE = 0.75
"""A candidate that lies beside the lesion in more than this share of the cases with one may be its surroundings."""

SPILL = "in {share:.0%} of its cases with a lesion it lies beside it: it may be what surrounds the lesion"

SAME = 0.5
"""Two candidates that share more than this of the smaller are one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """A region that was found, not listed. It is a question to the model, and no finding by itself.

    ``masks`` ``(n, h, w)``: an empty row says that it is not in this case; ``rows`` are those where it is, and
    ``examples`` the clearest of them for a montage. ``label`` is the commonest label of the rows, ``purity`` its
    share there and ``base`` its share in the whole set. ``clusters`` are the sizes of the clusters that were found
    where ``how`` is "cluster". ``mean`` ``(h, w)`` is the mean map of the rows over its own mean. ``strength`` is
    how many times its share of the area the attribution inside is (of what was found in the pictures alone: how far
    the classes differ in it, as a t). ``mask`` is the place itself ``(h, w)``, None where it moves. ``beside``: of the
    rows that have a lesion, the share in which the mask comes near it (None: no lesion is drawn there); an honest
    network's maps spill over the lesion's edge, so a candidate beside it in nearly every case may be the lesion.
    ``limits`` says what cannot be told.
    """

    name: str
    title: str
    how: How
    masks: NDArray[np.bool_]
    rows: tuple[int, ...]
    label: str
    purity: float
    base: float
    clusters: tuple[int, ...] = ()
    mean: NDArray[np.float32]
    strength: float
    mask: Mask | None
    examples: tuple[int, ...] = ()
    families: tuple[str, ...] = ()
    beside: float | None = None
    limits: str = ""

    @property
    def region(self) -> Region:
        """The region under which it is stored, role artefact, detector "discovered"."""
        return Region(
            name=self.name,
            role="artefact",
            title=self.title,
            detector=DETECTOR,
            version=VERSION,
            settings={
                "how": self.how,
                "cases": len(self.rows),
                "commonest label": self.label,
                "its share there": round(self.purity, 4),
                "its share in the set": round(self.base, 4),
                "strength": round(self.strength, 3),
                "maps": ", ".join(self.families),
                **({"cluster sizes": list(self.clusters)} if self.clusters else {}),
                **({} if self.beside is None else {"share beside a lesion": round(self.beside, 4)}),
                **({"limits": self.limits} if self.limits else {}),
            },
        )


def pure(rows: Sequence[int], labels: Sequence[str]) -> tuple[str, float, float]:
    """The commonest label of some rows, its share there, and its share in the whole set.

    >>> pure([0, 1, 2], ["a", "a", "b", "b"])
    ('a', 0.6666666666666666, 0.5)
    """
    there = [labels[row] for row in rows]
    best = max(sorted(set(there)), key=there.count)
    return best, there.count(best) / len(there), list(labels).count(best) / len(labels)


def chosen(candidates: Sequence[Candidate], *, most: int) -> list[Candidate]:
    """At most ``most``, no two of them the same place, within each way of finding the heaviest first
    (:func:`weight`).

    First one of each way: a fixed place or a cluster's, moving spots, what pictures and labels alone tell. So a way
    that is blind to this artefact cannot crowd out the one that sees it. Then whichever is heaviest.
    """
    kept: list[Candidate] = []
    heaviest = sorted(candidates, key=lambda c: (-weight(c), c.how))
    for ways in (FIXED, ("moving",), PICTURED, None):
        turn = 0
        for candidate in heaviest:
            if ways is not None and (candidate.how not in ways or turn):
                continue
            if len(kept) < most and not any(_same(candidate, other) for other in kept):
                kept.append(candidate)
                turn += 1
    return [replace(c, name=f"found-{i}") for i, c in enumerate(kept, start=1)]


def weight(candidate: Candidate) -> float:
    """What ranks candidates: strong, in many cases, and more in one label's than the set is.

    ``log2(strength) * sqrt(share of cases) * (1/2 + lift)``, ``lift = (purity - base) / (1 - base)``. A place that
    is hot whatever the label (a network's own edge effects) weighs half, and so does one beside the lesion in most
    cases.
    """
    lift = (candidate.purity - candidate.base) / (1 - candidate.base) if candidate.base < 1 else 0.0
    share = len(candidate.rows) / len(candidate.masks)
    spill = 0.5 if candidate.beside is not None and candidate.beside > BESIDE else 1.0
    return float(np.log2(max(1.0, candidate.strength)) * np.sqrt(share) * (0.5 + max(0.0, lift)) * spill)


def _same(one: Candidate, two: Candidate) -> bool:
    """Two places are one where they share half of the smaller; a moving one, half of all that both cover."""
    if one.mask is not None and two.mask is not None:
        return overlap(one.mask, two.mask) > SAME
    both = sum(int((a & b).sum()) for a, b in zip(one.masks, two.masks, strict=True))
    return both > SAME * (int(one.masks.sum()) + int(two.masks.sum()) - both)
