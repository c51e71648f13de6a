"""What a whole audit costs over the bare passes that it made.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.overhead --cases 64

The whole run from the pictures on disk to the judgement, with every explainer, every removal and the second look;
only the rendering of the report is left out. The bare passes are forward passes without gradients and forward and
backward passes to the input, each at the best of several batch sizes, on the same network, before the run and after
it. What is left is told by stage, and with ``--profile`` by module.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

import audit
from audit.progress import Silent
from benchmarks.speed import sets
from benchmarks.speed.timing import conditions, processor

BATCHES = (8, 16)
AIM = 1.10


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=64)
    parser.add_argument("--networks", nargs="+", default=["resnet18", "densenet121"])
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--lime", type=int, default=256, help="LIME's samples for each fill")
    parser.add_argument(
        "--profile", action="store_true", help="what the rest is, by module (itself not free)"
    )
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(conditions())
    for name in given.networks:
        with tempfile.TemporaryDirectory() as folder:
            lime = {"samples": given.lime}
            print(told(name, Path(folder), given.cases, given.size, profile=given.profile, lime=lime))


def told(name: str, folder: Path, cases: int, size: int, *, profile: bool = False, **settings: Any) -> str:
    """Audit a network, and say what it cost over its passes, line by line. ``settings`` are the configuration's."""
    manifest = sets.write(folder / "set", cases, size)
    network = sets.network(name)
    before = bare(network, size)
    stages, work = Stages(), cProfile.Profile() if profile else None
    wall = time.perf_counter()
    with _profiled(work):
        with counted(network) as calls:
            run = audit.run(
                model=network,
                images=manifest,
                classes=sets.CLASSES,
                out=folder / "run",
                size=(size, size),
                progress=stages,
                report=False,
                **settings,
            )
        stages.end()
    wall = time.perf_counter() - wall
    after = bare(network, size)
    each = {kind: statistics.mean([before[kind], after[kind]]) for kind in before}
    passes = run.manifest["passes"]
    needed = cost(passes, each)
    spent = sum(stages.cpu.values())
    lines = [
        f"{name}: {cases} cases at {size} px, {passes_of(passes)[0]} forward passes and {passes_of(passes)[1]} "
        "forward and backward",
        f"  bare passes {1e3 * each['forward']:.1f} and {1e3 * each['both']:.1f} ms of CPU time a picture "
        f"(before {1e3 * before['forward']:.1f} and {1e3 * before['both']:.1f}, after "
        f"{1e3 * after['forward']:.1f} and {1e3 * after['both']:.1f}): {needed:.1f} s",
        f"  the run {spent:.1f} s of CPU time, {wall:.1f} s by the clock: ratio {spent / needed:.3f}, aim {AIM}",
        f"  inside the network's forward passes {calls['seconds']:.1f} s, on {calls['pictures']:.0f} pictures, "
        "those that fill up a pass counted in",
        *(f"    {name}: {seconds:.1f} s" for name, seconds in stages.cpu.items()),
    ]
    return "\n".join([*lines, *(_modules(work) if work else ())])


def passes_of(passes: Mapping[str, Any]) -> tuple[int, int]:
    """Forward passes, and forward and backward passes, in pictures, as the manifest counts them.

    >>> passes_of({"predict": 1, "trace": 2, "gradient": 3, "questions": 10})
    (11, 5)
    """
    return passes["predict"] + passes["questions"], passes["trace"] + passes["gradient"]


def cost(passes: Mapping[str, Any], each: Mapping[str, float]) -> float:
    """Seconds that the bare passes take, from seconds a picture.

    >>> cost({"predict": 1, "trace": 2, "gradient": 3, "questions": 10}, {"forward": 1.0, "both": 2.0})
    21.0
    """
    forward, both = passes_of(passes)
    return forward * each["forward"] + both * each["both"]


def bare(network: nn.Module, size: int, rounds: int = 3) -> dict[str, float]:
    """CPU seconds a picture of the two kinds of pass: the best batch size and order in memory, the median round."""
    found: dict[str, list[float]] = {"forward": [], "both": []}
    for batch in BATCHES:
        for order in (torch.contiguous_format, torch.channels_last):
            x = torch.rand(batch, 3, size, size).contiguous(memory_format=order)
            for kind, job in (("forward", _forward), ("both", _both)):
                job(network, x)
                times = []
                for _ in range(rounds):
                    start = time.process_time()
                    job(network, x)
                    times.append((time.process_time() - start) / batch)
                found[kind].append(statistics.median(times))
    return {kind: min(times) for kind, times in found.items()}


def _forward(network: nn.Module, x: torch.Tensor) -> None:
    with torch.no_grad():
        network(x)


def _both(network: nn.Module, x: torch.Tensor) -> None:
    leaf = x.detach().requires_grad_()
    torch.autograd.grad(network(leaf.clone())[:, 0].sum(), leaf)


@contextmanager
def counted(network: nn.Module) -> Iterator[Counter[str]]:
    """CPU seconds inside the network's forward passes, and how many pictures they held."""
    found: Counter[str] = Counter()
    starts: list[float] = []

    def enter(_: nn.Module, __: Any) -> None:
        starts.append(time.process_time())

    def leave(_: nn.Module, args: Any, __: Any) -> None:
        found["seconds"] += time.process_time() - starts.pop()  # type: ignore[assignment]
        found["pictures"] += len(args[0])

    handles = [network.register_forward_pre_hook(enter), network.register_forward_hook(leave)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


class Stages(Silent):
    """CPU seconds by the stages that the run tells of; those of a looker fall on the stage in which it ends."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = {}
        self._name, self._start = "getting ready", processor()

    def stage(self, name: str, total: int) -> None:
        """One stage ends, the next begins."""
        self.end()
        self._name = name

    def end(self) -> None:
        """Note what the stage took."""
        now = processor()
        self.cpu[self._name] = self.cpu.get(self._name, 0.0) + now - self._start
        self._start = now


@contextmanager
def _profiled(work: cProfile.Profile | None) -> Iterator[None]:
    if work is None:
        yield
        return
    work.enable()
    try:
        yield
    finally:
        work.disable()


def _modules(work: cProfile.Profile) -> Iterator[str]:
    """The functions of this package that take longest with all that they call, the network counted in."""
    found = pstats.Stats(work).stats  # type: ignore[attr-defined]
    root = str(Path(audit.__file__).parent)
    rows = [
        (cumulative, own, calls, f"{file[len(root) + 1 :]}:{name}")
        for (file, _, name), (_, calls, own, cumulative, _) in found.items()
        if file.startswith(root) and not name.startswith("<")
    ]
    for cumulative, own, calls, name in sorted(rows, reverse=True)[:40]:
        yield f"    {cumulative:8.2f} s in all, {own:8.2f} s itself, {calls:8d} calls  {name}"


if __name__ == "__main__":
    main()
