"""What still tells the classes apart once the drawn lesions are painted over.

If the lesions were all that the model reads, the ill without their lesions would be answered as the well are. What is
left is what else speaks for the class in this set: a shortcut, listed or not, or a sign of disease that nobody drew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.measure.association import Statistic, interval
from audit.measure.estimate import Summary
from audit.measure.margin import margins
from audit.record import Case, Estimate, Extent, Prediction

LESION = "lesion"
FILL = "inpaint"
NONE_DRAWN = "no lesion is drawn in any case"
SAME = "the model gives every case the same answer"


def leftover(
    cases: Sequence[Case],
    predictions: Mapping[str, Prediction],
    extents: Sequence[Extent],
    effects: pd.DataFrame,
    classes: Sequence[str],
    *,
    seed: int,
    exclusive: bool = True,
) -> Iterator[Estimate]:
    """The estimates ``leftover`` of each class that has cases, and others beside it: the mean margin of its cases minus
    that of the others, all lesions painted over, in standard deviations of the margin over the set as it is.

    A case without a lesion counts as it is, and so does one for which nobody drew any, if that holds of all cases of
    its label. A case whose lesions are known but could not be painted over, or were not drawn though others of its
    label have some, is missing.

    Args:
        cases: those of the run.
        predictions: by case id.
        extents: where each region is.
        effects: the table of effects, in log-odds.
        classes: the model's, in the order of the probabilities.
        seed: of the bootstrap.
        exclusive: a picture has one class; False for independent labels.
    """
    there = {e.case: e.present for e in extents if e.region == LESION}
    if True not in there.values():
        return
    taken_away = effects[
        (effects["region"] == LESION)
        & (effects["intervention"] == "removal")
        & (effects["fill"] == FILL)
        & (effects["dose"] == 1)
    ]
    change = dict(
        zip(zip(taken_away["case"], taken_away["cls"], strict=True), taken_away["change"], strict=True)
    )
    drawn = {c.label for c in cases if there.get(c.id)}
    labels = np.array([c.label for c in cases], dtype=object)
    scores = margins(np.array([predictions[c.id].probabilities for c in cases], float), exclusive=exclusive)

    def taken(case: Case, cls: str) -> float:
        present = there.get(case.id)
        if present is False or (present is None and case.label not in drawn):
            return 0.0
        return float(change.get((case.id, cls), np.nan)) if present else np.nan

    for number, cls in enumerate(classes):
        if not {cls} < set(labels):
            continue
        left = scores[:, number] - np.array([taken(case, cls) for case in cases])
        known, scale = ~np.isnan(left), float(scores[:, number].std())
        names = {"metric": "leftover", "region": LESION, "cls": cls}
        if not scale:
            yield Estimate(**names, **asdict(Summary(value=None, missing=len(cases), why=SAME)))  # type: ignore[arg-type]
            continue
        patients = [c.patient for c, k in zip(cases, known, strict=True) if k]
        statistic = _difference(left[known] / scale, labels[known] == cls)
        found = interval(statistic, patients, seed=seed, missing=int((~known).sum()))
        yield Estimate(**names, **asdict(found))  # type: ignore[arg-type]


def _difference(values: NDArray[np.float64], of_class: NDArray[np.bool_]) -> Statistic:
    """The mean of a class's cases minus that of the others."""

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(divide="ignore", invalid="ignore"):
            here = (weights @ (values * of_class)) / (weights @ of_class)
            there = (weights @ (values * ~of_class)) / (weights @ ~of_class)
        return np.asarray(here - there)

    return statistic
