"""A comparison as tables: the runs, what became of verdicts and findings, and every change with its interval."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audit.comparison.change import Change
from audit.comparison.compared import Comparison, Pair
from audit.comparison.news import News
from audit.comparison.shared import Apart, Shared
from audit.comparison.trend import Series
from audit.record import Estimate
from audit.report import words
from audit.report.blocks import Cell, Table
from audit.report.vocabulary import OUTCOMES, VERDICTS

KINDS = {
    "new": "■ new",
    "worse": "▲ worse",
    "left open": "○ no longer decided",
    "changed": "◇ changed",
    "better": "▽ less bad",
    "fixed": "● fixed",
    "cleared": "● cleared",
    "gone": "– no longer there",
    "unchanged": "= unchanged",
}

OUTCOME = ("flagged", "undecided", "clear")
"""What is read first."""

EFFECTS = ("removal", "removal-own", "removal-flip", "transplant", "shift")
SCORES = ("mass", "density")
NAMED = 12
"""So many cases that were left out for one reason are named; the JSON names all."""


def cell(text: str, kind: str = "text") -> Cell:
    """A cell of plain text."""
    return Cell(text=text, kind=kind)  # type: ignore[arg-type]


def runs(comparison: Comparison) -> Table:
    """The runs in order, what each says by itself, and the digest that seals it."""
    shared = comparison.shared
    rows = []
    for i, (name, source) in enumerate(zip(shared.names, shared.sources, strict=True)):
        manifest = source.run.manifest
        model = manifest["model"]
        verdict = VERDICTS.get(source.judgement["verdict"])
        digest = str(model.get("sha256") or "")
        rows.append(
            (
                cell(f"{name} (baseline)" if not i else name),
                cell(f"{verdict.sign} {verdict.word}" if verdict else source.judgement["verdict"]),
                cell(f"{len(source.cases):,}", "number"),
                cell(
                    ", ".join(t for t in (str(model.get("name") or ""), digest[:12]) if t) or "not recorded"
                ),
                cell(words.plain(manifest.get("created"))),
                cell(shared.digests[i][:12]),
            )
        )
    return Table(
        caption="The runs",
        head=(
            "Run",
            "Its own verdict",
            "Cases",
            "Model, SHA-256 begins",
            "Begun",
            "Manifest, SHA-256 begins",
        ),
        rows=tuple(rows),
        note="The manifest holds the digest of every other file of the run. comparison.json holds the digests in full.",
        kind="text",
    )


def apart(shared: Shared, more: Sequence[Apart]) -> Table | None:
    """What is not compared, and why; cases with one reason in one row."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for row in dict.fromkeys((*shared.apart, *more)):
        name = shared.sources[0].title(row.name) if row.kind in ("region", "cue") else row.name
        name = words.explainer(row.name) if row.kind == "explainer" else name
        grouped.setdefault((row.kind, row.why), []).append(name)
    if not grouped:
        return None
    rows = []
    for (kind, why), names in grouped.items():
        listed = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
        rows.append((cell(words.count(len(names), kind)), cell(listed), cell(words.sentence(why))))
    return Table(
        caption="What is not compared",
        head=("What", "Which", "Why"),
        rows=tuple(rows),
        kind="text",
    )


def verdicts(shared: Shared, pair: Pair) -> Table | None:
    """What became of the verdict on each artefact and cue."""
    if not pair.verdicts:
        return None
    rows = [
        (
            cell(_title(shared, pair, row)),
            cell(row.cls or "all classes"),
            cell(_word(row.before)),
            cell(_word(row.after)),
            cell(KINDS[row.kind]),
            cell(row.statement),
        )
        for row in pair.verdicts
    ]
    return Table(
        caption="Verdicts",
        head=("Sign", "Class", "Before", "Now", "", "What the later run says of it"),
        rows=tuple(rows),
        note="Each run's verdict is over all of its own cases.",
        kind="told",
    )


