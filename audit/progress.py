"""What a run tells while it works: a bar on a terminal, plain lines in a log, nothing under ``--quiet``."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress


class Progress(Protocol):
    """Told what is done. ``stage`` begins a part of ``total`` cases; ``step`` says how many are done of it."""

    def stage(self, name: str, total: int) -> None:
        """A part begins."""

    def step(self, done: float, doing: str) -> None:
        """So many cases are done (a part of one counts), and this is being done."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Silent:
    """Says nothing."""

    def stage(self, name: str, total: int) -> None:
        """Nothing."""

    def step(self, done: float, doing: str) -> None:
        """Nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Lines(Silent):
    """A line when a part begins, and one every few seconds, for a log."""

    def __init__(self, stream: TextIO | None = None, *, every: float = 10.0) -> None:
        self._stream = stream or sys.stderr
        self._every = every
        self._name, self._total = "", 0
        self._began = self._told = time.monotonic()

    def stage(self, name: str, total: int) -> None:
        """Say that a part begins."""
        self._name, self._total = name, total
        self._began = self._told = time.monotonic()
        print(f"{name}: {total} cases" if total else name, file=self._stream, flush=True)

    def step(self, done: float, doing: str) -> None:
        """Say how far it is, at most every few seconds."""
        now = time.monotonic()
        if now - self._told < self._every or not self._total:
            return
        self._told = now
        left = (now - self._began) / done * (self._total - done) if done > 0 else None
        rest = f", about {left:.0f} s left" if left is not None else ""
        print(
            f"{self._name}: {int(done)} of {self._total} cases, {doing}{rest}", file=self._stream, flush=True
        )


class Bar(Silent):
    """A bar with cases, what is being done, and the time left."""

    def __init__(self) -> None:
        from rich.console import Console

        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[doing]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: TaskID | None = None

    def stage(self, name: str, total: int) -> None:
        """Begin a new bar in place of the last."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(name, total=total or None, doing="")

    def step(self, done: float, doing: str) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bar.update(self._task, completed=int(done), doing=doing)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
