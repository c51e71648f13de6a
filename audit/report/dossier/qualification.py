"""Whether the installation that made a run had shown that it works: the record of ``pfungst selftest``, if given."""

from __future__ import annotations

from typing import Any

from audit.record import seal
from audit.report import words
from audit.report.source import Source

NAME = "selftest.json"


def record(source: Source) -> dict[str, Any] | None:
    """The record that the run keeps, None where there is none or its bytes are not what was sealed."""
    path = source.run.path / NAME
    found, wrong = seal.read(path) if path.is_file() else (None, "")
    return None if wrong else found


def differences(source: Source, found: dict[str, Any]) -> list[str]:
    """What was installed otherwise when the run was made, in words."""
    told = dict(found.get("installation") or {})
    then = {str(p.get("name")): p.get("version") for p in told.get("packages") or []}
    then["pfungst"] = told.get("pfungst")
    now = source.run.manifest.get("packages") or {}
    return [
        f"{name} {now[name]}, tested with {then[name]}"
        for name in sorted(set(now) & set(then))
        if then[name] is not None and now[name] != then[name]
    ]


def qualified(source: Source) -> bool:
    """Is there a record, did every part of it pass, and was the same installed?"""
    found = record(source)
    return found is not None and found.get("passed") is True and not differences(source, found)


def told(source: Source) -> str:
    """The same in a line."""
    found = record(source)
    if found is None:
        return "no record of `pfungst selftest` was given"
    count = words.count(len(found.get("answers") or []), "known answer")
    came_to = "passed" if found.get("passed") is True else "failed"
    other = differences(source, found)
    same = f"; the run was made with other packages: {', '.join(other)}" if other else ""
    return f"{came_to}, {count}, begun {words.plain(found.get('begun'))}, seal {found[seal.KEY]}{same}"
