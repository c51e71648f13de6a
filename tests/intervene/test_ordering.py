"""Faithfulness on black boxes whose answer is known, and ROAD's filling against the solved equations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from audit.intervene import ordering
from audit.measure.faithfulness import faithfulness, figures
from audit.models.asking import ask
from audit.record import Case, Map

CLASSES = ["well", "ill"]


def tag_reader(images: np.ndarray) -> np.ndarray:
    """Says ill by the light in the upper left corner, and by nothing else."""
    light = images[:, :8, :16].mean((1, 2, 3), dtype=float)
    p = 1 / (1 + np.exp(-(20 * light - 8)))
    return np.stack([1 - p, p], 1)


def picture(seed: int = 0) -> np.ndarray:
    image = 0.2 + 0.05 * np.random.default_rng(seed).random((40, 40, 3))
    image[:8, :16] = 0.9
    return image.astype(np.float32)


def tag() -> np.ndarray:
    found = np.zeros((40, 40), np.float32)
    found[:8, :16] = 1
    return found


def rows_of(heat: np.ndarray | None, seed: int, name: str = "m"):
    image, rng = picture(seed), np.random.default_rng(seed)
    chance = heat is None
    plan = ordering.by_chance(image, rng=rng) if chance else ordering.plan(name, "x", image, heat, rng=rng)
    ((_, answers),) = ask(tag_reader, [("k", plan.questions(image))], batch=8)
    return ordering.reduce(f"c{seed}", plan, "ill", 1, tag_reader(image[None])[0], answers)


def curves(rows):
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        found.setdefault(row.test, []).append((row.share, row.probability))
    return found


def test_the_map_of_what_a_model_reads_is_better_than_chance_and_its_opposite_is_worse():
    seen, chance, against = (figures(curves(rows_of(h, 0))) for h in (tag(), None, -tag()))
    assert seen[0] < chance[0] < against[0]
    assert seen[1] > chance[1] > against[1]
    assert seen[2] > 0.5 > chance[2] > against[2]
    assert against[2] < -0.5


def test_estimates_name_each_map_and_its_lead_over_chance():
    rows = [
        row
        for seed in range(6)
        for heat, name in ((tag(), "good"), (-tag(), "bad"), (0 * tag(), "flat"), (None, ""))
        for row in rows_of(heat, seed, name)
    ]
    cases = [Case(id=f"c{i}", image="", label="ill", patient=f"p{i}") for i in range(9)]
    maps = [Map(name="good.x", explainer="good", layer="x", family="cam", signed=True, title="")]
    found = {(e.explainer, e.metric): e for e in faithfulness(rows, cases, maps, seed=0)}
    for metric in ("deletion-gain", "insertion-gain", "road-gain"):
        assert found["good", metric].low > 0 > found["bad", metric].high
        assert (found["flat", metric].value, found["flat", metric].why) == (None, ordering.FLAT)
        assert found["flat", metric].missing == 6
        assert ("random", metric) not in found
    assert found["good", "road"].family == "cam"
    assert found["good", "road"].n == 6  # of the cases that were tried
    assert found["random", "road"].value == pytest.approx(0, abs=0.3)


def test_a_case_without_a_curve_is_missing_and_not_a_number():
    rows = rows_of(tag(), 0)
    short = [r for r in rows if r.test != "road-least" and r.share != 1]
    found = figures(curves(short))
    assert np.isnan(found).all()
    (one,) = [
        e
        for e in faithfulness(rows, [Case(id="c0", image="", label="ill", patient="p")], [], seed=0)
        if e.metric == "road-gain"
    ]
    assert (one.value, one.why) == (None, "the case has no order by chance to compare with")


def test_questions_by_the_slow_definition():
    """Blocks of one pixel: sort the pixels, and change them one by one."""
    rng = np.random.default_rng(3)
    image = rng.random((10, 12, 3)).astype(np.float32)
    heat = rng.permutation(120).reshape(10, 12).astype(np.float32)
    plan = ordering.plan("m", "x", image, heat, rng=rng)
    order = np.argsort(-heat.ravel())
    for (test, share), asked in zip(plan.asked, plan.questions(image), strict=True):
        changed = np.zeros(120, bool)
        changed[
            order[::-1][: round(share * 120)] if test == "road-least" else order[: round(share * 120)]
        ] = True
        changed = changed.reshape(10, 12)
        if test == "deletion":
            assert np.allclose(asked[changed], image.mean((0, 1)), atol=1e-6)
            assert (asked[~changed] == image[~changed]).all()
        elif test == "insertion":
            assert (asked[changed] == image[changed]).all()
            assert (asked[~changed] != image[~changed]).all()
        else:
            assert (asked[~changed] == image[~changed]).all()
            assert (asked[changed] != image[changed]).mean() > 0.9
        assert asked.dtype == np.float32
        assert asked.min() >= 0
        assert asked.max() <= 1


def solved(image: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """ROAD's equations, written down pixel by pixel and solved."""
    h, w = gone.shape
    spots = [tuple(s) for s in np.argwhere(gone)]
    number = {s: i for i, s in enumerate(spots)}
    left, right = np.zeros((len(spots), len(spots))), np.zeros((len(spots), 3))
    for (r, c), i in number.items():
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                other = (r + down, c + across)
                if other == (r, c) or not (0 <= other[0] < h and 0 <= other[1] < w):
                    continue
                weight = 1 / 12 if down and across else 1 / 6
                left[i, i] += weight
                if other in number:
                    left[i, number[other]] -= weight
                else:
                    right[i] += weight * image[other]
    full = image.astype(float)
    full[gone] = np.linalg.solve(left, right)
    return full


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7])
@pytest.mark.parametrize("scattered", [False, True])
def test_imputation_comes_near_the_solved_equations(share, scattered):
    rng = np.random.default_rng(5)
    image = ndimage.gaussian_filter(rng.random((34, 29, 3)), (2, 2, 0))
    image = ((image - image.min()) / np.ptp(image)).astype(np.float32)
    field = rng.random((34, 29)) if scattered else ndimage.gaussian_filter(rng.random((34, 29)), 3)
    gone = field < np.quantile(field, share)
    found, expected = ordering.imputed(image, gone, np.zeros_like(image)), solved(image, gone)
    assert (found[~gone] == image[~gone]).all()
    assert np.abs(found - expected).max() < 0.02
    assert np.abs(found - expected)[gone].mean() < 0.004


