"""How far the explainers may be believed: their sanity and their faithfulness, as estimates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audit.measure.faithfulness import faithfulness
from audit.measure.sanity import sanity
from audit.record import Case, Estimate, Faithfulness, Run, Sanity


def explainers(run: Run, cases: Sequence[Case], seed: int) -> Iterator[Estimate]:
    """The estimates of both tests, of every map that was tried."""
    if run.has(Sanity):
        yield from sanity(run.read(Sanity), cases, run.maps, seed=seed)
    if run.has(Faithfulness):
        yield from faithfulness(run.read(Faithfulness), cases, run.maps, seed=seed)
