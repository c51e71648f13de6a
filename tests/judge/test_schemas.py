"""The published schemas describe what is really written and read, and refuse what is not."""

from __future__ import annotations

import copy
import dataclasses
import json
import typing
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from audit import cli, schemas
from audit.judge.schema import METRICS
from audit.record import Estimate, Finding, Region, Verdict, VerdictName

SHIPPED = Path(__file__).parents[2] / "rules"
RULES = sorted([*SHIPPED.glob("core/*.yaml"), *SHIPPED.glob("compare/*.yaml")])


def validator(name: schemas.Name) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schemas.schema(name))


@pytest.mark.parametrize("name", schemas.NAMES)
def test_a_schema_is_one_and_the_command_prints_it(name, capsys) -> None:
    jsonschema.Draft202012Validator.check_schema(schemas.schema(name))
    cli.app(["schema", name], standalone_mode=False)
    assert json.loads(capsys.readouterr().out) == schemas.schema(name)


@pytest.mark.parametrize(
    ("noun", "name"), [(Finding, "finding"), (Estimate, "estimate"), (Verdict, "verdict")]
)
def test_a_noun_that_changes_changes_its_schema(noun, name) -> None:
    """If this fails, change templates/schema/findings.schema.json with the noun."""
    told = schemas.schema("findings")["$defs"][name]
    fields = [f.name for f in dataclasses.fields(noun)]
    assert list(told["properties"]) == told["required"] == fields
    assert set(schemas.schema("findings")["$defs"]["word"]["enum"]) == set(typing.get_args(VerdictName))


def test_a_region_that_changes_changes_the_manifest_s_schema() -> None:
    told = schemas.schema("manifest")["$defs"]["region"]
    assert list(told["properties"]) == [f.name for f in dataclasses.fields(Region)]


@pytest.mark.parametrize("file", RULES, ids=lambda f: f.stem)
def test_every_shipped_rule_is_a_rule_by_its_schema(file) -> None:
    rule = YAML(typ="safe").load(file)
    assert not [f"{e.json_path}: {e.message}" for e in validator("rules").iter_errors(rule)]
    for wrong in (
        {**rule, "severty": "major"},
        {**rule, "severity": "grave"},
        {k: v for k, v in rule.items() if k != "limits"},
    ):
        assert list(validator("rules").iter_errors(wrong))


def test_an_editor_can_offer_the_metrics() -> None:
    condition = schemas.schema("rules")["$defs"]["Condition"]["properties"]
    assert condition["metric"]["enum"] == sorted(METRICS)


def test_nothing_measured_has_a_reason_by_the_schema_too() -> None:
    estimate = dataclasses.asdict(Estimate(metric="auc", value=None, why="no case"))
    finding = Finding(
        rule="r",
        title="R",
        severity="major",
        evidence="gate",
        region="",
        cls="",
        outcome="undecided",
        statement="S.",
    )
    found = {**dataclasses.asdict(finding), "estimates": [estimate], "cases": []}
    judgement = {"verdict": "undecided", "verdicts": [], "gates": [], "findings": [found]}
    assert not list(validator("findings").iter_errors(judgement))
    for key, value in (("why", None), ("n", -1), ("value", "0.5"), ("value", True)):
        wrong = copy.deepcopy(judgement)
        wrong["findings"][0]["estimates"][0][key] = value
        assert list(validator("findings").iter_errors(wrong)), key
