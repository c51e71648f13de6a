"""A black box: any function from pictures to probabilities. Needs no torch.

LIME and every removal work on it; explainers that look inside do not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audit.errors import ModelError
from audit.models import Images, Probabilities, out_of_memory
from audit.models.factory import made

_SLACK = 1e-6


def checked(answers: Any, *, rows: int, classes: Sequence[str], who: str) -> Probabilities:
    """The answers as float64 ``(rows, classes)``, each a finite number in [0, 1].

    Raises:
        ModelError: naming what is wrong with the shape or the values.

    >>> checked([[0.25, 0.75]], rows=1, classes=("a", "b"), who="toy")
    array([[0.25, 0.75]])
    """
    try:
        table = np.asarray(answers, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{who} answered {type(answers).__name__}, which is no table of numbers") from error
    if table.shape != (rows, len(classes)):
        raise ModelError(
            f"{who} answered {table.shape} for {rows} pictures and {len(classes)} classes "
            f"({', '.join(classes)}); ({rows}, {len(classes)}) was expected",
            where="model.classes",
            todo="return one probability for each class, in the order of model.classes",
        )
    if not np.isfinite(table).all():
        raise ModelError(f"{who} answered with NaN or infinity for {_which(~np.isfinite(table))}")
    outside = (table < -_SLACK) | (table > 1 + _SLACK)
    if outside.any():
        worst = table[outside][0]
        raise ModelError(
            f"{who} answered {worst:.6g}, which is no probability, for {_which(outside)}",
            todo="return probabilities, not scores",
        )
    return np.clip(table, 0.0, 1.0)


def _which(wrong: Any) -> str:
    return f"{int(wrong.any(axis=1).sum())} of {len(wrong)} pictures"


class CallableClassifier:
    """A function ``predict(images (n, h, w, 3) in [0, 1]) -> probabilities (n, k)`` as a classifier."""

    def __init__(
        self,
        function: Callable[[Images], Any],
        *,
        classes: Sequence[str],
        size: Sequence[int],
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        self.classes = tuple(classes)
        self.size = (int(size[0]), int(size[1]))
        self._function = function
        who = getattr(function, "__qualname__", type(function).__name__)
        self.identity: dict[str, Any] = {
            "source": "callable",
            "name": who,
            "weights": None,
            "sha256": None,
            "parameters": None,
            "architecture": who,
            **(identity or {}),
        }

    def predict(self, images: Images) -> Probabilities:
        """Probabilities ``(n, k)`` of pictures ``(n, h, w, 3)``. The function gets a copy: it cannot change ours.

        Raises:
            ModelError: it failed, or what it answered is no table of probabilities.
        """
        if len(images) == 0:
            return np.zeros((0, len(self.classes)))
        who = f"the model {self.identity['name']}"
        try:
            answers = self._function(np.array(images, dtype=np.float32))
        except (Exception, SystemExit) as error:  # whatever a function of the user's may raise
            if len(images) > 1 and out_of_memory(error):
                return self._in_halves(images)
            raise ModelError(
                f"{who} failed on pictures {images.shape}: {type(error).__name__}: {error}",
                todo="call it by itself on such an array, float32 in [0, 1]",
            ) from error
        return checked(answers, rows=len(images), classes=self.classes, who=who)

    def _in_halves(self, images: Images) -> Probabilities:
        """So many pictures at once do not fit into the memory; half of them may."""
        half = len(images) // 2
        return np.concatenate([self.predict(images[:half]), self.predict(images[half:])])


def load_callable(
    *,
    factory: str | Callable[..., Any] | None,
    args: Mapping[str, Any],
    classes: Sequence[str],
    size: Sequence[int],
    folder: Path | None,
) -> CallableClassifier:
    """The black box that ``factory(**args)`` returns."""
    function, name = made(factory, args, folder=folder)
    if not callable(function):
        raise ModelError(
            f"the factory {name} returned {type(function).__name__}, which cannot be called",
            where="model.factory",
            todo="for source: callable the factory returns predict(images) -> probabilities",
        )
    return CallableClassifier(
        function,
        classes=classes,
        size=size,
        identity={"name": name, "architecture": getattr(function, "__qualname__", type(function).__name__)},
    )
