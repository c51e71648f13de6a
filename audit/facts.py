"""What the manifest of a run says of the model, the data, the settings and the machine."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from audit.config import Config
from audit.errors import Problem, RunError
from audit.explain.applied import Prepared
from audit.gather import Desk
from audit.images.source import Source
from audit.measure.estimate import LEVEL, RESAMPLES
from audit.models import Classifier
from audit.record import Case, Failure, Region, Run
from audit.record.files import sha256
from audit.record.seal import plain

PACKAGES = (
    "pfungst",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "pillow",
    "scikit-image",
    "torch",
    "torchvision",
    "timm",
    "weasyprint",
)


def manifest(
    config: Config,
    classifier: Classifier,
    source: Source,
    cases: Sequence[Case],
    failures: Sequence[Failure],
    regions: Sequence[Region],
    cues: Sequence[Region],
    prepared: Prepared,
) -> dict[str, Any]:
    """The manifest of a run that begins."""
    mean, std = config.model.normalisation
    labels = Counter(c.label for c in cases)
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "title": config.title,
        "pfungst": version("pfungst") or "not installed",
        "config": config.model_dump(mode="json"),
        "model": {
            **classifier.identity,
            "classes": list(classifier.classes),
            "output": config.model.output,
            "size": list(classifier.size),
            "mean": list(mean),
            "std": list(std),
            "fit": config.model.fit,
            "crop_pct": config.model.crop_pct,
            "layers": list(prepared.layers),
        },
        "data": {
            "manifest": source.manifest.name if source.manifest else "rows at hand",
            "sha256": sha256(source.manifest) if source.manifest else None,
            "cases": len(cases),
            "labels": {name: labels[name] for name in classifier.classes},
            "patients": len({c.patient for c in cases}),
            "groups": dict(sorted(Counter(c.group for c in cases if c.group).items())),
            "lesions": sum(c.lesion is not None for c in cases),
            "artefacts": sum(c.artefact is not None for c in cases),
            "credits": sorted({c.credit for c in cases if c.credit}),
            "failures": sum(bool(f.case) for f in failures),  # a class without a case is no case lost
        },
        "seed": config.seed,
        "settings": {
            "intervals": f"{LEVEL:.0%} percentile bootstrap over patients, {RESAMPLES} draws",
            "batch": config.batch,
            "rows": getattr(classifier, "rows", None),
        },
        "packages": {name: found for name in PACKAGES if (found := version(name))},
        "hardware": hardware(),
        "regions": list(regions),
        "cues": list(cues),
        "explainers": list(prepared.explained),
        "passes": {},
        "history": [],
    }


AS_BEGUN = ("config", "model", "data", "seed", "pfungst", "packages", "hardware", "explainers", "cues")
"""What must be as it was for a run to go on: with another it would end with other bytes."""


def take_up(run: Run, manifest: Mapping[str, Any]) -> None:
    """Go on with a run that did not finish, if it was begun with the same model, data and settings.

    Raises:
        RunError: it was begun with others; names all that differ.
    """
    begun = plain(manifest)
    problems = [
        Problem(
            what=f"the run in this folder was begun with other facts about: {key}",
            where=str(run.path / "manifest.json"),
            todo="start the audit as it was begun, or name another folder with -o",
        )
        for key in AS_BEGUN
        if run.manifest.get(key) != begun[key]
    ]
    if problems:
        raise RunError(problems)
    run.manifest = {**run.manifest, **begun, "created": run.manifest["created"]}


def keep_found(run: Run, desk: Desk) -> None:
    """Note what is known only at the end: the places that were found, and what it took."""
    run.manifest["regions"] = [asdict(region) for region in desk.regions]
    run.manifest["undiscovered"] = desk.undiscovered
    run.manifest["settings"]["rows"] = getattr(
        desk.classifier, "rows", None
    )  # fewer, where the memory ran out
    by_kind = dict(sorted(desk.passes.kinds.items()))
    run.manifest["passes"] = {**vars(desk.passes), "kinds": by_kind}


def version(package: str) -> str | None:
    """An installed package's version, None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def hardware() -> dict[str, Any]:
    """The machine in a few words, and no name of it or of its user."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
    }


def keep_configuration(run: Run, config: Config, given: Path | None) -> None:
    """Keep the configuration as given and as resolved."""
    if given is not None:
        shutil.copyfile(given, run.path / "audit.yaml")
    yaml = YAML()
    yaml.default_flow_style = False
    with (run.path / "resolved.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(config.model_dump(mode="json"), file)