def findings(shared: Shared, pair: Pair) -> Table | None:
    """What became of each finding; of those that stayed, only the flagged ones are listed."""
    shown = [r for r in pair.findings if r.kind != "unchanged" or r.after == "flagged"]
    hidden = len(pair.findings) - len(shown)
    rows = [
        (
            cell(row.title),
            cell(_title(shared, pair, row) if row.sign else "the whole"),
            cell(row.cls or "all classes"),
            cell(_word(row.before)),
            cell(_word(row.after)),
            cell(KINDS[row.kind]),
        )
        for row in shown
    ]
    if not rows:
        return None
    return Table(
        caption="Findings of the runs' own rules",
        head=("Rule", "Sign", "Class", "Before", "Now", ""),
        rows=tuple(rows),
        note=f"Not listed: {words.count(hidden, 'finding')} that stayed clear or undecided."
        if hidden
        else "",
        kind="text",
    )


def _title(shared: Shared, pair: Pair, row: News) -> str:
    candidate = shared.sources[pair.number]
    known = {r.name for r in (*candidate.regions, *candidate.cues)}
    return (candidate if row.sign in known else shared.sources[0]).title(row.sign)


def _word(said: str) -> str:
    word = VERDICTS.get(said) or OUTCOMES.get(said)
    return f"{word.sign} {word.word}" if word else "–"


def judged(shared: Shared, pair: Pair) -> Table | None:
    """What the rules about changes say."""
    rows = [
        (
            cell(f.title),
            cell(shared.sources[0].title(f.region) if f.region else "the whole"),
            cell(f.cls or "all classes"),
            cell(_word(f.outcome)),
            cell(f.statement),
        )
        for f in sorted(pair.judged.findings, key=lambda f: OUTCOME.index(f.outcome))
    ]
    if not rows:
        return None
    return Table(
        caption="Rules about the change",
        head=("Rule", "Sign", "Class", "Outcome", "Statement"),
        rows=tuple(rows),
        kind="told",
    )


def figures(shared: Shared, pair: Pair) -> Table:
    """Right answers, by label and group, and the AUC."""
    about = [c for c in pair.changes if c.candidate.metric in ("accuracy", "auc")]
    labelled = [(_of_model(c.candidate), c) for c in about]
    if len(shared.sources[0].classes) == 2 and shared.sources[0].mirrored:
        labelled = [
            (name, c) for name, c in labelled if not (c.candidate.metric == "auc" and c.candidate.cls)
        ]
    labelled.sort(key=lambda row: row[1].candidate.metric)
    return _changes("Right answers, and how well the classes are told apart", {"": labelled})


def _of_model(e: Estimate) -> str:
    if e.metric == "auc":
        return f"AUC, {e.cls}" if e.cls else "AUC, mean over classes"
    kind, _, name = e.stratum.partition("=")
    return f"Right answers, {kind} {name}" if name else "Right answers"


def effects(shared: Shared, pair: Pair, classes: dict[str, tuple[str, ...]]) -> Iterator[Table]:
    """For each region and cue: what taking it away, putting it elsewhere or changing it does, in both runs."""
    by_sign: dict[str, list[Change]] = {}
    for c in pair.changes:
        if c.candidate.metric in EFFECTS and c.candidate.stratum.partition("=")[0] != "group":
            by_sign.setdefault(c.candidate.region, []).append(c)
    for sign in shared.signs:
        wanted = [
            c
            for c in by_sign.get(sign.name, [])
            if not c.candidate.cls or c.candidate.cls in classes[sign.name]
        ]
        if not any(c.difference.value is not None for c in wanted):
            continue
        of = "" if sign.role == "lesion" else f", for {' and '.join(classes[sign.name])}"
        measured = [c for c in wanted if c.difference.value is not None]
        whole = {(c.candidate.metric, c.candidate.fill) for c in measured}
        lacking = [
            c for c in wanted if c not in measured and (c.candidate.metric, c.candidate.fill) not in whole
        ]
        lacking = [c for c in lacking if c.candidate.stratum == "all"]
        order = {metric: i for i, metric in enumerate(EFFECTS)}
        kept = sorted((*measured, *lacking), key=lambda c: order[c.candidate.metric])
        rows = [(_of_effect(c.candidate), c) for c in kept]
        yield _changes(f"{shared.sources[0].title(sign.name)}{of}", {"": rows})


