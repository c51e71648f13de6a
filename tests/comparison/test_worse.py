"""Is the candidate worse? Rules about changes, verdicts side by side, exit codes; and what a plain run says of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import twins
from twins import N, said

import audit
from audit import cli
from audit.comparison import Comparison, code, compared
from audit.comparison.news import judgements, news
from audit.errors import ConfigError
from audit.judge import check, judge, load
from audit.record import Estimate

MINE = """\
id: text-grew
title: My own gate
severity: minor
evidence: reliance
role: artefact
regions: [text]
what: Does the effect of the text grow by more than one tenth of a standard deviation of the score?
why: Because we said so before the comparison was made, in the plan for this change of the network.
limits: A made-up limit.
references: [me]
when:
  all:
    - {metric: growth:removal, bound: low, op: ">", value: LIMIT}
clear_when:
  all:
    - {metric: growth:removal, bound: high, op: "<", value: LIMIT}
examples:
  - name: it grew
    outcome: flagged
    estimates:
      - {metric: growth:removal, fill: inpaint, value: 90, low: 80, high: 95}
  - name: it did not
    outcome: clear
    estimates:
      - {metric: growth:removal, fill: inpaint, value: 0, low: -0.01, high: 0.01}
"""


def mine(folder: Path, limit: float = 0.1) -> Path:
    file = folder / f"mine-{limit}.yaml"
    file.write_text(MINE.replace("LIMIT", str(limit)), "utf-8")
    return file


def outcomes(found: Comparison, number: int = 0) -> dict[str, str]:
    return {f.rule: f.outcome for f in found.pairs[number].judged.findings}


def test_identical_runs_are_not_worse_and_nothing_is_new(tmp_path: Path) -> None:
    """Each rule that could be asked is clear, and every verdict is as it was, the bad one too."""
    a, b = (twins.write(tmp_path / name, verdicts=[said("confirmed")]) for name in "ab")
    found = compared([a.path, b.path])
    assert found.verdict == "not-worse"
    assert set(outcomes(found).values()) == {"clear"}
    assert [n.kind for n in found.pairs[0].verdicts] == ["unchanged"]
    assert found.pairs[0].judged.reasons == ()


def test_a_grown_reliance_is_worse_in_either_direction_and_a_shrunk_one_is_not(tmp_path: Path) -> None:
    """The size counts, not the sign."""
    weak = twins.write(tmp_path / "weak", removal=twins.numbers(1, 0.0, 0.2))
    strong = twins.write(tmp_path / "strong", removal=twins.numbers(1, 2.5, 0.2))
    against = twins.write(tmp_path / "against", removal=twins.numbers(1, -2.5, 0.2))
    for before, after, outcome, verdict in (
        (weak, strong, "flagged", "worse"),
        (weak, against, "flagged", "worse"),
        (strong, weak, "clear", "not-worse"),
        (strong, against, "clear", "not-worse"),
    ):
        found = compared([before.path, after.path])
        assert outcomes(found)["reliance-grew"] == outcome
        assert found.verdict == verdict
    told = compared([weak.path, strong.path]).pairs[0].judged.reasons
    assert "Since the baseline the effect of painting over burned-in text" in told[0]
    assert "is larger by" in told[0]


def test_a_lesion_that_matters_less_and_answers_that_are_less_often_right(tmp_path: Path) -> None:
    """Each is flagged by its own rule, and by no other."""
    base = twins.write(tmp_path / "base")
    blind = twins.write(tmp_path / "blind", lesion=twins.numbers(2, 0.1, 0.5))
    worse = twins.write(tmp_path / "worse", p=twins.chances(np.arange(N) % 3 == 0))
    flagged = {
        name: {r for r, o in outcomes(compared([base.path, run.path])).items() if o == "flagged"}
        for name, run in (("blind", blind), ("worse", worse))
    }
    assert flagged["blind"] == {"lesion-reliance-fell"}
    assert {"accuracy-fell", "auc-fell"} <= flagged["worse"]


def test_a_cue_is_asked_about_if_a_run_has_a_verdict_on_it(tmp_path: Path) -> None:
    """And not otherwise."""
    a = twins.write(tmp_path / "a", shift=twins.numbers(3, 0.0, 0.1))
    b = twins.write(
        tmp_path / "b",
        shift=twins.numbers(3, 1.5, 0.1),
        verdicts=[said("clear"), said("clear", "brightness")],
    )
    assert outcomes(compared([a.path, b.path]))["reliance-on-cues-grew"] == "flagged"
    assert "reliance-on-cues-grew" not in outcomes(compared([a.path, a.path]))


@pytest.mark.parametrize(
    ("before", "after", "kind", "verdict"),
    [
        ("clear", "confirmed", "new", "worse"),
        ("suspected", "confirmed", "worse", "worse"),
        ("confirmed", "clear", "fixed", "not-worse"),
        ("confirmed", "sensitive", "better", "not-worse"),
        ("clear", "undecided", "left open", "undecided"),
        ("undecided", "clear", "cleared", "not-worse"),
        ("undecided", "undecided", "unchanged", "not-worse"),
    ],
)
def test_what_became_of_a_verdict(before: str, after: str, kind: str, verdict: str, tmp_path: Path) -> None:
    """The numbers are the same; only what the runs say differs."""
    runs = [twins.write(tmp_path / n, verdicts=[said(v)]) for n, v in (("a", before), ("b", after))]
    found = compared([r.path for r in runs])
    assert [n.kind for n in found.pairs[0].verdicts] == [kind]
    assert found.verdict == verdict


def test_a_place_that_each_audit_found_by_itself_is_not_one_place() -> None:
    """Its rows stand alone; a row for the other of two classes is still that sign's."""
    before = {
        "verdicts": [vars(said("clear", "found-1")), vars(said("clear", "text", "well"))],
        "findings": [],
        "gates": [],
    }
    after = {
        "verdicts": [vars(said("suspected", "found-1")), vars(said("clear", "text"))],
        "findings": [],
        "gates": [],
    }
    rows, _ = news(before, after, {"text"})
    assert [(r.sign, r.before, r.after, r.kind) for r in rows] == [
        ("found-1", "", "suspected", "new"),
        ("found-1", "clear", "", "gone"),
        ("text", "clear", "clear", "unchanged"),
    ]


