"""Null places against looking at every place, and maps whose truth is known."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from audit.measure import nulls
from audit.measure.localisation import BLIND, EMPTY, METRICS, ZERO
from audit.measure.scores import EVERY, scores
from audit.record import Case, Explained, Extent, Map, Prediction, Region, Run, Score


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def every_place(mask, taken) -> set[tuple[int, ...]]:
    """The slow definition: move the shape to each place and look whether it fits."""
    spots = np.argwhere(mask)
    found = set()
    for down in range(-mask.shape[0], mask.shape[0]):
        for right in range(-mask.shape[1], mask.shape[1]):
            moved = spots + np.array([down, right])
            if (moved < 0).any() or (moved >= mask.shape).any() or taken[tuple(moved.T)].any():
                continue
            found.add(tuple(np.ravel_multi_index(tuple(moved.T), mask.shape)))
    return found


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.bool_, (5, 7)), hnp.arrays(np.bool_, (5, 7)), st.integers(0, 99))
def test_the_places_are_all_that_fit_off_what_is_forbidden(mask, forbidden, seed):
    """Asked for more than there are, it gives each place once, and none but those."""
    found = nulls.places(mask, forbidden, None, count=1000, rng=stream(seed))
    expected = every_place(mask, mask | forbidden) if mask.any() else set()
    assert len(found) == len(expected)
    assert {tuple(row) for row in found} == expected


@settings(max_examples=100, deadline=None)
@given(
    hnp.arrays(np.float32, (3, 8, 11), elements=st.sampled_from([-2.0, -0.3, 0.0, 0.0, 0.7, 1.0])),
    st.integers(0, 99),
)
def test_beyond_and_excess_by_counting(heats, seed):
    mask = np.zeros((8, 11), bool)
    mask[1:3, 2:4] = mask[2, 5] = True
    places = nulls.places(mask, np.zeros_like(mask), None, rng=stream(seed))
    assert len(places) >= nulls.FEWEST
    beyond, excess = nulls.beyond(heats, mask, places), nulls.excess(heats, mask, places)
    for m, one in enumerate(np.abs(heats.astype(float))):
        if not one.any():
            assert np.isnan([beyond[m], excess[m]]).all()
            continue
        own, others = one[mask].sum(), np.array([one.ravel()[p].sum() for p in places])
        tied = np.isclose(others, own, rtol=0, atol=1e-9)
        assert beyond[m] == pytest.approx(((others < own) & ~tied).mean() + tied.mean() / 2)
        little = 0.01 * one.sum() * mask.mean()
        assert excess[m] == pytest.approx(np.log2((own + little) / (others.mean() + little)))


def test_a_map_of_the_region_is_beyond_every_place_and_a_uniform_one_is_at_the_middle():
    mask = np.zeros((32, 32), bool)
    mask[3:7, 3:12] = True
    places = nulls.places(mask, np.zeros_like(mask), None, rng=stream())
    heats = np.stack([mask, np.ones_like(mask), ~mask]).astype(np.float32)
    assert len(places) == nulls.COUNT
    assert nulls.beyond(heats, mask, places).tolist() == [1, 0.5, 0]
    assert nulls.excess(heats, mask, places)[1] == 0
    assert nulls.excess(heats, mask, places)[0] > 6


def test_a_map_that_knows_nothing_of_the_region_is_beyond_as_often_as_chance_has_it():
    """Smooth noise, four hundred times: half on the mean, and a twentieth in the upper twentieth."""
    rng = stream(1)
    mask = np.zeros((48, 48), bool)
    mask[20:26, 14:24] = True
    heats = ndimage.gaussian_filter(rng.standard_normal((400, 48, 48)), (0, 3, 3), mode="wrap")
    found = [
        nulls.beyond(heat[None], mask, nulls.places(mask, np.zeros_like(mask), None, rng=rng))[0]
        for heat in heats
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)
    assert 0.02 < np.mean(np.array(found) > 0.95) < 0.1


def test_an_edge_map_is_not_beyond_places_that_are_as_rich_in_edges():
    """A tag in the lively half of a picture: among all places it stands out as an edge, among its like it does not."""
    rng = stream(2)
    edges = 0.1 * rng.random((64, 64))
    edges[:, :32] += rng.random((64, 32))
    mask = np.zeros((64, 64), bool)
    mask[8:14, 6:16] = True
    nothing = np.zeros_like(mask)
    alike = nulls.places(mask, nothing, edges, rng=stream())
    blind = nulls.places(mask, nothing, None, rng=stream())
    assert (alike % 64 < 36).all()
    assert (blind % 64 >= 36).mean() > 0.3
    energy = edges.ravel()
    assert abs(energy[alike].sum(1).mean() / edges[mask].sum() - 1) < 0.1
    assert nulls.beyond(edges[None], mask, blind)[0] > nulls.beyond(edges[None], mask, alike)[0]


def test_places_are_as_far_from_the_centre_as_the_region():
    mask = np.zeros((60, 60), bool)
    mask[:5, :5] = True
    found = nulls.places(mask, np.zeros_like(mask), None, rng=stream())
    far = np.hypot(*(np.stack(np.divmod(found, 60)) - 29.5)).mean(1)
    assert abs(far - np.hypot(27.5, 27.5)).max() < 12


def test_the_draw_depends_on_the_stream_alone():
    mask = np.zeros((30, 30), bool)
    mask[2:5, 2:9] = True
    one, same, other = (nulls.places(mask, mask, None, rng=stream(s)) for s in (0, 0, 1))
    assert (one == same).all()
    assert one.shape == other.shape
    assert (one != other).any()


# -- in the score table --------------------------------------------------------------------------------

MAPS = (
    Map(name="edges.picture", explainer="edges", layer="picture", family="baseline", signed=False, title=""),
    Map(name="tag.x", explainer="tag", layer="x", family="cam", signed=True, title=""),
    Map(name="none.x", explainer="none", layer="x", family="cam", signed=True, title=""),
    Map(name="lime.mean", explainer="lime", layer="mean", family="perturbation", signed=True, title=""),
)
REGIONS = ("lesion", "text", "border", "empty")


@pytest.fixture
def run(tmp_path) -> Run:
    """Two cases, the second one taken for the other class; a map of the tag, one of nothing, one that is blind."""
    explained = [
        Explained(explainer=m.explainer, family=m.family, applied=True, maps=(m,)).__dict__
        | {"maps": [m.__dict__]}
        for m in MAPS
    ]
    regions = [
        Region(name=n, role="lesion" if n == "lesion" else "artefact", title=n, detector="", version="")
        for n in REGIONS
    ]
    run = Run.create(
        tmp_path / "run",
        {
            "seed": 3,
            "model": {"classes": ["a", "b"]},
            "explainers": explained,
            "regions": [r.__dict__ for r in regions],
        },
    )
    shape = (2, 40, 40)
    masks = {n: run.new_array("regions", n, shape, bool) for n in REGIONS}
    masks["lesion"][:, 20:28, 20:28] = True
    masks["text"][:, 3:7, 3:12] = True
    masks["border"][:, :2] = masks["border"][:, -2:] = True
    heats = {m.name: run.new_array("maps", m.name, shape, np.float16) for m in MAPS}
    true = {m.name: run.new_array("maps", f"{m.name}@true", shape, np.float16) for m in MAPS[1:]}
    heats["edges.picture"][:] = stream().random(shape)
    heats["tag.x"][:] = -masks["text"].astype(np.float16)
    true["tag.x"][1] = masks["lesion"][1]
    heats["lime.mean"][:] = 1
    run.new_array("blind", "lime.mean", shape, bool)[:] = masks["text"]
    cases = [Case(id=i, image="", label="a", patient=i) for i in "xy"]
    run.write(Case, cases)
    run.write(
        Prediction,
        [
            Prediction(case=c.id, label="a", predicted=p, probabilities=(0.5, 0.5))
            for c, p in zip(cases, "ab", strict=True)
        ],
    )
    run.write(
        Extent,
        [
            Extent(case=c.id, region=r, present=True, area=0.1, mean=0.0, spread=0.0)
            for c in cases
            for r in REGIONS
        ],
    )
    return run


def test_the_score_table_holds_the_nulls_beside_the_measures(run):
    table = pa.concat_tables(scores(run)).to_pandas()
    assert set(table["metric"]) == {*METRICS, "beyond", "excess"} == set(EVERY)
    assert len(table) == 3 * len(MAPS) * len(REGIONS) * len(EVERY)
    assert list(table.columns) == list(Score.__dataclass_fields__)
    at = table.set_index(["case", "cls", "explainer", "region", "metric"])
    assert at.loc[("x", "a", "tag", "text", "beyond"), "value"] == 1
    assert at.loc[("y", "b", "tag", "text", "beyond"), "value"] == 1
    assert at.loc[("y", "a", "tag", "lesion", "beyond"), "value"] == 1
    assert 0.02 < at.loc[("x", "a", "edges", "text", "beyond"), "value"] < 0.98
    # the edge map is the same whichever class is explained, and has no second file
    assert (
        at.loc[("y", "a", "edges", "text", "excess"), "value"]
        == at.loc[("y", "b", "edges", "text", "excess"), "value"]
    )


@pytest.mark.parametrize(
    ("explainer", "region", "why"),
    [
        ("none", "text", ZERO),
        ("tag", "empty", EMPTY),
        ("tag", "border", nulls.FEW),
        ("lime", "text", BLIND),
    ],
)
def test_a_null_that_could_not_be_had_says_why(run, explainer, region, why):
    table = pa.concat_tables(scores(run)).to_pandas()
    rows = table[
        (table["explainer"] == explainer)
        & (table["region"] == region)
        & table["metric"].isin(nulls.METRICS)
        & (table["cls"] == "a")
        & (table["case"] == "x")
    ]
    assert len(rows) == 2
    assert rows["value"].isna().all()
    assert set(rows["why"]) == {why}


def test_no_value_is_missing_without_a_reason_and_none_has_one_beside_it(run):
    table = pa.concat_tables(scores(run)).to_pandas()
    assert (table["value"].isna() == table["why"].notna()).all()
