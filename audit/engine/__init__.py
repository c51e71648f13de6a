"""Where a run's chunks are made: in this process, or first by others that see the same folder.

A run is made of parts that appear in its folder in one step each, whoever makes them. So other processes need no
channel to send their results through, and the local walk that comes after them finds what they made, asks what they
did not make, and counts their passes. The bytes are the same by construction: it is the same code on the same chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, get_args

from audit.errors import ConfigError

if TYPE_CHECKING:
    from audit.bench import Orders
    from audit.gather import Ahead, Desk

Engine = Literal["local", "ray"]
ENGINES: tuple[Engine, ...] = get_args(Engine)


def check(engine: str) -> None:
    """See that an engine can be had.

    Raises:
        ConfigError: nobody knows it, or what it needs is not installed.
    """
    if engine not in ENGINES:
        raise ConfigError(f"engine: {engine!r} is not known", todo=f"it is one of {', '.join(ENGINES)}")
    if engine == "ray":
        from audit.engine import spread

        spread.check()


@contextmanager
def started(engine: Engine, workers: int | None, orders: Orders, desk: Desk) -> Iterator[Ahead]:
    """The engine at work: told of a walk, it has chunks of the walk made. ``workers`` None is as many as suit."""
    if engine == "local":
        from audit.engine.lookers import Lookers, suits

        with Lookers(orders, desk, suits(len(desk.cases)) if workers is None else workers) as lookers:
            yield lookers.ahead
        return
    from audit.engine.spread import Spread

    with Spread(orders, desk, workers) as spread:
        yield spread.ahead
