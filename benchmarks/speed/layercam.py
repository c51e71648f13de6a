"""LayerCAM as an explainer of one's own, for the comparison with libraries that offer it."""

from __future__ import annotations

from torch import Tensor

from audit.explain.cam import upsampled
from audit.explain.trace import Trace


def layer_cam(trace: Trace, layer: str) -> Tensor:
    """ReLU(sum_k ReLU(g^k_ij) A^k_ij), ``(b, h, w)`` (Jiang et al. 2021)."""
    _, activations, gradients = trace.at(layer)
    return upsampled(gradients.relu().mul_(activations).sum(dim=1).relu(), trace.size)
