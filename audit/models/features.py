"""What a network makes of a picture just before it decides: the input of its last linear layer.

A watched pass must give the answer of an unwatched one, bit for bit. Torch's attention takes another way, which
rounds differently, as soon as it is watched. So the layer is looked for once, in a pass whose answer is thrown away,
and then watched alone; whether that leaves the answer as it was is tried on the first pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

DIMENSIONS = 16
"""More numbers a picture than this are cut to so many by a fixed random projection."""

KINDS: dict[str, tuple[type[nn.Module], int]] = {"linear": (nn.Linear, -1), "conv2d": (nn.Conv2d, 1)}
"""The calls whose input is wanted, best first: the module of that kind, and the axis of its channels."""


class Watch(Protocol):
    """Around a pass; afterwards ``given`` is what the layer was given, and which kind it is."""

    @property
    def given(self) -> tuple[str, Tensor] | None: ...

    def __enter__(self) -> Watch: ...

    def __exit__(self, *error: Any) -> Any: ...


class Layer:
    """Watches one layer by a hook, which is gone afterwards."""

    def __init__(self, kind: str, layer: nn.Module) -> None:
        self.kind, self.layer = kind, layer
        self.given: tuple[str, Tensor] | None = None

    def __enter__(self) -> Layer:
        self.handle = self.layer.register_forward_pre_hook(self._keep)
        return self

    def __exit__(self, *error: Any) -> None:
        self.handle.remove()

    def _keep(self, layer: nn.Module, args: tuple[Any, ...]) -> None:
        if args and isinstance(args[0], Tensor):
            self.given = (self.kind, args[0].detach())


class Calls(TorchFunctionMode):
    """Watches every call of a function: many a network's last layer is none, and has no hooks."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, Tensor] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in KINDS:
            given = args[0] if args else kwargs.get("input")
            if isinstance(given, Tensor):
                self.found[name] = given.detach()
        return func(*args, **kwargs)

    @property
    def given(self) -> tuple[str, Tensor] | None:
        """The input of the last linear call, or else of the last convolution."""
        return next(((kind, self.found[kind]) for kind in KINDS if kind in self.found), None)


@dataclass(frozen=True)
class Way:
    """How to watch: the layer of that name, or, with None, all calls."""

    kind: str
    name: str | None

    def watch(self, module: nn.Module) -> Watch:
        """For one pass of the network."""
        return Calls() if self.name is None else Layer(self.kind, module.get_submodule(self.name))


def way_to_watch(module: nn.Module, scores: Callable[[], Tensor]) -> Way | None:
    """How the last layer of a network can be watched without a change of its answer. None where it cannot.

    Args:
        module: the network.
        scores: makes one pass, from the same state each time, and gives the network's scores.
    """
    with ExitStack() as stack:
        layers = {
            name: stack.enter_context(Layer(kind, part))
            for name, part in module.named_modules()
            for kind, (sort, _) in KINDS.items()
            if isinstance(part, sort)
        }
        calls = stack.enter_context(Calls())
        scores()
    if calls.given is None:
        return None
    kind, wanted = calls.given
    same = [name for name, layer in layers.items() if layer.kind == kind and _is(layer.given, wanted)]
    plain = scores()
    for name in [*same[:1], None]:
        way = Way(kind, name)
        with way.watch(module):
            watched = scores()
        if torch.equal(plain, watched):
            return way
    return None


def _is(given: tuple[str, Tensor] | None, wanted: Tensor) -> bool:
    return given is not None and given[1].data_ptr() == wanted.data_ptr() and given[1].shape == wanted.shape


def features(given: tuple[str, Tensor] | None, rows: int) -> NDArray[np.float32] | None:
    """Numbers for each picture of a pass, ``(rows, d)`` with d at most 16: means over places or tokens.

    None where nothing was seen, where it is not one row a picture, or where it is not finite.
    """
    if given is None or given[1].ndim < 2 or len(given[1]) != rows:
        return None
    wide = given[1].to(device="cpu", dtype=torch.float64).movedim(KINDS[given[0]][1], -1)
    table = wide.reshape(rows, -1, wide.shape[-1]).mean(1).numpy()
    return projected(table) if np.isfinite(table).all() else None


def projected(table: NDArray[np.float64]) -> NDArray[np.float32]:
    """At most 16 numbers a row, ``(n, min(d, 16))``: Gaussian random directions, the same ones for each d.

    Distances are kept but for about a fifth (Johnson & Lindenstrauss 1984), which a comparison of distances bears.

    >>> projected(np.ones((2, 40))).shape, projected(np.ones((2, 3))).shape
    ((2, 16), (2, 3))
    """
    wide = table.shape[1]
    if wide > DIMENSIONS:
        directions = np.random.default_rng([DIMENSIONS, wide]).standard_normal((wide, DIMENSIONS))
        table = table @ (directions / np.sqrt(DIMENSIONS))
    return table.astype(np.float32)
