"""pfungst: does an image classifier read the sign that an expert would read, or a text tag in the corner?

The pipeline, one noun handed on by each verb, with a run directory in the middle:

    images + masks --> explain --> measure --> judge --> report
    model ---------->  intervene --^ (regions)   (rules)

``run`` does it all and needs the model. ``redo`` does ``measure``, ``judge`` or ``report`` again from the run
directory alone: without the model, without torch, without the pictures. (The verbs themselves are folders here.)
``compare`` lays finished runs side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from audit.record import Run

__all__ = ["Run", "compare", "open", "redo", "run"]
__version__ = "0.1.0"


def run(config: Any = None, **objects: Any) -> Run:
    """Audit a model: from ``audit.yaml``, or with the objects at hand. See :func:`audit.runner.run`.

    >>> run("audit.yaml", out="runs/a")                                            # doctest: +SKIP
    >>> run(model=network, images="cases.csv", classes=["healthy", "referable"],
    ...     size=(224, 224), out="runs/b")                                         # doctest: +SKIP
    """
    from audit import runner

    return runner.run(config, **objects)


def open(path: Path | str) -> Run:
    """Take up a finished run.

    Raises:
        audit.errors.RunError: no run is there, or it did not finish.
    """
    return Run.open(path)


def redo(
    path: Path | str, stage: Literal["measure", "judge", "report"], rules: Sequence[str] | None = None
) -> Run:
    """Do ``measure``, ``judge`` or ``report`` of a finished run again, and what follows from it.

    Args:
        path: the run.
        stage: where to begin.
        rules: names of shipped sets, or files and folders; None takes the run's own.
    """
    from audit import stages

    return stages.redo(path, stage, rules)


def compare(*runs: Path | str, out: Path | str, rules: Sequence[str] | None = None, maps: bool = True) -> Any:
    """Compare finished runs on the cases that they share; the first is the baseline. See :mod:`audit.comparison`.

    Args:
        runs: two or more, in order.
        out: an empty or new folder for ``comparison.json`` and the report.
        rules: rules about changes: shipped sets, files and folders; None takes the shipped set ``compare`` and those
            that the last run keeps.
        maps: compare maps too; False for runs on different grids.

    Returns:
        The comparison; its ``verdict`` is ``worse``, ``undecided`` or ``not-worse``.

    >>> compare("runs/epoch-1", "runs/epoch-2", out="runs/compared").verdict        # doctest: +SKIP
    'not-worse'
    """
    from audit import comparison

    return comparison.compare(runs, out, rules=rules, maps=maps)
