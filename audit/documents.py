"""A YAML file's text -> plain values, each with its line and column; and what pydantic says of them, with its place.

Reads text only: builds no objects. YAML can do more than a rule or a configuration needs, and what it can do more
is how files harm: tags that build objects, aliases that grow without end, a key that stands twice and silently wins.
All of that is refused here, with its place.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, MappingStartEvent, NodeEvent, SequenceStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from audit.errors import Problem
from audit.plugins import nearest

BYTES = 256 * 1024
DEPTH = 16
PLACES = 20_000

Key = tuple[str | int, ...]
_TAG = "tag:yaml.org,2002:"
_WORDS = {"true": True, "false": False}


@dataclass
class Text:
    """One file as read: its values, where each stands, and what is wrong with it so far."""

    file: str
    values: Any = None
    keys: dict[Key, tuple[int, int]] = field(default_factory=dict)
    places: dict[Key, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def where(self, path: Key, *, key: bool = False) -> str:
        """``file:line:column`` of what stands at ``path``, or of the nearest thing around it."""
        path = tuple(path)
        if key and path in self.keys:
            return self._at(self.keys[path])
        while path and path not in self.places:
            path = path[:-1]
        return self._at(self.places.get(path, (1, 1)))

    def known(self, path: Key) -> Key:
        """The path without the steps that are no key of the file: pydantic names a union's branches too."""
        kept: Key = ()
        for step in path:
            if (*kept, step) in self.places or step == path[-1]:
                kept = (*kept, step)
        return kept

    def _at(self, place: tuple[int, int]) -> str:
        return f"{self.file}:{place[0]}:{place[1]}"

    def add(self, what: str, mark: Any = None, todo: str = "") -> None:
        place = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        self.problems.append(Problem(what=what, where=self._at(place), todo=todo))


def read(path: Path) -> Text:
    """The values of a file. Whatever is wrong with the text stands in ``problems``."""
    text = Text(file=str(path))
    try:
        with path.open("rb") as file:
            data = file.read(BYTES + 1)
    except OSError as error:
        text.problems.append(Problem(what=f"cannot be read: {error.strerror}", where=str(path)))
        return text
    if len(data) > BYTES:
        text.add(f"the file is larger than {BYTES // 1024} KiB", todo="is it the right file?")
        return text
    try:
        source = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        text.problems.append(
            Problem(what="not UTF-8", where=f"{path}:{line}:{column}", todo="save the file as UTF-8")
        )
        return text
    try:
        if _harmless(source, text):
            node = YAML(typ="safe", pure=True).compose(source)
            if node is None:
                text.add("the file is empty")
            else:
                text.values = _plain(node, (), text)
    except MarkedYAMLError as error:
        text.add(f"not YAML: {error.problem or error.context}", error.problem_mark or error.context_mark)
    except YAMLError as error:
        text.add(f"not YAML: {' '.join(str(error).split())[:200]}")
    except (ValueError, RecursionError) as error:
        text.add(f"not YAML: {error}")
    return text


def _harmless(source: str, text: Text) -> bool:
    """Look at the stream of events before anything is built of it."""
    depth = count = documents = 0
    for event in YAML(typ="safe", pure=True).parse(source):
        kind = type(event).__name__
        count += isinstance(event, NodeEvent)
        depth += kind.endswith("StartEvent") and isinstance(event, SequenceStartEvent | MappingStartEvent)
        depth -= kind in ("SequenceEndEvent", "MappingEndEvent")
        documents += kind == "DocumentStartEvent"
        if isinstance(event, AliasEvent):
            text.add(f"an alias (*{event.anchor}) is not allowed", event.start_mark, "write it out")
        elif isinstance(event, NodeEvent) and event.anchor:
            text.add(f"an anchor (&{event.anchor}) is not allowed", event.start_mark, "write it out")
        tag = getattr(event, "tag", None)
        if tag is not None and not isinstance(event, AliasEvent) and kind != "DocumentStartEvent":
            text.add(f"a tag ({tag}) is not allowed", event.start_mark, "write text and numbers only")
        if documents == 2 and kind == "DocumentStartEvent":
            text.add("a second document", event.start_mark, "write one document a file")
        if depth > DEPTH:
            text.add("nested too deep", event.start_mark, f"at most {DEPTH} levels")
            return False
        if count > PLACES:
            text.add("too many values", event.start_mark, f"at most {PLACES}")
            return False
    return not text.problems


def _plain(node: Node, path: Key, text: Text) -> Any:
    text.places[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, ScalarNode):
        return _scalar(node, text)
    if not isinstance(node, MappingNode):
        return [_plain(item, (*path, i), text) for i, item in enumerate(node.value)]
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, ScalarNode):
            text.add("a key must be a word", key_node.start_mark)
            continue
        key = _sound(str(key_node.value), key_node, text)
        here = (*path, key)
        if key in values:
            text.add(
                f"the key {key!r} stands twice",
                key_node.start_mark,
                f"it stands in line {text.keys[here][0]} already",
            )
            continue
        text.keys[here] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        values[key] = _plain(value_node, here, text)
    return values


