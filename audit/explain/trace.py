"""One forward and one backward pass of a batch: everything that the CAM family and Vanilla Gradient need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from audit.errors import ModelError, Undefined
from audit.explain.graph import Site
from audit.explain.layers import DEPTHS, Layer, Layers
from audit.models import Images, Probabilities, out_of_memory
from audit.models.room import in_passes
from audit.models.torch_module import TorchClassifier, as_found


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """What one pass of ``b`` pictures left behind. The maps are pure functions of it.

    Attributes:
        scores: S^c before softmax, ``(b, k)``.
        probabilities: float64 ``(b, k)``.
        targets: the class index that each row explains, ``(b,)``.
        activations: A at each layer, ``(b, c, h, w)``, after in-place calls were kept from writing over it.
        gradients: dS^target/dA, of the same shape.
        input_gradient: dS^target/dx, ``(b, 3, h, w)``. x is the normalised input that the
            network is given, as in captum; with respect to the pixel in [0, 1] it would be larger by 1 / std of
            its channel.
        size: the model's grid (rows, columns), on which every map is.
    """

    scores: Tensor
    probabilities: Probabilities
    targets: NDArray[np.int64]
    activations: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]
    input_gradient: Tensor
    layers: Layers
    size: tuple[int, int]
    _made: dict[tuple[str, str], Tensor] = field(default_factory=dict, init=False)

    @staticmethod
    def of(
        classifier: TorchClassifier,
        images: Images,
        targets: Sequence[int] | NDArray[np.integer] | None,
        layers: Layers,
    ) -> Trace:
        """Asks the network once, forward and backward.

        Args:
            images: ``(b, h, w, 3)`` in [0, 1].
            targets: the class to explain for each picture; None: the class with the highest score.
            layers: what :func:`audit.explain.layers.pick` found.

        Raises:
            ModelError: the network failed, or its scores have no gradient.
        """
        return _joined(list(Trace.parts(classifier, images, targets, layers)))

    @staticmethod
    def parts(
        classifier: TorchClassifier,
        images: Images,
        targets: Sequence[int] | NDArray[np.integer] | None,
        layers: Layers,
    ) -> Iterator[Trace]:
        """As :meth:`of`, one trace for each pass: of a large batch no more is held than of one pass."""
        wanted = None if targets is None else np.asarray(targets, dtype=np.int64)
        x = classifier.normalised(classifier.tensor(images))
        keys = list(layers.by_depth)
        grids = [layers.by_depth[key].grid for key in keys]

        def ask(rows: slice, part: Tensor) -> list[Tensor]:
            return _pass(classifier, part, None if wanted is None else wanted[rows], layers)

        for rows, every in in_passes(classifier, x, ask):
            count = rows.stop - rows.start
            scores, chosen, leaf, *maps = (wide(tensor[:count]) for tensor in every)
            del every
            taken = [grid.maps(tensor) for grid, tensor in zip(grids, maps[: len(keys)], strict=True)]
            gradients = [grid.maps(tensor) for grid, tensor in zip(grids, maps[len(keys) :], strict=True)]
            yield Trace(
                scores=scores,
                probabilities=classifier.probabilities(scores),
                targets=chosen.cpu().numpy().astype(np.int64),
                activations=dict(zip(keys, taken, strict=True)),
                gradients=dict(zip(keys, gradients, strict=True)),
                input_gradient=leaf,
                layers=layers,
                size=(x.shape[2], x.shape[3]),
            )

    def at(self, layer: str) -> tuple[Layer, Tensor, Tensor]:
        """The layer's record, its activations and its gradients, ``(b, c, h, w)``.

        Raises:
            Undefined: the trace has no such layer; the reason is why the layer is missing.
        """
        if layer not in self.activations:
            raise Undefined(self.layers.missing.get(layer, f"the pass was not watched at {layer!r}"))
        return self.layers.by_depth[layer], self.activations[layer], self.gradients[layer]

    def once(self, name: str, layer: str, make: Callable[[], Tensor]) -> Tensor:
        """What ``make`` gives, made once for each name and layer: several explainers may start from one map."""
        if (name, layer) not in self._made:
            self._made[name, layer] = make()
        return self._made[name, layer]

    @property
    def depths(self) -> tuple[str, ...]:
        """The tool's own depths in this trace, from the picture to the head."""
        return tuple(depth for depth in DEPTHS if depth in self.activations)

    def take(self, rows: Sequence[int] | NDArray[np.integer]) -> Trace:
        """The same trace of some of its pictures, in the order given."""
        index = torch.as_tensor(np.asarray(rows, dtype=np.int64), device=self.scores.device)
        return replace(
            self,
            scores=self.scores[index],
            probabilities=self.probabilities[np.asarray(rows, dtype=np.int64)],
            targets=self.targets[np.asarray(rows, dtype=np.int64)],
            activations={key: value[index] for key, value in self.activations.items()},
            gradients={key: value[index] for key, value in self.gradients.items()},
            input_gradient=self.input_gradient[index],
        )


def gradient_at_input(
    classifier: TorchClassifier, x: Tensor, targets: Sequence[int] | NDArray[np.integer]
) -> Tensor:
    """dS^target/dx of normalised input ``(b, 3, h, w)``: one forward and one backward pass."""
    wanted = np.asarray(targets)

    def ask(rows: slice, part: Tensor) -> Tensor:
        with as_found(classifier.module), torch.enable_grad():
            leaf = part.detach().clone().requires_grad_()
            scores = classifier.scores(leaf.clone())
            return _backward(scores, _chosen(wanted[rows], scores), leaf, [])[0]

    return torch.cat([found[: rows.stop - rows.start] for rows, found in in_passes(classifier, x, ask)])


