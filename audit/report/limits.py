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
        "Only what was looked for was tested.",
        "Regions are those that were named and at most a few that the maps or the pictures pointed out; signs of the "
        "whole picture are those that were read. A pattern that none of them measures, such as the grain of a sensor, "
        "the tone of the skin or the choice of the slice, is not in this report and is not ruled out. A region's "
        "outline is as good as its detector or the hand that drew it, and missing outlines count as missing, not as "
        "empty.",
    ),
    (
        "Every intervention leaves its own trace.",
        "A region is painted over in several ways, an artefact put into other pictures, a sign moved by arithmetic. "
        "Each makes pictures that no camera took. Controls are changed in the same way and subtracted, and a way whose "
        "pictures are strange to the network has no vote. That removes most of the trace and not all. "
        "Removal tends to show too little of what an artefact does, putting it elsewhere too much.",
    ),
    (
        "A sign that is moved is not the camera.",
        "Brightness, colour or sharpness are changed one at a time. Real cameras and hospitals differ in many at "
        "once, and in ways that nobody wrote down. Some signs could be read and not moved; of those only the "
        "association is told.",
    ),
    (
        "What goes together in this set cannot be told apart by counting.",
        "Where nearly all ill cases bear an artefact, accuracy with and without it rests on few cases. Sicker patients "
        "may be photographed differently, so that disease, artefact and score go together without any shortcut.",
    ),
    (
        "A map of attention is not a cause.",
        "It shows where a number is high when the model's arithmetic is followed back. A model can use a tag on which "
        "these maps show little, and maps can be bright where the answer does not depend on the picture. Maps can "
        "raise a suspicion here, and nothing more.",
    ),
    (
        "Little attention on the lesion is not proof of a shortcut.",
        "Maps find drawn lesions less well than people do, also for models that read them. A lesion's outline may also "
        "leave out tissue around it that matters.",
    ),
    (
        "A place that the audit found is not yet an artefact.",
        "It may be anatomy or disease. An expert must look at its pictures and say what it is.",
    ),
    (
        "The intervals hold for pictures like these.",
        "They resample the patients of this set. Another hospital, camera or population is another question. "
        "Nothing here says how good the model is, or whether it treats all groups of patients alike.",
    ),
    (
        "Pictures persuade.",
        "A map that falls on the lesion looks like understanding. It should not raise trust in a single answer, "
        "and no answer for a patient should rest on it.",
    ),
)


def given_up_table(source: Source) -> Table | None:
    """What a budget of model passes gave up."""
    said = source.run.manifest.get("given_up") or []
    rows = tuple((Cell(text=words.sentence(_capital(str(s)))),) for s in said)
    note = "The number of model passes was limited, so this was done less thoroughly, or not at all."
    return (
        Table(caption="Given up for the budget", head=("What",), rows=rows, note=note, kind="text")
        if rows
        else None
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
    for region in source.listed:
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
    own = source.effects_of("removal")
    own = own[own["region"] == region]
    reasons = own[own["change"].isna()]["why"].dropna()
    if len(own) and own["change"].isna().all() and len(reasons):
        return f"in {words.share(bearing, known)} of the cases, but not tested: {reasons.mode()[0]}"
    return f"in {words.share(bearing, known)} of the cases only: too rare to be tested"


def untested(source: Source) -> list[str]:
    """Artefact regions that have no row among the verdicts: in no case, or in hardly any."""
    judged = {row["artefact"] for row in source.judgement["verdicts"]}
    return [r.name for r in source.listed if r.role == "artefact" and r.name not in judged]


KINDS = {
    "removal": "effect of removal",
    "transplant": "effect of transplant",
    "shift": "effect of changing a sign",
}


def scores_table(source: Source) -> Table | None:
    """Scores and effects without a value: how many, of what, and why."""
    rows: list[tuple[Cell, ...]] = []
    effects = source.effects
    if not effects.empty:
        # lighter paint and another place are read beside the whole, and have no control to subtract
        effects = effects[(effects["dose"] == 1) & (effects["fill"] != "elsewhere")]
    listed = source.scores["region"].isin([r.name for r in source.listed])
    parts = [("score", source.scores[listed], "value")]
    parts += [(t, effects[effects["intervention"] == k], "difference") for k, t in KINDS.items()]
    for kind, frame, column in parts:
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
    head = ("What", "Region or sign", "Why it has no value", "How many", "In cases")
    return _capped("Values that are not defined", head, rows)


def estimates_table(source: Source) -> Table | None:
    """Estimates without a value, by region and reason."""
    groups: dict[tuple[str, str], list[Estimate]] = {}
    for e in source.estimates:
        if e.value is None and e.fill != "elsewhere":
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
    return _capped("Estimates that could not be made", ("Region or sign", "Why", "Which", "How many"), rows)


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
