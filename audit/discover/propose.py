"""Maps of all cases -> at most a few places that nobody listed, for a removal test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from audit.discover.appearance import described, kinds, one_each
from audit.discover.candidate import BESIDE, SPILL, TITLES, Candidate, How, chosen, pure
from audit.discover.clusters import clusters
from audit.discover.looked import AT_ONCE, Looked, cells, looked, mean, parts
from audit.discover.spots import enrichment, one_place, scores, spot
from audit.errors import Undefined
from audit.record.nouns import Image, Mask
from audit.record.stack import scratch

MOST = 3
FEWEST = 8
"""Cases: fewer say nothing of a place, and no candidate rests on fewer rows than that or a twentieth of the set."""

STANDS_OUT = 1.5
"""Attribution inside must be this many times its share of the area."""

HERE = 0.5
"""A place counts as looked at in a case where its density is this share of that in the clearest tenth of cases."""

EXAMPLES = 9

NO_LESIONS = (
    "no lesions are drawn in this set: what was found may be the disease itself, or where it usually lies"
)
FEW = "too few cases with maps to look for places"


def candidates(
    heats: Mapping[str, NDArray[np.floating]],
    lesions: NDArray[np.bool_] | None,
    labels: Sequence[str],
    predicted: Sequence[str],
    *,
    known: NDArray[np.bool_] | None,
    seed: int,
    most: int = MOST,
    families: Mapping[str, str] | None = None,
    also: Sequence[Candidate] = (),
    look: Callable[[int], Image] | None = None,
) -> list[Candidate]:
    """Places, or spots that move, on which the attribution of many cases stands and that nobody listed.

    Three ways. One place: cells that are hot in case after case, over all cases and over each predicted class, for
    each family of explainers and for their mean. Cluster: the hot spot of each SpRAy cluster. Moving: the hottest
    spot of each case's mean map, in those cases where it is hot. They take turns (:func:`chosen`).

    Args:
        heats: by name ``(n, h, w)``, read row by row; a row of zeros is no map. lesions: ``(n, h, w)``, taken off;
        None where none are drawn. labels: the cases' labels. predicted: what the model said. known: ``(n, h, w)``,
        listed regions: taken off, with a halo. seed: of shifts and of k-means. most: candidates at most. families:
        by name its explainer's family, which counts once; by default each name is its own. also: candidates from
        elsewhere (:func:`audit.discover.informative_places`) that take their turn. look: gives a case's picture
        ``(h, w, 3)`` by its row (a thumbnail of the maps' size). With it, spots that move
            are sorted by how they look, so that patches are told from lesions.

    Raises:
        Undefined: fewer than eight cases, or no map.
    """
    if not heats or len(labels) < FEWEST:
        raise Undefined(FEW)
    found = looked(heats, lesions, known, families=families)
    if not any(k.sum() >= FEWEST for k in found.known.values()):
        raise Undefined(FEW)
    proposer = _Proposer(found, labels, predicted, known, NO_LESIONS if lesions is None else "", seed, look)
    small = chosen([*proposer.fixed(), *proposer.clustered(), *proposer.moving()], most=most)
    large = [one for candidate in small if (one := proposer.enlarged(candidate)) is not None]
    return chosen([*large, *also], most=most)


class _Proposer:
    """What the three ways share."""

    def __init__(
        self,
        found: Looked,
        labels: Sequence[str],
        predicted: Sequence[str],
        known: NDArray[np.bool_] | None,
        limits: str,
        seed: int,
        look: Callable[[int], Image] | None,
    ) -> None:
        self.found, self.labels, self.predicted = found, list(labels), np.asarray(predicted, dtype=object)
        self.listed, self.limits, self.seed, self.look = known, limits, seed, look
        self.consensus = found.consensus()
        self.some = np.logical_or.reduce(list(found.known.values()))
        self.least = max(FEWEST, round(0.05 * found.cases))
        self.views = {**found.density, "all": self.consensus} if len(found.density) > 1 else found.density

    def fixed(self) -> Iterator[Candidate]:
        """Places that are hot in case after case, of all cases and of each predicted class."""
        for number, (view, density) in enumerate(self.views.items()):
            mine = self.found.known.get(view, self.some)
            strata = [mine, *(mine & (self.predicted == p) for p in sorted(set(self.predicted)))]
            strata = [s for s in strata if s.sum() >= self.least]
            if not strata:
                continue
            weights = np.stack([s / s.sum() for s in strata])
            where = cells(density, self.found.off)
            values = np.concatenate([scores(where[p]) for p in parts(len(where))])
            beyond, bar = one_place(values, weights, rng=np.random.default_rng([self.seed, 1, number]))
            for stratum, hot in zip(strata, beyond > bar, strict=True):
                yield from self._places(view, np.flatnonzero(stratum), hot, "one place")

    def clustered(self) -> Iterator[Candidate]:
        """The hot spots of the clusters."""
        for cluster in clusters(self.found, self.labels, self.predicted.tolist(), seed=self.seed):
            if len(cluster.sizes) > 1 and len(cluster.rows) >= self.least:
                rows = np.asarray(cluster.rows)
                yield from self._places(cluster.family, rows, None, "cluster", cluster.sizes)

    def _places(
        self,
        view: str,
        rows: NDArray[np.intp],
        hot: Mask | None,
        how: How,
        sizes: tuple[int, ...] = (),
    ) -> Iterator[Candidate]:
        """Up to two compact spots of the mean density of some rows, the second off the first."""
        density = self.views[view]
        heat = mean(density, rows, np.float64)
        within = None if hot is None else self._spread(hot, heat.shape)
        taken = self.found.off[rows].mean(0) > 0.5
        for _ in range(2):
            mask = spot(heat, within=within, off=taken)
            if mask is None:
                return
            taken = taken | mask
            inside = enrichment(density, mask)
            here = rows[inside[rows] >= max(1.0, HERE * float(np.quantile(inside[rows], 0.9)))]
            if inside[rows].mean() < STANDS_OUT or len(here) < self.least:
                continue
            masks = scratch(density.shape, bool)
            masks[here] = mask
            yield from self._made(masks, mask, inside, float(inside[rows].mean()), how, view, sizes)

    @staticmethod
    def _spread(hot: Mask, size: tuple[int, ...]) -> Mask:
        rows, columns = ((np.arange(s) * g) // s for s, g in zip(size, hot.shape, strict=True))
        grown: Mask = hot[rows[:, None], columns]
        return grown

    def moving(self) -> Iterator[Candidate]:
        """The two hottest spots of each case sorted by how they look, and the hottest one where it is hot."""
        spots: list[Mask] = []
        owners: list[int] = []
        first: list[bool] = []
        for row in np.flatnonzero(self.some):
            off = self.found.off[row]
            for turn in range(2 if self.look else 1):
                own = spot(self.consensus[row], off=off)
                if own is None:
                    break
                spots.append(own)
                owners.append(int(row))
                first.append(turn == 0)
                off = off | own
        if not spots:
            return
        many = parts(len(spots), 2 * AT_ONCE)
        inside = np.concatenate([enrichment(self.consensus[owners[p]], np.stack(spots[p])) for p in many])
        alike: list[Candidate] = []
        if self.look is not None:
            looks = np.stack(
                [described(self.look(o), self.found.large(s)) for o, s in zip(owners, spots, strict=True)]
            )
            for kind in kinds(looks, rng=np.random.default_rng([self.seed, 2])):
                alike += self._spots(spots, owners, inside, kind)
        yield from alike
        if not (self.limits and alike):  # lesions that nobody drew are the hottest spots of all
            yield from self._spots(spots, owners, inside, np.flatnonzero(first))

    def _spots(
        self,
        spots: Sequence[Mask],
        owners: Sequence[int],
        inside: NDArray[np.float64],
        which: NDArray[np.intp],
    ) -> Iterator[Candidate]:
        """Some of the spots as one candidate, each case with its strongest."""
        which = which[one_each([owners[i] for i in which], inside[which])]
        which = which[inside[which] >= max(STANDS_OUT, HERE * float(np.quantile(inside[which], 0.9)))]
        if len(which) < self.least:
            return
        masks = scratch(self.consensus.shape, bool)
        strengths = np.zeros(len(masks))
        for index in which:
            masks[owners[index]] = spots[index]
            strengths[owners[index]] = inside[index]
        yield from self._made(masks, None, strengths, float(inside[which].mean()), "moving", "all", ())

    def _made(
        self,
        masks: NDArray[np.bool_],
        mask: Mask | None,
        inside: NDArray[np.float64],
        strength: float,
        how: How,
        view: str,
        sizes: tuple[int, ...],
    ) -> Iterator[Candidate]:
        """The candidate on the small grid."""
        masks &= ~self.found.off
        rows = np.flatnonzero(masks.any((1, 2)))
        if len(rows) < self.least:
            return
        label, purity, base = pure(rows.tolist(), self.labels)
        beside = self._beside(masks, rows)
        spill = SPILL.format(share=beside) if beside is not None and beside > BESIDE else ""
        yield Candidate(
            name="found",
            title=TITLES[how],
            how=how,
            masks=masks,
            rows=tuple(rows.tolist()),
            label=label,
            purity=purity,
            base=base,
            clusters=sizes,
            mean=mean(self.consensus, rows, np.float32),
            strength=strength,
            mask=mask,
            examples=tuple(rows[np.argsort(-inside[rows], kind="stable")][:EXAMPLES].tolist()),
            families=tuple(self.found.density) if view == "all" else (view,),
            beside=beside,
            limits=self.limits or spill,
        )

    def _beside(self, masks: NDArray[np.bool_], rows: NDArray[np.intp]) -> float | None:
        """Of the rows with a lesion, in how many the mask comes near it."""
        near = self.found.near
        ill = [row for row in rows if near is not None and near[row].any()]
        if near is None or not ill:
            return None
        return float(np.mean([(masks[row] & near[row]).any() for row in ill]))

    def enlarged(self, small: Candidate) -> Candidate | None:
        """At the maps' own size and off listed regions; None where it lies mostly in those."""
        masks = scratch((self.found.cases, *self.found.size), bool)
        for row in small.rows:
            masks[row] = self.found.large(small.masks[row])
        if self.listed is not None:
            inside = sum(int((m & k).sum()) for m, k in zip(masks, self.listed, strict=True))
            if inside > masks.sum() / 2:
                return None
            masks[self.listed] = False
        rows = np.flatnonzero(masks.any((1, 2)))
        if len(rows) < self.least:
            return None
        label, purity, base = pure(rows.tolist(), self.labels)
        return replace(
            small,
            masks=masks,
            mask=None if small.mask is None else self.found.large(small.mask),
            mean=self.found.large(small.mean),
            rows=tuple(rows.tolist()),
            label=label,
            purity=purity,
            base=base,
        )
