"""What every step of the gathering shares: the cases, who is asked, where it is written down, and one way to ask."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit.config import Config
from audit.explain.applied import Passes
from audit.images.dataset import Picture
from audit.images.grid import Grid
from audit.models import Classifier
from audit.models.asking import ask
from audit.progress import Progress
from audit.record import Case, Effect, Extent, Failure, Image, Mask, Prediction, Reading, Region, Run

Load = Callable[[Case], Picture]
Answers = NDArray[np.float64]

ROOM = 512 << 20
"""Bytes of pictures kept at hand, so that a set of usual size is decoded once for its regions and questions."""


@dataclass
class Gathered:
    """The rows, in the cases' order, and what it took."""

    passes: Passes
    predictions: list[Prediction] = field(default_factory=list)
    extents: list[Extent] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    rest: dict[type, list[Any]] = field(default_factory=dict)
    undiscovered: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Question:
    """Changed pictures of one case whose answers are awaited: ``settle`` takes the answers ``(m, k)`` and the features
    ``(m, d)`` (d is 0 where the model shows none)."""

    row: int
    what: str
    pictures: Iterable[Image]
    settle: Callable[[Answers, NDArray[np.float32]], None]


@dataclass(kw_only=True)
class Desk:
    """The gathering's shared things. ``masks`` hold each region on disk, ``(n, h, w)``; ``answers`` the model's answer
    to each untouched case, filled as the cases are asked."""

    run: Run
    classifier: Classifier
    cases: Sequence[Case]
    load: Load
    folder: Path
    config: Config
    grid: Grid
    regions: list[Region]
    cues: Sequence[Region]
    audited: Sequence[str]
    gathered: Gathered
    progress: Progress
    keep_going: bool = False
    masks: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    answers: list[Answers] = field(default_factory=list)
    _near: OrderedDict[int, tuple[Image, Mask | None]] = field(default_factory=OrderedDict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Cases, rows and columns of every stack of maps and masks."""
        return (len(self.cases), *self.grid.size)

    @property
    def exclusive(self) -> bool:
        """Does a picture have one class?"""
        return self.config.model.output != "multilabel"

    def picture(self, row: int) -> tuple[Image, Mask | None]:
        """A case's picture and lesion on the grid, kept at hand while there is room."""
        if row not in self._near:
            self.shelve(row, self.load(self.cases[row]))
        self._near.move_to_end(row)
        return self._near[row]

    def shelve(self, row: int, picture: Picture) -> None:
        """Keep a picture at hand; the ones longest unused make room."""
        image = picture.image.astype(np.float32)
        self._near[row] = image, picture.lesion
        while len(self._near) > max(16, ROOM // max(1, image.nbytes)):
            self._near.popitem(last=False)

    def lesion(self, row: int) -> Mask:
        """A case's lesion, empty where none was drawn."""
        drawn = self.picture(row)[1]
        return np.zeros(self.grid.size, bool) if drawn is None else drawn

    def rng(self, row: int, purpose: str) -> np.random.Generator:
        """A stream for each case and purpose, so that no result depends on what else is asked."""
        name = f"{self.cases[row].id}\0{purpose}".encode()
        return np.random.default_rng([self.config.seed, *name])

    def fail(self, row: int, stage: str, error: str) -> None:
        """Note what is missing of a case, and why."""
        self.gathered.failures.append(Failure(case=self.cases[row].id, stage=stage, error=error))

    def effects(
        self, rows: Callable[..., list[Effect]], row: int, plan: Any, answers: Answers, **more: Any
    ) -> list[Effect]:
        """What an intervention's ``effects`` function makes of the answers to one case's plan."""
        return rows(
            self.cases[row].id,
            plan,
            self.answers[row],
            answers,
            list(self.classifier.classes),
            self.audited,
            exclusive=self.exclusive,
            **more,
        )

    def ask(self, questions: Iterable[Question]) -> None:
        """Ask every question through one queue of full batches, and settle each as its answers come."""
        passes, classes = self.gathered.passes, len(self.classifier.classes)

        def tick(pictures: int) -> None:
            passes.questions += pictures

        look = getattr(self.classifier, "look", None)

        def answer(images: NDArray[np.float32]) -> Answers:
            if look is None:
                return self.classifier.predict(images)
            probabilities, features = look(images)
            return probabilities if features is None else np.concatenate([probabilities, features], axis=1)

        plans = ((q, self._counted(q)) for q in questions)
        for question, answers in ask(answer, plans, batch=self.config.batch, tick=tick):
            wide = answers if len(answers) else np.zeros((0, classes))
            question.settle(wide[:, :classes], wide[:, classes:].astype(np.float32))
            self.progress.step(question.row, question.what)

    def _counted(self, question: Question) -> Iterator[Image]:
        kinds, kind = self.gathered.passes.kinds, question.what.partition(" ")[0]
        for picture in question.pictures:
            kinds[kind] = kinds.get(kind, 0) + 1
            yield picture
