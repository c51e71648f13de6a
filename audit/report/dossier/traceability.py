"""Requirement, rule, result and risk in one table; the identifiers are the user's own."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator

from audit.report.dossier.parts import Section, kept, table
from audit.report.rulebook import texts
from audit.report.source import Source

HEAD = ("Requirement", "Rule", "What it asks of", "Result", "Risk")
NONE = "none named"

Line = tuple[str, str, str, str, str]


def lines(source: Source) -> Iterator[Line]:
    """One line for each requirement and risk of each rule that this run was judged by."""
    judgement = source.judgement
    for rule_id, rule in source.rules.items():
        found = [f for f in (*judgement["gates"], *judgement["findings"]) if f["rule"] == rule_id]
        count = Counter(str(f["outcome"]) for f in found)
        result = ", ".join(f"{count[o]} {o}" for o in ("flagged", "undecided", "clear") if count[o])
        what = str(rule.get("title") or rule_id)
        for requirement in texts(rule.get("requirements")) or (NONE,):
            for risk in texts(rule.get("risks")) or (NONE,):
                yield requirement, rule_id, what, result or "nothing to judge", risk


def named(source: Source) -> bool:
    """Does any rule name a requirement or a risk?"""
    return any(rule.get("requirements") or rule.get("risks") for rule in source.rules.values())


def traceability(source: Source) -> Section:
    """The lines that name a requirement or a risk; all of them are in the file beside the report."""
    rows = [line for line in lines(source) if (line[0], line[4]) != (NONE, NONE)]
    bare = sorted({line[1] for line in lines(source) if (line[0], line[4]) == (NONE, NONE)})
    if not rows:
        text = "No rule of this run names a requirement or a risk, so nothing can be traced. A rule file may list both."
        return Section(words=(text,))
    rows.sort(key=lambda line: (line[0] == NONE, line[0], line[1], line[4]))
    note = f"Rules that name neither: {', '.join(bare)}." if bare else ""
    return Section(
        tables=kept(table("From requirement to risk", HEAD, [tuple(r) for r in rows], note=note, most=200))
    )


def as_csv(source: Source) -> str:
    """Every line as CSV. A cell that a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEAD)
    writer.writerows([_cell(text) for text in line] for line in lines(source))
    return out.getvalue()


def _cell(text: str) -> str:
    """The text, harmless in a spreadsheet.

    >>> _cell("=1+1"), _cell("SRS-12")
    ("'=1+1", 'SRS-12')
    """
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
