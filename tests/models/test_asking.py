"""The queue of questions against asking one by one."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.models.asking import ask


def answer(images: np.ndarray) -> np.ndarray:
    return np.stack([images.mean((1, 2, 3), dtype=float), images.max((1, 2, 3))], 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 6), max_size=7), max_size=9), st.integers(1, 9))
def test_answers_are_those_of_asking_one_by_one_in_the_plans_order(plans, batch):
    asked: list[bytes] = []

    def predict(images):
        assert len(images) <= batch
        asked.extend(i.tobytes() for i in images)
        return answer(images)

    pictures = [np.full((2, 2, 3), v, np.float32) for v in range(7)]
    found = list(ask(predict, ((n, (pictures[v] for v in p)) for n, p in enumerate(plans)), batch=batch))
    assert [key for key, _ in found] == list(range(len(plans)))
    for (_, answers), plan in zip(found, plans, strict=True):
        assert len(answers) == len(plan)
        for row, value in zip(answers, plan, strict=True):
            assert (row == answer(pictures[value][None])[0]).all()
    assert len(asked) == len(set(asked)) == len({v for p in plans for v in p})


def test_batches_are_full_across_plans():
    sizes = []

    def predict(images):
        sizes.append(len(images))
        return answer(images)

    rng = np.random.default_rng(0)
    plans = [(n, [rng.random((2, 2, 3)).astype(np.float32) for _ in range(3)]) for n in range(5)]
    list(ask(predict, plans, batch=4))
    assert sizes == [4, 4, 4, 3]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(st.lists(st.integers(0, 40), max_size=5), min_size=1, max_size=4), max_size=7),
    st.integers(1, 9),
)
def test_further_questions_get_their_own_answers_whatever_the_batch(rounds, batch):
    """A case asks on, and what it asks depends on what it was told: nothing of that depends on the batch."""
    sizes: list[int] = []

    def predict(images):
        sizes.append(len(images))
        return answer(images)

    def shown(values):
        return [np.full((2, 2, 3), v, np.float32) for v in values]

    def plan(case, number, told):
        """The values of a round, moved by the answers before."""
        moved = [v + 100 * sum(told) for v in rounds[case][number]]
        return (case, number, moved), iter(shown(moved))

    found: dict[tuple[int, int], list[float]] = {}

    def settle(key, answers):
        case, number, moved = key
        assert (case, number) not in found
        expected = answer(np.stack(shown(moved))) if moved else np.zeros((0,))
        assert np.array_equal(answers, expected)
        found[case, number] = [float(a[0]) for a in answers]
        told = [v for n in range(number + 1) for v in found[case, n]]
        return plan(case, number + 1, told) if number + 1 < len(rounds[case]) else None

    further = deque()
    first = (plan(case, 0, []) for case in range(len(rounds)))
    for key, answers in ask(predict, first, batch=batch, further=further):
        further.extend(filter(None, [settle(key, answers)]))
    by_hand = {}
    for case, values in enumerate(rounds):
        told: list[float] = []
        for number, own in enumerate(values):
            by_hand[case, number] = [v + 100 * sum(told) for v in own]
            told += by_hand[case, number]
    assert {k: pytest.approx(v, rel=1e-5) for k, v in by_hand.items()} == found
    assert max(sizes, default=0) <= batch


def test_batches_stay_full_while_every_case_waits_for_its_answers():
    """Nine cases of three rounds: only the last batches, when no other case is left to fill them, are short."""
    sizes: list[int] = []

    def predict(images):
        sizes.append(len(images))
        return answer(images)

    rng = np.random.default_rng(0)

    def plan(case, number):
        return (case, number), [rng.random((2, 2, 3)).astype(np.float32) for _ in range(5)]

    done, further = [], deque()
    for key, _ in ask(predict, (plan(case, 0) for case in range(9)), batch=4, further=further):
        done.append(key)
        if key[1] < 2:
            further.append(plan(key[0], key[1] + 1))
    assert sum(sizes) == 9 * 3 * 5
    assert sizes.count(4) >= len(sizes) - 3
    assert sorted(done) == [(case, number) for case in range(9) for number in range(3)]
    assert done.index((0, 2)) < done.index((8, 0))  # a case that was begun is ended first


def test_no_more_pictures_are_read_than_a_batch_needs():
    read = []

    def plans():
        for case in range(50):
            read.append(case)
            yield case, [np.full((2, 2, 3), case, np.float32)]

    assert max(len(read) - key for key, _ in ask(answer, plans(), batch=4)) <= 4