def _joined(parts: Sequence[Trace]) -> Trace:
    """The traces of several passes as one."""
    first = parts[0]
    return replace(
        first,
        scores=torch.cat([p.scores for p in parts]),
        probabilities=np.concatenate([p.probabilities for p in parts]),
        targets=np.concatenate([p.targets for p in parts]),
        activations={key: torch.cat([p.activations[key] for p in parts]) for key in first.activations},
        gradients={key: torch.cat([p.gradients[key] for p in parts]) for key in first.gradients},
        input_gradient=torch.cat([p.input_gradient for p in parts]),
    )


def _pass(
    classifier: TorchClassifier, part: Tensor, targets: NDArray[np.int64] | None, layers: Layers
) -> list[Tensor]:
    """One pass: scores, targets, the gradient at the input, then every activation, then every gradient."""
    with as_found(classifier.module), torch.enable_grad():
        leaf = part.detach().clone().requires_grad_()
        taken, scores = _forward(classifier, leaf, list(layers))
        chosen = scores.detach().argmax(dim=1) if targets is None else _chosen(targets, scores)
        at_input, *gradients = _backward(scores, chosen, leaf, list(taken.values()))
    return [scores.detach(), chosen, at_input, *(tensor.detach() for tensor in taken.values()), *gradients]


def wide(tensor: Tensor) -> Tensor:
    """In float32, if it was in half precision: sums over places would round away what is small."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def _chosen(targets: Sequence[int] | NDArray[np.integer], scores: Tensor) -> Tensor:
    index = np.asarray(targets, dtype=np.int64)
    index = np.concatenate([index, np.repeat(index[-1:], len(scores) - len(index))])
    return torch.from_numpy(index).to(scores.device)


def _backward(scores: Tensor, chosen: Tensor, leaf: Tensor, taken: list[Tensor]) -> list[Tensor]:
    wanted = [leaf, *taken]
    selected = scores.gather(1, chosen[:, None]).sum()
    found: Sequence[Tensor | None] = [None]
    if selected.requires_grad and all(tensor.requires_grad for tensor in wanted):
        try:
            found = torch.autograd.grad(selected, wanted, allow_unused=True)
        except RuntimeError as error:
            if out_of_memory(error):
                raise
            raise ModelError(
                f"the network's gradient cannot be asked for: {str(error).splitlines()[0]}",
                where="model.factory",
                todo="use explainers that need none (lime)",
            ) from error
    if found[0] is None:
        raise ModelError(
            "the network's scores have no gradient at the picture: it detaches them, or runs under no_grad",
            where="model.factory",
            todo="use explainers that need none (lime), or take the no_grad out of its forward",
        )
    return [torch.zeros_like(t) if g is None else g for g, t in zip(found, wanted, strict=True)]


def _forward(
    classifier: TorchClassifier, leaf: Tensor, layers: list[Layer]
) -> tuple[dict[str, Tensor], Tensor]:
    """The scores, and the tensor at each layer.

    What a layer put out is kept, and the network goes on with a copy: a later in-place call writes into
    the copy.
    """
    taken: dict[str, Tensor] = {}
    sites = {layer.site: layer.depth for layer in layers}
    twins = {layer.depth: sites[layer.site] for layer in layers}  # two names for one place
    handles = []
    tap = _Tap({site: key for site, key in sites.items() if site.kind == "function"}, taken)
    try:
        for name in {site.name for site in sites if site.kind == "module"}:
            calls = {
                site.call: key for site, key in sites.items() if site.kind == "module" and site.name == name
            }
            handles.append(
                classifier.module.get_submodule(name).register_forward_hook(_keeper(calls, taken, tap))
            )
        if tap.wanted:
            with tap:
                raw = classifier.raw(leaf.clone())
        else:
            raw = classifier.raw(leaf.clone())
    finally:
        for handle in handles:
            handle.remove()
    lost = [layer.name for layer in layers if twins[layer.depth] not in taken]
    if lost:
        raise ModelError(
            f"the network took another way than before: it did not pass {lost[0]}",
            where="model.factory",
            todo="a network whose calls depend on the picture can be explained by lime alone",
        )
    return {key: taken[twin] for key, twin in twins.items()}, classifier.class_scores(raw)


def _keeper(calls: Mapping[int, str], taken: dict[str, Tensor], tap: _Tap) -> Any:
    count = 0

    def keep(_module: nn.Module, _args: Any, out: Any) -> Any:
        nonlocal count
        key, count = calls.get(count), count + 1
        if key is None:
            return None
        taken[key] = out
        tap.quiet = True
        try:
            return out.clone()
        finally:
            tap.quiet = False

    return keep


class _Tap(TorchFunctionMode):
    """Takes what the wanted calls of functions put out; counts calls as the graph's watcher did."""

    def __init__(self, wanted: Mapping[Site, str], taken: dict[str, Tensor]) -> None:
        super().__init__()
        self.wanted, self.taken, self.quiet = wanted, taken, False
        self.names = {site.name for site in wanted}
        self.calls: dict[str, int] = {}

    def __torch_function__(self, func: Any, types: Iterable[Any], args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        op = getattr(func, "__name__", str(func))
        if self.quiet or op not in self.names:
            return out
        call = self.calls.get(op, 0)
        self.calls[op] = call + 1
        key = self.wanted.get(Site("function", op, call))
        if key is None:
            return out
        self.taken[key] = out
        return out.clone()
