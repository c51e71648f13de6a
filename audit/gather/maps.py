"""Ask the model and write down what it said: predictions, maps, regions and effects of every case.

Each model pass is made once. A chunk of cases is read and traced (one forward and one backward give every CAM at every
depth and the vanilla gradient); then all changed pictures of LIME and of the removals go through one queue that
fills whole batches across cases. About one chunk of pictures is held at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from audit import intervene, regions
from audit.config import Config
from audit.errors import Undefined
from audit.explain import lime
from audit.explain.applied import Passes, Prepared, Traced
from audit.images.dataset import Picture
from audit.images.grid import Grid
from audit.models import Classifier
from audit.models.asking import ask
from audit.progress import Progress
from audit.record import (
    PREDICTED,
    TRUE,
    Case,
    Effect,
    Extent,
    Failure,
    Image,
    Mask,
    Prediction,
    Region,
    Run,
    Target,
)

Load = Callable[[Case], Picture]

HELD_OFF = ("text", "artefact", "padding")
"""Regions that no control place may touch, besides the lesion; a function of the user's is held off too. Corners
and border are places, not things: what stands in them is found by the others."""


@dataclass
class Gathered:
    """The rows, in the cases' order, and what it took."""

    passes: Passes
    predictions: list[Prediction] = field(default_factory=list)
    extents: list[Extent] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class _Asked:
    """A plan whose answers are awaited."""

    row: int
    plan: Any
    fill: str = ""


