"""Signs of the whole picture, such as its light: artefacts of the camera first, clinical signs apart."""

from __future__ import annotations

import pandas as pd

from audit.record import Estimate, Region
from audit.report import rulebook, vocabulary, words
from audit.report.blocks import Cell, Table
from audit.report.findings import scale_note
from audit.report.source import Source

LABELS = 6
"""So many labels have a column of their own for the typical value."""

TITLES = {
    "cue": "Signs of camera, light and file",
    "clinical": "Clinical signs: what disease itself changes, so no artefacts",
}


def cue_tables(source: Source) -> tuple[Table, ...]:
    """What was measured of each sign by role, what was not and why, and how each was read."""
    tables = [_measured(source, role) for role in ("cue", "clinical")]
    tables += [_not_measured(source), _read(source)]
    return tuple(t for t in tables if t is not None)


def _measured(source: Source, role: str) -> Table | None:
    own = [c for c in source.cues if c.role == role]
    pairs = [(c, cls) for c in own for cls in _classes(source, c)]
    some = [(c, cls) for c, cls in pairs if any(e.value is not None for e in _three(source, c, cls) if e)]
    if not some:
        return None
    marks = rulebook.limits(source.rules, "shift", "reliance")
    limits = words.scale(
        [e for c, cls in some if (e := _three(source, c, cls)[2]) is not None], "shift", marks
    )
    rows = []
    for cue, cls in some:
        apart, follow, shift = _three(source, cue, cls)
        drawn = None if shift is None else words.whisker(shift, limits, marks)
        word = vocabulary.VERDICTS.get(source.verdict(cue.name))
        rows.append(
            (
                Cell(text=cue.title or cue.name),
                Cell(text=cls),
                words.pair_cell(apart),
                words.pair_cell(follow),
                words.pair_cell(shift),
                Cell(kind="plot", plot=drawn) if drawn else Cell(text="–", kind="missing"),
                words.pair_cell(source.one("shift-flip", region=cue.name, cls=cls, stratum="all")),
                Cell(text=f"{word.sign} {word.word}" if word else "no verdict"),
                Cell(text="–" if follow is None else f"{follow.n:,}", kind="number"),
            )
        )
    drawn_any = any(row[5].plot for row in rows)
    most = "" if len(source.classes) == 2 else "For the class that each sign tells apart best. "
    return Table(
        caption=TITLES[role],
        head=(
            "Sign",
            "Class",
            "Apart",
            "Score follows",
            "Answer moves",
            "Drawn",
            "Flips",
            "Verdict",
            "Cases",
        ),
        rows=tuple(rows),
        note=f"{most}{scale_note(limits, 'shift', marks)}" if drawn_any else most,
        kind="numbers cues",
    )


def _classes(source: Source, cue: Region) -> tuple[str, ...]:
    """The class to tell of: that of its verdicts; of many, the one that it tells apart best."""
    if len(source.classes) == 2:
        return source.classes_of(cue.name)[:1] if source.mirrored else source.classes
    judged = {
        v["cls"]
        for v in source.judgement["verdicts"]
        if v["artefact"] == cue.name and v["verdict"] != "clear"
    }
    size = {e.cls: abs(e.value or 0.0) for e in source.find("separation", region=cue.name, stratum="all")}
    best = max(size, key=lambda c: size[c], default=None)
    return tuple(c for c in source.classes if c == best or c in judged)


def _three(source: Source, cue: Region, cls: str) -> tuple[Estimate | None, Estimate | None, Estimate | None]:
    found = (
        source.one(m, region=cue.name, cls=cls, stratum="all") for m in ("separation", "follow", "shift")
    )
    apart, follow, shift = found
    return apart, follow, shift


NAMES = (
    "how well it tells the classes apart",
    "whether the score follows it",
    "what the answer does when it changes",
)


def _not_measured(source: Source) -> Table | None:
    """Signs and questions without a number, by reason."""
    groups: dict[tuple[str, str], list[str]] = {}
    for cue in source.cues:
        classes = _classes(source, cue) or source.classes[:1]
        gaps: dict[str, list[str]] = {}
        for name, e in zip(NAMES, _three(source, cue, classes[0]), strict=True):
            if e is not None and e.value is None:
                gaps.setdefault(e.why or "no reason was recorded", []).append(name)
        for why, names in gaps.items():
            what = "nothing of it" if len(names) == len(NAMES) else "not " + ", not ".join(names)
            groups.setdefault((what, why), []).append(cue.title or cue.name)
    rows = tuple(
        (Cell(text=", ".join(titles)), Cell(text=what), Cell(text=words.sentence(why)))
        for (what, why), titles in groups.items()
    )
    head = ("Sign", "What was measured of it", "Why not more")
    return (
        Table(caption="What was not measured of these signs", head=head, rows=rows, kind="text")
        if rows
        else None
    )


def _read(source: Source) -> Table | None:
    """The unit of each sign, its typical value by label, and how it is read."""
    if not source.cues:
        return None
    labels = [c for c in source.classes if any(case.label == c for case in source.cases)]
    columns = labels if len(labels) <= LABELS else []
    label = {case.id: case.label for case in source.cases}
    readings = source.readings.dropna(subset=["value"])
    readings = readings.assign(label=readings["case"].map(label))
    medians = readings.astype({"value": float}).groupby(["cue", "label"])["value"].median()
    rows = []
    for cue in source.cues:
        settings = {k: v for k, v in cue.settings.items() if k not in ("unit", "not moved")}
        how = "; ".join(f"{k}: {words.plain(v)}" for k, v in settings.items()) or "the whole picture"
        rows.append(
            (
                Cell(text=cue.title or cue.name),
                Cell(text=words.plain(cue.settings.get("unit"))),
                *(_median(medians, cue.name, name) for name in columns),
                Cell(text=how),
            )
        )
    return Table(
        caption="How each sign was read" + (", and its median by label" if columns else ""),
        head=("Sign", "Unit", *columns, "How"),
        rows=tuple(rows),
        kind="text",
    )


def _median(medians: pd.Series, cue: str, label: str) -> Cell:
    if (cue, label) not in medians.index:
        return Cell(text="–", kind="missing")
    return Cell(text=f"{float(medians[cue, label]) + 0.0:.3g}".replace("-", "−"), kind="number")
