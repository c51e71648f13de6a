"""The one context that page and paper are made from: plain, frozen values out of a run directory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audit.record import Run
from audit.report import (
    asked,
    cues,
    findings,
    found,
    gallery,
    harm,
    identity,
    limits,
    machine,
    reliance,
    results,
    sufficiency,
    trust,
    vocabulary,
    words,
)
from audit.report.blocks import (
    CaseBlock,
    Cell,
    Fact,
    FindingBlock,
    FoundBlock,
    Picture,
    Reason,
    RuleBlock,
    Strip,
    Table,
    Word,
)
from audit.report.dossier import Dossier, beside, dossier
from audit.report.source import DISCOVERED, Source, load

WORST_FIRST = ("confirmed", "suspected", "sensitive", "undecided", "legitimate", "clear")
FLAGGED = ("confirmed", "suspected", "sensitive")

FULL, FEW = 6, 4
"""Reasons on the first page: at most so many flagged ones; others up to so many in all. The rest is named there."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """Everything that the report says, in its order. Templates print it and decide nothing.

    ``beside`` are texts that lie beside the report as files of their own.
    """

    title: str
    draft: bool
    judged: bool
    program: str
    created: str
    verdict: Word
    shared: str
    reasons: tuple[Reason, ...]
    others: tuple[Fact, ...]
    scope: tuple[Fact, ...]
    short_hash: str
    identity: tuple[Table, ...]
    data: tuple[Table, ...]
    settings: tuple[Table, ...]
    gates: Table | None
    verdicts: Table | None
    flagged: tuple[RuleBlock, ...]
    more: tuple[Table, ...]
    undecided: Table | None
    clear: Table | None
    rules: tuple[RuleBlock, ...]
    removal: tuple[Table, ...]
    transplant: tuple[Table, ...]
    cues: tuple[Table, ...]
    harm: tuple[Table, ...]
    found: tuple[FoundBlock, ...]
    found_words: tuple[str, ...]
    cases: tuple[CaseBlock, ...]
    attention: tuple[Table, ...]
    trust: tuple[Table, ...]
    trust_words: tuple[str, ...]
    agreement: tuple[Table, ...]
    agreement_words: tuple[str, ...]
    missing: tuple[Table, ...]
    limitations: tuple[Fact, ...]
    meanings: tuple[Table, ...]
    dossier: Dossier
    beside: tuple[Fact, ...]
    pictures: tuple[Picture, ...]


def build(run: Run, source: Source | None = None) -> Context:
    """Read a run directory into what its report says. No model, no images, no clock, no network.

    ``source``: the run as it was read already.

    Raises:
        RunError: a table, an array or the findings of a finished run cannot be read.
    """
    source = source or load(run)
    flagged, rest = findings.flagged(source)
    ordered = findings.ordered(source.judgement["findings"])
    known = source.rules
    places = found.found_blocks(source)
    artefacts = [r for r in source.regions if r.role == "artefact" and r.detector != DISCOVERED]
    other = [rule_id for rule_id in known if rule_id not in {b.id for b in flagged}]
    cases = tuple(gallery.block(source, case, why) for case, why in gallery.chosen(source))
    spelt, named = _spelt(source)
    shared = _shared([*spelt, *named])
    more = findings.brief(source, rest, "More flagged findings")
    file = dossier(source)
    return Context(
        title=str(run.manifest.get("title") or "Audit of an image classifier"),
        draft=run.manifest.get("status") != "complete",
        judged=source.judged,
        program=f"pfungst {words.plain(run.manifest.get('pfungst'))}",
        created=words.plain(run.manifest.get("created")),
        verdict=_verdict(source),
        shared=shared,
        reasons=_reasons(source, spelt, shared),
        others=_others(source, named),
        scope=(*identity.scope(source), file.independence),
        short_hash=identity.short_hash(source),
        identity=_kept(identity.model_table(source), identity.layer_table(source)),
        data=_kept(
            identity.data_table(source),
            identity.label_table(source),
            identity.region_table(source),
            identity.association_table(source),
        ),
        settings=_kept(
            identity.explainer_table(source),
            machine.passes_table(source),
            identity.settings_table(source),
            machine.machine_table(source),
        ),
        gates=findings.gates(source),
        verdicts=_table(source, named, shared),
        flagged=flagged,
        more=_kept(more),
        undecided=findings.brief(
            source,
            (f for f in ordered if f["outcome"] == "undecided"),
            "Neither flagged nor cleared, and why",
        ),
        clear=findings.brief(
            source, (f for f in ordered if f["outcome"] == "clear"), "Cleared by their rules"
        ),
        rules=tuple(findings.rule_block(i, known[i], ordered, ()) for i in other),
        removal=_kept(
            reliance.removal_table(source, "artefact"),
            *reliance.fill_tables(source),
            reliance.dose_table(source, artefacts),
            reliance.removal_table(source, "lesion"),
            reliance.own_table(source),
        ),
        transplant=_kept(sufficiency.transplant_table(source, artefacts)),
        cues=cues.cue_tables(source),
        harm=harm.harm_tables(source),
        found=places,
        found_words=found.none_words(source),
        cases=cases,
        attention=results.attention_tables(source),
        trust=_kept(trust.sanity_table(source), trust.faithful_table(source)),
        trust_words=(*trust.trust_words(source), *asked.lime_words(source)),
        agreement=_kept(*(results.agreement_table(source, m) for m in ("rank-correlation", "top-overlap"))),
        agreement_words=results.agreement_words(source),
        missing=_kept(
            limits.given_up_table(source),
            limits.explainers_table(source),
            limits.regions_table(source),
            limits.scores_table(source),
            limits.estimates_table(source),
            limits.failures_table(source),
        ),
        limitations=tuple(Fact(name=name, text=text) for name, text in limits.LIMITATIONS),
        meanings=(_meanings(),),
        dossier=file,
        beside=tuple(Fact(name=name, text=text) for name, text in beside(source).items()),
        pictures=_pictures(flagged, places, cases),
    )


def _kept(*tables: Table | None) -> tuple[Table, ...]:
    return tuple(t for t in tables if t is not None)


def _verdict(source: Source) -> Word:
    key = str(source.judgement["verdict"])
    if not source.judged:
        return Word(key="undecided", word="Not judged", sign="○", meaning="This run has no findings yet.")
    return vocabulary.VERDICTS.get(key) or Word(key="undecided", word=key, sign="○", meaning="")


Row = dict[str, Any]


def _spelt(source: Source) -> tuple[list[Row], list[Row]]:
    """The verdicts that the first page gives in full, and those that it only names."""
    rows = sorted(source.judgement["verdicts"], key=lambda v: WORST_FIRST.index(v["verdict"]))
    flagged = [r for r in rows if r["verdict"] in FLAGGED]
    others = [r for r in rows if r["verdict"] not in FLAGGED]
    room = max(0, FEW - len(flagged))
    spelt = flagged[:FULL] + others[:room]
    return spelt, flagged[FULL:] + others[room:]


def _shared(rows: list[Row]) -> str:
    """The sentences with which all undecided statements begin: a gate that did not open is said once."""
    said = [str(r["statement"]).split(". ") for r in rows if r["verdict"] == "undecided"]
    if len(said) < 2:
        return ""
    same = 0
    while all(len(s) > same + 1 and s[same] == said[0][same] for s in said):
        same += 1
    return ". ".join(said[0][:same]) + "." if same else ""


def _reasons(source: Source, rows: list[Row], shared: str) -> tuple[Reason, ...]:
    return tuple(
        Reason(
            artefact=source.title(row["artefact"]) or "No region",
            cls=findings.cls_words(row["cls"]),
            verdict=vocabulary.VERDICTS[row["verdict"]],
            statement=words.sentence(_rest(row, shared)),
        )
        for row in rows
    )


def _rest(row: Row, shared: str) -> str:
    """What a statement says beyond what all of them say."""
    said = str(row["statement"])
    return said.removeprefix(shared).strip() if row["verdict"] == "undecided" and shared else said


def _others(source: Source, rows: list[Row]) -> tuple[Fact, ...]:
    """The other verdicts by their word: what they are about, each once."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        title = source.title(row["artefact"]) or "No region"
        named = groups.setdefault(row["verdict"], [])
        named += [] if title in named else [title]
    return tuple(
        Fact(
            name=f"{vocabulary.VERDICTS[key].sign} {vocabulary.VERDICTS[key].word}",
            text=", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else ""),
        )
        for key, names in groups.items()
    )


