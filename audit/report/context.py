"""The one context that page and paper are made from: plain, frozen values out of a run directory."""

from __future__ import annotations

from dataclasses import dataclass

from audit.record import Run
from audit.report import findings, gallery, identity, limits, results, words
from audit.report.blocks import (
    CaseBlock,
    Cell,
    Fact,
    FindingBlock,
    Picture,
    Reason,
    RuleBlock,
    Strip,
    Table,
    Word,
)
from audit.report.source import Source, load

WORST_FIRST = ("confirmed", "suspected", "sensitive", "undecided", "legitimate", "clear")


@dataclass(frozen=True, kw_only=True)
class Context:
    """Everything that the report says, in its order. Templates print it and decide nothing."""

    title: str
    draft: bool
    judged: bool
    program: str
    created: str
    verdict: Word
    reasons: tuple[Reason, ...]
    scope: tuple[Fact, ...]
    short_hash: str
    identity: tuple[Table, ...]
    data: tuple[Table, ...]
    settings: tuple[Table, ...]
    gates: Table | None
    flagged: tuple[RuleBlock, ...]
    more: tuple[Table, ...]
    undecided: Table | None
    clear: Table | None
    rules: tuple[RuleBlock, ...]
    removal: tuple[Table, ...]
    cases: tuple[CaseBlock, ...]
    attention: tuple[Table, ...]
    agreement: tuple[Table, ...]
    agreement_words: tuple[str, ...]
    missing: tuple[Table, ...]
    limitations: tuple[Fact, ...]
    meanings: tuple[Table, ...]
    pictures: tuple[Picture, ...]


def build(run: Run) -> Context:
    """Read a run directory into what its report says. No model, no images, no clock, no network.

    Raises:
        RunError: a table, an array or the findings of a finished run cannot be read.
    """
    source = load(run)
    flagged, rest = findings.flagged(source)
    found = findings.ordered(source.judgement["findings"])
    known = findings.rules(run)
    other = [rule_id for rule_id in known if rule_id not in {b.id for b in flagged}]
    cases = tuple(gallery.block(source, case, why) for case, why in gallery.chosen(source))
    more = findings.brief(source, rest, "More flagged findings")
    return Context(
        title=str(run.manifest.get("title") or "Audit of an image classifier"),
        draft=run.manifest.get("status") != "complete",
        judged=source.judged,
        program=f"pfungst {words.plain(run.manifest.get('pfungst'))}",
        created=words.plain(run.manifest.get("created")),
        verdict=_verdict(source),
        reasons=_reasons(source),
        scope=identity.scope(source),
        short_hash=identity.short_hash(source),
        identity=_kept(identity.model_table(source), identity.layer_table(source)),
        data=_kept(
            identity.data_table(source),
            identity.label_table(source),
            identity.region_table(source),
            identity.association_table(source),
        ),
        settings=_kept(
            identity.explainer_table(source), identity.settings_table(source), identity.machine_table(source)
        ),
        gates=findings.gates(source),
        flagged=flagged,
        more=_kept(more),
        undecided=findings.brief(
            source, (f for f in found if f["outcome"] == "undecided"), "Neither flagged nor cleared, and why"
        ),
        clear=findings.brief(source, (f for f in found if f["outcome"] == "clear"), "Cleared by their rules"),
        rules=tuple(findings.rule_block(i, known[i], found, ()) for i in other),
        removal=_kept(
            results.removal_table(source, "artefact"),
            results.removal_table(source, "lesion"),
            results.own_table(source),
        ),
        cases=cases,
        attention=results.attention_tables(source),
        agreement=_kept(*(results.agreement_table(source, m) for m in ("rank-correlation", "top-overlap"))),
        agreement_words=results.agreement_words(source),
        missing=_kept(
            limits.explainers_table(source),
            limits.regions_table(source),
            limits.scores_table(source),
            limits.estimates_table(source),
            limits.failures_table(source),
        ),
        limitations=tuple(Fact(name=name, text=text) for name, text in limits.LIMITATIONS),
        meanings=(_meanings(),),
        pictures=_pictures(flagged, cases),
    )


def _kept(*tables: Table | None) -> tuple[Table, ...]:
    return tuple(t for t in tables if t is not None)


def _verdict(source: Source) -> Word:
    key = str(source.judgement["verdict"])
    if not source.judged:
        return Word(key="undecided", word="Not judged", sign="○", meaning="This run has no findings yet.")
    return words.VERDICTS.get(key) or Word(key="undecided", word=key, sign="○", meaning="")


def _reasons(source: Source) -> tuple[Reason, ...]:
    rows = sorted(source.judgement["verdicts"], key=lambda v: WORST_FIRST.index(v["verdict"]))
    return tuple(
        Reason(
            artefact=source.title(row["artefact"]) or "No region",
            cls=findings.cls_words(row["cls"]),
            verdict=words.VERDICTS[row["verdict"]],
            statement=words.sentence(row["statement"]),
        )
        for row in rows
    )


def _meanings() -> Table:
    rows = tuple(
        (Cell(text=f"{w.sign} {w.word}"), Cell(text=w.meaning), Cell(text=words.MISUNDERSTOOD[w.key]))
        for w in words.VERDICTS.values()
    )
    head = ("Verdict", "What it means", "What it does not mean")
    return Table(caption="The words of the verdict", head=head, rows=rows, kind="text")


def _pictures(rules: tuple[RuleBlock, ...], cases: tuple[CaseBlock, ...]) -> tuple[Picture, ...]:
    """Every picture once, by its key."""
    blocks: list[FindingBlock] = [f for rule in rules for f in rule.findings]
    strips: list[Strip | None] = [s for f in blocks for s in (f.most, f.least)]
    strips += [s for case in cases for s in case.strips]
    return tuple({p.key: p for s in strips if s is not None for p in s.pictures}.values())
