"""What laws, standards and guidance ask for, as data: ``rules/frameworks/*.yaml``, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from audit import documents
from audit.errors import ConfigError, Problem
from audit.plugins import nearest
from audit.report.dossier.held import HELD

SECTIONS = (
    "verdict",
    "tested",
    "findings",
    "removal",
    "transplant",
    "cues",
    "harm",
    "found",
    "cases",
    "attention",
    "trust",
    "agreement",
    "missing",
    "limits",
    "rules",
    "control",
    "purpose",
    "provenance",
    "leakage",
    "reference",
    "sample",
    "methods",
    "criteria",
    "traceability",
    "deviations",
    "signoff",
)
"""The sections of the report that an item may point at."""


def _known(name: str, known: tuple[str, ...], what: str) -> str:
    if name not in known:
        raise PydanticCustomError(
            "rule", "{what}", {"what": f"there is no {what} {name!r}", "todo": nearest(name, known)}
        )
    return name


Fact = Annotated[str, AfterValidator(lambda name: _known(name, tuple(HELD), "fact"))]
Place = Annotated[str, AfterValidator(lambda name: _known(name, SECTIONS, "section"))]
Text = Annotated[str, Field(min_length=1, max_length=2000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Item(_Part):
    """One thing that is asked for.

    ``needs``: without each of these facts the item is not addressed. ``evidenced_by``: with all of them it is
    evidenced, with some partly, with none not addressed. ``beyond`` says what the item asks that no report of this kind
    holds: then it is at most partly evidenced. ``numbering`` is ``none`` where the source gives the item no number.
    """

    id: Text
    title: Text
    where: list[Place] = []
    needs: list[Fact] = []
    evidenced_by: list[Fact] = []
    beyond: Text | None = None
    numbering: Literal["checked", "unverified", "none"] = "unverified"


class Framework(_Part):
    """One law, standard or guidance."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: Text
    edition: Text
    about: Text
    items: Annotated[list[Item], Field(min_length=1)]


def read(place: Path) -> list[Framework]:
    """Every framework in a folder, by its file's name.

    Raises:
        ConfigError: every mistake in every file, with file:line:column.
    """
    found: list[Framework] = []
    problems: list[Problem] = []
    for path in sorted(place.glob("*.yaml")):
        text = documents.read(path)
        if not text.problems and not isinstance(text.values, Mapping):
            text.add("a framework holds keys and values", todo="see rules/frameworks")
        if not text.problems:
            one = _checked(text, problems)
            found += [one] if one is not None else []
        problems += text.problems
    if problems:
        raise ConfigError(problems)
    return found


def _checked(text: documents.Text, problems: list[Problem]) -> Framework | None:
    values: Any = text.values
    try:
        one = Framework.model_validate(values)
    except ValidationError as error:
        problems += documents.problems(text, error, Framework)
        return None
    ids = [item.id for item in one.items]
    for number, name in enumerate(ids):
        if name in ids[:number]:
            where = text.where(("items", number, "id"))
            problems.append(Problem(what=f"two items with the id {name!r}", where=where, todo="rename one"))
    return one
