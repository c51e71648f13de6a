"""Maps of every case: one forward and one backward give every CAM at every depth and the gradient; LIME asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit.errors import Undefined
from audit.explain import baselines, lime
from audit.explain.applied import Prepared, Traced
from audit.explain.surrogate import Fit, decided
from audit.gather.desk import Answers, Desk, Question
from audit.record import PREDICTED, TRUE, Image, Prediction, Run, Target
from audit.record.stack import Stack


class Maps:
    """Makes the maps of a chunk of cases and keeps them, for the predicted class and, where that is wrong, the true."""

    def __init__(self, desk: Desk, prepared: Prepared) -> None:
        self.desk, self.trace = desk, prepared.trace
        maps = [m for e in prepared.explained for m in e.maps]
        self.fills = [m.layer for m in maps if m.explainer == "lime"]
        self.baselines = any(m.family == baselines.FAMILY for m in maps)
        names = [Run.map_name(m, t) for m in maps for t in (PREDICTED, TRUE)]
        self.heats = {n: desk.stack("maps", n, desk.shape, np.float16) for n in names}
        samples = desk.config.lime.samples
        self.lime = LimeRecord(desk, self.fills, samples) if self.fills else None

    def look(self, rows: range) -> None:
        """Predict a chunk, and make its maps where the model's inside can be seen."""
        desk = self.desk
        chunk = [desk.cases[row] for row in rows]
        images = np.stack([desk.picture(row)[0] for row in rows])
        classes = list(desk.classifier.classes)
        if self.trace is None:
            traced = Traced(desk.classifier.predict(images))
            desk.passes.predict += len(images)
        else:
            traced = self.trace(images, [c.id for c in chunk], None)
        self._keep_all(traced, rows, PREDICTED)
        wrong = []
        for i, (case, answer) in enumerate(zip(chunk, traced.probabilities, strict=True)):
            predicted = classes[int(answer.argmax())]
            desk.add(
                Prediction(
                    case=case.id,
                    label=case.label,
                    predicted=predicted,
                    probabilities=tuple(float(p) for p in answer),
                )
            )
            wrong += [i] if predicted != case.label else []
        if wrong and self.trace is not None:
            targets = [classes.index(chunk[i].label) for i in wrong]
            traced = self.trace(images[wrong], [chunk[i].id for i in wrong], targets)
            self._keep_all(traced, [rows[i] for i in wrong], TRUE)
        for i, row in enumerate(rows):
            for name, heat in baselines.heats(images[i]).items() if self.baselines else ():
                self.keep(name, row, heat)
                if i in wrong:
                    self.keep(Run.map_name(name, TRUE), row, heat)

    def _keep_all(self, traced: Traced, rows: Sequence[int], target: Target) -> None:
        for name, heats in traced.heats.items():
            for row, heat in zip(rows, heats, strict=True):
                self.keep(Run.map_name(name, target), row, heat)
        for name, why in traced.undefined.items():
            for row in rows:
                self.desk.fail(row, "explain", f"{name}: {why}")

    def keep(self, name: str, row: int, heat: NDArray[np.floating]) -> None:
        """Store a map over its own largest magnitude. One that is not finite is stored as nothing, and told."""
        largest = float(np.abs(heat).max())
        if not np.isfinite(largest):
            self.desk.fail(row, "explain", f"the map {name} is not finite")
            return
        self.heats[name][row] = heat / largest if largest > 0 else heat

    def questions(self, row: int) -> Iterator[Question]:
        """LIME's first questions of one case, one plan for all fills."""
        if self.lime is None:
            return
        how = self.desk.config.lime
        try:
            plan = lime.plan(
                self.desk.picture(row)[0],
                rng=self.desk.rng(row, "lime"),
                samples=how.samples,
                fills=self.fills,
                segments=self.lime.segments[row],
                design=how.design,
                stop=how.stop,
            )
        except Undefined as why:
            self.desk.fail(row, "lime", str(why))
            return
        self.lime.plan(row, plan)
        for fill in self.fills:
            yield self._round(row, plan, fill, ())

    def _round(self, row: int, plan: lime.Plan, fill: str, before: tuple[Answers, ...]) -> Question:
        """The next round of a fill's questions, after the answers of those before."""
        done = (0, *plan.ends)[len(before)]
        pictures = _one_by_one(plan, fill, done, plan.ends[len(before)])

        def settle(answers: Answers, _: NDArray[np.float32]) -> Question | None:
            return self._settle(row, plan, fill, (*before, answers))

        return Question(row=row, what=f"lime with fill {fill}", pictures=pictures, settle=settle)

    def _settle(self, row: int, plan: lime.Plan, fill: str, rounds: tuple[Answers, ...]) -> Question | None:
        """Keep what the answers say; ask on where they do not decide and there are questions left."""
        assert self.lime is not None
        before, case, answers = self.desk.answer(row), self.desk.cases[row], np.concatenate(rounds)
        targets = [int(before.argmax()), list(self.desk.classifier.classes).index(case.label)]
        what, exclusive = self.desk.config.lime.target, self.desk.exclusive
        found = {
            t: lime.explain(plan, answers, fill, column=t, target=what, exclusive=exclusive)
            for t in set(targets)
        }
        if len(rounds) < len(plan.ends) and not all(decided(fit) for fit, _ in found.values()):
            return self._round(row, plan, fill, rounds)
        self.lime.answer(row, fill, answers[:, targets], [found[t][0] for t in targets])
        self.keep(f"lime.{fill}", row, found[targets[0]][1])
        if targets[0] != targets[1]:
            self.keep(Run.map_name(f"lime.{fill}", TRUE), row, found[targets[1]][1])
        return None

    def close(self, walk: str) -> None:
        """Write what is known when every case is done."""
        if self.lime:
            self.lime.close(walk)


