"""JUnit XML: one test case for each rule, subject and class, in the shape that the Ant and Jenkins schemas share.

A flagged finding is a *failure*. A gate that broke, and a case that was lost, is an *error*: the audit could not
measure. What is undecided is *skipped*, with the reason. What is clear passes. The exit code stays the gate of a build:
a failure whose type begins with ``informs`` does not move the verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal
from xml.etree import ElementTree

from audit.errors import visible
from audit.record import Run
from audit.report import judged, words
from audit.report.judged import Judged
from audit.report.rulebook import Raw

Tag = Literal["failure", "error", "skipped"]

ILLEGAL = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no place for, beyond what :func:`audit.errors.visible` writes out."""

NO_TIME = "1970-01-01T00:00:00"


def document(run: Run) -> bytes:
    """The findings of a run as JUnit XML in UTF-8. The same run gives the same bytes."""
    found = judged.load(run)
    root = ElementTree.Element("testsuites")
    kinds = dict.fromkeys(str(f.get("evidence") or "other") for f in (*found.gates, *found.findings))
    for kind in kinds:
        of = [(f, True) for f in found.gates if f.get("evidence") == kind]
        of += [(f, False) for f in found.findings if str(f.get("evidence") or "other") == kind]
        suite = [_case(found, finding, gate=gate) for finding, gate in of]
        root.append(_suite(found, kind, len(root), suite))
    if found.failures:
        root.append(_suite(found, "lost-cases", len(root), [*_lost(found)]))
    ElementTree.indent(root)
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def legal(text: object) -> str:
    """Text as XML can hold it: what it cannot is written out.

    >>> legal("a\\x00b\\ud800")
    'a\\\\x00b\\\\ud800'
    """
    return ILLEGAL.sub(lambda m: f"\\u{ord(m[0]):04x}", visible(str(text)))


def _suite(found: Judged, kind: str, number: int, cases: list[ElementTree.Element]) -> ElementTree.Element:
    def count(tag: Tag) -> str:
        return str(sum(case.find(tag) is not None for case in cases))

    created = re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", str(found.run.manifest.get("created") or ""))
    suite = ElementTree.Element(
        "testsuite",
        {
            "name": f"pfungst.{kind}",
            "package": "pfungst",
            "id": str(number),
            "timestamp": created[0] if created else NO_TIME,
            "hostname": "localhost",
            "tests": str(len(cases)),
            "failures": count("failure"),
            "errors": count("error"),
            "skipped": count("skipped"),
            "time": "0",
        },
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _facts(found):
        ElementTree.SubElement(properties, "property", {"name": legal(name), "value": legal(value)})
    suite.extend(cases)
    ElementTree.SubElement(suite, "system-out")
    ElementTree.SubElement(suite, "system-err")
    return suite


def _facts(found: Judged) -> Iterable[tuple[str, str]]:
    """What stands beside every suite: which run, and its verdict."""
    manifest = found.run.manifest
    model = manifest.get("model") or {}
    yield "title", words.plain(manifest.get("title"))
    yield "pfungst", words.plain(manifest.get("pfungst"))
    yield "run", "complete" if manifest.get("status") == "complete" else "draft: this run did not finish"
    yield "model", words.plain(model.get("name"))
    yield "weights.sha256", words.plain(model.get("sha256"))
    yield "verdict", found.verdict
    for row in found.verdicts:
        yield f"verdict: {found.subject(row)}", str(row["verdict"])


def _case(found: Judged, finding: Raw, *, gate: bool) -> ElementTree.Element:
    rule = str(finding["rule"])
    name = f"{finding.get('title') or rule}: {found.subject(finding)}"
    case = ElementTree.Element(
        "testcase",
        {
            "name": legal(name),
            "classname": legal(f"pfungst.{finding.get('evidence') or 'other'}.{rule}"),
            "time": "0",
        },
    )
    outcome = finding["outcome"]
    if outcome == "clear":
        return case
    tag: Tag = "skipped" if outcome == "undecided" else "error" if gate else "failure"
    said = judged.said(finding)
    told = ElementTree.SubElement(case, tag, {"message": legal(said)})
    if tag != "skipped":
        told.set("type", legal(_type(found, finding, gate=gate)))
    told.text = legal("\n".join([said, *(judged.line(e) for e in judged.estimates(finding))]))
    return case


def _type(found: Judged, finding: Raw, *, gate: bool) -> str:
    """What a failure is worth, and how severe its rule calls it; a broken gate by that name."""
    severity = str(finding.get("severity") or "not set")
    if gate:
        return f"gate: {severity}"
    return f"{judged.worth(found.rules, finding)}: {severity}"


def _lost(found: Judged) -> Iterable[ElementTree.Element]:
    """Cases that are not in the numbers."""
    for failure in found.failures:
        case = ElementTree.Element(
            "testcase",
            {
                "name": legal(failure.case or "the whole set"),
                "classname": legal(f"pfungst.lost-cases.{failure.stage}"),
                "time": "0",
            },
        )
        error = legal(failure.error)
        ElementTree.SubElement(case, "error", {"message": error, "type": legal(failure.stage)}).text = error
        yield case
