"""Picks the depths at which a network is explained, and says why each was picked.

``last`` is the last tensor on the grid that enters the head: what the global pooling takes, or what the last
pooling before a flattened head takes; with a class token the last tokens through which patches still
reach it.
``initial`` is the first tensor behind a non-linearity that all the scores know of the picture passes through.
``intermediate`` ends the middle one of the stages of equal resolution between the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from audit.errors import ConfigError
from audit.explain.graph import Graph, Grid, Node, Site
from audit.explain.head import Head, find_head
from audit.explain.watching import watch
from audit.models import Images
from audit.models.torch_module import TorchClassifier
from audit.plugins import nearest

INITIAL, INTERMEDIATE, LAST = "initial", "intermediate", "last"
DEPTHS = (INITIAL, INTERMEDIATE, LAST)

_POOLS = {
    "avg_pool2d",
    "max_pool2d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "dropout",
    "feature_dropout",
}
_BEFORE_IT = {"conv1d", "conv2d", "conv3d", "conv_transpose2d", "linear", "batch_norm"}
"""What these put out has yet to pass the next non-linearity."""
_SHAPES = {
    "squeeze",
    "unsqueeze",
    "flatten",
    "view",
    "reshape",
    "contiguous",
    "__getitem__",
    "float",
    "to",
    "clone",
}
_MOVED = "the network flips, turns or crops the picture itself: its tensors do not lie on it"
_PROBE = 4


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A tensor at which maps are made. ``name`` is the module and its side; ``positive``: never negative."""

    depth: str
    name: str
    channels: int
    height: int
    width: int
    why: str
    positive: bool
    site: Site
    grid: Grid

    def row(self) -> dict[str, Any]:
        """Plain values for the manifest."""
        row = asdict(self)
        return {key: row[key] for key in ("depth", "name", "channels", "height", "width", "why")}


@dataclass(frozen=True, kw_only=True)
class Layers:
    """The layers by depth (or the user's name), the head, and why a depth or the head is missing."""

    by_depth: Mapping[str, Layer] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    head: Head | None = None
    why_no_cam: str = ""
    ends_in: str = ""
    """The call that puts out the scores."""

    def __iter__(self) -> Any:
        return iter(self.by_depth.values())

    @property
    def depths(self) -> tuple[str, ...]:
        """The tool's own depths that are there, in order."""
        return tuple(depth for depth in DEPTHS if depth in self.by_depth)

    def of(self, module: nn.Module) -> Layers | None:
        """The layers of the same network with other weights. None where they must be picked again."""
        if self.head is None:
            return self
        head = self.head.of(module)
        return None if head is None else replace(self, head=head)


def pick(classifier: TorchClassifier, *, images: Images | None = None, names: Sequence[str] = ()) -> Layers:
    """The three depths and the layers that the user names (paths of modules; their outputs are taken).

    ``images`` (n, h, w, 3): the network is watched on the first few; without any, on noise. A module that is
    called more than once gives what its last call puts out.

    Raises:
        ConfigError: a named module is not there, or puts out nothing that lies on the picture.
        ModelError: the network cannot be asked.
    """
    if images is None:
        images = np.random.default_rng(0).random((_PROBE, *classifier.size, 3), dtype=np.float32)
    graph, scores, _ = watch(classifier, images[:_PROBE])
    named = {name: _named(classifier, graph, name) for name in names}
    last, why = _last(graph, scores)
    ends_in = _end(graph)
    if last is None:
        missing = dict.fromkeys(DEPTHS, why)
        return Layers(by_depth=named, missing=missing, why_no_cam=why, ends_in=ends_in)
    found = {LAST: _layer(LAST, last, why)}
    missing = {}
    between = _between(graph, last)
    initial = _first(between)
    if initial is None:
        missing[INITIAL] = (
            "the network has no earlier tensor that all the scores know of the picture passes through"
        )
        missing[INTERMEDIATE] = missing[INITIAL]
    else:
        found[INITIAL] = _layer(
            INITIAL, initial, "the first tensor behind a non-linearity that everything passes through"
        )
        middle = _middle(between, initial, last)
        if middle is None:
            missing[INTERMEDIATE] = (
                "no tensor that everything passes through lies between the first and the last"
            )
        else:
            found[INTERMEDIATE] = _layer(INTERMEDIATE, middle, "the end of the middle stage")
    parameters = {id(p): name for name, p in classifier.module.named_parameters()}
    head, why_no_cam = find_head(graph, last, scores, parameters)
    return Layers(
        by_depth={depth: found[depth] for depth in DEPTHS if depth in found} | named,
        missing=missing,
        head=head,
        why_no_cam=why_no_cam,
        ends_in=ends_in,
    )


