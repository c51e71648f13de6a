"""EfficientNet-Lite0 with one linear layer for two classes, as timm builds it."""

from __future__ import annotations

import timm
from torch import nn


def build() -> nn.Module:
    """The network with fresh weights: (n, 3, h, w) normalised pictures to (n, 2) logits."""
    network: nn.Module = timm.create_model("tf_efficientnet_lite0", num_classes=2)
    return network
