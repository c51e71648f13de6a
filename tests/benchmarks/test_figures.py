"""The table's figures, from records whose figures are plain to see, and held against other libraries."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from benchmarks.detection import figures
from benchmarks.detection.alone import ANY, alone
from benchmarks.detection.compared import fits
from benchmarks.detection.figures import area, group, share
from benchmarks.detection.table import page


def record(
    *rows: tuple[str, str, float | None],
    trained: str = "hans",
    drop: float = 0.2,
    flip: float = 0.4,
    family: str | None = "ink",
    masks: bool = False,
    able: bool = True,
    **more: object,
) -> dict:
    kind = "shortcut" if drop >= 0.05 else "clean" if drop <= 0.01 and flip <= 0.02 else "grey"
    order = ["confirmed", "suspected", "sensitive", "undecided", "clear", "legitimate"]
    return {
        "spec": {
            "name": f"{family}-{trained}",
            "task": "lesions",
            "arch": "dense",
            "seed": 1,
            "family": family,
            "masks": masks,
            "trained": trained,
            "split": "validation",
        },
        "truth": {"kind": kind, "able": able, "drop": drop, "flip": flip},
        "verdict": min((r[1] for r in rows), key=order.index, default="undecided"),
        "verdicts": [{"artefact": a, "cls": "ill", "verdict": v, "strength": s} for a, v, s in rows],
        "gates": [],
        "attention": [],
        "effects": None,
        "covers": {},
        "spray": None,
        "seconds": 10.0,
        "processor": 8.0,
        **more,
    }


def honest(*rows: tuple[str, str, float | None], **more: object) -> dict:
    return record(*rows, **{"trained": "trap", "drop": 0.0, "flip": 0.0, **more})


def test_groups():
    assert group(record()) == "shortcut"
    assert group(record(drop=0.03)) == "weak"
    assert group(honest()) == "honest"
    assert group(honest(flip=0.03)) == "unsteady"
    assert group(honest(trained="never", drop=0.1)) == "reacts"
    assert group(honest(trained="global")) == "honest"
    assert group(record(able=False)) == "unable"


def test_counts():
    told = figures.figures(
        [
            record(("artefact", "confirmed", 1.0), masks=True),
            record(("found-1", "suspected", 0.5), ("text", "clear", 0.0), covers={"found-1": 0.8}),
            record(("found-1", "confirmed", 0.9), covers={"found-1": 0.2}),
            record(("elsewhere", "suspected", 1.5), ("border", "clear", 0.1)),
            record(("border", "clear", 0.1)),
            honest(("text", "clear", 0.1)),
            honest(("text", "suspected", 0.3), trained="never"),
            honest(("vessel-density", "legitimate", 3.0), ("text", "sensitive", 0.2), trained="global"),
            honest(("text", "confirmed", 2.0), flip=0.04),
        ]
    )
    assert told["networks"] == {
        "shortcut": 5,
        "weak": 0,
        "honest": 3,
        "unsteady": 1,
        "reacts": 0,
        "unable": 0,
    }
    assert (told["found"]["count"], told["confirmed"]["count"]) == (4, 2)
    assert (told["right_first"]["count"], told["right_first"]["n"]) == (2, 4)
    assert (told["right_name"]["count"], told["right_name"]["n"]) == (2, 3)
    assert (told["discovered"]["count"], told["discovered"]["n"]) == (1, 4)
    assert told["alarms"]["confirmed"]["count"] == 0
    assert told["alarms"]["suspected"]["count"] == 1
    assert told["alarms"]["sensitive"]["count"] == 1
    assert told["alarms_by_training"]["trap, unsteady"]["confirmed"] == 1
    wins = [s > h for s in (1.0, 0.5, 0.9, 1.5, 0.1) for h in (0.1, 0.3, 0.2)]
    assert told["auc"]["value"] == pytest.approx((sum(wins) + 0.5) / 15)
    assert [line["first"] for line in told["missed"]] == ["border"]


def test_nothing_measured_ranks_last_and_is_told():
    told = figures.figures([record(("", "undecided", None)), honest(("text", "clear", 0.0))])
    assert told["auc"]["value"] == 0
    assert told["unmeasured"] == ["ink-hans"]


def test_intervals_of_shares_are_those_of_scipy():
    for count, n in ((0, 12), (5, 9), (12, 12)):
        told = share([True] * count + [False] * (n - count))
        exact = stats.binomtest(count, n).proportion_ci(method="exact")
        assert (told["low"], told["high"]) == pytest.approx((exact.low, exact.high))


def test_the_area_is_that_of_sklearn():
    rng = np.random.default_rng(1)
    hans, clean = rng.normal(1, 1, 30).round(1), rng.normal(0, 1, 40).round(1)
    told = area(list(hans), list(clean))
    assert told["value"] == pytest.approx(roc_auc_score([1] * 30 + [0] * 40, [*hans, *clean]))
    assert told["low"] < told["value"] < told["high"]


def test_effects_are_held_against_re_rendering():
    def effects(value: float, true: float) -> dict:
        return {
            "true": true,
            "true_flip": 0.3,
            "plain_flip": 0.2,
            "removal": {"value": value, "low": value + 1.0, "high": value + 1.1},
            "removal-flip": {"value": 0.5, "low": 0.3, "high": 0.6},
            "removal-pooled": {"value": value, "low": value - 0.1, "high": value + 0.1},
            "removal-pooled-flip": {"value": 0.35, "low": 0.3, "high": 0.4},
        }

    told = figures.figures([record(effects=effects(1.0, 1.05)), record(effects=effects(1.0, 0.5))])["effects"]
    assert told["covered"]["value"] == 0.5
    assert told["covered_beyond"]["value"] == 0
    assert told["error"]["value"] == pytest.approx((-0.05 + 0.5) / 2)
    assert told["width"]["value"] == pytest.approx(0.2)
    assert told["flip_error"]["value"] == pytest.approx(0.05)
    assert told["flip_error_beyond"]["value"] == pytest.approx(0.2)
    assert told["plain_flip_error"]["value"] == pytest.approx(0.1)
    assert told["error"]["value"] == pytest.approx(0.225)


def test_single_explainers():
    def seen(value: float, low: float, region: str = "border") -> list[dict]:
        return [{"explainer": "lime", "layer": "", "region": region, "value": value, "low": low}]

    told = alone(
        [
            record(attention=seen(3.0, 2.0)),
            record(attention=seen(9.0, 8.0), family="cast"),  # has no place: no map could show it
            honest(attention=seen(1.5, 1.1)),
            honest(attention=seen(1.0, 0.5)),
            honest(attention=seen(4.0, 3.5, "found-1")),
        ]
    )["listed"]
    assert (told["lime"]["recall"]["count"], told["lime"]["recall"]["n"]) == (1, 1)
    assert told["lime"]["alarms"]["count"] == 1
    assert told[ANY]["auc"]["value"] == 1


def test_a_found_place_must_lie_where_the_artefact_is():
    artefact = np.zeros((20, 20), bool)
    artefact[2:6, 2:6] = True
    assert fits(np.roll(artefact, 1, 0), artefact)
    assert not fits(np.roll(artefact, 5, 0), artefact)
    assert not fits(np.ones((20, 20), bool), artefact)


def test_the_page_says_what_was_not_measured():
    text, numbers = page([record(("artefact", "confirmed", 1.0), masks=True)], plan="fast", notes=["isic"])
    assert "not measured" in text
    assert "nan" not in text.lower().replace("tenant", "")
    assert list(numbers) == ["validation"]
    widths = {line.count(" | ") for line in text.splitlines() if line.startswith("| ROC")}
    assert widths == {3}
