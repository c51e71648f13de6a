"""What an audit was given: a configuration, or the objects at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from audit import config as configuration
from audit import models
from audit.config import Config
from audit.errors import ConfigError, DataError, ModelError
from audit.images.source import Source, from_manifest, from_rows
from audit.models import Classifier
from audit.settings import ImagesConfig, ModelConfig


def assembled(model: Any, images: Any, classes: Sequence[str] | None, settings: dict[str, Any]) -> Config:
    """A configuration from what was given in Python."""
    if model is None or images is None or classes is None:
        raise ConfigError("give a configuration, or model, images and classes")
    of_model = {k: v for k, v in settings.items() if k in ModelConfig.model_fields}
    of_images = {k: v for k, v in settings.items() if k in ImagesConfig.model_fields}
    rest = {k: v for k, v in settings.items() if k not in of_model and k not in of_images}
    kind = "python" if hasattr(model, "state_dict") else "callable"
    manifest = str(images) if isinstance(images, Path | str) else "(rows at hand)"
    return configuration.checked(
        {
            "model": {"source": kind, "factory": "(at hand)", "classes": list(classes), **of_model},
            "images": {"manifest": manifest, **of_images},
            **rest,
        }
    )


def source(config: Config, folder: Path, images: Any, keep_going: bool) -> Source:
    """The cases, from the manifest or from rows at hand."""
    columns = config.images.columns
    root = None if config.images.root is None else folder / config.images.root
    if images is not None:
        if isinstance(images, Mapping) or not isinstance(images, Iterable):
            raise DataError(
                f"images is {type(images).__name__}: give a manifest's path, a data frame or rows",
                todo="a row is a mapping with image and label",
            )
        rows = images.to_dict("records") if hasattr(images, "to_dict") else list(images)
        return from_rows(
            rows,
            classes=config.model.classes,
            labels=config.images.labels,
            kinds=columns.kinds,
            root=root or folder,
            keep_going=keep_going,
        )
    return from_manifest(
        folder / config.images.manifest,
        root=root,
        columns=columns.given(),
        labels=config.images.labels,
        classes=config.model.classes,
        kinds=columns.kinds,
        keep_going=keep_going,
    )


def classifier(config: Config, folder: Path, trust: bool, model: Any) -> Classifier:
    """Who is asked: what the configuration names, or the object at hand."""
    settings = config.model
    mean, std = settings.normalisation
    if model is None:
        return models.load(
            **settings.model_dump(
                include={"source", "factory", "name", "args", "weights", "classes", "output"}
            ),
            size=settings.size,
            mean=mean,
            std=std,
            trust=trust,
            folder=folder,
            device=settings.device,
        )
    if settings.source == "callable":
        if not callable(model):
            raise ModelError(f"the model is {type(model).__name__}, which cannot be called")
        from audit.models.callable import CallableClassifier

        return CallableClassifier(model, classes=settings.classes, size=settings.size)
    from audit.models.torch_module import TorchClassifier

    return TorchClassifier(
        model, classes=settings.classes, output=settings.output, size=settings.size, mean=mean, std=std
    )


def fitted(config: Config, classifier: Classifier) -> Config:
    """The configuration with the number of pictures that are asked at once.

    Raises:
        ConfigError: the memory does not suffice for one picture, or belongs to a black box.
    """
    batch = config.batch or models.BATCH
    if hasattr(classifier, "module"):
        from audit.models.room import fit

        classifier.precision = config.model.precision  # type: ignore[attr-defined]
        batch = fit(classifier, batch=config.batch, memory=config.memory)  # type: ignore[arg-type]
    elif config.memory is not None:
        raise ConfigError(
            "what a pass of a black box takes cannot be known",
            where="memory",
            todo="leave it out, and set batch",
        )
    return config.model_copy(update={"batch": batch})
