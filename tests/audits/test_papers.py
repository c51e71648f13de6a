"""A whole audit keeps what its report needs as evidence, and refuses rules that are not those of its protocol."""

from __future__ import annotations

import csv
import hashlib
import shutil
from pathlib import Path

import pytest
import toy
from PIL import Image

from audit import config, resources, runner, stages
from audit.errors import ConfigError, DataError
from audit.judge import protocol
from audit.record import Case, Fingerprint, Run
from audit.report.dossier import criteria, dossier
from audit.report.source import load


def prepared(folder: Path) -> Path:
    """The toy with a training set: a copied file, a picture saved again, an audited patient, and strangers."""
    path = toy.write(folder, n=12, source="callable", factory="bright")
    rows = list(csv.DictReader((folder / "cases.csv").read_text().splitlines()))
    for row in rows:
        row["part"] = "test"
    write(folder / "cases.csv", rows)
    more = []
    for number in range(90, 94):
        Image.fromarray(toy.arrays(number, ill=True, tagged=False)[0]).save(folder / f"{number}.png")
        more.append({"image": f"{number}.png", "label": "anything", "patient": f"q{number}", "part": "train"})
    more[0]["patient"] = "p4"
    shutil.copy(folder / "003.png", folder / "copy.png")
    big = Image.open(folder / "005.png").resize((320, 320), Image.Resampling.NEAREST)
    big.save(folder / "again.jpg", quality=80)
    for name in ("copy.png", "again.jpg"):
        more.append({"image": name, "label": "anything", "patient": f"q-{name}", "part": "train"})
    write(folder / "train.csv", more)
    (folder / "own").mkdir()
    (folder / "own" / "draft.html").write_text("<p>ours</p>")
    shutil.copytree(resources.folder("rules") / "core", folder / "rules")
    protocol.lock(["rules"], folder / "p.yaml", folder=folder, now="2020-01-01T00:00:00+00:00")
    text = path.read_text().replace(
        "  manifest: cases.csv\n", "  manifest: cases.csv\n  training: train.csv\n  columns: {split: part}\n"
    )
    text = text.replace("cues: [brightness, contrast]", "cues: []")
    path.write_text(
        text + "rules: [rules]\nprotocol: p.yaml\nreport: {templates: own}\nintended_use: {claim: it is so}\n"
    )
    return path


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def audited(path: Path, out: Path) -> Run:
    return runner.audit(config.read(path), folder=path.parent, out=out, given=path, report=False)


def test_a_whole_audit_keeps_its_papers(tmp_path):
    path = prepared(tmp_path / "set")
    run = audited(path, tmp_path / "run")
    rows = run.read(Fingerprint)
    assert [(p.split, p.audited) for p in rows] == [("test", True)] * 12 + [("train", False)] * 6
    for p in rows:
        assert p.sha256 == hashlib.sha256((path.parent / p.image).read_bytes()).hexdigest()
    assert {c.split for c in run.read(Case)} == {"test"}
    sealed = run.manifest["files"]
    assert {"fingerprints.parquet", "protocol.yaml", "templates/draft.html"} <= set(sealed)
    found = dossier(load(run))
    assert found.leakage.words[0].startswith(
        "Pairs of pictures that stand on both sides of a split: 2. Patients who do: 1."
    )
    assert "before the run began" in found.criteria.words[0]
    assert criteria.locked_before(load(run))
    shutil.rmtree(path.parent)  # neither pictures nor rules are needed any more
    stages.judge(run, ["core"])
    assert criteria.locked_before(load(run))  # the shipped rules are the same, byte for byte
    own = tmp_path / "one.yaml"
    own.write_text((resources.folder("rules") / "core" / "too-few-cases.yaml").read_text() + "risks: [R-1]\n")
    stages.judge(run, [str(own)])
    assert not criteria.locked_before(load(run))
    assert "no longer those of the protocol" in criteria.before(load(run))[0]
    assert criteria.changes(load(run))


def test_other_rules_than_those_of_the_protocol_are_refused_before_any_work(tmp_path):
    path = prepared(tmp_path / "set")
    rule = path.parent / "rules" / "too-few-cases.yaml"
    rule.write_text(rule.read_text() + "\n")
    with pytest.raises(ConfigError, match=r"too-few-cases"):
        audited(path, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_hostile_template_is_refused_before_any_work(tmp_path):
    path = prepared(tmp_path / "set")
    (path.parent / "own" / "draft.html").write_text("{% autoescape false %}{% endautoescape %}")
    with pytest.raises(ConfigError, match=r"draft\.html:1:1: this template is wrong"):
        audited(path, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_broken_training_picture_ends_the_audit_before_the_model_is_asked(tmp_path):
    path = prepared(tmp_path / "set")
    (path.parent / "90.png").write_bytes(b"cut off")
    with pytest.raises(DataError, match=r"train\.csv:2, 90\.png"):
        audited(path, tmp_path / "run")
    assert not (tmp_path / "run").exists()
