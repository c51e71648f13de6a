"""Which explainers apply to this model, and the one function that makes all maps of a batch from one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audit.errors import ModelError, Undefined
from audit.explain import Explainer, explainer
from audit.explain.passes import Passes
from audit.models import Classifier, Images, Probabilities
from audit.record import Explained, Map

if TYPE_CHECKING:
    from audit.explain.layers import Layers
    from audit.explain.trace import Trace
    from audit.models.torch_module import TorchClassifier

SLACK, SLACK_HALF = 1e-3, 0.5
"""How far the log-odds of two answers to one picture may lie apart by rounding, in single and in half precision."""

BLACK_BOX = "the model can only be asked: its activations and gradients cannot be seen"


@dataclass(frozen=True)
class Traced:
    """What one pass over a batch gave: probabilities ``(b, k)``, and for each map's name ``(b, h, w)``.

    ``undefined`` says of a map that could not be made why not.
    """

    probabilities: Probabilities
    heats: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Tracer:
    """Makes the maps of a batch of pictures. ``apply``: at which layers each explainer works here."""

    classifier: TorchClassifier
    layers: Layers
    wanted: tuple[Explainer, ...]
    apply: Mapping[str, tuple[str, ...]]
    seed: int
    batch: int
    samples: int
    sigma: float
    passes: Passes

    def __call__(self, pictures: Images, cases: Sequence[str], targets: Sequence[int] | None) -> Traced:
        """The maps of pictures ``(b, h, w, 3)`` with their cases' ids, of the classes to explain (None: those
        predicted)."""
        made, explained = _traced(self, pictures, targets)
        self.passes.trace += len(pictures)
        if self.apply.get("smoothgrad"):
            from audit.explain.gradient import smooth_gradients

            maps = smooth_gradients(
                self.classifier,
                pictures,
                explained,
                cases,
                seed=self.seed,
                samples=self.samples,
                sigma=self.sigma,
                batch=self.batch,
            )
            self.passes.gradient += len(pictures) * self.samples
            made.heats["smoothgrad.input"] = maps.numpy()
        return made

    def of(self, classifier: TorchClassifier) -> Tracer | None:
        """The tracer of the same network with other weights: it makes the same calls, so it is not watched again.
        None where it must be."""
        layers = self.layers.of(classifier.module)
        return None if layers is None else replace(self, classifier=classifier, layers=layers)

    def quick(self) -> Tracer:
        """Without the maps that take more than one pass."""
        wanted = tuple(e for e in self.wanted if e.needs == "trace")
        return replace(self, wanted=wanted, apply={e.name: self.apply[e.name] for e in wanted})


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What was asked for, applied or not; how to trace a batch (None for a black box); the layers' records."""

    explained: tuple[Explained, ...]
    trace: Tracer | None
    layers: tuple[dict[str, Any], ...] = ()


def prepare(
    classifier: Classifier,
    names: Sequence[str],
    images: Images,
    *,
    layers: Sequence[str] = (),
    seed: int,
    batch: int,
    lime: Mapping[str, Any],
    smoothgrad_samples: int,
    smoothgrad_sigma: float,
    passes: Passes,
) -> Prepared:
    """Find out which explainers apply, at which layers, and why the others do not.

    Args:
        classifier: who is asked.
        names: the explainers that are wanted.
        images: a few pictures ``(n, h, w, 3)`` on which the network is watched once.
        layers: modules that the user names, besides the three depths.
        seed, batch, lime, smoothgrad_samples, smoothgrad_sigma: settings.
        passes: counts the passes that are made later.

    Raises:
        ConfigError: an explainer or a layer is unknown.
        ModelError: the network cannot be asked, or its answers are not those to the picture alone.
    """
    wanted = list({e.name: e for e in map(explainer, names)}.values())
    settings = {
        "lime": dict(lime),
        "smoothgrad": {"samples": smoothgrad_samples, "sigma": smoothgrad_sigma},
    }
    closed = BLACK_BOX if not hasattr(classifier, "module") else ""
    if not closed:
        _asked_twice(classifier, images)  # type: ignore[arg-type]
    if closed or all(e.needs == "questions" for e in wanted):
        return Prepared(explained=tuple(_asked_only(e, closed, settings) for e in wanted), trace=None)
    found, closed = _watched(classifier, images, layers)  # type: ignore[arg-type]
    if closed:
        return Prepared(explained=tuple(_asked_only(e, closed, settings) for e in wanted), trace=None)
    rows = []
    for e in wanted:
        usable, reasons = e.places(found)
        why = "; ".join(f"{place}: {reason}" for place, reason in reasons.items())
        rows.append(_row(e, usable, why, settings))
    apply = {e.name: tuple(m.layer for m in row.maps) for e, row in zip(wanted, rows, strict=True)}

    trace = Tracer(
        classifier=classifier,  # type: ignore[arg-type]
        layers=found,
        wanted=tuple(wanted),
        apply=apply,
        seed=seed,
        batch=batch,
        samples=smoothgrad_samples,
        sigma=smoothgrad_sigma,
        passes=passes,
    )
    return Prepared(
        explained=tuple(rows), trace=trace, layers=tuple(layer.row() for layer in found.by_depth.values())
    )


