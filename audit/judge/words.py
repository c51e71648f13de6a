"""An estimate in plain words. Code decides what is said; a report only prints it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from audit.record.nouns import Estimate, Region


def number(value: float) -> str:
    """Two decimals, and no sign before nothing.

    >>> number(1.4349), number(-0.001)
    ('1.43', '0.00')
    """
    return f"{round(value, 2) + 0.0:.2f}"


ELSEWHERE = "elsewhere"
"""In a verdict's row: all that is not a drawn lesion. It is no region."""

BESIDE = "Beside the drawn lesions"
"""Its title."""

_CALLED = {
    "lesion": "the lesion",
    "border": "the border",
    "text": "burned-in text",
    "padding": "constant padding",
    "artefact": "the marked artefact",
    "joint": "all artefacts together",
}


THINGS = "Found: things"
"""How the title of things that the audit found begins; what else it found are places."""


def called(region: str, titles: Mapping[str, str]) -> str:
    """What a region is called inside a sentence.

    >>> called("corner-top-left", {}), called("text", {}), called("ruler", {"ruler": "Ruler ticks"})
    ('the top left corner', 'burned-in text', 'ruler ticks')
    """
    if region in _CALLED:
        return _CALLED[region]
    if region.startswith("corner-"):
        return f"the {region.removeprefix('corner-').replace('-', ' ')} corner"
    if region.startswith("found-"):
        return f"the {'things' if titles.get(region, '').startswith(THINGS) else 'place'} {region}"
    title = titles.get(region) or region
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def titles(regions: list[Region]) -> dict[str, str]:
    """The titles of the regions by name."""
    return {region.name: region.title for region in regions}


