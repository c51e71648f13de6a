"""A name from one of our tables, an installed plug-in's name, or ``"package.module:function"``.

A plug-in is a function with the signature its stage asks for. Our own stand in a dict literal in the
stage's ``__init__.py``; an installed package offers its own by the entry-point group ``pfungst.<stage>``.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
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


def imported(reference: str, *, where: str = "") -> Any:
    """The object that ``"package.module:attribute"`` names.

    Raises:
        ConfigError: the module or the attribute is not there.

    >>> imported("math:floor")(2.5)
    2
    """
    module_name, _, attribute = reference.partition(":")
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
