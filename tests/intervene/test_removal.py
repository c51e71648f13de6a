"""Control places, and removal on black boxes whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.intervene import removal
from audit.intervene.places import control_places, parts_of
from audit.models.asking import ask

CLASSES = ["well", "ill"]
ONLY = {"fills": ["inpaint"], "doses": ()}


def tag_reader(images: np.ndarray) -> np.ndarray:
    """Says ill by the light in the upper left corner, and by nothing else."""
    light = images[:, :8, :16].mean((1, 2, 3), dtype=float)
    p = 1 / (1 + np.exp(-(40 * light - 6)))
    return np.stack([1 - p, p], 1)


def picture(seed: int = 0, *, tag: bool = True) -> np.ndarray:
    image = 0.3 + 0.05 * np.random.default_rng(seed).random((40, 40, 3))
    image[:8, :16] = 0
    if tag:
        image[2:6, 2:12] = 1
    return image.astype(np.float32)


def mask(rows: slice, columns: slice) -> np.ndarray:
    found = np.zeros((40, 40), bool)
    found[rows, columns] = True
    return found


def asked(predict, image, plan):
    ((_, answers),) = ask(predict, [("x", plan.questions(image))], batch=8)
    return removal.effects("x", plan, predict(image[None])[0], answers, CLASSES, CLASSES)


def test_what_a_model_reads_moves_it_and_the_controls_do_not():
    image, tag = picture(), mask(slice(2, 6), slice(2, 12))
    plan = removal.plan("text", image, tag, np.zeros_like(tag), rng=np.random.default_rng(0), **ONLY)
    well, ill = asked(tag_reader, image, plan)
    assert ill.difference > 5
    assert abs(ill.control) < 0.5
    assert well.difference == pytest.approx(-ill.difference)
    assert (ill.flipped, ill.flipped_control) == (1.0, 0.0)
    assert (ill.fill, ill.dose, ill.places) == ("inpaint", 1.0, 8)


def test_what_a_model_does_not_read_moves_it_no_more_than_elsewhere():
    image, blob = picture(), mask(slice(25, 30), slice(25, 30))
    image[25:30, 25:30] = 0.9
    corner = mask(slice(0, 9), slice(0, 17))
    plan = removal.plan("blob", image, blob, corner, rng=np.random.default_rng(0), **ONLY)
    _, ill = asked(tag_reader, image, plan)
    assert ill.difference == 0
    assert not ill.flipped


def test_a_flat_place_has_nothing_to_take_away_and_that_is_not_an_effect_of_zero():
    image = np.zeros((40, 40, 3), np.float32)
    image[20:] = 0.5
    corner = mask(slice(0, 8), slice(0, 8))
    plan = removal.plan("corner", image, corner, corner, rng=np.random.default_rng(0), **ONLY)
    assert plan.why == removal.NOTHING
    (row,) = removal.effects("x", plan, np.array([0.5, 0.5]), np.zeros((0, 2)), CLASSES, ["ill"])
    assert (row.change, row.difference, row.why) == (None, None, removal.NOTHING)


def test_no_room_for_a_control_gives_a_change_without_a_difference():
    image, big = picture(), mask(slice(5, 35), slice(0, 40))
    plan = removal.plan("big", image, big, np.zeros_like(big), rng=np.random.default_rng(0), **ONLY)
    _, ill = asked(tag_reader, image, plan)
    assert ill.change is not None
    assert (ill.difference, ill.why) == (None, removal.NO_PLACE)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_control_places_keep_the_shape_and_stay_off_what_is_forbidden(seed):
    rng = np.random.default_rng(seed)
    region, forbidden = np.zeros((64, 64), bool), np.zeros((64, 64), bool)
    for target, count in ((region, 4), (forbidden, 5)):
        for _ in range(count):
            r, c = rng.integers(0, 54, 2)
            target[r : r + rng.integers(1, 9), c : c + rng.integers(1, 9)] = True
    places = control_places(region, forbidden, 3, rng)
    for place in places:
        assert not (place & (forbidden | region)).any()
        assert place.sum() == region.sum()
    assert places


def test_a_frame_is_moved_in_tiles():
    frame = np.ones((64, 64), bool)
    frame[4:-4, 4:-4] = False
    assert max(max(p.shape.shape) for p in parts_of(frame)) == 16
    (place,) = control_places(frame, np.zeros_like(frame), 1, np.random.default_rng(0))
    assert place.sum() == frame.sum()
    assert not (place & frame).any()


def test_one_seed_gives_the_same_places():
    region = mask(slice(3, 9), slice(4, 20))
    first, second = (
        control_places(region, ~np.ones((40, 40), bool), 4, np.random.default_rng(5)) for _ in "ab"
    )
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_the_last_free_spot_is_found_where_trying_at_random_would_not():
    free = np.zeros((200, 200), bool)
    free[150:153, 31:36] = True
    (place,) = control_places(mask_of(free.shape, 3, 5), ~free, 1, np.random.default_rng(0))
    assert (place == free).all()


def mask_of(size, height, width):
    found = np.zeros(size, bool)
    found[:height, :width] = True
    return found


def test_labels_that_do_not_exclude_each_other_have_margins_of_their_own():
    """Two independent labels at one half each sum to one by chance; a fall of the first is none of the second."""
    picture = np.zeros((2, 2, 3), np.float32)
    plan = removal.Plan(
        region="x",
        mask=np.ones((2, 2), bool),
        fills=(removal.Filled(fill="inpaint", painted=picture),),
    )
    before, after = np.array([0.5, 0.5]), np.array([[0.2, 0.5]])
    first, second = removal.effects("x", plan, before, after, CLASSES, CLASSES, exclusive=False)
    assert first.change == pytest.approx(np.log(4))
    assert second.change == 0


def test_a_label_that_is_no_more_said_flips_though_another_one_stays_the_largest():
    """Two independent labels, both said; without the tag the second is not, and no argmax sees it."""
    plan = removal.Plan(
        region="x",
        mask=np.ones((2, 2), bool),
        fills=(removal.Filled(fill="inpaint", painted=np.zeros((2, 2, 3), np.float32), places=2),),
    )
    before, after = np.array([0.9, 0.7]), np.array([[0.9, 0.2], [0.9, 0.7], [0.4, 0.7]])
    rows = removal.effects("x", plan, before, after, CLASSES, CLASSES, exclusive=False)
    assert [(r.flipped, r.flipped_control) for r in rows] == [(0, 0.5), (1, 0)]
    rows = removal.effects("x", plan, before, after, CLASSES, CLASSES, exclusive=True)
    assert [(r.flipped, r.flipped_control) for r in rows] == [(0, 0.5), (0, 0.5)]


def test_every_fill_finds_what_a_model_reads_and_has_its_own_controls():
    image, tag = picture(), mask(slice(2, 6), slice(2, 12))
    plan = removal.plan(
        "text",
        image,
        tag,
        np.zeros_like(tag),
        rng=np.random.default_rng(0),
        donor=picture(3, tag=False),
        doses=(),
    )
    rows = {row.fill: row for row in asked(tag_reader, image, plan) if row.cls == "ill"}
    assert {name: row.places for name, row in rows.items()} == {
        "inpaint": 8, "ring": 4, "donor": 4, "blur": 2, "black": 2,
    }  # fmt: skip
    for name in ("inpaint", "ring", "donor"):
        assert rows[name].difference > 5
        assert rows[name].change == pytest.approx(log_odds(image) - log_odds(picture(tag=False)), abs=1.5)


def log_odds(image):
    p = tag_reader(image[None])[0]
    return np.log(p[1] / p[0])


def test_all_fills_use_the_same_places_and_inpainting_those_that_it_had_alone():
    image, tag = picture(), mask(slice(2, 6), slice(2, 12))
    alone, many = (
        removal.plan("t", image, tag, np.zeros_like(tag), rng=np.random.default_rng(0), doses=(), **fills)
        for fills in ({"fills": ["inpaint"]}, {"fills": ["inpaint", "black"]})
    )
    assert all((a == b).all() for a, b in zip(alone.controls, many.controls, strict=True))
    pictures = list(many.questions(image))
    assert [(q.fill, q.place) for q in many.asked] == [
        ("inpaint", None), *[("inpaint", n) for n in range(8)], ("black", None), ("black", 0), ("black", 1)
    ]  # fmt: skip
    for changed, question in zip(pictures, many.asked, strict=True):
        place = many.mask if question.place is None else many.controls[question.place]
        assert (changed[~place] == image[~place]).all()
        assert question.fill == "inpaint" or (changed[place] == 0).all()
    assert all((a == b).all() for a, b in zip(alone.questions(image), pictures, strict=False))


def test_the_rows_of_a_fill_are_its_own_picture_and_then_its_controls():
    image, tag = picture(), mask(slice(2, 6), slice(2, 12))
    plan = removal.plan("t", image, tag, np.zeros_like(tag), rng=np.random.default_rng(0), controls=3, few=1)
    rows = removal.filled_rows(plan)
    assert rows == {"inpaint": (0, 1, 2, 3), "ring": (4, 5), "blur": (6, 7), "black": (8, 9)}
    assert len(plan.asked) == 13


def test_a_reaction_grows_with_the_dose_and_doses_have_no_controls():
    image, tag = picture(), mask(slice(2, 6), slice(2, 12))
    plan = removal.plan("t", image, tag, np.zeros_like(tag), rng=np.random.default_rng(0), fills=["inpaint"])
    rows = [row for row in asked(tag_reader, image, plan) if row.cls == "ill"]
    assert [row.dose for row in rows] == [1.0, 0.25, 0.5, 0.75]
    full = rows[0].change
    for row in rows[1:]:  # this model's log-odds are linear in the light
        assert row.change == pytest.approx(row.dose * full, rel=0.02)
        assert (row.fill, row.control, row.difference, row.flipped_control) == ("inpaint", None, None, None)
        assert row.why == removal.DOSE


def test_a_fill_that_cannot_be_made_is_missing_with_its_reason_and_the_others_stand():
    image, tag = picture(), mask(slice(2, 6), slice(2, 12))
    arguments = {"rng": np.random.default_rng(0), "doses": (), "fills": ["inpaint", "donor"]}
    for donor, why in ((None, "no other case"), (image, removal.SAME)):
        plan = removal.plan("t", image, tag, np.zeros_like(tag), donor=donor, **arguments)
        rows = {row.fill: row for row in asked(tag_reader, image, plan) if row.cls == "ill"}
        assert rows["donor"].change is None
        assert rows["donor"].flipped is None
        assert why in rows["donor"].why
        assert rows["inpaint"].difference > 5


def test_where_nothing_is_asked_every_row_that_was_wanted_says_why():
    image, corner = np.zeros((40, 40, 3), np.float32), mask(slice(0, 8), slice(0, 8))
    plan = removal.plan("c", image, corner, corner, rng=np.random.default_rng(0), donor=picture())
    rows = removal.effects("x", plan, np.array([0.5, 0.5]), np.zeros((0, 2)), CLASSES, CLASSES)
    wanted = [(name, 1.0) for name in removal.FILLS] + [("inpaint", dose) for dose in removal.DOSES]
    assert sorted((r.fill, r.dose) for r in rows if r.cls == "ill") == sorted(wanted)
    assert {row.why for row in rows} == {removal.NOTHING}
    assert plan.painted is None
    assert not list(plan.questions(image))


def test_a_region_inside_the_lesion_is_there_but_cannot_be_painted_over():
    image, tag = picture(), mask(slice(2, 6), slice(2, 12))
    plan = removal.plan(
        "t", image, tag, tag, rng=np.random.default_rng(0), keep=mask(slice(0, 20), slice(0, 20))
    )
    assert plan.why == removal.WITHIN


def test_answers_that_do_not_belong_to_the_questions_are_refused():
    image, tag = picture(), mask(slice(2, 6), slice(2, 12))
    plan = removal.plan("t", image, tag, tag, rng=np.random.default_rng(0), **ONLY)
    with pytest.raises(ValueError, match="2 answers to 9 questions"):
        removal.effects("x", plan, np.array([0.5, 0.5]), np.full((2, 2), 0.5), CLASSES, CLASSES)
    (row,) = removal.effects("x", plan, np.array([0.5, 0.5]), np.zeros((0, 2)), CLASSES, ["ill"])
    assert (row.change, row.why) == (None, removal.NOT_ASKED)


def test_asking_twice_gives_the_same_pictures():
    image, tag = picture(), mask(slice(2, 6), slice(2, 12))
    plan = removal.plan("t", image, tag, tag, rng=np.random.default_rng(0), donor=picture(3, tag=False))
    assert all((a == b).all() for a, b in zip(plan.questions(image), plan.questions(image), strict=True))


def test_control_places_keep_a_rings_width_off_the_artefact_where_there_is_room():
    image, tag = picture(), mask(slice(2, 6), slice(2, 12))
    for seed in range(10):
        plan = removal.plan("t", image, tag, tag, rng=np.random.default_rng(seed), **ONLY)
        artefact = np.argwhere(plan.mask)
        for place in plan.controls:
            assert min(np.abs(artefact - spot).sum(1).min() for spot in np.argwhere(place)) > 2
    tag = mask(slice(2, 6), slice(2, 10))
    beside = ~mask(slice(7, 13), slice(1, 11))  # the only free place touches the artefact
    plan = removal.plan("t", image, tag, beside, rng=np.random.default_rng(0), **ONLY)
    assert len(plan.controls) == 8
    assert not (plan.controls[0] & (beside | plan.mask)).any()


def test_independent_labels_turn_over_one_by_one():
    """Where labels do not exclude each other, a flip is of each class by itself."""
    grey = np.full((8, 8, 3), 0.5, np.float32)
    image = grey.copy()
    image[2:4, 2:4] = 1
    mask = image[..., 0] == 1
    asked = removal.plan(
        "tag", image, mask, mask, rng=np.random.default_rng(0), fills=("inpaint",), doses=(), controls=0
    )
    before, after = np.array([0.9, 0.6, 0.2]), np.array([[0.8, 0.3, 0.1]])
    rows = removal.effects("1", asked, before, after, ["a", "b", "c"], ["a", "b", "c"], exclusive=False)
    assert [row.flipped for row in rows] == [0.0, 1.0, 0.0]
