"""Peak memory and time a case as a set grows.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.scale --cases 200 2000            the whole run
    OMP_NUM_THREADS=1 python -m benchmarks.speed.scale --cases 200 2000 --measure  scores and estimates alone

Small pictures and a small network, so that what is not the network's shows. Each set is run in a process of its own.
Two figures of memory: what the system counts as resident at most, which holds pages of files too that it can take
back at any time, and the most that was the process's own.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from audit import stages
from audit.record import Case, Explained, Extent, Map, Prediction, Reading, Region, Run
from audit.record.nouns import Effect, Faithfulness, Sanity
from benchmarks.speed.timing import conditions

EXPLAINERS = ("grad-cam", "grad-cam++", "vanilla-gradient", "lime", "smoothgrad", "edges")
REGIONS = ("lesion", "corner-top-left", "border", "artefact")


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--measure", action="store_true", help="of a run that is made up, without a model")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        print(json.dumps(one(given.cases[0], given.size, measure=given.measure)))
        return
    print(conditions())
    found = []
    for cases in given.cases:
        command = [sys.executable, "-m", "benchmarks.speed.scale", "--one", "--cases", str(cases)]
        command += ["--size", str(given.size), *(["--measure"] if given.measure else [])]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    print(table(given.cases, found))


def table(cases: Sequence[int], found: Sequence[dict[str, float]]) -> str:
    """A row for each number of cases, and how the last compares with the first.

    >>> few = {"cpu": 2.0, "wall": 3.0, "resident": 100.0, "own": 50.0}
    >>> print(table([2, 4], [few, {"cpu": 3.0, "wall": 3.0, "resident": 110.0, "own": 60.0}]).splitlines()[-1])
    | last over first | 0.75 | 0.50 | 1.10 | 1.20 |
    """
    rows = ["| cases | CPU ms a case | wall ms a case | resident at most, MiB | own at most, MiB |"]
    rows.append("|---|---|---|---|---|")
    figures = []
    for n, one_ in zip(cases, found, strict=True):
        figures.append([1e3 * one_["cpu"] / n, 1e3 * one_["wall"] / n, one_["resident"], one_["own"]])
        rows.append(f"| {n} | " + " | ".join(f"{f:.1f}" for f in figures[-1]) + " |")
    shares = " | ".join(f"{b / a:.2f}" for a, b in zip(figures[0], figures[-1], strict=True))
    return "\n".join([*rows, f"| last over first | {shares} |"])


def one(cases: int, size: int, *, measure: bool) -> dict[str, float]:
    """One set: CPU and wall seconds, and MiB at most."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = made_up(folder / "run", cases, size) if measure else None
        if not measure:
            from benchmarks.speed import sets

            manifest = sets.write(folder / "set", cases, size)
        own = Own()
        wall, cpu = time.perf_counter(), time.process_time()
        if run is not None:
            stages.measure(run)
        else:
            _whole(folder, manifest, size)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"cpu": cpu, "wall": wall, "resident": resident, "own": own.end()}


def _whole(folder: Path, manifest: Path, size: int) -> None:
    import torch

    import audit
    from benchmarks.speed import sets

    torch.set_num_threads(1)
    audit.run(
        model=sets.network("small"),
        images=manifest,
        classes=sets.CLASSES,
        out=folder / "run",
        size=(size, size),
        lime={"samples": 16},
        smoothgrad={"samples": 2},
        removal={"controls": 2, "few": 1, "doses": []},
        transplant={"donors": 1},
        cues=["brightness"],
        regions=["lesion", "corners", "artefact"],
        second_look={"faithfulness": 8, "sanity": 8, "discovery": 1},
        report=False,
        workers=0,  # one process, so that one figure holds all of the memory
    )


class Own:
    """The most memory that was the process's own, looked at twenty times a second. MiB; none where /proc is not."""

    def __init__(self) -> None:
        self.most, self._done = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        status = Path("/proc/self/status")
        while status.exists():
            self.most = max(self.most, anonymous(status.read_text()))
            if self._done.wait(0.05):
                return

    def end(self) -> float:
        """Look no more."""
        self._done.set()
        self._thread.join()
        return self.most


def anonymous(status: str) -> float:
    """MiB of a process that lie in no file, from /proc/PID/status.

    >>> anonymous("VmRSS: 9000 kB\\nRssAnon:\\t2048 kB\\n")
    2.0
    """
    found = re.search(r"RssAnon:\s+(\d+) kB", status)
    return int(found.group(1)) / 1024 if found else 0.0


def made_up(path: Path, cases: int, size: int) -> Run:
    """A run as the gathering leaves it, with maps of noise."""
    maps = [
        Map(
            name=f"{e}.x",
            explainer=e,
            layer="x",
            family="baseline" if e == "edges" else e,
            signed=False,
            title=e,
        )
        for e in EXPLAINERS
    ]
    explained = [
        Explained(explainer=m.explainer, family=m.family, applied=True, maps=(m,)).__dict__
        | {"maps": [m.__dict__]}
        for m in maps
    ]
    regions = [
        Region(name=n, role="lesion" if n == "lesion" else "artefact", title=n, detector="", version="")
        for n in REGIONS
    ]
    run = Run.create(
        path,
        {
            "seed": 0,
            "model": {"classes": ["well", "ill"], "output": "softmax"},
            "data": {},
            "explainers": explained,
            "regions": [r.__dict__ for r in regions],
        },
    )
    rng, shape = np.random.default_rng(0), (cases, size, size)
    for m in maps:
        for name in (m.name, Run.map_name(m, "true")):
            stack = run.new_array("maps", name, shape, np.float16)
            for row in range(cases):
                stack[row] = rng.random(shape[1:], dtype=np.float32)
    for r in regions:
        run.new_array("regions", r.name, shape, np.bool_)[:, 4 : size // 2, 4 : size // 2] = True
    ids = [f"c{number:05d}" for number in range(cases)]
    labels = ["well" if number % 2 else "ill" for number in range(cases)]
    run.write(Case, [Case(id=i, image="", label=x, patient=i) for i, x in zip(ids, labels, strict=True)])
    answers = rng.random(cases)
    run.write(
        Prediction,
        [
            Prediction(case=i, label=x, predicted="ill" if p > 0.5 else "well", probabilities=(1 - p, p))
            for i, x, p in zip(ids, labels, answers.tolist(), strict=True)
        ],
    )
    run.write(
        Extent,
        [
            Extent(case=i, region=r, present=bool(rng.random() < 0.5), area=0.2, mean=0.5, spread=0.1)
            for i in ids
            for r in REGIONS
        ],
    )
    for noun in (Effect, Reading, Sanity, Faithfulness):
        run.write(noun, [])  # type: ignore[type-var]
    return run


if __name__ == "__main__":
    main()
