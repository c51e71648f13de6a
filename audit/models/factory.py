"""Calls a user's factory, which may lie beside the configuration."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audit.errors import ConfigError, ModelError
from audit.plugins import imported


@contextmanager
def importing_from(folder: Path | None) -> Iterator[None]:
    """``folder`` is first on the import path inside the block, and off it afterwards."""
    if folder is None:
        yield
        return
    place = str(folder.resolve())
    before = list(sys.path)
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path[:] = before


def _forget_namesake(module: str, folder: Path) -> None:
    """Drops an imported module of that name from another folder: two audits may each have a
    ``my_models.py``."""
    top = module.partition(".")[0]
    mine = {(folder / f"{top}.py").resolve(), (folder / top / "__init__.py").resolve()}
    loaded = getattr(sys.modules.get(top), "__file__", None)
    if loaded and any(path.is_file() for path in mine) and Path(loaded).resolve() not in mine:
        for name in [n for n in sys.modules if n == top or n.startswith(f"{top}.")]:
            del sys.modules[name]


def made(
    factory: str | Callable[..., Any] | None, args: Mapping[str, Any], *, folder: Path | None
) -> tuple[Any, str]:
    """What ``factory(**args)`` returns, and the factory's name.

    Raises:
        ConfigError: no factory is named, or it cannot be imported.
        ModelError: the factory failed; the message holds its own error.
    """
    if factory is None:
        raise ConfigError(
            "the model has no factory", where="model.factory", todo='write it as "module:function"'
        )
    with importing_from(folder):
        if isinstance(factory, str):
            if ":" not in factory:
                raise ConfigError(
                    f"{factory!r} names no function",
                    where="model.factory",
                    todo='write it as "module:function"',
                )
            if folder is not None:
                _forget_namesake(factory.partition(":")[0], folder)
            function, name = imported(factory, where="model.factory"), factory
        else:
            function = factory
            name = f"{factory.__module__}:{getattr(factory, '__qualname__', type(factory).__name__)}"
        if not callable(function):
            raise ConfigError(f"{name!r} is not a function", where="model.factory")
        try:
            return function(**args), name
        except Exception as error:
            raise ModelError(
                f"the factory {name} failed: {type(error).__name__}: {error}",
                where="model.factory",
                todo="call it by hand with the same args to see its traceback",
            ) from error
