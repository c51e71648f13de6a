"""A torch network as a classifier. The network is asked in eval mode and handed back as it came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from audit.errors import ModelError
from audit.models import Images, Probabilities
from audit.models.features import Way, features, way_to_watch

ROWS = 8
"""Pictures in one pass. A batch is cut into passes of exactly so many, the last filled up with its last picture:
torch takes other kernels for other numbers of rows, which round differently, and a picture's answer must not
depend on the batch that it came in. More than this is no faster on a processor."""


@contextmanager
def as_found(module: nn.Module) -> Iterator[None]:
    """The module is in eval mode inside the block; each part's own training flag is put back, whatever
    happens; so are buffers that a forward pass writes into, and torch's random state.

    Nothing else is touched: weights, ``requires_grad``, hooks and ``.grad`` stay as they are. Inside, tensors can
    have gradients, though the caller may be in inference mode, and a compiled network runs uncompiled: its hooks
    and calls cannot be watched otherwise.
    """
    flags = [(part, part.training) for part in module.modules()]
    buffers = [(b, b._version, b.clone()) for b in module.buffers() if not b.is_inference()]
    cards = sorted({p.device.index for p in module.parameters() if p.is_cuda})
    eager = torch.compiler.set_stance("force_eager") if _compiled(module) else nullcontext()
    try:
        module.eval()
        with torch.inference_mode(False), torch.random.fork_rng(devices=cards), eager:
            yield
    finally:
        with torch.inference_mode(False), torch.no_grad():
            for buffer, version, before in buffers:
                if buffer._version != version:
                    buffer.copy_(before)
        for part, training in flags:
            part.training = training


def _compiled(module: nn.Module) -> bool:
    return any(
        hasattr(part, "_orig_mod") or getattr(part, "_compiled_call_impl", None) is not None
        for part in module.modules()
    )


def passes(batch: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """The batch in parts of exactly ``ROWS`` rows, each with the rows of the batch that it holds.

    >>> [(rows, len(part)) for rows, part in passes(torch.zeros(11, 2))]
    [(slice(0, 8, None), 8), (slice(8, 11, None), 8)]
    """
    for start in range(0, len(batch), ROWS):
        part = batch[start : start + ROWS]
        short = ROWS - len(part)
        full = torch.cat([part, part[-1:].expand(short, *part.shape[1:])]) if short else part
        yield slice(start, start + len(part)), full


def logits_of(answer: Any) -> Tensor:
    """The scores in what a network returned: a tensor, or the obvious one in a dict, a tuple or an
    output object.

    Raises:
        ModelError: nothing, or more than one thing, could be the scores.
    """
    if isinstance(answer, Tensor):
        return answer
    named = answer if isinstance(answer, Mapping) else getattr(answer, "__dict__", {})
    for key in ("logits", "output", "out"):
        if isinstance(named.get(key), Tensor):
            found: Tensor = named[key]
            return found
    if isinstance(getattr(answer, "logits", None), Tensor):
        return answer.logits  # type: ignore[no-any-return]
    values = list(answer.values()) if isinstance(answer, Mapping) else answer
    if isinstance(values, list | tuple):
        tensors = [value for value in values if isinstance(value, Tensor)]
        if len(tensors) == 1:
            return tensors[0]
    raise ModelError(
        f"the network returned {type(answer).__name__}; which part holds the class scores is not plain",
        where="model.factory",
        todo="wrap it so that it returns one tensor of scores (n, classes), or a dict with 'logits'",
    )


class TorchClassifier:
    """A network as a classifier.

    Args:
        output: ``softmax`` (one score a class), ``sigmoid`` (one score; two classes) or ``multilabel``
            (one score a class, each through its own sigmoid).
        mean, std: of the channels; the network gets ``(pixel - mean) / std``.
        device: where the network is; by default where its parameters are.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        classes: Sequence[str],
        output: str = "softmax",
        size: Sequence[int] = (224, 224),
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
        device: str | None = None,
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        self.module = module
        self.classes = tuple(classes)
        self.size = (int(size[0]), int(size[1]))
        self.output = output
        self.mean, self.std = tuple(map(float, mean)), tuple(map(float, std))
        if any(isinstance(p, nn.parameter.UninitializedParameter) for p in module.parameters()):
            raise ModelError(
                "the network has lazy layers that were never given a picture, so it has no weights yet",
                where="model.factory",
                todo="call it once in the factory, or name its layers' sizes",
            )
        first = next((p for p in module.parameters() if p.is_floating_point()), torch.zeros(0))
        self.device, self.dtype = torch.device(device) if device else first.device, first.dtype
        if self.device.type != first.device.type and first.numel():
            raise ModelError(
                f"the network lies on {first.device}, and it was to be asked on {self.device}",
                where="model.device",
                todo="move it there first, or leave the device out",
            )
        if output == "sigmoid" and len(self.classes) != 2:
            raise ModelError(
                f"one score with a sigmoid tells two classes apart, and {len(self.classes)} are named",
                where="model.classes",
                todo="name two classes, the negative one first; or output: softmax or multilabel",
            )
        self.identity: dict[str, Any] = {
            "source": "python",
            "name": type(module).__name__,
            "weights": None,
            "sha256": None,
            "parameters": sum(p.numel() for p in module.parameters()),
            "architecture": type(module).__name__,
            **(identity or {}),
        }
        self._way: Way | None = None
        self._sought = False

    def tensor(self, images: Images) -> Tensor:
        """Pictures ``(n, h, w, 3)`` as a tensor ``(n, 3, h, w)`` in [0, 1] on the network's device.

        For a network in half precision too it is float32: only what is ready to be shown is rounded.
        """
        array = np.ascontiguousarray(np.moveaxis(np.asarray(images, dtype=np.float32), 3, 1))
        wide = torch.float64 if self.dtype == torch.float64 else torch.float32
        return torch.from_numpy(array).to(device=self.device, dtype=wide)

    def normalised(self, pixels: Tensor) -> Tensor:
        """``(pixels - mean) / std`` for each channel: what the network is given."""
        mean = torch.tensor(self.mean, dtype=pixels.dtype, device=pixels.device).view(1, -1, 1, 1)
        std = torch.tensor(self.std, dtype=pixels.dtype, device=pixels.device).view(1, -1, 1, 1)
        return (pixels - mean) / std

    def scores(self, x: Tensor) -> Tensor:
        """The class scores S^c ``(n, k)`` of normalised input, before softmax or sigmoid.

        For one score z: S of the second class is z, of the first -z. The caller sees to eval mode.

        Raises:
            ModelError: the network failed, or the number of its scores is not that of the classes.
        """
        return self.class_scores(self.raw(x))

    def raw(self, x: Tensor) -> Tensor:
        """What the network itself puts out for normalised input: one tensor of scores.

        Raises:
            ModelError: the network failed, or what it returned holds no plain scores.
        """
        try:
            answer = self.module(x.to(self.dtype))
        except torch.OutOfMemoryError:
            raise
        except (Exception, SystemExit) as error:  # whatever a network of the user's may raise
            raise ModelError(
                f"the network failed on pictures {tuple(x.shape)}: {type(error).__name__}: {error}",
                where="model.size",
                todo=f"check model.size, and that the network takes three channels and {ROWS} pictures at once",
            ) from error
        return logits_of(answer)

    def class_scores(self, z: Tensor) -> Tensor:
        """The network's own output ``(n, k)`` as one score a class; of one score z, ``(-z, z)``."""
        rows = len(z) if z.ndim else 0
        if z.ndim > 2 and z[0].numel() == z.shape[1]:
            z = z.flatten(1)  # (n, k, 1, 1), as a head of convolutions puts out
        if self.output == "sigmoid" and z.ndim == 1:
            z = z[:, None]
        wanted = 1 if self.output == "sigmoid" else len(self.classes)
        if z.ndim != 2 or z.shape != (rows, wanted):
            raise ModelError(
                f"the network has {tuple(z.shape[1:])} outputs a picture, and output: {self.output} with the "
                f"{len(self.classes)} classes ({', '.join(self.classes)}) needs ({wanted},)",
                where="model.classes",
                todo="name one class for each output, or change model.output",
            )
        return torch.cat([-z, z], dim=1) if self.output == "sigmoid" else z

    def probabilities(self, scores: Tensor) -> Probabilities:
        """Probabilities of class scores, in float64, so that very small ones keep their digits."""
        wide = scores.detach().to(device="cpu", dtype=torch.float64)
        if not bool(torch.isfinite(wide).all()):
            raise ModelError(
                "the network answered with NaN or infinity",
                todo="check the weights, and mean and std",
            )
        table = torch.softmax(wide, dim=1) if self.output == "softmax" else torch.sigmoid(wide)
        return table.numpy()

    def predict(self, images: Images) -> Probabilities:
        """Probabilities ``(n, k)`` of pictures ``(n, h, w, 3)`` in [0, 1], of as many as there are."""
        answers = np.zeros((len(images), len(self.classes)))
        with as_found(self.module), torch.no_grad():
            for rows, part in passes(self.normalised(self.tensor(images))):
                answers[rows] = self.probabilities(self.scores(part))[: rows.stop - rows.start]
        return answers

    def look(self, images: Images) -> tuple[Probabilities, NDArray[np.float32] | None]:
        """What :meth:`predict` says, bit for bit, and what the network saw before it decided.

        Returns:
            Probabilities ``(n, k)``, and features ``(n, d)``, d at most 16: the input of the last linear layer, or of
            the last convolution where there is none, averaged over places and cut by a fixed random projection. None
            where the network hides it, and for no pictures.
        """
        answers = np.zeros((len(images), len(self.classes)))
        batch = list(passes(self.normalised(self.tensor(images))))
        if batch and not self._sought:
            self._way, self._sought = way_to_watch(self.module, lambda: self._pass(batch[0][1])), True
        if self._way is None or not batch:
            return self.predict(images), None
        found = []
        with as_found(self.module), torch.no_grad():
            for rows, part in batch:
                with self._way.watch(self.module) as watch:
                    scores = self.scores(part)
                count = rows.stop - rows.start
                answers[rows] = self.probabilities(scores)[:count]
                seen = features(watch.given, len(part))
                if seen is not None:
                    found.append(seen[:count])
        return answers, np.concatenate(found) if len(found) == len(batch) else None

    def _pass(self, part: Tensor) -> Tensor:
        with as_found(self.module), torch.no_grad():
            return self.scores(part)