def _end(graph: Graph) -> str:
    """The last call that makes numbers; what only gives them another shape is passed over."""
    node = graph.nodes[graph.sink or 0]
    while node.op in _SHAPES and len(node.parents) == 1:
        node = graph.nodes[node.parents[0]]
    return node.op


def _layer(depth: str, node: Node, why: str) -> Layer:
    grid = node.grid
    assert grid is not None
    place = str(node.place)
    inside = f" in {node.inside}" if node.place.kind == "function" and node.inside else ""
    sign = "never negative" if node.positive else "may be negative"
    tokens = f"; tokens as a grid, the first {grid.prefix} dropped" if grid.prefix else ""
    return Layer(
        depth=depth,
        name=place + inside,
        channels=grid.channels,
        height=grid.height,
        width=grid.width,
        why=f"{why}; {sign}{tokens}",
        positive=node.positive,
        site=node.place,
        grid=grid,
    )


def _spatial(nodes: Iterable[Node]) -> list[Node]:
    return [n for n in nodes if n.index and n.grid is not None and n.grid.spatial and not n.moved]


def _last(graph: Graph, scores: Tensor) -> tuple[Node | None, str]:
    """The last tensor on the grid that enters the head, and why it is that one."""
    if graph.sink is None:
        return None, "the scores could not be followed back to the picture (a compiled or scripted network?)"
    waists = _spatial(graph.waists())
    if not waists:
        everywhere = _spatial(graph.relevant)
        if not everywhere and any(node.moved for node in graph.relevant):
            return None, _MOVED
        if not everywhere:
            return None, "no tensor of the network lies on a grid of more than one place"
        return everywhere[-1], "the last tensor on the grid; the scores know the picture in other ways too"
    last = waists[-1]
    assert last.grid is not None
    if last.grid.layout == "tokens":
        return _last_tokens(graph, last, scores)
    astray = [node for node in graph.relevant if node.index > last.index and _looks(node)]
    if any(node.moved for node in astray):
        return None, _MOVED
    if astray:
        return None, (
            f"the way from the picture to the scores could not be followed on the grid past {last.place}: "
            f"{astray[0].op!r} in {astray[0].inside or 'the network'} comes after it"
        )
    children = graph.children().get(last.index, [])
    if any(child.op == "mean" or (child.op in _POOLS and not _spatial([child])) for child in children):
        return last, "what the global pooling takes"
    while last.op in _POOLS and len(last.parents) == 1:
        before = graph.nodes[last.parents[0]]
        if before.index == 0 or before.grid is None or not before.grid.spatial:
            break
        last = before
    return last, "what enters the head, before the poolings that lead to it"


def _looks(node: Node) -> bool:
    """The call still mixes places of the picture, so that what is before it is not the last to do so."""
    if node.op in ("scaled_dot_product_attention", "multi_head_attention_forward", "bmm", "baddbmm"):
        return True
    shape = node.tensor.shape  # whatever its rows are: places may have been folded into them
    return node.op == "conv2d" and len(shape) == 4 and shape[2] * shape[3] > 1


