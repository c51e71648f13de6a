"""The digest of what a network holds, whatever file it came in."""

from __future__ import annotations

import hashlib
import json

import torch
from torch import Tensor, nn


def content_digest(module: nn.Module) -> str | None:
    """The SHA-256 of every tensor of a network by name; None where part of its state is no plain tensor.

    For each name of ``state_dict()``, in the order of Unicode: one line of JSON with name, type and shape, then the
    numbers, row by row, little end first. Two files with the same weights have the same digest, whatever their format.

    >>> one, two = nn.Linear(2, 1), nn.Linear(2, 1)
    >>> _ = two.load_state_dict(one.state_dict())
    >>> content_digest(one) == content_digest(two)
    True
    """
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if not isinstance(value, Tensor) or value.is_quantized or value.layout != torch.strided:
            return None
        head = [name, str(value.dtype).removeprefix("torch."), list(value.shape)]
        digest.update(json.dumps(head, ensure_ascii=True, separators=(",", ":")).encode() + b"\n")
        flat = value.detach().resolve_conj().resolve_neg().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
