"""Does this installation give the answers that are known? Models with a known truth, run through whole audits.

The record in ``selftest.json`` and ``selftest.md`` says what is installed (the IQ of a qualification) and, for each
known answer, what was expected, what was observed, and whether they agree (the OQ). It downloads nothing and needs no
torch.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from audit import judge, runner, verify
from audit.progress import Progress, Silent
from audit.record import seal
from audit.record.folder import check
from audit.selftest import record
from audit.selftest.answers import CLASSES, KNOWN, SETTINGS, SIZE, KnownAnswer
from audit.selftest.installed import installation

__all__ = ["KNOWN", "KnownAnswer", "asked", "run"]

FLAGGED = ("confirmed", "suspected", "sensitive")


def run(out: Path | str, *, progress: Progress | None = None) -> dict[str, Any]:
    """Ask for every known answer, and write the record into a new or empty folder, beside the runs that it rests on.

    Returns:
        The record; ``passed`` is whether every part of it did.

    Raises:
        RunError: the folder holds something already, or cannot be written.
    """
    out = Path(out)
    check(out)
    out.mkdir(parents=True, exist_ok=True)
    progress = progress or Silent()
    begun = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    found = installation()
    answers = []
    for known in KNOWN:
        progress.stage(f"known answer: {known.name}", 0)
        answers.append(asked(known, out / known.name, report=known is KNOWN[0]))
    told = seal.sealed(
        {
            "schema": 1,
            "passed": found["passed"] and all(answer["passed"] for answer in answers),
            "begun": begun,
            "installation": found,
            "answers": answers,
        }
    )
    (out / "selftest.json").write_text(seal.text(told), "utf-8")
    (out / "selftest.md").write_text(record.markdown(told), "utf-8")
    return told


def asked(known: KnownAnswer, out: Path, *, report: bool = False) -> dict[str, Any]:
    """Audit one model whose truth is known, and compare. ``report``: render the page and the PDF too."""
    expected = {
        "verdict": known.verdict,
        "flagged": list(known.flagged),
        "gate": known.gate or None,
        "exit code": judge.exit_code(known.verdict),
        "seal": "holds",
    }
    told = {"name": known.name, "what": known.what, "cases": known.cases, "expected": expected}
    try:
        done = runner.run(
            model=known.model,
            images=known.rows(),
            classes=list(CLASSES),
            size=SIZE,
            title=f"Known answer: {known.name}",
            out=out,
            report=report,
            **{**SETTINGS, **known.settings},
        )
        found = done.findings()
        broken = verify.problems(out)
    except Exception as error:  # whatever it was, an installation that ends so is not to be relied on
        said = f"the audit ended with an error: {type(error).__name__}: {error}"
        return {**told, "observed": None, "differs": [said], "passed": False}
    gates = [gate["rule"] for gate in found["gates"] if gate["outcome"] == "flagged"]
    observed = {
        "verdict": found["verdict"],
        "flagged": list(dict.fromkeys(v["artefact"] for v in found["verdicts"] if v["verdict"] in FLAGGED)),
        "gate": known.gate if known.gate in gates else next(iter(gates), None) if known.gate else None,
        "exit code": judge.exit_code(found["verdict"]),
        "seal": "; ".join(str(problem) for problem in broken) or "holds",
    }
    differs = [
        f"{key}: expected {record.plain(expected[key])}, observed {record.plain(observed[key])}"
        for key in expected
        if expected[key] != observed[key]
    ]
    said = found["verdicts"][0]["statement"]
    return {**told, "observed": observed, "statement": said, "differs": differs, "passed": not differs}
