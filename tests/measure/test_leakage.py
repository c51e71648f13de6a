"""What stands on both sides of a split is found, all of it and nothing else."""

from __future__ import annotations

import random

import audit.measure.leakage as leakage
from audit.measure.leakage import NEAR, leaks
from audit.record import Fingerprint


def known(
    case: str, split: str | None = "test", patient: str | None = None, sha: str = "", look: str | None = None
):
    return Fingerprint(
        case=case,
        image=case,
        split=split,
        patient=patient,
        audited=True,
        sha256=sha or case,
        look=look,
        why="x",
    )


def test_every_near_pair_is_found_and_no_other(monkeypatch):
    """Against a count of bits pair by pair; in parts smaller than the set."""
    monkeypatch.setattr(leakage, "ROWS", 7)
    chance = random.Random(1)
    looks = [chance.getrandbits(256) for _ in range(20)]
    for flips in (0, 1, NEAR - 1, NEAR, NEAR + 1, 60):
        bits = chance.sample(range(256), flips)
        looks.append(looks[0] ^ sum(1 << b for b in bits))
    rows = [known(str(i), split="ab"[i % 2], patient=f"p{i}", look=f"{x:064x}") for i, x in enumerate(looks)]
    expected = {
        (i, j): (looks[i] ^ looks[j]).bit_count()
        for j in range(len(looks))
        for i in range(j)
        if (looks[i] ^ looks[j]).bit_count() <= NEAR
    }
    found = leaks(rows)
    told = {(int(p.one.case), int(p.other.case)): p.bits for p in (*found.across, *found.within)}
    assert told == expected
    assert all((int(p.one.case) - int(p.other.case)) % 2 for p in found.across)
    assert [p.bits for p in found.across] == sorted(p.bits for p in found.across)


def test_the_same_file_is_told_once_and_first():
    rows = [known("a", "test", "p", "s", "00" * 32), known("b", "train", "q", "s", "00" * 32)]
    (pair,) = leaks(rows).across
    assert pair.bits is None


def test_a_patient_in_two_splits_is_named_and_one_in_one_is_not():
    rows = [
        known("a", "x", "p"),
        known("b", "y", "p"),
        known("c", "x", "q"),
        known("d", "x", "q"),
        known("e", "y"),
    ]
    found = leaks(rows)
    assert found.patients == (("p", ("x", "y")),)
    assert (found.unknown, found.unseen, found.splits) == (1, 5, {"x": 3, "y": 2})


def test_two_pictures_of_one_patient_in_one_split_are_no_leak():
    rows = [known("a", "x", "p", "s"), known("b", "x", "p", "s"), known("c", "x", "q", "s")]
    found = leaks(rows)
    assert not found.across
    assert [(p.one.case, p.other.case) for p in found.within] == [("a", "c"), ("b", "c")]


def test_nothing_is_compared_where_nothing_is_known():
    assert leaks([]).splits == {}
    assert not leaks([known("a"), known("b")]).across
