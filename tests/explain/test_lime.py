from __future__ import annotations

import numpy as np
import pytest
import small_nets
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import Undefined
from audit.explain import EXPLAINERS, explainer, lime, surrogate


def squares(size: int = 16, across: int = 4) -> np.ndarray:
    """A chessboard of superpixels, labelled row by row."""
    edge = size // across
    rows, columns = np.mgrid[:size, :size] // edge
    return rows * across + columns


def picture(size: int = 16) -> np.ndarray:
    return np.random.default_rng(3).random((size, size, 3), dtype=np.float32)


def shown_share(plan: lime.Plan, label: int, fill: str = "surround"):
    """A black box that answers how much of one superpixel looks as it did."""

    def ask(images: np.ndarray) -> np.ndarray:
        here = plan.segments == label
        return np.isclose(images[:, here], plan.image[here]).all(axis=2).mean(axis=1)

    return ask(plan.questions(fill))


def test_the_fit_is_scikit_learns_weighted_ridge():
    from sklearn.linear_model import Ridge
    from sklearn.metrics.pairwise import cosine_distances

    rng = np.random.default_rng(0)
    for count in (2, 7, 40):
        design = rng.random((64, count)) < 0.5
        design[0] = True
        answers = rng.random(64)
        distance = cosine_distances(design.astype(float), np.ones((1, count))).ravel()
        weights = np.sqrt(np.exp(-(distance**2) / 0.25**2))
        np.testing.assert_allclose(surrogate.kernel(design), weights, rtol=1e-9)
        ours, intercept, fit = surrogate.ridge(design, answers, weights)
        theirs = Ridge(alpha=1, fit_intercept=True).fit(design.astype(float), answers, sample_weight=weights)
        np.testing.assert_allclose(ours, theirs.coef_, rtol=0, atol=1e-12)
        assert intercept == pytest.approx(theirs.intercept_, abs=1e-12)
        assert fit == pytest.approx(
            theirs.score(design.astype(float), answers, sample_weight=weights), abs=1e-12
        )