_DONE = {
    "removal": "Taken away",
    "removal-own": "Taken away, the case's own class",
    "removal-flip": "Taken away, share of answers that flip",
    "transplant": "Put into other cases",
    "shift": "Changed alone",
}


def _of_effect(e: Estimate) -> str:
    parts = [_DONE[e.metric]]
    parts += [words.fill(e.fill)] if e.fill else []
    parts += [f"only {e.stratum.replace('=', ' ')}"] if e.stratum != "all" else []
    return "; ".join(parts)


def attention(shared: Shared, pair: Pair) -> Iterator[Table]:
    """For each region: how much of every map for the case's own label falls on it, in both runs."""
    for sign in shared.signs:
        about = [
            c
            for c in pair.changes
            if c.candidate.region == sign.name and c.candidate.family != "baseline" and c.candidate.explainer
        ]
        groups = {
            words.metric(metric): [
                (words.map_title(c.candidate.explainer, c.candidate.layer), c)
                for c in about
                if c.candidate.metric == metric
            ]
            for metric in SCORES
        }
        if any(c.difference.value is not None for rows in groups.values() for _, c in rows):
            yield _changes(shared.sources[0].title(sign.name), groups)


def maps(shared: Shared, pair: Pair) -> Table | None:
    """How alike the maps of both runs are."""
    if not pair.maps:
        return None
    limits = words.scale(pair.maps, "rank-correlation")
    rows = [
        (
            cell(words.map_title(e.explainer, e.layer)),
            *words.value_cells(e, limits),
            *words.count_cells(e),
        )
        for e in pair.maps
        if e.family != "baseline"
    ]
    return Table(
        caption="Rank correlation of each map with the baseline's, for the case's own label",
        head=("Map", "Mean", "95 % interval", "", "Cases", "Patients", "Missing"),
        rows=tuple(rows),
        note="1: the same order of places; 0: nothing in common. On block means, at most 32 by 32.",
        kind="numbers",
    )


HEAD = ("", "Baseline", "Candidate", "Change", "95 % interval", "", "Cases", "Patients", "Missing")


def _changes(caption: str, groups: dict[str, list[tuple[str, Change]]]) -> Table:
    """Changes as rows: both levels, the paired difference with its interval drawn, and what it rests on.

    Each group has a scale of its own, and a row with its name unless that is empty.
    """
    cells: list[tuple[Cell, ...]] = []
    for group, rows in groups.items():
        if group and rows:
            cells.append((Cell(text=group, kind="group", span=len(HEAD)),))
        differences = [c.difference for _, c in rows if c.difference.value is not None]
        limits = words.scale(differences, "change:removal")
        for name, c in rows:
            e = c.difference
            if e.value is None:
                why = f"not measured: {e.why or 'no reason was recorded'}"
                cells.append((cell(name), Cell(text=why, kind="missing", span=len(HEAD) - 1)))
                continue
            levels = [cell(words.number(v.value or 0.0), "number") for v in (c.baseline, c.candidate)]
            cells.append((cell(name), *levels, *words.value_cells(e, limits), *words.count_cells(e)))
    return Table(caption=caption, head=HEAD, rows=tuple(cells), kind="numbers")


def trend(shared: Shared, series: Sequence[Series]) -> Table:
    """Every number that is followed, in every run, with its interval."""
    rows = [(cell(trend_title(shared, s)), *(words.pair_cell(e) for e in s.estimates)) for s in series]
    return Table(
        caption="In every run, on the shared cases, with 95 % intervals over patients",
        head=("", *shared.names),
        rows=tuple(rows),
        note="Effects beyond control in standard deviations of each run's own score; a dash: not measured.",
        kind="numbers trend",
    )


def trend_title(shared: Shared, series: Series) -> str:
    """What a series is of."""
    if series.metric == "accuracy":
        return "Right answers"
    of = f", {series.cls}" if series.cls else ""
    return f"{shared.sources[0].title(series.sign)}{of}: {_DONE[series.metric].lower()}"
