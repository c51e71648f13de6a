"""Watches one forward pass of a network and draws its graph of calls.

Modules alone do not tell: DenseNet's last ReLU and many a pooling are plain function calls. So the pass is
watched call by call, and each call becomes a node with the nodes that it took its tensors from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from audit.explain.graph import Graph, Grid, Node, Site
from audit.explain.grids import grid_of, moves, shuffles
from audit.models import Images
from audit.models.torch_module import TorchClassifier, as_found, passes


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NON_LINEAR = _names(
    "relu relu_ relu6 leaky_relu leaky_relu_ prelu rrelu elu elu_ selu celu silu silu_ gelu mish hardswish "
    "hardswish_ hardtanh hardtanh_ hardsigmoid sigmoid sigmoid_ tanh tanh_ softplus softmax clamp clamp_ "
    "clamp_min threshold scaled_dot_product_attention multi_head_attention_forward max_pool2d maximum abs "
    "square"
)
_NOT_NEGATIVE = _names("relu relu_ relu6 sigmoid sigmoid_ hardsigmoid softplus softmax abs square")
_FLOORED = _names("hardtanh hardtanh_ clamp clamp_ clamp_min")
_SUMS = _names("add __add__ add_ __iadd__ mul __mul__ mul_ __imul__")
_KEEP_SIGN = _SUMS | _names(
    "max_pool2d avg_pool2d adaptive_avg_pool2d adaptive_max_pool2d cat concat dropout dropout2d "
    "feature_dropout flatten permute transpose clone contiguous __getitem__ mean reshape view"
)


def tensors_in(thing: Any) -> Iterator[Tensor]:
    """Every tensor in nested lists, tuples and dicts."""
    if isinstance(thing, Tensor):
        yield thing
    elif isinstance(thing, list | tuple):
        for part in thing:
            yield from tensors_in(part)
    elif isinstance(thing, dict):
        for part in thing.values():
            yield from tensors_in(part)


class Watcher(TorchFunctionMode):
    """Notes every call that takes a tensor which comes from the picture."""

    def __init__(self, picture: Tensor) -> None:
        super().__init__()
        self.quiet = False
        self.alive: list[Tensor] = []  # a tensor's id names it only while it lives
        self.rows = len(picture)
        self.nodes: list[Node] = []
        self.latest: dict[int, int] = {}
        self.made_by: dict[Any, int] = {}
        self.functions: dict[str, int] = {}
        self.stack: list[str] = []
        self.calls: dict[str, int] = {}
        self.outputs: dict[str, list[int]] = {}
        grid = Grid("nchw", picture.shape[1], picture.shape[2], picture.shape[3])
        self._add(Node(0, "picture", (), picture, grid, bent=False, positive=False, inside=""), [picture])

    def _add(self, node: Node, tensors: list[Tensor]) -> None:
        self.nodes.append(node)
        self.alive.extend(tensors)
        for tensor in tensors:
            self.latest[id(tensor)] = node.index
            if tensor.grad_fn is not None:
                self.made_by[tensor.grad_fn] = node.index

    def _source(self, tensor: Tensor) -> list[int]:
        """The node that a tensor comes from; a tensor made out of our sight is traced back by autograd's
        graph."""
        if id(tensor) in self.latest:
            return [self.latest[id(tensor)]]
        found, seen, todo = [], set(), [tensor.grad_fn]
        while todo:
            function = todo.pop()
            if function is None or function in seen:
                continue
            seen.add(function)
            if function in self.made_by:
                found.append(self.made_by[function])
            else:
                todo.extend(following for following, _ in function.next_functions)
        return found

    def note(
        self, op: str, inputs: list[Tensor], outputs: list[Tensor], args: tuple[Any, ...], site: Site | None
    ) -> None:
        parents = tuple(sorted({source for tensor in inputs for source in self._source(tensor)}))
        if not parents or not outputs:
            return
        out = outputs[0]
        before = [self.nodes[parent] for parent in parents]
        grid = grid_of(op, out, before, args, self.rows)
        hints = (n.grid or n.hint for n in before)
        self._add(
            Node(
                len(self.nodes),
                op,
                parents,
                out,
                grid,
                bent=op in _NON_LINEAR or any(n.bent for n in before),
                positive=self._positive(op, inputs, args, before),
                inside=self.stack[-1] if self.stack else "",
                shuffles=0 if grid else shuffles(op, out, before, args),
                moved=any(n.moved for n in before) or moves(op, out, before, args),
                hint=grid or next((hint for hint in hints if hint is not None), None),
                args=args,
                site=site,
            ),
            outputs,
        )

    def _positive(self, op: str, inputs: list[Tensor], args: tuple[Any, ...], before: list[Node]) -> bool:
        """By construction nothing that the call puts out is negative."""
        if op in _NOT_NEGATIVE:
            return True
        if op in _FLOORED:  # ReLU6 is a clamp at 0
            return len(args) > 1 and isinstance(args[1], int | float) and args[1] >= 0
        if op in _SUMS and not all(self._source(tensor) for tensor in inputs):
            return False  # a bias or a scale of the network's own may be negative
        if op in _SUMS and any(isinstance(arg, int | float) and arg < 0 for arg in args):
            return False
        return op in _KEEP_SIGN and all(node.positive for node in before)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.quiet:
            return func(*args, **kwargs)
        op = getattr(func, "__name__", str(func))
        inputs = list(tensors_in((args, kwargs)))
        versions = {id(tensor): tensor._version for tensor in inputs if not tensor.is_inference()}
        out = func(*args, **kwargs)
        call = self.functions.get(op, 0)
        self.functions[op] = call + 1
        if not torch.is_grad_enabled():
            return out  # inside a custom autograd function, or where the network cuts its own gradient
        outputs = list(tensors_in(out))
        if op == "__setitem__" and isinstance(args[0], Tensor):
            outputs = [args[0]]
        # What comes back untouched (dropout in eval mode, contiguous) is the tensor that went in, not a
        # new one.
        # What needs no gradient (detached, or made in inference mode) has no map and no version.
        outputs = [t for t in outputs if t.requires_grad and versions.get(id(t), -1) != t._version]
        self.note(op, inputs, outputs, (*args, *kwargs.values()), Site("function", op, call))
        return out


def watch(classifier: TorchClassifier, images: Images) -> tuple[Graph, Tensor, Tensor]:
    """The graph of one forward pass, the scores ``(n, k)`` and the normalised input, with autograd's
    graph alive."""
    module = classifier.module
    handles: list[Any] = []
    with as_found(module), torch.enable_grad():
        _, part = next(passes(classifier.normalised(classifier.tensor(images))))
        leaf = part.detach().requires_grad_()
        picture = leaf.clone()
        watcher = Watcher(picture)
        try:
            for name, part in module.named_modules():
                if name:
                    handles.extend(_follow(watcher, name, part))
            with watcher:
                raw = classifier.raw(picture)
        finally:
            for handle in handles:
                handle.remove()
        scores = classifier.class_scores(raw)
    sink = watcher._source(raw)
    graph = Graph(
        nodes=tuple(watcher.nodes),
        sink=max(sink) if sink and max(sink) > 0 else None,
        calls=watcher.calls,
        outputs={name: tuple(found) for name, found in watcher.outputs.items()},
    )
    return graph, scores, leaf


def _follow(watcher: Watcher, name: str, part: nn.Module) -> list[Any]:
    starts: list[int] = []

    def enter(_module: nn.Module, _args: Any) -> None:
        watcher.stack.append(name)
        starts.append(len(watcher.nodes))

    def leave(_module: nn.Module, args: Any, out: Any) -> None:
        watcher.quiet = True
        try:
            note(_module, args, out)
        finally:
            watcher.quiet = False

    def note(_module: nn.Module, args: Any, out: Any) -> None:
        watcher.stack.pop()
        start, call = starts.pop(), watcher.calls.get(name, 0)
        watcher.calls[name] = call + 1
        if not isinstance(out, Tensor) or not out.requires_grad:
            return
        site = Site("module", name, call)
        if id(out) not in watcher.latest:
            watcher.note(type(_module).__name__, [*tensors_in(args), out], [out], (), None)
        if id(out) not in watcher.latest:
            return
        node = watcher.nodes[watcher.latest[id(out)]]
        watcher.outputs.setdefault(name, []).append(node.index)
        if node.index >= start:
            node.modules.append(site)

    return [part.register_forward_pre_hook(enter), part.register_forward_hook(leave)]
