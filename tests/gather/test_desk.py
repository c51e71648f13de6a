"""The desk: pictures are decoded once while there is room, streams depend on nothing else, questions are settled."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from audit import config
from audit.explain.passes import Passes
from audit.gather import desk as desks
from audit.gather.desk import Desk, Question
from audit.gather.second_look import spread
from audit.gather.shelf import Shelf
from audit.images.dataset import Picture
from audit.images.grid import Grid
from audit.progress import Silent
from audit.record import Case


class Reader:
    """Answers with the mean light; ``asked`` counts the pictures that came."""

    classes = ("a", "b")
    size = (8, 8)

    def __init__(self) -> None:
        self.asked: list[int] = []

    def predict(self, images):
        self.asked.append(len(images))
        light = images.mean((1, 2, 3), dtype=float)
        return np.stack([light, 1 - light], 1)


class Seen(Reader):
    def look(self, images):
        return self.predict(images), np.asarray(images[:, 0, 0], np.float32)


def case(number: int) -> Case:
    return Case(id=f"{number:02d}", image="x", label="a", patient=f"{number}")


@pytest.fixture
def loaded() -> Counter[str]:
    return Counter()


def desk(loaded: Counter[str], classifier: Reader | None = None, cases: int = 24, **changed) -> Desk:
    def load(of: Case) -> Picture:
        loaded[of.id] += 1
        image = np.full((8, 8, 3), int(of.id) / 100, np.float32)
        return Picture(**{**dict.fromkeys(Picture.__dataclass_fields__), "case": of, "image": image})

    model = {"source": "callable", "factory": "m:f", "classes": ["a", "b"], "size": [8, 8]}
    return Desk(
        run=None,
        classifier=classifier or Reader(),
        cases=[case(n) for n in range(cases)],
        load=load,
        folder=Path(),
        config=config.checked({"model": model, "images": {"manifest": "m.csv"}, **changed}),
        grid=Grid(size=(8, 8)),
        regions=[],
        cues=[],
        audited=["a", "b"],
        passes=Passes(),
        progress=Silent(),
    )


def test_a_picture_is_decoded_once_while_there_is_room(loaded, monkeypatch):
    at = desk(loaded)
    for _ in range(3):
        for row in range(24):
            image, lesion = at.picture(row)
            assert image[0, 0, 0] == np.float32(row / 100)
            assert lesion is None
            assert not at.lesion(row).any()
    assert set(loaded.values()) == {1}
    monkeypatch.setattr(desks, "ROOM", 1)  # room for the sixteen that are always kept
    narrow = desk(loaded)
    held, _ = narrow.picture(0)
    for row in (*range(24), 23, 8, 0):
        image, _ = narrow.picture(row)
        assert image[0, 0, 0] == np.float32(row / 100)
    assert (loaded["23"], loaded["08"], loaded["00"]) == (2, 2, 3)
    assert sum(row in narrow._shelf for row in range(24)) == 16
    assert (held == 0).all()  # whoever holds a picture keeps it, whatever lies in its place now


def test_a_lesion_is_kept_with_its_picture_and_an_empty_one_is_not_none():
    shelf, image = Shelf(2, (8, 8)), np.ones((8, 8, 3), np.float32)
    for row, lesion in enumerate((np.eye(8, dtype=bool), None, np.zeros((8, 8), bool), None)):
        shelf.put(row, row * image, lesion)
        kept, drawn = shelf.get(row)
        assert (kept == row).all()
        assert drawn is None if lesion is None else (drawn == lesion).all()
    assert [row in shelf for row in range(4)] == [False, False, True, True]


def test_a_stream_depends_on_case_purpose_and_seed_alone(loaded):
    at = desk(loaded)
    first = at.rng(3, "removal").random(4)
    at.rng(4, "removal").random(9)
    assert np.array_equal(at.rng(3, "removal").random(4), first)
    others = [at.rng(4, "removal"), at.rng(3, "shift"), desk(loaded, seed=1).rng(3, "removal")]
    assert all(not np.array_equal(rng.random(4), first) for rng in others)
    assert np.array_equal(desk(loaded, cases=9).rng(3, "removal").random(4), first)


@pytest.mark.parametrize("batch", [1, 4, 64])
@pytest.mark.parametrize("kind", [Reader, Seen])
def test_every_question_is_settled_with_its_own_answers(loaded, batch, kind):
    classifier = kind()
    at, got = desk(loaded, classifier, batch=batch), {}

    def questions():
        for row, count in enumerate((3, 0, 5)):
            shown = [np.full((8, 8, 3), (10 * row + n) / 100, np.float32) for n in range(count)]

            def settle(answers, features, row=row):
                got[row] = answers, features

            yield Question(row=row, what=f"removal of {row}", pictures=iter(shown), settle=settle)

    at.ask(questions())
    assert set(got) == {0, 1, 2}
    for row, count in enumerate((3, 0, 5)):
        answers, features = got[row]
        expected = [(10 * row + n) / 100 for n in range(count)]
        assert answers[:, 0] == pytest.approx(expected, abs=1e-6)
        assert answers.shape == (count, 2)
        if count:
            assert features.shape == (count, 3 if kind is Seen else 0)
    assert sum(classifier.asked) == at.passes.questions == 8
    assert max(classifier.asked) <= batch
    assert at.passes.kinds == {"removal": 8}


@pytest.mark.parametrize(("cases", "wanted"), [(10, 3), (64, 16), (5, 9), (1, 4), (7, 7)])
def test_a_spread_is_even_and_reaches_both_ends(cases, wanted):
    rows = spread(cases, wanted)
    assert len(rows) == min(cases, wanted)
    assert rows[0] == 0
    assert rows[-1] == cases - 1 or cases == 1
    assert len(set(np.diff(rows))) <= 2
    assert spread(cases, 0) == []
