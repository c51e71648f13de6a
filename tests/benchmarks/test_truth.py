"""What a network does, measured by re-rendering: held against counting on drawn sets."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.detection import own, tasks, training
from benchmarks.detection.pictures import Picture
from benchmarks.detection.truth import Truth, behaviour, score


def answers(right: np.ndarray, labels: np.ndarray) -> np.ndarray:
    said = np.where(right, labels, 1 - labels)
    return np.where(said[:, None] == [0, 1], 0.8, 0.2)


def test_the_drop_is_the_mean_over_every_way_to_bear_the_artefact():
    """Slowly: many sets are drawn, of 80 % association and of none, and their accuracies counted."""
    rng = np.random.default_rng(0)
    labels = np.array([0, 1] * 60)
    without = answers(rng.random(120) < 0.9, labels)
    planted = answers(rng.random(120) < np.where(labels == 1, 0.99, 0.4), labels)
    told = behaviour(without, planted, labels)

    def counted(rho: float) -> float:
        found = []
        for _ in range(400):
            bears = tasks.bearing(labels, rho, rng)
            found.append((np.where(bears[:, None], planted, without).argmax(1) == labels).mean())
        return float(np.mean(found))

    assert told.aligned == pytest.approx(counted(0.8), abs=0.004)
    assert told.independent == pytest.approx(counted(0.0), abs=0.004)
    assert told.drop == pytest.approx(told.aligned - told.independent)
    assert told.flip == np.mean(without.argmax(1) != planted.argmax(1))
    assert told.plain == np.mean(without.argmax(1) == labels)


def test_the_score_is_the_log_odds_and_the_shift_is_in_its_spread():
    p = np.array([0.2, 0.5, 0.9, 0.3])
    before = np.stack([1 - p, p], 1)
    assert score(before) == pytest.approx(np.log(p / (1 - p)))
    odds = np.exp(score(before) + 1.5)
    after = np.stack([1 / (1 + odds), odds / (1 + odds)], 1)
    told = behaviour(before, after, np.array([0, 0, 1, 1]))
    assert told.shift == pytest.approx(1.5 / score(before).std())


@pytest.mark.parametrize(
    ("drop", "flip", "kind"),
    [
        (0.05, 0.1, "shortcut"),
        (0.049, 0.1, "grey"),
        (0.009, 0.03, "grey"),
        (0.01, 0.02, "clean"),
        (-0.02, 0.0, "clean"),
    ],
)
def test_the_kinds(drop, flip, kind):
    told = Truth(aligned=0.9, independent=0.9 - drop, drop=drop, flip=flip, shift=0.0, plain=0.9)
    assert told.kind == kind
    assert told.able
    assert not Truth(aligned=0.84, independent=0.8, drop=0.04, flip=0.0, shift=0.0, plain=0.8).able


class Reads(torch.nn.Module):
    """Says class 1 where a window is light, at the outside or in the middle."""

    def __init__(self, *, outside: bool) -> None:
        super().__init__()
        self.where = torch.zeros(64, 64, dtype=torch.bool)
        self.where[24:40, 24:40] = True
        if outside:
            self.where[:] = True
            self.where[8:56, 8:56] = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        grey = (
            x * torch.tensor(training.STD).view(1, 3, 1, 1) + torch.tensor(training.MEAN).view(1, 3, 1, 1)
        ).mean(1)
        score = 100 * (grey[:, self.where].mean(1) - 0.5)
        return torch.stack([-score, score], 1)


@pytest.mark.parametrize("outside", [True, False])
def test_what_a_network_owes_to_the_light_outside_the_middle(outside):
    """Both windows tell the classes apart. Only the one that reads the outside loses by exchanging its light."""
    rng = np.random.default_rng(0)
    pictures = []
    for i in range(60):
        image = np.full((64, 64, 3), 160 if i % 2 else 96, np.uint8) + rng.integers(0, 9, (64, 64, 3)).astype(
            np.uint8
        )
        pictures.append(Picture(image=image, lesion=np.zeros((64, 64), bool), label=i % 2))
    drop, flip = own.exchanged(Reads(outside=outside), pictures)
    if outside:
        assert drop == pytest.approx(0.5, abs=0.1)  # the light of either class at random
        assert flip == pytest.approx(0.5, abs=0.1)
    else:
        assert (drop, flip) == (0.0, 0.0)


def test_what_is_owed_to_a_picture_s_own_light_counts():
    told = Truth(
        aligned=0.9, independent=0.9, drop=0.0, flip=0.0, shift=0.0, plain=0.9, own_drop=0.06, own_flip=0.1
    )
    assert told.kind == "shortcut"
