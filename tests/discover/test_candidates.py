"""Maps of a rigged model -> the place it looks at, when nobody listed it. The truth is a drawing."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest

from audit.discover import candidates, clusters, informative_places, looked
from audit.discover.candidate import pure
from audit.errors import Undefined

N, S = 80, 64


def disc(row, column, radius):
    rows, columns = np.mgrid[:S, :S]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def drawn(seed=0, *, where=None, share=0.7, lesions=True, strength=5.0, moving=False):
    """Maps by two explainers of a model that looks at lesions, and at an artefact in a share of class a.

    Returns heats, lesion masks, artefact masks and labels.
    """
    rng = np.random.default_rng(seed)
    labels = ["a" if i % 2 else "b" for i in range(N)]
    lesion, artefact = np.zeros((N, S, S), bool), np.zeros((N, S, S), bool)
    heats = {n: rng.gamma(1.0, size=(N, S, S)).astype(np.float32) for n in ("gradient", "cam")}
    for i, label in enumerate(labels):
        if lesions:
            lesion[i] = disc(*rng.integers(20, 44, 2), 4)
        if label == "a" and rng.random() < share and (where or moving):
            angle = rng.random() * 2 * np.pi
            spot = (32 + 25 * np.sin(angle), 32 + 25 * np.cos(angle)) if moving else where
            artefact[i] = disc(*spot, 4) & ~lesion[i]
        for heat in heats.values():
            heat[i][lesion[i]] += 8
            heat[i][artefact[i]] += strength
    return heats, lesion, artefact, labels


def covers(candidate, artefact):
    """Over the cases that bear it, half of the artefact inside, or IoU of at least 0.3."""
    inside = (candidate.masks & artefact).sum((1, 2))
    rows = artefact.any((1, 2))
    cover = inside[rows] / artefact[rows].sum((1, 2))
    iou = inside[rows] / (candidate.masks | artefact)[rows].sum((1, 2))
    return float(((cover >= 0.5) | (iou >= 0.3)).mean())


def compact(candidate):
    area = candidate.masks[list(candidate.rows)].mean((1, 2))
    return 0.01 <= np.median(area) <= 0.1


@pytest.mark.parametrize("where", [(6, 57), (32, 4), (58, 30)])
def test_a_mark_at_one_place_is_found_first(where):
    heats, lesion, artefact, labels = drawn(where=where)
    found = candidates(heats, lesion, labels, labels, known=None, seed=0)
    best = found[0]
    assert (best.name, best.how in ("one place", "cluster")) == ("found-1", True)
    assert covers(best, artefact) >= 0.8
    assert compact(best)
    assert best.label == "a"
    assert best.purity > 0.9
    assert best.base == 0.5
    assert best.mask[round(where[0]), round(where[1])]
    assert 1 <= len(found) <= 3


def test_a_patch_at_moving_places_is_found_case_by_case():
    heats, lesion, artefact, labels = drawn(moving=True, share=0.8)
    found = {c.how: c for c in candidates(heats, lesion, labels, labels, known=None, seed=0)}
    moving = found["moving"]
    assert moving.mask is None
    assert covers(moving, artefact) >= 0.8
    assert compact(moving)
    assert np.mean([artefact[row].any() for row in moving.rows]) > 0.9
    assert set(moving.examples) <= set(moving.rows)


def test_spots_are_sorted_by_how_they_look_where_lesions_are_not_drawn():
    """The hottest spot of every case is the lesion; the patches, next to it, are a kind of their own."""
    heats, lesion, artefact, labels = drawn(moving=True, share=0.8)
    rng = np.random.default_rng(5)
    images = (0.4 + 0.03 * rng.normal(size=(N, S, S, 3))).astype(np.float32)
    images[lesion] += (0.3, 0.2, 0.0)
    images[artefact] += (-0.2, 0.0, 0.4)
    asked = []

    def look(row):
        asked.append(row)
        return images[row]

    given = {"known": None, "seed": 0, "look": look}
    found = candidates(heats, None, labels, labels, **given)
    patches = max(found, key=lambda c: covers(c, artefact))
    assert covers(patches, artefact) >= 0.7
    assert patches.how == "moving"
    assert np.mean([lesion[row][patches.masks[row]].any() for row in patches.rows]) < 0.2
    assert set(asked) == set(range(N))
    blind = candidates(heats, None, labels, labels, known=None, seed=0)
    assert max(covers(c, artefact) for c in blind) < 0.3


def test_recall_over_many_sets_of_weak_and_strong_marks():
    """In at least 70 % one of three candidates is at the mark."""
    hits = []
    for seed in range(12):
        rng = np.random.default_rng([seed, 1])
        given = {"share": 0.3 + 0.6 * rng.random(), "strength": 2 + 4 * rng.random()}
        where = (float(rng.integers(5, 59)), float(rng.choice([5, 58])))
        heats, lesion, artefact, labels = drawn(seed, where=where, moving=bool(seed % 2), **given)
        found = candidates(heats, lesion, labels, labels, known=None, seed=seed)
        hits.append(max((covers(c, artefact) for c in found), default=0) >= 0.5)
    assert np.mean(hits) >= 0.7


def test_nothing_is_found_on_a_lesion_or_in_a_listed_region():
    """What is listed is no discovery; nor is a halo round it."""
    heats, lesion, artefact, labels = drawn(where=(6, 57))
    for candidate in candidates(heats, lesion, labels, labels, known=artefact, seed=0):
        assert not (candidate.masks & (lesion | artefact)).any()
        assert covers(candidate, artefact) == 0
    for candidate in candidates(heats, lesion, labels, labels, known=None, seed=0):
        assert not (candidate.masks & lesion).any()


def test_what_spills_over_a_lesions_edge_is_told_from_a_mark():
    """Coarse maps of an honest model are hot round the lesion too."""
    heats, lesion, _, labels = drawn(where=(6, 57))
    (mark, *_) = candidates(heats, lesion, labels, labels, known=None, seed=0)
    assert mark.beside < 0.1
    assert not mark.limits
    rng = np.random.default_rng(0)
    spilt = {n: rng.gamma(1.0, size=(N, S, S)).astype(np.float32) for n in ("gradient", "cam")}
    for i in range(N):
        row, column = np.argwhere(lesion[i]).mean(0)
        for heat in spilt.values():
            heat[i][disc(row, column, 9)] += 6
    found = candidates(spilt, lesion, labels, labels, known=None, seed=0)
    moving = next(c for c in found if c.how == "moving")
    assert moving.beside > 0.9
    assert "surrounds the lesion" in moving.limits
    assert moving.region.settings["share beside a lesion"] == round(moving.beside, 4)


def test_noise_gives_no_place():
    rng = np.random.default_rng(0)
    heats = {"ig": rng.gamma(1.0, size=(N, S, S)).astype(np.float32)}
    labels = ["a", "b"] * (N // 2)
    found = candidates(heats, None, labels, labels, known=None, seed=0)
    assert not [c for c in found if c.how == "one place"]


def test_without_drawn_lesions_the_candidate_says_what_it_cannot_tell():
    heats, _, _, labels = drawn(where=(6, 57), lesions=False)
    (first, *_) = candidates(heats, None, labels, labels, known=None, seed=0)
    assert "may be the disease" in first.limits
    assert first.region.settings["limits"] == first.limits
    assert (first.region.role, first.region.detector) == ("artefact", "discovered")


def test_one_seed_one_answer_and_never_a_number_from_nothing():
    heats, lesion, _, labels = drawn(where=(6, 57))
    one, two = (candidates(heats, lesion, labels, labels, known=None, seed=3) for _ in "ab")
    for first, second in zip(one, two, strict=True):
        for field in dataclasses.fields(first):
            assert np.array_equal(getattr(first, field.name), getattr(second, field.name))
    with pytest.raises(Undefined):
        candidates({"ig": np.zeros((N, S, S))}, None, labels, labels, known=None, seed=0)
    with pytest.raises(Undefined):
        candidates({n: h[:4] for n, h in heats.items()}, None, labels[:4], labels[:4], known=None, seed=0)


def test_clusters_tell_cases_with_a_mark_from_those_without():
    """SpRAy's own case: one class, two reasons."""
    heats, lesion, artefact, labels = drawn(where=(6, 57), share=0.5, strength=8)
    found = looked({"gradient": heats["gradient"]}, lesion, None)
    mine = [c for c in clusters(found, labels, labels, seed=0) if c.predicted == "a"]
    bearing = {i for i in range(N) if artefact[i].any()}
    assert len(mine) == 2
    assert any(set(c.rows) == bearing for c in mine)
    assert all(c.purity == 1 and c.sizes == mine[0].sizes for c in mine)


