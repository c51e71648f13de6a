"""The room that templates are printed in: they read what they are handed, and nothing else.

A folder of the user's overrides ours by file name. Templates may come from anybody, so none is trusted: no name leads
out of the two folders, no attribute but a field of what is handed in is read, nothing escapes the escaping, and nothing
in it depends on chance.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
import traceback
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound, TemplateSyntaxError, nodes
from jinja2.runtime import LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from audit.errors import ConfigError, visible
from audit.resources import folder

KINDS = (".html", ".css", ".svg", ".txt", ".md")
LARGEST, MOST = 1 << 20, 200
"""Bytes of one file, and files, of a folder of templates."""

GLOBALS = ("range", "dict", "namespace", "cycler", "joiner")
"""What jinja offers to every template, without ``lipsum``, which is made by chance."""

FORBIDDEN = ("safe", "random", "pprint", "attr")
"""Filters that print what is not escaped, or by chance, or that name attributes by text."""

PLAIN = (str, int, float, bool, type(None), list, tuple, dict)


class Folders(BaseLoader):
    """Templates by name from the first folder that has them; no name and no link leads out of it."""

    def __init__(self, *folders: Path) -> None:
        self.folders = [f.resolve() for f in folders]

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The text of a template.

        Raises:
            TemplateNotFound: neither folder has it, or the name is no plain name.
        """
        if any(part in ("", ".", "..") for part in template.split("/")) or set(template) & set("\\:\0"):
            raise TemplateNotFound(template)
        for place in self.folders:
            path = (place / template).resolve()
            if path.is_file() and path.is_relative_to(place) and path.stat().st_size <= LARGEST:
                text = path.read_text("utf-8")
                if path.suffix != ".js" and environment.parse(text).find(nodes.EvalContextModifier):
                    raise TemplateSyntaxError("the escaping is not turned off", 1, template, str(path))
                return text, str(path), lambda: True
        raise TemplateNotFound(template)


class Room(ImmutableSandboxedEnvironment):
    """The sandbox of jinja, narrowed: attributes are fields of the report's own nouns."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Fields and properties of a noun; methods of text and lists; what jinja's own loops and macros offer."""
        if not super().is_safe_attribute(obj, attr, value):
            return False
        if dataclasses.is_dataclass(obj) and not isinstance(obj, type):
            known = {f.name for f in dataclasses.fields(obj)}
            return attr in known or isinstance(getattr(type(obj), attr, None), property)
        return isinstance(obj, (*PLAIN, LoopContext)) or type(obj).__module__ in (
            "jinja2.environment",
            "jinja2.utils",
        )

    def is_safe_callable(self, obj: Any) -> bool:
        """Macros, methods of text and lists, what is handed in to be called, and nothing that makes a type."""
        plain = isinstance(getattr(obj, "__self__", None), (*PLAIN, LoopContext))
        ours = any(obj is g for g in self.globals.values()) or getattr(obj, "for_templates", False) is True
        jinja = isinstance(obj, Macro) or type(obj).__module__ in ("jinja2.utils", "jinja2.runtime")
        return bool((plain or ours or jinja) and super().is_safe_callable(obj))


def environment(own: Path | None = None, *, paper: bool = False) -> Room:
    """A room in which everything printed is text unless the template itself is markup, and a gap is an error.

    Raises:
        ConfigError: ``own`` is no folder of templates, or one of them cannot be read; all at once.
    """
    ours = folder("templates")
    room = Room(
        loader=Folders(ours) if own is None else Folders(own, ours),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_on_paper if paper else _written_out,
    )
    room.globals = {name: room.globals[name] for name in GLOBALS}
    for name in FORBIDDEN:
        room.filters.pop(name, None)
    if own is not None:
        for name in files(own):
            _readable(room, name, own)
    return room


def _readable(room: Room, name: str, own: Path) -> None:
    try:
        room.get_template(name)
    except TemplateSyntaxError as error:
        where = f"{own / name}:{error.lineno}:1"
        raise ConfigError(
            f"this template is wrong: {error.message}", where=where, todo="see templates/"
        ) from error
    except (TemplateNotFound, UnicodeDecodeError, OSError) as error:
        raise ConfigError(
            "this template cannot be read", where=str(own / name), todo="see templates/"
        ) from error


