"""A network of the zoo with its truth, from the cache or made now."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.detection import own, tasks, training
from benchmarks.detection.plans import Spec
from benchmarks.detection.truth import Truth, behaviour

SHIPPED = Path(__file__).resolve().parents[2] / "tests" / "benchmarks" / "zoo"
"""Weights of a few networks, so that nothing need be trained where time is short."""


def network(cache: Path, spec: Spec) -> nn.Module:
    """The network."""
    return training.trained(cache, spec.task, spec.arch, spec.seed, spec.family, spec.rho)


def key(spec: Spec) -> str:
    """The name under which the network of these pictures is kept."""
    return training.key(spec.task, spec.arch, spec.seed, spec.family, spec.rho)


def truth(cache: Path, spec: Spec) -> Truth:
    """What the network does with the artefact, by re-rendering; of a set without any: that it does nothing.

    Of a network on real pictures that is no Clever Hans by training: also what it does with what they bring along.
    """
    real = spec.task == "isic" and spec.trained != "hans"
    digest = tasks.digest(spec.task, spec.family) + ("-own" if real else "")
    path = cache / "truth" / f"{key(spec)}-{digest}.json"
    if path.is_file():
        return Truth(**json.loads(path.read_text("utf-8")))
    images, labels = tasks.stored(cache, spec.task, "truth", spec.seed)
    module = network(cache, spec)
    without = training.probabilities(module, images)
    planted = without
    if spec.family:
        planted = training.probabilities(module, tasks.planted(spec.task, "truth", spec.seed, spec.family)[0])
    found = behaviour(without, planted, np.asarray(labels))
    if real:
        drop, flip = own.exchanged(module, tasks.pictures(spec.task, "truth", spec.seed))
        found = replace(found, own_drop=drop, own_flip=flip)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(found)), "utf-8")
    return found


def unpack(cache: Path, specs: Iterable[Spec]) -> None:
    """Put the shipped weights into a cache that has none of its own. Their truth is measured like that of any other."""
    for spec in specs:
        place, given = cache / "networks" / f"{key(spec)}.pt", SHIPPED / f"{spec.name}.pt"
        if given.is_file() and not place.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(given, place)


def pack(cache: Path, specs: Iterable[Spec]) -> None:
    """Ship the weights of some networks, at half precision."""
    SHIPPED.mkdir(parents=True, exist_ok=True)
    for spec in specs:
        weights = network(cache, spec).state_dict()
        halves = {name: v.half() if v.is_floating_point() else v for name, v in weights.items()}
        torch.save(halves, SHIPPED / f"{spec.name}.pt")


def ready(specs: Iterable[Spec]) -> tuple[list[Spec], list[str]]:
    """The networks whose pictures are there, and a word on each set of pictures that is not."""
    specs = list(specs)
    absent = {task: why for task in tasks.TASKS if (why := tasks.TASKS[task].missing())}
    words = [
        f"{task}: {why}; {sum(s.task == task for s in specs)} networks are left out"
        for task, why in absent.items()
        if any(s.task == task for s in specs)
    ]
    return [s for s in specs if s.task not in absent], words
