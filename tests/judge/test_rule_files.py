"""Broken rule files: every mistake is told at once, at its place. Hostile ones harm nobody."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from audit import resources
from audit.errors import ConfigError
from audit.judge import Rule, check, files, load

GOOD = """\
id: reliance-tag
title: Reliance on the tag
severity: critical
evidence: reliance
role: artefact
regions: [text]
what: Does the answer need the tag?
why: Because a pilot says so.
limits: It cannot tell who put it there.
references: [Nobody 2020]
requires:
  - metric: removal
    cases: 20
when:
  all:
    - metric: removal
      bound: abs-low
      op: ">"
      value: 0.2
clear_when:
  all:
    - metric: removal
      bound: abs-high
      op: "<"
      value: 0.2
correct: holm
examples:
  - name: needed
    outcome: flagged
    estimates:
      - {metric: removal, value: 1.0, low: 0.8, high: 1.2}
"""


def told(folder: Path, *texts: str | bytes) -> list[str]:
    """What ``check`` says of these files, with the folder left out."""
    for i, text in enumerate(texts):
        (folder / f"{'abc'[i]}.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return [str(p).replace(f"{folder}/", "") for p in check([folder])]


def test_a_good_file_has_no_mistake(tmp_path: Path) -> None:
    """And loads as what it says."""
    assert told(tmp_path, GOOD) == []
    (rule,) = load(["a.yaml"], folder=tmp_path)
    assert (rule.id, rule.when.all[0].value, rule.correct) == ("reliance-tag", 0.2, "holm")


BROKEN = [
    # what is put in place of what, where it is told, what is told, what to do
    ("title:", "titel:", "2:1", "unknown key 'titel'", "did you mean 'title'?"),
    ("title: Reliance on the tag\n", "", "1:1", "the key 'title' is missing", "add  title: ..."),
    ("id: reliance-tag", "id: Reliance Tag", "1:5", "'id' cannot be 'Reliance Tag'", "small letters"),
    ("severity: critical", "severity: critcal", "3:11", "'severity' cannot be 'critcal'", "'critical'"),
    ("evidence: reliance", "evidence: relience", "4:11", "'evidence' cannot be", "did you mean 'reliance'?"),
    ("regions: [text]", "regions: [txt]", "6:11", "unknown region 'txt'", "did you mean 'text'?"),
    ("regions: [text]", "regions: [lesion, conrer-*]", "6:19", "unknown region 'conrer-*'", "'corner-*'"),
    ("regions: [text]", "regions: [corners]", "6:11", "unknown region 'corners'", "'corner-*'"),
    ("regions: [text]", "regions: [ruler_ticks]", None, "", ""),
    ("regions: [text]", "regions: 3", "6:10", "'regions'", "it is '3'"),
    ("regions: [text]\n", "", "1:1", "the metric 'removal' is about a region", "add  regions: [...]"),
    ("what: Does the answer need the tag?", "what: [a, b]",
     "7:7", "'what': input should be a valid string", ""),
    ("cases: 20", "cases: twenty", "13:12", "'cases': input should be a valid integer", "it is 'twenty'"),
    ("cases: 20", "cases: 0", "13:12", "greater than or equal to 1", ""),
    ("cases: 20", "case: 20", "13:5", "unknown key 'case'", "did you mean 'cases'?"),
    ("    - metric: removal\n      bound: abs-low", "    - metric: remval\n      bound: abs-low", "16:15",
     "unknown metric 'remval'", "did you mean 'removal'?"),
    ("bound: abs-low", "bound: lowest", "17:14", "'bound' cannot be 'lowest'", "'low'"),
    ('op: ">"', 'op: "=>"', "18:11", "'op' cannot be '=>'", ">"),
    ("      value: 0.2\nclear", "      value: -0.2\nclear",
     "19:14", "the limit -0.2 is outside the range", "between 0 and inf"),
    ("      value: 0.2\nclear", "      value: .nan\nclear", "19:14", "finite", "write a number"),
    ("      value: 0.2\nclear", "      value: yes\nclear",
     "19:14", "'value': input should be a valid number", "it is 'yes'"),
    ("      value: 0.2\nclear", "      value: true\nclear",
     "19:14", "'value': input should be a valid number", ""),
    ("      value: 0.2\nclear", "      value: 0.2\n      strata: x\nclear",
     "20:7", "unknown key 'strata'", "'stratum'"),
    ("clear_when:\n  all:", "clear_when:\n  some:", "21:3", "unknown key 'some'", "all"),
    ("when:\n  all:", "when:\n  all: []\n  any:", None, "", ""),
    ("correct: holm", "correct: bonferroni",
     "26:10", "'correct' cannot be 'bonferroni'", "one of none, holm"),
    ("outcome: flagged", "outcome: clear", "29:14", "says 'clear', the rule gives 'flagged'", "by 1.00 SD"),
    ("role: artefact", "role: lesion", None, "", ""),
    ("low: 0.8", "low: yes", "31:44", "'low': input should be a valid number", ""),
    ("high: 1.2}", "hihg: 1.2}", "31:49", "unknown key 'hihg'", "did you mean 'high'?"),
    ("title: Reliance on the tag", "title: A\nid: another", "3:1", "the key 'id' stands twice", "line 1"),
    ("title: Reliance on the tag", "title: 'Reliance", None, "not YAML", ""),
    ("title: Reliance on the tag", "title: a: b", "2:9", "not YAML", ""),
    ("title: Reliance on the tag", "\ttitle: a", "2:1", "not YAML", ""),
    ("title: Reliance on the tag", "title: !!python/object/apply:os.system [ls]",
     "2:8", "a tag (", "text and numbers only"),
    ("title: Reliance on the tag", "title: &a Reliance", "2:8", "an anchor (&a)", "write it out"),
    ("correct: holm", "correct: holm\nlegitimate: no",
     "27:13", "'legitimate': input should be a valid boolean", ""),
    ("correct: holm", "correct: holm\nrun: __import__('os')", "27:1", "unknown key 'run'", "known:"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "where", "what", "todo"), BROKEN)
def test_a_mistake_is_told_at_its_place(
    tmp_path: Path, old: str, new: str, where: str | None, what: str, todo: str
) -> None:
    """file:line:column, what is wrong there, and the nearest name that would do."""
    assert GOOD.count(old) == 1 or old.startswith(("when", "    -"))
    problems = told(tmp_path, GOOD.replace(old, new, 1))
    if not what:
        return  # a variant that is no mistake
    assert len(problems) == 1, problems
    head, _, hint = problems[0].partition("\n")
    assert what in head
    assert todo in hint
    if where is not None:
        assert head.startswith(f"a.yaml:{where}: ")


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """Across the file and across files, in the order of the lines."""
    text = (
        GOOD.replace("title:", "titel:")
        .replace("bound: abs-low", "bound: x")
        .replace("cases: 20", "cases: 0")
    )
    problems = told(tmp_path, text, text.replace("reliance-tag", "other"))
    places = [re.match(r"(\w)\.yaml:(\d+)", p) for p in problems]
    assert [(m[1], int(m[2])) for m in places if m] == [(f, line) for f in "ab" for line in (2, 13, 17)]
    with pytest.raises(ConfigError) as error:
        load([tmp_path], folder=tmp_path)
    assert len(error.value.problems) == 6


def test_two_rules_with_one_id_are_a_mistake(tmp_path: Path) -> None:
    """The second is told, with where the first stands."""
    (problem,) = told(tmp_path, GOOD, "\n" + GOOD)
    assert problem.startswith("b.yaml:2:5: two rules with the id 'reliance-tag'")
    assert "a.yaml:1:5" in problem


HOSTILE = [
    (b"id: \xff\xfe", "1:5", "not UTF-8"),
    (b"a: 1\nb: \xc3(", "2:4", "not UTF-8"),
    (b"", "1:1", "empty"),
    (b"# nothing\n", "1:1", "empty"),
    (b"- a\n- b\n", "1:1", "keys and values"),
    (b"just text", "1:1", "keys and values"),
    (b"a: " + b"[" * 5000, "1:19", "nested too deep"),
    (b"a: " + b"{a: " * 5000, "", "nested too deep"),
    (b"a: [" + b"1," * 30_000 + b"]", "", "too many values"),
    (b"#" * 300_000, "1:1", "larger than"),
    (b"a: &x [1, 2]\nb: &y [*x, *x]\nc: [*y, *y]\n", "1:4", "an anchor (&x)"),
    (b"a: &x\n  <<: *x\n", "1:4", "an anchor (&x)"),
    (b"a: *x\n", "1:4", "an alias (*x)"),
    (b"!!python/object/new:os.system [echo]\n", "1:1", "a tag ("),
    (b"!!set {a, b}\n", "1:1", "a tag ("),
    (b"%TAG ! tag:evil,2000:\n---\na: !x 1\n", "", "a tag ("),
    (b"a: 1\n---\nb: 2\n", "2:1", "a second document"),
    (b"? [a, b]\n: 1\n", "1:3", "a key must be a word"),
    (b"a: 1\x00\n", "", "not YAML"),
    (b"a: 0x" + b"f" * 100_000, "", "'id' is missing"),
    (b"a: " + b"9" * 100_000, "", ""),
    (b"a: 1e999999999\n", "", "'id' is missing"),
    (b"id: 2020-01-01\ntitle: 12:30:45\n", "", "'id' cannot be '2020-01-01'"),
]


@pytest.mark.parametrize(("data", "where", "what"), HOSTILE, ids=[str(i) for i in range(len(HOSTILE))])
def test_a_hostile_file_is_refused_at_once(tmp_path: Path, data: bytes, where: str, what: str) -> None:
    """Tags, bombs and rubbish end in a sentence, soon, and nothing in them is run."""
    start = time.perf_counter()
    problems = told(tmp_path, data)
    assert time.perf_counter() - start < 5
    assert problems
    assert any(what in p and p.startswith(f"a.yaml:{where}") for p in problems), problems


def test_a_billion_laughs_are_not_laughed(tmp_path: Path) -> None:
    """Nine lines that would grow to a billion values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    problems = told(tmp_path, "\n".join(lines))
    assert any("an alias (*a0)" in p and p.startswith("a.yaml:2:") for p in problems)


