"""Reads a file of weights into a network: strictly, and without running what the file might hold."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from audit.errors import ModelError, Problem

_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.", "model.")
_NAMED = 5


def read_weights(path: Path, *, trust: bool = False) -> dict[str, Tensor]:
    """The state dict in a ``.safetensors`` file or in a file that ``torch.save`` wrote.

    A state dict under ``state_dict``, ``model_state_dict`` or ``model`` is found too.

    Raises:
        ModelError: the file is missing, empty, cut off, not weights, or needs pickle and is not trusted.
    """
    where = str(path)
    if not path.is_file():
        raise ModelError("there is no such weights file", where=where, todo="check model.weights")
    if path.stat().st_size == 0:
        raise ModelError("the weights file is empty", where=where, todo="copy it again")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        thing = _loaded(path, weights_only=True)
    except Exception as error:
        if not _needs_pickle(error):
            raise ModelError(
                f"the weights file cannot be read: {_first_line(error)}",
                where=where,
                todo="it may be cut off or no weights file; copy it again or save the state dict again",
            ) from error
        if not trust:
            raise ModelError(
                "the weights file needs pickle, which can run any code that its maker put in: "
                + _first_line(error),
                where=where,
                todo="save the state dict as .safetensors, or give --trust if you trust its maker",
            ) from error
        thing = _read_trusted(path)
    return _state_dict(thing, where=where)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path, device="cpu")
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(
            f"the weights file is no readable safetensors file: {_first_line(error)}",
            where=str(path),
            todo="it may be cut off; copy it again",
        ) from error
    return tensors


def _loaded(path: Path, *, weights_only: bool) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on old formats; what matters is said in our errors
        return torch.load(path, map_location="cpu", weights_only=weights_only)


def _needs_pickle(error: Exception) -> bool:
    text = str(error)
    if isinstance(error, pickle.UnpicklingError):
        return any(sign in text for sign in ("GLOBAL", "Unsupported class", "instantiate", "Can only build"))
    return "TorchScript" in text


def _read_trusted(path: Path) -> Any:
    try:
        return _loaded(path, weights_only=False)
    except Exception as error:
        raise ModelError(
            f"the trusted weights file cannot be read: {type(error).__name__}: {_first_line(error)}",
            where=str(path),
            todo="the code that it was saved with must be importable here",
        ) from error


def _first_line(error: Exception) -> str:
    """The line of torch's long message that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    told = next((line for line in lines if "nsupported" in line or "TorchScript" in line), lines[0])
    told = told.removeprefix(
        "Please file an issue with the following so that we can make `weights_only=True` "
    )
    return told.partition(" Please use ")[0][:300]


def _state_dict(thing: Any, *, where: str) -> dict[str, Tensor]:
    if isinstance(thing, nn.Module):
        return dict(thing.state_dict())
    for key in _WRAPPERS:
        if isinstance(thing, Mapping) and isinstance(thing.get(key), Mapping | nn.Module):
            inner = thing[key]
            thing = inner.state_dict() if isinstance(inner, nn.Module) else inner
            break
    if isinstance(thing, Mapping):
        tensors = {str(name): value for name, value in thing.items() if isinstance(value, Tensor)}
        if tensors and len(tensors) == len(thing):
            return tensors
    raise ModelError(
        f"the weights file holds {type(thing).__name__}, not a state dict of tensors",
        where=where,
        todo="save module.state_dict()",
    )


def fit_weights(module: nn.Module, weights: Mapping[str, Tensor], *, where: str) -> None:
    """Loads the weights into the module: every name and every shape must fit.

    Prefixes that wrappers leave (``module.``, ``model.``, ``_orig_mod.``) are taken off when all names
    bear them.

    Raises:
        ModelError: all that is missing, unexpected, of another shape or not finite, at once.
    """
    wanted = module.state_dict()
    given = _without_prefix(weights, wanted)
    shapes = [
        f"{name} is {tuple(given[name].shape)}, the network has {tuple(wanted[name].shape)}"
        for name in wanted
        if name in given and isinstance(wanted[name], Tensor) and given[name].shape != wanted[name].shape
    ]
    broken = [n for n, t in given.items() if t.is_floating_point() and not bool(torch.isfinite(t).all())]
    missing = [n for n in wanted if n not in given and not n.endswith("num_batches_tracked")]
    unexpected = [n for n in given if n not in wanted]
    problems = [
        Problem(what=f"{len(names)} {what}: {_listed(names)}", where=where, todo=todo)
        for names, what, todo in (
            (
                missing,
                "weights that the network needs are not in the file",
                "is it the right network, with the right args?",
            ),
            (
                unexpected,
                "weights in the file have no place in the network",
                "is it the right network, with the right args?",
            ),
            (shapes, "weights have another shape", "check the number of classes, and args"),
            (
                broken,
                "weights hold NaN or infinity",
                "the training may have failed; take an earlier checkpoint",
            ),
        )
        if names
    ]
    if problems:
        raise ModelError(problems)
    module.load_state_dict(dict(given), strict=False)


def _without_prefix(weights: Mapping[str, Tensor], wanted: Mapping[str, Any]) -> Mapping[str, Tensor]:
    for _ in _PREFIXES:
        for prefix in _PREFIXES:
            if (
                weights
                and all(n.startswith(prefix) for n in weights)
                and not all(n.startswith(prefix) for n in wanted)
            ):
                weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    return weights


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + rest