def _one_by_one(plan: lime.Plan, fill: str, start: int, end: int) -> Iterator[Image]:
    """The changed pictures, made as they are asked: a thousand of them together would fill the memory."""
    for first in range(start, end, 16):
        yield from plan.questions(fill, slice(first, min(first + 16, end)))


class LimeRecord:
    """LIME's superpixels, designs, answers and weights, so that any threshold can be taken later.

    ``lime/`` holds for each case its ``segments`` and ``design``, and for each fill how many questions were ``asked``,
    the ``answers`` (the class's probability, NaN where nothing was asked), ``r2``, and for each superpixel its
    ``weights`` and the ``half`` widths of their intervals. Axis 1 of the last four is the predicted, then the true
    class (``answers``: axis 2). NaN is what was not tested, not known, or not there.
    """

    def __init__(self, desk: Desk, fills: Sequence[str], samples: int) -> None:
        self.desk, self.fills, self.samples = desk, fills, samples
        assert desk.segments is not None
        self.segments = desk.segments
        self.blind = {f: desk.stack("blind", f"lime.{f}", desk.shape, np.bool_) for f in fills}
        self.asked = {f: self._stack(f"asked-{f}", dtype=np.int32, empty=0) for f in fills}
        self.answers = {f: self._stack(f"answers-{f}", samples, 2) for f in fills}
        self.r2 = {f: self._stack(f"r2-{f}", 2) for f in fills}

    def _stack(self, name: str, *shape: int, dtype: Any = np.float32, empty: float = np.nan) -> Stack:
        return self.desk.stack("lime", name, (len(self.desk.cases), *shape), dtype, empty=empty)

    def plan(self, row: int, plan: lime.Plan) -> None:
        """Keep a case's design, and what its fills do not change."""
        self.desk.arrays[f"design.{row}"] = plan.design
        for fill in self.fills:
            self.blind[fill][row] = plan.blind[fill][plan.segments]

    def answer(self, row: int, fill: str, answers: NDArray[np.float64], told: Sequence[Fit]) -> None:
        """Keep the model's answers ``(m, 2)`` to a case's perturbed pictures, for the predicted and the true class,
        and what explains each."""
        whole = np.full((self.samples, 2), np.nan)
        whole[: len(answers)] = answers
        self.asked[fill][row] = len(answers)
        self.answers[fill][row] = whole
        self.r2[fill][row] = [np.nan if fit.r2 is None else fit.r2 for fit in told]
        self.desk.arrays[f"weights-{fill}.{row}"] = np.stack([fit.weights for fit in told])
        self.desk.arrays[f"half-{fill}.{row}"] = np.stack([fit.half for fit in told])

    def close(self, walk: str) -> None:
        """Write what is as wide as the case with the most superpixels."""
        parts = self.desk.run.parts
        shapes = (array.shape for n in parts.numbers(walk) for array in parts.arrays(walk, n).values())
        widest = max((shape[1] for shape in shapes), default=1)
        kept = {"design": self._stack("design", self.samples, widest, dtype=np.bool_, empty=0)}
        for name in (f"{what}-{fill}" for fill in self.fills for what in ("weights", "half")):
            kept[name] = self._stack(name, 2, widest)
        for number in parts.numbers(walk):
            for name, array in parts.arrays(walk, number).items():
                stack, row = kept[name.rpartition(".")[0]], int(name.rpartition(".")[2])
                whole = np.full(stack.shape[1:], 0 if stack.dtype == bool else np.nan, stack.dtype)
                whole[: array.shape[0], : array.shape[1]] = array
                stack[row] = whole
