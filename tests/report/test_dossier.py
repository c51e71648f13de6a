"""What the report holds as evidence, against what the run says, and against another way to know it."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import synthetic
from jinja2 import nodes

from audit import resources
from audit.errors import ConfigError
from audit.judge import protocol
from audit.record import Fingerprint, Run, seal
from audit.report import build, html, render, rooms
from audit.report.dossier import beside, control, criteria, crosswalk, dossier, frameworks, sample
from audit.report.dossier.held import HELD
from audit.report.source import load

STATED = {
    "document": {
        "id": "QM-7",
        "author": {"name": "A. Writer", "role": "data scientist", "meaning": "I wrote it."},
        "reviewer": {"name": "R. Reader"},
        "approver": {"name": "P. Prover"},
        "revisions": [{"version": "0.9", "date": "2026-11-01", "by": "A. Writer", "change": "first"}],
        "deviations": ["One site sent its pictures late"],
    },
    "intended_use": {"purpose": "triage", "population": "adults", "claim": "rests on the lesion"},
    "provenance": {"sources": "two hospitals"},
    "reference_standard": {"drawn_by": "two readers"},
}


def made(path, *, seal=True, stated=STATED, **given) -> Run:
    run = synthetic.write(path, **{"n": 6, "size": 32, "explainers": ("lime",), "seal": False, **given})
    run.manifest["config"] |= stated
    if seal:
        run.seal()
    return run


@pytest.fixture
def run(tmp_path) -> Run:
    return made(tmp_path / "run", seal=False)


def said(section) -> dict[str, str]:
    return {f.name: f.text for f in section.facts}


def rows(section, start: str) -> list[list[str]]:
    table = next(t for t in section.tables if t.caption.startswith(start))
    return [[c.text for c in row] for row in table.rows]


# -- document control --------------------------------------------------------------------------------


def test_what_is_stated_is_printed_and_what_is_not_is_said(run):
    run.seal()
    found = dossier(load(run))
    assert said(found.control)["Own number"] == "QM-7"
    assert said(found.control)["Author"] == "A. Writer, data scientist"
    assert said(found.control)["Version"] == "not stated"
    assert rows(found.control, "Versions") == [["0.9", "2026-11-01", "A. Writer", "first"]]
    assert said(found.purpose)["Claim under audit"] == "rests on the lesion"
    assert said(found.purpose)["Users"] == "not stated"
    assert said(found.reference)["Who drew the masks"] == "two readers"
    assert said(found.provenance)["Sources"] == "two hospitals"
    assert rows(found.signoff, "To be signed")[0] == [
        "Author", "A. Writer", "data scientist", "I wrote it.", "to be signed", "to be signed",
    ]  # fmt: skip
    assert "One site sent its pictures late." in found.deviations.words


def test_a_run_of_before_says_that_nothing_is_known(tmp_path):
    """An older run has neither statements nor fingerprints, and its report is whole."""
    run = synthetic.write(tmp_path / "run", n=4, size=32, explainers=("lime",))
    found = dossier(load(run))
    assert set(said(found.purpose).values()) == {"not stated"}
    assert "made before pfungst took them" in found.leakage.words[0]
    assert "Seal" in html.page(build(run))


def test_the_number_is_the_seals_and_changes_with_any_file(tmp_path):
    run = made(tmp_path / "run")
    digest = json.loads((run.path / "manifest.json").read_text("utf-8"))["seal"]
    assert control.seal(Run.open(run.path)) == digest
    assert control.number(run) == f"PF-{digest[:4]}-{digest[4:8]}-{digest[8:12]}".upper()
    (run.path / "failures.csv").write_text("case,stage,error\nx,read,gone\n")
    run.seal()
    assert control.seal(run) != digest
    draft = made(tmp_path / "draft", seal=False)
    assert control.seal(draft) == ""
    assert "draft" in control.number(draft)


def test_a_self_test_counts_if_it_passed_with_what_is_installed(run):
    """A record that failed, that was changed, or that is of other packages evidences nothing, and says why."""
    packages = [{"name": n, "version": v} for n, v in run.manifest["packages"].items()]
    passed = {
        "passed": True,
        "begun": "2026-11-01",
        "installation": {"packages": packages},
        "answers": [{}] * 6,
    }

    def told(record) -> tuple[str, bool]:
        (run.path / "selftest.json").write_text(seal.text(record), "utf-8")
        return said(dossier(load(run)).control)["Self-test"], HELD["self-test"].test(load(run))

    assert "no record" in said(dossier(load(run)).control)["Self-test"]
    text, holds = told(seal.sealed(passed))
    assert text.startswith("passed, 6 known answers, begun 2026-11-01")
    assert holds
    assert told(seal.sealed({**passed, "passed": False}))[0].startswith("failed")
    assert not told(seal.sealed({**passed, "passed": False}))[1]
    forged = {**seal.sealed({**passed, "passed": False}), "passed": True}
    assert "no record" in told(forged)[0]
    older = [{**packages[0], "version": "0.1"}, *packages[1:]]
    text, holds = told(seal.sealed({**passed, "installation": {"packages": older}}))
    assert "made with other packages: numpy 2.1.0, tested with 0.1" in text
    assert not holds


# -- where the pictures come from -----------------------------------------------------------------------


def prints(run: Run, splits=("train", "test")) -> list[Fingerprint]:
    looks = np.random.default_rng(0).integers(0, 256, (6, 32), dtype=np.uint8)
    return [
        Fingerprint(
            case=f"case-{i:03d}", image=f"images/{i}.png", split=splits[i % len(splits)], patient=f"p{i}",
            audited=i < 5, sha256=hashlib.sha256(bytes([i])).hexdigest(), look=looks[i].tobytes().hex(),
        )
        for i in range(6)
    ]  # fmt: skip


def test_a_leak_is_told_and_its_absence_too(run):
    clean = prints(run)
    run.write(Fingerprint, clean)
    run.seal()
    words = dossier(load(run)).leakage.words[0]
    assert words == "Pairs of pictures that stand on both sides of a split: none. Patients who do: none."
    assert "no picture and no named patient" in build(run).scope[-1].text
    near = bytes.fromhex(clean[1].look)
    leaky = [
        *clean[:2],
        replace(clean[2], look=(bytes([near[0] ^ 3]) + near[1:]).hex(), patient="p1"),
        *clean[3:],
    ]
    leaky[5] = replace(leaky[5], sha256=clean[0].sha256)
    run.write(Fingerprint, leaky)
    found = dossier(load(run)).leakage
    assert found.words[0].startswith(
        "Pairs of pictures that stand on both sides of a split: 2. Patients who do: 1."
    )
    assert rows(found, "Patients in more") == [["p1", "test, train"]]
    assert [r[-1] for r in rows(found, "One picture in two splits")] == ["the same file", "2 of 256 bits"]
    assert rows(found, "Splits") == [["test", "3", "2"], ["train", "3", "3"]]


def test_without_a_split_nobody_can_say(run):
    run.write(Fingerprint, prints(run, (None,)))
    assert build(run).scope[-1].text == "not checked: no training set and no split was given"
    assert dossier(load(run)).leakage.words[0].startswith("No split and no training set was given")


def test_the_list_of_digests_is_what_sha256sum_reads(run):
    """Audited files only, and the digest printed is that of the list."""
    run.write(Fingerprint, prints(run))
    source = load(run)
    text = beside(source)["files.sha256"]
    assert [line.split("  ")[1] for line in text.splitlines()] == [f"images/{i}.png" for i in range(5)]
    assert all(re.fullmatch(r"[0-9a-f]{64}  \S+", line) for line in text.splitlines())
    assert hashlib.sha256(text.encode()).hexdigest() in said(dossier(source).provenance)["Pictures"]


# -- how large a set is large enough ------------------------------------------------------------------


def test_the_power_is_that_of_a_simulation():
    """An effect at the limit found is found in 80 of 100 sets; an honest model is cleared as often."""
    rng = np.random.default_rng(5)
    se, draws = 0.13, 40_000
    seen = rng.normal(0.2 + sample.detectable(se), se, draws)
    assert np.mean(seen - 1.959964 * se > 0.2) == pytest.approx(0.8, abs=0.01)
    limit, patients = 0.2, 60
    need = sample.to_clear(se, patients, limit)
    small = se * np.sqrt(patients / need)
    seen = rng.normal(0, small, draws)
    assert np.mean(np.abs(seen) + 1.959964 * small < limit) == pytest.approx(0.8, abs=0.01)


def test_the_table_uses_the_spread_of_the_run(run):
    """Standard error, cases and patients are those in estimates.parquet, for each sign once."""
    source = load(run)
    source.rules["reliance-text"]["when"] = {
        "all": [{"metric": "removal", "bound": "abs-low", "op": ">", "value": 0.3}]
    }
    found = rows(sample.sample(source), "Smallest")
    row = next(r for r in found if r[0] == "Burned-in text")
    e = source.one("removal", region="text", cls=row[1], stratum="all", fill="inpaint")
    assert row[2:5] == [str(e.n), str(e.patients), f"{e.se:.2f}"]
    assert row[5] == f"{(1.959964 + 0.841621) * e.se:.2f}"
    assert row[6] == f"{0.3 + (1.959964 + 0.841621) * e.se:.2f}"
    assert row[7] == "never cleared"
    assert len({(r[0], r[1]) for r in found}) == len(found)


# -- criteria, deviations, traceability -----------------------------------------------------------------


def test_a_protocol_is_shown_to_hold_or_not(run, tmp_path):
    assert "No protocol was given" in criteria.before(load(run))[0]
    one = protocol.LockedRule(id="a", file="a.yaml", sha256="0a" * 32)
    lock = protocol.Lock(
        protocol=1,
        locked="2026-11-22T00:00:00+00:00",
        rules=[one],
        digest=protocol.digest([("a", "0a" * 32)]),
    )
    text = json.dumps(lock.model_dump())
    (run.path / "protocol.yaml").write_text(text)
    words = criteria.before(load(run))[0]
    assert "before the run began" in words
    assert "no longer those of the protocol: the rule a (a.yaml) is not among the rules" in words
    assert not criteria.locked_before(load(run))
    rules = [
        {"id": f.stem, "file": f.name, "sha256": hashlib.sha256(f.read_bytes()).hexdigest()}
        for f in run.rule_files()
    ]
    digest = protocol.digest([(r["id"], r["sha256"]) for r in rules])
    (run.path / "protocol.yaml").write_text(
        json.dumps({**lock.model_dump(), "rules": rules, "digest": digest})
    )
    assert "byte for byte" in criteria.before(load(run))[0]
    assert criteria.locked_before(load(run))
    late = {**lock.model_dump(), "rules": rules, "digest": digest, "locked": "2026-11-24T00:00:00+00:00"}
    (run.path / "protocol.yaml").write_text(json.dumps(late))
    assert "after the run began" in criteria.before(load(run))[0]
    assert not criteria.locked_before(load(run))


def test_rules_that_were_changed_after_the_run_are_told(run):
    judged = [{"stage": "judge", "rules": r} for r in ({"a": "1"}, {"a": "1"}, {"a": "2", "b": "3"})]
    run.manifest["history"] = [{"stage": "measure"}, *judged]
    assert criteria.changes(load(run)) == [
        "The run was judged again, for time 3, by other rules: a, b came in, a went out"
    ]


def test_cases_left_out_are_counted_with_their_reason(tmp_path):
    run = made(tmp_path / "run", failures=3)
    assert rows(dossier(load(run)).deviations, "Cases that were left out") == [
        ["images", "the file is cut off.", "3"]
    ]


def test_requirements_and_risks_are_traced_and_exported(run):
    for file in run.rule_files():
        if "reliance-text" in file.name:
            file.write_text(file.read_text() + "requirements: [SRS-1, '=cmd()']\nrisks: [R-9]\n")
    run.seal()
    page, _ = render(run)
    lines = list(csv.reader((page.parent / "traceability.csv").read_text("utf-8").splitlines()))
    assert lines[0] == ["Requirement", "Rule", "What it asks of", "Result", "Risk"]
    own = [line for line in lines if line[1] == "reliance-text"]
    assert [(line[0], line[3], line[4]) for line in own] == [
        ("SRS-1", "1 flagged", "R-9"), ("'=cmd()", "1 flagged", "R-9"),
    ]  # fmt: skip
    assert {line[1] for line in lines[1:]} == set(load(run).rules)
    table = rows(dossier(load(run)).traceability, "From requirement")
    assert {(r[0], r[4]) for r in table} == {("SRS-1", "R-9"), ("=cmd()", "R-9")}
    block = next(r for r in build(run).flagged if r.id == "reliance-text")
    assert (block.requirements, block.risks) == (("SRS-1", "=cmd()"), ("R-9",))


# -- the crosswalk ---------------------------------------------------------------------------------------


def test_shipped_frameworks_have_no_mistake_and_point_at_sections_that_are():
    found = frameworks.read(resources.folder("rules") / "frameworks")
    assert {f.id for f in found} == {
        "ai-act", "fda-ai-draft", "imdrf-n88", "iso-14971", "claim-2024", "future-ai", "johner-ai",
    }  # fmt: skip
    text = (resources.folder("templates") / "sections.html").read_text("utf-8")
    assign = rooms.environment().parse(text).find(nodes.Assign)
    listed = [pair[0] for pair in assign.node.as_const()]
    assert {"verdict", *listed} - {"crosswalk"} >= set(frameworks.SECTIONS)
    assert listed[-1] == "crosswalk"
    for item in (i for f in found for i in f.items):
        assert item.where or not item.evidenced_by, item.id
        assert item.evidenced_by or item.beyond, f"{item.id}: why is it not addressed?"


def test_no_item_claims_conformity():
    text = "".join(p.read_text() for p in (resources.folder("rules") / "frameworks").iterdir())
    assert not re.search(r"\b(complian|conform|fulfil|certif|guarante)", text, re.I)


def test_an_item_is_as_far_evidenced_as_the_run_goes():
    item = frameworks.Item(
        id="x", title="x", where=["control"], needs=["claim"], evidenced_by=["seal", "masks"]
    )
    expected = {
        ("claim", "seal", "masks"): "evidenced",
        ("claim", "seal"): "partly",
        ("claim",): "not addressed",
        ("seal", "masks"): "not addressed",
        (): "not addressed",
    }
    for held, status in expected.items():
        assert crosswalk.status(item, frozenset(held))[0] == status
    more = item.model_copy(update={"beyond": "It asks more."})
    assert crosswalk.status(more, frozenset(HELD))[0] == "partly"


def test_stating_more_evidences_more_and_removing_the_protocol_less(tmp_path):
    def count(run: Run) -> int:
        return sum(line.status == "evidenced" for walk in crosswalk.walks(load(run)) for line in walk.lines)

    bare = made(tmp_path / "bare", stated={})
    full = made(tmp_path / "full")
    assert count(full) > count(bare)
    nothing = synthetic.write(
        tmp_path / "nothing", n=3, size=32, explainers=(), findings=False, lesions=False, further=False
    )
    lines = {(w.title[:6], x.id): x for w in crosswalk.walks(load(nothing)) for x in w.lines}
    assert lines["Johner", "C4c8"].status == "not addressed"
    assert "an explainer that applied" in lines["Johner", "C4c8"].lacking
    assert lines["EU AI ", "Article 9(8)"].status == "not addressed"


WRONG = {
    "an unknown fact": (
        "evidenced_by: [clame]",
        r"x\.yaml:8:20: there is no fact 'clame'",
        "did you mean 'claim'",
    ),
    "an unknown section": (
        "where: [purpoze]",
        r"x\.yaml:8:13: there is no section 'purpoze'",
        "did you mean 'purpose'",
    ),
    "an unknown key": (
        "evidenced: [claim]",
        r"x\.yaml:8:5: unknown key 'evidenced'",
        "did you mean 'evidenced_by'",
    ),
    "a wrong word": (
        "numbering: perhaps",
        r"x\.yaml:8:16: 'numbering' cannot be 'perhaps'",
        "one of checked",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_in_a_framework_is_told_with_its_place(name, tmp_path):
    line, what, todo = WRONG[name]
    text = f"id: x\ntitle: X\nedition: 1\nabout: a\nitems:\n  - id: one\n    title: One\n    {line}\n"
    (tmp_path / "x.yaml").write_text(text.replace("edition: 1", "edition: first"))
    with pytest.raises(ConfigError, match=what) as told:
        frameworks.read(tmp_path)
    assert todo in str(told.value)


def test_two_items_with_one_id_are_a_mistake(tmp_path):
    item = "  - {id: one, title: One}\n"
    (tmp_path / "x.yaml").write_text(f"id: x\ntitle: X\nedition: e\nabout: a\nitems:\n{item}{item}")
    with pytest.raises(ConfigError, match=r"x\.yaml:7:10: two items with the id 'one'"):
        frameworks.read(tmp_path)


def test_page_says_it_is_no_statement_of_conformity_and_marks_numbers(run):
    run.seal()
    page = " ".join(html.page(build(run)).split())
    assert "Nothing here is a statement of conformity" in page
    assert "Unverified numbering" in page
    assert "Annex IV 2(g), metrics</th>" in page  # its number was checked, so no dagger follows
    assert "Annex IV 4 †" in page
    assert page.rindex('id="crosswalk"') > page.rindex('id="signoff"')
