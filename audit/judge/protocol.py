"""A protocol: the digests of the rules, written down before a run, so that a limit moved later shows.

The lock proves no date by itself. Its digest, noted elsewhere before the run (a signed page, a version control commit),
does; the report says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML

from audit import documents
from audit.errors import ConfigError, Problem
from audit.judge.rules import files, load
from audit.record.files import sha256

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LockedRule(_Part):
    """One rule file: its name, for the reader, and its bytes."""

    id: str
    file: str
    sha256: Digest


class Lock(_Part):
    """What was fixed, and when by the clock of whoever fixed it."""

    protocol: Literal[1]
    locked: str
    rules: Annotated[list[LockedRule], Field(min_length=1)]
    digest: Digest


def digest(rules: Sequence[tuple[str, str]]) -> str:
    """One digest of all rules: the SHA-256 of the lines ``sha256  id`` in their order by text.

    >>> digest([("a", "0" * 64)])[:8]
    '53d743f3'
    """
    lines = sorted(f"{value}  {name}\n" for name, value in rules)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def lock(names_or_paths: Sequence[str], out: Path, *, folder: Path, now: str) -> Lock:
    """Write a protocol of these rules, and return it.

    Raises:
        ConfigError: a rule has a mistake, or there is a file already: a protocol is not written over.
    """
    found = files(names_or_paths, folder=folder)
    rules = load([str(f) for f in found], folder=folder)
    rows = [LockedRule(id=r.id, file=f.name, sha256=sha256(f)) for r, f in zip(rules, found, strict=True)]
    made = Lock(protocol=1, locked=now, rules=rows, digest=digest([(r.id, r.sha256) for r in rows]))
    yaml = YAML()
    yaml.default_flow_style = False
    try:
        with out.open("x", encoding="utf-8") as file:
            yaml.dump(made.model_dump(), file)
    except FileExistsError:
        todo = "name another with -o; a protocol is not written over"
        raise ConfigError("there is a file already", where=str(out), todo=todo) from None
    return made


def read(path: Path) -> Lock:
    """A protocol as it was written.

    Raises:
        ConfigError: it is none, or was changed since: its digest is not that of its rules.
    """
    text = documents.read(path)
    if text.problems:
        raise ConfigError(text.problems)
    try:
        found = Lock.model_validate(text.values)
    except ValidationError as error:
        raise ConfigError(documents.problems(text, error, Lock)) from error
    if found.digest != digest([(r.id, r.sha256) for r in found.rules]):
        where = text.where(("digest",))
        todo = "take the protocol as `pfungst rules lock` wrote it"
        raise ConfigError("the digest is not that of the rules listed", where=where, todo=todo)
    return found


def differences(found: Lock, rules: Sequence[Path]) -> list[str]:
    """What of the rules is not what was locked, in sentences; none where all is."""
    locked = {r.sha256: r for r in found.rules}
    given = {sha256(f): f for f in rules}
    said = [f"the rule {r.id} ({r.file}) is not among the rules" for d, r in locked.items() if d not in given]
    return said + [f"the file {f.name} is not in the protocol" for d, f in given.items() if d not in locked]


def held(path: Path, rules: Sequence[Path]) -> Lock:
    """See that the rules of a run that begins are those of its protocol.

    Raises:
        ConfigError: they differ, each difference told.
    """
    found = read(path)
    if said := differences(found, rules):
        todo = "take the rules that were locked, or lock these and say so in the report"
        raise ConfigError([Problem(what=text, where=str(path), todo=todo) for text in said])
    return found
