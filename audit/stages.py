"""What needs only a run directory: scores and estimates, findings and verdict, HTML and PDF.

No stage here needs the model, torch or the pictures, so evidence can be judged anew where none of them is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audit import judge as judging
from audit import measure as measuring
from audit import report as reporting
from audit.errors import Problem, RunError
from audit.record import Estimate, Run, Score
from audit.record.files import sha256
from audit.record.folder import AGAIN
from audit.record.tables import schema, write_blocks

DERIVED = {
    "measure": ("scores.parquet", "estimates.parquet", "findings.json"),
    "judge": ("findings.json",),
    "report": (),
}
"""What each stage writes anew: it may be missing or half written, after an interruption too."""


def measure(run: Run) -> None:
    """Write the scores and the estimates of a run, from its maps, regions, predictions and effects."""
    write_blocks(run.path / "scores.parquet", schema(Score), measuring.scores(run))
    run.write(Estimate, measuring.estimates(run))
    _noted(run, "measure")


def judge(run: Run, rules: Sequence[str] | None = None, *, folder: Path | None = None) -> str:
    """Write the findings and the verdict of a run, and return the verdict.

    Args:
        run: measured.
        rules: names of shipped sets, or files and folders; None takes the rules that the run keeps.
        folder: what relative paths among ``rules`` are relative to.
    """
    if rules is not None:
        run.keep_rules(judging.files(rules, folder=folder or Path.cwd()))
    kept = judging.load(run.rule_files(), folder=Path())
    judgement = judging.judge(kept, run.read(Estimate), [*run.regions, *run.cues], run.classes)
    run.write_findings(judgement.verdict, judgement.verdicts, judgement.findings, judgement.gates)
    _noted(run, "judge", rules={f.name: sha256(f) for f in run.rule_files()})
    return str(judgement.verdict)


def report(run: Run, *, draft: bool = False, templates: Path | None = None) -> tuple[Path, Path]:
    """Render the HTML and the PDF of a run, by ``templates`` where they are given, and return where they are."""
    html, pdf = reporting.render(run, draft=draft, templates=templates)
    return html, pdf


def check(run: Run) -> tuple[str, ...]:
    """Check a run's PDF, and return what was looked at, in words.

    Raises:
        RunError: it is not PDF/A-3a and PDF/UA-1.
    """
    from audit.report import checked

    done = checked.check(run.report / "report.pdf")
    if done.problems:
        raise RunError(done.problems)
    return done.said


def redo(path: Path | str, stage: str, rules: Sequence[str] | None = None) -> Run:
    """Do one stage of a finished run again, and what follows from it, and seal the run anew."""
    run = Run.open(path)
    intact(run, stage, rules)
    if stage == "measure":
        measure(run)
    if stage in ("measure", "judge"):
        judge(run, rules)
        run.seal()
    report(run)
    return run


def intact(run: Run, stage: str, rules: Sequence[str] | None = None) -> None:
    """See that a finished run holds what it was sealed with, but for what the stage writes anew.

    Half a table would give other numbers without a word, and a report under the old name.

    Raises:
        RunError: files that are missing or changed, all at once.
    """
    derived = set(DERIVED[stage])
    if stage == "judge" and rules is not None:
        derived |= {f"rules/{file.name}" for file in (run.path / "rules").glob("*")}
        derived |= {name for name in run.manifest.get("files", {}) if name.startswith("rules/")}
    if problems := [
        Problem(
            what="this file is missing, or is not what it was when the run was finished",
            where=str(run.path / name),
            todo=next(
                (f"`pfungst {s}` writes it anew" for s in ("judge", "measure") if name in DERIVED[s]), AGAIN
            ),
        )
        for name in run.changed(derived)
    ]:
        raise RunError(problems)


def _noted(run: Run, stage: str, **facts: Any) -> None:
    """Add a line to the run's history: which stage, after how many others, with what."""
    history = run.manifest.setdefault("history", [])
    history.append({"stage": stage, **facts})
    run.write_manifest()
