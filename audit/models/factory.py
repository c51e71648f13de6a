"""Calls a user's factory, which may lie beside the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from audit.errors import ConfigError, ModelError
from audit.plugins import imported, importing_from


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
    with importing_from(folder, [factory] if isinstance(factory, str) else []):
        if isinstance(factory, str):
            if ":" not in factory:
                raise ConfigError(
                    f"{factory!r} names no function",
                    where="model.factory",
                    todo='write it as "module:function"',
                )
            function, name = imported(factory, where="model.factory"), factory
        else:
            function = factory
            name = f"{factory.__module__}:{getattr(factory, '__qualname__', type(factory).__name__)}"
        if not callable(function):
            raise ConfigError(f"{name!r} is not a function", where="model.factory")
        try:
            return function(**args), name
        except (Exception, SystemExit) as error:  # sys.exit(0) in it would read as a verdict: clear
            raise ModelError(
                f"the factory {name} failed: {type(error).__name__}: {error}",
                where="model.factory",
                todo="call it by hand with the same args to see its traceback",
            ) from error
