"""A summary in GitHub's Markdown, for the page of a build.

Verdict, reasons, findings with intervals, what was not tested. Whatever a run's names hold, it is shown as text: no
link, picture, tag or table cell can be made by a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from audit.errors import visible
from audit.record import Run
from audit.report import judged, words
from audit.report.blocks import Table
from audit.report.context import Context
from audit.report.findings import ordered
from audit.report.judged import Judged
from audit.report.rulebook import Raw
from audit.report.vocabulary import HELD, OUTCOMES

MOST = 60
"""Findings of one outcome that are listed; the rest is counted. A step's summary may hold 1 MiB."""

LONG = 1200
"""Letters of one text at most."""

MARKUP = str.maketrans(
    {
        **{mark: f"\\{mark}" for mark in "\\`*_[]#$~"},
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "|": "&#124;",
        "@": "&#64;",
    }
)
ADDRESS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
"""What makes a link of an address without any mark around it."""


def document(run: Run, context: Context) -> bytes:
    """The summary of a run as Markdown in UTF-8. The same run gives the same bytes."""
    found = judged.load(run)
    parts = [
        [f"# {text(context.verdict.sign)} {text(context.verdict.word)}: {text(context.title)}"],
        ["**Draft: this run did not finish.**"] if context.draft else [],
        [text(context.verdict.meaning)],
        _reasons(context),
        ["## What was tested", *_facts((f.name, f.text) for f in context.scope)],
        _findings(found, "flagged", "Flagged findings"),
        _findings(found, "undecided", "Neither flagged nor cleared"),
        _gates(found),
        _findings(found, "clear", "Cleared by their rules"),
        _missing(context.missing),
        ["## What this cannot say", *_facts((f.name, "") for f in context.limitations)],
        [text(f"{context.program}; run begun {context.created}; {context.short_hash}.")],
    ]
    return ("\n\n".join(part for block in parts for part in block) + "\n").encode()


def text(said: object) -> str:
    """Text that Markdown and HTML print as it is, on one line.

    >>> print(text("a|b <i> [x](http://y.z) *me*"))
    a&#124;b &lt;i&gt; \\[x\\](http&#58;//y.z) \\*me\\*
    """
    line = " ".join(visible(str(said)).split())
    line = line if len(line) <= LONG else f"{line[:LONG].rstrip()} …"
    line = line.encode("utf-8", "backslashreplace").decode().translate(MARKUP)
    return ADDRESS.sub(lambda m: f"&#{ord(m[0])};", line)


def _facts(facts: Iterable[tuple[str, str]]) -> list[str]:
    """A list of names and what they are."""
    lines = [f"- **{text(name)}**" + (f": {text(said)}" if said else "") for name, said in facts]
    return ["\n".join(lines)] if lines else []


def _reasons(context: Context) -> list[str]:
    """Why the verdict is what it is, in a sentence each."""
    lines = [
        (f"{r.verdict.sign} {r.verdict.word}: {r.artefact}, {r.cls}", r.statement) for r in context.reasons
    ]
    lines += [(fact.name, fact.text) for fact in context.others]
    shared = [text(context.shared)] if context.shared else []
    return ["## Why", *shared, *_facts(lines)] if lines else []


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts, each shown as it is."""
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(text(cell) or " " for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _findings(found: Judged, outcome: str, title: str) -> list[str]:
    """The findings of one outcome, each with the first number that it rests on."""
    rows = ordered(f for f in found.findings if f["outcome"] == outcome)
    if not rows:
        return [f"## {title}", "None."] if outcome == "flagged" else []
    head = ("Finding", "Of", "Severity", "Measured", "Value", "95 % interval", "Cases", "Patients", "Missing")
    body = table(head, [_row(found, finding) for finding in rows[:MOST]])
    left = len(rows) - MOST
    more = [f"And {words.count(left, 'more finding')} in the report."] if left > 0 else []
    word = OUTCOMES[outcome]
    return [f"## {text(word.sign)} {title} ({len(rows):,})", body, *more]


def _row(found: Judged, finding: Raw) -> tuple[str, ...]:
    own = judged.estimates(finding)
    main = next((e for e in own if e.value is not None), next(iter(own), None))
    name = str(finding.get("title") or finding["rule"])
    first = (name, found.subject(finding), str(finding.get("severity") or "not set"))
    if main is None or main.value is None:
        why = (main.why if main else "") or judged.said(finding)
        what = words.metric(main.metric) if main else "rests on no estimate"
        counts = (main.n, main.patients, main.missing) if main else ("–", "–", "–")
        return (*first, what, f"not measured: {why}", "–", *map(str, counts))
    counts = (main.n, main.patients, main.missing)
    measured = f"{words.metric(main.metric)}" + (f" ({words.fill(main.fill)})" if main.fill else "")
    return (*first, measured, words.number(main.value), words.interval(main), *(f"{n:,}" for n in counts))


def _gates(found: Judged) -> list[str]:
    """The conditions for a verdict, where one of them does not hold."""
    if all(gate["outcome"] == "clear" for gate in found.gates):
        return []
    rows = [(str(g.get("title") or g["rule"]), HELD[g["outcome"]], judged.said(g)) for g in found.gates]
    return ["## Conditions for a verdict", table(("Condition", "Holds", "What it says"), rows)]


def _missing(tables: Iterable[Table]) -> list[str]:
    """What was not measured, as the report's own tables say it."""
    parts: list[str] = []
    for own in tables:
        rows = [[cell.text for cell in row] for row in own.rows if len(row) == len(own.head)]
        left = len(rows) - ROWS
        parts += [f"### {text(own.caption)}", table([text(h) for h in own.head], rows[:ROWS])]
        parts += [f"And {words.count(left, 'more row')} in the report."] if left > 0 else []
    return ["## What was not tested or not measured", *parts] if parts else []


ROWS = 12
"""Rows of one table of what is missing."""
