"""Small networks of the families that are audited, with random weights and calibrated batch norms."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from audit.models.torch_module import TorchClassifier

CLASSES = ("a", "b", "c")


def pictures(n: int = 4, size: int = 32, seed: int = 0) -> NDArray[np.float32]:
    """Smooth colour blobs, so that the networks see structure at every scale."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.random((n, 3, 6, 6), dtype=np.float32))
    smooth = F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=False).clamp(0, 1)
    return np.ascontiguousarray(smooth.permute(0, 2, 3, 1).numpy())


def calibrated(module: nn.Module, size: int) -> nn.Module:
    """Batch norms get the statistics of some pictures: with their fresh ones, deep maps die out or blow up."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None
            part.reset_running_stats()
    module.train()
    with torch.no_grad():
        module(torch.from_numpy(pictures(8, size, seed=9)).permute(0, 3, 1, 2))
    return module.eval()


def classifier(module: nn.Module, size: int = 32, **more: object) -> TorchClassifier:
    settings: dict[str, object] = {
        "classes": CLASSES,
        "size": (size, size),
        "mean": (0.5,) * 3,
        "std": (0.25,) * 3,
    }
    return TorchClassifier(module, **(settings | more))  # type: ignore[arg-type]


class Functional(nn.Module):
    """A small network whose non-linearities and poolings are plain calls."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1)
        self.three, self.fc = nn.Conv2d(8, 10, 3, padding=1), nn.Linear(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.one(x)), 2)
        x = F.max_pool2d(F.relu(self.two(x), inplace=True), 2)
        return self.fc(F.relu(self.three(x)).mean((2, 3)))


class SharedReLU(nn.Module):
    """One ReLU module for the whole network, in place."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 8, 3, stride=2, padding=1)
        self.three, self.fc = nn.Conv2d(8, 10, 3, stride=2, padding=1), nn.Linear(10, 3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.three(self.relu(self.two(self.relu(self.one(x))))))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


def resnet() -> nn.Module:
    from torchvision.models.resnet import BasicBlock, ResNet

    return ResNet(BasicBlock, [1, 1, 1, 1], num_classes=3)


def densenet() -> nn.Module:
    from torchvision.models import DenseNet

    return DenseNet(growth_rate=8, block_config=(2, 2, 2, 2), num_init_features=16, num_classes=3)


def convnext() -> nn.Module:
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    return ConvNeXt(
        [CNBlockConfig(16, 32, 1), CNBlockConfig(32, 48, 1), CNBlockConfig(48, None, 1)], num_classes=3
    )


def vit() -> nn.Module:
    from torchvision.models import VisionTransformer

    net = VisionTransformer(32, 8, num_layers=3, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=3)
    nn.init.normal_(net.heads.head.weight)
    return net


def swin() -> nn.Module:
    from torchvision.models import SwinTransformer

    return SwinTransformer([2, 2], 16, [1, 1, 1], [2, 2, 2], [4, 4], num_classes=3)


def timm_vit(**more: object) -> nn.Module:
    import timm

    sizes = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 3, "num_heads": 2, "num_classes": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = timm.create_model("vit_tiny_patch16_224", pretrained=False, **(sizes | more))
    nn.init.normal_(net.head.weight)
    return net


def vgg() -> nn.Module:
    from torchvision.models.vgg import VGG, make_layers

    net = VGG(make_layers([8, "M", 12, "M", 16, "M"]), num_classes=3, init_weights=False)
    net.avgpool = nn.AdaptiveAvgPool2d(2)
    net.classifier = nn.Sequential(nn.Linear(16 * 4, 12), nn.ReLU(True), nn.Dropout(), nn.Linear(12, 3))
    return net


NETS: dict[str, Callable[[], nn.Module]] = {
    "functional": Functional,
    "shared": SharedReLU,
    "resnet": resnet,
    "densenet": densenet,
    "convnext": convnext,
    "vit": vit,
    "swin": swin,
    "timm-vit": timm_vit,
    "vgg": vgg,
}


def built(name: str, size: int = 32, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return calibrated(NETS[name](), size)