def _scalar(node: ScalarNode, text: Text) -> Any:
    """Text, a number, true, false or null. Dates and the like stay text."""
    kind = str(node.tag).removeprefix(_TAG)
    word = str(node.value)
    if kind == "null":
        return None
    if kind == "bool":
        return _WORDS.get(word.lower(), word)
    try:
        if kind == "int":
            return int(word.replace("_", ""), 0)
        if kind == "float":
            return float(word.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        text.add(f"not a number: {word[:40]}", node.start_mark, "if it is a name, put it in quotation marks")
    return _sound(word, node, text)


def _sound(word: str, node: Node, text: Text) -> str:
    """The word, if it can be written down again: half of a surrogate pair is no character."""
    if any("\ud800" <= letter <= "\udfff" for letter in word):
        text.add("half of a surrogate pair is no character", node.start_mark, "write \\U and eight digits")
    return word


def problems(text: Text, error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """What pydantic found, each with its place, what is expected, and the nearest known key."""
    return [_problem(e, text, model) for e in _own([dict(e) for e in error.errors(include_url=False)], model)]


def _own(errors: list[dict[str, Any]], model: type[BaseModel]) -> list[dict[str, Any]]:
    """Without those that only follow from another: a list short of its broken items, a key misspelt."""
    places = [error["loc"] for error in errors]
    meant = set()
    for error in errors:
        if error["type"] == "extra_forbidden":
            *path, name = error["loc"]
            close = difflib.get_close_matches(str(name), _model_at(model, tuple(path)).model_fields, n=1)
            meant.add((*path, *close))

    def follows(error: dict[str, Any]) -> bool:
        here = error["loc"]
        if error["type"] == "too_short":
            return any(place != here and place[: len(here)] == here for place in places)
        return error["type"] == "missing" and here in meant

    return [error for error in errors if not follows(error)]


def _problem(error: dict[str, Any], text: Text, model: type[BaseModel]) -> Problem:
    """One of pydantic's errors, with its place in the file and the nearest known name."""
    path = text.known(tuple(error["loc"]))
    kind, context = error["type"], error.get("ctx", {})
    name = _called(tuple(error["loc"]))
    if kind == "extra_forbidden":
        given = _given(text.values, path[:-1])
        known = [f for f in _model_at(model, tuple(error["loc"])[:-1]).model_fields if f not in given]
        what, todo = f"unknown key {name!r}", nearest(name, known)
        return Problem(what=what, where=text.where(path, key=True), todo=todo)
    if kind == "missing":
        described = _model_at(model, tuple(error["loc"])[:-1]).model_fields[name].description
        todo = f"add  {name}: ..." + (f"  ({described})" if described else "")
        return Problem(what=f"the key {name!r} is missing", where=text.where(path), todo=todo)
    what, todo = str(error["msg"]).removeprefix("Value error, "), str(context.get("todo", ""))
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", str(context["expected"]))
        wrong = error["input"]
        what = f"{name!r} cannot be {wrong!r}"
        hint = nearest(wrong, known) if isinstance(wrong, str) else ""
        listed = f"one of {', '.join(known)}"
        todo = f"{hint} ({listed})" if hint.startswith("did") else listed
    elif kind == "string_pattern_mismatch":
        what = f"{name!r} cannot be {error['input']!r}"
        todo = "small letters, digits and single hyphens, as in attention-corners"
    elif kind != "rule":
        what = f"{name!r}: {what[:1].lower()}{what[1:]}" if name else what
        if not (kind == "value_error" and isinstance(error["input"], dict)):  # of several keys together
            todo = todo or f"it is {_shown(error.get('input'))}"
        if kind == "string_type" and isinstance(error["input"], bool | int | float):
            todo += ", which is no text: put it in quotation marks"
    return Problem(what=what, where=text.where(path), todo=todo)


def _called(loc: Key) -> str:
    """The last key of a place; of an item in a list the list's key, and the item's number from 1."""
    if not loc:
        return ""
    *path, last = loc
    return f"{path[-1]}, item {last + 1}" if isinstance(last, int) and path else str(last)


def _shown(value: Any) -> str:
    return "a list of keys and values" if isinstance(value, dict) else str(value)[:60].__repr__()


def _model_at(model: type[BaseModel], path: Key) -> type[BaseModel]:
    """The model whose keys stand at a place, found by the fields' types; a number or a union's branch is passed by."""
    here = model
    for step in path:
        field_ = here.model_fields.get(str(step))
        here = (_model_in(field_.annotation) if field_ is not None else None) or here
    return here


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside an optional, a union or a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)


def _given(values: Any, path: Key) -> set[str]:
    for step in path:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return set()
    return set(values) if isinstance(values, dict) else set()
