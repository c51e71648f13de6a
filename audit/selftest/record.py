"""The record of a self-test as a page to be read, signed and filed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from audit.report.markdown import table, text

HEAD = """\
This record is about one installation of pfungst on one machine. Part 1 says what is installed. Part 2 says what the
installation answers about models whose truth is known, because they were made to read certain things and nothing else.
It does not say how often an audit is right about a network that somebody trained: `benchmarks/detection.md` does."""


def markdown(told: Mapping[str, Any]) -> str:
    """The record in Markdown."""
    found, answers = told["installation"], told["answers"]
    failed = [a["name"] for a in answers if not a["passed"]]
    right = len(answers) - len(failed)
    blocks = [
        f"# Self-test of pfungst {text(plain(found['pfungst']))}: {passed(told['passed'])}",
        f"Begun {text(told['begun'])}. Installation: {passed(found['passed'])}. "
        f"Known answers: {right} of {len(answers)} as expected.",
        *(
            [f"**These are not as expected: {text(', '.join(failed))}.** Do not rely on this installation."]
            * bool(failed)
        ),
        HEAD,
        f"## 1. What is installed: {passed(found['passed'])}",
        _list(found["wrong"]),
        table(("What", "Value"), _machine(found)),
        table(
            ("Package", "Asked for", "Installed"),
            (
                (
                    p["name"],
                    (p["asked"] or "any") + ("" if p["needed"] else ", optional"),
                    plain(p["version"]),
                )
                for p in found["packages"]
            ),
        ),
        f"## 2. Known answers: {passed(not failed)}",
        table(("Model", "Expected", "Observed", "Result"), (_answer(a) for a in answers)),
        *(part for answer in answers for part in _detail(answer)),
        "## Sign-off",
        table(
            ("Role", "Name", "Date", "Signature"),
            (("Executed by", "", "", ""), ("Reviewed by", "", "", "")),
        ),
        f"Seal of selftest.json: {told['seal']}",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def passed(good: bool) -> str:
    """A result in a word."""
    return "PASSED" if good else "FAILED"


def plain(value: Any) -> str:
    """A value in words.

    >>> plain(["artefact", "text"]), plain([]), plain(None)
    ('artefact, text', 'none', 'none')
    """
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _machine(found: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    files = found["files"]
    compared = f"{files['compared']} compared with what was installed, {len(files['changed'])} changed"
    yield "pfungst", plain(found["pfungst"])
    yield "Python", f"{found['implementation']} {found['python']}"
    yield "Platform", found["platform"]
    for key, value in found["hardware"].items():
        yield f"Hardware: {key}", plain(value)
    yield "The program's files", files["note"] or compared
    for name, digest in found["shipped"].items():
        yield f"SHA-256 of the shipped {name}", digest


def _answer(answer: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return (
        answer["name"],
        _said(answer["expected"]),
        _said(answer["observed"]) if answer["observed"] else "no answer",
        passed(answer["passed"]),
    )


def _said(answer: Mapping[str, Any]) -> str:
    parts = [answer["verdict"]]
    parts += [f"names {plain(answer['flagged'])}"] if answer["flagged"] else []
    parts += [f"because of the gate {answer['gate']}"] if answer["gate"] else []
    return f"{', '.join(parts)}; exit code {answer['exit code']}"


def _detail(answer: Mapping[str, Any]) -> list[str]:
    """What the model reads, what the audit says of it, and what is not as expected."""
    lines = [f"- {text(answer['what'])} Shown {answer['cases']} cases."]
    lines += [f"- The audit says: {text(answer['statement'])}"] if answer.get("statement") else []
    lines += [f"- **Not as expected.** {text(line)}" for line in answer["differs"]]
    return [f"### {text(answer['name'])}: {passed(answer['passed'])}", "\n".join(lines)]


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- **{text(line)}**" for line in lines)
