"""What every step of the gathering shares: the cases, who is asked, where it is written down, and one way to ask."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit.config import Config
from audit.explain.passes import Passes
from audit.gather.shelf import Shelf
from audit.images.dataset import Picture
from audit.images.grid import Grid
from audit.models import Classifier
from audit.models.asking import ask
from audit.progress import Progress
from audit.record import Case, Effect, Failure, Image, Mask, Prediction, Region, Run
from audit.record.parts import Journal
from audit.record.stack import Stack

LOOKED, MAPPED, ASKED, FOUND = "looked", "mapped", "asked", "found"
"""The walks over the cases: regions and cues; the untouched cases and their maps; what is asked about changed ones; and
what is asked about places that the audit found by itself."""

Load = Callable[[Case], Picture]
Answers = NDArray[np.float64]

ROOM = 512 << 20
"""Bytes of pictures kept at hand on disk, so that a set of usual size is decoded once for its regions and questions."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """Changed pictures of one case whose answers are awaited: ``settle`` takes the answers ``(m, k)`` and the features
    ``(m, d)`` (d is 0 where the model shows none). It may return a further question that these answers raise."""

    row: int
    what: str
    pictures: Iterable[Image]
    settle: Callable[[Answers, NDArray[np.float32]], Question | None]


@dataclass(kw_only=True)
class Desk:
    """The gathering's shared things, and the part of it that is being made.

    ``masks`` hold each region on disk, a row a case. ``rows`` and ``arrays`` are what the part in the making has so
    far; they go to disk with it, so that no more than a chunk of cases is ever held.
    """

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
    passes: Passes
    progress: Progress
    keep_going: bool = False
    masks: dict[str, Stack] = field(default_factory=dict)
    undiscovered: list[str] = field(default_factory=list)
    rows: dict[type, list[Any]] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    _answers: dict[int, Answers] = field(default_factory=dict)
    _stacks: dict[Path, Stack] = field(default_factory=dict)
    _journal: Journal | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Cases, rows and columns of every stack of maps and masks."""
        return (len(self.cases), *self.grid.size)

    @property
    def exclusive(self) -> bool:
        """Does a picture have one class?"""
        return self.config.model.output != "multilabel"

    # -- parts -------------------------------------------------------------------------------------

    @property
    def chunks(self) -> list[range]:
        """The cases' rows, as many at a time as go into one model pass."""
        size = self.config.batch
        return [range(i, min(i + size, len(self.cases))) for i in range(0, len(self.cases), size)]

    def part(self, walk: str, number: int, make: Callable[[], None]) -> None:
        """Make a part of the run, unless it is known: what ``make`` adds to the desk is kept in one step.

        The part notes what it took, so that a run that was taken up counts the same passes as one that was not.
        """
        parts = self.run.parts
        if not parts.done(walk, number):
            before, self._journal = self.passes.copy(), parts.journal(walk, number)
            try:
                make()
                for stack in self._stacks.values():
                    stack.settle()
                took = self.passes.since(before)
                parts.save(walk, number, rows=self.rows, arrays=self.arrays, facts={"passes": vars(took)})
            finally:
                self._journal.close()
                self.rows, self.arrays, self._journal = {}, {}, None
        else:
            self.passes.add(Passes(**parts.facts(walk, number)["passes"]))

    def add(self, *rows: Any) -> None:
        """Rows of the part in the making."""
        for row in rows:
            self.rows.setdefault(type(row), []).append(row)

    def fail(self, row: int, stage: str, error: str) -> None:
        """Note what is missing of a case, and why."""
        self.add(Failure(case=self.cases[row].id, stage=stage, error=error))

    def stack(self, folder: str, name: str, shape: tuple[int, ...], dtype: Any, *, empty: float = 0) -> Stack:
        """``folder/name.npy`` of the run, made or taken up; what a part writes into it is kept with the part."""
        stack = self.run.stack(folder, name, shape, dtype, empty=empty)
        return self._stacks.setdefault(stack.path, stack)

    def open_masks(self) -> None:
        """Have every region's masks at hand, made or taken up."""
        for region in self.regions:
            self.masks[region.name] = self.stack("regions", region.name, self.shape, np.bool_)

    @property
    def segments(self) -> Stack | None:
        """LIME's superpixels of every case, None where LIME is not asked for."""
        wanted = "lime" in self.config.explainers
        return self.stack("lime", "segments", self.shape, np.uint16) if wanted else None

    def answer(self, row: int) -> Answers:
        """The model's answer ``(k,)`` to an untouched case, once its maps are made."""
        if row not in self._answers:
            number = row // self.config.batch
            kept = self.run.parts.rows(Prediction, MAPPED, number)
            rows = self.chunks[number]
            self._answers = {r: np.array(p.probabilities) for r, p in zip(rows, kept, strict=True)}
        return self._answers[row]

    # -- pictures ----------------------------------------------------------------------------------

    def picture(self, row: int) -> tuple[Image, Mask | None]:
        """A case's picture and lesion on the grid, kept at hand while there is room."""
        if row not in self._shelf:
            self.shelve(row, self.load(self.cases[row]))
        return self._shelf.get(row)

    def shelve(self, row: int, picture: Picture) -> None:
        """Keep a picture at hand; the ones longest unused make room."""
        self._shelf.put(row, picture.image, picture.lesion)

    @cached_property
    def _shelf(self) -> Shelf:
        each = 3 * np.dtype(np.float32).itemsize * int(np.prod(self.grid.size))
        return Shelf(min(len(self.cases), max(16, ROOM // each)), self.grid.size)

    def lesion(self, row: int) -> Mask:
        """A case's lesion, empty where none was drawn."""
        drawn = self.picture(row)[1]
        return np.zeros(self.grid.size, bool) if drawn is None else drawn

    def rng(self, row: int, purpose: str) -> np.random.Generator:
        """A stream for each case and purpose, so that no result depends on what else is asked."""
        name = f"{self.cases[row].id}\0{purpose}".encode()
        return np.random.default_rng([self.config.seed, *name])

    # -- questions ---------------------------------------------------------------------------------

    def effects(
        self, rows: Callable[..., list[Effect]], row: int, plan: Any, answers: Answers, **more: Any
    ) -> list[Effect]:
        """What an intervention's ``effects`` function makes of the answers to one case's plan."""
        return rows(
            self.cases[row].id,
            plan,
            self.answer(row),
            answers,
            list(self.classifier.classes),
            self.audited,
            exclusive=self.exclusive,
            **more,
        )

    def ask(self, questions: Iterable[Question]) -> None:
        """Ask every question through one queue of full batches, and settle each as its answers come.

        A batch whose answers stand in the part's journal is not asked again.
        """
        passes, classes = self.passes, len(self.classifier.classes)

        def tick(pictures: int) -> None:
            passes.questions += pictures

        further: deque[tuple[Question, Iterable[Image]]] = deque()
        plans = ((q, self._counted(q)) for q in questions)
        how: dict[str, Any] = {"batch": self.config.batch, "further": further, "tick": tick}
        for question, answers in ask(self._asked, plans, notes=self._journal, **how):
            wide = answers if len(answers) else np.zeros((0, classes))
            raised = question.settle(wide[:, :classes], wide[:, classes:].astype(np.float32))
            if raised is not None:
                further.append((raised, self._counted(raised)))
            self.progress.step(question.row, question.what)

    def _asked(self, images: NDArray[np.float32]) -> Answers:
        """The answers ``(n, k)``, and beside them the features where the model shows some."""
        look = getattr(self.classifier, "look", None)
        if look is None:
            return np.asarray(self.classifier.predict(images), np.float64)
        probabilities, features = look(images)
        return probabilities if features is None else np.concatenate([probabilities, features], axis=1)

    def _counted(self, question: Question) -> Iterator[Image]:
        kinds, kind = self.passes.kinds, question.what.partition(" ")[0]
        for picture in question.pictures:
            kinds[kind] = kinds.get(kind, 0) + 1
            yield picture
