"""The second look: may the explainers be believed, and do they point at a place that nobody listed?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from audit import discover
from audit.errors import Undefined
from audit.explain import baselines
from audit.explain.applied import Prepared
from audit.gather.artefacts import PLACED
from audit.gather.desk import FOUND, MAPPED, Answers, Desk, Question
from audit.gather.survey import JOINT, extent
from audit.intervene import ordering
from audit.record import Faithfulness, Map, Prediction
from audit.record.stack import scratch


def look_back(desk: Desk, prepared: Prepared, each: Callable[[str], None]) -> None:
    """Ask what needs the maps of the second walk; ``each`` makes a walk's chunks."""
    maps = [m for e in prepared.explained for m in e.maps if m.family != baselines.FAMILY]
    desk.part("sanity", 0, partial(_sanity, desk, prepared))
    desk.part("faithful", 0, partial(_faithfulness, desk, maps))
    _discovery(desk, maps, each)


def spread(cases: int, wanted: int) -> list[int]:
    """So many rows, evenly over the set.

    >>> spread(10, 3), spread(2, 8)
    ([0, 4, 9], [0, 1])
    """
    if wanted <= 0 or not cases:
        return []
    return sorted({int(i) for i in np.linspace(0, cases - 1, min(wanted, cases))})


def _sanity(desk: Desk, prepared: Prepared) -> None:
    """Would the maps of the same network with other weights be the same? A black box has no weights to draw."""
    rows = spread(len(desk.cases), desk.config.second_look.sanity)
    if prepared.trace is None or not rows:
        return
    from audit.explain.sanity import cascade

    desk.progress.stage("drawing the weights anew", 0)
    before = desk.passes.network
    found = cascade(
        desk.classifier,  # type: ignore[arg-type]  # it can be traced, so it is a network
        np.stack([desk.picture(row)[0] for row in rows]),
        [desk.cases[row].id for row in rows],
        names=desk.config.explainers,
        layers=desk.config.model.layers,
        seed=desk.config.seed,
        batch=desk.config.batch,
        smoothgrad_sigma=desk.config.smoothgrad.sigma,
        lime_design=desk.config.lime.design,
        lime_target=desk.config.lime.target,
        passes=desk.passes,
        prepared=prepared,
        segments=None if desk.segments is None else [desk.segments[row] for row in rows],
    )
    desk.passes.kinds["sanity"] = desk.passes.network - before
    desk.add(*found)


def _faithfulness(desk: Desk, maps: Sequence[Map]) -> None:
    """Does the answer fall where a map says that it should?"""
    found: list[tuple[int, int, list[Faithfulness]]] = []
    classes = list(desk.classifier.classes)

    def questions() -> Iterator[Question]:
        for row in spread(len(desk.cases), desk.config.second_look.faithfulness):
            image, case = desk.picture(row)[0], desk.cases[row].id
            column, soft = int(desk.answer(row).argmax()), ordering.blurred(image)
            plans = [
                ordering.plan(
                    m.explainer,
                    m.layer,
                    image,
                    np.asarray(desk.run.array("maps", m.name)[row], np.float32),
                    rng=desk.rng(row, "faithfulness"),
                )
                for m in maps
            ]
            plans.append(ordering.by_chance(image, rng=desk.rng(row, "faithfulness")))
            for number, plan in enumerate(plans):

                def settle(
                    answers: Answers,
                    _: NDArray[np.float32],
                    row: int = row,
                    number: int = number,
                    plan: ordering.Plan = plan,
                    case: str = case,
                    column: int = column,
                ) -> None:
                    reduced = ordering.reduce(case, plan, classes[column], column, desk.answer(row), answers)
                    found.append((row, number, reduced))

                what = f"faithfulness of {plan.explainer}"
                pictures = plan.questions(image, soft)
                yield Question(row=row, what=what, pictures=pictures, settle=settle)

    if maps and desk.config.second_look.faithfulness:
        desk.progress.stage("asking whether the maps are faithful", 0)
        desk.ask(questions())
    desk.add(*(row for _, _, rows in sorted(found, key=lambda f: f[:2]) for row in rows))


def _discovery(desk: Desk, maps: Sequence[Map], each: Callable[[str], None]) -> None:
    """Places that nobody listed, proposed from the maps and the pictures, and taken away like any other region."""
    most = desk.config.second_look.discovery
    if not most:
        return
    desk.progress.stage("looking for places that nobody listed", 0)
    labels = [c.label for c in desk.cases]
    predicted = [p.predicted for p in desk.run.parts.rows(Prediction, MAPPED)]
    listed = [desk.masks[r.name] for r in desk.regions if r.role == "artefact" and r.name != JOINT.name]
    known = None
    if listed:
        known = scratch(desk.shape, np.bool_)
        for mask in listed:
            known |= np.asarray(mask)
    lesions, drawn = scratch(desk.shape, np.bool_), False
    for row in range(len(desk.cases)):
        lesion = desk.picture(row)[1]
        if lesion is not None:
            lesions[row], drawn = lesion, True
    off = lesions if drawn else None
    also: list[discover.Candidate] = []
    try:
        for propose in (discover.informative_places, discover.things):
            also += propose(
                (desk.picture(row)[0] for row in range(len(desk.cases))),
                labels,
                lesions=off,
                known=known,
                patients=[c.patient for c in desk.cases],
                seed=desk.config.seed,
            )
    except Undefined as why:
        desk.undiscovered.append(str(why))
    heats = {m.name: desk.run.array("maps", m.name) for m in maps}
    try:
        found = discover.candidates(
            heats,
            off,
            labels,
            predicted,
            known=known,
            seed=desk.config.seed,
            most=most,
            families={m.name: m.family for m in maps},
            also=also,
            look=lambda row: desk.picture(row)[0],
        )
    except Undefined as why:
        desk.undiscovered.append(str(why))
        found = discover.chosen(also, most=most)
    discover.save(desk.run, found, [c.id for c in desk.cases])
    desk.regions.extend(candidate.region for candidate in found)
    desk.open_masks()
    for candidate in found:
        for row, mask in enumerate(candidate.masks):
            desk.masks[candidate.region.name][row] = mask
    desk.part(PLACED, 0, partial(_extents, desk, found))
    if found:
        desk.progress.stage("asking about places that nobody listed", len(desk.cases))
        each(FOUND)


def _extents(desk: Desk, found: Sequence[discover.Candidate]) -> None:
    for candidate in found:
        for row, case in enumerate(desk.cases):
            mask = candidate.masks[row]
            extent(desk, case, candidate.region, desk.picture(row)[0], mask, desk.lesion(row))
