"""A budget of model passes: what is given up, in which order, and that nothing is ever asked more for it."""

from __future__ import annotations

import inspect

import pytest

from audit import budget, config, cues
from audit.budget import DRAWN_ANEW, STEPS, price, within
from audit.config import Config
from audit.errors import ConfigError
from audit.intervene.ordering import SHARES
from audit.record import Map, Region


def stack(explainer: str, layer: str) -> Map:
    name = f"{explainer}.{layer}"
    return Map(name=name, explainer=explainer, layer=layer, family=explainer, signed=False, title=name)


MAPS = [
    *(stack("grad-cam", layer) for layer in ("initial", "last")),
    stack("vanilla-gradient", "input"),
    stack("smoothgrad", "input"),
    *(stack("lime", fill) for fill in ("mean", "surround")),
]


def region(name: str, role: str) -> Region:
    return Region(name=name, role=role, title=name, detector="drawn", version="1", settings={})


REGIONS = [
    region("lesion", "lesion"),
    region("text", "artefact"),
    region("border", "artefact"),
    region("joint", "artefact"),
]


def settings(**changed: object) -> Config:
    model = {"source": "callable", "factory": "m:f", "classes": ["a", "b"]}
    return config.checked({"model": model, "images": {"manifest": "cases.csv"}, **changed})


def total(given: Config, cases: int = 100) -> float:
    return sum(price(given, REGIONS, MAPS, cases).values())


def test_the_price_by_hand():
    given = settings(
        removal={"controls": 5, "few": 3, "fills": ["inpaint", "ring", "black"], "doses": [0.5]},
        lime={"samples": 40},
        smoothgrad={"samples": 7},
        cues=["brightness", "aspect"],
        transplant={"donors": 2},
        second_look={"faithfulness": 25, "sanity": 50, "discovery": 1},
    )
    assert cues.CUES["brightness"].shift is not None
    assert cues.CUES["aspect"].shift is None
    artefact = (1 + 5) + (1 + 3) + (1 + 2) + 1
    assert price(given, REGIONS, MAPS, 100) == {
        "maps": 2 * (1 + 7),
        "untouched": 1,
        "lime": 2 * 40,
        "removal": 2 * artefact + 2 * (1 + 5),
        "transplant": 2 * (4 * 2),
        "shift": 3,
        "faithfulness": (6 + 1) * (4 * len(SHARES) + 2) / 4,
        "sanity": (7 + 10 + 2 * 128) / 2,
        "discovery": artefact + 8,
    }
    assert price(given, REGIONS, MAPS, 20)["sanity"] == 7 + 10 + 2 * 128  # of 20 cases no 50 can be asked
    box = price(given, REGIONS, MAPS[-2:], 100)
    assert (box["maps"], box["sanity"]) == (1, 0)  # a black box has no weights to draw anew


def test_what_is_said_of_weights_drawn_anew_is_what_is_done():
    sanity = pytest.importorskip("audit.explain.sanity")
    default = {k: p.default for k, p in inspect.signature(sanity.cascade).parameters.items()}
    assert {
        "trace": 1 + default["steps"],
        "smoothgrad": 2 * default["smoothgrad_samples"],
        "lime": 2 * default["lime_samples"],
    } == DRAWN_ANEW


def asked(given: Config) -> dict[str, int]:
    """Every number of the configuration that asks something."""
    return {
        "controls": given.removal.controls,
        "few": given.removal.few,
        "fills": len(given.removal.fills),
        "doses": len(given.removal.doses),
        "donors": given.transplant.donors,
        "lime": given.lime.samples,
        "smoothgrad": given.smoothgrad.samples,
        "faithfulness": given.second_look.faithfulness,
        "sanity": given.second_look.sanity,
        "discovery": given.second_look.discovery,
    }


GIVEN = {
    "as it is": {},
    "frugal": {
        "removal": {"controls": 1, "few": 1, "fills": ["inpaint", "blur"], "doses": []},
        "lime": {"samples": 20},
        "smoothgrad": {"samples": 1},
        "second_look": {"faithfulness": 3, "sanity": 1, "discovery": 0},
    },
    "lavish": {
        "removal": {"controls": 40, "few": 40},
        "lime": {"samples": 4000},
        "transplant": {"donors": 9},
    },
}


@pytest.mark.parametrize("kind", GIVEN)
def test_nothing_is_asked_more_and_the_budget_is_kept_whatever_it_is(kind):
    given = settings(**GIVEN[kind])
    dear = total(given)
    least: float | None = None
    for most in range(10, int(dear) + 20, max(1, int(dear) // 60)):
        wanted = given.model_copy(update={"budget": most})
        kept, given_up, refused = wanted, [], ""
        try:
            kept, given_up = within(wanted, REGIONS, MAPS, 100)
        except ConfigError as error:
            refused = str(error)
        if refused:
            assert least is None, "a larger budget was refused after a smaller one was kept"
            assert f"a budget of {most} passes" in refused
            continue
        least = least or most
        assert total(kept) <= most
        before, after = asked(wanted), asked(kept)
        assert all(after[name] <= before[name] for name in before)
        assert kept.budget == most
        assert kept.removal.fills == [f for f in given.removal.fills if f in kept.removal.fills]
        assert kept.removal.fills[0] == "inpaint"
        assert (kept == wanted) == (given_up == [])
        assert (given_up == []) == (dear <= most)
        order = [sentence for sentence, _ in STEPS]
        assert given_up == [s for s in order if s in given_up]
        assert Config.model_validate(kept.model_dump(exclude_unset=True)) == kept
    assert least is not None


def test_without_a_budget_nothing_is_given_up():
    given = settings()
    assert within(given, REGIONS, MAPS, 100) == (given, [])


def test_what_is_given_up_is_the_first_that_is_enough():
    """The steps are taken in their order, each only where it makes the audit cheaper."""
    given = settings()
    dear = total(given)
    kept, given_up = within(given.model_copy(update={"budget": int(dear) - 1}), REGIONS, MAPS, 100)
    assert given_up == [STEPS[0][0]]
    assert kept.lime.samples == 128
    assert kept.removal == given.removal
    frugal = settings(lime={"samples": 20})
    _, given_up = within(frugal.model_copy(update={"budget": int(total(frugal)) - 1}), REGIONS, MAPS, 100)
    assert given_up == [STEPS[1][0]]  # LIME asks less than the first step would leave it


def test_the_error_names_the_least_and_the_least_is_enough():
    with pytest.raises(ConfigError) as caught:
        within(settings(budget=1), REGIONS, MAPS, 100)
    (problem,) = caught.value.problems
    least = int(problem.what.rsplit(" ", 1)[1])
    kept, given_up = within(settings(budget=least + 1), REGIONS, MAPS, 100)
    assert len(given_up) > 10
    assert kept.removal.controls == 2
    with pytest.raises(ConfigError):
        within(settings(budget=least - 1), REGIONS, MAPS, 100)


def test_every_step_names_settings_that_there_are():
    given = settings()
    for sentence, change in budget.STEPS:
        assert sentence
        for part, values in change.items():
            assert set(values) <= set(type(getattr(given, part)).model_fields), sentence
