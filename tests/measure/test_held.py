"""What a region holds, where every case bears it: its size, its brightness, its contrast."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from audit.measure.estimates import _presence
from audit.record import Case, Extent, Region

CLASSES = ["ill", "well"]


def estimates(name: str, held: list[tuple[float, float]]) -> dict[str, float | None]:
    """The estimates for 'ill', who is the first half; ``held``: size and brightness case by case."""
    cases = [
        Case(id=str(i), image="", label=CLASSES[2 * i >= len(held)], patient=str(i)) for i in range(len(held))
    ]
    extents = [
        Extent(case=str(i), region=name, present=True, area=area, mean=mean, spread=0.01)
        for i, (area, mean) in enumerate(held)
    ]
    region = Region(name=name, role="artefact", title=name, detector="x", version="1")
    run = SimpleNamespace(read=lambda _: extents, regions=[region], classes=CLASSES)
    return {e.metric: e.value for e in _presence(run, cases, 0) if e.cls == "ill"}  # type: ignore[arg-type]


def test_less_than_a_grey_level_is_rounding_and_no_content():
    """Black of 3.80 to 3.95 grey levels, darker in every ill case, is one and the same black."""
    level = lambda of: [(0.2, (of + 0.01 * i) / 255) for i in range(6)]  # noqa: E731
    assert estimates("corner-top-left", [*level(3.8), *level(3.9)])["content-mean"] == 0
    assert estimates("corner-top-left", [*level(3.8), *level(4.8)])["content-mean"] == -1


@pytest.mark.parametrize(("ill", "value"), [(0.3, 1.0), (0.1, -1.0)])
def test_how_much_padding_there_is_goes_with_the_class(ill, value):
    held = [*[(ill, 0.0)] * 6, *[(0.2, 0.0)] * 6]
    assert estimates("padding", held)["content-size"] == value


def test_of_a_place_that_is_as_large_in_every_case_no_size_is_told():
    assert "content-size" not in estimates("corner-top-left", [(0.1, 0.1 * i) for i in range(8)])
