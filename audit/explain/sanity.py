"""Does an explainer notice when the network forgets what it has learned?

Cascading randomisation (Adebayo et al. 2018, Sanity Checks for Saliency Maps, arXiv:1810.03292): from the top layer
down to the first, the weights are drawn anew, and after each step the maps of the same class are compared with those
of the network as it is. A map that stays as it was explains the picture, not the network.

Departures: a layer's weights are drawn from a normal distribution as wide as they were, because not every
module has an initialiser of its own; biases and scales change places within the layer; a batch norm takes the
statistics of the pictures given, as training would have it. Layers go in ``steps`` groups. Maps are compared on a
coarse grid, as explainers are with each other. A copy of the network is changed, never the network itself.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from audit.errors import ModelError, Undefined
from audit.explain import explainer, lime
from audit.explain.applied import Prepared, Tracer, prepare
from audit.explain.passes import Passes
from audit.measure.agreement import GRID
from audit.models import Images
from audit.models.torch_module import TorchClassifier
from audit.models.torch_module import passes as in_rows
from audit.record import Map, Sanity

STEPS = 6
PROBE = 4  # pictures on which a network is watched
ALIKE = 1e-12

FLAT = "the map is the same everywhere before the weights were drawn anew"
FLAT_AFTER = "the map is the same everywhere once the weights were drawn anew"
NO_WEIGHTS = "the network has no weights that could be drawn anew"

Heats = dict[str, NDArray[np.float32]]


def cascade(
    classifier: TorchClassifier,
    images: Images,
    cases: Sequence[str],
    *,
    names: Sequence[str],
    layers: Sequence[str] = (),
    seed: int,
    batch: int = 16,
    steps: int = STEPS,
    smoothgrad_samples: int = 5,
    smoothgrad_sigma: float = 0.15,
    lime_samples: int = 64,
    lime_design: str = "hadamard",
    lime_target: str = "probability",
    passes: Passes | None = None,
    prepared: Prepared | None = None,
    segments: Sequence[NDArray[np.integer]] | None = None,
) -> list[Sanity]:
    """How alike every map of a few pictures stays, step by step.

    Args:
        classifier: a network; it is left as it was, bit for bit.
        images: ``(n, h, w, 3)`` in [0, 1]; four to sixteen will do.
        cases: their ids.
        names: the explainers. Those that take many passes a map (SmoothGrad, LIME) are asked at the last step alone.
        layers: modules that the user names, besides the three depths.
        seed: of the weights, of SmoothGrad's noise and of LIME's questions.
        batch: pictures at once.
        steps: how many groups the layers are drawn anew in.
        smoothgrad_samples, smoothgrad_sigma, lime_samples: fewer than for the maps themselves will do.
        lime_design, lime_target: as for the maps themselves.
        passes: counts the passes.
        prepared: what is known of the network as it is; found out here where it is left out.
        segments: LIME's superpixels of each picture; found here where they are left out.

    Returns:
        Rows by step, map and case. A network that cannot be copied or watched gives none but rows that say so.

    Raises:
        ConfigError: an explainer or a layer is unknown.
        ModelError: the network as it is cannot be asked.
    """
    passes = passes if passes is not None else Passes()

    def prepared_of(network: TorchClassifier) -> Prepared:
        return prepare(
            network,
            names,
            images[:PROBE],
            layers=layers,
            seed=seed,
            batch=batch,
            lime={"samples": lime_samples, "design": lime_design, "target": lime_target},
            smoothgrad_samples=smoothgrad_samples,
            smoothgrad_sigma=smoothgrad_sigma,
            passes=passes,
        )

    prepared = prepared or prepared_of(classifier)
    tracer = prepared.trace and replace(
        prepared.trace, samples=smoothgrad_samples, sigma=smoothgrad_sigma, passes=passes
    )
    needs = {e.name: e.needs for e in map(explainer, names)}
    maps = [m for e in prepared.explained for m in e.maps]
    early = [m for m in maps if needs.get(m.explainer, "trace") == "trace"]
    plans: dict[int, lime.Plan] = {}
    for row, case in enumerate(cases if "lime" in needs else ()):
        with suppress(Undefined):  # a picture of one superpixel
            plans[row] = lime.plan(
                images[row],
                rng=np.random.default_rng([seed, *f"{case}\0sanity".encode()]),
                samples=lime_samples,
                fills=[m.layer for m in maps if m.explainer == "lime"],
                segments=None if segments is None else segments[row],
                design=lime_design,
            )
    asked = partial(_maps, images=images, cases=cases, target=lime_target, passes=passes)
    before, targets = asked(classifier, tracer, plans, targets=None)
    try:
        other = copy.copy(classifier)
        other.module = copy.deepcopy(classifier.module)
        order = _units(other, images)
    except (Exception, SystemExit) as error:  # whatever a network of the user's may raise
        why = f"the network cannot be copied: {type(error).__name__}: {error}"
        return list(_refused(maps, cases, 1, 1, "", why))
    if not order:
        return list(_refused(maps, cases, 1, 1, "", NO_WEIGHTS))
    rng = np.random.default_rng([seed, *b"cascade"])
    drawn: set[int] = set()
    found: list[Sanity] = []
    groups = [g.tolist() for g in np.array_split(np.arange(len(order)), min(steps, len(order)))]
    for step, group in enumerate(groups, start=1):
        last = step == len(groups)
        now, module = (maps if last else early), order[group[-1]][0]
        try:
            for number in group:
                _draw(order[number][1], rng, drawn)
            if not now:
                continue
            _settle([unit for _, unit in order[: group[-1] + 1]], other, images)
            trace = tracer and (tracer.of(other) or prepared_of(other).trace)
            how = (trace, plans) if last else (trace and trace.quick(), {})
            after, _ = asked(other, *how, targets=targets)
        except (ModelError, RuntimeError) as error:
            what = error.problems[0].what if isinstance(error, ModelError) else str(error)
            why = f"the network with weights drawn anew cannot be asked: {what}"
            found += _refused(now, cases, step, len(groups), module, why)
            continue
        for map_ in now:
            found += _compared(map_, cases, step, len(groups), module, before, after)
    return found


def _maps(
    classifier: TorchClassifier,
    trace: Tracer | None,
    plans: Mapping[int, lime.Plan],
    *,
    images: Images,
    cases: Sequence[str],
    targets: Sequence[int] | None,
    target: str,
    passes: Passes,
) -> tuple[Heats, list[int]]:
    """The maps of the pictures, and the classes that they explain: those given, or those predicted."""
    heats: Heats = {}
    if trace is not None:
        traced = trace(images, cases, targets)
        heats |= traced.heats
        targets = traced.probabilities.argmax(1).tolist() if targets is None else targets
    elif targets is None:
        targets = classifier.predict(images).argmax(1).tolist()
    exclusive = classifier.output != "multilabel"
    for row, plan in plans.items():
        for fill in plan.filled:
            answers = classifier.predict(plan.questions(fill))
            passes.questions += len(answers)
            _, heat = lime.explain(
                plan, answers, fill, column=targets[row], target=target, exclusive=exclusive
            )
            heats.setdefault(f"lime.{fill}", np.zeros((len(images), *heat.shape), np.float32))[row] = heat
    return heats, list(targets)


# -- what is drawn anew ------------------------------------------------------------------------------


def _units(classifier: TorchClassifier, images: Images) -> list[tuple[str, nn.Module]]:
    """The modules that hold weights themselves, the last that is called first.

    One that is never called (its weights are used by what it is part of) goes with what it is part of.
    """
    module = classifier.module
    starts: dict[str, int] = {}
    handles = [
        part.register_forward_pre_hook(_noting(starts, name))
        for name, part in module.named_modules()
        if not isinstance(part, torch.jit.ScriptModule)
    ]
    try:
        classifier.predict(images[:1])
    finally:
        for handle in handles:
            handle.remove()
    found = []
    for place, (name, part) in enumerate(module.named_modules()):
        if not any(p.is_floating_point() for p in part.parameters(recurse=False)):
            continue
        owner = name
        while owner and owner not in starts:
            owner = owner.rpartition(".")[0]
        found.append((starts.get(owner, -1), place, name, part))
    return [
        (name or type(part).__name__, part)
        for _, _, name, part in sorted(found, key=lambda f: (-f[0], -f[1]))
    ]


def _noting(starts: dict[str, int], name: str) -> Callable[[nn.Module, object], None]:
    def note(_module: nn.Module, _args: object) -> None:
        starts.setdefault(name, len(starts))

    return note


@torch.no_grad()
def _draw(unit: nn.Module, rng: np.random.Generator, drawn: set[int]) -> None:
    """Draw a module's own weights anew. A weight that two modules share is drawn once."""
    orders: dict[int, Tensor] = {}
    own = [*unit.parameters(recurse=False), *unit.buffers(recurse=False)]
    for tensor in own:
        if id(tensor) in drawn or not tensor.is_floating_point() or tensor.numel() < 2:
            continue
        drawn.add(id(tensor))
        if tensor.ndim >= 2 and isinstance(tensor, nn.Parameter):
            width = float(tensor.double().square().mean().sqrt())
            values = torch.from_numpy(rng.standard_normal(tuple(tensor.shape)) * width)
            tensor.copy_(values.to(tensor))
        elif tensor.ndim == 1:
            # scale, offset, mean and spread of one channel stay together
            if len(tensor) not in orders:
                orders[len(tensor)] = torch.from_numpy(rng.permutation(len(tensor)))
            tensor.copy_(tensor[orders[len(tensor)].to(tensor.device)].clone())


