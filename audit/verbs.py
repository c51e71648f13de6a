"""The verbs about finished runs and about the installation; ``cli.py`` gives them their names."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from audit import comparison as comparing
from audit import schemas, stages
from audit import verify as verifying
from audit.errors import DataError, visible
from audit.progress import Bar, Lines, Progress, Silent
from audit.record import Run

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="The folder that `pfungst run -o` wrote.")]


def progress_for(quiet: bool) -> Progress:
    """A bar on a terminal, lines in a log, nothing under --quiet."""
    if quiet:
        return Silent()
    return Bar() if sys.stderr.isatty() else Lines()


def verify(path: RunPath, quiet: Quiet = False) -> None:
    """Name every file that is not what was sealed or rendered, the PDF's attachments included."""
    if problems := verifying.problems(path):
        raise DataError(problems)
    if not quiet:
        print("every byte is what was sealed")


def selftest(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The folder of the record and its runs, new or empty.")
    ] = Path("runs/selftest"),
    quiet: Quiet = False,
) -> None:
    """Audit models whose truth is known, and keep the record that qualifies this installation."""
    from audit import selftest as testing

    with progress_for(quiet) as progress:
        told = testing.run(out, progress=progress)
    if not quiet:
        Console(highlight=False).print(Markdown(testing.record.markdown(told)))
        print(f"Record: {out / 'selftest.json'} and {out / 'selftest.md'}")
    raise typer.Exit(0 if told["passed"] else 1)


def schema(
    name: Annotated[
        schemas.Name, typer.Argument(help="Of findings.json, manifest.json, comparison.json or rule files.")
    ],
) -> None:
    """Print a JSON Schema, for validators and for an editor's completion."""
    print(json.dumps(schemas.schema(name), indent=2))


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN RUN...", help="Finished runs in order; the first is the baseline."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The comparison's folder, empty or new.")],
    rules: Annotated[
        list[str] | None,
        typer.Option(
            "--rules",
            "-r",
            help="A shipped set by name, or a file or folder; default: compare, and the run's own.",
        ),
    ] = None,
    no_maps: Annotated[
        bool, typer.Option("--no-maps", help="Leave the maps out, for runs on different grids.")
    ] = False,
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on", help="What ends with exit code 1: worse (default), undecided, both, or none."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """What changed between finished runs, on the cases that they share."""
    comparing.code("not-worse", fail_on)
    found = comparing.compare(runs, out, rules=rules or None, maps=not no_maps)
    if not quiet:
        console = Console(highlight=False, soft_wrap=True)
        console.print(f"Verdict: {found.verdict}", markup=False)
        for pair in found.pairs:
            console.print(
                visible(f"  {found.shared.names[pair.number]}: {pair.judged.verdict}"), markup=False
            )
            for reason in pair.judged.reasons:
                console.print(visible(f"    {reason}"), markup=False)
        for name in ("comparison.json", "report/index.html", "report/report.pdf"):
            console.print(f"Written: {out / name}", markup=False)
    raise typer.Exit(comparing.code(found.verdict, fail_on))


def sign(
    path: RunPath,
    key: Annotated[
        Path,
        typer.Option(
            "--key", help="A PKCS #12 file; its password is asked for, or read from PFUNGST_KEY_PASSWORD."
        ),
    ],
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why it is signed, shown with the signature.")
    ] = None,
    place: Annotated[str | None, typer.Option("--place", help="Where it is signed.")] = None,
    quiet: Quiet = False,
) -> None:
    """Sign a copy of a run's PDF (PAdES): report-signed.pdf beside it. Needs the extra `sign`."""
    from audit.report import digests, signed

    done = Run.open(path)
    stages.intact(done, "report")
    password = os.environ.get("PFUNGST_KEY_PASSWORD")
    if password is None and sys.stdin.isatty():
        password = typer.prompt("Password of the key", hide_input=True, default="", show_default=False)
    made = signed.sign(done.report / "report.pdf", key, password=password or None, reason=reason, place=place)
    digests.note(done, made)
    if not quiet:
        print(f"Signed: {made}")
