"""Class activation maps: CAM, Grad-CAM and Grad-CAM++, as pure functions of one trace.

S^c is the score of class c before the softmax, A^k_ij the k-th channel of a layer at place (i, j), Z its
number of places, g^k_ij = dS^c/dA^k_ij. Every map comes up to the model's grid by bilinear interpolation
(pixel centres, ``align_corners=False``).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate, relu

from audit.errors import Undefined
from audit.explain import NEGATIVE
from audit.explain.layers import LAST
from audit.explain.trace import Trace


def cam(trace: Trace, layer: str = LAST) -> Tensor:
    """CAM: how much each place adds to the class's score. Signed, ``(b, h, w)``.

    M_c(i, j) = sum_k w^c_k A^k_ij, with w the linear layer's row for class c (Zhou et al. 2016,
    arXiv:1512.04150). The mean of M_c over the places plus the bias is the score; that is put to the test on each pass.

    Raises:
        Undefined: the network does not end in a global average and one linear layer.
    """
    return upsampled(cam_at_layer(trace, layer), trace.size)


def cam_at_layer(trace: Trace, layer: str = LAST) -> Tensor:
    """CAM on the layer's own grid, ``(b, h', w')``."""
    head = trace.layers.head
    if head is None:
        raise Undefined(trace.layers.why_no_cam or "the network's head is not known")
    if layer != LAST:
        raise Undefined("CAM is defined at the last tensor on the grid alone")
    _, activations, _ = trace.at(layer)
    targets = torch.as_tensor(trace.targets, device=activations.device)
    maps = weighed(head.weight[targets], activations)
    rebuilt = maps.mean(dim=(1, 2)) + head.bias[targets]
    scores = trace.scores.gather(1, targets[:, None])[:, 0]
    if bool(((rebuilt - scores).abs() > head.tolerance * scores.abs().clamp_min(1.0)).any()):
        raise Undefined(
            "the mean of the map plus the bias is not the score: no global average and linear layer"
        )
    return maps


def grad_cam(trace: Trace, layer: str = LAST) -> Tensor:
    """Grad-CAM: channels weighted by their mean gradient; what speaks for the class.

    Not negative, ``(b, h, w)``.

    alpha_k = (1/Z) sum_ij g^k_ij and L = ReLU(sum_k alpha_k A^k) (Selvaraju et al. 2017,
    arXiv:1610.02391, eq. 1-2).
    """
    return upsampled(relu(grad_cam_at_layer(trace, layer)), trace.size)


def grad_cam_at_layer(trace: Trace, layer: str = LAST) -> Tensor:
    """sum_k alpha_k A^k on the layer's own grid, before the ReLU, ``(b, h', w')``."""
    _, activations, gradients = trace.at(layer)
    return trace.once("grad-cam", layer, lambda: weighed(gradients.mean(dim=(2, 3)), activations))


def grad_cam_pp(trace: Trace, layer: str = LAST) -> Tensor:
    """Grad-CAM++: positive gradients weighted by place and channel. Not negative, ``(b, h, w)``.

    w_k = sum_ij alpha^k_ij ReLU(g^k_ij) with alpha = g^2 / (2 g^2 + (sum_ab A^k_ab) g^3), L = ReLU(sum_k
    w_k A^k) (Chattopadhay et al. 2018, arXiv:1710.11063, eq. 19 with Y = exp(S)).

    Departures: no small number is added to the denominator, which would outweigh it; where g is 0,
    alpha is 0. The factor exp(S^c), one number a picture, is dropped: it changes no map's shape and overflows.

    Raises:
        Undefined: the layer's values may be negative; then the denominators may be too, and the map is noise.
    """
    return upsampled(relu(grad_cam_pp_at_layer(trace, layer)), trace.size)


def grad_cam_pp_at_layer(trace: Trace, layer: str = LAST) -> Tensor:
    """sum_k w_k A^k on the layer's own grid, ``(b, h', w')``; never negative, as no factor is."""
    record, activations, gradients = trace.at(layer)
    if not record.positive:
        raise Undefined(NEGATIVE.format(name=record.name))
    return trace.once(
        "grad-cam++", layer, lambda: weighed(pp_terms(activations, gradients).sum(dim=(2, 3)), activations)
    )


def pp_terms(activations: Tensor, gradients: Tensor) -> Tensor:
    """alpha^k_ij ReLU(g^k_ij), whose sum over places is w_k, ``(b, c, h', w')``.

    alpha is divided through by g^2, so that small gradients do not underflow. A gradient that is not positive
    has no part in w_k; so the denominator 2 + (sum_ab A^k_ab) ReLU(g) serves, which is never below 2.
    """
    positive = relu(gradients)
    below = activations.sum(dim=(2, 3), keepdim=True) * positive
    return positive.div_(below.add_(2))  # both are our own: a third such tensor would cost as much again


def weighed(weights: Tensor, activations: Tensor) -> Tensor:
    """sum_k w_k A^k: ``(b, c)`` and ``(b, c, h', w')`` to ``(b, h', w')``, without a tensor of the products."""
    maps = torch.bmm(weights[:, None], activations.flatten(2))
    return maps.reshape(len(maps), *activations.shape[2:])


def upsampled(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """``(b, h', w')`` on the model's grid, bilinear."""
    if tuple(maps.shape[1:]) == tuple(size):
        return maps
    return interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
