"""One map over the depths, in which each depth counts by its impact on the score.

Early layers show fine structure, late ones what the answer rests on. Nothing is scaled by its own
maximum, which would let the noisiest depth speak as loud as the one that the answer rests on:

    M = sum_l  (I_l / sum_m I_m) * M_l / sum(M_l),     I_l = sum_ij ReLU(sum_k a_k A^k_ij)

M_l is the depth's map on the model's grid. I_l is its sum on the layer's own grid, before any scaling. For
Grad-CAM a_k is the mean gradient of channel k, so I_l is in units of the score: at a global average it is
what the positive places add to the score, and at a depth whose gradients change sign from place to place the
mean is small and the depth counts for little. Grad-CAM++ has sums of gradients in place of means; a_k is its
w_k divided by the number of places.

Published is LayerCAM's fusion (Jiang et al. 2021, IEEE Transactions on Image Processing 30): the maximum of
maps that are each scaled by their own maximum. The sum by impact is our departure from it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import relu

from audit.errors import Undefined
from audit.explain.cam import grad_cam_at_layer, grad_cam_pp_at_layer, upsampled
from audit.explain.trace import Trace


def _grad_cam(trace: Trace, depth: str) -> Tensor:
    return relu(grad_cam_at_layer(trace, depth))


def _grad_cam_pp(trace: Trace, depth: str) -> Tensor:
    maps = relu(grad_cam_pp_at_layer(trace, depth))
    return maps / maps[0].numel()


_MAPS: dict[str, Callable[[Trace, str], Tensor]] = {"grad-cam": _grad_cam, "grad-cam++": _grad_cam_pp}


def fused(trace: Trace, layer: str = "grad-cam") -> Tensor:
    """The depths' maps of one explainer as one map, not negative, ``(b, h, w)``; sums to 1, or is all zero.

    ``layer`` names what is fused: ``grad-cam`` or ``grad-cam++``. Depths where it does not apply are left
    out.

    Raises:
        Undefined: it applies at fewer than two depths.
    """
    maps = _maps(trace, layer)
    total = trace.scores.new_zeros((len(trace.targets), *trace.size))
    for one, share in zip(maps.values(), _shares(maps).unbind(dim=1), strict=True):
        up = upsampled(one, trace.size)
        total = total + share[:, None, None] * _over(up, up.sum(dim=(1, 2), keepdim=True))
    return total


def fused_shares(trace: Trace, layer: str = "grad-cam") -> tuple[tuple[str, ...], Tensor]:
    """The depths that are fused, and the share of each in each picture, ``(b, depths)``.

    The shares of a picture sum to 1, or are all 0 where no place at any depth speaks for the class.
    """
    maps = _maps(trace, layer)
    return tuple(maps), _shares(maps)


def _maps(trace: Trace, layer: str) -> dict[str, Tensor]:
    usable = [d for d in trace.depths if layer == "grad-cam" or trace.layers.by_depth[d].positive]
    if len(usable) < 2:
        raise Undefined(f"{layer} applies at {len(usable)} of the depths; a fused view needs two")
    return {depth: _MAPS[layer](trace, depth) for depth in usable}


def _shares(maps: dict[str, Tensor]) -> Tensor:
    impacts = torch.stack([one.sum(dim=(1, 2)) for one in maps.values()], dim=1)
    return _over(impacts, impacts.sum(dim=1, keepdim=True))


def _over(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, and 0 where the whole is 0."""
    return torch.where(whole > 0, part / torch.where(whole > 0, whole, 1.0), 0.0)
