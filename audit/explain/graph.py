"""The tensors that a network makes on its way from the picture to the scores, as a graph of calls.

:mod:`audit.explain.watching` draws it; :mod:`audit.explain.layers` picks the depths from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Grid:
    """How a tensor lies on the picture: ``nchw``, ``nhwc``, ``nct`` or ``tokens`` ``(n, prefix + h * w,
    c)``."""

    layout: str
    channels: int
    height: int
    width: int
    prefix: int = 0

    @property
    def spatial(self) -> bool:
        return self.layout != "nct" and self.height * self.width > 1

    def maps(self, tensor: Tensor) -> Tensor:
        """The tensor as ``(n, c, h, w)``; leading tokens that are no patch are dropped."""
        if self.layout == "tokens":
            patches = tensor[:, self.prefix :].transpose(1, 2)
            return patches.reshape(len(tensor), self.channels, self.height, self.width)
        return tensor.permute(0, 3, 1, 2) if self.layout == "nhwc" else tensor


@dataclass(frozen=True)
class Site:
    """Where to take a tensor: what the ``call``-th call of a module, or of a function, puts out."""

    kind: str
    name: str
    call: int = 0

    def __str__(self) -> str:
        again = f" (call {self.call + 1})" if self.call else ""
        return (
            f"{self.name} output{again}"
            if self.kind == "module"
            else f"{self.name}() output, call {self.call + 1}"
        )


@dataclass
class Node:
    """One call: what it is, what it took, what it put out, and which modules put out the same tensor."""

    index: int
    op: str
    parents: tuple[int, ...]
    tensor: Tensor
    grid: Grid | None
    bent: bool
    """A non-linearity lies on the way here from the picture."""
    positive: bool
    """By construction no value is negative."""
    inside: str
    """The module whose code made the call."""
    moved: bool = False
    """The picture was flipped, turned or cropped on the way here: this does not lie on it."""
    shuffles: int = 0
    """How often its places were permuted since they last lay on a grid; two make a cut into windows and its undoing."""
    hint: Grid | None = None
    """The grid that the tensor had before it was cut into windows or folded; a later reshape may restore it."""
    args: tuple[Any, ...] = ()
    site: Site | None = None
    modules: list[Site] = field(default_factory=list)

    @property
    def place(self) -> Site:
        return self.modules[-1] if self.modules else self.site or Site("function", self.op)


@dataclass(frozen=True)
class Graph:
    """The nodes in the order of the calls, the one that holds the scores, and how often each module was
    called."""

    nodes: tuple[Node, ...]
    sink: int | None
    calls: dict[str, int]
    outputs: dict[str, tuple[int, ...]]
    """For a module's name the nodes that its calls put out."""

    @property
    def relevant(self) -> list[Node]:
        """The nodes that the scores depend on, in order."""
        if self.sink is None:
            return []
        keep = {self.sink}
        for node in reversed(self.nodes):
            if node.index in keep:
                keep.update(node.parents)
        return [node for node in self.nodes if node.index in keep]

    def children(self) -> dict[int, list[Node]]:
        found: dict[int, list[Node]] = {}
        for node in self.relevant:
            for parent in node.parents:
                found.setdefault(parent, []).append(node)
        return found

    def waists(self) -> list[Node]:
        """The nodes that all the scores know of the picture has passed through: no call reaches past them."""
        children, furthest, found = self.children(), 0, []
        for node in self.relevant:
            if furthest <= node.index:
                found.append(node)
            furthest = max([furthest, *(child.index for child in children.get(node.index, ()))])
        return found
