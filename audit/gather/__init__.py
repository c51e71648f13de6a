"""Ask the model and write down what it said: predictions, maps, regions, cues and effects of every case.

Three walks over the cases. The first only looks at the pictures: where regions are and what cues they bear. The
second asks the model: one forward and one backward for the maps, then LIME, removal, transplant and shifts through
one queue. The third looks back at the maps: would the explainers notice another network, are they faithful, and do
they point at a place that nobody listed? Every walk goes chunk by chunk, in any order and in any process that sees the
run's folder, and a chunk that is known is not asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from audit.explain.applied import Prepared
from audit.gather.artefacts import DISCOVERED, Artefacts
from audit.gather.desk import ASKED, FOUND, LOOKED, MAPPED, Desk, Load, Question
from audit.gather.global_cues import Cues
from audit.gather.kept import keep
from audit.gather.maps import Maps
from audit.gather.second_look import look_back
from audit.gather.survey import JOINT, surveying

__all__ = ["JOINT", "Ahead", "Desk", "Load", "Wait", "gather", "keep", "nothing", "walk"]

Wait = Callable[[], None]
Ahead = Callable[[str], Wait]
"""Told of a walk before it begins, so that other processes may make its chunks first; and what waits for them."""


def nothing() -> None:
    """There is nothing to wait for."""


def gather(desk: Desk, prepared: Prepared, ahead: Ahead = lambda name: nothing) -> None:
    """Ask everything that is not known yet of a run."""

    def each(name: str, wait: Wait) -> None:
        wait()
        chunk = walk(name, desk, prepared)
        for number in range(len(desk.chunks)):
            chunk(number)

    maps = Maps(desk, prepared)
    looked = ahead(LOOKED)
    if looked is not nothing:
        desk.progress.stage("maps, while the pictures are looked at", len(desk.cases))
        for number, rows in enumerate(desk.chunks):
            _map(desk, maps, number)
            desk.progress.step(rows.stop, "maps")
    desk.progress.stage("looking at the pictures", len(desk.cases))
    each(LOOKED, looked)
    desk.progress.stage("asking the model", len(desk.cases))
    each(ASKED, ahead(ASKED))
    maps.close(ASKED)
    look_back(desk, prepared, lambda name: each(name, ahead(name)))


def walk(name: str, desk: Desk, prepared: Prepared) -> Callable[[int], None]:
    """What makes one chunk of a walk, by its number; the walks before it must be known."""
    if name == LOOKED:
        return surveying(desk)
    desk.open_masks()
    if name == ASKED:
        return _asking(desk, prepared)
    assert name == FOUND, name
    found = Artefacts(desk, [r for r in desk.regions if r.detector == DISCOVERED])

    def chunk(number: int) -> None:
        questions = (q for row in desk.chunks[number] for q in found.questions(row))
        desk.part(FOUND, number, partial(desk.ask, questions))

    return chunk


def _asking(desk: Desk, prepared: Prepared) -> Callable[[int], None]:
    maps, artefacts, cues = Maps(desk, prepared), Artefacts(desk, desk.regions), Cues(desk)

    def questions(rows: range) -> Iterator[Question]:
        for row in rows:
            yield from maps.questions(row)
            yield from artefacts.questions(row)
            yield from cues.questions(row)

    def chunk(number: int) -> None:
        rows = desk.chunks[number]
        desk.progress.step(rows.start, "maps")
        _map(desk, maps, number)
        desk.part(ASKED, number, partial(desk.ask, questions(rows)))

    return chunk


def _map(desk: Desk, maps: Maps, number: int) -> None:
    desk.part(MAPPED, number, partial(maps.look, desk.chunks[number]))
