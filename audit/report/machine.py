"""What it took: program, packages and hardware, and how often the model was asked."""

from __future__ import annotations

from typing import Any

from audit.report import words
from audit.report.blocks import Cell, Table
from audit.report.identity import line, shown
from audit.report.source import Source


def _step(entry: Any) -> str:
    """A step of the run's history by its name; the hashes of the rules stand with the rules."""
    return str(entry["stage"]) if isinstance(entry, dict) and "stage" in entry else words.plain(entry)


def machine_table(source: Source) -> Table:
    """Program, packages, hardware and seed."""
    manifest = source.run.manifest
    rows = [
        line("pfungst", words.plain(manifest.get("pfungst"))),
        line("Run begun", words.plain(manifest.get("created"))),
        line("Seed", words.plain(manifest.get("seed"))),
    ]
    for key, value in (manifest.get("hardware") or {}).items():
        rows.append(line(f"Hardware: {key}", words.plain(value)))
    packages = manifest.get("packages") or {}
    rows.append(line("Packages", "; ".join(f"{k} {v}" for k, v in packages.items()) or "not recorded"))
    if manifest.get("history"):
        rows.append(line("Steps from the maps on", ", then ".join(_step(h) for h in manifest["history"])))
    return Table(caption="Program and machine", head=("What", "Value"), rows=tuple(rows), kind="facts")


PASSES = {
    "trace": "Pictures traced for maps (one pass forward, one back)",
    "gradient": "Noisy samples of gradients",
    "predict": "Pictures put to the model for an answer",
    "untouched": "Pictures as they are, for what the network makes of them",
    "lime": "LIME's perturbed pictures",
    "removal": "Regions and control places painted over",
    "transplant": "Artefacts and control patches put into other cases",
    "shift": "Signs of the whole picture changed",
    "faithfulness": "Pixels taken away and put back in the order of the maps",
    "sanity": "Maps of the network with weights drawn anew",
    "questions": "All questions by changed pictures",
}


def passes_table(source: Source) -> Table | None:
    """How often the model was asked, by kind."""
    passes = dict(source.run.manifest.get("passes") or {})
    kinds = passes.pop("kinds", None) or {}
    if kinds:
        passes.pop("questions", None)
    whole = {**passes, **kinds}
    known: list[str] = [k for k in PASSES if whole.get(k)] + sorted(
        k for k in whole if k not in PASSES and whole[k]
    )
    if not known:
        return None
    cases = max(1, len(source.cases))
    rows = [
        (
            Cell(text=PASSES.get(key, key)),
            Cell(text=shown(whole[key]), kind="number"),
            Cell(text=words.number(whole[key] / cases, 1), kind="number"),
        )
        for key in known
    ]
    total = sum(whole[key] for key in known)
    rows.append(
        (
            Cell(text="All"),
            Cell(text=shown(total), kind="number"),
            Cell(text=words.number(total / cases, 1), kind="number"),
        )
    )
    return Table(
        caption="How often the model was asked",
        head=("For what", "Pictures", "A case"),
        rows=tuple(rows),
        kind="passes",
    )