def test_purity_is_the_commonest_labels_share():
    assert pure([0, 1, 2, 3], list("aabbbb")) == ("a", 0.5, 2 / 6)


def pictures(seed, rho, *, detail=True, n=120):
    """Grey noise with a mark at the lower left, more often in class a, and a lesion in the middle of class a."""
    rng = np.random.default_rng(seed)
    labels = ["a" if i % 2 else "b" for i in range(n)]
    images = (0.4 + 0.05 * rng.normal(size=(n, S, S, 3))).clip(0, 1).astype(np.float32)
    images += rng.normal(0, 0.05, size=(n, 1, 1, 1)).astype(np.float32)
    mark = np.zeros((n, S, S), bool)
    lesion = np.zeros((n, S, S), bool)
    for i, label in enumerate(labels):
        if label == "a":
            lesion[i] = disc(32, 32, 5)
            images[i][lesion[i]] += 0.3
        if rng.random() < (0.5 + rho / 2 if label == "a" else 0.5 - rho / 2):
            mark[i, 52:60, 4:16] = True
            texture = rng.random((8, 12, 1)) < 0.5 if detail else np.ones((8, 12, 1), bool)
            images[i, 52:60, 4:16] = np.where(texture, 0.9, images[i, 52:60, 4:16])
    return images.clip(0, 1), labels, mark, lesion


