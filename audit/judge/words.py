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


_CALLED = {
    "lesion": "the lesion",
    "border": "the border",
    "text": "burned-in text",
    "padding": "constant padding",
    "artefact": "the marked artefact",
}


def called(region: str, titles: Mapping[str, str]) -> str:
    """What a region is called inside a sentence.

    >>> called("corner-top-left", {}), called("text", {}), called("ruler", {"ruler": "Ruler ticks"})
    ('the top left corner', 'burned-in text', 'ruler ticks')
    """
    if region in _CALLED:
        return _CALLED[region]
    if region.startswith("corner-"):
        return f"the {region.removeprefix('corner-').replace('-', ' ')} corner"
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


def _painting(e: Estimate, place: str, value: float) -> str:
    sure = e.low is not None and e.high is not None and not e.low <= 0 <= e.high and abs(value) >= 0.005
    sign = -1 if sure and value < 0 else 1
    does = ("raises" if value < 0 else "lowers") if sure else "changes"
    of = "the case's own class" if e.metric == "removal-own" else f"'{e.cls}'"
    alone = ", with no control place to compare," if e.metric == "removal-change" else ""
    return (
        f"painting over {place}{alone} {does} the evidence for {of}{_among(e)} "
        f"by {number(sign * value)} SD {_spread(e, sign=sign)}"
    )


def _flip(e: Estimate, place: str, value: float) -> str:
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
    what = "brightness" if e.metric == "content-mean" else "contrast"
    level = "lower" if value < 0 else "higher"
    where = f"the {what} of {place} is {level} in cases of '{e.cls}'"
    return f"{where}: rank correlation {number(value)} {_spread(e)}"


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


_TELL: dict[str, Callable[[Estimate, str, float], str]] = {
    "removal": _painting,
    "removal-change": _painting,
    "removal-own": _painting,
    "removal-flip": _flip,
    "density": _density,
    "density-positive": _density,
    "association": _association,
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
        return f"{e.metric} was not measured: {e.why or 'no reason was given'}"
    if e.metric in _TELL:
        return _TELL[e.metric](e, place, e.value)
    about = f" on {place}" if e.region else ""
    by = f" by {_map(e)}" if e.explainer else ""
    return f"the {e.metric}{about}{by} is {number(e.value)} {_spread(e)}"