def test_runs_that_keep_different_rules_are_judged_by_one_set(tmp_path: Path) -> None:
    """A verdict that changed because a limit did says nothing of the network."""
    core = sorted((Path(__file__).parents[2] / "rules" / "core").glob("*.yaml"))
    a = twins.write(tmp_path / "a", rules=core[:3], verdicts=[said("confirmed")])
    b = twins.write(tmp_path / "b", rules=core)
    found = compared([a.path, b.path])
    assert found.judged_again
    assert found.shared.sources[0].judgement["verdict"] == "undecided"  # nothing in the estimates confirms
    assert not judgements([found.shared.sources[0]] * 2)[1]


def test_a_gate_of_ones_own(tmp_path: Path) -> None:
    """By name, or kept by the last run; its limit decides."""
    rule = mine(tmp_path)
    a = twins.write(tmp_path / "a", removal=twins.numbers(1, 0.0, 0.05), rules=[rule])
    b = twins.write(tmp_path / "b", removal=twins.numbers(1, 0.25, 0.05), rules=[rule])
    found = compared([a.path, b.path])
    assert outcomes(found)["text-grew"] == "flagged"
    assert "reliance-grew" in outcomes(found)
    alone = compared([a.path, b.path], names=[str(rule)])
    assert (outcomes(alone), alone.verdict) == ({"text-grew": "flagged"}, "worse")
    lenient = compared([a.path, b.path], names=[str(mine(tmp_path, 50.0))])
    assert (outcomes(lenient), lenient.verdict) == ({"text-grew": "clear"}, "not-worse")