NAMED = 24
"""So many artefacts and signs of one word are named on the first page."""


def _table(source: Source, rows: list[Row], shared: str) -> Table | None:
    """The verdicts that the first page only names, with what they rest on."""
    cells = tuple(
        (
            Cell(text=source.title(row["artefact"]) or "No region"),
            Cell(text=findings.cls_words(row["cls"])),
            Cell(text=f"{(w := vocabulary.VERDICTS[row['verdict']]).sign} {w.word}"),
            Cell(text=words.sentence(_rest(row, shared))),
        )
        for row in rows
    )
    head = ("Artefact or sign", "Class", "Verdict", "Why")
    return Table(caption="The other verdicts", head=head, rows=cells, kind="text verdicts") if cells else None


def _meanings() -> Table:
    rows = tuple(
        (Cell(text=f"{w.sign} {w.word}"), Cell(text=w.meaning), Cell(text=vocabulary.MISUNDERSTOOD[w.key]))
        for w in vocabulary.VERDICTS.values()
    )
    head = ("Verdict", "What it means", "What it does not mean")
    return Table(caption="The words of the verdict", head=head, rows=rows, kind="text")


def _pictures(
    rules: tuple[RuleBlock, ...], places: tuple[FoundBlock, ...], cases: tuple[CaseBlock, ...]
) -> tuple[Picture, ...]:
    """Every picture once, by its key."""
    blocks: list[FindingBlock] = [f for rule in rules for f in rule.findings]
    strips: list[Strip | None] = [s for f in blocks for s in (f.most, f.least)]
    strips += [s for place in places for s in place.strips]
    strips += [s for case in cases for s in case.strips]
    return tuple({p.key: p for s in strips if s is not None for p in s.pictures}.values())
