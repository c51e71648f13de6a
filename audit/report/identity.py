"""What was tested, on what and how: the model, the data, the regions, the explainers, every setting."""

from __future__ import annotations

from collections import Counter
from typing import Any

from audit.report import vocabulary, words
from audit.report.blocks import Cell, Fact, Table
from audit.report.limits import untested
from audit.report.source import BASELINE, DISCOVERED, Source

COMPACT_CLASSES = 12


def line(*texts: str) -> tuple[Cell, ...]:
    """Texts as the cells of a row."""
    return tuple(Cell(text=text) for text in texts)


def short_hash(source: Source) -> str:
    """The weights by the first twelve digits of their hash, or that there is no file of them."""
    digest = source.run.manifest.get("model", {}).get("sha256")
    return f"weights {str(digest)[:12]}" if digest else "no weights file"


def scope(source: Source) -> tuple[Fact, ...]:
    """What was tested and on how much, for the first page."""
    manifest = source.run.manifest
    model, data = manifest.get("model", {}), manifest.get("data", {})
    patients = data.get("patients") or len({c.patient for c in source.cases})
    applied = [words.explainer(e.explainer) for e in source.explained if e.applied and e.family != BASELINE]
    regions = [r.title or r.name for r in source.listed]
    found = [r for r in source.found if source.verdict(r.name)]
    drawn = sum(c.lesion is not None for c in source.cases)
    failures = len(source.run.failures())
    accuracy = source.one("accuracy")
    facts = [
        Fact(name="Model", text=f"{words.plain(model.get('name'))}, {short_hash(source)}"),
        Fact(
            name="Pictures",
            text=f"{words.count(len(source.cases), 'case')} of {words.count(int(patients), 'patient')}"
            f"; lesion masks for {words.share(drawn, len(source.cases))}",
        ),
        Fact(
            name="Regions", text=f"{len(regions)}: {', '.join(regions)}" if regions else "none was looked for"
        ),
        *_not_tested(source),
        *_signs(source),
        Fact(
            name="Unlisted places",
            text=f"{words.count(len(source.found), 'place')} found by the audit itself, "
            f"{'none' if not found else len(found)} of them flagged",
        ),
        Fact(name="Explainers", text=", ".join(applied) if applied else "none applied"),
        Fact(name="Right answers", text=in_words(accuracy)),
        *_given_up(source),
        Fact(
            name="Lost cases",
            text=f"{words.count(failures, 'failure')}, listed under “What was not measured”"
            if failures
            else "none",
        ),
    ]
    return tuple(facts)


def _signs(source: Source) -> list[Fact]:
    """How many signs of the whole picture were read; their names stand with their numbers."""
    own = [c.title or c.name for c in source.cues if c.role == "cue"]
    clinical = sum(c.role == "clinical" for c in source.cues)
    if not source.cues:
        return [Fact(name="Whole picture", text="no sign of the whole picture was read")]
    named = (
        f": {', '.join(own)}" if 0 < len(own) <= 4 else f", {own[0]} and {own[1]} among them" if own else ""
    )
    more = f"; {words.count(clinical, 'clinical sign')}" if clinical else ""
    return [Fact(name="Whole picture", text=f"{words.count(len(own), 'sign')} read{named}{more}")]


def _given_up(source: Source) -> list[Fact]:
    """A budget's price, in short."""
    said = source.run.manifest.get("given_up") or []
    text = (
        f"{words.count(len(said), 'part')} of the audit cut short for a budget of model passes, listed below"
    )
    return [Fact(name="Given up", text=text)] if said else []


def _not_tested(source: Source) -> list[Fact]:
    """Artefacts that the verdict says nothing of: the first page must say so."""
    left = set(untested(source))
    if not left or not source.judged:
        return []
    titles = [r.title or r.name for r in source.regions if r.name in left]
    return [
        Fact(
            name="Not tested",
            text=f"{', '.join(titles)}: in no case or too few, not known, or nothing to take away",
        )
    ]


def in_words(e: Any) -> str:
    """An estimate in one line."""
    if e is None:
        return "not computed in this run"
    if e.value is None:
        return f"not measured: {e.why or 'no reason was recorded'}"
    return f"{words.number(e.value)} (95 % interval {words.interval(e)}, {words.count(e.n, 'case')})"


def model_table(source: Source) -> Table:
    """The model's identity and how pictures are prepared for it."""
    model = source.run.manifest.get("model", {})
    names = {
        "source": "Source",
        "name": "Name",
        "parameters": "Parameters",
        "weights": "Weights file",
        "sha256": "SHA-256 of the weights file",
        "content": "SHA-256 of the network's tensors, whatever file they came in",
        "output": "Output",
        "size": "Input size (rows, columns)",
        "mean": "Mean subtracted",
        "std": "Divided by",
        "fit": "How a picture is fitted",
        "crop_pct": "Share kept by the centre crop",
    }
    rows = [line(title, shown(model[key])) for key, title in names.items() if key in model]
    classes = ", ".join(f"{i} {name}" for i, name in enumerate(source.classes))
    rows.insert(2, line("Classes", classes or "none"))
    rows += [
        line(key.replace("_", " ").capitalize(), shown(value))
        for key, value in model.items()
        if key not in names and key not in ("layers", "classes")
    ]
    return Table(
        caption="Identity, and how pictures are prepared for it",
        head=("What", "Value"),
        rows=tuple(rows),
        kind="facts",
    )


def shown(thing: Any) -> str:
    """A setting as printed, whole numbers with their commas."""
    return f"{thing:,}" if isinstance(thing, int) and not isinstance(thing, bool) else words.plain(thing)