def test_a_plain_run_says_that_such_a_rule_needs_a_baseline(tmp_path: Path) -> None:
    """It is not decided and never clear, and the verdict is what it is without the rule."""
    rules = load([mine(tmp_path)], folder=Path())
    estimates = [
        Estimate(metric="removal", region="text", cls="ill", fill="inpaint", value=0.0, low=0.0, high=0.0)
    ]
    core = load(["core"], folder=Path())
    plain = judge(core, estimates, [twins.TEXT], ["well", "ill"])
    both = judge([*core, *rules], estimates, [twins.TEXT], ["well", "ill"])
    waiting = [f for f in both.findings if f.rule == "text-grew"]
    assert [(f.outcome, "`pfungst compare` judges it" in (f.why or "")) for f in waiting] == [
        ("undecided", True)
    ]
    assert (both.verdict, both.verdicts, both.gates) == (plain.verdict, plain.verdicts, plain.gates)


def test_a_change_that_nobody_measures_and_a_limit_that_none_can_reach(tmp_path: Path) -> None:
    """Both are slips, and are told with their place."""
    file = mine(tmp_path, 0.1)
    file.write_text(file.read_text("utf-8").replace("growth:removal", "change:folow"), "utf-8")
    assert any("unknown metric 'change:folow'" in p.what for p in check([str(file)]))
    shares = mine(tmp_path, 1.5)
    shares.write_text(shares.read_text("utf-8").replace("growth:removal", "change:mass"), "utf-8")
    assert any("it must lie between -1 and 1" in p.todo for p in check([str(shares)]))


def test_the_command_ends_with_the_verdicts_code_and_writes_the_same_bytes(tmp_path: Path, capsys) -> None:
    """0 not worse, 1 worse, 4 undecided, 2 wrong usage; --fail-on moves the gate."""
    a = twins.write(tmp_path / "a", removal=twins.numbers(1, 0.0, 0.2))
    b = twins.write(tmp_path / "b", removal=twins.numbers(1, 2.5, 0.2))
    few = [twins.write(tmp_path / f"few-{x}", n=8) for x in "ab"]

    def ended(*arguments: object) -> int:
        with pytest.raises(SystemExit) as exit_:
            cli.main(["compare", *map(str, arguments)])
        return int(exit_.value.code or 0)

    assert ended(a.path, b.path, "-o", tmp_path / "one") == 1
    assert "Verdict: worse" in capsys.readouterr().out
    assert ended(a.path, b.path, "-o", tmp_path / "two", "--fail-on", "none", "-q") == 0
    assert ended(*(r.path for r in few), "-o", tmp_path / "three", "-q") == 4
    assert ended(*(r.path for r in few), "-o", tmp_path / "four", "-q", "--fail-on", "undecided") == 1
    assert ended(a.path, b.path, "-o", tmp_path / "one") == 2  # not empty
    assert ended(a.path, b.path, "-o", tmp_path / "five", "--fail-on", "wurse") == 2
    assert ended(a.path, tmp_path / "nowhere", "-o", tmp_path / "six") == 2
    for name in ("comparison.json", "report/index.html", "report/report.pdf"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert json.loads((tmp_path / "one" / "comparison.json").read_text("utf-8"))["verdict"] == "worse"


def test_the_function_does_what_the_command_does(tmp_path: Path) -> None:
    """Also after the package was imported: its name is not the function's."""
    a = twins.write(tmp_path / "a")
    assert audit.compare(a.path, a.path, out=tmp_path / "out").verdict == "not-worse"
    assert (tmp_path / "out" / "report" / "report.pdf").is_file()
    with pytest.raises(ConfigError, match="did you mean"):
        code("worse", "wors")


def test_it_works_where_torch_is_not_installed(tmp_path: Path) -> None:
    """From two finished runs alone."""
    a = twins.write(tmp_path / "a")
    code_ = (
        "import sys; sys.modules['torch'] = None\nimport audit\n"
        f"audit.compare({str(a.path)!r}, {str(a.path)!r}, out={str(tmp_path / 'out')!r})"
    )
    subprocess.run([sys.executable, "-c", code_], check=True, cwd=Path(__file__).parents[2])
