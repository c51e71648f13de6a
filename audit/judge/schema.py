"""What a rule is: data with its reasons, limits and examples. Nothing in a rule is ever executed."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic import ValidationInfo as Info
from pydantic_core import PydanticCustomError

from audit.judge.metrics import CHANGE, GROWTH, METRICS
from audit.plugins import nearest

Evidence = Literal["association", "attention", "reliance", "sufficiency", "harm", "control", "gate"]
Bound = Literal["value", "low", "high", "abs-value", "abs-low", "abs-high", "n", "patients"]
Op = Literal["<", "<=", ">", ">="]
Correction = Literal["none", "holm", "benjamini-hochberg"]
Weight = Literal["confirms", "suggests", "informs"]
WEIGHTS: dict[str, Weight] = {
    "reliance": "confirms",
    "sufficiency": "confirms",
    "association": "suggests",
    "attention": "suggests",
    "harm": "suggests",
}
"""What a flag of each kind of evidence is worth, unless the rule says otherwise."""


CORNERS = ("corner-top-left", "corner-top-right", "corner-bottom-left", "corner-bottom-right")
REGIONS = ("lesion", *CORNERS, "border", "text", "padding", "artefact", "joint")
FOUND = "found-*"
"""Places that the audit found by itself."""
OTHER = "other"
"""Among a rule's regions: every region that is none of ours, such as those of one's own finders."""


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Is ``name`` one of the names or globs?

    >>> matches("corner-top-left", ["corner-*"]), matches("text", ["border"])
    (True, False)
    """
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns)


def _wrong(what: str, todo: str) -> PydanticCustomError:
    return PydanticCustomError("rule", "{what}", {"what": what, "todo": todo})


def _metric(name: str) -> str:
    if name not in METRICS:
        raise _wrong(f"unknown metric {name!r}", nearest(name, METRICS))
    return name


def _region(name: str) -> str:
    """A near miss of one of our names is a slip; any other name may be that of somebody's own finder."""
    known = (*REGIONS, "corner-*", FOUND, OTHER)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    if close and not any(name == k or fnmatchcase(k, name) for k in known):
        raise _wrong(f"unknown region {name!r}", f"did you mean {close[0]!r}?")
    return name


def _listed(value: Any) -> Any:
    """One name may stand without the brackets of a list."""
    return (value,) if isinstance(value, str) else value


Text = Annotated[str, Field(min_length=1)]
MetricName = Annotated[
    str, AfterValidator(_metric), WithJsonSchema({"type": "string", "enum": sorted(METRICS)})
]
RegionName = Annotated[str, AfterValidator(_region)]
_OneOrMore = BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])
_OneMetricOrMore = BeforeValidator(_listed, json_schema_input_type=MetricName | tuple[MetricName, ...])
Names = Annotated[tuple[str, ...], _OneOrMore, Field(strict=False)]
RegionNames = Annotated[tuple[RegionName, ...], _OneOrMore, Field(strict=False)]
MetricNames = Annotated[tuple[MetricName, ...], _OneMetricOrMore, Field(strict=False, min_length=1)]


def _limit(value: float, info: Info) -> float:
    """A limit that no estimate can reach, or that every estimate passes, is a slip of the pen."""
    metric, bound = METRICS.get(info.data.get("metric", "")), info.data.get("bound")
    if metric is None or bound is None:
        return value  # these have their own mistake
    if not math.isfinite(value):
        raise _wrong("a limit must be a finite number", "write a number")
    least, most = metric.least, metric.most
    if bound.startswith("abs-"):
        least = 0.0
    elif bound in ("n", "patients"):
        least, most = 0.0, math.inf
    if not least <= value <= most:
        raise _wrong(
            f"the limit {value:g} is outside the range of {info.data['metric']!r}",
            f"it must lie between {least:g} and {most:g}",
        )
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Veto(_Strict):
    """What takes the vote from a map (``sanity``) or a fill (``strange``): a comparison of that very one's estimate."""

    metric: MetricName
    bound: Bound
    op: Op
    value: Annotated[float, AfterValidator(_limit)]


