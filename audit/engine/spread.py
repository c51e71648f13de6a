"""Chunks over the machines of a Ray cluster, or over processes of this one, by Ray Data.

Each actor holds a copy of the model and writes what it makes into the run's folder, which all machines must see. An
actor that is killed is started again and its chunk asked again, but for the answers that stand in the journal.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np

from audit import errors
from audit.bench import Orders
from audit.engine.worker import Worker, threads
from audit.errors import ConfigError, PfungstError, Problem, RunError
from audit.gather import Desk, Wait, nothing

DEATHS = 3
"""How often a worker is started again."""

LOCAL = 2
"""Workers where there is no cluster and nobody says how many."""


def check() -> None:
    """See that Ray is installed.

    Raises:
        ConfigError: it is not.
    """
    if importlib.util.find_spec("ray") is None:
        raise ConfigError(
            "engine: ray is not installed", todo="pip install 'pfungst[ray]', or take the local engine"
        )


class Spread:
    """A Ray session for one run. One that the process has already, or ``RAY_ADDRESS`` names, is used and left alone."""

    def __init__(self, orders: Orders, desk: Desk, workers: int | None) -> None:
        self.orders, self.desk, self.workers = orders, desk, workers or None
        self.threads = threads()
        self.gpus = int(orders.config.model.device.startswith("cuda"))
        self._ours = False

    def __enter__(self) -> Self:
        import ray

        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.ERROR)
        if not ray.is_initialized():
            address = os.environ.get("RAY_ADDRESS")
            self._ours = True
            # one more than the actors need: what hands them their work is a task too
            room: dict[str, Any] = {} if address else {"num_cpus": (self.workers or LOCAL) * self.threads + 1}
            ray.init(
                address=address or "local",
                include_dashboard=None if address else False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                **room,
            )
        if self.workers is None:
            there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
            each = there.get("GPU", 0) if self.gpus else (there.get("CPU", 1) - 1) / self.threads
            self.workers = max(1, int(each))
        return self

    def __exit__(self, *_: object) -> None:
        import ray

        if self._ours:
            ray.shutdown()

    def ahead(self, name: str) -> Wait:
        """Have every chunk of a walk made that is not known, and wait for it.

        Raises:
            PfungstError: what a worker found wrong, as the local engine would tell it.
        """
        import ray

        wanted = [n for n in range(len(self.desk.chunks)) if not self.desk.run.parts.done(name, n)]
        if not wanted:
            return nothing
        jobs = ray.data.from_items([{"number": n} for n in wanted], override_num_blocks=len(wanted))
        answers = jobs.map_batches(
            Actor,
            fn_constructor_args=(ray.put(self.orders), self.threads, name, tuple(self.desk.regions)),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=min(self.workers or 1, len(wanted))),
            num_cpus=self.threads,
            num_gpus=self.gpus or None,
            max_restarts=DEATHS,
            max_task_retries=DEATHS,
        )
        with _quiet(), _dying():
            for made, row in enumerate(answers.iter_rows(), start=1):
                if row["kind"]:
                    raise _told(row)
                told = f"by {self.workers} workers"
                self.desk.progress.step(min(made * self.desk.config.batch, len(self.desk.cases)), told)
        return nothing


class Actor:
    """A worker as Ray Data calls it: a batch of one number in, the same out, and what was wrong."""

    def __init__(self, orders: Any, threads: int, name: str, regions: tuple[Any, ...]) -> None:
        import ray

        self.name, self.regions, self.worker, self.wrong = name, regions, None, None
        try:
            self.worker = Worker(ray.get(orders) if isinstance(orders, ray.ObjectRef) else orders, threads)
        except PfungstError as error:
            self.wrong = error

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        number, wrong = int(batch["number"][0]), self.wrong
        if self.worker is not None:
            try:
                self.worker.make(self.name, number, self.regions)
            except PfungstError as error:
                wrong = error
        return {
            "number": np.array([number]),
            "kind": [type(wrong).__name__ if wrong else ""],
            "what": [_written(wrong) if wrong else ""],
        }


def _written(error: PfungstError) -> str:
    return json.dumps([vars(problem) for problem in error.problems])


def _told(row: dict[str, Any]) -> PfungstError:
    kind: type[PfungstError] = getattr(errors, str(row["kind"]), PfungstError)
    return kind([Problem(**problem) for problem in json.loads(row["what"])])


@contextmanager
def _dying() -> Iterator[None]:
    """A chunk that ends every process that it is given to must not be tried for ever."""
    import ray

    try:
        yield
    except ray.exceptions.RayActorError as error:
        raise RunError(
            f"a worker ended more than {DEATHS} times at the same work: {str(error).splitlines()[0]}",
            todo="look at its machine's memory and at Ray's logs; the same command with --resume goes on",
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray Data tells nothing of its own: the run's progress is told by the run."""
    import ray

    context = ray.data.DataContext.get_current()
    before = context.enable_progress_bars
    context.enable_progress_bars = False
    try:
        yield
    finally:
        context.enable_progress_bars = before