class Gatherer:
    """Walks over the cases once."""

    def __init__(
        self,
        run: Run,
        classifier: Classifier,
        cases: Sequence[Case],
        load: Load,
        *,
        config: Config,
        grid: Grid,
        regions: Sequence[Region],
        prepared: Prepared,
        audited: Sequence[str],
        passes: Passes,
        progress: Progress,
        keep_going: bool = False,
    ) -> None:
        self.run, self.classifier, self.cases, self.load = run, classifier, cases, load
        self.config, self.grid, self.regions, self.keep_going = config, grid, regions, keep_going
        self.trace, self.audited, self.progress = prepared.trace, list(audited), progress
        self.maps = [m for e in prepared.explained for m in e.maps]
        self.fills = [m.layer for m in self.maps if m.explainer == "lime"]
        self.gathered = Gathered(passes=passes)
        shape = (len(cases), *grid.size)
        self.masks = {r.name: run.new_array("regions", r.name, shape, np.bool_) for r in regions}
        names = [Run.map_name(m, t) for m in self.maps for t in (PREDICTED, TRUE)]
        self.heats = {n: run.new_array("maps", n, shape, np.float16) for n in names}
        self.answers: list[NDArray[np.float64]] = []
        self.lime = LimeRecord(run, self.fills, shape, config.lime.samples) if self.fills else None

    def __call__(self) -> Gathered:
        """Ask everything, in one go."""
        total = len(self.cases)
        self.progress.stage("asking the model", total)
        passes = self.gathered.passes

        def tick(pictures: int) -> None:
            passes.questions += pictures

        queue = ask(self.classifier.predict, self._plans(), batch=self.config.batch, tick=tick)
        for asked, answers in queue:
            self._settle(asked, answers)
            what = f"lime, {asked.fill}" if asked.fill else f"removal of {asked.plan.region}"
            self.progress.step(asked.row, what)
        self.progress.step(total, "done")
        if self.lime:
            self.lime.close()
        self._in_order()
        return self.gathered

    def _in_order(self) -> None:
        """Rows by case, region and class, whatever batch they were answered in."""
        case = {c.id: i for i, c in enumerate(self.cases)}
        region = {r.name: i for i, r in enumerate(self.regions)}
        self.gathered.effects.sort(key=lambda e: (case[e.case], region[e.region], self.audited.index(e.cls)))
        self.gathered.failures.sort(key=lambda f: (case[f.case], f.stage, f.error))

    # -- a chunk of cases --------------------------------------------------------------------------

    def _plans(self) -> Iterator[tuple[_Asked, Iterator[Image]]]:
        size = self.config.batch
        for start in range(0, len(self.cases), size):
            chunk = self.cases[start : start + size]
            pictures = [self.load(case) for case in chunk]
            images = np.stack([p.image for p in pictures]).astype(np.float32)
            self.progress.step(start, "maps")
            self._look(start, chunk, images)
            for row, (case, picture) in enumerate(zip(chunk, pictures, strict=True), start=start):
                yield from self._questions(row, case, picture)

    def _look(self, start: int, chunk: Sequence[Case], images: NDArray[np.float32]) -> None:
        """Predict a chunk, and make its maps where the model's inside can be seen."""
        ids = [c.id for c in chunk]
        classes = list(self.classifier.classes)
        if self.trace is None:
            answers = self.classifier.predict(images)
            self.gathered.passes.predict += len(images)
            traced = Traced(answers)
        else:
            traced = self.trace(images, ids, None)
            answers = traced.probabilities
        self._keep_all(traced, range(start, start + len(chunk)), PREDICTED)
        predicted = answers.argmax(1)
        for case, answer, best in zip(chunk, answers, predicted, strict=True):
            self.answers.append(answer)
            self.gathered.predictions.append(
                Prediction(
                    case=case.id,
                    label=case.label,
                    predicted=classes[best],
                    probabilities=tuple(float(p) for p in answer),
                )
            )
        wrong = [
            i for i, (c, best) in enumerate(zip(chunk, predicted, strict=True)) if c.label != classes[best]
        ]
        if wrong and self.trace is not None:
            targets = [classes.index(chunk[i].label) for i in wrong]
            traced = self.trace(images[wrong], [ids[i] for i in wrong], targets)
            self._keep_all(traced, [start + i for i in wrong], TRUE)

    def _keep_all(self, traced: Traced, rows: Sequence[int], target: Target) -> None:
        for name, heats in traced.heats.items():
            for row, heat in zip(rows, heats, strict=True):
                self._keep(Run.map_name(name, target), row, heat)
        for name, why in traced.undefined.items():
            self.gathered.failures += [
                Failure(case=self.cases[row].id, stage="explain", error=f"{name}: {why}") for row in rows
            ]

    def _keep(self, name: str, row: int, heat: NDArray[np.floating]) -> None:
        """Store a map over its own largest magnitude. One that is not finite is stored as nothing, and told."""
        largest = float(np.abs(heat).max())
        if not np.isfinite(largest):
            error = f"the map {name} is not finite"
            self.gathered.failures.append(Failure(case=self.cases[row].id, stage="explain", error=error))
            return
        self.heats[name][row] = heat / largest if largest > 0 else heat

    # -- one case ----------------------------------------------------------------------------------

    def _questions(self, row: int, case: Case, picture: Picture) -> Iterator[tuple[_Asked, Iterator[Image]]]:
        image = picture.image
        thumb = Pillow.fromarray(np.round(image * 255).astype(np.uint8))
        thumb.save(self.run.thumb(case.id), quality=92, subsampling=0)
        if self.lime:
            try:
                plan = lime.plan(
                    image, rng=self._rng(row, "lime"), samples=self.config.lime.samples, fills=self.fills
                )
            except Undefined as why:
                self.gathered.failures.append(Failure(case=case.id, stage="lime", error=str(why)))
            else:
                self.lime.plan(row, plan)
                for fill in self.fills:
                    yield _Asked(row, plan, fill), _one_by_one(plan, fill)
        yield from self._removals(row, case, picture)

    def _removals(self, row: int, case: Case, picture: Picture) -> Iterator[tuple[_Asked, Iterator[Image]]]:
        image = picture.image
        failed: list[str] = []
        found = regions.find(self.regions, picture, self.grid, failed=failed if self.keep_going else None)
        self.gathered.failures += [Failure(case=case.id, stage="regions", error=error) for error in failed]
        known = {name: mask for name, mask in found.items() if not isinstance(mask, str)}
        off = [m for n, m in known.items() if n in HELD_OFF or n not in regions.NAMES]
        lesion = np.zeros(image.shape[:2], bool) if picture.lesion is None else picture.lesion
        forbidden = np.logical_or.reduce([lesion, *off])
        for region in self.regions:
            mask = found[region.name]
            if isinstance(mask, str):
                self._absent(case, region, mask)
                continue
            self.masks[region.name][row] = mask
            if not mask.any():
                self._extent(case, region, image, mask, present=False)
                self._absent(case, region, "", extent=False)
                continue
            if region.name == "padding":
                self._extent(case, region, image, mask, present=True)
                self._absent(case, region, intervene.CONSTANT, extent=False)
                continue
            plan = intervene.plan(
                region.name,
                image,
                mask,
                forbidden,
                rng=self._rng(row, region.name),
                keep=lesion if region.role == "artefact" else None,
                controls=self.config.removal.controls,
            )
            here = region.role == "lesion" or plan.painted is not None or plan.why != intervene.NOTHING
            self._extent(case, region, image, mask, present=here)
            yield _Asked(row, plan), plan.questions(image)

    def _rng(self, row: int, purpose: str) -> np.random.Generator:
        """A stream for each case and purpose, so that no result depends on what else is asked."""
        name = f"{self.cases[row].id}\0{purpose}".encode()
        return np.random.default_rng([self.config.seed, *name])

    def _extent(self, case: Case, region: Region, image: Image, mask: Mask, *, present: bool) -> None:
        inside = image[mask].mean(1) if mask.any() else None
        self.gathered.extents.append(
            Extent(
                case=case.id,
                region=region.name,
                present=present,
                area=float(mask.mean()),
                mean=None if inside is None else float(inside.mean(dtype=float)),
                spread=None if inside is None else float(inside.std(dtype=float)),
            )
        )

    def _absent(self, case: Case, region: Region, why: str, *, extent: bool = True) -> None:
        if extent:
            self.gathered.extents.append(
                Extent(
                    case=case.id, region=region.name, present=None, area=None, mean=None, spread=None, why=why
                )
            )
        why = why or "the region is not in this picture"
        self.gathered.effects += [intervene.missing(case.id, region.name, cls, why) for cls in self.audited]

    def _settle(self, asked: _Asked, answers: NDArray[np.float64]) -> None:
        """Reduce the answers to a plan's questions."""
        row, case = asked.row, self.cases[asked.row]
        before = self.answers[row]
        classes = list(self.classifier.classes)
        if not asked.fill:
            exclusive = self.config.model.output != "multilabel"
            self.gathered.effects += intervene.effects(
                case.id, asked.plan, before, answers, classes, self.audited, exclusive=exclusive
            )
            return
        assert self.lime is not None
        targets = [int(before.argmax()), classes.index(case.label)]
        for number, target in enumerate(targets):
            weights, r2, heat = lime.reduce(asked.plan, answers[:, target], asked.fill)
            self.lime.answer(row, asked.fill, number, answers[:, target], weights, r2)
            if number == 0:
                self._keep(f"lime.{asked.fill}", row, heat)
            elif targets[0] != target:
                self._keep(Run.map_name(f"lime.{asked.fill}", TRUE), row, heat)


