"""A manifest -> cases, or every mistake in it at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath

from audit.errors import DataError, Problem
from audit.images.table import read_table
from audit.plugins import nearest
from audit.record.nouns import Case, Failure

COLUMNS = (
    "image",
    "label",
    "id",
    "lesion",
    "artefact",
    "patient",
    "group",
    "attribution",
    "licence",
    "split",
)

FILES = ("image", "lesion", "artefact")

NEIGHBOURS = 20
"""For so many missing files the nearest name in the folder is looked up; it takes time in large folders."""

LONGEST = 1000
"""Characters of a path or an id; more is a quotation mark forgotten."""

QUOTE = "is a quotation mark missing, or a comma too many?"

Row = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a manifest holds.

    ``columns``: our names -> the manifest's, of those it has. ``rows``: a case's id -> ``cases.csv:7``.
    ``failures`` and ``problems`` are the rows that were left out with ``keep_going``: a failure for each
    row, a problem for each mistake.
    """

    cases: tuple[Case, ...]
    classes: tuple[str, ...]
    columns: Mapping[str, str]
    root: Path
    rows: Mapping[str, str]
    failures: tuple[Failure, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_manifest(
    path: Path | str,
    *,
    root: Path | str | None = None,
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    classes: Sequence[str] = (),
    kinds: Mapping[str, int] | None = None,
    keep_going: bool = False,
) -> Listing:
    """Read a manifest: a CSV file, UTF-8, separated by commas, semicolons or tabs, with a row of column
    names.

    ``columns`` maps our names to the manifest's, ``labels`` its label values to the model's classes;
    without it the values are class names. ``root`` is the folder that paths are relative to, by default
    the manifest's. Without ``classes`` they are what the labels say. An empty cell is none. A case without
    an id gets its image's path without the suffix; one without a patient is its own patient.

    Raises:
        DataError: the file cannot be read; or, all at once, columns that are missing, unknown labels, two
            rows with one id, paths that leave the root, missing files, a class with no case. With
            ``keep_going`` what concerns single rows or classes is in the listing's ``failures`` instead.
    """
    path = Path(path)
    folder = Path(root) if root is not None else path.parent
    wanted = {ours: str(theirs) for ours, theirs in (columns or {}).items()}
    header, lines = read_table(path, wanted.get("image", "image"), wanted.get("label", "label"))
    found, problems = _columns(header, wanted, path.name)
    values = {str(value): name for value, name in labels.items()} if labels else None
    problems += [
        Problem(
            what=f"{name!r} is not a class of the model",
            where=f"labels, {value!r}",
            todo=nearest(name, classes),
        )
        for value, name in (values or {}).items()
        if classes and name not in classes
    ]
    problems += _kinds(kinds or {}, "lesion" in found)
    if not folder.is_dir():
        problems.append(Problem(what="the folder of the images is missing", where=f"root, {folder}"))
    if problems:
        raise DataError(problems)
    if not lines:
        raise DataError("the manifest lists no case", where=path.name)

    base, folders = folder.resolve(), _Folders()
    rows = []
    for line, cells in lines:
        where = f"{path.name}:{line}"
        given = dict(zip(header, cells, strict=False))
        row = {name: given.get(found.get(name, ""), "") for name in COLUMNS}
        wrong = []
        if len(cells) != len(header):
            wrong.append(
                Problem(what=f"{len(cells)} cells, but {len(header)} columns", where=where, todo=QUOTE)
            )
        row["label"], problem = _labelled(row["label"], values, classes)
        checks = [("label", problem)]
        for name in FILES:
            if row[name]:
                checks.append((name, _file_problem(row[name], base, folders)))
        if not row["image"]:
            checks.append(("image", Problem(what="the image is empty", todo="leave the row out")))
        if len(row["id"]) > LONGEST:
            checks.append(("id", Problem(what=f"an id of {len(row['id'])} characters", todo=QUOTE)))
        wrong += [replace(p, where=f"{where}, column {found[name]}") for name, p in checks if p is not None]
        rows.append((where, row, wrong))
    ids = _ids([row for _, row, _ in rows])
    seen: dict[str, str] = {}
    cases, failures = [], []
    for (where, row, wrong), case_id in zip(rows, ids, strict=True):
        if case_id in seen:
            wrong.append(
                Problem(
                    what=f"the id {case_id!r} is that of {seen[case_id]} too",
                    where=f"{where}, column {found.get('id', found['image'])}",
                    todo="give each row an id of its own",
                )
            )
        else:
            seen[case_id] = where
        if wrong:
            problems += wrong
            error = "; ".join(f"{problem.where}: {problem.what}" for problem in wrong)
            failures.append(Failure(case=case_id, stage="manifest", error=error))
        else:
            cases.append(_case(row, case_id))
    classes = tuple(classes) or tuple(dict.fromkeys(values.values() if values else sorted(_labels(cases))))
    for name in classes:
        if name not in _labels(cases):
            problem = Problem(
                what=f"no case of class {name!r}", where=f"{path.name}, column {found['label']}"
            )
            problems.append(problem)
            failures.append(Failure(case="", stage="manifest", error=f"{problem.where}: {problem.what}"))
    if problems and not (keep_going and cases):
        raise DataError(problems)
    return Listing(
        cases=tuple(cases),
        classes=classes,
        columns=found,
        root=folder,
        rows={case.id: seen[case.id] for case in cases},
        failures=tuple(failures),
        problems=tuple(problems),
    )


def _labels(cases: Iterable[Case]) -> set[str]:
    return {case.label for case in cases}


def _case(row: Row, case_id: str) -> Case:
    credit = ", ".join(row[name] for name in ("attribution", "licence") if row.get(name))
    return Case(
        id=case_id,
        image=row["image"],
        label=row["label"],
        patient=row.get("patient") or case_id,
        group=row.get("group") or None,
        lesion=row.get("lesion") or None,
        artefact=row.get("artefact") or None,
        credit=credit or None,
        split=row.get("split") or None,
    )


def _ids(rows: Sequence[Row]) -> list[str]:
    """The ids given, else paths without suffix, with it where two pictures differ in nothing else."""
    short = [row.get("id") or str(Path(row["image"]).with_suffix("")) for row in rows]
    pictures: dict[str, set[str]] = {}
    for name, row in zip(short, rows, strict=True):
        pictures.setdefault(name, set()).add(row["image"])
    return [
        row["image"] if not row.get("id") and len(pictures[name]) > 1 else name
        for name, row in zip(short, rows, strict=True)
    ]


def _columns(header: list[str], wanted: Mapping[str, str], file: str) -> tuple[dict[str, str], list[Problem]]:
    """Our names -> theirs for the columns that are there; and what is wrong with the columns."""
    problems = [
        Problem(what=f"there are two columns {name!r}", where=f"{file}:1", todo="rename one")
        for name, times in Counter(header).items()
        if times > 1 and name
    ]
    found = {}
    for ours in COLUMNS:
        theirs = wanted.get(ours, ours)
        if theirs in header:
            found[ours] = theirs
        elif ours in wanted or ours in ("image", "label"):
            problems.append(
                Problem(
                    what=f"there is no column {theirs!r} (for {ours})",
                    where=f"{file}:1",
                    todo=nearest(theirs, [name for name in header if name]),
                )
            )
    problems += [
        Problem(what=f"unknown column {name!r}", where=f"columns, {name}", todo=nearest(name, COLUMNS))
        for name in wanted
        if name not in COLUMNS
    ]
    return found, problems


def _kinds(kinds: Mapping[str, int], drawn: bool) -> list[Problem]:
    problems = []
    if kinds and not drawn:
        problems.append(Problem(what="there are lesion kinds, but no lesion column", where="kinds"))
    return problems + [
        Problem(what=f"{bit} is no bit of a mask", where=f"kinds, {kind}", todo="1, 2, 4, ... up to 32768")
        for kind, bit in kinds.items()
        if not 0 < bit <= 65535
    ]


def _labelled(
    value: str, labels: Mapping[str, str] | None, classes: Sequence[str]
) -> tuple[str, Problem | None]:
    """The class that a label value stands for, or what is wrong with it."""
    known = labels if labels is not None else {name: name for name in classes}
    if not value:
        return "", Problem(what="the label is empty", todo="leave the row out, or label it")
    if value in known:
        return known[value], None
    if labels is None and not classes:
        return value, None
    return "", Problem(what=f"unknown label {value!r}", todo=nearest(value, known))


class _Folders:
    """The names in the folders, each read once, for the first missing files only."""

    def __init__(self) -> None:
        self.names: dict[Path, list[str]] = {}
        self.left = NEIGHBOURS

    def nearest(self, missing: Path) -> str:
        if not self.left:
            return ""
        self.left -= 1
        folder = missing.parent
        if not folder.is_dir():
            return f"there is no folder {folder.name!r}"
        if folder not in self.names:
            self.names[folder] = [entry.name for entry in folder.iterdir()]
        twins = [n for n in self.names[folder] if Path(n).stem.lower() == missing.stem.lower()]
        hint = nearest(missing.name, twins or self.names[folder])
        return "" if hint.startswith("known:") and not twins else hint  # a folder's whole list helps nobody


def _file_problem(name: str, root: Path, folders: _Folders) -> Problem | None:
    """A path must be relative, stay in the root, and be a file."""
    windows = PureWindowsPath(name)
    if Path(name).is_absolute() or windows.drive or windows.root:
        return Problem(what=f"{name!r} is an absolute path", todo="write it relative to the root")
    if len(name) > LONGEST:
        return Problem(what=f"a path of {len(name)} characters", todo="is a quotation mark missing?")
    try:
        place = (root / name).resolve()
        if not place.is_relative_to(root):
            return Problem(
                what=f"{name!r} leaves the root {str(root)!r}", todo="set root to a folder that holds all"
            )
        if place.is_file():
            return None
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a name the file system refuses
        return Problem(what=f"{name!r} cannot be looked up: {error}")
    if place.is_dir():
        return Problem(what=f"{name!r} is a folder", todo="name the file in it")
    if "\\" in name:
        return Problem(what=f"there is no file {name!r}", todo="write / for \\ in paths")
    return Problem(what=f"there is no file {name!r}", todo=folders.nearest(root / name))
