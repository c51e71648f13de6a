"""Does the network end in a global average and one linear layer? Then CAM is defined (Zhou 2016)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

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
    class. ``tolerance``: how far, of the score, the mean of a map may be off it, by rounding."""

    weight: Tensor
    bias: Tensor
    tolerance: float = 10 * _TOLERANCE


def find_head(graph: Graph, last: Node, scores: Tensor) -> tuple[Head | None, str]:
    """The head, or None and the reason why CAM does not apply.

    The calls between the last tensor and the scores are read off the graph; then the definition itself is put
    to the test on the pass: the mean over places of ``weight @ A`` plus the bias must be the scores.
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
    weight = linear.args[1]
    bias = linear.args[2] if len(linear.args) > 2 and isinstance(linear.args[2], Tensor) else None
    return _tested(last, weight, bias, scores)


def _tested(last: Node, weight: Tensor, bias: Tensor | None, scores: Tensor) -> tuple[Head | None, str]:
    grid = last.grid
    assert grid is not None
    coarsest = max(torch.finfo(t.dtype).eps for t in (weight, last.tensor, scores))
    weight = weight.detach().to(torch.promote_types(weight.dtype, torch.float32), copy=True)
    bias = weight.new_zeros(len(weight)) if bias is None else bias.detach().to(weight.dtype, copy=True)
    if weight.shape[1] != grid.channels:
        return (
            None,
            f"the linear layer takes {weight.shape[1]} numbers, the last tensor has {grid.channels} channels",
        )
    if len(weight) == 1 and scores.shape[1] == 2:
        weight, bias = torch.cat([-weight, weight]), torch.cat([-bias, bias])
    with torch.no_grad():
        means = grid.maps(last.tensor).to(weight.dtype).mean(dim=(2, 3))
        rebuilt = means @ weight.T + bias
        if rebuilt.shape != scores.shape:
            return None, "the linear layer has another number of outputs than the network"
        error = float((rebuilt - scores).abs().max() / scores.abs().max().clamp_min(1e-12))
    if not error <= max(_TOLERANCE, _ROUNDINGS * coarsest):
        return None, f"the mean of its maps is not the score (off by {error:.1g} of it): no global average"
    return Head(weight, bias, max(10 * _TOLERANCE, _ROUNDINGS * coarsest)), ""
