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

FILES = ("image", "lesion", "artefact")

KEYS = ("image", "label", "id", "lesion", "artefact", "patient", "group", "credit", "split")


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
        self,
        grid: Grid,
        *,
        keep_going: bool = False,
        tick: Callable[[int], None] = lambda done: None,
        each: Callable[[Picture], None] = lambda picture: None,
    ) -> tuple[list[Case], list[Failure]]:
        """The cases whose files can be read, and the failures of the others and of the manifest.

        Every file is read once before the model is asked anything, so that a broken one costs seconds. ``each`` is
        shown every picture that can be read.

        Raises:
            DataError: some cannot, and ``keep_going`` was not asked for; all are named.
        """
        good: list[Case] = []
        failures = list(self.failures)
        problems: list[Problem] = []
        for number, case in enumerate(self.cases):
            try:
                each(self.load(case, grid))
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
        path, root=root, columns=columns, labels=labels, classes=classes, kinds=kinds, keep_going=keep_going
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
    labels: Mapping[str, str] | None = None,
    kinds: Mapping[str, int] | None = None,
    root: Path | None = None,
    keep_going: bool = False,
) -> Source:
    """The source made of rows at hand.

    Args:
        rows: each with ``image`` and ``label``, and if known ``id``, ``lesion``, ``artefact``, ``patient``,
            ``group``, ``credit``, ``split``. Image and masks are all arrays, or all paths. An image is ``(h, w)`` or
            ``(h, w, 3)``: uint8, uint16, or float in [0, 1]; a mask is ``(h, w)``.
        classes: the model's; labels must be among them.
        labels: label values -> classes; without it the labels are class names.
        kinds: lesion kinds by their bit.
        root: what paths are relative to, by default the working folder.
        keep_going: rows that are wrong go to ``failures``.

    Raises:
        DataError: rows that lack a key, unknown labels, two rows with one id; all at once.
    """
    problems: list[Problem] = []
    failures: list[Failure] = []
    cases: list[Case] = []
    arrays: dict[str, Mapping[str, Any]] = {}
    for number, raw in enumerate(rows):
        wrong, row = _row(raw, classes, labels)
        own = f"case-{number:05d}"
        if "image" in row and not _held(row):
            own = Path(str(row["image"])).with_suffix("").as_posix()
        case_id = str(row.get("id", own))
        if case_id in arrays:
            wrong.append(Problem(what=f"two rows have the id {case_id!r}"))
        if wrong:
            problems += [replace(p, where=f"row {number}") for p in wrong]
            failures.append(Failure(case=case_id, stage="manifest", error="; ".join(p.what for p in wrong)))
            continue
        held = arrays[case_id] = _held(row)
        files = {k: "(in memory)" if k in held else str(row[k]) for k in FILES if k in row}
        text = {k: str(row[k]) for k in ("group", "credit", "split") if k in row}
        patient = str(row.get("patient", case_id))
        cases.append(Case(id=case_id, label=row["label"], patient=patient, **files, **text))
    for name in classes:
        if not any(c.label == name for c in cases):
            problems.append(Problem(what=f"no case of class {name!r}"))
            failures.append(Failure(case="", stage="manifest", error=problems[-1].what))
    if problems and not (keep_going and cases):
        raise DataError(problems)
    return Source(
        cases=tuple(cases),
        root=root or Path.cwd(),
        has_artefacts=any(c.artefact is not None for c in cases),
        failures=tuple(failures),
        kinds=kinds or {},
        arrays={k: v for k, v in arrays.items() if v},
    )


def _row(
    raw: Any, classes: Sequence[str], labels: Mapping[str, str] | None
) -> tuple[list[Problem], dict[str, Any]]:
    """What is wrong with a row at hand, and the row with its label as a class and without what is none."""
    if not isinstance(raw, Mapping):
        return [Problem(what=f"a row is a mapping with image and label, not {type(raw).__name__}")], {}
    row = {str(k): v for k, v in raw.items() if not _none(v)}
    wrong = [Problem(what=f"unknown key {k!r}", todo=nearest(k, KEYS)) for k in row if k not in KEYS]
    if "image" not in row or "label" not in row:
        return [*wrong, Problem(what="a row needs image and label")], row
    known = dict(labels) if labels else {name: name for name in classes}
    label = str(row["label"])
    if known.get(label) not in classes:
        wrong.append(Problem(what=f"unknown label {label!r}", todo=nearest(label, known)))
    row["label"] = known.get(label, label)
    for key in FILES:
        if key in row and not isinstance(row[key], np.ndarray | str | Path):
            what = f"{key} is {type(row[key]).__name__}, neither an array nor a path"
            wrong.append(Problem(what=what, todo="np.asarray makes an array of most things"))
    if len({isinstance(row[k], np.ndarray) for k in FILES if k in row}) > 1:
        wrong.append(Problem(what="give arrays or paths, not both in one row"))
    for key, value in row.items():
        if any(
            "\ud800" <= c <= "\udfff"
            for c in str(value if key not in FILES or isinstance(value, str) else "")
        ):
            wrong.append(Problem(what=f"{key} holds half of a surrogate pair, which is no character"))
    return wrong, row


def _held(row: Mapping[str, Any]) -> dict[str, Any]:
    """What was given as an array."""
    return {k: row[k] for k in FILES if isinstance(row.get(k), np.ndarray)}


def _none(value: Any) -> bool:
    """None, an empty cell, or pandas' missing value."""
    if isinstance(value, np.ndarray):
        return False
    return value is None or value == "" or (isinstance(value, float) and np.isnan(value))
