"""Processes beside this one that look at the pictures while the model works.

Regions, cues and superpixels take about a second a picture, and the maps of the untouched cases need none of them. A
looker makes every so-manieth chunk of the first walk and ends. What it could not make, for whatever reason, the local
walk makes, and tells what is wrong; so a looker says nothing.

They are begun as commands and not as forks: a process that has threads cannot be forked safely, and a script of the
user's must not be run again in each of them.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO, Self

from audit.bench import Orders
from audit.engine.worker import Worker
from audit.gather import Desk, Wait, nothing
from audit.gather.desk import LOOKED

FEWEST = 64
"""With fewer cases than this, starting another process takes longer than it saves, unless lookers are asked for."""

MOST = 8
"""Reading from one disk gets no faster with more."""


def suits(cases: int) -> int:
    """So many lookers suit a set of this size and this machine: one core is left for the model."""
    if cases < FEWEST:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST, cores - 1)


class Lookers:
    """The lookers of one run."""

    def __init__(self, orders: Orders, desk: Desk, count: int) -> None:
        self.orders, self.desk, self.count = orders, desk, count
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.close()

    def ahead(self, name: str) -> Wait:
        """Begin the first walk; every other one is left to the local engine."""
        numbers = [n for n in range(len(self.desk.chunks)) if not self.desk.run.parts.done(LOOKED, n)]
        count = min(self.count, len(numbers))
        if name != LOOKED or not count or self.orders.heavy:
            return nothing
        orders = replace(self.orders, model=None)  # nothing is asked of it there
        try:
            told = [pickle.dumps((orders, numbers[i::count])) for i in range(count)]
        except (
            pickle.PicklingError,
            AttributeError,
            TypeError,
        ):  # objects at hand that cannot leave this process
            return nothing
        for message in told:
            process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
                start_new_session=True,  # Ctrl-C is this process's to answer
            )
            self.processes.append(process)
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.write(message)
                process.stdin.flush()  # and left open: its end says that this process has ended
        return self._wait

    def _wait(self) -> None:
        for process in self.processes:
            process.wait()


def main(told: BinaryIO) -> None:
    """Make the chunks that are told, and end when the process that told them ends."""
    orders, numbers = pickle.load(told)
    threading.Thread(target=_leave_with, args=(told.fileno(),), daemon=True).start()
    worker = Worker(orders, threads=1, asks=False)
    for number in numbers:
        worker.make(LOOKED, number, orders.regions)


def _leave_with(told: int) -> None:
    while os.read(told, 1 << 16):
        pass
    os._exit(1)


if __name__ == "__main__":
    main(sys.stdin.buffer)
