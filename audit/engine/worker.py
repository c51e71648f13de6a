"""A process that makes chunks of a run that another process leads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from audit.bench import Orders, relaid
from audit.errors import RunError
from audit.gather import walk
from audit.progress import Silent
from audit.record import Region, Run


def threads() -> int:
    """Threads that a pass of the model uses in this process: rounding may depend on them, so workers take the same."""
    return int(sys.modules["torch"].get_num_threads()) if "torch" in sys.modules else 1


class Worker:
    """Makes the chunks that it is told; one that ``asks`` holds its own copy of the model."""

    def __init__(self, orders: Orders, threads: int, *, asks: bool = True) -> None:
        if not (orders.run / "manifest.json").is_file():
            raise RunError(
                "this machine does not see the run's folder",
                where=str(orders.run),
                todo="put run, configuration and pictures on a file system that all machines see, at the same path",
            )
        bench = relaid(orders, asks=asks)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(threads)
        run = Run.open(orders.run, unfinished=True)
        self.desk = bench.desk(run, progress=Silent(), keep_going=orders.keep_going)
        self.prepared = bench.prepared
        self._walks: dict[str, Callable[[int], None]] = {}

    def make(self, name: str, number: int, regions: Sequence[Region]) -> None:
        """Make one chunk of a walk, of which ``regions`` are all that are known as it begins."""
        if name not in self._walks:
            self.desk.regions[:] = regions
            self._walks[name] = walk(name, self.desk, self.prepared)
        self._walks[name](number)
