"""Document control: which document this is, of which run, by whom, and who signs it."""

from __future__ import annotations

from audit.record import Run
from audit.record import seal as sealing
from audit.record.seal import plain
from audit.report import words
from audit.report.blocks import Fact
from audit.report.dossier import qualification
from audit.report.dossier.parts import NOT_STATED, Section, facts, kept, stated, table
from audit.report.source import Source

SIGNERS = {
    "author": ("Author", "I made this audit and wrote this report."),
    "reviewer": ("Reviewer", "I have checked this report against the run that it names."),
    "approver": ("Approver", "I approve this report for the use that it states."),
}
"""Who signs, and what the signature says where the configuration says nothing else."""

BLANK, OPEN = "to be signed", "to be filled in"


def seal(run: Run) -> str:
    """The seal that a finished run's manifest bears, the digest of all that it says; empty for a draft."""
    return sealing.digest(plain(run.manifest)) if run.manifest.get("status") == "complete" else ""


def number(run: Run) -> str:
    """The report's own number, the beginning of the seal."""
    digest = seal(run)
    return f"PF-{digest[:4]}-{digest[4:8]}-{digest[8:12]}".upper() if digest else "none: a draft has no seal"


def control(source: Source) -> Section:
    """The document's number, version, people and history."""
    manifest, said = source.run.manifest, stated(source, "document")
    people = tuple(Fact(name=title, text=_person(said.get(key) or {})) for key, (title, _) in SIGNERS.items())
    revisions = [
        (str(r["version"]), str(r["date"]), str(r["by"]), str(r["change"]))
        for r in said.get("revisions") or []
    ]
    return Section(
        words=() if revisions else ("No earlier version of this document is stated.",),
        facts=(
            Fact(name="Report number", text=number(source.run)),
            *facts(said, {"id": "Own number", "version": "Version", "classification": "Classification"}),
            Fact(name="Run begun", text=words.plain(manifest.get("created"))),
            Fact(
                name="Made by",
                text=f"pfungst {words.plain(manifest.get('pfungst'))}, "
                f"run schema {words.plain(manifest.get('schema'))}",
            ),
            Fact(name="Seal", text=seal(source.run) or "none: this run did not finish"),
            Fact(name="Self-test", text=qualification.told(source)),
            *people,
        ),
        tables=kept(table("Versions of this document", ("Version", "Date", "By", "What changed"), revisions)),
    )


def _person(said: dict[str, str | None]) -> str:
    return ", ".join(str(said[k]) for k in ("name", "role") if said.get(k)) or NOT_STATED


def signoff(source: Source) -> Section:
    """A line for each who signs. Nothing here signs for anybody."""
    said = stated(source, "document")
    rows = []
    for key, (title, usual) in SIGNERS.items():
        who = said.get(key) or {}
        name = str(who.get("name") or OPEN)
        rows.append(
            (title, name, str(who.get("role") or OPEN), str(who.get("meaning") or usual), BLANK, BLANK)
        )
    head = ("As", "Name", "Role", "What the signature says", "Signature", "Date")
    return Section(
        tables=kept(table("To be signed by hand or electronically", head, rows, kind="text signoff"))
    )
