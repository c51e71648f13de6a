"""Item by item: what somebody asks for, where in this report it stands, and whether this very run holds it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from audit.report import words
from audit.report.dossier.frameworks import Framework, Item, read
from audit.report.dossier.held import HELD
from audit.report.source import Source
from audit.resources import folder

Status = Literal["evidenced", "partly", "not addressed"]

SIGNS: dict[Status, str] = {"evidenced": "●", "partly": "◐", "not addressed": "○"}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One item as printed. ``where`` are the sections' names."""

    id: str
    unverified: bool
    title: str
    where: tuple[str, ...]
    status: Status
    sign: str
    lacking: str


@dataclass(frozen=True, kw_only=True)
class Walk:
    """One framework as printed."""

    title: str
    edition: str
    about: str
    count: str
    lines: tuple[Line, ...]


def status(item: Item, held: frozenset[str]) -> tuple[Status, list[str]]:
    """What an item comes to where these facts are held, and which facts are lacking.

    >>> item = Item(id="a", title="b", evidenced_by=["claim", "seal"])
    >>> status(item, frozenset(["seal"]))
    ('partly', ['claim'])
    """
    lacking = [name for name in dict.fromkeys((*item.needs, *item.evidenced_by)) if name not in held]
    found = [name for name in item.evidenced_by if name in held]
    if not found or any(name not in held for name in item.needs):
        return "not addressed", lacking
    return ("partly" if lacking or item.beyond else "evidenced"), lacking


def walks(source: Source) -> tuple[Walk, ...]:
    """Every shipped framework, as far as this run goes."""
    held = frozenset(name for name, fact in HELD.items() if fact.test(source))
    return tuple(_walk(one, held) for one in read(folder("rules") / "frameworks"))


def _walk(one: Framework, held: frozenset[str]) -> Walk:
    lines = tuple(_line(item, held) for item in one.items)
    count = Counter(line.status for line in lines)
    said = ", ".join(f"{count[s]} {s}" for s in SIGNS)
    return Walk(
        title=one.title,
        edition=words.sentence(one.edition),
        about=words.sentence(one.about),
        count=f"Of {len(lines)} items: {said}.",
        lines=lines,
    )


def _line(item: Item, held: frozenset[str]) -> Line:
    came_to, lacking = status(item, held)
    said = [HELD[name].words for name in lacking]
    text = f"Missing: {', '.join(said)}." if said else ""
    return Line(
        id=item.id,
        unverified=item.numbering == "unverified",
        title=item.title,
        where=tuple(item.where) if came_to != "not addressed" else (),
        status=came_to,
        sign=SIGNS[came_to],
        lacking=" ".join(t for t in (text, item.beyond or "") if t) or "–",
    )
