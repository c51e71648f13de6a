"""Findings as printed: flagged ones in full, each with its rule, its numbers and the cases that show it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from audit.record import Estimate, Map
from audit.report import gallery, vocabulary, words
from audit.report.blocks import Cell, FindingBlock, Picture, RuleBlock, Strip, Table
from audit.report.rulebook import DIGEST, Raw, rule_limits, texts
from audit.report.source import Source

IN_FULL, WITH_PICTURES, PICTURES = 24, 9, 4
SEVERITIES = ("critical", "high", "major", "medium", "moderate", "minor", "low", "info")


def estimates_of(finding: Raw) -> list[Estimate]:
    """The estimates that a finding was made from."""
    return [Estimate(**row) for row in finding.get("estimates") or ()]


def cls_words(cls: str) -> str:
    """A class as printed where there may be none."""
    return cls or "all classes"


def label(source: Source, e: Estimate) -> str:
    """What an estimate is of, without its metric."""
    parts = [source.title(e.region)] if e.region else []
    parts += [words.map_title(e.explainer, e.layer)] if e.explainer else []
    if e.metric == "removal-dose":
        parts.append(f"{words.percent(e.other)} opaque")
    elif e.metric == "sanity-step":
        parts.append(f"step {e.other}")
    elif e.other:
        other = next((m for m in source.maps if m.name == e.other), None)
        parts.append(f"with {words.map_title(other.explainer, other.layer) if other else e.other}")
    parts += [words.fill(e.fill)] if e.fill else []
    parts += [f"class {e.cls}"] if e.cls else []
    parts += [f"{e.target} class"] if e.target else []
    if e.stratum and e.stratum != "all":
        kind, _, value = e.stratum.partition("=")
        parts.append(f"only {kind} {value}" if value else e.stratum)
    if not parts and e.family in vocabulary.FAMILIES:
        parts.append(vocabulary.FAMILIES[e.family])
    return "; ".join(parts) or "all cases"


def estimate_table(
    source: Source, estimates: list[Estimate], caption: str, rule: Raw | None = None
) -> Table | None:
    """Estimates grouped by metric, each group on its own scale, or None where there are none."""
    if not estimates:
        return None
    rows: list[tuple[Cell, ...]] = []
    for name in dict.fromkeys(e.metric for e in estimates):
        group = [e for e in estimates if e.metric == name]
        marks = rule_limits(rule or {}, name)
        limits = words.scale(group, name, marks)
        note = scale_note(limits, name, marks)
        rows.append((Cell(text=f"{words.metric(name)}. {note}", kind="group", span=7),))
        rows += [
            (Cell(text=label(source, e)), *words.value_cells(e, limits, marks), *words.count_cells(e))
            for e in group
        ]
    head = ("Estimate", "Value", "95 % interval", "Drawn", "Cases", "Patients", "Missing")
    return Table(caption=caption, head=head, rows=tuple(rows), kind="estimates")


def scale_note(limits: tuple[float, float], name: str, marks: Iterable[float] = ()) -> str:
    """What the drawn intervals are drawn on."""
    zero = words.reference(name)
    line = "" if zero is None else f"; the upright line stands at {words.plain(zero)}"
    at = " and ".join(words.number(m) for m in marks)
    dashed = f"; dashed: the rule's limit, {at}" if at else ""
    return f"Drawn from {words.number(limits[0])} to {words.number(limits[1])}{line}{dashed}."


def ordered(findings: Iterable[Raw]) -> list[Raw]:
    """Findings by severity, then as the rules stand."""

    def rank(finding: Raw) -> int:
        severity = str(finding.get("severity", "")).lower()
        return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)

    return sorted(findings, key=rank)


def flagged(source: Source) -> tuple[tuple[RuleBlock, ...], list[Raw]]:
    """Flagged findings under their rules, and those for which there is no room in full."""
    found = ordered(f for f in source.judgement["findings"] if f["outcome"] == "flagged")
    full, rest = found[:IN_FULL], found[IN_FULL:]
    known, blocks = source.rules, []
    drawn = 0
    for rule_id in dict.fromkeys(f["rule"] for f in full):
        own = []
        for finding in (f for f in full if f["rule"] == rule_id):
            own.append(_block(source, finding, known.get(rule_id, {}), pictures=drawn < WITH_PICTURES))
            drawn += 1
        blocks.append(rule_block(rule_id, known.get(rule_id, {}), full, tuple(own)))
    return tuple(blocks), rest


def rule_block(rule_id: str, rule: Raw, findings: list[Raw], own: tuple[FindingBlock, ...]) -> RuleBlock:
    """A rule as printed; what its file does not say is taken from its findings."""
    said = next((f for f in findings if f["rule"] == rule_id), {})
    evidence = str(rule.get("evidence") or said.get("evidence") or "")
    return RuleBlock(
        id=rule_id,
        digest=str(rule.get(DIGEST) or "")[:12],
        title=str(rule.get("title") or said.get("title") or rule_id),
        severity=str(rule.get("severity") or said.get("severity") or "not set"),
        evidence=vocabulary.EVIDENCE.get(evidence, evidence),
        what=str(rule.get("what") or "").strip(),
        why=str(rule.get("why") or "").strip(),
        limits=texts(rule.get("limits")),
        references=texts(rule.get("references")),
        requirements=texts(rule.get("requirements")),
        risks=texts(rule.get("risks")),
        findings=own,
    )


def _block(source: Source, finding: Raw, rule: Raw, *, pictures: bool) -> FindingBlock:
    estimates = estimates_of(finding)
    most, least, note = _cases(source, finding, estimates) if pictures else (None, None, "")
    if not pictures:
        note = f"Pictures are printed for the first {WITH_PICTURES} flagged findings only."
    return FindingBlock(
        title=str(finding.get("title") or finding["rule"]),
        region=source.title(finding.get("region") or "") or "no single region",
        cls=cls_words(finding.get("cls") or ""),
        outcome=vocabulary.OUTCOMES[finding["outcome"]],
        statement=str(finding.get("statement") or ""),
        why=_unsaid(finding),
        estimates=estimate_table(source, estimates, "What this finding is made from", rule),
        most=most,
        least=least,
        note=note,
    )


def _cases(source: Source, finding: Raw, estimates: list[Estimate]) -> tuple[Strip | None, Strip | None, str]:
    """The cases that show a finding most and least, by effect for reliance, by density for attention."""
    region, cls = finding.get("region") or "", finding.get("cls") or ""
    evidence, of_all = finding.get("evidence"), any(c.name == region for c in source.cues)
    map_ = None if of_all else gallery.main_map(source)
    if evidence in ("reliance", "sufficiency") and region:
        how = "shift" if of_all else "removal" if evidence == "reliance" else "transplant"
        rows = source.effects_of(how)
        rows = rows[rows["region"] == region].dropna(subset=["difference"])
        labels = {c.id: c.label for c in source.cases}
        rows = rows[rows["cls"] == (cls or rows["case"].map(labels))]
        values = rows.assign(shown=rows["difference"].astype(float))
        names = ("Cases whose answer changed most", "Cases whose answer changed least, or the other way")
        unit, sign = "log-odds beyond control", _sign(estimates)
    elif evidence == "attention" and region:
        map_ = _attended(source, estimates) or map_
        values, sign = _densities(source, region, cls, map_), 1
        names = ("Cases with the highest density", "Cases with the lowest density")
        unit = "times its share of the picture"
    else:
        return _listed(source, finding, map_)
    values = values.drop_duplicates("case")
    values = values[values["case"].isin(source.rows)].assign(key=-sign * values["shown"])
    ranked = list(
        values.sort_values(["key", "case"], kind="stable")[["case", "shown"]].itertuples(index=False)
    )
    if not ranked:
        return _listed(source, finding, map_)
    number = min(PICTURES, (len(ranked) + 1) // 2)
    top = ranked[:number]
    bottom = ranked[number:][-number:][::-1]
    drawn = "" if map_ is None else f"Map: {words.map_title(map_.explainer, map_.layer)}, predicted class."
    return (
        _strip(source, names[0], top, map_, region, unit),
        _strip(source, names[1], bottom, map_, region, unit),
        drawn,
    )


FIRST = ("removal", "transplant", "shift")


def _sign(estimates: list[Estimate]) -> int:
    main = next((e for e in estimates if e.metric in FIRST and e.value is not None), None)
    return -1 if main is not None and (main.value or 0.0) < 0 else 1


def _attended(source: Source, estimates: list[Estimate]) -> Map | None:
    """The map that a finding on attention rests on most."""
    named = [e for e in estimates if e.explainer and e.value is not None and e.metric.startswith("density")]
    best = max(named, key=lambda e: e.value or 0.0, default=None)
    if best is None:
        return None
    return next((m for m in source.maps if (m.explainer, m.layer) == (best.explainer, best.layer)), None)


def _densities(source: Source, region: str, cls: str, map_: Map | None) -> pd.DataFrame:
    scores = source.scores
    if map_ is None:
        return scores.iloc[:0].assign(shown=[])
    rows = scores[
        (scores["region"] == region)
        & (scores["metric"] == "density")
        & (scores["explainer"] == map_.explainer)
        & (scores["layer"] == map_.layer)
    ].dropna(subset=["value"])
    predicted = {case: p.predicted for case, p in source.predictions.items()}
    wanted = rows["case"].astype(str).map(predicted)
    rows = rows[rows["cls"].astype(str) == (cls or wanted)].astype({"case": str})
    return rows.assign(shown=rows["value"].astype(float))


def _strip(
    source: Source, title: str, ranked: list[Any], map_: Map | None, region: str, unit: str
) -> Strip | None:
    by_id = {c.id: c for c in source.cases}
    pictures: list[Picture] = []
    for case_id, value in ranked:
        case = by_id[case_id]
        lead = f"{case.id}: {gallery.answer(source, case)}. {words.number(float(value))} {unit}"
        drawn = gallery.overlay(source, case, map_, [region], lead=lead, credited=True)
        pictures += [drawn] if drawn is not None else []
    return Strip(title=title, pictures=tuple(pictures)) if pictures else None


def _listed(source: Source, finding: Raw, map_: Map | None) -> tuple[Strip | None, Strip | None, str]:
    """The cases that the finding itself names, where there is nothing to rank them by."""
    by_id = {c.id: c for c in source.cases}
    region = finding.get("region") or ""
    pictures = []
    for case_id in [i for i in finding.get("cases") or () if i in by_id][:PICTURES]:
        case = by_id[case_id]
        lead = f"{case.id}: {gallery.answer(source, case)}"
        pictures.append(
            gallery.overlay(source, case, map_, [region] if region else [], lead=lead, credited=True)
        )
    kept = tuple(p for p in pictures if p is not None)
    return (Strip(title="Cases that show it", pictures=kept) if kept else None), None, ""


def _unsaid(finding: Raw) -> str:
    """Why a finding is undecided, where its statement does not say so already."""
    why = str(finding.get("why") or "")
    return (
        "" if not why or why in str(finding.get("statement")) else words.sentence(why[:1].upper() + why[1:])
    )


def gates(source: Source) -> Table | None:
    """The conditions for a verdict, and whether they hold."""
    rows = []
    for gate in source.judgement["gates"]:
        rows.append(
            (
                Cell(text=str(gate.get("title") or gate["rule"])),
                Cell(text=vocabulary.HELD.get(gate["outcome"], gate["outcome"])),
                Cell(
                    text=" ".join((words.sentence(str(gate.get("statement") or "")), _unsaid(gate))).strip()
                ),
            )
        )
    head = ("Condition", "Holds", "What it says")
    return (
        Table(caption="Conditions for a verdict", head=head, rows=tuple(rows), kind="text") if rows else None
    )


def brief(source: Source, findings: Iterable[Raw], caption: str, note: str = "") -> Table | None:
    """Findings as a table: one row each with its first measured estimate."""
    rows = []
    for finding in findings:
        estimates = estimates_of(finding)
        main = next((e for e in estimates if e.value is not None), next(iter(estimates), None))
        said = " ".join((words.sentence(str(finding.get("statement") or "")), _unsaid(finding))).strip()
        where = source.title(finding.get("region") or "") or "no single region"
        if main is None:
            numbers: tuple[Cell, ...] = (Cell(text="rests on no estimate", kind="missing", span=3),)
        else:
            numbers = (*words.value_cells(main), Cell(text=f"{main.n:,}", kind="number"))
        rows.append(
            (
                Cell(text=str(finding.get("title") or finding["rule"])),
                Cell(text=where),
                Cell(text=cls_words(finding.get("cls") or "")),
                Cell(text=said),
                *numbers,
            )
        )
    head = ("Finding", "Region", "Class", "What it says", "Value", "95 % interval", "Cases")
    return Table(caption=caption, head=head, rows=tuple(rows), note=note, kind="brief") if rows else None
