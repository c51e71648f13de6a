"""How many pictures go through a network at once: as many as fit into the memory, and fewer when it runs out.

A processor gets no more than :data:`ROWS` at once, whatever the memory: more are no faster there, and a fixed number
is what makes a picture's answer the same in every batch, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from audit.errors import ConfigError, ModelError
from audit.models import BATCH, out_of_memory

ROWS = 8
"""Pictures in one pass on a processor. A batch is cut into passes of exactly so many, the last filled up with its last
picture: torch takes other kernels for other numbers of rows, which round differently, and a picture's answer must not
depend on the batch that it came in."""

MOST = 256
"""Pictures in one pass on a graphics card, unless the configuration says otherwise: more are hardly faster."""

SHARE = 0.8
"""Of a card's free memory; the rest is for what the libraries take for themselves."""

WORKING = 6
"""A backward pass holds, beside what the forward pass left, about so many tensors as large as the largest."""

Found = TypeVar("Found")


class Network(Protocol):
    """What this module knows of a :class:`audit.models.torch_module.TorchClassifier`."""

    module: nn.Module
    rows: int
    size: tuple[int, int]
    device: torch.device

    def laid(self, x: Tensor) -> Tensor: ...

    def scores_with_gradient(self, x: Tensor) -> Tensor: ...


def passes(batch: Tensor, rows: int = ROWS) -> Iterator[tuple[slice, Tensor]]:
    """The batch in parts of exactly ``rows`` rows, each with the rows of the batch that it holds.

    >>> [(rows, len(part)) for rows, part in passes(torch.zeros(11, 2))]
    [(slice(0, 8, None), 8), (slice(8, 11, None), 8)]
    """
    for start in range(0, len(batch), rows):
        yield _part(batch, start, rows)


def _part(batch: Tensor, start: int, rows: int) -> tuple[slice, Tensor]:
    part = batch[start : start + rows]
    short = rows - len(part)
    full = torch.cat([part, part[-1:].expand(short, *part.shape[1:])]) if short else part
    return slice(start, start + len(part)), full


def in_passes(
    network: Network, batch: Tensor, ask: Callable[[slice, Tensor], Found]
) -> Iterator[tuple[slice, Found]]:
    """``ask(rows, part)`` of every part of the batch, in order, each part of exactly ``network.rows`` rows.

    When the memory runs out, ``network.rows`` is halved, for this part and for all that follow, and the part is asked
    again.

    Raises:
        ModelError: the memory does not suffice for one picture.
    """
    start = 0
    while start < len(batch):
        rows, part = _part(batch, start, network.rows)
        try:
            found = ask(rows, network.laid(part))
        except Exception as error:
            if not out_of_memory(error):
                raise
            if network.rows == 1:
                raise ModelError(
                    "the memory ran out on a single picture",
                    where="model.size",
                    todo="take a smaller model.size, or a machine with more memory",
                ) from error
        else:
            yield rows, found
            start = rows.stop
            continue
        network.rows //= 2  # here the failed pass is forgotten, and what it held is free
        if network.device.type == "cuda":
            torch.cuda.empty_cache()


def fit(network: Network, *, batch: int = 0, memory: int | None = None) -> int:
    """Set how many pictures the network is given at once, and return how many are gathered for it.

    Args:
        network: asked once, with one picture, where the memory matters.
        batch: pictures that are gathered, at most; 0: found here.
        memory: bytes that a pass may take beside the weights. None: what is free on a card; on a processor eight
            pictures, whatever they take.

    Returns:
        ``batch`` where it was given. Passes on a card are as large; on a processor they hold ``ROWS``. Both hold fewer
        where the memory asks for it: the largest power of two that fits.

    Raises:
        ConfigError: the memory does not suffice for one picture.
        ModelError: the network cannot be asked.
    """
    on_card = network.device.type == "cuda"
    most = (batch or MOST) if on_card else ROWS
    if memory is None and on_card:
        memory = int(SHARE * torch.cuda.mem_get_info(network.device)[0])
    if memory is not None:
        each = bytes_of_a_picture(network)
        if each > memory:
            raise ConfigError(
                f"a pass of one picture takes about {_told(each)}, and {_told(memory)} are given",
                where="memory",
                todo=f"give at least {_told(2 * each)}, or leave memory out",
            )
        fits = 1 << (memory // each).bit_length() - 1
        most = min(most, fits)
    network.rows = most
    return batch or (most if on_card else BATCH)


def bytes_of_a_picture(network: Network) -> int:
    """About what a forward and a backward pass of one picture hold at once, beside the weights.

    All that the forward pass keeps for the backward pass, each storage once, and some tensors to work with. Counted,
    not timed: the same on every machine.
    """
    kept: dict[int, int] = {}
    own = {t.untyped_storage().data_ptr() for t in (*network.module.parameters(), *network.module.buffers())}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    x = torch.zeros(1, 3, *network.size, device=network.device)
    with torch.autograd.graph.saved_tensors_hooks(note, _same):
        scores = network.scores_with_gradient(x)
    del scores
    return sum(kept.values()) + WORKING * max(kept.values(), default=0) + x.nbytes


def _same(tensor: Any) -> Any:
    return tensor


def _told(size: int) -> str:
    """Bytes as a person reads them.

    >>> _told(3 << 20), _told(5 << 30)
    ('3.0 MiB', '5.0 GiB')
    """
    return f"{size / 2**20:.1f} MiB" if size < 2**30 else f"{size / 2**30:.1f} GiB"
