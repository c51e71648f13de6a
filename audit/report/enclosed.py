"""What the paper carries inside: the run's tables, rules, configuration, findings and manifest, byte for byte.

A file that is archived for ten years then still holds the numbers that its pages were made from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from audit.record import Run
from audit.record.files import safe
from audit.record.run import TABLES
from audit.report.blocks import Cell, Table

LARGEST = 64 * 2**20
"""Bytes. A larger file stays in the run's folder; the paper gives its SHA-256 all the same."""

Relation = Literal["Data", "Source"]

WHAT: dict[str, tuple[Relation, str]] = {
    "cases.parquet": ("Data", "the cases: label, patient, group"),
    "fingerprints.parquet": ("Data", "what each picture is known by: the SHA-256 of its files, and its look"),
    "predictions.parquet": ("Data", "what the model answered to each case"),
    "extents.parquet": ("Data", "how large each region is in each case"),
    "readings.parquet": ("Data", "the signs of the whole picture, read from each case"),
    "carried.parquet": ("Data", "what moving a sign does to the reading of a clinical one"),
    "scores.parquet": ("Data", "how much of each map lies in each region"),
    "effects.parquet": ("Data", "what each intervention did to the answer"),
    "sanity.parquet": ("Data", "whether the explainers notice other weights"),
    "faithfulness.parquet": ("Data", "whether the maps name what the answer rests on"),
    "estimates.parquet": ("Data", "every estimate with its interval"),
    "failures.csv": ("Data", "what is not in the numbers, and why"),
    "findings.json": ("Data", "findings and verdicts"),
    "manifest.json": ("Source", "what was run, with the SHA-256 of every file of the run"),
    "audit.yaml": ("Source", "the configuration as it was given"),
    "resolved.yaml": ("Source", "the configuration with every default written out"),
    "protocol.yaml": ("Source", "the digests of the rules, as they were locked"),
    "selftest.json": ("Source", "the record of the installation's self-test"),
}
"""What is enclosed, if the run has it; ``Source``: what the audit was made from, ``Data``: what it found."""

TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".csv": "text/csv",
    ".json": "application/json",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}


@dataclass(frozen=True, kw_only=True)
class Enclosed:
    """A file of the run. ``content`` is None where it is too large and stays where it is."""

    path: str
    what: str
    relation: Relation
    size: int
    sha256: str
    content: bytes | None

    @property
    def name(self) -> str:
        """Its name in the paper: plain letters, so that any reader can save it under that name.

        >>> Enclosed(path="rules/1-text.yaml", what="", relation="Source", size=0, sha256="", content=b"").name
        'rules-1-text.yaml'
        """
        return safe(self.path.replace("/", "-"))

    @property
    def type(self) -> str:
        """Its media type, from our own table: a machine's own may differ from another's."""
        return TYPES.get(PurePosixPath(self.path).suffix, "application/octet-stream")


def files(run: Run) -> tuple[Enclosed, ...]:
    """The files of a run that its paper encloses: those that are there."""
    assert set(TABLES.values()) <= set(WHAT), "a table of the run has no line in WHAT"
    found = [_read(run, name, *told) for name, told in WHAT.items() if (run.path / name).is_file()]
    rules = [_read(run, f"rules/{f.name}", "Source", "a rule") for f in run.rule_files()]
    return tuple(found + rules)


def _read(run: Run, path: str, relation: Relation, what: str) -> Enclosed:
    file: Path = run.path / path
    size = file.stat().st_size
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Enclosed(
        path=path,
        what=what,
        relation=relation,
        size=size,
        sha256=digest,
        content=file.read_bytes() if size <= LARGEST else None,
    )


def sorted_by_name(kept: Iterable[Enclosed]) -> tuple[Enclosed, ...]:
    """In the order of their names: readers look a file up by halving."""
    return tuple(sorted(kept, key=lambda f: f.name.encode()))


def table(kept: Iterable[Enclosed]) -> Table | None:
    """What is enclosed, with the digest of each; what was too large says so."""
    rows = tuple(
        (
            Cell(text=f.name),
            Cell(
                text=f.what[:1].upper()
                + f.what[1:]
                + ("" if f.content is not None else " (not enclosed: too large)")
            ),
            Cell(text=f"{f.size:,}".replace(",", "\u202f"), kind="number"),
            Cell(text=f.sha256),
        )
        for f in kept
    )
    head = ("File", "What it holds", "Bytes", "SHA-256")
    return Table(caption="Files in this PDF", head=head, rows=rows, kind="enclosed") if rows else None
