"""The command ``pfungst``: a verb is a function. The only place that prints and that exits.

Exit codes, whatever is printed or written: 0 clear, 1 flagged (confirmed, suspected or sensitive), 2 wrong usage
or configuration, 3 model or data cannot be read, 4 undecided, 130 interrupted; 70 a fault of the program itself.
``verify`` ends with 0 or 3: a run that is not what was sealed is data that cannot be relied on, which is no verdict
on a model. ``selftest`` ends with 0, or with 1 where an answer is not the known one.
"""

from __future__ import annotations

import datetime
import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from audit import engine as engines
from audit import judge as judging
from audit import stages, verbs
from audit.errors import PfungstError, visible
from audit.record import Run
from audit.verbs import Quiet, RunPath, progress_for

app = typer.Typer(
    name="pfungst",
    help="Finds out whether an image classifier reads the sign that an expert would read.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
rules_app = typer.Typer(help="Rule files.", no_args_is_help=True)
app.add_typer(rules_app, name="rules")

DISK = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
    *(errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST),
}
"""What a disk may say, whatever is written at the time: nothing of the program is at fault."""

FailOn = Annotated[
    str | None,
    typer.Option(
        "--fail-on",
        help="The verdicts that end with exit code 1, separated by commas, in place of confirmed,suspected,sensitive.",
    ),
]


@app.command()
def run(
    config: Annotated[Path, typer.Argument(metavar="AUDIT.yaml", help="The configuration.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The run's folder; default runs/ and the configuration's name."),
    ] = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Leave out cases that cannot be read, and say which.")
    ] = False,
    trust: Annotated[
        bool, typer.Option("--trust", help="Load weights that need pickle: they can run any code.")
    ] = False,
    batch: Annotated[
        int | None,
        typer.Option(
            "--batch", min=1, max=4096, help="Pictures asked at once; default: what suits the machine."
        ),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(
            "--memory", metavar="SIZE", help="What a pass may take beside the weights, such as 4GiB."
        ),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(
            "--budget", min=1, help="Model passes a case at most; the report says what is given up."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that did not finish, where it was left.")
    ] = False,
    engine: Annotated[
        engines.Engine, typer.Option("--engine", help="Where the work is done: ray takes a Ray cluster.")
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=0,
            help="Processes: of ray, or of the local engine to look at pictures while the model works. "
            "Default: what suits the machine.",
        ),
    ] = None,
    fail_on: FailOn = None,
    quiet: Quiet = False,
) -> None:
    """Ask the model about every case, measure, judge and report."""
    from audit import config as configuration
    from audit import runner

    judging.exit_code("clear", fail_on)  # a wrong --fail-on is told before the work, not after it
    settings = configuration.read(config)
    if batch is not None:
        settings = settings.model_copy(update={"batch": batch})
    if memory is not None:
        settings = settings.model_copy(update={"memory": configuration.size(memory)})
    if budget is not None:
        settings = settings.model_copy(update={"budget": budget})
    try:
        with progress_for(quiet) as progress:
            done = runner.audit(
                settings,
                folder=config.absolute().parent,
                out=out or Path("runs") / config.stem,
                given=config,
                keep_going=keep_going,
                trust=trust,
                progress=progress,
                resume=resume,
                engine=engine,
                workers=workers,
            )
    except KeyboardInterrupt:
        print("interrupted: the same command with --resume goes on where it was left", file=sys.stderr)
        raise typer.Exit(130) from None
    _end(done, fail_on, quiet)


@app.command()
def measure(path: RunPath, fail_on: FailOn = None, quiet: Quiet = False) -> None:
    """Scores and estimates again, from the maps; then findings and report."""
    judging.exit_code("clear", fail_on)
    _end(stages.redo(path, "measure"), fail_on, quiet)


@app.command()
def judge(
    path: RunPath,
    rules: Annotated[
        list[str] | None,
        typer.Option(
            "--rules", "-r", help="A shipped set by name, or a file or folder; default: the run's own."
        ),
    ] = None,
    fail_on: FailOn = None,
    quiet: Quiet = False,
) -> None:
    """Findings and verdict again, by other rules if wanted; then the report."""
    judging.exit_code("clear", fail_on)
    _end(stages.redo(path, "judge", rules or None), fail_on, quiet)


