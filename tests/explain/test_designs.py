"""Designs by their definitions, intervals by how often they hold a weight that is known exactly."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from scipy.linalg import hadamard as sylvester

from audit.config import LimeConfig
from audit.explain import designs, lime, surrogate


def every_mask(count: int) -> np.ndarray:
    return (np.arange(2**count)[:, None] >> np.arange(count)) % 2 == 1


def exact(box, count: int) -> np.ndarray:
    """LIME's weights with endless questions: the weighted fit over every mask there is."""
    masks = every_mask(count)
    root = np.sqrt(surrogate.kernel(masks))[:, None]
    x = np.column_stack([np.ones(len(masks)), masks]) * root
    return np.linalg.lstsq(x, box(masks) * root[:, 0], rcond=None)[0][1:]


def mixed(seed: int, count: int, triples: int = 6):
    """A black box of main effects, pairs and triples, then a sigmoid: more goes on than a linear model says."""
    rng = np.random.default_rng(seed)
    own = rng.normal(0, 1, count) * (rng.random(count) < 0.5)
    pairs = [(*rng.choice(count, 2, replace=False), rng.normal(0, 1)) for _ in range(6)]
    threes = [(*rng.choice(count, 3, replace=False), rng.normal(0, 1)) for _ in range(triples)]

    def box(shown):
        z = 2.0 * shown - 1
        score = z @ own + 1.0
        score = score + sum(z[:, a] * z[:, b] * s for a, b, s in pairs)
        score = score + sum(z[:, a] * z[:, b] * z[:, c] * s for a, b, c, s in threes)
        return 1 / (1 + np.exp(-score / 2))

    return box


@pytest.mark.parametrize("order", [4, 8, 12, 20, 44, 60, 128])
def test_a_hadamard_matrix_is_one(order):
    """H H' = n I; of order 4 it is Sylvester's but for the order of rows and columns."""
    matrix = designs.paley(order).astype(int)
    assert np.array_equal(matrix @ matrix.T, order * np.eye(order, dtype=int))
    assert (matrix[:, 0] == 1).all()
    if order == 4:
        assert sorted(map(tuple, matrix)) == sorted(map(tuple, sylvester(4)))


@pytest.mark.parametrize("count", [2, 7, 16, 41])
def test_a_run_tells_every_pair_of_superpixels_apart(count):
    """Shown in half of the questions; each pair in the four combinations equally often; each question's opposite."""
    whole = designs.order(count)
    assert count + designs.SPARE <= whole
    shown, together = designs.hadamard(count, 4 * whole, np.random.default_rng(0))
    assert together == 2
    for run in (shown[: 2 * whole], shown[2 * whole :]):
        z = 2 * run.astype(int) - 1
        assert np.array_equal(z.T @ z, 2 * whole * np.eye(count, dtype=int))
        assert not z.sum(axis=0).any()
        assert np.array_equal(run[::2], ~run[1::2])
    assert not np.array_equal(shown[: 2 * whole], shown[2 * whole :])
    few, together = designs.hadamard(count, 2 * whole - 2, np.random.default_rng(0))
    assert (len(few), together) == (2 * whole - 2, 1)
    z = 2 * few[:whole].astype(int) - 1
    assert np.array_equal(z.T @ z, whole * np.eye(count, dtype=int))