def test_the_weights_are_those_of_the_lime_package():
    """Given the same design and answers, lime's own base class fits the same weights."""
    from lime.lime_base import LimeBase
    from sklearn.metrics.pairwise import cosine_distances

    rng = np.random.default_rng(1)
    design = rng.random((80, 12)) < 0.5
    design[0] = True
    answers = rng.random(80)
    distances = cosine_distances(design.astype(float), design[:1].astype(float)).ravel()
    base = LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / 0.25**2)), random_state=0)
    _, theirs, fit, _ = base.explain_instance_with_data(
        design.astype(float), np.stack([1 - answers, answers], 1), distances, 1, 12, feature_selection="none"
    )
    ours, _, r2 = surrogate.ridge(design, answers, surrogate.kernel(design))
    np.testing.assert_allclose(ours, [weight for _, weight in sorted(theirs)], atol=1e-12)
    assert fit == pytest.approx(r2, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_the_superpixel_that_is_the_answer_gets_the_weight_whatever_its_label(data):
    """Labels that are permuted, start elsewhere or have gaps change nothing: the right superpixel is found."""
    names = data.draw(st.lists(st.integers(-5, 400), min_size=16, max_size=16, unique=True))
    label = data.draw(st.integers(0, 15))
    segments = np.array(names)[squares()]
    plan = lime.plan(picture(), rng=np.random.default_rng(0), samples=96, segments=segments)
    answer = np.unique(segments).tolist().index(names[label])
    found, heat = lime.reduce(plan, shown_share(plan, answer), "surround")
    weights, fit = found.weights, found.r2
    assert answer == int(np.argmax(weights))
    assert weights[answer] > 0.85
    assert np.abs(np.delete(weights, answer)).max() < 0.1
    assert fit is not None
    assert fit > 0.95
    here = squares() == label
    assert heat[here].min() > heat[~here].max()


def test_evidence_against_has_a_negative_weight():
    plan = lime.plan(picture(), rng=np.random.default_rng(0), samples=96, segments=squares())
    found, heat = lime.reduce(plan, 1 - shown_share(plan, 5), "surround")
    assert found.weights[5] < -0.85
    assert heat[squares() == 5].max() < 0


def test_an_answer_that_never_changes_explains_nothing():
    """No evidence is a map of zeros and no R^2, not a perfect fit."""
    plan = lime.plan(picture(), rng=np.random.default_rng(0), samples=32, segments=squares())
    found, heat = lime.reduce(plan, np.full(32, 0.7), "mean")
    assert found.r2 is None
    np.testing.assert_allclose(found.weights, 0, atol=1e-12)
    assert surrogate.decided(found)
    assert heat.shape == (16, 16)


def test_the_mean_is_blind_to_a_flat_tag_and_the_surround_sees_it():
    """A model that reads nothing but a plain white tag: only one of the two fills can find it, and we say which."""
    image, segments = picture() * 0.5, squares()
    image[segments == 3] = 1.0
    plan = lime.plan(image, rng=np.random.default_rng(0), samples=96, segments=segments)
    assert plan.blind["mean"][3]
    assert not plan.blind["surround"][3]
    assert plan.blind["mean"].sum() == 1
    assert plan.blind_pixels("mean").sum() == (segments == 3).sum()
    tag = segments == 3
    answers = {fill: plan.questions(fill)[:, tag].mean(axis=(1, 2)) for fill in ("mean", "surround")}
    blind, heat = lime.reduce(plan, answers["mean"], "mean")
    assert np.isnan(blind.weights).tolist() == np.isnan(blind.half).tolist() == [n == 3 for n in range(16)]
    np.testing.assert_allclose(np.delete(blind.weights, 3), 0, atol=1e-5)
    assert not heat[tag].any()
    seen, _ = lime.reduce(plan, answers["surround"], "surround")
    assert int(np.argmax(seen.weights)) == 3
    assert seen.r2 is not None
    assert seen.r2 > 0.95


def test_where_a_fill_changes_nothing_at_all_nothing_was_tested():
    flat = np.full((16, 16, 3), 0.5, np.float32)
    plan = lime.plan(flat, rng=np.random.default_rng(0), samples=96, segments=squares())
    found, heat = lime.reduce(plan, np.full(96, 0.3), "mean")
    assert np.isnan(found.weights).all()
    assert found.r2 is None
    assert not heat.any()
    assert surrogate.decided(found)


def test_questions_show_the_picture_where_the_design_says_so():
    plan = lime.plan(picture(), rng=np.random.default_rng(0), samples=20, segments=squares(), design="iid")
    for fill in ("mean", "surround"):
        asked = plan.questions(fill)
        assert asked.shape == (20, 16, 16, 3)
        assert np.float32 == asked.dtype
        assert np.array_equal(asked[0], plan.image)
        assert np.array_equal(plan.questions(fill, slice(4, 9)), asked[4:9])
        for number in (1, 7):
            shown = plan.design[number][plan.segments]
            assert np.array_equal(asked[number][shown], plan.image[shown])
            assert np.array_equal(asked[number][~shown], plan.filled[fill][~shown])


def test_the_same_seed_asks_the_same_questions():
    first, second, other = (
        lime.plan(small_nets.pictures(1, 48)[0], rng=np.random.default_rng(s), samples=16) for s in (0, 0, 1)
    )
    assert np.array_equal(first.segments, second.segments)
    assert np.array_equal(first.design, second.design)
    assert not np.array_equal(first.design, other.design)


def test_superpixels_are_limes_unless_they_are_too_few():
    """Quickshift with lime_image's settings; on a small picture the kernel shrinks, and the settings say so."""
    from lime.wrappers.scikit_image import SegmentationAlgorithm

    image = small_nets.pictures(1, 96, seed=5)[0]
    labels, told = lime.superpixels(image)
    if told["kernel"] == 4:
        theirs = SegmentationAlgorithm("quickshift", kernel_size=4, max_dist=200, ratio=0.2, rng=0)(image)
        assert np.array_equal(labels, theirs)
    small, told = lime.superpixels(small_nets.pictures(1, 24, seed=5)[0])
    assert told["kernel"] < 4
    assert told["count"] == len(np.unique(small))


def test_a_blank_picture_has_nothing_to_leave_out():
    blank = np.full((16, 16, 3), 0.5, np.float32)
    with pytest.raises(Undefined, match="one superpixel"):
        lime.plan(blank, rng=np.random.default_rng(0), samples=8, segments=np.zeros((16, 16), int))


def test_every_explainer_names_a_function_and_prints_its_paper():
    for name, one in EXPLAINERS.items():
        assert name == one.name
        assert one.family in ("cam", "gradient", "perturbation")
        assert one.formula
        assert one.paper
        assert one.departures
        assert callable(one.load())


def test_a_function_of_ones_own_is_a_trace_explainer():
    own = explainer("audit.explain.cam:grad_cam_pp")
    assert own.needs == "trace"
    assert callable(own.load())
    assert own is not EXPLAINERS["grad-cam++"]
