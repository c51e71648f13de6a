"""The command: trains or loads the zoo, audits it, and writes one table.

    python -m benchmarks.detection --plan fast|session|seed-3|seed-4|power|full --cache DIR --jobs N

It goes on where it was: no network is trained twice, none is audited twice. ``--redo judge`` judges the kept runs
again, ``--redo measure`` measures them again too, ``--redo audit`` asks the networks again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from benchmarks.detection import zoo
from benchmarks.detection.plans import NEAR, PLANS, Spec

CACHE = Path.home() / ".cache" / "pfungst-zoo"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code: 1 where an audit failed."""
    given = _parser().parse_args(arguments)
    chosen = [s for s in PLANS[given.plan] if given.split in ("both", s.split)]
    chosen = [s for s in chosen if all(word in s.name for word in given.only)]
    specs, notes = zoo.ready(chosen)
    for note in notes:
        print(note)
    if given.plan == "fast":
        zoo.unpack(given.cache, specs)
    if given.plan == "power":
        specs = [s for s in specs if NEAR[0] <= zoo.truth(given.cache, s).drop < NEAR[1]]
        chosen = specs
    if given.train:
        for spec in specs:
            truth = zoo.truth(given.cache, spec)
            print(
                f"{spec.name:40s}{spec.trained:7s} aligned {truth.aligned:.3f} drop {truth.drop:+.3f} "
                f"flip {truth.flip:.3f} own {truth.own_drop:+.3f} {truth.own_flip:.3f} {truth.kind}",
                flush=True,
            )
        return 0
    if given.kept:
        specs = [s for s in specs if (given.cache / "audits" / s.name / "zoo.json").is_file()]
        missing = len(chosen) - len(specs)
        notes = [*notes, f"{missing} networks of the plan that were not audited yet"] if missing else notes
    from benchmarks.detection.table import page

    records, failed = [], []
    for spec, found in _all(given, specs):
        if isinstance(found, str):
            failed.append(spec.name)
            print(f"{spec.name}: {found}", flush=True)
            continue
        records.append(found)
        print(_told(len(records), len(specs), found), flush=True)
    records.sort(key=lambda r: [s.name for s in specs].index(r["spec"]["name"]))
    text, numbers = page(records, plan=given.plan, notes=[*notes, *(f"{name}: failed" for name in failed)])
    out = given.out or given.cache / "tables"
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{given.plan}.md").write_text(text, "utf-8")
    (out / f"{given.plan}.json").write_text(json.dumps(numbers, indent=1) + "\n", "utf-8")
    print(f"{out / given.plan}.md", f"{len(failed)} failed" if failed else "")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    parser.add_argument("--plan", choices=list(PLANS), default="fast")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where everything is kept")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--split", choices=["setting", "validation", "both"], default="both")
    parser.add_argument(
        "--only", nargs="*", default=[], help="words that a network's name must hold, all of them"
    )
    parser.add_argument("--redo", choices=["", "judge", "measure", "audit"], default="")
    parser.add_argument(
        "--slim", action="store_true", help="keep no maps: runs can then not be measured again"
    )
    parser.add_argument("--train", action="store_true", help="train and tell the truth; audit nothing")
    parser.add_argument("--kept", action="store_true", help="only what was audited already; audit no more")
    parser.add_argument("--out", type=Path, help="where the table goes; by default into the cache")
    return parser


def _all(given: argparse.Namespace, specs: list[Spec]) -> Iterator[tuple[Spec, dict[str, Any] | str]]:
    """Every network's record as it is done."""
    from benchmarks.detection.audits import tried

    options = (given.redo, given.slim)
    specs = sorted(specs, key=lambda spec: _turn(given.cache, spec))
    if given.jobs <= 1:
        for spec in specs:
            yield spec, tried(given.cache, spec, *options)
        return
    for spec in specs:  # networks and sets are shared: they are made once, before the audits run side by side
        zoo.truth(given.cache, spec)
        _set(given.cache, spec)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(given.jobs, mp_context=spawn) as pool:
        waiting = {pool.submit(tried, given.cache, spec, *options): spec for spec in specs}
        for done in as_completed(waiting):
            yield waiting[done], done.result()


def _turn(cache: Path, spec: Spec) -> tuple[bool, str]:
    """What was audited before comes first, and the rest in an order that has nothing to do with what they are: a run
    that is cut short leaves a fair sample."""
    kept = (cache / "audits" / spec.name / "zoo.json").is_file()
    return not kept, hashlib.sha256(spec.name.encode()).hexdigest()


def _set(cache: Path, spec: Spec) -> None:
    from benchmarks.detection import sets

    sets.folder(cache, spec)


def _told(done: int, count: int, record: dict[str, Any]) -> str:
    rows = record["verdicts"][:1] or [{"artefact": "", "strength": None}]
    return (
        f"{time.strftime('%H:%M:%S')} {done}/{count} {record['spec']['name']}: {record['truth']['kind']}, "
        f"drop {record['truth']['drop']:+.3f}; {record['verdict']} {rows[0]['artefact']} "
        f"{rows[0]['strength']}; {record['seconds'] or 0:.0f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
