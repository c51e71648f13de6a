"""Audits a network of the zoo as a user would, and notes what the audit said beside what is true.

A run is kept under ``audits/NAME`` of the cache. It is done again when its pictures, its network or the profile
change, or on ``redo``; when only the rules or the judging change it is judged again, without asking the network.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import time
import traceback
from pathlib import Path
from typing import Any, Literal

import torch

from audit import config, cues, judge, resources, runner, stages
from audit.images.dataset import load
from audit.images.grid import Grid
from audit.record import Case, Estimate, Reading, Run
from benchmarks.detection import compared, sets, tasks, training, zoo
from benchmarks.detection.plans import Spec

PROFILE: dict[str, Any] = {
    "regions": ["lesion", "corners", "border", "text", "padding"],
    "explainers": ["cam", "grad-cam", "grad-cam++", "vanilla-gradient", "smoothgrad"],
    "smoothgrad": {"samples": 4},
    "removal": {"controls": 4, "few": 2, "doses": [], "fills": ["inpaint", "ring", "donor"]},
    "second_look": {"faithfulness": 2, "sanity": 4, "discovery": 3},
    "batch": 32,
}
"""How every network is audited: like a user's audit, with fewer samples. The rest is the tool's own default."""

HEAVY = ("maps", "blind", "thumbs", "report")
"""What a run holds that judging again does not need."""


def audited(
    cache: Path, spec: Spec, *, redo: Literal["", "judge", "measure", "audit"] = "", slim: bool = False
) -> dict[str, Any]:
    """What the audit of one network says, with its truth; from the cache where it is there.

    Returns plain values: ``spec``, ``truth``, ``verdict``, ``verdicts`` (artefact, cls, verdict, strength), ``gates``
    that did not clear, ``regions`` and ``cues`` by name, ``attention``, ``effects``, ``covers`` and ``spray`` (see
    ``compared``), ``seconds``, ``processor`` seconds, ``passes``.
    """
    torch.set_num_threads(1)
    path = cache / "audits" / spec.name
    note, evidence, rules = path / "zoo.json", _evidence(cache, spec), _rules()
    known = json.loads(note.read_text("utf-8")) if note.is_file() else {}
    spent = {key: known.get(key) for key in ("seconds", "processor")}
    if redo == "audit" or known.get("evidence") != evidence or not (path / "run").is_dir():
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        begun, processor = time.monotonic(), time.process_time()
        _ask(cache, spec, path / "run")
        spent = {
            "seconds": time.monotonic() - begun,
            "processor": time.process_time() - processor,
        }
    elif redo in ("judge", "measure") or known.get("rules") != rules:
        run = Run.open(path / "run")
        if redo == "measure":
            _read_again(cache, spec, run)
            stages.measure(run)
        stages.judge(run, ["core"])
        run.seal()
    elif known:
        return dict(known)
    found = _told(cache, spec, Run.open(path / "run"))
    found |= {"evidence": evidence, "rules": rules, **spent}
    half = note.with_suffix(".part")
    half.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    half.replace(note)
    if slim:
        for name in HEAVY:
            shutil.rmtree(path / "run" / name, ignore_errors=True)
    return found


def tried(cache: Path, spec: Spec, redo: str, slim: bool) -> dict[str, Any] | str:
    """One network's record, or why there is none."""
    try:
        return audited(cache, spec, redo=redo, slim=slim)
    except Exception:
        return traceback.format_exc(limit=-4)


def _ask(cache: Path, spec: Spec, out: Path) -> None:
    """The audit itself."""
    folder = sets.folder(cache, spec)
    of_model = {"source": "python", "factory": "(at hand)", "classes": list(tasks.TASKS[spec.task].classes)}
    settings = config.checked(
        {
            "title": spec.name,
            "model": of_model | {"size": [64, 64], "mean": training.MEAN, "std": training.STD},
            "images": {"manifest": "manifest.csv"},
            "seed": spec.seed,
            **PROFILE,
            "regions": PROFILE["regions"] + (["artefact"] if spec.masks else []),
        }
    )
    runner.audit(settings, folder=folder, out=out, model=zoo.network(cache, spec), report=False, workers=0)


def _read_again(cache: Path, spec: Spec, run: Run) -> None:
    """The clinical signs, which are only read: no network is asked for them."""
    names = [c.name for c in run.cues if c.role == "clinical"]
    readings = {(r.case, r.cue): r for r in run.read(Reading)}
    place = sets.folder(cache, spec)
    for case in run.read(Case):
        picture = load(case, place, Grid(size=(64, 64)))
        for name, value in cues.readings(names, picture).items():
            told = isinstance(value, str)
            kept = readings[case.id, name]
            readings[case.id, name] = dataclasses.replace(
                kept, value=None if told else float(value), why=str(value) if told else None
            )
    run.write(Reading, list(readings.values()))


def _evidence(cache: Path, spec: Spec) -> str:
    """What a run's evidence depends on, besides the tool."""
    parts = (zoo.key(spec), sets.folder(cache, spec).name, PROFILE)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _rules() -> str:
    """What a run's judgement depends on: the shipped rules and the code that judges."""
    files = sorted(resources.folder("rules").rglob("*.yaml")) + sorted(
        Path(judge.__file__).parent.glob("*.py")
    )
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _told(cache: Path, spec: Spec, run: Run) -> dict[str, Any]:
    """What a finished run says, as plain values."""
    document = run.findings()
    estimates = run.read(Estimate)
    told = sets.twins(sets.folder(cache, spec))
    truth, task = zoo.truth(cache, spec), tasks.TASKS[spec.task]
    return {
        "spec": dataclasses.asdict(spec) | {"name": spec.name, "trained": spec.trained, "split": spec.split},
        "truth": dataclasses.asdict(truth) | {"kind": truth.kind, "able": truth.able},
        "verdict": document["verdict"],
        "verdicts": [
            {key: row.get(key) for key in ("artefact", "cls", "verdict", "strength")}
            for row in document["verdicts"]
        ],
        "gates": [g["rule"] for g in document["gates"] if g["outcome"] != "clear"],
        "regions": [r.name for r in run.regions if r.role == "artefact"],
        "cues": [r.name for r in run.cues],
        "attention": list(compared.attention(run, estimates)),
        "effects": compared.honesty(run, zoo.network(cache, spec), told, estimates, task.classes[1])
        if spec.masks and told.bears.any()
        else None,
        "covers": compared.covers(run, told),
        "spray": compared.spray(run, told.bears) if (run.path / "maps").is_dir() else None,
        "passes": run.manifest.get("passes", {}),
    }
