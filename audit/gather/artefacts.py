"""The questions about artefacts: each region of a case painted over, and put into cases of other classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from audit import intervene, regions
from audit.errors import Undefined
from audit.gather.desk import LOOKED, Answers, Desk, Question
from audit.gather.survey import JOINT
from audit.intervene import donors, transplant
from audit.intervene.fills import REFLECT
from audit.intervene.removal import INPAINT
from audit.measure.guard import GUARD_CONTROLS
from audit.record import Effect, Extent, Image, Mask, Region
from audit.record.stack import Stack
from audit.regions import place

HELD_OFF = ("text", "artefact", "padding")
"""Regions that no control place may touch, besides the lesion; a function of the user's is held off too. Corners
and border are places, not things: what stands in them is found by the others."""

NOT_THERE = "the region is not in this picture"
UNTOUCHED = ("untouched", "")
PLACED = "placed"
"""The part that says where in each case the places lie that the audit found by itself."""

DISCOVERED = "discovered"
"""The detector of places that the audit found by itself."""


class Artefacts:
    """Removal and transplant of every region, case by case."""

    def __init__(self, desk: Desk, wanted: Sequence[Region]) -> None:
        self.desk, self.regions = desk, list(wanted)
        self.found = all(r.detector == DISCOVERED for r in wanted)
        walk = PLACED if self.found else LOOKED
        extents = {(e.region, e.case): e for e in desk.run.parts.rows(Extent, walk)}
        self.known = {
            r.name: [extents[r.name, c.id].present is not None for c in desk.cases] for r in self.regions
        }
        self.why = {key: e.why for key, e in extents.items() if e.why}
        labels = np.array([c.label for c in desk.cases], dtype=object)
        self.alike = {x: np.flatnonzero(labels == x) for x in set(labels)}
        covers = {
            r.name: np.array([bool(extents[r.name, c.id].area) for c in desk.cases], bool)
            for r in self.regions
            if self._place(r)
        }
        # for each place and label the cases of another label in which it covers anything
        self.shown = {
            (name, x): np.flatnonzero(there & (labels != x))
            for name, there in covers.items()
            for x in self.alike
        }
        self.bearers = donors.Bearers(
            labels=[c.label for c in desk.cases],
            bears={
                r.name: [extents[r.name, c.id].present for c in desk.cases]
                for r in self.regions
                if not self._place(r)
            },
            patients=[c.patient for c in desk.cases],
        )

    @staticmethod
    def _place(region: Region) -> bool:
        """Is it a part of the frame that every picture has?"""
        fixed = region.detector in (DISCOVERED, place.DETECTOR) and not region.borne
        return fixed or region.name in regions.PLACES or region.name == JOINT.name

    def questions(self, row: int) -> Iterator[Question]:
        """Every question about one case's regions."""
        image, _ = self.desk.picture(row)
        if hasattr(self.desk.classifier, "look") and not self.found:
            yield self._untouched(row, image)
        for region in self.regions:
            yield from self._removal(row, region, image)
            if region.role == "artefact" and region.name not in (JOINT.name, "padding"):
                yield from self._transplant(row, region, image)

    def _untouched(self, row: int, image: Image) -> Question:
        """A case as it is, for the features that fills are held against."""

        def settle(_: Answers, features: NDArray[np.float32]) -> None:
            if features.shape[1]:
                self._features(UNTOUCHED, features.shape[1], 1)[row] = features[:1]

        return Question(row=row, what="untouched", pictures=[image], settle=settle)

    def _features(self, key: tuple[str, str], width: int, kept: int) -> Stack:
        """The stack of features ``(n, kept, width)`` of a region and fill; NaN where nothing was asked."""
        shape = (len(self.desk.cases), kept, width)
        return self.desk.stack("features", ".".join(key), shape, np.float32, empty=np.nan)

    # -- taken away --------------------------------------------------------------------------------

    def _removal(self, row: int, region: Region, image: Image) -> Iterator[Question]:
        desk, case = self.desk, self.desk.cases[row]
        mask = np.asarray(desk.masks[region.name][row])
        if not self.known[region.name][row] or not mask.any():
            why = self.why.get((region.name, case.id)) or NOT_THERE
            fill = REFLECT.name if region.name == "padding" else INPAINT
            self._missing(row, region, partial(intervene.missing, fill=fill), why)
            return
        if region.name == "padding":
            yield from self._bars(row, region, image, mask)
            return
        settings, lesion = desk.config.removal, desk.lesion(row)
        artefact = region.role == "artefact"
        fills = settings.fills if artefact and region.name != JOINT.name else settings.fills[:1]
        plan = intervene.plan(
            region.name,
            image,
            mask,
            self._forbidden(row),
            rng=desk.rng(row, region.name),
            keep=lesion if artefact else None,
            controls=settings.controls,
            fills=fills,
            few=min(settings.controls, settings.few),
            donor=self._without(row, region, mask) if "donor" in fills else None,
            doses=settings.doses if artefact and region.name != JOINT.name else (),
        )

        def settle(answers: Answers, features: NDArray[np.float32]) -> None:
            self._effects(row, plan, answers)
            if artefact and features.shape[1]:
                self._keep_features(row, region, plan, features)

        yield Question(
            row=row, what=f"removal of {region.name}", pictures=plan.questions(image), settle=settle
        )

    def _bars(self, row: int, region: Region, image: Image, mask: Mask) -> Iterator[Question]:
        """Constant bars are filled with the picture's reflection; nothing else may be painted into padding."""
        plan = intervene.bars_plan(region.name, image, mask, keep=self.desk.lesion(row))

        def settle(answers: Answers, _: NDArray[np.float32]) -> None:
            self._effects(row, plan, answers)

        yield Question(row=row, what="removal of padding", pictures=plan.questions(image), settle=settle)

    def _effects(self, row: int, plan: intervene.Asked, answers: Answers) -> None:
        self.desk.add(*self.desk.effects(intervene.effects, row, plan, answers))

    def _forbidden(self, row: int) -> Mask:
        """Lesions and artefacts, where no control place may lie."""
        masks = self.desk.masks
        held = [n for n in masks if n in HELD_OFF or self._own(n)]
        forbidden: Mask = np.logical_or.reduce([self.desk.lesion(row), *(masks[n][row] for n in held)])
        return forbidden

    def _own(self, name: str) -> bool:
        region = next((r for r in self.desk.regions if r.name == name), None)
        ours = name in regions.NAMES or name.startswith("lesion:") or name == JOINT.name
        return region is not None and region.role == "artefact" and not ours and not self._place(region)

    def _without(self, row: int, region: Region, mask: Mask) -> Image | None:
        """A case of the same label that does not bear the region, nor a lesion where it would be put."""
        if self._place(region):
            return None
        rng, desk = self.desk.rng(row, f"donor of {region.name}"), self.desk
        for label in (False, None):
            try:
                found = donors.donors(
                    self.bearers, region.name, row, rng, count=5, bearing=False, other_label=label
                )
            except Undefined:
                continue
            for donor in found:
                if not (desk.lesion(donor) & mask).any():
                    return desk.picture(donor)[0]
        return None

    def _keep_features(
        self, row: int, region: Region, plan: intervene.Plan, features: NDArray[np.float32]
    ) -> None:
        """For each fill the features of the filled picture and of its first controls."""
        kept = 1 + GUARD_CONTROLS
        for fill, rows in intervene.filled_rows(plan).items():
            chosen = features[list(rows)[:kept]]
            whole = np.full((kept, features.shape[1]), np.nan, np.float32)
            whole[: len(chosen)] = chosen
            self._features((region.name, fill), features.shape[1], kept)[row] = whole

    # -- put there ---------------------------------------------------------------------------------

    def _transplant(self, row: int, region: Region, image: Image) -> Iterator[Question]:
        desk, case = self.desk, self.desk.cases[row]
        rng = desk.rng(row, f"transplant of {region.name}")
        try:
            pasted, plain = self._given(row, region, rng)
        except Undefined as why:
            self._missing(row, region, transplant.missing, str(why))
            return
        plan = transplant.plan(
            region.name,
            image,
            [(desk.picture(d)[0], np.asarray(desk.masks[region.name][d])) for d in pasted],
            [desk.picture(d)[0] for d in plain],
            keep=desk.lesion(row),
            rng=rng,
            moved=not self._place(region),
            local=not self._place(region),
        )

        def settle(answers: Answers, _: NDArray[np.float32]) -> None:
            effects = desk.effects(transplant.effects, row, plan, answers)
            shown = {case.label, *(desk.cases[d].label for d in pasted)}
            of_place = self._place(region)
            desk.add(*(transplant.of_place(e, case.label, shown) if of_place else e for e in effects))

        yield Question(
            row=row, what=f"transplant of {region.name}", pictures=plan.questions(image), settle=settle
        )

    def _given(
        self, row: int, region: Region, rng: np.random.Generator
    ) -> tuple[Sequence[int], Sequence[int]]:
        """Whose artefact is put here, and whose plain patch is put here as a control.

        A place shows something in every picture: what it shows in cases of another class is put here, and what it
        shows in other cases of this class is the control.
        """
        count = self.desk.config.transplant.donors
        if self._place(region):
            own = self.desk.cases[row].label
            other, same = self.shown[region.name, own], self.alike[own]
            same = same[same != row]
            if not len(other) or not len(same):
                raise Undefined("no case of another class, or no other one of this class, to take it from")
            return _some(other, count, rng), _some(same, count, rng)
        if self.bearers.bears[region.name][row] is not False:
            raise Undefined(
                "this picture bears it already" if self.known[region.name][row] else "nobody knows"
            )
        take, name = partial(donors.donors, self.bearers, count=count), region.name
        pasted = take(name, row, rng, bearing=True, other_label=True)
        # the controls' tissue is best of the class that the artefact is taken from
        for label in (True, None):
            try:
                return pasted, take(name, row, rng, bearing=False, other_label=label)
            except Undefined:
                continue
        return pasted, []

    def _missing(self, row: int, region: Region, how: Callable[..., Effect], why: str) -> None:
        case = self.desk.cases[row].id
        self.desk.add(*(how(case, region.name, cls, why) for cls in self.desk.audited))


def _some(rows: NDArray[np.intp], count: int, rng: np.random.Generator) -> list[int]:
    return [int(i) for i in rng.choice(rows, min(count, len(rows)), replace=False)]
