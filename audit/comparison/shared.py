"""What two or more runs have in common, and what had to be left out, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audit.errors import Problem, RunError
from audit.record import Case, Region, Run
from audit.record.files import sha256
from audit.record.folder import AGAIN
from audit.report.source import Source, load

FEWEST_RUNS = 2


@dataclass(frozen=True, kw_only=True)
class Apart:
    """Something that is not compared: a case, a region, a cue or an explainer, and why."""

    kind: str
    name: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Runs side by side. ``rows[k][i]`` is the row in run ``k`` of shared case ``i``; the first run is the baseline.

    ``signs`` are the regions and cues that are the same thing in every run that has them; ``maps``: may maps be
    compared? ``digests`` are the SHA-256 of the runs' manifests, which seal every other file.
    """

    names: tuple[str, ...]
    sources: tuple[Source, ...]
    digests: tuple[str, ...]
    cases: tuple[Case, ...]
    rows: tuple[NDArray[np.int64], ...]
    signs: tuple[Region, ...]
    apart: tuple[Apart, ...]
    maps: bool

    @property
    def patients(self) -> list[str]:
        """The patient of each shared case."""
        return [c.patient for c in self.cases]

    @property
    def strata(self) -> dict[str, NDArray[np.bool_]]:
        """All shared cases, then those of each label and of each group."""
        labels = np.array([c.label for c in self.cases], dtype=object)
        groups = np.array([c.group or "" for c in self.cases], dtype=object)
        found = {"all": np.ones(len(self.cases), bool)}
        found |= {f"label={x}": labels == x for x in sorted(set(labels))}
        return found | {f"group={x}": groups == x for x in sorted(set(groups) - {""})}


def named(paths: Sequence[Path]) -> tuple[str, ...]:
    """A name for each run: the end of its path, as short as tells them apart.

    >>> named([Path("a/run"), Path("b/run"), Path("b/run")])
    ('a/run', 'b/run', 'b/run (2)')
    """
    parts = [p.absolute().parts for p in paths]
    length = 1
    while length < max(len(p) for p in parts) and len({p[-length:] for p in parts}) < len(set(parts)):
        length += 1
    names: list[str] = []
    for part in parts:
        name = "/".join(part[-length:])
        again = sum(n == name or n.startswith(f"{name} (") for n in names)
        names.append(f"{name} ({again + 1})" if again else name)
    return tuple(names)


def opened(paths: Sequence[Path]) -> list[Run]:
    """The finished runs, each as it was sealed.

    Raises:
        RunError: fewer than two, or what is wrong with any of them, all at once.
    """
    if len(paths) < FEWEST_RUNS:
        raise RunError("a comparison takes two runs or more", todo="name the baseline first, then the others")
    runs: list[Run] = []
    problems: list[Problem] = []
    for path in dict.fromkeys(paths):
        try:
            run = Run.open(path)
        except RunError as error:
            problems += error.problems
            continue
        runs.append(run)
        what = "this file is missing, or is not what it was when the run was finished"
        problems += [Problem(what=what, where=str(path / name), todo=AGAIN) for name in run.changed()]
    if problems:
        raise RunError(problems)
    by_path = {run.path: run for run in runs}
    return [by_path[path] for path in paths]


def share(paths: Sequence[Path], *, maps: bool = True) -> Shared:
    """Lay runs side by side.

    Cases are shared where every run has the same id, label, patient and picture, and an answer. The picture is known by
    the digest of the small picture at the model's grid; where the grids differ, or no such picture was kept, id, label
    and patient must do. A region or cue is shared where it was found in the same way and, on one grid, covers the same
    share of each shared picture with the same grey; else one name would stand for two things.

    Raises:
        RunError: there is nothing to compare; says where, and what to do.
    """
    runs = opened(paths)
    names = named(paths)
    _alike(runs, maps)
    kept = {run.path: load(run) for run in runs}
    sources = tuple(kept[run.path] for run in runs)
    one_grid = len({str(run.manifest["model"].get("size")) for run in runs}) == 1
    cases, left = _cases(sources, names, pictures=one_grid)
    if not cases:
        listed = "; ".join(dict.fromkeys(a.why for a in left))
        raise RunError(
            f"the runs share no case: {listed[:500]}",
            where=", ".join(str(p) for p in paths),
            todo="compare runs over the same cases: the same ids, labels, patients and pictures at one size and fit",
        )
    rows = tuple(np.array([s.rows[c.id] for c in cases], np.int64) for s in sources)
    signs, other = _signs(sources, names, cases, places=one_grid)
    return Shared(
        names=names,
        sources=sources,
        digests=tuple(sha256(run.path / "manifest.json") for run in runs),
        cases=tuple(cases),
        rows=rows,
        signs=tuple(signs),
        apart=(*left, *other),
        maps=maps,
    )