@pytest.mark.parametrize("name", designs.DESIGNS)
@pytest.mark.parametrize("samples", [16, 33, 64, 255])
def test_every_design_asks_no_more_than_it_may_and_repeats_itself(name, samples):
    first, again = (designs.DESIGNS[name](20, samples, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first[0], again[0])
    assert samples - 1 <= len(first[0]) <= samples
    assert len(first[0]) % first[1] == 0
    ends = designs.rounds(20, len(first[0]))
    assert all(end % first[1] == 0 for end in ends)
    assert list(ends) == sorted(set(ends))
    assert ends[-1] == len(first[0])


@pytest.mark.parametrize("name", ["hadamard", "antithetic"])
def test_every_question_by_itself_is_a_throw_of_coins(name):
    """So that what is estimated is what the classic design estimates."""
    drawn = np.stack([designs.DESIGNS[name](5, 48, np.random.default_rng(s))[0] for s in range(3000)])
    together = drawn[:, 7] @ (1 << np.arange(5))
    counts = np.bincount(together, minlength=32)
    assert ((counts - 3000 / 32) ** 2 / (3000 / 32)).sum() < 61.1  # chi squared, 31 degrees, p = 0.001


def test_the_configuration_knows_every_design_and_target():
    fields = LimeConfig.model_fields
    assert set(get_args(fields["design"].annotation)) == set(designs.DESIGNS)
    assert set(get_args(fields["target"].annotation)) == set(lime.TARGETS)


@pytest.mark.parametrize(
    ("name", "samples", "guess"),
    [
        ("iid", 96, False),
        ("iid", 256, False),
        ("antithetic", 96, False),
        ("hadamard", 32, False),
        ("hadamard", 64, False),
        ("hadamard", 192, False),
        ("hadamard", 40, True),
        ("hadamard", 80, True),
        ("hadamard", 240, True),
    ],
)
def test_an_interval_holds_the_weight_as_often_as_it_says(name, samples, guess):
    """Eight black boxes whose weights are known exactly, 30 repeats each: 2,640 intervals of 95 %.

    Repeats of one box err together, so the bounds are wider than 2,640 independent intervals would need.
    """
    count, held = 11, []
    for seed in range(8):
        box = mixed(seed, count)
        truth = exact(box, count)
        for repeat in range(30):
            shown, together = designs.DESIGNS[name](count, samples, np.random.default_rng([seed, repeat]))
            penalty = 0.0 if name == "hadamard" else surrogate.RIDGE
            answers = box(shown)
            odds = np.log(answers / (1 - answers)) if guess else None
            found = surrogate.fit(shown, answers, together=together, penalty=penalty, odds=odds)
            held.append(np.abs(found.weights - truth) <= found.half)
    assert 0.935 <= np.mean(held) <= 0.985


def test_an_interval_holds_the_weight_also_where_the_questions_stop_early():
    """One superpixel is most of the answer, two more are some: it differs when the intervals decide."""
    held, asked = [], []
    own = np.r_[2.0, 1.2, -1.0, 0.4, np.zeros(8)]
    rng = np.random.default_rng(1)
    pairs = [(*rng.choice(12, 2, replace=False), rng.normal(0, 0.8)) for _ in range(8)]

    def box(shown):
        z = 2.0 * shown - 1
        return 1 / (1 + np.exp(-(z @ own + sum(z[:, a] * z[:, b] * s for a, b, s in pairs)) / 2))

    truth = exact(box, 12)
    for repeat in range(200):
        shown, together = designs.hadamard(12, 320, np.random.default_rng(repeat))
        ends = designs.rounds(12, 320)
        for end in ends:
            found = surrogate.fit(
                shown[:end], box(shown[:end]), together=together, looks=len(ends), penalty=0.0
            )
            if surrogate.decided(found):
                break
        asked.append(end)
        held.append(np.abs(found.weights - truth) <= found.half)
    assert np.mean(held) >= 0.95
    assert len(set(asked)) >= 2
    assert min(asked) < 320


def test_the_screening_design_errs_less_than_coins():
    """At the same number of questions, where superpixels work in pairs: at most half of the squared error."""
    count, errors = 11, {name: [] for name in designs.DESIGNS}
    for seed in range(6):
        box = mixed(seed, count, triples=0)
        truth = exact(box, count)
        for repeat in range(40):
            for name, design in designs.DESIGNS.items():
                shown, _ = design(count, 96, np.random.default_rng([seed, repeat]))
                errors[name].append(np.mean((surrogate.fit(shown, box(shown)).weights - truth) ** 2))
    mean = {name: np.mean(e) for name, e in errors.items()}
    assert mean["hadamard"] < 0.5 * mean["iid"]
    assert mean["antithetic"] < mean["iid"]


def test_the_guess_from_the_log_odds_errs_less_where_answers_saturate_and_estimates_the_same():
    """Against the exact weights of the probability, which the guess must not replace by others."""
    own = np.random.default_rng(2).normal(0, 2.5, 11)

    def box(shown):
        z = 2.0 * shown - 1
        return 1 / (1 + np.exp(-(z @ own + 1.5 * z[:, 0] * z[:, 1] + 1)))

    truth, errors, held = exact(box, 11), {False: [], True: []}, []
    for repeat in range(60):
        shown, together = designs.hadamard(11, 80, np.random.default_rng(repeat))
        answers = box(shown)
        for guess, odds in ((False, None), (True, np.log(answers / (1 - answers)))):
            found = surrogate.fit(shown, answers, together=together, penalty=0.0, odds=odds)
            errors[guess].append(np.mean((found.weights - truth) ** 2))
        held.append(np.abs(found.weights - truth) <= found.half)
    assert np.mean(errors[True]) < 0.4 * np.mean(errors[False])
    assert np.mean(held) > 0.93


def test_a_model_that_is_linear_is_known_exactly_after_one_run():
    """No error is left. With lime's penalty the interval is as wide as what the penalty takes off."""
    own = np.linspace(-1, 1, 9)
    shown, together = designs.hadamard(9, 2 * designs.order(9), np.random.default_rng(0))
    free = surrogate.fit(shown, shown @ own, together=together, penalty=0.0)
    np.testing.assert_allclose(free.weights, own, atol=1e-9)
    assert free.half.max() < 1e-9
    drawn = surrogate.fit(shown, shown @ own, together=together)
    np.testing.assert_allclose(np.abs(drawn.weights - own), drawn.half, atol=1e-9)
    assert (np.abs(drawn.weights) < np.abs(own)).sum() >= 8


def test_the_penalty_is_limes_but_where_a_design_tells_all_superpixels_apart():
    image = np.random.default_rng(0).random((16, 16, 3), dtype=np.float32)
    segments = np.arange(16)[:, None] // 4 * 4 + np.arange(16)[None] // 4
    for design, samples, penalty in (("iid", 256, 1.0), ("hadamard", 20, 0.0), ("hadamard", 18, 1.0)):
        plan = lime.plan(
            image, rng=np.random.default_rng(0), samples=samples, segments=segments, design=design
        )
        assert plan.penalty == penalty


def test_too_few_questions_give_weights_without_intervals():
    shown, together = designs.iid(30, 24, np.random.default_rng(0))
    found = surrogate.fit(shown, np.random.default_rng(1).random(24), together=together)
    assert np.isfinite(found.weights).all()
    assert np.isnan(found.half).all()
    assert not surrogate.decided(found)


@pytest.mark.parametrize(
    ("weights", "half", "enough"),
    [
        ([1.0, 0.02, 0.0, 0.01, 0.0], 0.09, True),  # narrow
        ([1.0, 0.02, 0.0, 0.01, 0.0], 0.11, False),  # the second is not told from zero
        ([1.0, 0.8, -0.7, 0.1, 0.0], 0.2, True),  # three are told from zero and from the rest
        ([1.0, 0.8, -0.7, 0.5, 0.0], 0.2, False),  # the third is not told from the fourth
        ([1.0, 0.8, np.nan, 0.0, 0.0], 0.09, True),  # what was not tested is not asked about
    ],
)
def test_when_the_intervals_decide(weights, half, enough):
    weights = np.array(weights)
    widths = np.where(np.isnan(weights), np.nan, half)
    assert surrogate.decided(surrogate.Fit(weights=weights, half=widths, r2=0.5)) is enough


def test_log_odds_are_the_scores_difference():
    """z_c - log sum exp of the others, from probabilities alone; by class where there may be several."""
    z = np.random.default_rng(0).normal(0, 3, (50, 4))
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    others = np.log(np.exp(np.delete(z, 2, axis=1)).sum(1))
    np.testing.assert_allclose(lime.log_odds(p, 2, True), z[:, 2] - others, atol=1e-9)
    single = 1 / (1 + np.exp(-z))
    np.testing.assert_allclose(lime.log_odds(single, 1, False), z[:, 1], atol=1e-9)
    assert np.isfinite(lime.log_odds(np.array([[1.0, 0.0], [0.0, 1.0]]), 0, True)).all()
