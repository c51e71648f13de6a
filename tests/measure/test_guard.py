"""Strangeness against another library's covariance, and on features whose distribution is known."""

from __future__ import annotations

import numpy as np
import pytest

from audit.errors import Undefined
from audit.measure.guard import distances, shrunk, strange


@pytest.fixture
def seen():
    """Two classes far apart, with one covariance that is not round."""
    rng = np.random.default_rng(0)
    shape = np.array([[1.0, 0.8, 0], [0, 0.5, 0.3], [0, 0, 0.2]])
    classes = rng.integers(0, 2, 400)
    return rng.normal(size=(400, 3)) @ shape + 10 * classes[:, None], classes, shape, rng


@pytest.mark.parametrize(("rows", "columns"), [(30, 16), (200, 3), (12, 40)])
def test_the_covariance_is_shrunk_as_another_library_does(rows, columns):
    from sklearn.covariance import ledoit_wolf

    x = np.random.default_rng(rows).normal(size=(rows, columns)) * np.linspace(0.1, 2, columns)
    x -= x.mean(0)
    np.testing.assert_allclose(shrunk(x), ledoit_wolf(x, assume_centered=True)[0], rtol=1e-9)


def test_a_distance_is_that_of_the_nearest_class_in_the_true_covariance(seen):
    table, classes, shape, rng = seen
    asked = rng.normal(size=(50, 3)) * 5
    inverse = np.linalg.inv(shape.T @ shape)
    slow = [min((a - m) @ inverse @ (a - m) for m in (np.zeros(3), np.full(3, 10.0))) for a in asked]
    found = distances(table, list(classes), asked)
    assert np.corrcoef(np.log(slow), np.log(found))[0, 1] > 0.98
    assert np.median(found / slow) == pytest.approx(1, abs=0.25)


def test_what_is_painted_as_the_controls_are_is_strange_in_one_of_twenty(seen):
    table, classes, shape, rng = seen
    painted, controls = (rng.normal(size=(n, 3)) @ shape + 0.1 for n in (2000, 4000))
    assert strange(table, list(classes), painted, controls) == pytest.approx(0.05, abs=0.02)


def test_moving_to_another_class_is_not_strange_but_leaving_all_of_them_is(seen):
    table, classes, shape, rng = seen
    controls = rng.normal(size=(400, 3)) @ shape
    other = rng.normal(size=(100, 3)) @ shape + 10
    between = rng.normal(size=(100, 3)) @ shape + 5
    assert strange(table, list(classes), other, controls) < 0.15
    assert strange(table, list(classes), between, controls) > 0.9


def test_names_of_classes_may_be_anything_and_a_class_of_few_is_left_out(seen):
    table, classes, *_ = seen
    names = ["ill" if c else "well" for c in classes]
    far = np.full((3, 3), 99.0)
    with_few = distances(np.vstack([table, far]), [*names, "rare", "rare", "rare"], far)
    np.testing.assert_allclose(with_few, distances(table, list(classes), far))


@pytest.mark.parametrize(
    ("originals", "filled", "controls", "why"),
    [(400, 9, 400, "region painted"), (400, 50, 19, "control place"), (12, 50, 50, "untouched")],
)
def test_too_few_have_a_reason(seen, originals, filled, controls, why):
    table, classes, _, rng = seen
    with pytest.raises(Undefined, match=why):
        strange(
            table[:originals],
            list(classes[:originals]),
            rng.normal(size=(filled, 3)),
            rng.normal(size=(controls, 3)),
        )


def test_features_that_do_not_vary_have_a_reason():
    with pytest.raises(Undefined, match="same"):
        strange(np.ones((40, 3)), ["a"] * 40, np.ones((20, 3)), np.ones((20, 3)))
