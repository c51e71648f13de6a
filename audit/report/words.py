"""How a thing is called and how a value is printed: one place for all of the report."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from audit.record import Estimate
from audit.report.blocks import Cell, Curve, Whisker
from audit.report.vocabulary import EXPLAINERS, FILLS, METRICS


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
    if layer in ("input", "picture", ""):
        return explainer(name)
    if layer in ("initial", "intermediate", "last"):
        return f"{explainer(name)}, {layer} layer"
    return f"{explainer(name)}, {layer}"


def fill(name: str) -> str:
    """A way of painting over, in a few words."""
    return FILLS.get(name, name or "one way")


def percent(share: str | float) -> str:
    """A share in whole percent.

    >>> percent("0.25")
    '25 %'
    """
    return f"{100 * float(share):.0f} %"


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


def pair_cell(e: Estimate | None) -> Cell:
    """Value and interval in one cell that may break between them; a dash where nothing was measured."""
    if e is None or e.value is None:
        return Cell(text="–", kind="missing")
    if e.low is None or e.high is None:
        return Cell(text=number(e.value), kind="pair")
    return Cell(text=f"{number(e.value)} ({interval(e)})".replace(" to ", "\u00a0to\u00a0"), kind="pair")


def curve(values: Iterable[float | None], low: float, high: float, label: str) -> Curve:
    """Values at even steps, None where there is none, drawn between two bounds."""
    all_ = list(values)
    step = 100 / max(1, len(all_) - 1)

    def at(v: float) -> float:
        return round(100 - 100 * min(1.0, max(0.0, (v - low) / (high - low))), 1)

    points = tuple((round(i * step, 1), at(v)) for i, v in enumerate(all_) if v is not None)
    return Curve(points=points, zero=at(0.0) if low <= 0 <= high else None, label=label)
