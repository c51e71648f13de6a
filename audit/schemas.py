"""JSON Schemas of what pfungst writes, and of the rule files that it reads: for validators and for editors."""

from __future__ import annotations

import json
from typing import Any, Literal, get_args

from audit import resources
from audit.judge.schema import Rule

Name = Literal["findings", "manifest", "comparison", "rules"]
NAMES: tuple[Name, ...] = get_args(Name)


def schema(name: Name) -> dict[str, Any]:
    """The schema of ``findings.json``, of ``manifest.json``, of ``comparison.json``, or of a rule file.

    The first three are files, so that a change of what a run holds is seen as one; the rules' is made of the types that
    read them. What a schema cannot say, such as the range of a metric's limit, ``pfungst rules check`` says.

    >>> schema("rules")["properties"]["severity"]["enum"]
    ['critical', 'major', 'minor', 'info']
    """
    if name == "rules":
        dialect = "https://json-schema.org/draft/2020-12/schema"
        made = Rule.model_json_schema()
        return {"$schema": dialect, "$id": "urn:pfungst:schema:rules:1", **made, "title": "A rule of pfungst"}
    document: dict[str, Any] = json.loads(
        (resources.folder("templates") / "schema" / f"{name}.schema.json").read_text("utf-8")
    )
    return document