def capital(text: str) -> str:
    """The text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def counts(e: Estimate) -> str:
    """The cases behind an estimate, and the patients where they are fewer."""
    cases = f"{e.n} case{'' if e.n == 1 else 's'}"
    if 0 < e.patients < e.n:
        return f"{cases} of {e.patients} patient{'' if e.patients == 1 else 's'}"
    return cases


def _spread(e: Estimate, *, sign: int = 1, scale: float = 1.0) -> str:
    """The interval and the cases, in brackets."""
    if e.low is None or e.high is None:
        return f"({counts(e)})"
    low, high = sorted((sign * scale * e.low, sign * scale * e.high))
    ends = f"{low:.0f} to {high:.0f}" if scale != 1.0 else f"{number(low)} to {number(high)}"
    return f"(95 % interval {ends}; {counts(e)})"


def _among(e: Estimate) -> str:
    kind, _, name = e.stratum.partition("=")
    return f" in cases of '{name}'" if kind == "label" else f" in the {kind} '{name}'" if name else ""


_FILLED = {
    "ring": "painting over {place} with the colour and noise of its surround",
    "donor": "putting a patch of a case without it over {place}",
    "blur": "blurring {place}",
    "black": "blacking out {place}",
    "reflect": "reflecting the picture into {place}",
}


def _painting(e: Estimate, place: str, value: float) -> str:
    doing = _FILLED.get(e.fill, "painting over {place}").format(place=place)
    alone = {
        "removal-change": ", with no control place taken off,",
        "removal-pooled": ", all ways of it put together,",
    }.get(e.metric, "")
    light = f", {float(e.other):.0%} opaque," if e.metric == "removal-dose" else ""
    return _moves(e, doing + light + alone, value, lowers=True)


def _putting(e: Estimate, place: str, value: float) -> str:
    if not e.region.startswith(("corner-", "border", "found-")) or place == f"the things {e.region}":
        return _moves(e, f"putting {place} of cases of other classes into a case", value, lowers=False)
    doing = f"putting into {place} what it shows in cases of the other class"
    if not _sure(e, value):
        return _moves(e, doing, value, lowers=False)
    sign, way = (1, "towards") if value > 0 else (-1, "away from")
    return f"{doing} moves the answer{_among(e)} {way} that class by {number(sign * value)} SD {_spread(e, sign=sign)}"


def _moving(e: Estimate, place: str, value: float) -> str:
    alone = ", with no random change to compare," if e.metric == "shift-change" else ""
    doing = f"changing {place} alone by what the classes differ in{alone}"
    if not _sure(e, value):
        return _moves(e, doing, value, lowers=False)
    way = "in that direction" if value > 0 else "in the other direction"
    sign = 1 if value > 0 else -1
    size = f"by {number(sign * value)} SD {_spread(e, sign=sign)}"
    return f"{doing} moves the evidence for '{e.cls}'{_among(e)} {way} {size}"


def _sure(e: Estimate, value: float) -> bool:
    return e.low is not None and e.high is not None and not e.low <= 0 <= e.high and abs(value) >= 0.005


def _moves(e: Estimate, doing: str, value: float, *, lowers: bool) -> str:
    """A change of the evidence, with its size and interval; a positive value lowers it, or raises it."""
    sure = _sure(e, value)
    sign = -1 if sure and value < 0 else 1
    does = ("lowers" if lowers is (value > 0) else "raises") if sure else "changes"
    of = "the case's own class" if e.metric == "removal-own" else f"'{e.cls}'"
    return f"{doing} {does} the evidence for {of}{_among(e)} by {number(sign * value)} SD {_spread(e, sign=sign)}"


def _separation(e: Estimate, place: str, value: float) -> str:
    level = "lower" if value < 0 else "higher"
    return f"{place} is {level} in cases of '{e.cls}': rank correlation {number(value)} {_spread(e)}"


def _follow(e: Estimate, place: str, value: float) -> str:
    who = f"among cases of one label the evidence for '{e.cls}'"
    if not _sure(e, value):
        return f"{who} does not follow {place} for certain: rank correlation {number(value)} {_spread(e)}"
    way = "" if value > 0 else ", the other way,"
    return f"{who} follows {place}{way}: rank correlation {number(value)} {_spread(e)}"


def _carried(e: Estimate, place: str, value: float) -> str:
    far = f"{value * 100:.0f} % of what the classes differ by in it {_spread(e, scale=100.0)}"
    return f"changing {place} alone changes the reading of {e.other.replace('-', ' ')} by {far}"


def _gap(e: Estimate, place: str, value: float) -> str:
    more, sign = ("less", -1) if value < 0 else ("more", 1)
    return (
        f"answers are right {more} often where {place} and the label go together as they do in this set than where "
        f"they conflict, by {abs(value) * 100:.0f} percentage points {_spread(e, sign=sign, scale=100.0)}"
    )


def _lost(e: Estimate, place: str, value: float) -> str:
    share = f"a share of {number(value)} {_spread(e)}"
    return f"of the cases in which it is drawn, {place} is lost on the model's grid in {share}"


def _beyond(e: Estimate, place: str, value: float) -> str:
    return (
        f"{_map(e)} puts more relevance on {place} than on a share of {number(value)} of like places of the same "
        f"shape {_spread(e)}"
    )


def _flip(e: Estimate, place: str, value: float) -> str:
    if e.metric == "removal-pooled-flip":
        doing = f"painting over {place}, all ways of it put together,"
        return f"{doing} changes a share of {number(value)} of the answers {_spread(e)}"
    more = f"a share of {number(value)} more of the answers than at control places"
    return f"painting over {place} changes {more} {_spread(e)}"


def _density(e: Estimate, place: str, value: float) -> str:
    times = f"{number(value)} times as much relevance"
    return f"{_map(e)} puts {times} on {place} as its share of the area {_spread(e)}"


def _association(e: Estimate, place: str, value: float) -> str:
    more = "less" if value < 0 else "more"
    return (
        f"{place} is {more} frequent in cases of '{e.cls}' than in the others, by {abs(value) * 100:.0f} "
        f"percentage points {_spread(e, sign=-1 if value < 0 else 1, scale=100.0)}"
    )


def _content(e: Estimate, place: str, value: float) -> str:
    what = {"content-size": "size", "content-mean": "brightness", "content-spread": "contrast"}[e.metric]
    level = ("smaller", "larger") if what == "size" else ("lower", "higher")
    where = f"the {what} of {place} is {level[value > 0]} in cases of '{e.cls}'"
    return f"{where}: rank correlation {number(value)} {_spread(e)}"


def _leftover(e: Estimate, place: str, value: float) -> str:
    above = "below" if value < 0 else "above"
    return (
        f"with {place} painted over, cases of '{e.cls}' score {number(abs(value))} SD {above} the others "
        f"{_spread(e, sign=-1 if value < 0 else 1)}"
    )


def _auc(e: Estimate, place: str, value: float) -> str:
    return f"the area under the ROC curve{f' for {e.cls!r}' if e.cls else ''} is {number(value)} {_spread(e)}"


def _agreement(e: Estimate, place: str, value: float) -> str:
    what = "rank correlation" if e.metric == "rank-correlation" else "overlap of the highest pixels"
    pair = f"{_map(e)} and {e.other}" if e.other else "explainers of different families"
    return f"the mean {what} of the maps of {pair} is {number(value)} {_spread(e)}"


def _map(e: Estimate) -> str:
    name = _EXPLAINERS.get(e.explainer, e.explainer)
    return f"{name} ({e.layer})" if e.layer else name or "the map"


_EXPLAINERS = {
    "cam": "CAM",
    "grad-cam": "Grad-CAM",
    "grad-cam++": "Grad-CAM++",
    "fused": "the fused view",
    "vanilla-gradient": "Vanilla Gradient",
    "smoothgrad": "SmoothGrad",
    "lime": "LIME",
}


_COMPARED = {
    "accuracy": "the share of right answers",
    "auc": "the area under the ROC curve",
    "removal": "the effect of painting over {place}",
    "removal-own": "what painting over {place} takes from the evidence for the case's own class",
    "transplant": "the effect of putting {place} into other cases",
    "shift": "the effect of changing {place} alone",
}


def _since(e: Estimate, place: str, value: float) -> str:
    """A change since the baseline: of the number itself, or of its distance from zero."""
    kind, _, metric = e.metric.partition(":")
    what = _COMPARED.get(metric, f"the {metric}{f' on {place}' if place else ''}").format(place=place)
    by = f" by {_map(e)}" if e.explainer else ""
    of = f" on the evidence for '{e.cls}'" if e.cls and "removal-own" not in metric else ""
    points, sd = metric == "accuracy", metric.startswith(("removal", "transplant", "shift"))
    sd = sd and not metric.endswith("-flip")
    sign = -1 if _sure(e, value) and value < 0 else 1
    grown = kind == "growth"
    if _sure(e, value):
        does = ("is larger" if value > 0 else "is smaller") if grown else ("rose" if value > 0 else "fell")
    else:
        does = "differs in size" if grown else "changed"
    size = (
        f"{sign * value * 100:.1f} percentage points"
        if points
        else f"{number(sign * value)}{' SD' if sd else ''}"
    )
    spread = _spread(e, sign=sign, scale=100.0 if points else 1.0)
    return f"since the baseline {what}{by}{of}{_among(e)} {does} by {size} {spread}"


_TELL: dict[str, Callable[[Estimate, str, float], str]] = {
    "removal": _painting,
    "removal-change": _painting,
    "removal-dose": _painting,
    "removal-own": _painting,
    "removal-pooled": _painting,
    "transplant": _putting,
    "shift": _moving,
    "shift-change": _moving,
    "lost": _lost,
    "separation": _separation,
    "follow": _follow,
    "carried": _carried,
    "accuracy-gap": _gap,
    "beyond": _beyond,
    "removal-flip": _flip,
    "removal-pooled-flip": _flip,
    "density": _density,
    "density-positive": _density,
    "leftover": _leftover,
    "association": _association,
    "content-size": _content,
    "content-mean": _content,
    "content-spread": _content,
    "auc": _auc,
    "rank-correlation": _agreement,
    "top-overlap": _agreement,
}


def tell(e: Estimate, place: str) -> str:
    """What an estimate says, as a clause without a full stop.

    >>> tell(Estimate(metric="removal", cls="ill", value=1.43, low=1.2, high=1.66, n=64), "text")
    "painting over text lowers the evidence for 'ill' by 1.43 SD (95 % interval 1.20 to 1.66; 64 cases)"
    """
    if e.value is None:
        return f"{e.metric.replace(':', ' of ')} was not measured: {e.why or 'no reason was given'}"
    if e.metric in _TELL:
        return _TELL[e.metric](e, place, e.value)
    if ":" in e.metric:
        return _since(e, place, e.value)
    about = f" on {place}" if e.region else ""
    by = f" by {_map(e)}" if e.explainer else ""
    return f"the {e.metric}{about}{by} is {number(e.value)} {_spread(e)}"
