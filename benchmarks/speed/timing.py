"""CPU and wall time of jobs that take turns, and their ratios."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Job = Callable[[], object]
PACKAGES = ("torch", "torchvision", "numpy", "captum", "grad-cam", "torchcam", "lime", "quantus")


@dataclass(kw_only=True)
class Times:
    """One job's times in seconds, one entry a round."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def run(self, job: Job) -> None:
        """Time the job once."""
        wall, cpu = time.perf_counter(), time.process_time()
        job()
        self.cpu.append(time.process_time() - cpu)
        self.wall.append(time.perf_counter() - wall)


def processor() -> float:
    """Seconds of CPU time of this process and of those that it began and that have ended."""
    return sum(os.times()[:4])


def in_turns(jobs: Mapping[str, Job], rounds: int, *, warm: bool = True) -> dict[str, Times]:
    """Each job once a round, so that a slow minute of the machine falls on all. A first round is not counted."""
    found = {name: Times() for name in jobs}
    for number in range(-1 if warm else 0, rounds):
        for name, job in jobs.items():
            (Times() if number < 0 else found[name]).run(job)
    return found


def ratio(slow: Sequence[float], fast: Sequence[float]) -> tuple[float, float, float]:
    """The median, the lowest and the highest of the rounds' ratios.

    >>> ratio([2.0, 6.0, 3.0], [1.0, 2.0, 1.0])
    (3.0, 2.0, 3.0)
    """
    each = [a / b for a, b in zip(slow, fast, strict=True)]
    return statistics.median(each), min(each), max(each)


def line(what: str, slow: Times, fast: Times, target: float | None = None) -> str:
    """A row of the table: the ratio by CPU time, by wall time, and what was aimed at.

    >>> print(line("a / b", Times(cpu=[4.0], wall=[6.0]), Times(cpu=[2.0], wall=[2.0]), 1.5))
    | a / b | 2.00 (2.00 to 2.00) | 3.00 | 1.5 |
    """
    middle, low, high = ratio(slow.cpu, fast.cpu)
    wall = ratio(slow.wall, fast.wall)[0]
    aim = "" if target is None else f"{target:g}"
    return f"| {what} | {middle:.2f} ({low:.2f} to {high:.2f}) | {wall:.2f} | {aim} |"


HEADER = "| what | ratio of CPU times (lowest to highest round) | of wall times | aim |\n|---|---|---|---|"


def conditions() -> str:
    """The machine and the packages, in a line."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, OMP_NUM_THREADS {threads}, "
        f"load {load}; python {platform.python_version()}, {', '.join(found)}"
    )
