"""How the output of a call lies on the picture, told from how its inputs lay."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from audit.explain.graph import Grid, Node

MAX_PREFIX = 16
"""Most class, distillation and register tokens that may stand before the patch tokens."""

_MAKE_GRID = ("conv", "pool", "interpolate", "upsample", "pixel_shuffle", "batch_norm")


def grid_of(op: str, out: Tensor, before: list[Node], args: tuple[Any, ...], rows: int) -> Grid | None:
    """How the output of a call lies on the picture, from how its inputs lay."""
    if out.ndim not in (3, 4) or out.shape[0] != rows:
        return None
    grids = [node.grid for node in before if node.grid is not None]
    if out.ndim == 4:
        if any(name in op for name in _MAKE_GRID):
            if grids and _one_place_spread(op, out, grids[0]):
                return None
            return Grid("nchw", out.shape[1], out.shape[2], out.shape[3])
        return _four(op, out, grids, args) or _restored(op, out, before, args)
    return _three(op, out, grids, before)


def _one_place_spread(op: str, out: Tensor, grid: Grid) -> bool:
    """A pooling to a fixed size may spread one place over many, which then all say the same."""
    return "pool" in op and grid.height * grid.width == 1 < out.shape[2] * out.shape[3]


def moves(op: str, out: Tensor, before: list[Node], args: tuple[Any, ...]) -> bool:
    """The call flips, turns, crops or shifts the picture itself, so that what comes of it does not lie on it.

    Features that are shifted in between, as windows are, come back to their place.
    """
    source = next((node for node in before if node.grid is not None), None)
    if source is None or source.grid is None or source.bent or source.grid.layout != "nchw" or out.ndim != 4:
        return False
    if op in ("rot90", "roll", "grid_sample", "grid_sampler"):
        return True
    if op in ("flip", "transpose", "swapaxes", "swapdims", "permute"):
        dims = [d % 4 for arg in args[1:] for d in (arg if isinstance(arg, list | tuple) else [arg])]
        if op == "permute":
            return dims.index(2) > dims.index(3)
        return bool({2, 3} & set(dims)) if op == "flip" else {2, 3} == set(dims)
    if op not in ("__getitem__", "narrow"):
        return False
    index = args[1] if isinstance(args[1], tuple) else (args[1],)
    if any(isinstance(part, slice) and part.step not in (None, 1) for part in index):
        return False
    return tuple(out.shape[2:]) != (source.grid.height, source.grid.width)


def _four(op: str, out: Tensor, grids: list[Grid], args: tuple[Any, ...]) -> Grid | None:
    first, shape = next((g for g in grids if g.layout in ("nchw", "nhwc")), None), tuple(out.shape[1:])
    if op in ("permute", "transpose", "movedim", "moveaxis") and first is not None:
        order = args[1] if len(args) == 2 else args[1:]
        target = {"nchw": (0, 2, 3, 1), "nhwc": (0, 3, 1, 2)}[first.layout]
        if op != "permute" or tuple(int(i) % 4 for i in order) != target:
            return None
        return Grid("nhwc" if first.layout == "nchw" else "nchw", first.channels, first.height, first.width)
    if op in ("reshape", "view", "unflatten"):
        same = next((g for g in grids if g.layout in ("nchw", "nhwc") and _shape(g) == shape), None)
        token = next((g for g in grids if g.layout in ("tokens", "nct")), None)
        if same is None and token is not None:
            if shape == (token.channels, token.height, token.width):
                return Grid("nchw", *shape)
            if shape == (token.height, token.width, token.channels) and token.layout == "tokens":
                return Grid("nhwc", token.channels, token.height, token.width)
        return same
    if first is None or op in ("flip", "rot90", "fliplr", "flipud"):
        return None
    if first.layout == "nhwc":
        return Grid("nhwc", shape[2], shape[0], shape[1])
    return Grid("nchw", *shape)


def _restored(op: str, out: Tensor, before: list[Node], args: tuple[Any, ...]) -> Grid | None:
    """The grid of a tensor that was cut into windows, or whose places were folded into channels, and reshaped."""
    shape = tuple(out.shape[1:])
    for hint in (node.hint for node in before if node.hint is not None and node.grid is None):
        if hint.layout not in ("nchw", "nhwc") or op not in (
            "reshape",
            "view",
            "flatten",
            "permute",
            "contiguous",
        ):
            continue
        blocks = (
            shuffles(op, out, before, args) % 2 == 1
        )  # windows, whose number and size may be those of the grid
        if shape == _shape(hint) and not blocks:
            return hint
        if not blocks and shape == (hint.channels, hint.height, hint.width):
            return Grid("nchw", *shape)
        height, width, channels = shape
        folded = height <= hint.height and width <= hint.width and height * width < hint.height * hint.width
        if hint.layout == "nhwc" and folded and out[0].numel() == hint.channels * hint.height * hint.width:
            return Grid("nhwc", channels, height, width)
    return None


def shuffles(op: str, out: Tensor, before: list[Node], args: tuple[Any, ...]) -> int:
    """How often the places were permuted on the way here: rows and columns are cut in two axes each for that.

    Attention brings its three projections to the front in such a call too; it leaves the places in their order.
    """
    permuted = op in ("permute", "transpose", "swapaxes") and out.ndim >= 6
    if permuted and op == "permute":
        order = args[1] if len(args) == 2 else args[1:]
        permuted = int(order[0]) == 0
    return max((node.shuffles for node in before), default=0) + permuted


def _shape(grid: Grid) -> tuple[int, int, int]:
    if grid.layout == "nhwc":
        return grid.height, grid.width, grid.channels
    return grid.channels, grid.height, grid.width


def _three(op: str, out: Tensor, grids: list[Grid], before: list[Node]) -> Grid | None:
    _, first, second = out.shape
    for grid in grids:
        places = grid.height * grid.width
        if (
            grid.layout == "nchw"
            and (first, second) == (grid.channels, places)
            and op in ("flatten", "view", "reshape")
        ):
            return Grid("nct", grid.channels, grid.height, grid.width)
        if grid.layout == "nhwc" and (first, second) == (places, grid.channels):
            return Grid("tokens", grid.channels, grid.height, grid.width)
        if grid.layout == "nct":
            if op in ("transpose", "permute", "mT", "swapaxes") and (first, second) == (
                places,
                grid.channels,
            ):
                return Grid("tokens", grid.channels, grid.height, grid.width)
            if (first, second) == (grid.channels, places):
                return grid
        if grid.layout == "tokens" and places > 1 and 0 <= first - places <= MAX_PREFIX:
            return Grid("tokens", second, grid.height, grid.width, first - places)
    return None
