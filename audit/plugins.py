"""A name from one of our tables, an installed plug-in's name, or ``"package.module:function"``.

A plug-in is a function with the signature its stage asks for. Our own stand in a dict literal in the
stage's ``__init__.py``; an installed package offers its own by the entry-point group ``pfungst.<stage>``.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from audit.errors import ConfigError


def nearest(name: str, known: Iterable[str]) -> str:
    """``", did you mean 'x'?"`` for a near miss, else the known names.

    >>> nearest("grad-cma", ["lime", "grad-cam"])
    "did you mean 'grad-cam'?"
    >>> nearest("zzz", ["lime", "grad-cam"])
    'known: grad-cam, lime'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names)}"


@contextmanager
def importing_from(folder: Path | None, references: Iterable[str] = ()) -> Iterator[None]:
    """``folder`` is first on the import path inside the block, and off it afterwards.

    Of the modules that ``references`` name, those imported from another folder are forgotten: two audits may each
    have a ``my_models.py``.
    """
    if folder is None:
        yield
        return
    for reference in references:
        if ":" in reference:
            _forget_namesake(reference.partition(":")[0], folder)
    before = list(sys.path)
    sys.path.insert(0, str(folder.resolve()))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before


def _forget_namesake(module: str, folder: Path) -> None:
    top = module.partition(".")[0]
    mine = {(folder / f"{top}.py").resolve(), (folder / top / "__init__.py").resolve()}
    loaded = getattr(sys.modules.get(top), "__file__", None)
    if loaded and any(path.is_file() for path in mine) and Path(loaded).resolve() not in mine:
        for name in [n for n in sys.modules if n == top or n.startswith(f"{top}.")]:
            del sys.modules[name]


def imported(reference: str, *, where: str = "") -> Any:
    """The object that ``"package.module:attribute"`` names.

    Raises:
        ConfigError: the module or the attribute is not there, or the module fails while it is imported.

    >>> imported("math:floor")(2.5)
    2
    """
    module_name, _, attribute = reference.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), *attribute.split("."))):
        raise ConfigError(
            f"{reference!r} names no function", where=where, todo="write it as package.module:function"
        )
    try:
        thing: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            thing = getattr(thing, part)
    except ImportError as error:
        raise ConfigError(
            f"cannot import {module_name!r} for {reference!r}: {error}",
            where=where,
            todo="is it installed, or beside the configuration file?",
        ) from error
    except AttributeError as error:
        raise ConfigError(
            f"{reference!r}: {error}", where=where, todo="write it as package.module:function"
        ) from error
    except (
        Exception,
        SystemExit,
    ) as error:  # whatever the user's own code does; its exit must not become our verdict
        raise ConfigError(
            f"{module_name!r} fails while it is imported: {type(error).__name__}: {error}",
            where=where,
            todo=f"python -c 'import {module_name}'  shows where",
        ) from error
    return thing


def find(name: str, table: Mapping[str, Any], *, stage: str, where: str = "") -> Any:
    """What ``name`` stands for: ours, an installed plug-in's, or anyone's ``package.module:function``.

    >>> find("floor", {"floor": 1}, stage="regions")
    1
    >>> find("math:ceil", {}, stage="regions")(0.5)
    1
    """
    if name in table:
        return table[name]
    offered = {point.name: point for point in entry_points(group=f"pfungst.{stage}")}
    if name in offered:
        return offered[name].load()
    if ":" in name:
        return imported(name, where=where)
    raise ConfigError(
        f"unknown name {name!r} among the {stage}", where=where, todo=nearest(name, [*table, *offered])
    )
