"""The words and numbers of the report: one place that says how a thing is called and how a value is printed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from audit.record import Estimate
from audit.report.blocks import Cell, Whisker, Word

VERDICTS: dict[str, Word] = {
    word.key: word
    for word in (
        Word(
            key="confirmed",
            word="Confirmed",
            sign="■",
            meaning="The model relies on an artefact. Its answer changes when the artefact is taken away, by more than "
            "the smallest change that matters, and in this set the artefact goes together with the label.",
        ),
        Word(
            key="sensitive",
            word="Sensitive",
            sign="▲",
            meaning="The model's answer changes when an artefact is taken away, but nothing in this set ties that "
            "artefact to the label. The model is brittle; that it learnt a shortcut is not shown.",
        ),
        Word(
            key="suspected",
            word="Suspected",
            sign="◆",
            meaning="There are signs that the model uses an artefact, but they are of one kind only or do not agree. "
            "That the answer depends on the artefact is not shown.",
        ),
        Word(
            key="clear",
            word="Clear",
            sign="●",
            meaning="For the artefacts that were tested, on these pictures, taking them away changes the answer by "
            "less than the smallest change that matters. This says nothing of what was not tested.",
        ),
        Word(
            key="undecided",
            word="Undecided",
            sign="○",
            meaning="The test could not decide, and the reasons are given. Undecided does not mean clear.",
        ),
        Word(
            key="legitimate",
            word="Legitimate",
            sign="◎",
            meaning="The model relies on a sign that a rule names as clinical. That is what an expert would use.",
        ),
    )
}

OUTCOMES: dict[str, Word] = {
    "flagged": Word(key="flagged", word="Flagged", sign="■", meaning="The rule's condition is met."),
    "clear": Word(key="clear", word="Clear", sign="●", meaning="The rule's condition for clearing is met."),
    "undecided": Word(
        key="undecided",
        word="Undecided",
        sign="○",
        meaning="Neither condition is met, or a number is missing.",
    ),
}

HELD = {"clear": "● yes", "flagged": "■ no", "undecided": "○ not known"}

MISUNDERSTOOD: dict[str, str] = {
    "confirmed": "It does not say that every answer is wrong, nor why the model learnt this.",
    "sensitive": "It does not say that the model learnt a shortcut.",
    "suspected": "It is not proof. It says where to look next.",
    "clear": "It is not approval of the model, and it does not say that the model reads the right sign.",
    "undecided": "It must not be read as clear. The reason says what is missing.",
    "legitimate": "It does not say that the model uses the sign as well as an expert would.",
}

METRICS: dict[str, tuple[str, float | None]] = {
    # the words, and where the line of no effect stands
    "mass": ("Share of the map in the region", None),
    "mass-positive": ("Share of the map's positive part in the region", None),
    "density": ("Density (share of the map over share of the picture; 1 is chance)", 1.0),
    "density-positive": ("Density of the map's positive part (1 is chance)", 1.0),
    "rank": ("Share of the strongest pixels that lie in the region", None),
    "rank-positive": ("Share of the strongest positive pixels that lie in the region", None),
    "pointing": ("Share of cases whose strongest pixel lies in the region", None),
    "pointing-positive": ("Share of cases whose strongest positive pixel lies in the region", None),
    "net": ("Evidence for minus evidence against in the region, as a share of the map", 0.0),
    "removal": ("Change on removal beyond control, in standard deviations", 0.0),
    "removal-change": ("Change on removal, control not subtracted, in standard deviations", 0.0),
    "removal-control": ("Change at the control places, in standard deviations", 0.0),
    "removal-flip": ("Share of answers that flip, beyond control", 0.0),
    "removal-own": ("Change for the case's own label beyond control, in standard deviations", 0.0),
    "association": ("Presence with this label minus presence with the others", 0.0),
    "content-mean": ("Rank correlation of the region's brightness with this label", 0.0),
    "content-spread": ("Rank correlation of the region's contrast with this label", 0.0),
    "presence": ("Share of cases that bear it", None),
    "accuracy": ("Share of right answers", None),
    "auc": ("Area under the ROC curve (0.5 is chance)", 0.5),
    "rank-correlation": ("Rank correlation of two maps", 0.0),
    "top-overlap": ("Overlap of the strongest parts of two maps", None),
}

FAMILIES = {
    "cam": "class activation",
    "gradient": "gradient",
    "perturbation": "perturbation",
    "within": "within a family",
    "between": "between families",
}

EVIDENCE = {
    "association": "Association: does the artefact go together with the label?",
    "attention": "Attention: does the model look there?",
    "reliance": "Reliance: does the answer need it?",
    "sufficiency": "Sufficiency: is it enough to turn the answer?",
    "harm": "Harm: does it flatter the figures?",
    "control": "Control: does the instrument see what it should?",
    "gate": "Gate: is there enough to decide on?",
}

EXPLAINERS = {
    "cam": "CAM",
    "grad-cam": "Grad-CAM",
    "grad-cam++": "Grad-CAM++",
    "fused": "Fused over depths",
    "vanilla-gradient": "Vanilla gradient",
    "smoothgrad": "SmoothGrad",
    "lime": "LIME",
}


def metric(name: str) -> str:
    """A metric in plain words; an unknown one by its name."""
    return METRICS.get(name, (name, None))[0]


def reference(name: str) -> float | None:
    """Where the line of no effect stands for a metric."""
    return METRICS.get(name, (name, None))[1]


def explainer(name: str) -> str:
    """How an explainer is called in print."""
    return EXPLAINERS.get(name, name)


def map_title(name: str, layer: str) -> str:
    """A map in words: the explainer, and its depth or fill where that says more.

    >>> map_title("grad-cam++", "last"), map_title("vanilla-gradient", "input"), map_title("lime", "mean")
    ('Grad-CAM++, last layer', 'Vanilla gradient', 'LIME, mean fill')
    """
    if name == "lime":
        return f"LIME, {layer} fill"
    if name == "fused":
        return f"Fused {explainer(layer)}"
    if layer == "input" or not layer:
        return explainer(name)
    if layer in ("initial", "intermediate", "last"):
        return f"{explainer(name)}, {layer} layer"
    return f"{explainer(name)}, {layer}"


def sentence(text: str) -> str:
    """The text with a full stop, for reasons that were written as fragments."""
    text = text.strip()
    return text if not text or text[-1] in ".!?" else f"{text}."


def number(value: float, digits: int = 2) -> str:
    """A number as printed: a true minus sign, no negative zero, one digit more for what is small.

    >>> number(-0.123), number(-0.0001), number(0.004), number(1234.5), number(0.95, 3)
    ('−0.12', '0.00', '0.004', '1,234', '0.950')
    """
    if not math.isfinite(value):
        return "not a number"
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace("-", "−")
    more = digits + 1 if digits == 2 and 0.0005 <= abs(value) < 0.01 else digits
    text = f"{value:.{more}f}"
    return f"{0:.{digits}f}" if float(text) == 0 else text.replace("-", "−")


def count(n: int, one: str, many: str = "") -> str:
    """A number and its noun.

    >>> count(1, "case"), count(1200, "case")
    ('1 case', '1,200 cases')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def share(part: int, whole: int) -> str:
    """A part of a whole in words, whole numbers first."""
    return f"{part:,} of {whole:,}" + (f" ({100 * part / whole:.0f} %)" if whole else "")


