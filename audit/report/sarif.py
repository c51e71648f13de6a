"""SARIF 2.1.0: each finding as a result, located in the run's own copy of the rule that it was judged by.

``kind`` is ``fail`` for flagged, ``pass`` for clear, ``open`` for undecided; a broken gate is a ``fail`` of its rule.
``level`` follows the rule's severity, and is a ``note`` for a flag that only informs. A lost case is a notification of
the invocation. The fingerprint is made of rule, subject and class alone, so a finding keeps it while numbers move and
others come and go. A place that the audit found by itself has a number that another run may give to another place: it
is known by how it was found and by the ninth of the frame in which it lies.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from audit import documents
from audit.errors import visible
from audit.record import Run, seal
from audit.record.files import sha256
from audit.report import judged, vocabulary
from audit.report.judged import Judged
from audit.report.rulebook import DIGEST, Raw, texts
from audit.report.source import DISCOVERED

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"critical": "error", "major": "error", "minor": "warning", "info": "note"}
KINDS = {"flagged": "fail", "clear": "pass", "undecided": "open"}
FINGERPRINT = "pfungst/rule-subject-class/v1"
BASE = "RUN"


def document(run: Run) -> bytes:
    """The findings of a run as SARIF in UTF-8. The same run gives the same bytes."""
    found = judged.load(run)
    places, known = _places(run), _known(run)
    every = (*found.gates, *found.findings)
    ids = [*dict.fromkeys([*found.rules, *(str(f["rule"]) for f in every)])]
    number = {rule: i for i, rule in enumerate(ids)}
    log = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "pfungst",
                        "version": str(run.manifest.get("pfungst") or "not recorded"),
                        "rules": [_rule(rule, found, every) for rule in ids],
                    }
                },
                "invocations": [
                    {
                        "executionSuccessful": run.manifest.get("status") == "complete",
                        "toolExecutionNotifications": [*_lost(found)],
                    }
                ],
                "originalUriBaseIds": {BASE: {"description": {"text": "The run's folder."}}},
                "artifacts": [
                    {"location": _location(name), "hashes": {"sha-256": digest}}
                    for name, digest in {n: sha256(run.path / n) for n, _ in places.values()}.items()
                ],
                "columnKind": "unicodeCodePoints",
                "results": [_result(f, found, number, places, known) for f in every],
                "properties": {
                    "title": str(run.manifest.get("title") or ""),
                    "verdict": found.verdict,
                    "verdicts": [
                        {"subject": found.subject(v), "verdict": v["verdict"]} for v in found.verdicts
                    ],
                    "weights.sha256": (run.manifest.get("model") or {}).get("sha256"),
                },
            }
        ],
    }
    return seal.text(_shown(log)).encode()


def fingerprint(finding: Raw, known: Mapping[str, str] | None = None) -> str:
    """What stays the same of a finding from run to run: its rule, its subject and its class.

    ``known``: by what a subject is known, where its name may be another's in the next run.

    >>> a = {"rule": "reliance", "region": "text", "cls": "ill", "statement": "0.3 SD"}
    >>> fingerprint(a) == fingerprint({**a, "statement": "0.4 SD"}) != fingerprint({**a, "cls": "well"})
    True
    """
    region = str(finding.get("region") or "")
    parts = (finding["rule"], (known or {}).get(region, region), finding.get("cls") or "")
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "backslashreplace")).hexdigest()


def _known(run: Run) -> dict[str, str]:
    """By what each place that the audit found by itself is known, and by its order where two are known by one thing."""
    known: dict[str, str] = {}
    for region in run.regions:
        if region.detector == DISCOVERED and run.has_array("regions", region.name):
            masks = run.array("regions", region.name)
            rows, columns = np.nonzero(np.any(masks[:LOOKED], axis=0))
            thirds = (
                [int(3 * at.mean() / side) for at, side in zip((rows, columns), masks.shape[1:], strict=True)]
                if len(rows)
                else []
            )
            name = f"found {region.settings.get('how')} {thirds}"
            same = sum(other.startswith(name) for other in known.values())
            known[region.name] = f"{name} {same}" if same else name
    return known


LOOKED = 64
"""In so many cases it is looked where a place lies."""


def _shown(value: Any) -> Any:
    """Texts with what steers a terminal, and what is no character, written out."""
    if isinstance(value, str):
        return visible(value).encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_shown(k): _shown(v) for k, v in value.items()}
    return [_shown(v) for v in value] if isinstance(value, list) else value


Places = dict[str, tuple[str, documents.Text]]


def _places(run: Run) -> Places:
    """Of each rule its file in the run, and where in it each key stands."""
    found: Places = {}
    for file in run.rule_files():
        text = documents.read(file)
        if isinstance(text.values, dict) and isinstance(text.values.get("id"), str):
            found[text.values["id"]] = (f"rules/{file.name}", text)
    return found


def _location(name: str) -> Raw:
    return {"uri": re.sub(r"[^A-Za-z0-9._~/@+=-]", "_", name), "uriBaseId": BASE}


def _rule(rule_id: str, found: Judged, every: Iterable[Raw]) -> Raw:
    """A rule with its help; what its file does not say is taken from its findings."""
    rule = found.rules.get(rule_id, {})
    said = next((f for f in every if f["rule"] == rule_id), {})
    evidence = str(rule.get("evidence") or said.get("evidence") or "")
    severity = str(rule.get("severity") or said.get("severity") or "")
    parts = [(name, texts(rule.get(name.lower()))) for name in ("What", "Why", "Limits", "References")]
    parts = [(name, said) for name, said in parts if said]
    help_ = "\n\n".join(f"{name}\n{chr(10).join(said)}" for name, said in parts)
    title = str(rule.get("title") or said.get("title") or rule_id)
    return {
        "id": rule_id,
        "name": "".join(word.capitalize() for word in rule_id.split("-")),
        "shortDescription": {"text": title},
        "fullDescription": {"text": " ".join(texts(rule.get("what"))) or title},
        "help": {"text": help_ or "The run keeps no file of this rule."},
        "defaultConfiguration": {"level": _level(found, {**said, "rule": rule_id, "severity": severity})},
        "properties": {
            "tags": [evidence] if evidence else [],
            "severity": severity or None,
            "evidence": vocabulary.EVIDENCE.get(evidence, evidence),
            "sha256": rule.get(DIGEST),
        },
    }


def _level(found: Judged, finding: Raw) -> str:
    gate = finding.get("evidence") in ("gate", "control")
    if not gate and judged.worth(found.rules, finding) == "informs":
        return "note"
    return LEVELS.get(str(finding.get("severity")).lower(), "warning")


def _result(
    finding: Raw, found: Judged, number: Mapping[str, int], places: Places, known: Mapping[str, str]
) -> Raw:
    rule = str(finding["rule"])
    kind = KINDS[finding["outcome"]]
    said = judged.said(finding)
    lines = [judged.line(e) for e in judged.estimates(finding)]
    result: Raw = {
        "ruleId": rule,
        "ruleIndex": number[rule],
        "kind": kind,
        "level": _level(found, finding) if kind == "fail" else "none",
        "message": {"text": f"{found.subject(finding)}: {said}"},
        "partialFingerprints": {FINGERPRINT: fingerprint(finding, known)},
        "properties": {
            "outcome": finding["outcome"],
            "evidence": finding.get("evidence"),
            "severity": finding.get("severity"),
            "weight": judged.worth(found.rules, finding),
            "region": finding.get("region") or None,
            "class": finding.get("cls") or None,
            "estimates": lines,
            "cases": list(finding.get("cases") or ()),
        },
    }
    where: Raw = {"logicalLocations": [{"name": found.subject(finding), "kind": "subject"}]}
    if rule in places:
        file, text = places[rule]
        where["physicalLocation"] = {
            "artifactLocation": _location(file),
            "region": {"startLine": _line(text, "clear_when" if kind == "pass" else "when")},
        }
    result["locations"] = [where]
    return result


def _line(text: documents.Text, key: str) -> int:
    """The line of a rule's condition; that of its id where it has none."""
    place = text.keys.get((key,)) or text.keys.get(("id",)) or (1, 1)
    return place[0]


def _lost(found: Judged) -> Iterable[Raw]:
    """Cases that are not in the numbers."""
    for failure in found.failures:
        about = failure.case or "the whole set"
        yield {
            "level": "error",
            "message": {"text": f"{about}: {failure.error}"},
            "descriptor": {"id": f"lost-case/{failure.stage}"},
        }
