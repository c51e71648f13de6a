"""Transplants into black boxes whose answer is known, and the patches against a slow definition."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from audit.intervene import transplant
from audit.intervene.inpaint import membrane, widened
from audit.measure.margin import margins
from audit.models.asking import ask

sys.path.append(str(Path(__file__).parents[1] / "audits"))
import toy

CLASSES = ["well", "ill"]
BOXES: dict = {}
exec(toy.NETWORK[toy.NETWORK.index("def bright") :], BOXES)  # the black boxes, without the network above them
TAG, BRIGHT = BOXES["tag"](), BOXES["bright"]()


def drawn(number: int, *, ill: bool, tagged: bool):
    picture, lesion, mark = toy.arrays(number, ill=ill, tagged=tagged)
    return (picture / 255).astype(np.float32), lesion, mark


RECEIVER, _, _ = drawn(0, ill=False, tagged=False)
DONORS = [drawn(n, ill=True, tagged=True)[::2] for n in (1, 3, 5)]
PLAIN = [drawn(n, ill=True, tagged=False)[0] for n in (7, 9)]


def planned(receiver=RECEIVER, pasted=DONORS, plain=PLAIN, **more):
    more = {"keep": None, "rng": np.random.default_rng(0), **more}
    return transplant.plan("tag", receiver, pasted, plain, **more)


def asked(predict, plan, receiver=RECEIVER, audited=CLASSES):
    ((_, answers),) = ask(predict, [("x", plan.questions(receiver))], batch=4)
    return transplant.effects("x", plan, predict(receiver[None])[0], answers, CLASSES, audited)


def test_a_model_that_reads_the_tag_is_moved_by_it_and_not_by_the_controls():
    well, ill = asked(TAG, planned())
    light = [RECEIVER[:8, :16].mean(dtype=float)]
    for donor, mark in DONORS:  # what the box reads with the tag itself put in, seam left out
        put = RECEIVER.copy()
        put[mark] = donor[mark]
        light.append(put[:8, :16].mean(dtype=float))
    expected = 6 * (np.mean(light[1:]) - light[0])
    assert ill.change == pytest.approx(expected, abs=0.1)
    assert expected > 1
    assert abs(ill.control) < 0.05
    assert ill.difference == ill.change - ill.control
    assert well.difference == pytest.approx(-ill.difference)
    assert (ill.flipped, ill.flipped_control) == (1.0, 0.0)
    assert (ill.intervention, ill.region, ill.fill, ill.dose, ill.why) == ("transplant", "tag", "", 1.0, None)


def test_a_model_that_reads_the_lesion_is_not_moved_though_the_donors_are_ill():
    _, ill = asked(BRIGHT, planned())
    assert (ill.change, ill.control, ill.difference) == (0, 0, 0)
    assert (ill.flipped, ill.flipped_control) == (0, 0)


def test_what_the_seam_and_strange_tissue_do_is_taken_off():
    """A box that answers to any donor's tissue, tag or not, is moved; beyond a plain case's tissue it is not."""

    def tissue(images):
        strange = np.abs(images.astype(float) - RECEIVER).max(3) > 1e-6
        p = 1 / (1 + np.exp(-(strange[:, :8, :16].mean((1, 2)) * 6 - 2)))
        return np.stack([1 - p, p], 1)

    _, ill = asked(tissue, planned(local=False))
    assert ill.change > 1
    assert ill.difference == pytest.approx(0, abs=1e-9)


def test_a_patch_against_the_definition_pixel_by_pixel():
    (donor, mark), keep = DONORS[0], np.zeros((32, 32), bool)
    keep[5:12, 8:20] = True
    plan = planned(keep=keep)
    put = next(plan.questions(RECEIVER))
    wide = widened(mark)
    for r in range(32):
        for c in range(32):
            near = [
                wide[min(max(r + i, 0), 31), min(max(c + j, 0), 31)] for i in (-1, 0, 1) for j in (-1, 0, 1)
            ]
            alpha = 0.0 if keep[r, c] or not wide[r, c] else 1.0 if mark[r, c] else float(np.mean(near))
            expected = (1 - alpha) * RECEIVER[r, c] + alpha * donor[r, c]
            assert put[r, c] == pytest.approx(expected, abs=1e-6)
    assert (put[mark & ~keep] == donor[mark & ~keep]).all()
    off = ~wide | keep
    assert all((q[off] == RECEIVER[off]).all() for q in plan.questions(RECEIVER))


def test_controls_are_the_same_shape_from_plain_cases_in_turn_and_in_local_colour():
    masks = [np.zeros((32, 32), bool) for _ in "abc"]
    for i, m in enumerate(masks):
        m[3 : 6 + i, 2:8] = True
    pasted = [(d, m) for (d, _), m in zip(DONORS, masks, strict=True)]
    plan = planned(pasted=pasted)
    kinds = [p.kind for p in plan.patches]
    assert (kinds.count("region"), kinds.count("plain"), kinds.count("local")) == (3, 3, 3)
    plain = [p for p in plan.patches if p.kind == "plain"]
    assert [p.source is q for p, q in zip(plain, [PLAIN[0], PLAIN[1], PLAIN[0]], strict=True)] == [True] * 3
    for patch, mask in zip([p for p in plan.patches if p.kind == "local"], masks, strict=True):
        into, over = patch.into(RECEIVER), membrane(RECEIVER, widened(mask))
        assert np.allclose(into[mask], over[mask], atol=1e-6)
        assert (into[~widened(mask)] == RECEIVER[~widened(mask)]).all()


def test_one_mask_for_all_donors_is_not_asked_twice_and_each_kind_of_control_counts_alike():
    plan = planned()
    assert [p.kind for p in plan.patches] == ["region"] * 3 + ["plain", "local", "plain"]
    before = np.array([0.5, 0.5])
    told = np.array([0.7, 0.8, 0.4, 0.6, 0.3, 0.2])
    answers = np.stack([1 - told, told], 1)
    (ill,) = transplant.effects("x", plan, before, answers, CLASSES, ["ill"])
    logit = np.log(told / (1 - told))
    assert ill.change == pytest.approx(logit[:3].mean())
    assert ill.control == pytest.approx((logit[[3, 5]].mean() + logit[4]) / 2)
    assert ill.flipped == pytest.approx(2 / 3)
    assert ill.flipped_control == pytest.approx((1 / 2 + 0) / 2)
    assert ill.places == 3


def test_labels_that_do_not_exclude_each_other_are_against_their_own_absence():
    plan, before = planned(plain=[], local=False), np.array([0.5, 0.5])
    answers = np.tile([0.5, 0.9], (3, 1))
    well, ill = transplant.effects("x", plan, before, answers, CLASSES, CLASSES, exclusive=False)
    assert well.change == 0
    assert ill.change == pytest.approx(np.log(9))
    assert (well.flipped, ill.flipped) == (0, 1)
    assert (ill.control, ill.difference, ill.places, ill.why) == (None, None, 0, transplant.NO_CONTROL)
    assert ill.flipped_control is None


def test_the_place_of_a_tag_is_told_from_the_tag():
    """A box that reads the corner is not moved by the tag elsewhere; one that reads any tag is."""

    def anywhere(images):
        s = (images > 0.99).all(3).sum((1, 2)) * 0.2 - 2.0
        p = 1 / (1 + np.exp(-s))
        return np.stack([1 - p, p], 1)

    plan = planned(moved=True)
    assert plan.patches[-1].kind == "elsewhere"
    own, elsewhere = asked(anywhere, plan, audited=["ill"])
    assert elsewhere.fill == "elsewhere"
    assert elsewhere.change == pytest.approx(own.change)
    assert (elsewhere.control, elsewhere.difference, elsewhere.flipped_control) == (None, None, None)
    assert elsewhere.why == transplant.OWN_PLACE
    _, here = asked(TAG, plan, audited=["ill"])
    assert here.change < 0.4 * asked(TAG, plan, audited=["ill"])[0].change


@pytest.mark.parametrize("seed", range(20))
def test_the_other_place_is_whole_off_the_lesion_and_off_its_own(seed):
    _, lesion, mark = drawn(1, ill=True, tagged=True)
    plan = planned(keep=lesion, moved=True, rng=np.random.default_rng(seed))
    alpha = plan.patches[-1].alpha
    assert ((alpha > 0).sum()) == widened(mark).sum()
    assert not ((alpha > 0) & (lesion | widened(mark))).any()
    donor = DONORS[0][0]
    put = plan.patches[-1].into(RECEIVER)
    assert sorted(put[alpha == 1].sum(1).tolist())[-40:] == sorted(donor[mark].sum(1).tolist())


def test_no_room_elsewhere_is_said_and_is_not_an_effect_of_zero():
    big = np.zeros((32, 32), bool)
    big[2:20] = True
    plan = planned(pasted=[(DONORS[0][0], big)], moved=True)
    own, elsewhere = asked(TAG, plan, audited=["ill"])
    assert own.change is not None
    assert (elsewhere.fill, elsewhere.change, elsewhere.why) == ("elsewhere", None, transplant.NO_ROOM)


@pytest.mark.parametrize(
    ("pasted", "keep", "why"),
    [
        ([], None, transplant.NO_DONOR),
        ([(DONORS[0][0], np.zeros((32, 32), bool))], None, transplant.EMPTY),
        ([(DONORS[0][0], np.ones((32, 32), bool))], None, transplant.WHOLE),
        ([DONORS[0]], np.ones((32, 32), bool), transplant.COVERED),
        ([(RECEIVER, DONORS[0][1])], None, transplant.NOTHING),
    ],
)
def test_what_cannot_be_put_in_has_a_reason_and_no_number(pasted, keep, why):
    plan = planned(pasted=pasted, keep=keep, moved=True)
    assert list(plan.questions(RECEIVER)) == []
    rows = transplant.effects("x", plan, np.array([0.5, 0.5]), np.zeros((0, 2)), CLASSES, CLASSES)
    assert [(r.change, r.difference, r.flipped, r.why) for r in rows] == [(None, None, None, why)] * 2
    assert [r.cls for r in rows] == CLASSES


def test_donors_that_cannot_give_are_left_out_of_the_mean():
    nothing = (RECEIVER, DONORS[0][1])
    assert asked(TAG, planned(pasted=[nothing, *DONORS])) == asked(TAG, planned())


def test_pictures_of_another_size_are_refused():
    with pytest.raises(ValueError, match="a donor is"):
        planned(plain=[np.zeros((16, 16, 3), np.float32)])


def test_a_corner_that_every_case_has_is_tested_for_what_it_shows():
    """Donors of the other class, plain cases of the receiver's own: the receiver's own corner is the same in kind."""
    corner = np.zeros((32, 32), bool)
    corner[:8, :16] = True
    pasted = [(picture, corner) for picture, _ in DONORS]
    own = [drawn(n, ill=False, tagged=False)[0] for n in (2, 4, 6)]
    _, ill = asked(TAG, planned(pasted=pasted, plain=own, local=False))
    assert ill.difference > 1
    assert abs(ill.control) < 0.05
    _, innocent = asked(BRIGHT, planned(pasted=pasted, plain=own, local=False))
    assert innocent.difference == 0


def test_the_same_seed_plans_the_same():
    first, second = (list(planned(moved=True).questions(RECEIVER)) for _ in "ab")
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert margins(TAG(np.stack(first))).shape == (7, 2)
