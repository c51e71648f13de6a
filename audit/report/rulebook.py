"""What a report takes from the run's own rule files: their words, their limits, and who has no vote."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from audit.record import Estimate, Run
from audit.record.files import sha256

DIGEST = "sha256 of the file"

Raw = dict[str, Any]

OPS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def rules(run: Run) -> dict[str, Raw]:
    """The run's rules by id, as plain values; a file that cannot be read is left out."""
    found: dict[str, Raw] = {}
    for file in run.rule_files():
        try:
            document = YAML(typ="safe", pure=True).load(file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, YAMLError):
            continue
        if isinstance(document, dict) and "id" in document:
            found[str(document["id"])] = {**document, DIGEST: sha256(file)}
    return found


def texts(value: Any) -> tuple[str, ...]:
    """One text, a list of texts or a list of mappings, as texts.

    >>> texts("a"), texts(["a", {"title": "b", "url": "c"}]), texts(None)
    (('a',), ('a', 'b, c'), ())
    """
    if value is None or value == "":
        return ()
    items = value if isinstance(value, list) else [value]
    return tuple(
        ", ".join(str(v) for v in item.values()) if isinstance(item, dict) else str(item).strip()
        for item in items
    )


def conditions(rule: Raw) -> Iterator[Raw]:
    """The conditions of a rule, for flagging and for clearing."""
    for part in ("when", "clear_when"):
        groups = rule.get(part)
        for group in groups.values() if isinstance(groups, dict) else ():
            yield from (c for c in group if isinstance(c, dict))


def rule_limits(rule: Raw, name: str) -> tuple[float, ...]:
    """The limits that a rule sets to the values of a metric, both signs where it asks for the size.

    >>> rule_limits({"when": {"all": [{"metric": "removal", "bound": "abs-low", "value": 0.2}]}}, "removal")
    (-0.2, 0.2)
    """
    found: set[float] = set()
    for condition in conditions(rule):
        value, bound = condition.get("value"), str(condition.get("bound"))
        if (
            condition.get("metric") != name
            or bound in ("n", "patients")
            or not isinstance(value, int | float)
        ):
            continue
        found |= {-float(value), float(value)} if bound.startswith("abs-") else {float(value)}
    return tuple(sorted(found))


def limits(known: Mapping[str, Raw], name: str, evidence: str) -> tuple[float, ...]:
    """The limits that all rules of one kind of evidence set to a metric."""
    own = [r for r in known.values() if r.get("evidence") == evidence]
    return tuple(sorted({limit for rule in own for limit in rule_limits(rule, name)}))


class Veto(NamedTuple):
    """Of what this holds has no vote."""

    metric: str
    bound: str
    op: str
    value: float

    def holds(self, e: Estimate | None) -> bool:
        """Does it hold of an estimate? Not where nothing was measured."""
        at = None if e is None else getattr(e, self.bound.removeprefix("abs-"), None)
        if at is None:
            return False
        return bool(OPS[self.op](abs(at) if self.bound.startswith("abs-") else at, self.value))


VETOES = {"sanity": Veto("sanity", "low", ">", 0.5), "strange": Veto("strange", "value", ">", 0.5)}
"""Used where no rule of the run says otherwise."""


def veto(known: Mapping[str, Raw], metric: str) -> Veto:
    """Who has no vote, as the run's rules say it first.

    >>> rule = {"when": {"all": [{"unless": {"metric": "strange", "bound": "value", "op": ">", "value": 0.4}}]}}
    >>> veto({"r": rule}, "strange").value, veto({}, "sanity").value
    (0.4, 0.5)
    """
    for rule in known.values():
        for condition in conditions(rule):
            said = condition.get("unless")
            if isinstance(said, dict) and said.get("metric") == metric and said.get("op") in OPS:
                return Veto(metric, str(said.get("bound", "value")), said["op"], float(said["value"]))
    return VETOES[metric]