def test_names_and_paths_that_lead_nowhere(tmp_path: Path) -> None:
    """Each is told, with the shipped set that comes nearest."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "rule.txt").write_text(GOOD)
    with pytest.raises(ConfigError) as error:
        files(["cor", "mine/rules.yaml", "empty", "rule.txt"], folder=tmp_path)
    whats = [p.what for p in error.value.problems]
    assert whats == [
        "no rules are called 'cor'",
        "no such file or folder",
        "this folder holds no rule",
        "this is not a rule file",
    ]
    assert "did you mean 'core'?" in error.value.problems[0].todo
    assert [p.what for p in check([tmp_path / "nowhere"])] == ["no such file or folder"]


def test_files_are_found_once_and_in_order(tmp_path: Path) -> None:
    """Shipped sets by name, one's own by path; a copy of a run's rules loads as the rules did."""
    (tmp_path / "mine.yaml").write_text(GOOD)
    found = files(["core", "mine.yaml", "core"], folder=tmp_path)
    shipped = sorted((resources.folder("rules") / "core").glob("*.yaml"))
    assert found == [*shipped, tmp_path / "mine.yaml"]
    kept = tmp_path / "kept"
    kept.mkdir()
    for i, file in enumerate(found):
        (kept / f"{i:03d}-{file.name}").write_bytes(file.read_bytes())
    assert load([kept], folder=tmp_path) == load(["core", "mine.yaml"], folder=tmp_path)


@pytest.mark.parametrize("rule", load(["core", "compare"], folder=Path()), ids=lambda r: r.id)
def test_a_shipped_rule_says_what_it_must(rule: Rule) -> None:
    """What, why and limits in sentences, where the limit comes from and which table tries it, two examples or more."""
    assert len(rule.examples) >= 2
    assert len({e.outcome for e in rule.examples}) >= 2
    assert rule.references
    assert all(len(text) > 60 for text in (rule.what, rule.why, rule.limits))
    assert any(w in rule.limits for w in ("convention", "not validated", "benchmarks/detection.md"))
    if "pilot" in rule.limits:
        assert "benchmarks/detection.md" in rule.limits


def test_every_shipped_example_comes_out() -> None:
    """A rule's examples are its tests."""
    assert check(["core", "compare"]) == []
