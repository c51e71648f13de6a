"""Does the network end in a global average and one linear layer? Then CAM is defined (Zhou 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from audit.explain.graph import Graph, Node

_AVERAGES = {"adaptive_avg_pool2d", "avg_pool2d", "mean"}
_PASSES = {
    *("flatten", "view", "reshape", "squeeze", "unsqueeze", "permute", "transpose", "contiguous", "clone"),
    *("dropout", "feature_dropout", "__getitem__", "float", "to", "type_as"),
}
_TOLERANCE = 1e-4
_ROUNDINGS = 8
"""In half precision scores and means may be off by so many of its steps."""


@dataclass(frozen=True)
class Head:
    """The linear layer after the global average: ``weight`` (k, c) and ``bias`` (k,), one row for each
    class. ``tolerance``: how far, of the score, the mean of a map may be off it, by rounding. ``names``: the
    parameters that they are; None where they are made of others."""

    weight: Tensor
    bias: Tensor
    tolerance: float = 10 * _TOLERANCE
    names: tuple[str, ...] | None = None

    def of(self, module: nn.Module) -> Head | None:
        """The head of the same network with other weights. None where it must be looked for."""
        if self.names is None:
            return None
        weight, bias = _read([module.get_parameter(name) for name in self.names], len(self.weight))
        return replace(self, weight=weight, bias=bias)


def find_head(graph: Graph, last: Node, scores: Tensor, names: Mapping[int, str]) -> tuple[Head | None, str]:
    """The head, or None and the reason why CAM does not apply.

    The calls between the last tensor and the scores are read off the graph; then the definition itself is put
    to the test on the pass: the mean over places of ``weight @ A`` plus the bias must be the scores. ``names`` of
    the network's parameters, by their ids.
    """
    assert last.grid is not None
    if last.grid.layout == "tokens":
        return None, "the network works on tokens: its head takes no global average of the last maps"
    children, node, averages = graph.children(), last, 0
    linear: Node | None = None
    while following := children.get(node.index, []):
        if len(following) > 1:
            return None, f"after {last.place} the way to the scores branches"
        node = following[0]
        if node.op in _PASSES:
            continue
        if linear is not None:
            return None, f"the head has more than one layer ({node.op!r} follows its first linear layer)"
        if node.op in _AVERAGES:
            averages += 1
        elif node.op == "linear":
            linear = node
        else:
            return None, f"{node.op!r} stands between the last tensor on the grid and the linear layer"
    if linear is None:
        return None, "the network does not end in a linear layer"
    if not averages:
        return None, "there is no global average before the linear layer: it sees each place by itself"
    given = [tensor for tensor in linear.args[1:3] if isinstance(tensor, Tensor)]
    known = [names[id(tensor)] for tensor in given if id(tensor) in names]
    head, why = _tested(last, given, scores)
    return (replace(head, names=tuple(known)) if head and len(known) == len(given) else head), why


def _read(given: Sequence[Tensor], classes: int) -> tuple[Tensor, Tensor]:
    """Copies of a linear layer's weight, and of its bias if it has one; of one score z, of ``(-z, z)``."""
    wide = torch.promote_types(given[0].dtype, torch.float32)
    weight = given[0].detach().to(wide, copy=True)
    bias = given[1].detach().to(wide, copy=True) if len(given) > 1 else weight.new_zeros(len(weight))
    if len(weight) == 1 and classes == 2:
        weight, bias = torch.cat([-weight, weight]), torch.cat([-bias, bias])
    return weight, bias


def _tested(last: Node, given: Sequence[Tensor], scores: Tensor) -> tuple[Head | None, str]:
    grid = last.grid
    assert grid is not None
    coarsest = max(torch.finfo(t.dtype).eps for t in (given[0], last.tensor, scores))
    weight, bias = _read(given, scores.shape[1])
    if weight.shape[1] != grid.channels:
        return (
            None,
            f"the linear layer takes {weight.shape[1]} numbers, the last tensor has {grid.channels} channels",
        )
    with torch.no_grad():
        means = grid.maps(last.tensor).to(weight.dtype).mean(dim=(2, 3))
        rebuilt = means @ weight.T + bias
        if rebuilt.shape != scores.shape:
            return None, "the linear layer has another number of outputs than the network"
        error = float((rebuilt - scores).abs().max() / scores.abs().max().clamp_min(1e-12))
    if not error <= max(_TOLERANCE, _ROUNDINGS * coarsest):
        return None, f"the mean of its maps is not the score (off by {error:.1g} of it): no global average"
    return Head(weight, bias, max(10 * _TOLERANCE, _ROUNDINGS * coarsest)), ""
