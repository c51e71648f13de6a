"""``--budget``: so many model passes a case at most, and what is given up for it, said in a sentence each.

The price is an upper bound, as if every case bore every region and every answer were wrong. What is given up
first is what a verdict needs least; the least that a verdict needs is never given up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from audit.config import Config
from audit.cues import CUES
from audit.errors import ConfigError
from audit.intervene.fills import FILLS
from audit.intervene.ordering import SHARES
from audit.record import Map, Region
from audit.settings import FIRST

SHOWN_CONTROLS = 2
"""Control places of a fill that is only shown."""

DRAWN_ANEW = {"trace": 7, "smoothgrad": 2 * 5, "lime": 2 * 64}
"""What drawing the weights anew asks of a case: a map before and after each of six steps; SmoothGrad's samples and
LIME's questions a fill before the first and after the last (the defaults of :func:`audit.explain.sanity.cascade`)."""


def price(config: Config, regions: Sequence[Region], maps: Sequence[Map], cases: int) -> dict[str, float]:
    """At most so many passes a case, by kind."""
    removal, look = config.removal, config.second_look
    sane = [f for f in removal.fills[1:] if FILLS[f].sane]
    shown = [f for f in removal.fills[1:] if not FILLS[f].sane]
    whole = 1 + removal.controls
    artefact = whole + len(sane) * (1 + removal.few) + len(shown) * (1 + SHOWN_CONTROLS) + len(removal.doses)
    put = 4 * config.transplant.donors
    artefacts = sum(r.role == "artefact" and r.name != "joint" for r in regions)
    others = len(regions) - artefacts
    names = {m.explainer for m in maps}
    lime, smooth = sum(m.explainer == "lime" for m in maps), "smoothgrad" in names
    traced = bool(names - {"lime"})
    anew = DRAWN_ANEW["trace"] + smooth * DRAWN_ANEW["smoothgrad"] + lime * DRAWN_ANEW["lime"]
    curves = len(maps) + 1 if maps else 0
    return {
        "maps": 2.0 * (1 + smooth * config.smoothgrad.samples) if traced else 1.0,
        "untouched": 1.0,
        "lime": float(lime * config.lime.samples),
        "removal": float(artefacts * artefact + others * whole),
        "transplant": float(artefacts * put),
        "shift": 3.0 * sum(CUES[name].shift is not None for name in config.cues),
        "faithfulness": curves * (4 * len(SHARES) + 2) * min(1.0, look.faithfulness / max(1, cases)),
        "sanity": traced * anew * min(1.0, look.sanity / max(1, cases)),
        "discovery": float(look.discovery * (artefact + put)),
    }


STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("LIME asks 128 perturbed pictures a fill", {"lime": {"samples": 128}}),
    ("no region is blurred or blacked out for show", {"removal": {"fills": [FIRST, "ring", "donor"]}}),
    ("removal is not tried at lower opacity", {"removal": {"doses": []}}),
    ("the explainers' faithfulness is asked of 4 cases", {"second_look": {"faithfulness": 4}}),
    ("the network's weights are drawn anew for 2 cases", {"second_look": {"sanity": 2}}),
    ("LIME asks 64 perturbed pictures a fill", {"lime": {"samples": 64}}),
    ("SmoothGrad takes 8 samples", {"smoothgrad": {"samples": 8}}),
    ("one unlisted place is followed up", {"second_look": {"discovery": 1}}),
    ("4 control places at most, and 2 for other fills", {"removal": {"controls": 4, "few": 2}}),
    ("LIME asks 32 perturbed pictures a fill", {"lime": {"samples": 32}}),
    ("an artefact is taken from one other case", {"transplant": {"donors": 1}}),
    ("no place that nobody listed is looked for", {"second_look": {"discovery": 0}}),
    ("the explainers' faithfulness is not asked", {"second_look": {"faithfulness": 0}}),
    ("the network's weights are not drawn anew", {"second_look": {"sanity": 0}}),
    ("no patch of another case is put over an artefact", {"removal": {"fills": [FIRST, "ring"]}}),
    ("2 control places at most, and 1 for other fills", {"removal": {"controls": 2, "few": 1}}),
    ("LIME asks 16 perturbed pictures a fill", {"lime": {"samples": 16}}),
    ("SmoothGrad takes 2 samples", {"smoothgrad": {"samples": 2}}),
)
"""What is given up, in this order. A step that would ask more than the configuration did is passed over."""


def within(
    config: Config, regions: Sequence[Region], maps: Sequence[Map], cases: int
) -> tuple[Config, list[str]]:
    """The configuration that stays within its budget, and what was given up for it.

    Raises:
        ConfigError: even the least that a verdict needs costs more.
    """
    given_up: list[str] = []
    if config.budget is None:
        return config, given_up
    most = config.budget
    for sentence, change in STEPS:
        cost = sum(price(config, regions, maps, cases).values())
        if cost <= most:
            return config, given_up
        cheaper = _changed(config, change)
        if sum(price(cheaper, regions, maps, cases).values()) < cost:
            config = cheaper
            given_up.append(sentence)
    cost = sum(price(config, regions, maps, cases).values())
    if cost > most:
        raise ConfigError(
            f"a budget of {most} passes a case is too small: the least for these regions, cues and "
            f"explainers is {cost:.0f}",
            where="budget",
            todo="raise it, or name fewer explainers, regions or cues",
        )
    return config, given_up


def _changed(config: Config, change: dict[str, dict[str, Any]]) -> Config:
    """The configuration with a part's settings changed, none of them to more than it was."""
    parts: dict[str, Any] = {}
    for name, settings in change.items():
        part = getattr(config, name)
        less: dict[str, Any] = {}
        for key, value in settings.items():
            own = getattr(part, key)
            if isinstance(value, list):
                less[key] = [v for v in own if v in value]
            else:
                less[key] = min(own, value)
        parts[name] = part.model_copy(update=less)
    return config.model_copy(update=parts)