def test_imputation_adds_the_noise_that_was_asked_for():
    grey = np.full((40, 40, 3), 0.5, np.float32)
    gone = np.zeros((40, 40), bool)
    gone[5:35, 5:35] = True
    noise = np.random.default_rng(0).standard_normal(grey.shape, dtype=np.float32)
    found = ordering.imputed(grey, gone, noise)
    assert found[gone].std() == pytest.approx(ordering.NOISE, rel=0.1)
    assert np.allclose((found - grey)[gone], ordering.NOISE * noise[gone], atol=1e-5)
    assert ordering.imputed(grey, np.zeros_like(gone), noise) is grey
    assert np.allclose(ordering.imputed(grey, np.ones_like(gone), 0 * noise), 0.5)


def test_maps_of_a_case_share_their_ties_and_noise():
    image, heat = picture(), np.zeros((40, 40), np.float32)
    heat[10:] = 1
    one, same = (ordering.plan("m", "x", image, heat, rng=np.random.default_rng(7)) for _ in range(2))
    other = ordering.plan("m", "x", image, 5 * heat - 1, rng=np.random.default_rng(7))
    for plan in (same, other):
        assert all((a == b).all() for a, b in zip(one.questions(image), plan.questions(image), strict=True))


def test_a_flat_map_asks_nothing():
    plan = ordering.plan("m", "x", picture(), np.ones((40, 40)), rng=np.random.default_rng(0))
    assert list(plan.questions(picture())) == []
    rows = ordering.reduce("c", plan, "ill", 1, np.array([0.5, 0.5]), np.zeros((0,)))
    assert {r.probability for r in rows} == {None}
    assert {r.why for r in rows} == {ordering.FLAT}