def _one_by_one(plan: lime.Plan, fill: str) -> Iterator[Image]:
    """The changed pictures, made as they are asked: a thousand of them together would fill the memory."""
    for start in range(0, len(plan), 16):
        yield from plan.questions(fill, slice(start, start + 16))


class LimeRecord:
    """LIME's superpixels, designs, answers and weights, so that any threshold can be taken later."""

    def __init__(self, run: Run, fills: Sequence[str], shape: tuple[int, ...], samples: int) -> None:
        self.run, self.fills, self.count, self.samples = run, fills, shape[0], samples
        self.segments = run.new_array("lime", "segments", shape, np.uint16)
        self.blind = {f: run.new_array("blind", f"lime.{f}", shape, np.bool_) for f in fills}
        self.answers = {f: self._array(f"answers-{f}", samples, 2) for f in fills}
        self.r2 = {f: self._array(f"r2-{f}", 2) for f in fills}
        self.designs: dict[int, NDArray[np.bool_]] = {}
        self.weights: dict[tuple[int, str, int], NDArray[np.float64]] = {}

    def _array(self, name: str, *shape: int) -> NDArray[np.float32]:
        return self.run.new_array("lime", name, (self.count, *shape), np.float32)

    def plan(self, row: int, plan: lime.Plan) -> None:
        """Keep a case's superpixels and design."""
        self.segments[row] = plan.segments
        self.designs[row] = plan.design
        for fill in self.fills:
            self.blind[fill][row] = plan.blind[fill][plan.segments]

    def answer(
        self,
        row: int,
        fill: str,
        target: int,
        answers: NDArray[np.float64],
        weights: NDArray[np.float64],
        r2: float | None,
    ) -> None:
        """Keep the model's answers to a case's perturbed pictures, and the weights that explain them."""
        self.answers[fill][row, :, target] = answers
        self.weights[row, fill, target] = weights
        self.r2[fill][row, target] = np.nan if r2 is None else r2

    def close(self) -> None:
        """Write what is as wide as the case with the most superpixels."""
        widest = max((d.shape[1] for d in self.designs.values()), default=1)
        designs = self.run.new_array("lime", "design", (self.count, self.samples, widest), np.bool_)
        for row, design in self.designs.items():
            designs[row, :, : design.shape[1]] = design
        for fill in self.fills:
            kept = self._array(f"weights-{fill}", 2, widest)
            kept[:] = np.nan
            for (row, name, target), weights in self.weights.items():
                if name == fill:
                    kept[row, target, : len(weights)] = weights
