"""The self-test is as good as what it would notice: models that read something else must fail it, plainly."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from audit import cli, runner, schemas, selftest
from audit.errors import RunError
from audit.record import Run, seal
from audit.report import sarif
from audit.selftest import answers, installed, record

KNOWN = {known.name: known for known in selftest.KNOWN}


def test_the_known_answers_cover_every_verdict_that_a_model_can_earn() -> None:
    assert {k.verdict for k in selftest.KNOWN} == {"confirmed", "sensitive", "clear", "undecided"}
    assert {k.gate for k in selftest.KNOWN if k.verdict == "undecided"} == {
        "model-above-chance",
        "too-few-cases",
    }
    assert len(KNOWN) == len(selftest.KNOWN)


def test_the_models_read_what_they_are_said_to_read() -> None:
    """Paint over one thing after the other: the answer moves for what is read and for nothing else."""
    reads = {
        "shortcut": {"tag"}, "brittle": {"tag", "lesion"}, "honest": {"lesion"}, "too-few-cases": {"tag"},
    }  # fmt: skip
    for name, expected in reads.items():
        (row,) = [r for r in KNOWN[name].rows() if r["lesion"].any() and r["artefact"].any()][:1]
        picture = row["image"].astype(np.float32)[None] / 255
        before = KNOWN[name].model(picture)
        moved = set()
        for thing, mask in (("lesion", row["lesion"]), ("tag", row["artefact"]), ("rest", _rest(row))):
            painted = picture.copy()
            painted[:, mask] = 80 / 255
            if abs(KNOWN[name].model(painted) - before).max() > 0.05:
                moved.add(thing)
        assert moved == expected, name


def _rest(row: dict[str, np.ndarray]) -> np.ndarray:
    """Places that hold neither lesion nor tag."""
    rest = np.zeros(answers.SIZE, bool)
    rest[24:, 20:] = True
    return rest & ~row["lesion"] & ~row["artefact"]


@pytest.mark.parametrize(
    ("name", "model", "differs"),
    [
        ("honest", answers.reads_tag, "verdict: expected clear, observed confirmed"),
        ("shortcut", answers.reads_lesion, "flagged: expected artefact, elsewhere, observed none"),
    ],
)
def test_an_audit_that_is_wrong_about_a_model_fails_plainly(name, model, differs, tmp_path) -> None:
    """The honest model is exchanged for the one that reads the tag, and the other way about."""
    told = selftest.asked(dataclasses.replace(KNOWN[name], model=model), tmp_path / "run")
    assert told["passed"] is False
    assert differs in told["differs"]
    page = record.markdown(_record([told]))
    assert f"These are not as expected: {name}." in page
    assert "Do not rely on this installation." in page
    assert "FAILED" in page.splitlines()[0]


def test_an_audit_that_ends_with_an_error_fails_and_the_others_are_asked(tmp_path, monkeypatch) -> None:
    """The record is whole, and the exit code is 1."""
    first, second = KNOWN["too-few-cases"], KNOWN["guessing"]
    broken = dataclasses.replace(second, model=lambda images: np.ones(3), cases=8)
    monkeypatch.setattr(selftest, "KNOWN", (broken, first))
    monkeypatch.setattr("audit.report.pdf.document", lambda *_, **__: b"%PDF-none")
    with pytest.raises(SystemExit) as caught:
        cli.main(["selftest", "-q", "-o", str(tmp_path / "record")])
    assert caught.value.code == 1
    told, wrong = seal.read(tmp_path / "record" / "selftest.json")
    assert told is not None
    assert wrong == ""
    assert [a["passed"] for a in told["answers"]] == [False, True]
    assert "the audit ended with an error: ModelError" in told["answers"][0]["differs"][0]
    assert told["passed"] is False
    assert (tmp_path / "record" / "selftest.md").read_text("utf-8") == record.markdown(told)


def test_real_runs_are_as_the_schemas_and_their_rules_say(tmp_path) -> None:
    """findings.json, manifest.json, and each result of SARIF at the line of the condition that decided it."""
    assert selftest.asked(KNOWN["too-few-cases"], tmp_path / "run")["passed"] is True
    run = Run.open(tmp_path / "run")
    for name in ("findings", "manifest"):
        told = json.loads((run.path / f"{name}.json").read_text("utf-8"))
        checker = jsonschema.Draft202012Validator(schemas.schema(name))
        assert not [f"{e.json_path}: {e.message}" for e in checker.iter_errors(told)]
        assert list(checker.iter_errors({k: v for k, v in told.items() if k not in ("verdict", "seal")}))
    (log,) = json.loads(sarif.document(run))["runs"]
    assert {result["kind"] for result in log["results"]} >= {"fail", "open"}
    for result in log["results"]:
        where = result["locations"][0]["physicalLocation"]
        lines = (run.path / where["artifactLocation"]["uri"]).read_text("utf-8").splitlines()
        decided = ("clear_when:", "when:") if result["kind"] == "pass" else ("when:",)
        assert lines[where["region"]["startLine"] - 1].startswith(decided)
        assert f"id: {result['ruleId']}" in lines


def test_a_damaged_run_fails(tmp_path, monkeypatch) -> None:
    """An audit whose files are not what they were sealed as is no evidence, whatever its verdict."""

    def damaged(**settings):
        done = true_run(**settings)
        (done.path / "scores.parquet").write_bytes(b"")
        return done

    true_run = runner.run
    monkeypatch.setattr(runner, "run", damaged)
    told = selftest.asked(KNOWN["too-few-cases"], tmp_path / "run")
    assert told["observed"]["verdict"] == "undecided"
    assert told["passed"] is False
    assert "scores.parquet" in told["differs"][0]


def test_it_passes_without_torch_and_says_what_is_installed(tmp_path) -> None:
    """The whole command, all known answers, where torch cannot be imported; the paper is tested elsewhere."""
    code = (
        # a None in sys.modules in place of torch would stop scipy and scikit-learn too, which look for one there
        "import sys, types\n"
        "def hidden(name, *_):\n"
        "    if name.partition('.')[0] == 'torch':\n"
        "        raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, types.SimpleNamespace(find_spec=hidden))\n"
        "import audit.selftest as s, audit.report.pdf as p\n"
        "p.document = lambda *_, **__: b'%PDF-none'\n"
        "s.verify._attached = lambda path, files: ()\n"
        f"from audit import cli; cli.main(['selftest', '-o', {str(tmp_path / 'record')!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Known answers: 6 of 6 as expected." in " ".join(done.stdout.split())
    told = json.loads((tmp_path / "record" / "selftest.json").read_text("utf-8"))
    versions = {p["name"]: p["version"] for p in told["installation"]["packages"]}
    for name in ("numpy", "pyarrow", "weasyprint"):
        assert versions[name] == importlib.metadata.version(name)
        assert name in done.stdout
    assert told["installation"]["wrong"] == []
    with pytest.raises(RunError, match="not empty"):
        selftest.run(tmp_path / "record")


def test_a_missing_package_and_a_changed_file_fail_the_installation(tmp_path, monkeypatch) -> None:
    """An installation is compared with the list that was installed with it."""
    site = tmp_path / "site"
    (site / "audit").mkdir(parents=True)
    (site / "audit" / "__init__.py").write_text("right = True\n")
    (site / "audit" / "judge.py").write_text("right = True\n")
    info = site / "pfungst-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: pfungst\nVersion: 0.1.0\nRequires-Dist: numpy>=999\n"
        "Requires-Dist: no-such-package-at-all>=1\nRequires-Dist: torch>=2; extra == 'torch'\n"
        "Requires-Dist: pytest; extra == 'test'\n"
    )
    digest = "sha256=" + _record_digest(site / "audit" / "judge.py")
    (info / "RECORD").write_text(f"audit/__init__.py,{digest},13\naudit/judge.py,{digest},13\n")
    monkeypatch.syspath_prepend(site)
    assert installed.installation()["wrong"][:1] == ["no-such-package-at-all is not installed"]
    (site / "audit" / "judge.py").write_text("right = False\n")
    told = installed.installation()
    assert told["passed"] is False
    assert told["files"]["changed"] == ["audit/judge.py"]
    assert [w for w in told["wrong"] if w.startswith("numpy is ")]
    assert {p["name"] for p in told["packages"]} == {"numpy", "no-such-package-at-all", "torch"}


def _record_digest(file: Path) -> str:
    import base64
    import hashlib

    return base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).rstrip(b"=").decode()


def _record(told: list[dict[str, object]]) -> dict[str, object]:
    return {
        "passed": all(answer["passed"] for answer in told),
        "begun": "2026-11-23T06:00:00+00:00",
        "installation": installed.installation(),
        "answers": told,
        "seal": "0" * 64,
    }
