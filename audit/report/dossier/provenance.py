"""Where the pictures come from, their digests, and whether pictures or patients stand on both sides of a split."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

from audit.measure.leakage import BITS, NEAR, Leaks, Pair, leaks
from audit.record import Fingerprint
from audit.report import words
from audit.report.blocks import Cell, Fact, Table
from audit.report.dossier.parts import NOT_STATED, Section, facts, kept, stated, table
from audit.report.source import Source

STATED = {
    "sources": "Sources",
    "sites": "Sites",
    "devices": "Devices",
    "period": "Period",
    "inclusion": "Included",
    "exclusion": "Left out",
    "splitting": "How the set was split",
    "deidentification": "De-identification",
    "licence": "Licence",
}

OLD = "This run holds no fingerprints of its pictures: it was made before pfungst took them."


def prints(source: Source) -> list[Fingerprint]:
    """The fingerprints that a run holds; none for an older one."""
    return source.run.read(Fingerprint) if source.run.has(Fingerprint) else []


def sums(rows: Iterable[Fingerprint]) -> str:
    """The audited files and their digests as ``sha256sum -c`` reads them; files at hand in Python have no line."""
    lines = [
        f"{p.sha256}  {p.image}\n"
        for p in rows
        if p.audited and p.image != "(in memory)" and not set(p.image) & set("\\\n\r")
    ]
    return "".join(sorted(set(lines), key=lambda line: line[66:]))


def provenance(source: Source) -> Section:
    """What is stated of the pictures, and what can be checked."""
    data, rows = source.run.manifest.get("data", {}), prints(source)
    said = dict(stated(source, "provenance"))
    credits_ = data.get("credits") or []
    if not said.get("licence") and credits_:
        said["licence"] = "; ".join(str(c) for c in credits_)
    listed = sums(rows)
    digests = [
        Fact(
            name="Manifest", text=f"{data.get('manifest')}, SHA-256 {data.get('sha256') or 'none: no file'}"
        ),
        Fact(
            name="Pictures",
            text=f"{words.count(len(listed.splitlines()), 'file')}, SHA-256 of the list of their digests "
            f"{hashlib.sha256(listed.encode()).hexdigest()}; the list is files.sha256 beside this report"
            if listed
            else OLD
            if not rows
            else "the pictures were handed over in Python; their digests are in fingerprints.parquet",
        ),
    ]
    return Section(facts=(*facts(said, STATED), *digests), tables=kept(_groups(source)))


def _groups(source: Source) -> Table | None:
    """Cases by group (a site, a camera, whatever the manifest's column holds) and label."""
    if not any(c.group for c in source.cases):
        return None
    count = Counter((c.group or "", c.label) for c in source.cases)
    labels = list(dict.fromkeys((*source.classes, *(c.label for c in source.cases))))
    rows = []
    for group in sorted({g for g, _ in count}):
        numbers = [count[group, label] for label in labels]
        texts = [f"{n:,}" for n in (*numbers, sum(numbers))]
        rows.append((Cell(text=group or "none named"), *(Cell(text=t, kind="number") for t in texts)))
    return Table(
        caption="Cases by group, such as a site or a camera",
        head=("Group", *labels, "All"),
        rows=tuple(rows),
        kind="numbers",
    )


def compared(source: Source) -> Leaks | None:
    """What a comparison of all pictures and patients found; None where the run holds no fingerprints."""
    rows = prints(source)
    return leaks(rows) if rows else None


def independence(found: Leaks | None) -> Fact:
    """The same in a line, for the first page."""
    name = "Independence"
    if found is None:
        return Fact(name=name, text="not checked: made before pfungst compared pictures")
    if len(found.splits) < 2:
        return Fact(name=name, text="not checked: no training set and no split was given")
    pairs, patients = words.count(len(found.across), "pair"), words.count(len(found.patients), "patient")
    if found.across or found.patients:
        return Fact(name=name, text=f"{pairs} of pictures and {patients} on both sides of a split")
    return Fact(name=name, text="no picture and no named patient was found on both sides of a split")


def leakage(source: Source, found: Leaks | None) -> Section:
    """Whether pictures or patients of one split stand in another, and whether pictures stand twice."""
    if found is None:
        return Section(words=(OLD,))
    rows = prints(source)
    return Section(
        words=_words(found, len(rows)),
        tables=kept(
            _splits(found, rows),
            table(
                "Patients in more than one split",
                ("Patient", "Splits"),
                [(who, ", ".join(_split(s) for s in where)) for who, where in found.patients],
            ),
            _pairs("One picture in two splits", found.across),
            _pairs("One picture twice in a split, under two patients or under none", found.within),
        ),
    )


def _words(found: Leaks, n: int) -> tuple[str, ...]:
    said = []
    if len(found.splits) < 2:
        said.append(
            "No split and no training set was given, so nobody can say whether these pictures were trained on. "
            "Name a column with images.columns.split, or the training set's manifest with images.training."
        )
    else:
        said.append(
            "Pairs of pictures that stand on both sides of a split: "
            f"{len(found.across) or 'none'}. Patients who do: {len(found.patients) or 'none'}."
        )
    if found.within:
        said.append(
            f"{words.count(len(found.within), 'pair')} of pictures within a split are, or look like, one. Intervals "
            "count them as separate evidence unless they bear one patient's name."
        )
    if found.unknown:
        said.append(
            f"For {words.share(found.unknown, n)} pictures no patient is named: these could not be compared."
        )
    if found.unseen:
        said.append(
            f"{words.count(found.unseen, 'picture')} of one colour could be compared by the file only."
        )
    return tuple(said)


def _split(name: str | None) -> str:
    return name or "audited, no split named"


def _splits(found: Leaks, rows: Sequence[Fingerprint]) -> Table | None:
    audited = Counter(p.split or "" for p in rows if p.audited)
    return table(
        "Splits that were compared",
        ("Split", "Pictures", "Of them audited"),
        [(_split(name), f"{n:,}", f"{audited[name]:,}") for name, n in sorted(found.splits.items())],
    )


def _pairs(caption: str, pairs: Sequence[Pair]) -> Table | None:
    rows = [
        (
            p.one.case,
            _split(p.one.split),
            p.one.patient or NOT_STATED,
            p.other.case,
            _split(p.other.split),
            p.other.patient or NOT_STATED,
            "the same file" if p.bits is None else f"{p.bits} of {BITS} bits",
        )
        for p in pairs
    ]
    head = ("Case", "Split", "Patient", "Other case", "Split", "Patient", "They differ in")
    note = f"Looks that differ in at most {NEAR} of {BITS} bits count as one picture."
    return table(caption, head, rows, note=note)