def layer_table(source: Source) -> Table | None:
    """The layers that were looked at, and why these."""
    rows = [
        line(
            words.plain(layer.get("depth")),
            words.plain(layer.get("name")),
            words.plain(layer.get("channels")),
            f"{words.plain(layer.get('height'))} × {words.plain(layer.get('width'))}",
            words.plain(layer.get("why")),
        )
        for layer in source.run.manifest.get("model", {}).get("layers") or []
    ]
    head = ("Depth", "Layer", "Channels", "Grid", "Why this one")
    return (
        Table(caption="Layers that were looked at", head=head, rows=tuple(rows), kind="text")
        if rows
        else None
    )


def data_table(source: Source) -> Table:
    """The set of pictures."""
    data = source.run.manifest.get("data", {})
    names = {
        "manifest": "Manifest",
        "sha256": "SHA-256 of the manifest",
        "cases": "Cases",
        "patients": "Patients",
        "lesions": "Cases with a drawn lesion",
        "artefacts": "Cases with a drawn artefact",
        "failures": "Cases lost",
        "groups": "Groups",
    }
    rows = [line(title, shown(data[key])) for key, title in names.items() if key in data]
    for number, text in enumerate(data.get("credits") or [], start=1):
        rows.append(line(f"Credit {number}", str(text)))
    return Table(caption="The set of pictures", head=("What", "Value"), rows=tuple(rows), kind="facts")


def label_table(source: Source) -> Table:
    """Cases per label, and how many of them the model got right."""
    total = Counter(c.label for c in source.cases)
    answered = Counter(p.label for p in source.predictions.values())
    right = Counter(p.label for p in source.predictions.values() if p.label == p.predicted)
    rows = []
    for name in dict.fromkeys((*source.classes, *total)):
        auc = source.one("auc", cls=name, stratum="all")
        rows.append(
            (
                Cell(text=name),
                Cell(text=f"{total[name]:,}", kind="number"),
                Cell(
                    text=words.share(right[name], answered[name]) if answered[name] else "no case",
                    kind="number",
                ),
                *words.value_cells(auc),
            )
        )
    overall = [
        ("Right answers, all labels", source.one("accuracy")),
        ("AUC, mean over classes", source.one("auc", cls="")),
    ]
    for title, e in overall:
        rows.append(
            (
                Cell(text=title),
                Cell(text="–" if e is None else f"{e.n:,}", kind="number"),
                Cell(text="", kind="number"),
                *words.value_cells(e),
            )
        )
    return Table(
        caption="How the model answers on these pictures",
        head=("Label", "Cases", "Answered right", "Value", "95 % interval"),
        rows=tuple(rows),
        note="Value, by label: area under the ROC curve, this class against the rest; 0.5 is chance.",
        kind="numbers",
    )


def region_table(source: Source) -> Table:
    """Every region that was looked for, with what, and how often it was found."""
    rows = []
    for region in source.regions:
        if region.detector == DISCOVERED:
            continue
        e = source.one("presence", region=region.name, stratum="all")
        rows.append(
            (
                Cell(text=region.title or region.name),
                Cell(text=region.role),
                Cell(text=f"{region.detector} {region.version}".strip()),
                Cell(text=words.plain(region.settings)),
                *words.value_cells(e),
                Cell(text="–" if e is None else f"{e.n:,}", kind="number"),
            )
        )
    head = ("Region", "Role", "Detector", "Settings", "Borne by", "95 % interval", "Of cases")
    note = "“Borne by” is the share of cases that bear the region, among those where that is known."
    return Table(caption="Regions that were looked for", head=head, rows=tuple(rows), note=note, kind="brief")


def association_table(source: Source) -> Table | None:
    """Does a region go together with a label in this set?"""
    found = [
        e
        for region in source.listed
        for e in source.find("association", region=region.name, stratum="all")
        if not source.mirrored or e.cls in source.classes_of(region.name)
    ]
    if not found:
        return None
    limits = words.scale(found, "association")
    rows = tuple(
        (
            Cell(text=source.title(e.region)),
            Cell(text=e.cls),
            *words.value_cells(e, limits),
            *words.count_cells(e),
        )
        for e in found
    )
    return Table(
        caption="Does the region go together with the label?",
        head=("Region", "Label", "Value", "95 % interval", "Drawn", "Cases", "Patients", "Missing"),
        rows=rows,
        note="Share of the label's cases that bear the region, minus the share among the other labels: "
        f"1 always with this label only, 0 no tie, −1 never with this label. Drawn from {words.number(limits[0])} "
        f"to {words.number(limits[1])}; the upright line stands at 0.",
        kind="numbers",
    )


def explainer_table(source: Source) -> Table:
    """Each explainer's formula, paper, departures and settings."""
    rows = []
    for e in source.explained:
        applied = "yes" if e.applied else f"no: {e.why or 'no reason was recorded'}"
        rows.append(
            line(
                e.title or words.explainer(e.explainer),
                vocabulary.FAMILIES.get(e.family, e.family),
                applied,
                e.formula or "not recorded",
                e.paper or "not recorded",
                e.departures or "none",
                words.plain(e.settings) if e.settings else "none",
            )
        )
    head = ("Explainer", "Family", "Applied", "Formula", "Paper", "Departures from it", "Settings")
    return Table(caption="Explainers", head=head, rows=tuple(rows), kind="explainers")


def settings_table(source: Source) -> Table:
    """Every setting as resolved, defaults included."""
    manifest = source.run.manifest
    pairs = [
        *words.flat(manifest.get("config") or {}),
        *words.flat(manifest.get("settings") or {}, "settings."),
    ]
    rows = tuple(line(name, value) for name, value in pairs)
    return Table(
        caption="Configuration, defaults included", head=("Setting", "Value"), rows=rows, kind="facts"
    )