def files(own: Path) -> dict[str, Path]:
    """The templates in a folder of the user's, by name.

    Raises:
        ConfigError: it is no folder, holds something that is no template, or a link that leads out of it.
    """
    if not own.is_dir():
        raise ConfigError("there is no such folder of templates", where=str(own), todo="name a folder")
    found: dict[str, Path] = {}
    home = own.resolve()
    for path in sorted(own.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        what = ""
        if not path.resolve().is_relative_to(home) or path.is_symlink():
            what = "a link is no template"
        elif path.suffix not in KINDS:
            what = f"this is no template: one ends in {', '.join(KINDS)}"
        elif path.stat().st_size > LARGEST:
            what = f"this template is larger than {LARGEST >> 20} MiB"
        elif path.suffix == ".css" and "</" in path.read_text("utf-8", errors="replace"):
            what = "a style holds no tag: '</' would end it"
        if what:
            raise ConfigError(what, where=str(path), todo="take it out of the folder")
        found[path.relative_to(own).as_posix()] = path
        if len(found) > MOST:
            raise ConfigError(f"more than {MOST} templates", where=str(own), todo="is it the right folder?")
    return found


def keep(own: Path, place: Path) -> None:
    """Copy a user's templates into a run, so that its report can be printed anywhere."""
    for name, path in files(own).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place / name)


def handed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that templates may call."""
    function.for_templates = True  # type: ignore[attr-defined]
    return function


def printed(room: Room, name: str, values: Mapping[str, Any], own: Path | None = None) -> str:
    """A template with its values.

    Raises:
        ConfigError: a template of the user's asks for what is not there, or not allowed.
    """
    try:
        return room.get_template(name).render(**values)
    except Exception as error:
        place = _place(error, own)
        if not place:
            raise  # the fault is in a template of ours
        what = f"this template cannot be printed: {type(error).__name__}: {error}"
        raise ConfigError(
            what, where=place, todo="a template prints fields of c, and nothing else"
        ) from error


class _Opening(HTMLParser):
    """What stands before a page's policy, and what no policy stops."""

    def __init__(self, page: str, policy: str) -> None:
        super().__init__()
        self.policy, self.found, self.wrong = policy, False, ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if (tag, said.get("http-equiv"), said.get("content")) == (
            "meta",
            "Content-Security-Policy",
            self.policy,
        ):
            self.found = True
        elif not self.found and tag not in ("html", "head") and set(said) != {"charset"}:
            self.wrong = self.wrong or f"<{tag}> stands before the policy"
        elif tag in ("link", "base") or (tag == "meta" and "http-equiv" in said):
            self.wrong = self.wrong or f"<{tag}> can open an address, whatever the policy says"


def policed(page: str, policy: str, own: Path | None) -> str:
    """The page, if its policy stands before all that could open an address.

    Raises:
        ConfigError: a template of the user's put something before it, or left it out.
    """
    if own is None:
        return page  # ours are tested; a page of 100 MB is not read again for nothing
    seen = _Opening(page, policy)
    if seen.wrong or not seen.found:
        what = f"the page would not be safe to open: {seen.wrong or 'it has no policy'}"
        raise ConfigError(
            what, where=str(own), todo="keep the first lines of templates/report.html as they are"
        )
    return page


def _place(error: Exception, own: Path | None) -> str:
    """Where in a template of the user's an error arose; empty where in none."""
    home = None if own is None else own.resolve()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if home is not None and Path(frame.filename).is_relative_to(home):
            return f"{frame.filename}:{frame.lineno}:1"
    return ""


def _written_out(thing: object) -> object:
    """A name from the data must not turn a line around, or end the page: such characters are written out."""
    return visible(thing) if isinstance(thing, str) and not isinstance(thing, Markup) else thing


LONGEST = 300
"""Letters of one word that are set on paper: a line is broken at any of them, and thousands take minutes."""


def _on_paper(thing: object) -> object:
    """As on the page, but for words of more than 300 letters: they are cut, and it is said how long they are."""
    thing = _written_out(thing)
    if not isinstance(thing, str) or isinstance(thing, Markup) or len(thing) <= LONGEST:
        return thing
    return _WORD.sub(lambda word: f"{word[0][: LONGEST - 20]}… ({len(word[0]):,} letters)", thing)


_WORD = re.compile(rf"[^\s,]{{{LONGEST + 1},}}")
