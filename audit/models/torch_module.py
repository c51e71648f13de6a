"""A torch network as a classifier. The network is asked in eval mode and handed back as it came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from audit.errors import ModelError
from audit.models import Images, Probabilities, out_of_memory
from audit.models.content import content_digest
from audit.models.features import Way, features, way_to_watch
from audit.models.room import ROWS, in_passes, passes

__all__ = ["TorchClassifier", "as_found", "logits_of", "passes"]

LANES = 16
"""Channels that a processor works on at once. With a first convolution of another width, torch 2.15 has been seen to
crash in the backward pass of a picture whose channels lie last."""


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


def wide_enough(module: nn.Module) -> bool:
    """Has it convolutions, and do those that take a picture fill a processor's lanes?"""
    convolutions = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    first = [part for part in convolutions if part.in_channels <= 4]
    return bool(convolutions) and all(part.out_channels % LANES == 0 for part in first)


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
        precision: ``bf16`` asks in half precision, where no gradient is wanted; gradients are always taken in the
            network's own.

    ``rows`` is the number of pictures in one pass; :func:`audit.models.room.fit` sets it.
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
        precision: str = "fp32",
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        self.module = module
        self.classes = tuple(classes)
        self.size = (int(size[0]), int(size[1]))
        self.output, self.precision, self.rows = output, precision, ROWS
        self._last: bool | None = None
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
            "content": content_digest(module),
            "parameters": sum(p.numel() for p in module.parameters()),
            "architecture": type(module).__name__,
            **(identity or {}),
        }
        self._way: Way | None = None
        self._sought = False

    @property
    def channels_last(self) -> bool:
        """May the picture be given with its channels last in memory? Convolutions are up to a sixth faster so.

        Found out once, by two passes: a network that asks for views of its tensors may refuse, and small pictures may
        get other bits in another row of the pass.
        """
        if self._last is None:
            self._last = False
            if wide_enough(self.module):
                with suppress(Exception):  # whatever it is, it is told when a real picture meets it
                    self._last = self._steady()
        return self._last

    def _steady(self) -> bool:
        """Are a picture's scores and gradient the same bits in another row, with the channels last?"""
        x = torch.from_numpy(np.random.default_rng(0).random((ROWS, *self.size, 3), dtype=np.float32))
        found = []
        for shown in (x, x.roll(3, 0)):
            leaf = shown.to(self.device).movedim(3, 1).requires_grad_()
            with as_found(self.module), torch.enable_grad():
                scores = self.scores(leaf)
                slope = torch.autograd.grad(scores[:, 0].sum(), leaf)[0]
            found.append((scores.detach(), slope))
        (scores, slope), moved = found
        return torch.equal(scores.roll(3, 0), moved[0]) and torch.equal(slope.roll(3, 0), moved[1])

    def tensor(self, images: Images) -> Tensor:
        """Pictures ``(n, h, w, 3)`` as a tensor ``(n, 3, h, w)`` in [0, 1] on the network's device.

        For a network in half precision too it is float32: only what is ready to be shown is rounded.
        """
        array = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32)).movedim(3, 1)
        if not self.channels_last:
            array = array.contiguous()
        if self.device.type == "cuda":
            array = array.pin_memory()
        wide = torch.float64 if self.dtype == torch.float64 else torch.float32
        return array.to(device=self.device, dtype=wide, non_blocking=True)

    def laid(self, x: Tensor) -> Tensor:
        """The input in one order in memory, whatever it was made of: another order takes other kernels."""
        order = torch.channels_last if self.channels_last else torch.contiguous_format
        return x.contiguous(memory_format=order)

    def normalised(self, pixels: Tensor) -> Tensor:
        """``(pixels - mean) / std`` for each channel: what the network is given."""
        # as large as a picture, in its order: a channel at a time takes several times as long
        last = pixels.is_contiguous(memory_format=torch.channels_last)
        order = torch.channels_last if last else torch.contiguous_format
        mean, std = (
            torch.tensor(values, dtype=pixels.dtype, device=pixels.device)
            .view(1, -1, 1, 1)
            .expand(1, *pixels.shape[1:])
            .contiguous(memory_format=order)
            for values in (self.mean, self.std)
        )
        return (pixels - mean).div_(std)

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
        half = self.precision == "bf16" and not torch.is_grad_enabled()
        try:
            with torch.autocast(self.device.type, torch.bfloat16) if half else nullcontext():
                answer = self.module(x.to(self.dtype))
        except (Exception, SystemExit) as error:  # whatever a network of the user's may raise
            if out_of_memory(error):
                raise
            raise ModelError(
                f"the network failed on pictures {tuple(x.shape)}: {type(error).__name__}: {error}",
                where="model.size",
                todo=f"check model.size, and that the network takes three channels and {len(x)} pictures at once",
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
        x = self.normalised(self.tensor(images))
        answers = np.zeros((len(images), len(self.classes)))
        for rows, scores in in_passes(self, x, lambda _, part: self._pass(part)):
            answers[rows] = self.probabilities(scores)[: rows.stop - rows.start]
        return answers

    def look(self, images: Images) -> tuple[Probabilities, NDArray[np.float32] | None]:
        """What :meth:`predict` says, bit for bit, and what the network saw before it decided.

        Returns:
            Probabilities ``(n, k)``, and features ``(n, d)``, d at most 16: the input of the last linear layer, or of
            the last convolution where there is none, averaged over places and cut by a fixed random projection. None
            where the network hides it, and for no pictures.
        """
        x = self.normalised(self.tensor(images))
        if len(x) and not self._sought:
            seek = in_passes(self, x, lambda _, part: way_to_watch(self.module, lambda: self._pass(part)))
            self._way, self._sought = next(seek)[1], True
        if (way := self._way) is None or not len(x):
            return self.predict(images), None

        def watched(_: slice, part: Tensor) -> tuple[Tensor, NDArray[np.float32] | None]:
            with as_found(self.module), torch.no_grad(), way.watch(self.module) as watch:
                scores = self.scores(part)
            return scores, features(watch.given, len(part))

        answers, found = np.zeros((len(images), len(self.classes))), []
        for rows, (scores, seen) in in_passes(self, x, watched):
            count = rows.stop - rows.start
            answers[rows] = self.probabilities(scores)[:count]
            found.append(None if seen is None else seen[:count])
        known = [seen for seen in found if seen is not None]
        return answers, np.concatenate(known) if len(known) == len(found) else None

    def scores_with_gradient(self, x: Tensor) -> Tensor:
        """The class scores ``(n, k)`` of normalised input, with autograd's graph from the input on."""
        with as_found(self.module), torch.enable_grad():
            return self.scores(x.detach().clone().requires_grad_().clone())

    def _pass(self, part: Tensor) -> Tensor:
        with as_found(self.module), torch.no_grad():
            return self.scores(part)
