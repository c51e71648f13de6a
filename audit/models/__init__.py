"""Who is asked: the protocol that every model meets, and one file for each kind of model.

This module needs no torch; a black box is loaded and asked without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from audit.errors import ConfigError, ModelError
from audit.plugins import nearest

Images = NDArray[np.float32]
"""float32 ``(n, h, w, 3)`` in [0, 1], on the model's grid."""

Probabilities = NDArray[np.float64]
"""float64 ``(n, k)``, in the order of the classes."""

BATCH = 16
"""Pictures that are gathered before a model is asked, unless the configuration says otherwise."""

SOURCES = ("python", "torchvision", "timm", "callable")
OUTPUTS = ("softmax", "sigmoid", "multilabel")


_SAID = ("can't allocate memory", "cannot allocate memory", "not enough memory", "out of memory")


def out_of_memory(error: BaseException) -> bool:
    """Does the error say that there was no room? Knows torch's errors by their name and words.

    >>> out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"))
    True
    >>> out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    False
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(said in str(error).lower() for said in _SAID)


@runtime_checkable
class Classifier(Protocol):
    """What can be asked: pictures in, a probability for each class out.

    ``size`` is (rows, columns). ``identity`` holds plain values for the manifest: where the model came
    from, its weights' file and sha256, the number of its parameters and the name of its class.
    """

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def identity(self) -> dict[str, Any]: ...

    def predict(self, images: Images) -> Probabilities: ...


def load(
    *,
    source: str,
    factory: str | Callable[..., Any] | None = None,
    name: str | None = None,
    args: Mapping[str, Any] | None = None,
    weights: Path | str | None = None,
    classes: Sequence[str],
    output: str = "softmax",
    size: Sequence[int] = (224, 224),
    mean: Sequence[float] = (0.0, 0.0, 0.0),
    std: Sequence[float] = (1.0, 1.0, 1.0),
    trust: bool = False,
    folder: Path | None = None,
    device: str = "cpu",
) -> Classifier:
    """The classifier that a configuration's ``model`` names. Nothing is ever downloaded.

    Args:
        source: ``python``, ``torchvision``, ``timm`` or ``callable``.
        factory: ``"module:function"``, called with ``args``. For ``python`` it returns an ``nn.Module``, for
            ``callable`` it returns ``predict(images) -> probabilities``. A function itself may be given.
        name: the network's name for ``torchvision`` and ``timm``.
        weights: a ``.safetensors`` file or a state dict that ``torch.load(weights_only=True)`` reads.
        mean, std: of the channels, applied to pictures in [0, 1]. Networks only: a callable gets [0, 1].
        trust: allow a weights file that needs pickle, which can run any code.
        folder: where the configuration lies; modules and weights are looked for there too.

    Raises:
        ConfigError: the source, factory or name is unknown, or a needed key is missing.
        ModelError: the model cannot be built, its weights cannot be read, or they do not fit.
    """
    if source not in SOURCES:
        raise ConfigError(
            f"unknown model source {source!r}", where="model.source", todo=nearest(source, SOURCES)
        )
    if output not in OUTPUTS:
        raise ConfigError(f"unknown output {output!r}", where="model.output", todo=nearest(output, OUTPUTS))
    if source == "callable":
        from audit.models.callable import load_callable

        return load_callable(factory=factory, args=args or {}, classes=classes, size=size, folder=folder)

    try:
        from audit.models.loading import load_network
    except ImportError as error:
        raise ModelError(
            f"a network needs torch, which cannot be imported: {error}",
            where="model.source",
            todo="pip install 'pfungst[torch]'; only source: callable does without",
        ) from error

    return load_network(
        source=source,
        factory=factory,
        name=name,
        args=args or {},
        weights=weights,
        classes=classes,
        output=output,
        size=size,
        mean=mean,
        std=std,
        trust=trust,
        folder=folder,
        device=device,
    )
