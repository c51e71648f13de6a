"""Builds a network from a factory, from torchvision or from timm, and fills in its weights. Nothing is
downloaded."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from audit.errors import ConfigError, ModelError
from audit.models.factory import made
from audit.models.torch_module import TorchClassifier
from audit.models.weights import fit_weights, read_weights
from audit.plugins import nearest
from audit.record.files import sha256

_DOWNLOADS = ("weights", "weights_backbone", "pretrained", "checkpoint_path", "pretrained_cfg_overlay")


def load_network(
    *,
    source: str,
    factory: str | Callable[..., Any] | None,
    name: str | None,
    args: Mapping[str, Any],
    weights: Path | str | None,
    classes: Sequence[str],
    output: str,
    size: Sequence[int],
    mean: Sequence[float],
    std: Sequence[float],
    trust: bool,
    folder: Path | None,
    device: str,
) -> TorchClassifier:
    """The network as a classifier; see :func:`audit.models.load`."""
    outputs = 1 if output == "sigmoid" else len(classes)
    if source == "python":
        module, named = made(factory, args, folder=folder)
        if not isinstance(module, nn.Module):
            raise ModelError(
                f"the factory {named} returned {type(module).__name__}, not an nn.Module",
                where="model.factory",
                todo="for source: python the factory returns the network; for predict use source: callable",
            )
    else:
        module, named = _from_zoo(source, name, args, outputs), str(name)
        if weights is None:
            raise ConfigError(
                f"the network {named} has no weights: its answers would be random",
                where="model.weights",
                todo="name the checkpoint to audit",
            )
    file: Path | None = None
    if weights is not None:
        file = Path(weights)
        if folder is not None and not file.is_absolute():
            file = folder / file
        fit_weights(module, read_weights(file, trust=trust), where=str(file))
    try:
        module = module.to(device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"the device {device!r} cannot be used: {error}",
            where="model.device",
            todo="leave it out, or: cpu",
        ) from error
    return TorchClassifier(
        module,
        classes=classes,
        output=output,
        size=size,
        mean=mean,
        std=std,
        device=device,
        identity={
            "source": source,
            "name": named,
            "weights": file.name if file else None,
            "sha256": sha256(file) if file else None,
        },
    )


def _from_zoo(source: str, name: str | None, args: Mapping[str, Any], outputs: int) -> nn.Module:
    if not name:
        raise ConfigError(
            f"source: {source} needs the network's name", where="model.name", todo="such as resnet18"
        )
    wrong = sorted(set(args) & set(_DOWNLOADS))
    if wrong:
        raise ConfigError(
            f"{wrong[0]!r} is not allowed here: nothing is downloaded",
            where=f"model.args.{wrong[0]}",
            todo="name a file under model.weights",
        )
    return _torchvision(name, args, outputs) if source == "torchvision" else _timm(name, args, outputs)


def _torchvision(name: str, args: Mapping[str, Any], outputs: int) -> nn.Module:
    from torchvision import models

    known = list(models.list_models(module=models))
    if name not in known:
        raise ConfigError(
            f"torchvision has no classifier {name!r}", where="model.name", todo=nearest(name, known)
        )
    # These two spend a minute drawing random weights that the checkpoint then replaces, and warn about it.
    quick = {"init_weights": False} if name in ("inception_v3", "googlenet") else {}
    return _built(name, lambda: models.get_model(name, weights=None, num_classes=outputs, **quick, **args))


def _timm(name: str, args: Mapping[str, Any], outputs: int) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise ConfigError(
            "source: timm needs the package timm", where="model.source", todo="pip install 'pfungst[timm]'"
        ) from error

    if not timm.is_model(name):
        raise ConfigError(
            f"timm has no network {name!r}", where="model.name", todo=nearest(name, timm.list_models())
        )
    return _built(name, lambda: timm.create_model(name, pretrained=False, num_classes=outputs, **args))


def _built(name: str, build: Callable[[], Any]) -> nn.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module: nn.Module = build()
    except Exception as error:
        raise ModelError(
            f"{name} cannot be built: {type(error).__name__}: {error}",
            where="model.args",
            todo="check model.args",
        ) from error
    return module