class Condition(_Strict):
    """One comparison of an estimate with a limit.

    ``bound`` says which number is compared: the ``value``, an end of its interval (``low``, ``high``), the
    size without the sign (``abs-value``), the smallest or largest size inside the interval (``abs-low`` is
    0 where the interval holds 0; ``abs-high``), or a count (``n``, ``patients``). What is left out is: the
    region and class that the rule ranges over, the stratum ``all``, and any explainer, layer, target and
    family. It holds if it holds for one of the estimates chosen; with ``every``, for each of them; with
    ``families: 2``, for one or more estimates in each of two families or more; with ``fills: 2``, for every way of
    painting over that was measured in one stratum, two of them or more, and with one sign. A ``fill`` that is left
    out is the first, inpainting. A metric ``change:removal`` is that of the candidate minus that of a baseline, and
    ``growth:removal`` how much farther from zero it lies; ``pfungst compare`` judges such a rule. ``instead_of``:
    asked only where that metric was not measured, or in too few cases. ``unless``: estimates of a map, or of a fill,
    of which that holds have no vote.
    """

    metric: MetricName
    bound: Bound
    op: Op
    value: Annotated[float, AfterValidator(_limit)]
    instead_of: MetricName | None = None
    unless: Veto | None = None
    families: Annotated[int, Field(ge=1)] | None = None
    fills: Annotated[int, Field(ge=1)] | None = None
    every: bool = False
    region: RegionNames | None = None
    cls: Names | None = None
    explainer: Names | None = None
    layer: Names | None = None
    other: Names | None = None
    target: Names | None = None
    family: Names | None = None
    fill: Names = ("", "inpaint")
    stratum: Names = ("all",)


class Conditions(_Strict):
    """``all`` of these, or ``any`` of these."""

    all: Annotated[tuple[Condition, ...], Field(strict=False)] = ()
    any: Annotated[tuple[Condition, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _one(self) -> Conditions:
        if bool(self.all) == bool(self.any):
            raise _wrong("write either 'all' or 'any', with one condition or more", "for example  all: [...]")
        return self


class Requirement(_Strict):
    """How much there must be to measure. An estimate of ``metric`` from less counts as not measured.

    ``cases`` and ``patients`` are those in the estimate; ``bearing`` are the cases that bear the region at
    all.
    """

    metric: MetricNames
    cases: Annotated[int, Field(ge=1)] = 1
    patients: Annotated[int, Field(ge=1)] = 1
    bearing: Annotated[int, Field(ge=1)] | None = None


class Sample(_Strict):
    """A made-up estimate of an example. What is left out is chosen so that the rule's own range finds it."""

    metric: MetricName
    region: str | None = None
    cls: str | None = None
    explainer: str = ""
    layer: str = ""
    other: str = ""
    target: str = ""
    family: str = ""
    fill: str = ""
    stratum: str = "all"
    value: float | None
    low: float | None = None
    high: float | None = None
    se: float | None = None
    n: Annotated[int, Field(ge=0)] = 100
    patients: Annotated[int, Field(ge=0)] | None = None
    missing: Annotated[int, Field(ge=0)] = 0
    why: str | None = None


class Example(_Strict):
    """What the rule must say of these estimates. A test of the rule inside the rule."""

    name: Text
    outcome: Literal["flagged", "clear", "undecided"]
    region: str | None = None
    estimates: Annotated[tuple[Sample, ...], Field(strict=False, min_length=1)]


class Rule(_Strict):
    """One question, the limit that was set for it, and why.

    ``requirements`` and ``risks`` are identifiers of the user's own, from other documents; the report traces them.
    """

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=60)]
    title: Text
    severity: Literal["critical", "major", "minor", "info"]
    evidence: Evidence
    weight: Weight | None = None
    role: Literal["artefact", "lesion", "cue", "clinical", "explainers", "model", "data"]
    regions: RegionNames = ()
    legitimate: bool = False
    what: Text
    why: Text
    limits: Text
    references: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    requirements: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    risks: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    requires: Annotated[tuple[Requirement, ...], Field(strict=False)] = ()
    when: Conditions
    clear_when: Conditions | None = None
    correct: Correction = "none"
    examples: Annotated[tuple[Example, ...], Field(strict=False, min_length=1)]

    @property
    def worth(self) -> Weight:
        """Does a flag confirm, suggest, or only inform?"""
        return self.weight or WEIGHTS.get(self.evidence, "informs")

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Every condition of the rule."""
        clear = self.clear_when or Conditions.model_construct()
        return (*self.when.all, *self.when.any, *clear.all, *clear.any)

    @property
    def by_class(self) -> bool:
        """Does the rule range over the classes?"""
        return any(METRICS[c.metric].cls and c.cls is None for c in self.conditions)

    @property
    def against_baseline(self) -> bool:
        """Does it ask for a change since a baseline? A run by itself cannot answer that."""
        return any(c.metric.startswith((CHANGE, GROWTH)) for c in self.conditions)

    @model_validator(mode="after")
    def _about_a_region(self) -> Rule:
        for condition in self.conditions:
            if METRICS[condition.metric].region and not self.regions and condition.region is None:
                raise _wrong(
                    f"the metric {condition.metric!r} is about a region, and the rule names none",
                    "add  regions: [...]",
                )
        return self
