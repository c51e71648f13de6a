"""What is left of the answer when lesions are painted over: models whose score is a sum that is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from audit.measure.leftover import leftover
from audit.record import Case, Estimate, Extent, Prediction

CLASSES = ["ill", "well"]
CASES = 60


def told(lesion: float, tag: float, *, drawn=lambda _, ill: ill, failed=()) -> dict[str, Estimate]:
    """A model that adds ``lesion`` for a lesion, which the ill have, and ``tag`` for a tag, which most of the ill have
    and few of the well. ``drawn``: is the lesion drawn (True), none there (False), or did nobody look (None)?"""
    rng = np.random.default_rng(0)
    cases, predictions, extents, effects = [], {}, [], []
    for i in range(CASES):
        ill = i % 2 == 0
        tagged = (i // 2) % 6 != 0 if ill else (i // 2) % 6 == 0
        score = lesion * ill + tag * tagged + rng.normal(0, 0.3)
        name, there = str(i), drawn(i, ill)
        cases.append(Case(id=name, image="", label=CLASSES[not ill], patient=f"p{i}"))
        chance = float(expit(score))
        predictions[name] = Prediction(
            case=name, label=CLASSES[not ill], predicted="", probabilities=(chance, 1 - chance)
        )
        extents.append(Extent(case=name, region="lesion", present=there, area=0.1, mean=0.5, spread=0.1))
        for cls, sign in zip(CLASSES, (1, -1), strict=True):
            change = sign * lesion if there and i not in failed else np.nan
            effects.append(("removal", "lesion", "inpaint", 1.0, name, cls, change))
            effects.append(("removal", "lesion", "inpaint", 0.5, name, cls, 9.0))
            effects.append(("removal", "text", "inpaint", 1.0, name, cls, 9.0))
    frame = pd.DataFrame(effects, columns=["intervention", "region", "fill", "dose", "case", "cls", "change"])
    return {e.cls: e for e in leftover(cases, predictions, extents, frame, CLASSES, seed=1)}


@pytest.mark.parametrize("tag", [0.0, 1.5])
def test_what_is_left_is_what_the_tag_does(tag):
    """Five in six of the ill bear it and one in six of the well: two thirds of what it adds, beside chance."""
    found = told(2.0, tag)
    ill = found["ill"]
    every = [2.0 * (i % 2 == 0) + tag * (((i // 2) % 6 != 0) == (i % 2 == 0)) for i in range(CASES)]
    scale = np.hypot(np.std(every), 0.3)
    assert ill.value == pytest.approx(tag * 2 / 3 / scale, abs=0.2)
    assert (ill.low > 0.3) == (tag > 0)
    assert ill.n == CASES
    # of two classes each is told apart from the other by as much
    assert found["well"].value == pytest.approx(ill.value)
    assert found["well"].region == "lesion"


def test_a_model_that_reads_no_lesion_keeps_all():
    assert told(0.0, 3.0)["ill"].value > 1


def test_those_for_whom_nobody_drew_anything_count_only_if_that_is_so_of_their_whole_label():
    """Nobody draws on the healthy; of the ill three were forgotten, and two could not be painted over."""
    whole = told(2.0, 0.0)["ill"]
    unlooked = told(2.0, 0.0, drawn=lambda _, ill: True if ill else None)["ill"]
    assert (unlooked.value, unlooked.missing) == (whole.value, 0)
    some = told(2.0, 0.0, drawn=lambda i, ill: (None if i < 6 else True) if ill else False, failed=(8, 10))[
        "ill"
    ]
    assert (some.n, some.missing) == (CASES - 5, 5)
    assert some.value == pytest.approx(0, abs=0.2)


def test_where_no_lesion_is_drawn_nothing_is_told():
    assert told(2.0, 0.0, drawn=lambda _, ill: False) == {}
    assert told(2.0, 0.0, drawn=lambda _, ill: None) == {}