def plain(value: Any) -> str:
    """A setting as printed: lists with commas, truth in words, nothing as "not set".

    >>> plain([224, 224]), plain(None), plain(True), plain({"a": 1}), plain(0.1)
    ('224, 224', 'not set', 'yes', 'a = 1', '0.1')
    """
    if value is None or value == "" or value == [] or value == {}:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "; ".join(f"{k} = {plain(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(v) for v in value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def flat(tree: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """The leaves of nested settings with their dotted keys.

    >>> list(flat({"model": {"size": [1, 2]}, "seed": 0}))
    [('model.size', '1, 2'), ('seed', '0')]
    """
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            yield from flat(value, f"{name}.")
        elif isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
            for index, item in enumerate(value, start=1):
                yield from flat(item, f"{name}.{index}.")
        else:
            yield name, plain(value)


# -- estimates as cells --------------------------------------------------------------------------


def interval(e: Estimate) -> str:
    """The 95 % interval as printed."""
    if e.low is None or e.high is None:
        return "no interval"
    return f"{number(e.low)} to {number(e.high)}"


def scale(estimates: Iterable[Estimate], name: str, marks: Iterable[float] = ()) -> tuple[float, float]:
    """The common scale for drawing intervals of one metric: all of them, the line of no effect, the marks."""
    values = [v for e in estimates for v in (e.low, e.value, e.high) if v is not None and math.isfinite(v)]
    zero = reference(name)
    values += [*marks, *([] if zero is None else [zero])]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    # hardly anything must not fill the whole line
    middle, half = (low + high) / 2, max((high - low) / 2, 0.2)
    low, high = middle - half, middle + half
    pad = 0.04 * (high - low)
    return low - pad, high + pad


def whisker(e: Estimate, limits: tuple[float, float], marks: Iterable[float] = ()) -> Whisker | None:
    """An estimate on the scale, in hundredths of its length."""
    if e.value is None:
        return None
    low, high = limits

    def at(v: float) -> float:
        return round(100 * min(1.0, max(0.0, (v - low) / (high - low))), 1)

    zero = reference(e.metric)
    return Whisker(
        low=at(e.value if e.low is None else e.low),
        value=at(e.value),
        high=at(e.value if e.high is None else e.high),
        zero=None if zero is None else at(zero),
        label=f"{number(e.value)}, interval {interval(e)}",
        limits=tuple(at(m) for m in marks),
    )


def value_cells(
    e: Estimate | None, limits: tuple[float, float] | None = None, marks: Iterable[float] = ()
) -> tuple[Cell, ...]:
    """Value, interval and, with a scale, the drawing; or one cell with the reason in their place."""
    span = 2 if limits is None else 3
    if e is None:
        return (Cell(text="not computed in this run", kind="missing", span=span),)
    if e.value is None:
        return (Cell(text=f"not measured: {e.why or 'no reason was recorded'}", kind="missing", span=span),)
    cells = (Cell(text=number(e.value), kind="number"), Cell(text=interval(e), kind="number"))
    return cells if limits is None else (*cells, Cell(kind="plot", plot=whisker(e, limits, marks)))


def count_cells(e: Estimate | None) -> tuple[Cell, ...]:
    """How many cases and patients stand behind an estimate, and how many cases are missing."""
    if e is None:
        return tuple(Cell(text="–", kind="number") for _ in range(3))
    return tuple(Cell(text=f"{n:,}", kind="number") for n in (e.n, e.patients, e.missing))