def _watched(classifier: TorchClassifier, images: Images, names: Sequence[str]) -> tuple[Layers, str]:
    """The layers of a network; and why it is to be treated as a black box, empty where it need not be.

    A scripted network takes no hooks: its layers are missing, its gradient at the input is there. One that cuts its
    gradient can only be asked.
    """
    from audit.explain.layers import DEPTHS, Layers, pick
    from audit.explain.trace import Trace

    found = Layers()
    try:
        found = pick(classifier, images=images, names=names)
        Trace.of(classifier, images[:1], None, found)
    except ModelError as error:
        return found, error.problems[0].what
    except RuntimeError as error:
        why = f"the network cannot be watched: {error}"
        found = Layers(missing=dict.fromkeys(DEPTHS, why), why_no_cam=why)
        try:
            Trace.of(classifier, images[:1], None, found)
        except ModelError as refused:
            return found, refused.problems[0].what
    twice = {"softmax": "softmax"}.get(classifier.output, "sigmoid")
    if found.ends_in == twice:
        raise ModelError(
            f"the network itself ends in a {twice}, and output: {classifier.output} takes another one of that",
            where="model.factory",
            todo=f"return the scores before the {twice}, or ask it as source: callable",
        )
    return found, ""


def _asked_twice(classifier: TorchClassifier, images: Images) -> None:
    """The first pictures again, each in another row and beside others: their answers must be the same.

    Raises:
        ModelError: the network cannot be asked, or its answer to a picture depends on more than the picture.
    """
    once, again = (
        np.log(p / (1 - p))
        for answers in (
            classifier.predict(images),
            classifier.predict(np.concatenate([1 - images[:1], images]))[1:],
        )
        for p in [answers.clip(1e-6, 1 - 1e-6)]
    )
    off = float(np.abs(once - again).max(initial=0.0))
    if off > (SLACK_HALF if classifier.dtype.itemsize < 4 or classifier.precision != "fp32" else SLACK):
        raise ModelError(
            "the network's answer to a picture depends on chance or on the pictures beside it "
            f"(its log-odds by {off:.2g})",
            where="model.factory",
            todo="look for a dropout that stays on in eval mode, or a batch norm without running statistics",
        )


def _asked_only(e: Explainer, why: str, settings: dict[str, Any]) -> Explained:
    return _row(e, e.layers if e.needs == "questions" else (), why, settings)


def _row(e: Explainer, places: Sequence[str], why: str, settings: dict[str, Any]) -> Explained:
    maps = tuple(
        Map(
            name=f"{e.name}.{place}",
            explainer=e.name,
            layer=place,
            family=e.family,
            signed=e.signed,
            title=f"{e.title}, {place}",
        )
        for place in places
    )
    return Explained(
        explainer=e.name,
        family=e.family,
        applied=bool(maps),
        why=(why or None) if e.needs != "questions" else None,
        title=e.title,
        formula=e.formula,
        paper=e.paper,
        departures=e.departures,
        settings={**e.settings, **settings.get(e.name, {})},
        maps=maps,
    )


def _traced(
    tracer: Tracer, pictures: Images, targets: Sequence[int] | None
) -> tuple[Traced, NDArray[np.int64]]:
    from audit.explain.trace import Trace

    classifier, layers, apply = tracer.classifier, tracer.layers, tracer.apply
    needed = {place for e in tracer.wanted if e.needs == "trace" for place in apply[e.name]}
    depths = set(layers.by_depth) if apply.get("fused") else needed
    watched = replace(layers, by_depth={k: v for k, v in layers.by_depth.items() if k in depths})
    answers = None
    if (
        classifier.precision != "fp32"
    ):  # what is asked later must be compared with an answer of the same precision
        answers = classifier.predict(pictures)
        targets = answers.argmax(axis=1) if targets is None else targets
    found, explained = [], []
    for trace in Trace.parts(classifier, pictures, targets, watched):
        found.append(_maps(trace, tracer.wanted, apply))
        explained.append(trace.targets)
    made = Traced(answers if answers is not None else np.concatenate([part.probabilities for part in found]))
    for part in found:
        made.undefined.update(part.undefined)
    for name in found[0].heats:
        if name not in made.undefined:
            made.heats[name] = np.concatenate([part.heats[name] for part in found])
    return made, np.concatenate(explained)


def _maps(trace: Trace, wanted: Sequence[Explainer], apply: Mapping[str, tuple[str, ...]]) -> Traced:
    """The maps of one pass."""
    made = Traced(trace.probabilities)
    for e in wanted:
        if e.needs != "trace":
            continue
        function = e.load()
        for place in apply[e.name]:
            name = f"{e.name}.{place}"
            try:
                made.heats[name] = (
                    np.asarray(function(trace, place).detach().cpu(), dtype=np.float32)
                    if e.family != "own"
                    else _own(e, function, trace, place, (len(trace.targets), *trace.size))
                )
            except Undefined as why:
                made.undefined[name] = str(why)
    return made


def _own(
    e: Explainer, function: Callable[..., Any], trace: Any, place: str, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """The maps of a function of the user's, which may do anything."""
    try:
        heats = function(trace, place)
        heats = np.asarray(heats.detach().cpu() if hasattr(heats, "detach") else heats, dtype=np.float32)
    except Undefined:
        raise
    except (Exception, SystemExit) as error:
        what = f"{e.reference} failed at {place}: {type(error).__name__}: {error}"
        raise ModelError(what, where="explainers") from error
    if heats.shape != shape:
        raise ModelError(
            f"{e.reference} gave maps of shape {heats.shape}, not {shape}",
            where="explainers",
            todo="return one map a picture, (b, h, w), on the model's grid",
        )
    return heats
