"""Where the pictures come from: a manifest on disk, or rows at hand in Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from audit.errors import DataError, PfungstError, Problem
from audit.images.dataset import Picture, load, of_arrays
from audit.images.grid import Grid
from audit.images.manifest import Listing, read_manifest
from audit.plugins import nearest
from audit.record.nouns import Case, Failure

KEYS = ("image", "label", "id", "lesion", "artefact", "patient", "group", "credit")


@dataclass(frozen=True, kw_only=True)
class Source:
    """The cases, and how a case's pixels are had.

    Attributes:
        cases: in the manifest's order.
        root: the folder that paths are relative to.
        manifest: the file, None for rows at hand.
        has_artefacts: an empty artefact cell means that none is there.
        failures: rows that were left out.
        kinds: lesion kinds by their bit.
        arrays: for rows at hand, what was given for a case instead of a path.
        places: where a case stands in the manifest.
    """

    cases: tuple[Case, ...]
    root: Path
    manifest: Path | None = None
    has_artefacts: bool = False
    failures: tuple[Failure, ...] = ()
    kinds: Mapping[str, int] = field(default_factory=dict)
    arrays: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    def load(self, case: Case, grid: Grid) -> Picture:
        """A case's pixels and masks, on the model's grid.

        Raises:
            DataError: a file cannot be read, or a mask is of another size.
        """
        held = self.arrays.get(case.id, {})
        if "image" in held:
            return of_arrays(
                case,
                held["image"],
                grid,
                lesion=held.get("lesion"),
                artefact=held.get("artefact"),
                kinds=self.kinds,
            )
        return load(case, self.root, grid, kinds=self.kinds)

    def readable(
        self, grid: Grid, *, keep_going: bool = False, tick: Callable[[int], None] = lambda done: None
    ) -> tuple[list[Case], list[Failure]]:
        """The cases whose files can be read, and the failures of the others and of the manifest.

        Every file is read once before the model is asked anything, so that a broken one costs seconds.

        Raises:
            DataError: some cannot, and ``keep_going`` was not asked for; all are named.
        """
        good: list[Case] = []
        failures = list(self.failures)
        problems: list[Problem] = []
        for number, case in enumerate(self.cases):
            try:
                self.load(case, grid)
            except PfungstError as error:
                place = self.places.get(case.id)
                problems += [
                    replace(p, where=f"{place}, {p.where}" if place else p.where) for p in error.problems
                ]
                failures.append(Failure(case=case.id, stage="read", error=str(error)))
            else:
                good.append(case)
            tick(number + 1)
        if problems and not keep_going:
            raise DataError(problems)
        return good, failures


def from_manifest(
    path: Path,
    *,
    root: Path | None,
    columns: Mapping[str, str],
    labels: Mapping[str, str] | None,
    classes: Sequence[str],
    kinds: Mapping[str, int],
    keep_going: bool,
) -> Source:
    """The source that a manifest names; see :func:`audit.images.manifest.read_manifest`."""
    listing: Listing = read_manifest(
        path, root=root, columns=columns, labels=labels, classes=classes, keep_going=keep_going
    )
    return Source(
        cases=listing.cases,
        root=listing.root,
        manifest=path,
        has_artefacts="artefact" in listing.columns,
        failures=listing.failures,
        kinds=kinds,
        places=listing.rows,
    )


def from_rows(
    rows: Sequence[Mapping[str, Any]],
    *,
    classes: Sequence[str],
    kinds: Mapping[str, int] | None = None,
    root: Path | None = None,
) -> Source:
    """The source made of rows at hand.

    Args:
        rows: each with ``image`` and ``label``, and if known ``id``, ``lesion``, ``artefact``, ``patient``,
            ``group``, ``credit``. Image and masks are all arrays, or all paths. An image is ``(h, w)`` or
            ``(h, w, 3)``: uint8, uint16, or float in [0, 1]; a mask is ``(h, w)``.
        classes: the model's; labels must be among them.
        kinds: lesion kinds by their bit.
        root: what paths are relative to, by default the working folder.

    Raises:
        DataError: rows that lack a key, unknown labels, two rows with one id; all at once.
    """
    problems: list[Problem] = []
    cases: list[Case] = []
    arrays: dict[str, Mapping[str, Any]] = {}
    for number, raw in enumerate(rows):
        row = {k: v for k, v in raw.items() if not _none(v)}
        where = f"row {number}"
        problems += [
            Problem(what=f"unknown key {key!r}", where=where, todo=nearest(str(key), KEYS))
            for key in row
            if key not in KEYS
        ]
        if "image" not in row or "label" not in row:
            problems.append(Problem(what="a row needs image and label", where=where))
            continue
        label = str(row["label"])
        if label not in classes:
            problems.append(
                Problem(what=f"unknown label {label!r}", where=where, todo=nearest(label, classes))
            )
        held = {k: row[k] for k in ("image", "lesion", "artefact") if isinstance(row.get(k), np.ndarray)}
        paths = {k: str(row[k]) for k in ("image", "lesion", "artefact") if k in row and k not in held}
        if held and paths:
            problems.append(Problem(what="give arrays or paths, not both in one row", where=where))
        own = row.get("id", f"case-{number:05d}" if held else Path(paths["image"]).with_suffix("").as_posix())
        case_id = str(own)
        if any(case_id == c.id for c in cases[-1:]) or case_id in arrays:
            problems.append(Problem(what=f"two rows have the id {case_id!r}", where=where))
        arrays[case_id] = held
        text = {k: str(row[k]) for k in ("group", "credit") if k in row}
        here = dict.fromkeys(held, "(in memory)")
        files = {k: v for k, v in (here | paths).items() if k != "image"}
        cases.append(
            Case(
                id=case_id,
                image=(here | paths)["image"],
                label=label,
                patient=str(row.get("patient", case_id)),
                **files,
                **text,
            )
        )
    for name in classes:
        if not any(c.label == name for c in cases):
            problems.append(Problem(what=f"no case of class {name!r}"))
    if problems:
        raise DataError(problems)
    return Source(
        cases=tuple(cases),
        root=root or Path.cwd(),
        has_artefacts=any(c.artefact is not None for c in cases),
        kinds=kinds or {},
        arrays={k: v for k, v in arrays.items() if v},
    )


def _none(value: Any) -> bool:
    """None, an empty cell, or pandas' missing value."""
    if isinstance(value, np.ndarray):
        return False
    return value is None or value == "" or (isinstance(value, float) and np.isnan(value))