@app.command()
def report(
    path: RunPath,
    draft: Annotated[
        bool, typer.Option("--draft", help="Render an unfinished run, marked as a draft.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Check that the PDF is PDF/A-3a and PDF/UA-1, with veraPDF where that is installed; "
            "exit code 2 if it is not.",
        ),
    ] = False,
    templates: Annotated[
        Path | None,
        typer.Option("--templates", help="A folder whose templates stand in for ours by file name."),
    ] = None,
    fail_on: FailOn = None,
    quiet: Quiet = False,
) -> None:
    """HTML and PDF again."""
    judging.exit_code("clear", fail_on)
    done = Run.open(path, unfinished=draft)
    stages.intact(done, "report")
    stages.report(done, draft=draft and done.manifest["status"] != "complete", templates=templates)
    if check:
        for line in stages.check(done):
            if not quiet:
                print(visible(line))
    _end(done, fail_on, quiet)


for verb in (verbs.verify, verbs.selftest, verbs.schema, verbs.compare, verbs.sign):
    app.command()(verb)


@rules_app.command("check")
def rules_check(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Rule files, folders or shipped sets.")
    ],
) -> None:
    """Every mistake of rule files at once, with file:line:column."""
    problems = judging.check(paths)
    for problem in problems:
        print(problem)
    if problems:
        raise typer.Exit(2)
    print("no mistakes found")


@rules_app.command("lock")
def rules_lock(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Rule files, folders or shipped sets.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The protocol; a new file.")] = Path(
        "protocol.yaml"
    ),
) -> None:
    """Write down the digests of rules before a run, so that it shows if they were changed for it."""
    from audit.judge import protocol

    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    made = protocol.lock(paths, out, folder=Path(), now=now)
    print(f"{out}: {len(made.rules)} rules, digest {made.digest}")
    print(
        "note the digest where its date can be shown, and name the file in audit.yaml:  protocol: " + out.name
    )


def _end(done: Run, fail_on: str | None, quiet: bool) -> None:
    """Print the verdict and where the reports are, and exit with the verdict's code."""
    judgement = done.findings()
    _step_summary(done)
    if not quiet:
        console = Console(highlight=False, soft_wrap=True)
        console.print(f"Verdict: {judgement['verdict']}", markup=False)
        for row in judgement["verdicts"]:
            about = " -> ".join(part for part in (row["artefact"], row["cls"]) if part)
            console.print(visible(f"  {about}: {row['verdict']}. {row['statement']}"), markup=False)
        for name in ("index.html", "report.pdf"):
            console.print(f"Report: {done.report / name}", markup=False)
    raise typer.Exit(judging.exit_code(judgement["verdict"], fail_on))


def _step_summary(done: Run) -> None:
    """Add the summary to the page of a build, where the build asks for one."""
    page = os.environ.get("GITHUB_STEP_SUMMARY")
    summary = done.report / "summary.md"
    if not page or not summary.is_file():
        return
    try:
        with Path(page).open("a", encoding="utf-8") as file:
            file.write(summary.read_text("utf-8"))
    except OSError as error:  # the audit is done, and its verdict stands
        print(f"the summary was not added to {page}: {error.strerror}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: errors that a user can put right end with their code and no traceback."""
    for stream in (sys.stdout, sys.stderr):  # a class name that the terminal's encoding lacks ends no audit
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(
        signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT)
    )  # a scheduler's way to say Ctrl-C
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        app(args=None if arguments is None else list(arguments), standalone_mode=True)
    except PfungstError as error:
        for problem in error.problems:
            errors.print(f"error: {problem}", markup=False)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in DISK:
            traceback.print_exc()
            sys.exit(70)
        errors.print(f"error: {error.filename or 'writing'}: {error.strerror}", markup=False)
        errors.print(
            "    make room, then give the same command with --resume; or name another folder with -o",
            markup=False,
        )
        sys.exit(2)
    except KeyboardInterrupt:
        errors.print("interrupted", markup=False)
        sys.exit(130)
    except Exception:
        # Python would end with 1, which says "flagged"; a fault of ours must never read as a verdict
        traceback.print_exc()
        sys.exit(70)


if __name__ == "__main__":
    main()
