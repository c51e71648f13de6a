"""Do pictures or patients stand on both sides of a split? From fingerprints alone, without the pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from audit.record.nouns import Fingerprint

BITS = 256

NEAR = 24
"""Looks that differ in at most so many of 256 bits count as one picture. Set on four public sets: copies saved again at
JPEG quality 30, halved, or with another gamma differ by at most 24 bits (made 1.3 times brighter by at most 40, 19 of
20 by 26), all 42 copies that IDRiD lists by at most 12, and no two of 1.1 million pairs of different pictures
(three of the sets) by less than 32."""

ROWS = 1024
"""Pictures compared at once with all others."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two pictures that are, or look like, one. ``bits`` differ; None where the files are the same, byte for byte."""

    one: Fingerprint
    other: Fingerprint
    bits: int | None


@dataclass(frozen=True, kw_only=True)
class Leaks:
    """What stands in more than one split, and what stands twice in one split under two patients.

    ``patients``: a patient and the splits that he or she is in. ``unknown``: pictures whose patient nobody named.
    """

    splits: dict[str, int]
    patients: tuple[tuple[str, tuple[str, ...]], ...]
    across: tuple[Pair, ...]
    within: tuple[Pair, ...]
    unknown: int
    unseen: int


def leaks(prints: Sequence[Fingerprint], near: int = NEAR) -> Leaks:
    """Compare every two pictures and every two patients.

    >>> rows = [Fingerprint(case=c, image=c, split=s, patient="p", audited=True, sha256=c) for c, s in ("ax", "by")]
    >>> leaks(rows).patients
    (('p', ('x', 'y')),)
    """
    splits: dict[str, int] = {}
    seen: dict[str, set[str]] = defaultdict(set)
    for p in prints:
        name = p.split or ""
        splits[name] = splits.get(name, 0) + 1
        if p.patient is not None:
            seen[p.patient].add(name)
    pairs = list(_pairs(prints, near))
    across = [pair for pair in pairs if pair.one.split != pair.other.split]
    within = [
        pair
        for pair in pairs
        if pair.one.split == pair.other.split
        and (pair.one.patient != pair.other.patient or pair.one.patient is None)
    ]
    return Leaks(
        splits=splits,
        patients=tuple((who, tuple(sorted(where))) for who, where in sorted(seen.items()) if len(where) > 1),
        across=tuple(across),
        within=tuple(within),
        unknown=sum(p.patient is None for p in prints),
        unseen=sum(p.look is None for p in prints),
    )


def _pairs(prints: Sequence[Fingerprint], near: int) -> Iterator[Pair]:
    """The same files first, then what looks alike, the nearest first."""
    same: dict[str, list[int]] = defaultdict(list)
    for i, p in enumerate(prints):
        if p.sha256 is not None:
            same[p.sha256].append(i)
    told = {pair for rows in same.values() for pair in combinations(rows, 2)}
    yield from (Pair(one=prints[i], other=prints[j], bits=None) for i, j in sorted(told))
    alike = [(bits, i, j) for bits, i, j in _alike(prints, near) if (i, j) not in told]
    yield from (Pair(one=prints[i], other=prints[j], bits=bits) for bits, i, j in sorted(alike))


def _alike(prints: Sequence[Fingerprint], near: int) -> Iterator[tuple[int, int, int]]:
    """Bits that differ, and the two rows. A product of rows of -1 and 1 counts what two looks have in common."""
    rows = [i for i, p in enumerate(prints) if p.look is not None]
    if not rows:
        return
    looks = _signs([str(prints[i].look) for i in rows])
    for start in range(0, len(rows), ROWS):
        differ = (BITS - looks[start : start + ROWS] @ looks[start:].T) / 2
        for a, b in np.argwhere(differ <= near):
            if b > a:
                yield int(differ[a, b]), rows[start + a], rows[start + b]


def _signs(looks: Sequence[str]) -> NDArray[np.float32]:
    """Looks as rows of -1 and 1, ``(n, 256)``."""
    flat = np.frombuffer(bytes.fromhex("".join(looks)), np.uint8).reshape(len(looks), BITS // 8)
    return np.unpackbits(flat, axis=1).astype(np.float32) * 2 - 1
