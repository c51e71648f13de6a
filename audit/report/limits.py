"""What was not measured and why, and what the numbers cannot say."""

from __future__ import annotations

from typing import cast

from audit.record import Estimate
from audit.report import words
from audit.report.blocks import Cell, Table
from audit.report.findings import label
from audit.report.source import Source

MOST = 60
"""Rows of one table of what is missing; the rest is counted."""

LIMITATIONS: tuple[tuple[str, str], ...] = (
    (
        "A map of attention is not a cause.",
        "It shows where a number is high when the model's arithmetic is followed back. A model can use a tag on which "
        "these maps show little, and maps can be bright where the answer does not depend on the picture. Only taking "
        "something away, or putting it there, tests what the answer needs.",
    ),
    (
        "Small, local signs are what these methods see.",
        "A haemorrhage, a ruler, a text tag have a place. Patterns that are everywhere, such as the density of "
        "vessels, the tone of the skin, the sharpness or the noise of a camera, have none, and no region carries "
        "them. This report cannot find them and does not rule them out.",
    ),
    (
        "Only named regions were tested.",
        "A cue that no region covers is not in this report. A region's outline is as good as its detector or the hand "
        "that drew it, and missing outlines count as missing, not as empty.",
    ),
    (
        "Painting over leaves its own trace.",
        "A region is taken away by filling it in from its surroundings. The filled place is itself something that the "
        "model never saw. Control places are filled in the same way and subtracted, which removes most of it but "
        "not all. One way of filling was used; another might give another number.",
    ),
    (
        "Little attention on the lesion is not proof of a shortcut.",
        "Maps find drawn lesions less well than people do, also for models that read them. A lesion's outline may also "
        "leave out tissue around it that matters.",
    ),
    (
        "The intervals hold for pictures like these.",
        "They resample the patients of this set. Another hospital, camera or population is another question.",
    ),
    (
        "Pictures persuade.",
        "A map that falls on the lesion looks like understanding. It should not raise trust in a single answer, "
        "and no answer for a patient should rest on it.",
    ),
)


def explainers_table(source: Source) -> Table | None:
    """Explainers that did not apply."""
    rows = tuple(
        (Cell(text=e.title or words.explainer(e.explainer)), Cell(text=e.why or "no reason was recorded"))
        for e in source.explained
        if not e.applied
    )
    return (
        Table(caption="Explainers that did not apply", head=("Explainer", "Why"), rows=rows, kind="text")
        if rows
        else None
    )


def regions_table(source: Source) -> Table | None:
    """Regions that no case bears, or of which nobody can say."""
    rows = []
    for region in source.regions:
        own = source.extents[source.extents["region"] == region.name]
        known = own["present"].dropna()
        bearing = int(known.astype(bool).sum())
        unknown = len(source.cases) - len(known)
        untried = region.name in untested(source) and bearing
        if bearing and not unknown and not untried:
            continue
        said = []
        if untried:
            said.append(_left_out(source, region.name, bearing, len(known)))
        if not bearing and len(known):
            said.append(f"found in none of the {words.count(len(known), 'case')} where it can be known")
        if unknown:
            reasons = sorted({str(w) for w in own[own["present"].isna()]["why"].dropna()})
            because = f": {'; '.join(reasons)}" if reasons else ""
            said.append(f"not known for {words.share(unknown, len(source.cases))}{because}")
        rows.append(
            (Cell(text=region.title or region.name), Cell(text=words.sentence(_capital("; ".join(said)))))
        )
    head = ("Region", "What is missing")
    return Table(caption="Regions", head=head, rows=tuple(rows), kind="text") if rows else None


def _left_out(source: Source, region: str, bearing: int, known: int) -> str:
    """Why a region that some cases bear is not among the verdicts."""
    own = source.effects[source.effects["region"] == region]
    reasons = own[own["change"].isna()]["why"].dropna()
    if len(own) and own["change"].isna().all() and len(reasons):
        return f"in {words.share(bearing, known)} of the cases, but not tested: {reasons.mode()[0]}"
    return f"in {words.share(bearing, known)} of the cases only: too rare to be tested"


def untested(source: Source) -> list[str]:
    """Artefact regions that have no row among the verdicts: in no case, or in hardly any."""
    judged = {row["artefact"] for row in source.judgement["verdicts"]}
    return [r.name for r in source.regions if r.role == "artefact" and r.name not in judged]


def scores_table(source: Source) -> Table | None:
    """Scores and effects without a value: how many, of what, and why."""
    rows: list[tuple[Cell, ...]] = []
    for kind, frame, column in (
        ("score", source.scores, "value"),
        ("effect of removal", source.effects, "difference"),
    ):
        gaps = frame[frame[column].isna()]
        if gaps.empty:
            continue
        reasons = gaps["why"].astype(object).fillna("no reason was recorded")
        counts = (
            gaps.assign(why=reasons)
            .astype({"region": str, "why": str})
            .groupby(["region", "why"], sort=True)
            .agg(n=("case", "size"), cases=("case", "nunique"))
        )
        for key, row in counts.to_dict("index").items():
            region, why = cast("tuple[str, str]", key)
            rows.append(
                (
                    Cell(text=kind),
                    Cell(text=source.title(str(region))),
                    Cell(text=str(why)),
                    Cell(text=f"{int(row['n']):,}", kind="number"),
                    Cell(text=f"{int(row['cases']):,}", kind="number"),
                )
            )
    head = ("What", "Region", "Why it has no value", "How many", "In cases")
    return _capped("Values that are not defined", head, rows)


def estimates_table(source: Source) -> Table | None:
    """Estimates without a value, by region and reason."""
    groups: dict[tuple[str, str], list[Estimate]] = {}
    for e in source.estimates:
        if e.value is None:
            groups.setdefault((e.region, e.why or "no reason was recorded"), []).append(e)
    rows: list[tuple[Cell, ...]] = []
    for (region, why), found in groups.items():
        metrics = dict.fromkeys(e.metric for e in found)
        rows.append(
            (
                Cell(text=source.title(region) if region else "no single region"),
                Cell(text=why),
                Cell(text=label(source, found[0]) if len(found) == 1 else ", ".join(metrics)),
                Cell(text=f"{len(found):,}", kind="number"),
            )
        )
    return _capped("Estimates that could not be made", ("Region", "Why", "Which", "How many"), rows)


def failures_table(source: Source) -> Table | None:
    """Cases that are not in the numbers."""
    rows: list[tuple[Cell, ...]] = [
        (Cell(text=f.case), Cell(text=f.stage), Cell(text=f.error)) for f in source.run.failures()
    ]
    return _capped("Cases that were lost", ("Case", "Where", "Why"), rows)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _capped(caption: str, head: tuple[str, ...], rows: list[tuple[Cell, ...]]) -> Table | None:
    if not rows:
        return None
    left = len(rows) - MOST
    note = f"{words.count(left, 'more row')} of this kind in the run directory." if left > 0 else ""
    return Table(caption=caption, head=head, rows=tuple(rows[:MOST]), note=note, kind="text")
