"""The comparison itself: every candidate against the baseline, and the worst of them for the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audit import judge as judging
from audit.comparison import moved as moving
from audit.comparison.change import Change, changes
from audit.comparison.moved import Moved
from audit.comparison.news import News, judgements, news
from audit.comparison.shared import Apart, Shared, share
from audit.comparison.trend import Series, trend
from audit.comparison.verdict import WORST_FIRST, Answer, Judged, judge, rules
from audit.record import Estimate, Map
from audit.record.files import sha256


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Run ``number`` against the baseline. ``map_``: the map by which cases were chosen, None where none is shared."""

    number: int
    changes: tuple[Change, ...]
    maps: tuple[Estimate, ...]
    moved: tuple[Moved, ...]
    map_: Map | None
    verdicts: tuple[News, ...]
    findings: tuple[News, ...]
    judged: Judged
    apart: tuple[Apart, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs in order, the first of them the baseline. ``rules``: the digest of each rule file that was asked."""

    shared: Shared
    verdict: Answer
    pairs: tuple[Pair, ...]
    trend: tuple[Series, ...]
    asked: tuple[judging.Rule, ...]
    rules: dict[str, str]
    judged_again: bool


def compared(
    paths: Sequence[Path],
    *,
    names: Sequence[str] | None = None,
    maps: bool = True,
    folder: Path | None = None,
) -> Comparison:
    """Compare finished runs, from their folders alone; writes nothing.

    Args:
        paths: the runs in order; the first is the baseline.
        names: rules about changes, as shipped sets, files and folders; None takes the shipped set ``compare`` and those
            that the last run keeps.
        maps: compare maps too; False for runs on different grids.
        folder: what relative paths among ``names`` are relative to.

    Raises:
        RunError: the runs cannot be compared.
        ConfigError: a rule is wrong.
    """
    shared = share(paths, maps=maps)
    asked, files = rules(names, shared, folder or Path.cwd())
    judged, again = judgements(shared.sources)
    sources = tuple(replace(s, judgement=j) for s, j in zip(shared.sources, judged, strict=True))
    shared = replace(shared, sources=sources)
    pairs = tuple(_pair(shared, number, asked) for number in range(1, len(sources)))
    verdict = min((p.judged.verdict for p in pairs), key=WORST_FIRST.index)
    return Comparison(
        shared=shared,
        verdict=verdict,
        pairs=pairs,
        trend=tuple(trend(shared, told_for(shared))),
        asked=tuple(asked),
        rules={rule.id: sha256(file) for rule, file in zip(asked, files, strict=True)},
        judged_again=again,
    )


def _pair(shared: Shared, number: int, asked: Sequence[judging.Rule]) -> Pair:
    maps, apart = moving.common(shared, number)
    found = changes(shared, number, maps)
    near = moving.likeness(shared, number, maps)
    shown = moving.shown(shared, number, maps)
    before, after = (shared.sources[i].judgement for i in (0, number))
    verdicts, findings = news(before, after, {r.name for r in shared.signs})
    return Pair(
        number=number,
        changes=tuple(found),
        maps=tuple(moving.estimates(shared, maps, near)),
        moved=moving.most(shared, number, shown, near),
        map_=shown,
        verdicts=tuple(verdicts),
        findings=tuple(findings),
        judged=judge(shared, number, asked, found, verdicts),
        apart=tuple(apart),
    )


def told_for(shared: Shared) -> dict[str, tuple[str, ...]]:
    """The classes that each sign is told for: of two that mirror each other, that of the last run's verdict on it."""
    last = shared.sources[-1]
    return {r.name: last.classes_of(r.name) for r in shared.signs}
