"""Who gives what is put into a case: the cases that bear a region, and those that do not, by label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from audit.errors import Undefined


@dataclass(frozen=True, kw_only=True)
class Bearers:
    """What is known of all cases, row by row, before any is asked.

    ``bears`` holds for each region whether a case bears it, None where nobody can say. ``patients``, where it is
    given, keeps a patient's own other pictures from being donors.
    """

    labels: Sequence[str]
    bears: Mapping[str, Sequence[bool | None]]
    patients: Sequence[str] = ()

    @cached_property
    def codes(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Labels and patients as numbers: every case asks all the others, so that is done in columns."""
        who = self.patients or range(len(self.labels))
        label, patient = (
            np.unique(np.asarray(x), return_inverse=True)[1].ravel() for x in (self.labels, who)
        )
        return label, patient

    @cached_property
    def rows(self) -> dict[tuple[str, bool], NDArray[np.intp]]:
        """The rows that bear each region, and those that certainly do not."""
        return {
            (name, bearing): np.array([i for i, b in enumerate(borne) if b is bearing], np.intp)
            for name, borne in self.bears.items()
            for bearing in (True, False)
        }


def donors(
    b: Bearers,
    region: str,
    row: int,
    rng: np.random.Generator,
    *,
    count: int,
    bearing: bool,
    other_label: bool | None,
) -> list[int]:
    """Up to ``count`` rows that can give a region, or its absence, to one case; drawn without replacement.

    Args:
        b: labels and bearing of all cases.
        region: the region's name.
        row: the case that receives; it is never its own donor.
        rng: draws them.
        count: how many are wanted, at least one.
        bearing: True for cases that bear the region, False for cases that certainly do not.
        other_label: True for cases of another label than the receiver's, False for the same label, None for any.

    Returns:
        Rows, each once, in the order drawn.

    Raises:
        Undefined: there is no such case; the reason says which kind is lacking.

    >>> b = Bearers(labels=["ill", "well", "well", "ill"], bears={"tag": [True, False, None, True]})
    >>> sorted(donors(b, "tag", 1, np.random.default_rng(0), count=5, bearing=True, other_label=True))
    [0, 3]
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, not {count}")
    fit, (label, patient) = b.rows[region, bearing], b.codes
    fit = fit[patient[fit] != patient[row]]
    if other_label is not None:
        fit = fit[(label[fit] != label[row]) == other_label]
    if not len(fit):
        raise Undefined(_lacking(region, b.labels[row], bearing, other_label, bool(b.patients)))
    return [int(i) for i in rng.permutation(fit)[:count]]


def _lacking(region: str, label: str, bearing: bool, other_label: bool | None, patients: bool) -> str:
    of = {None: "", True: f" with a label other than {label}", False: f" with the label {label}"}[other_label]
    by = " of another patient" if patients else ""
    return f"no other case{by}{of} {'bears' if bearing else 'is without'} {region}"
