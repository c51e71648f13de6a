"""Who gives what is put into a case: the cases that bear a region, and those that do not, by label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

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
    fit = [i for i, borne in enumerate(b.bears[region]) if i != row and borne is bearing]
    if b.patients:
        fit = [i for i in fit if b.patients[i] != b.patients[row]]
    if other_label is not None:
        fit = [i for i in fit if (b.labels[i] != b.labels[row]) == other_label]
    if not fit:
        raise Undefined(_lacking(region, b.labels[row], bearing, other_label, bool(b.patients)))
    return [int(i) for i in rng.permutation(fit)[:count]]


def _lacking(region: str, label: str, bearing: bool, other_label: bool | None, patients: bool) -> str:
    of = {None: "", True: f" with a label other than {label}", False: f" with the label {label}"}[other_label]
    by = " of another patient" if patients else ""
    return f"no other case{by}{of} {'bears' if bearing else 'is without'} {region}"