def _alike(runs: Sequence[Run], maps: bool) -> None:
    """See that the runs ask the same question, on one grid where their maps are compared."""
    first, problems = runs[0], []
    for run in runs[1:]:
        where = str(run.path)
        if run.classes != first.classes:
            what = f"its classes are {_list(run.classes)}, those of the baseline {_list(first.classes)}"
            todo = "compare runs that tell the same classes apart, in the same order"
            problems.append(Problem(what=what, where=where, todo=todo))
        own, other = (r.manifest["model"]["output"] for r in (run, first))
        if own != other:
            what = f"its answers are read as {own!r}, those of the baseline as {other!r}"
            todo = "set model.output alike and run the audit again"
            problems.append(Problem(what=what, where=where, todo=todo))
        sizes = [r.manifest["model"].get("size") for r in (run, first)]
        common = {m.name for m in run.maps} & {m.name for m in first.maps}
        if maps and common and sizes[0] != sizes[1]:
            own, other = (" by ".join(str(n) for n in size or ("?",)) for size in sizes)
            what = f"its maps are on a grid of {own}, those of the baseline on one of {other}"
            todo = "audit both at one model.size, or leave the maps out with --no-maps"
            problems.append(Problem(what=what, where=where, todo=todo))
    if problems:
        raise RunError(problems)


def _list(names: Sequence[str]) -> str:
    return ", ".join(repr(n) for n in names[:10]) + (" ..." if len(names) > 10 else "")


def _cases(
    sources: Sequence[Source], names: Sequence[str], *, pictures: bool
) -> tuple[list[Case], list[Apart]]:
    """The baseline's cases that every run has, and those of any run that are left out."""
    by_id = [{c.id: c for c in s.cases} for s in sources]
    shared: list[Case] = []
    left: list[Apart] = []
    for case in dict.fromkeys(i for known in by_id for i in known):
        why = _differs(case, by_id, sources, names, pictures=pictures)
        if why:
            left.append(Apart(kind="case", name=case, why=why))
        else:
            shared.append(by_id[0][case])
    return shared, left


def _differs(
    case: str,
    by_id: Sequence[dict[str, Case]],
    sources: Sequence[Source],
    names: Sequence[str],
    *,
    pictures: bool,
) -> str:
    """Why a case is not shared; empty where it is."""
    lacking = [name for name, known in zip(names, by_id, strict=True) if case not in known]
    if lacking:
        return f"not in {' and '.join(lacking)}"
    mute = [name for name, s in zip(names, sources, strict=True) if case not in s.predictions]
    if mute:
        return f"no answer in {' and '.join(mute)}"
    first = by_id[0][case]
    for name, source, known in zip(names, sources, by_id, strict=True):
        own = known[case]
        if own.label != first.label:
            return f"labelled {first.label!r} in {names[0]} and {own.label!r} in {name}"
        if own.patient != first.patient:
            return f"of another patient in {name}"
        digests = [_picture(s.run, case) for s in (sources[0], source)]
        if pictures and None not in digests and digests[0] != digests[1]:
            return f"another picture in {name}"
    return ""


def _picture(run: Run, case: str) -> str | None:
    """The digest of a case's small picture, None where none was kept."""
    name = run.thumb(case).relative_to(run.path).as_posix()
    found = run.manifest.get("files", {}).get(name)
    return None if found is None else str(found)


def _signs(
    sources: Sequence[Source], names: Sequence[str], cases: Sequence[Case], *, places: bool
) -> tuple[list[Region], list[Apart]]:
    """The regions and cues that are the same in each run that has them. ``places``: what they cover can be compared."""
    kept: list[Region] = []
    apart: list[Apart] = []
    ids = {c.id for c in cases}
    shapes = [_shapes(s, ids) if places else {} for s in sources]
    listed = [{r.name: r for r in (*s.regions, *s.cues)} for s in sources]
    for sign in dict.fromkeys(name for known in listed for name in known):
        have = [i for i, known in enumerate(listed) if sign in known]
        region = listed[have[0]][sign]
        kind = "cue" if region.role in ("cue", "clinical") else "region"
        other = [names[i] for i in have[1:] if listed[i][sign] != region]
        moved = [names[i] for i in have[1:] if shapes[i].get(sign, {}) != shapes[have[0]].get(sign, {})]
        if other:
            why = f"it is looked for in another way in {' and '.join(other)} than in {names[have[0]]}"
            apart.append(Apart(kind=kind, name=sign, why=why))
        elif moved:
            why = f"it does not cover the same place in {' and '.join(moved)} as in {names[have[0]]}"
            apart.append(Apart(kind=kind, name=sign, why=why))
        else:
            kept.append(region)
    return kept, apart


def _shapes(source: Source, ids: set[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """What each region covers in each shared case, as text: its area, and the grey inside."""
    frame = source.extents
    frame = frame[frame["case"].isin(ids)]
    columns = (frame[c] for c in ("case", "region", "present", "area", "mean", "spread"))
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for case, region, present, *numbers in zip(*columns, strict=True):
        text = tuple("" if n is None or np.isnan(n) else f"{n:.4f}" for n in numbers)
        found.setdefault(region, {})[case] = (str(present), *text)
    return found
