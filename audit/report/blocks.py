"""What a report is made of: frozen, plain values that a template can only print."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")

CellKind = Literal["text", "number", "pair", "missing", "plot", "group"]


@dataclass(frozen=True, kw_only=True)
class Whisker:
    """An interval drawn on a line of length 100.

    ``zero`` is where the line of no effect stands, if any; ``limits`` where a rule's limits stand.
    """

    low: float
    value: float
    high: float
    zero: float | None
    label: str
    limits: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A few values in their order, joined by a line, on a field of 100 by 100 whose top is 0; ``zero`` as there."""

    points: tuple[tuple[float, float], ...]
    zero: float | None
    label: str


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell. ``shade`` is a step from 0 to 10; ``span`` counts columns."""

    text: str = ""
    kind: CellKind = "text"
    span: int = 1
    shade: int | None = None
    plot: Whisker | None = None
    curve: Curve | None = None

    @property
    def long(self) -> bool:
        """Does it hold a word so long that it must be broken to fit a column?"""
        return any(len(word) > 20 for word in self.text.split())


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with its caption. ``head`` names the columns; the first cell of a row names the row."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A composed JPEG at its final size in pixels; ``key`` names its bytes."""

    key: str
    jpeg: bytes
    width: int
    height: int
    alt: str
    caption: str


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Pictures that are looked at side by side."""

    title: str
    pictures: tuple[Picture, ...]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A name and what it is."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word of the verdict: its key, the word as printed, a sign beside the colour, and what it means."""

    key: str
    word: str
    sign: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why the overall verdict is what it is: one artefact or sign, and class."""

    artefact: str
    cls: str
    verdict: Word
    statement: str

    @property
    def first(self) -> str:
        """The first sentence: the page shows it, and the others when they are asked for."""
        return SENTENCE.split(self.statement, maxsplit=1)[0]

    @property
    def rest(self) -> str:
        """The sentences after the first."""
        return self.statement[len(self.first) :].strip()


@dataclass(frozen=True, kw_only=True)
class FindingBlock:
    """One finding as printed: what it says, the numbers it says it from, the cases that show it."""

    title: str
    region: str
    cls: str
    outcome: Word
    statement: str
    why: str
    estimates: Table | None
    most: Strip | None
    least: Strip | None
    note: str


@dataclass(frozen=True, kw_only=True)
class RuleBlock:
    """A rule and its findings of one outcome. ``digest`` is the beginning of the SHA-256 of its file."""

    id: str
    digest: str
    title: str
    severity: str
    evidence: str
    what: str
    why: str
    limits: tuple[str, ...]
    references: tuple[str, ...]
    requirements: tuple[str, ...]
    risks: tuple[str, ...]
    findings: tuple[FindingBlock, ...]


@dataclass(frozen=True, kw_only=True)
class FoundBlock:
    """A place that nobody listed. ``line`` names it in the next audit's configuration; empty where it moves."""

    title: str
    verdict: Word | None
    facts: tuple[Fact, ...]
    line: str
    strips: tuple[Strip, ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True, kw_only=True)
class CaseBlock:
    """One case of the gallery."""

    title: str
    chosen: str
    facts: tuple[Fact, ...]
    strips: tuple[Strip, ...]
