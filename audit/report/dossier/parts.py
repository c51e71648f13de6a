"""What a section of the dossier is made of, and how what was stated, or was not, is printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit.report.blocks import Cell, Fact, Table
from audit.report.source import Source

NOT_STATED = "not stated"

MOST = 60
"""Rows of one table; the rest is counted."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """Sentences, then facts, then tables."""

    words: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    tables: tuple[Table, ...] = ()


def stated(source: Source, part: str) -> dict[str, Any]:
    """What the configuration states under a key; empty for runs made before there was such a key."""
    found = (source.run.manifest.get("config") or {}).get(part)
    return dict(found) if isinstance(found, Mapping) else {}


def facts(said: Mapping[str, Any], names: Mapping[str, str]) -> tuple[Fact, ...]:
    """One fact for each name, "not stated" where nothing is.

    >>> [f.text for f in facts({"purpose": "triage"}, {"purpose": "Purpose", "users": "Users"})]
    ['triage', 'not stated']
    """
    return tuple(Fact(name=title, text=str(said.get(key) or NOT_STATED)) for key, title in names.items())


def table(
    caption: str,
    head: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    *,
    note: str = "",
    kind: str = "text",
    most: int = MOST,
) -> Table | None:
    """Rows of text as a table, the first so many; None where there are none."""
    if not rows:
        return None
    left = len(rows) - most
    if left > 0:
        note = f"{note} {left:,} more in the run directory.".strip()
    cells = tuple(tuple(Cell(text=text) for text in row) for row in rows[:most])
    return Table(caption=caption, head=head, rows=cells, note=note, kind=kind)


def kept(*tables: Table | None) -> tuple[Table, ...]:
    """Those that are."""
    return tuple(t for t in tables if t is not None)
