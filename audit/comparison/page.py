"""A comparison as a page and a PDF that say the same, because both are made from one context."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from markupsafe import Markup

from audit.comparison import tables
from audit.comparison.compared import Comparison, Pair, told_for
from audit.comparison.pictures import MovedBlock, blocks, ramp
from audit.comparison.trend import Panel, panel
from audit.judge.schema import Rule
from audit.report import words
from audit.report.blocks import Fact, Picture, RuleBlock, Table, Word
from audit.report.html import style
from audit.report.pdf import printed
from audit.report.rooms import environment, handed
from audit.report.vocabulary import EVIDENCE

VERDICTS: dict[str, Word] = {
    word.key: word
    for word in (
        Word(
            key="worse",
            word="Worse",
            sign="■",
            meaning="On the cases that the runs share, the candidate is worse than the baseline in at least one thing "
            "that a rule sets a limit to, or a verdict on an artefact is worse than it was.",
        ),
        Word(
            key="undecided",
            word="Undecided",
            sign="○",
            meaning="Nothing is shown to be worse, but not everything that was asked could be decided. Undecided does "
            "not mean that nothing is worse.",
        ),
        Word(
            key="not-worse",
            word="Nothing worse",
            sign="●",
            meaning="In what the rules set limits to, the candidate is no worse than the baseline on the cases that "
            "the runs share. It does not say that either is good: what was wrong with both still is.",
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class PairBlock:
    """One candidate against the baseline, as printed."""

    name: str
    anchor: str
    verdict: Word
    reasons: tuple[str, ...]
    judged: Table | None
    verdicts: Table | None
    findings: Table | None
    figures: Table
    effects: tuple[Table, ...]
    attention: tuple[Table, ...]
    maps: Table | None
    map_title: str
    cases: tuple[MovedBlock, ...]
    apart: Table | None


@dataclass(frozen=True, kw_only=True)
class Page:
    """All that the template prints."""

    title: str
    baseline: str
    begun: str
    verdict: Word
    facts: tuple[Fact, ...]
    runs: Table
    panels: tuple[Panel, ...]
    trend: Table | None
    pairs: tuple[PairBlock, ...]
    rules: tuple[RuleBlock, ...]
    ramp: str

    @property
    def pictures(self) -> list[Picture]:
        """Every picture that the page shows."""
        return [p for pair in self.pairs for case in pair.cases for p in case.pictures]


def build(comparison: Comparison) -> Page:
    """The context of a comparison."""
    shared = comparison.shared
    left = sum(a.kind == "case" for a in shared.apart)
    facts = [
        Fact(name="Baseline", text=shared.names[0]),
        Fact(name="Compared with it", text=", then ".join(shared.names[1:])),
        Fact(
            name="On",
            text=f"{words.count(len(shared.cases), 'case')} of {words.count(len(set(shared.patients)), 'patient')} "
            "that every run has: the same id, label, patient and picture",
        ),
        Fact(name="Left out", text=words.count(left, "case") if left else "no case"),
        Fact(
            name="Intervals",
            text="95 %, percentile bootstrap of the paired difference over patients, 2,000 draws",
        ),
    ]
    if comparison.judged_again:
        why = "the runs keep different rules, so all were judged again by those of the last one"
        facts.append(Fact(name="Verdicts", text=why))
    if not shared.maps:
        facts.append(Fact(name="Maps", text="left out, as was asked"))
    panels = [
        panel(s, shared.names, tables.trend_title(shared, s), _told(shared.names, s.estimates))
        for s in comparison.trend
    ]
    return Page(
        title=f"{' and '.join(shared.names[1:])} against {shared.names[0]}"
        if len(shared.names) <= 3
        else f"{len(shared.names) - 1} runs against {shared.names[0]}",
        baseline=shared.names[0],
        begun=str(shared.sources[-1].run.manifest.get("created") or ""),
        verdict=VERDICTS[comparison.verdict],
        facts=tuple(facts),
        runs=tables.runs(comparison),
        panels=tuple(panels),
        trend=tables.trend(shared, comparison.trend) if comparison.trend else None,
        pairs=tuple(_pair(comparison, pair) for pair in comparison.pairs),
        rules=tuple(_rule(rule, comparison.rules[rule.id]) for rule in comparison.asked),
        ramp=ramp(),
    )


def _told(names: tuple[str, ...], estimates: tuple[object, ...]) -> str:
    said = [f"{n} {words.pair_cell(e).text}" for n, e in zip(names, estimates, strict=True)]  # type: ignore[arg-type]
    return "; ".join(said).replace("\u00a0", " ")


def _pair(comparison: Comparison, pair: Pair) -> PairBlock:
    shared = comparison.shared
    classes = told_for(shared)
    return PairBlock(
        name=shared.names[pair.number],
        anchor=f"run-{pair.number}",
        verdict=VERDICTS[pair.judged.verdict],
        reasons=pair.judged.reasons,
        judged=tables.judged(shared, pair),
        verdicts=tables.verdicts(shared, pair),
        findings=tables.findings(shared, pair),
        figures=tables.figures(shared, pair),
        effects=tuple(tables.effects(shared, pair, classes)),
        attention=tuple(tables.attention(shared, pair)),
        maps=tables.maps(shared, pair),
        map_title=words.map_title(pair.map_.explainer, pair.map_.layer) if pair.map_ else "",
        cases=blocks(shared, pair),
        apart=tables.apart(shared, pair.apart),
    )


def _rule(rule: Rule, digest: str) -> RuleBlock:
    return RuleBlock(
        id=rule.id,
        digest=digest[:12],
        title=rule.title,
        severity=rule.severity,
        evidence=EVIDENCE.get(rule.evidence, rule.evidence),
        what=rule.what,
        why=rule.why,
        limits=(rule.limits,),
        references=rule.references,
        requirements=rule.requirements,
        risks=rule.risks,
        findings=(),
    )


def html(page: Page, medium: str = "screen") -> str:
    """The context as one HTML document: one file, no address, no script but its own, and no eval."""
    paper = medium == "paper"
    room = environment(paper=paper)
    own = room.get_template("compare.css").render()
    css = style(room, "paper" if paper else "screen") + "\n" + own
    script = room.get_template("compare.js").render()
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(css)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return room.get_template("compare.html").render(
        c=page,
        medium=medium,
        style=Markup(css),
        script=Markup(script),
        policy=policy,
        address=_asset if paper else _data,
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


@handed
def _data(picture: Picture) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(picture.jpeg).decode("ascii")


@handed
def _asset(picture: Picture) -> str:
    return f"asset:{picture.key}"


def pdf(page: Page) -> bytes:
    """The context as PDF/A-3a and PDF/UA-1 (A4). The same context gives the same bytes."""
    return printed(html(page, "paper"), title=page.title, begun=page.begun, pictures=page.pictures)