def _last_tokens(graph: Graph, stream: Node, scores: Tensor) -> tuple[Node | None, str]:
    """The last tokens, as wide as the stream of blocks, whose patches still move the scores."""
    assert stream.grid is not None
    tokens = [
        node
        for node in _spatial(graph.relevant)
        if node.grid is not None
        and node.grid.layout == "tokens"
        and node.grid.channels == stream.grid.channels
        and node.op not in _BEFORE_IT
    ]
    # Seven primes as weights: a plain sum of scores may not move at all, as behind a softmax.
    weights = torch.tensor([2, 3, 5, 7, 11, 13, 17], dtype=scores.dtype, device=scores.device)
    target = (scores * weights.repeat(scores.shape[1] // 7 + 1)[: scores.shape[1]]).sum()
    gradients = torch.autograd.grad(
        target, [node.tensor for node in tokens], allow_unused=True, retain_graph=True
    )
    moving = [
        node
        for node, gradient in zip(tokens, gradients, strict=True)
        if gradient is not None and node.grid is not None and bool(gradient[:, node.grid.prefix :].any())
    ]
    if not moving:
        return None, "no patch token moves the scores (a head of zeros, as in a network that is not trained?)"
    named = [node for node in moving if node.modules]
    same = bool(named) and named[-1].index == moving[-1].index - 1 and moving[-1].op in _SHAPES
    last = named[-1] if same else moving[-1]
    return last, "the last tokens whose patches still move the scores"


def _between(graph: Graph, last: Node) -> list[Node]:
    """The waists before the last tensor, as far as they lie behind a non-linearity and are not what the next one
    takes."""
    waists = [node for node in _spatial(graph.waists()) if node.index < last.index]
    return [node for node in waists if node.bent and node.op not in _BEFORE_IT]


def _best(nodes: list[Node]) -> list[Node]:
    """Those after the non-linearity, if any; of them those that a module puts out, if any."""
    for keep in (lambda node: node.positive, lambda node: bool(node.modules)):
        nodes = [node for node in nodes if keep(node)] or nodes
    return nodes


def _first(between: list[Node]) -> Node | None:
    if not between:
        return None
    size = (between[0].grid.height, between[0].grid.width)  # type: ignore[union-attr]
    stage = [n for n in between if n.grid is not None and (n.grid.height, n.grid.width) == size]
    return _best(stage)[0]


def _middle(between: list[Node], initial: Node, last: Node) -> Node | None:
    later = [node for node in between if node.index > initial.index]
    if not later:
        return None
    stages: dict[tuple[int, int], list[Node]] = {}
    for node in [initial, *later, last]:
        assert node.grid is not None
        stages.setdefault((node.grid.height, node.grid.width), []).append(node)
    middle = list(stages.values())[len(stages) // 2]
    inner = [node for node in middle if node.index not in (initial.index, last.index)]
    if len(stages) < 3 or not inner:
        choice = _best(later)
        return choice[len(choice) // 2]
    return _best(inner)[-1]


def _named(classifier: TorchClassifier, graph: Graph, name: str) -> Layer:
    """The user's layer: what the module of that path puts out."""
    known = [path for path, _ in classifier.module.named_modules() if path]
    where = "model.layers"
    if name not in known:
        raise ConfigError(f"the network has no module {name!r}", where=where, todo=nearest(name, known))
    if name not in graph.outputs:
        raise ConfigError(
            f"the module {name!r} puts out no tensor, or is not called", where=where, todo="name one that is"
        )
    node = graph.nodes[graph.outputs[name][-1]]
    if node.moved:
        raise ConfigError(
            f"what the module {name!r} puts out does not lie on the picture: the network flips or crops it itself",
            where=where,
        )
    if node.grid is None or node.grid.layout == "nct":
        raise ConfigError(
            f"the module {name!r} puts out {tuple(node.tensor.shape)}, which does not lie on the picture",
            where=where,
            todo="name a convolutional layer or a block",
        )
    if all(node.index != other.index for other in graph.relevant):
        raise ConfigError(f"the scores do not depend on what {name!r} puts out", where=where)
    calls = graph.calls[name]
    why = "named in the configuration" + (f"; the last of its {calls} calls" if calls > 1 else "")
    layer = _layer(name, node, why)
    site = Site("module", name, calls - 1)
    return Layer(**{**layer.__dict__, "site": site, "name": str(site)})