def _settle(units: Sequence[nn.Module], classifier: TorchClassifier, images: Images) -> None:
    """Give the batch norms among the modules the statistics of these pictures."""
    norms = [
        u for u in units if isinstance(u, nn.modules.batchnorm._BatchNorm) and u.running_mean is not None
    ]
    if not norms:
        return
    _, x = next(in_rows(classifier.normalised(classifier.tensor(images))))
    momenta = [norm.momentum for norm in norms]
    flags = [(part, part.training) for part in classifier.module.modules()]
    try:
        classifier.module.eval()
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
            norm.train()
        with torch.no_grad():
            classifier.raw(x)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for part, training in flags:
            part.training = training


# -- how alike -----------------------------------------------------------------------------------------


def ranks(heats: NDArray[np.floating]) -> NDArray[np.float64]:
    """The ranks of block means of ``(n, h, w)`` maps, ``(n, cells)``, centred and of length 1; NaN where flat."""
    values = np.asarray(heats, np.float64)
    edges = [np.linspace(0, s, min(GRID, s) + 1).round().astype(int)[:-1] for s in values.shape[1:]]
    sums = np.add.reduceat(np.add.reduceat(values, edges[0], axis=1), edges[1], axis=2)
    sizes = [np.diff(np.r_[e, s]) for e, s in zip(edges, values.shape[1:], strict=True)]
    cells = (sums / np.outer(*sizes)).reshape(len(values), -1)
    flat = np.ptp(cells, axis=1) <= ALIKE * np.abs(cells).max(axis=1)
    ranked = pd.DataFrame(cells.T).rank().to_numpy().T
    ranked = ranked - ranked.mean(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        ranked = ranked / np.sqrt((ranked**2).sum(1, keepdims=True))
    ranked[flat] = np.nan
    return np.asarray(ranked)


def _compared(
    map_: Map, cases: Sequence[str], step: int, steps: int, module: str, before: Heats, after: Heats
) -> Iterator[Sanity]:
    """The rows of one map at one step."""
    if map_.name not in before or map_.name not in after:
        why = (
            "the map cannot be made of the network as it is"
            if map_.name not in before
            else ("the map cannot be made once the weights were drawn anew")
        )
        yield from _refused([map_], cases, step, steps, module, why)
        return
    pairs = [(before[map_.name], after[map_.name])]
    pairs.append((np.abs(pairs[0][0]), np.abs(pairs[0][1])))
    (first, second), (first_abs, second_abs) = [(ranks(a), ranks(b)) for a, b in pairs]
    for row, case in enumerate(cases):
        signed, absolute = float(first[row] @ second[row]), float(first_abs[row] @ second_abs[row])
        known = [None if np.isnan(v) else v for v in (signed, absolute)]
        why = FLAT if np.isnan(first[row]).any() else FLAT_AFTER
        yield _row(map_, case, step, steps, module, known[0], known[1], why if None in known else None)


def _refused(
    maps: Sequence[Map], cases: Sequence[str], step: int, steps: int, module: str, why: str
) -> Iterator[Sanity]:
    for map_ in maps:
        for case in cases:
            yield _row(map_, case, step, steps, module, None, None, why)


def _row(
    map_: Map,
    case: str,
    step: int,
    steps: int,
    module: str,
    correlation: float | None,
    absolute: float | None,
    why: str | None,
) -> Sanity:
    return Sanity(
        case=case,
        explainer=map_.explainer,
        layer=map_.layer,
        step=step,
        steps=steps,
        module=module,
        correlation=correlation,
        absolute=absolute,
        why=why,
    )
