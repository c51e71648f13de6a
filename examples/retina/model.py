"""The small network of the embedded example: residual blocks, a global average, one linear layer.

It is small so that an audit of it takes a minute. It ends as Zhou's class activation mapping asks.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

WIDTHS = (16, 16, 24, 32)
STRIDES = (2, 2, 1)


class Block(nn.Module):
    """Two 3x3 convolutions round a shortcut, as in He 2016."""

    def __init__(self, inward: int, outward: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inward, outward, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outward)
        self.conv2 = nn.Conv2d(outward, outward, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outward)
        self.relu = nn.ReLU()
        self.shortcut = nn.Sequential(
            nn.Conv2d(inward, outward, 1, stride, bias=False), nn.BatchNorm2d(outward)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        return self.relu(inner + self.shortcut(x))


def build() -> nn.Module:
    """The network with fresh weights: (n, 3, h, w) normalised pictures to (n, 2) logits, healthy and referable."""
    stem = nn.Sequential(nn.Conv2d(3, WIDTHS[0], 3, 2, 1, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU())
    stages = [Block(WIDTHS[k], WIDTHS[k + 1], stride) for k, stride in enumerate(STRIDES)]
    return nn.Sequential(
        OrderedDict(
            stem=stem,
            early=stages[0],
            middle=stages[1],
            late=stages[2],
            pool=nn.AdaptiveAvgPool2d(1),
            flat=nn.Flatten(),
            head=nn.Linear(WIDTHS[-1], 2),
        )
    )
