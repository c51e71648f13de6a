"""What a rule may ask about: every metric, what a limit on it may be, and what an estimate of it is about."""

from __future__ import annotations

import math
from typing import NamedTuple


class Metric(NamedTuple):
    """What a limit on this metric may be, and what an estimate of it is about."""

    least: float
    most: float
    region: bool = True
    cls: bool = False


_SHARE = Metric(0.0, 1.0)
_RATIO = Metric(0.0, math.inf)
_SD = Metric(-math.inf, math.inf, cls=True)
_LINK = Metric(-1.0, 1.0, cls=True)

METRICS: dict[str, Metric] = {
    "mass": _SHARE,
    "mass-positive": _SHARE,
    "density": _RATIO,
    "density-positive": _RATIO,
    "rank": _SHARE,
    "rank-positive": _SHARE,
    "pointing": _SHARE,
    "pointing-positive": _SHARE,
    "net": Metric(-1.0, 1.0),
    "beyond": _SHARE,
    "excess": Metric(-math.inf, math.inf),
    "removal": _SD,
    "removal-change": _SD,
    "removal-control": _SD,
    "removal-dose": _SD,
    "removal-flip": _LINK,
    "removal-pooled": _SD,
    "removal-pooled-flip": _SHARE._replace(cls=True),
    "removal-own": Metric(-math.inf, math.inf),
    "leftover": _SD,
    "strange": _SHARE,
    "transplant": _SD,
    "transplant-change": _SD,
    "transplant-control": _SD,
    "transplant-flip": _LINK,
    "shift": _SD,
    "shift-change": _SD,
    "shift-control": _SD,
    "shift-flip": _LINK,
    "association": _LINK,
    "content-size": _LINK,
    "content-mean": _LINK,
    "content-spread": _LINK,
    "separation": _LINK,
    "follow": _LINK,
    "carried": Metric(-math.inf, math.inf, cls=True),
    "presence": _SHARE,
    "accuracy-with": _SHARE,
    "accuracy-without": _SHARE,
    "accuracy-gap": _LINK,
    "auc-inflation": _LINK,
    "worst-group": _SHARE,
    "lost": Metric(0.0, 1.0),
    "accuracy": Metric(0.0, 1.0, region=False),
    "auc": Metric(0.0, 1.0, region=False),
    "rank-correlation": Metric(-1.0, 1.0, region=False),
    "top-overlap": Metric(0.0, 1.0, region=False),
    "sanity": Metric(-1.0, 1.0, region=False),
    "sanity-absolute": Metric(-1.0, 1.0, region=False),
    "sanity-step": Metric(-1.0, 1.0, region=False),
    "deletion": Metric(0.0, 1.0, region=False),
    "insertion": Metric(0.0, 1.0, region=False),
    "road": Metric(-1.0, 1.0, region=False),
    "deletion-gain": Metric(-1.0, 1.0, region=False),
    "insertion-gain": Metric(-1.0, 1.0, region=False),
    "road-gain": Metric(-1.0, 1.0, region=False),
}

CHANGE, GROWTH = "change:", "growth:"
"""Before a metric's name: the candidate's mean minus the baseline's, and how much farther from zero it lies.

Only :mod:`audit.comparison` measures them, on the cases that two runs share."""

COMPARED = (
    *("accuracy", "auc", "mass", "mass-positive", "density", "density-positive", "rank", "rank-positive"),
    *(
        "pointing",
        "pointing-positive",
        "net",
        "beyond",
        "excess",
        "removal",
        "removal-change",
        "removal-flip",
    ),
    *(
        "removal-own",
        "transplant",
        "transplant-change",
        "transplant-flip",
        "shift",
        "shift-change",
        "shift-flip",
    ),
)
"""The metrics of which a change is measured: those with a value in each case, and the AUC."""

METRICS |= {
    f"{kind}{name}": METRICS[name]._replace(least=-reach, most=reach)
    for kind in (CHANGE, GROWTH)
    for name in COMPARED
    for reach in [METRICS[name].most - max(METRICS[name].least, -METRICS[name].most)]
}
