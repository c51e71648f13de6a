"""Rule files: found, read, checked. Every mistake is told at once, with file:line:column and what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from audit import documents, resources
from audit.errors import ConfigError, Problem
from audit.judge.evaluate import findings
from audit.judge.metrics import METRICS
from audit.judge.schema import (
    REGIONS,
    Example,
    Rule,
    Sample,
    matches,
)
from audit.plugins import nearest
from audit.record.nouns import Estimate, Region

__all__ = ["Rule", "check", "files", "load"]


def load(names_or_paths: Sequence[str | Path], *, folder: Path) -> list[Rule]:
    """The rules of shipped sets (by name), files and folders (by path, relative to ``folder``).

    Raises:
        ConfigError: with every mistake in every file.
    """
    rules, problems = _read(files(names_or_paths, folder=folder))
    if problems:
        raise ConfigError(problems)
    return rules


def files(names_or_paths: Sequence[str | Path], *, folder: Path) -> list[Path]:
    """The rule files that the names and paths stand for, each once, in order.

    Raises:
        ConfigError: a name or path leads nowhere, or to no rule.
    """
    found: list[Path] = []
    problems: list[Problem] = []
    for name in names_or_paths:
        try:
            if not str(name):  # it would mean the whole folder
                raise ConfigError(
                    "a rule's name or path is empty", todo="name a shipped set, a file or a folder"
                )
            found += [file for file in _files(Path(name), folder) if file not in found]
        except ConfigError as error:
            problems += error.problems
        except (OSError, ValueError) as error:  # a name that the file system refuses
            problems.append(Problem(what=f"{str(name)[:300]!r} cannot be looked up: {error}"[:600]))
    if problems:
        raise ConfigError(problems)
    return found


def check(paths: Sequence[str | Path]) -> list[Problem]:
    """Every mistake in the rule files at these paths; none if all is well.

    A path is a file, a folder or the name of a shipped set.
    """
    try:
        found = files(paths, folder=Path())
    except ConfigError as error:
        return list(error.problems)
    return _read(found)[1]


def _files(name: Path, folder: Path) -> list[Path]:
    place = folder / name
    if not place.exists() and len(name.parts) == 1 and not name.suffix:
        shipped, sets = resources.folder("rules"), resources.rule_sets()
        if name.name not in sets:
            raise ConfigError(
                f"no rules are called {str(name)!r}", todo=f"{nearest(name.name, sets)}; or write a path"
            )
        place = shipped / name
    if place.is_dir():
        inside = sorted(p for p in place.iterdir() if p.suffix == ".yaml" and p.is_file())
        if not inside:
            raise ConfigError(
                "this folder holds no rule", where=str(place), todo="a rule is a file that ends in .yaml"
            )
        return inside
    if not place.is_file():
        raise ConfigError("no such file or folder", where=str(place), todo="name a rule file or its folder")
    if place.suffix != ".yaml":
        raise ConfigError("this is not a rule file", where=str(place), todo="a rule file ends in .yaml")
    return [place]


def _read(paths: Sequence[Path]) -> tuple[list[Rule], list[Problem]]:
    rules: list[Rule] = []
    problems: list[Problem] = []
    places: dict[str, str] = {}
    for path in paths:
        text = documents.read(path)
        rule = _rule(text) if text.values is not None or not text.problems else None
        name = text.values.get("id") if isinstance(text.values, dict) else None
        if isinstance(name, str):
            here = text.where(("id",))
            if name in places:
                todo = f"it stands in {places[name]} already; give this rule another id"
                text.problems.append(Problem(what=f"two rules with the id {name!r}", where=here, todo=todo))
            places.setdefault(name, here)
        if rule is not None:
            if not text.problems:
                _examples(rule, text)
            rules.append(rule)
        problems += sorted(text.problems, key=_place)
    return rules, problems


def _place(problem: Problem) -> tuple[int, int]:
    numbers = re.findall(r":(\d+):(\d+)$", problem.where)
    return (int(numbers[0][0]), int(numbers[0][1])) if numbers else (0, 0)


def _rule(text: documents.Text) -> Rule | None:
    if not isinstance(text.values, dict):
        if text.values is not None:
            text.problems.append(
                Problem(what="a rule file holds keys and values", where=text.where(()), todo="see rules/core")
            )
        return None
    try:
        return Rule.model_validate(text.values)
    except ValidationError as error:
        text.problems += documents.problems(text, error, Rule)
    return None


def _examples(rule: Rule, text: documents.Text) -> None:
    """Each example must come out as it says."""
    for i, example in enumerate(rule.examples):
        got = tried(rule, example)
        if isinstance(got, str):
            said, outcome = got, "nothing"
        else:
            said, outcome = got.statement, got.outcome
        if outcome != example.outcome:
            text.problems.append(
                Problem(
                    what=f"the example {example.name!r} says {example.outcome!r}, the rule gives {outcome!r}",
                    where=text.where(("examples", i, "outcome")),
                    todo=said,
                )
            )


def tried(rule: Rule, example: Example) -> Any:
    """The finding that a rule gives for an example; a text that says why there is none."""
    region = example.region or _concrete(rule)
    classes = sorted({s.cls for s in example.estimates if s.cls}) or ["ill"]
    regions = [
        Region(name=name, role="lesion" if name.startswith("lesion") else "artefact", title=name, **_MADE_UP)
        for name in sorted({region, *(s.region for s in example.estimates if s.region)} - {""})
    ]
    estimates = [_estimate(s, region, classes[-1]) for s in example.estimates]
    if rule.role in ("artefact", "lesion", "cue", "clinical"):
        role = rule.role
        regions = [Region(name=r.name, role=role, title=r.title, **_MADE_UP) for r in regions]
    given = [f for f in findings([rule], estimates, regions=regions, classes=classes) if f.region == region]
    return given[0] if given else f"the rule does not range over the region {region!r}"


_MADE_UP: dict[str, Any] = {"detector": "example", "version": "0"}


def _concrete(rule: Rule) -> str:
    """A region's name for an example that names none."""
    for pattern in rule.regions:
        for name in (pattern, *REGIONS):
            if "*" not in name and "?" not in name and matches(name, [pattern]):
                return name
    return ""


def _estimate(sample: Sample, region: str, cls: str) -> Estimate:
    metric = METRICS[sample.metric]
    given = sample.model_dump()
    given["region"] = sample.region if sample.region is not None else (region if metric.region else "")
    given["cls"] = sample.cls if sample.cls is not None else (cls if metric.cls else "")
    given["patients"] = sample.n if sample.patients is None else sample.patients
    return Estimate(**given)
