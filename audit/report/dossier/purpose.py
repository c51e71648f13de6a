"""What the model is for and what is claimed, and who says what is true: as the configuration states it."""

from __future__ import annotations

from statistics import median

from audit.record import Region
from audit.report import words
from audit.report.blocks import Cell, Table
from audit.report.dossier.parts import Section, facts, kept, stated
from audit.report.source import Source

USE = {
    "purpose": "Intended purpose",
    "population": "Patients",
    "modality": "Kind of picture",
    "users": "Users",
    "setting": "Setting",
    "operating_point": "Operating point",
    "contraindications": "Not to be used for",
    "claim": "Claim under audit",
}

STANDARD = {
    "labels": "Where the labels come from",
    "drawn_by": "Who drew the masks",
    "qualifications": "Their qualifications",
    "procedure": "How they were drawn",
    "agreement": "How far they agreed",
}


def purpose(source: Source) -> Section:
    """The intended use and the claim."""
    said = stated(source, "intended_use")
    note = (
        ()
        if said.get("claim")
        else (
            "No claim is stated. This audit then answers its usual question only: does the answer rest on one of "
            "the artefacts and signs that were tested?",
        )
    )
    return Section(words=note, facts=facts(said, USE))


def reference(source: Source) -> Section:
    """Who drew the masks and gave the labels, and how much of the set the masks cover."""
    drawn = [r for r in source.regions if r.detector == "drawn" or r.role == "lesion"]
    tables = kept(*(_coverage(source, r) for r in drawn))
    note = () if any(c.lesion is not None for c in source.cases) else ("No mask of a lesion was given.",)
    return Section(words=note, facts=facts(stated(source, "reference_standard"), STANDARD), tables=tables)


def _coverage(source: Source, region: Region) -> Table | None:
    """How many cases of each label bear a drawn mask, and how much of the picture it covers."""
    own = source.extents[source.extents["region"] == region.name].set_index("case")
    if own.empty:
        return None
    rows = []
    labels = dict.fromkeys((*source.classes, *(c.label for c in source.cases)))
    for label in (*labels, ""):
        cases = [c.id for c in source.cases if label in ("", c.label) and c.id in own.index]
        areas = [float(a) for a in own.loc[cases, "area"].dropna()] if cases else []
        full = [a for a in areas if a > 0]
        span = f"{_percent(min(full))} to {_percent(max(full))}" if full else "–"
        rows.append(
            (
                Cell(text=label or "All"),
                Cell(text=f"{len(cases):,}", kind="number"),
                Cell(text=words.share(len(areas), len(cases)) if cases else "no case", kind="number"),
                Cell(text=f"{len(areas) - len(full):,}", kind="number"),
                Cell(text=_percent(median(full)) if full else "–", kind="number"),
                Cell(text=span, kind="number"),
            )
        )
    return Table(
        caption=f"Masks: {region.title or region.name}",
        head=("Label", "Cases", "Known", "Empty", "Share of the picture, median", "Range"),
        rows=tuple(rows),
        note="“Known”: somebody drew a mask, or the manifest says that there is nothing. Shares are of masks that are "
        "not empty, on the model's grid.",
        kind="numbers coverage",
    )


def _percent(share: float) -> str:
    """A share in percent, with one digit below ten.

    >>> _percent(0.034), _percent(0.0004), _percent(0.42)
    ('3.4 %', 'below 0.1 %', '42 %')
    """
    if share < 0.001:
        return "below 0.1 %"
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"
