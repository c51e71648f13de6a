"""A run's findings as files for machines tell them: of what each speaks, and in what words its numbers stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit.errors import RunError
from audit.judge.schema import WEIGHTS
from audit.judge.words import BESIDE, ELSEWHERE
from audit.record import Estimate, Failure, Run
from audit.report import rulebook, words
from audit.report.rulebook import Raw
from audit.report.source import UNJUDGED


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a run was found to be. ``gates`` are the conditions for a verdict; ``titles`` name regions and cues."""

    run: Run
    verdict: str
    verdicts: tuple[Raw, ...]
    findings: tuple[Raw, ...]
    gates: tuple[Raw, ...]
    failures: tuple[Failure, ...]
    rules: Mapping[str, Raw]
    titles: Mapping[str, str]

    def subject(self, finding: Raw) -> str:
        """Of what a finding or a verdict speaks: a region, a cue or the whole, and a class or all."""
        name = str(finding.get("region") or finding.get("artefact") or "")
        about = self.titles.get(name) or name or "no single region"
        return f"{about}, class {finding['cls']}" if finding.get("cls") else f"{about}, all classes"


def load(run: Run) -> Judged:
    """Read what a run was judged to be; a draft that was not judged yet has no finding, and is undecided."""
    try:
        told: dict[str, Any] = run.findings()
    except RunError:
        if run.manifest.get("status") == "complete":
            raise
        told = UNJUDGED
    return Judged(
        run=run,
        verdict=str(told["verdict"]),
        verdicts=tuple(told["verdicts"]),
        findings=tuple(told["findings"]),
        gates=tuple(told["gates"]),
        failures=tuple(run.failures()),
        rules=rulebook.rules(run),
        titles={ELSEWHERE: BESIDE} | {r.name: r.title or r.name for r in (*run.regions, *run.cues)},
    )


def estimates(finding: Raw) -> tuple[Estimate, ...]:
    """What a finding was made from."""
    return tuple(Estimate(**row) for row in finding.get("estimates") or ())


def said(finding: Raw) -> str:
    """What a finding says, and why where it does not say so itself."""
    statement, why = str(finding.get("statement") or "").strip(), str(finding.get("why") or "").strip()
    rest = "" if not why or why in statement else words.sentence(why[:1].upper() + why[1:])
    return " ".join(part for part in (words.sentence(statement), rest) if part) or "No reason was recorded."


def line(e: Estimate) -> str:
    """An estimate in one line: what it is of, its value with interval, on how many, and how many are missing.

    >>> line(Estimate(metric="auc", value=0.864, low=0.79, high=0.92, n=120, patients=60))
    'auc = 0.864 [0.79, 0.92], cases 120, patients 60, missing 0'
    >>> line(Estimate(metric="lost", region="lesion", value=None, why="nobody drew one", missing=3))
    'lost region=lesion: not measured (nobody drew one), cases 0, patients 0, missing 3'
    """
    of = [e.metric, *(f"{key}={value}" for key in OF if (value := getattr(e, key)))]
    of += [e.stratum] if e.stratum not in ("", "all") else []
    if e.value is None:
        number = f": not measured ({e.why or 'no reason was recorded'})"
    else:
        interval = "no interval" if e.low is None or e.high is None else f"[{e.low:g}, {e.high:g}]"
        number = f" = {e.value:g} {interval}"
    return f"{' '.join(of)}{number}, cases {e.n}, patients {e.patients}, missing {e.missing}"


OF = ("region", "cls", "explainer", "layer", "other", "target", "family", "fill")


def worth(rules: Mapping[str, Raw], finding: Raw) -> str:
    """What a flag of a finding's rule is worth: it confirms, suggests or informs."""
    weight = rules.get(str(finding["rule"]), {}).get("weight")
    return str(weight or WEIGHTS.get(str(finding.get("evidence")), "informs"))
