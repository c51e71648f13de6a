"""The queue of questions against asking one by one."""

from __future__ import annotations

import numpy as np
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
