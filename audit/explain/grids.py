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
            return Grid("nchw", out.shape[1], out.shape[2], out.shape[3])
        return _four(op, out, grids, args) or _restored(op, out, before)
    return _three(op, out, grids, before)


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


def _restored(op: str, out: Tensor, before: list[Node]) -> Grid | None:
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
        if shape == _shape(hint):
            return hint
        if shape == (hint.channels, hint.height, hint.width):
            return Grid("nchw", *shape)
        height, width, channels = shape
        folded = height <= hint.height and width <= hint.width and height * width < hint.height * hint.width
        if hint.layout == "nhwc" and folded and out[0].numel() == hint.channels * hint.height * hint.width:
            return Grid("nhwc", channels, height, width)
    return None


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