@pytest.mark.parametrize("detail", [True, False])
def test_a_mark_that_goes_with_the_label_is_seen_without_any_map(detail):
    images, labels, mark, lesion = pictures(0, 0.7, detail=detail)
    found = informative_places(iter(images), labels, lesions=lesion, seed=0)
    assert found[0].how == "informative"
    assert covers(found[0], mark) > 0.8
    assert np.mean([mark[row].any() for row in found[0].rows]) > 0.9
    assert (found[0].label, not (found[0].masks & lesion).any()) == ("a", True)
    assert "disease" in found[0].limits


def test_a_place_is_sought_in_many_pictures_with_the_memory_of_a_few():
    """A picture's looks are 6 kB, and lie on disk."""
    most = {}
    for count in (100, 800):
        rng = np.random.default_rng(0)
        tracemalloc.start()
        informative_places((rng.random((32, 32, 3)) for _ in range(count)), ["a", "b"] * (count // 2), seed=0)
        most[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert most[800] - most[100] < 700 * 6000


def test_a_mark_that_goes_with_nothing_is_no_informative_place():
    """Nor is the lesion, where it is drawn; where it is not, it is the place that is found."""
    alarms = 0
    for seed in range(10):
        images, labels, _, lesion = pictures(seed, 0.0)
        alarms += bool(informative_places(images, labels, lesions=lesion, seed=seed))
    assert alarms <= 2
    images, labels, _, lesion = pictures(0, 0.0)
    (found, *_) = informative_places(images, labels, seed=0)
    assert found.mask[32, 32]


def test_ten_pictures_of_one_patient_are_one_piece_of_evidence():
    images, labels, _, _ = pictures(0, 0.7, n=40)
    with pytest.raises(Undefined):
        informative_places(images, labels, patients=[f"{y}{i % 3}" for i, y in enumerate(labels)], seed=0)


def test_a_candidate_from_the_pictures_takes_its_turn():
    heats, lesion, _, labels = drawn(moving=True, share=0.8)
    images, _, mark, _ = pictures(0, 0.9, n=N)
    also = informative_places(images, labels, seed=0, lesions=np.broadcast_to(disc(32, 32, 8), (N, S, S)))
    found = candidates(heats, lesion, labels, labels, known=None, seed=0, also=also)
    assert len(found) <= 3
    assert "moving" in {c.how for c in found}
    assert max(covers(c, mark) for c in found) > 0.8
