"""The whole audit on small pictures: what it writes, that it repeats itself, that it judges known models rightly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import toy
from torch import nn

import audit
from audit import cli
from audit.record import Case, Effect, Estimate, Faithfulness, Prediction, Sanity, Score

ROOT = Path(__file__).parents[2]


def ended(*arguments: str) -> int:
    """The exit code of the command."""
    with pytest.raises(SystemExit) as caught:
        cli.main([str(a) for a in arguments])
    return int(caught.value.code or 0)


def files(run: Path) -> dict[str, bytes]:
    """Every table, map and array."""
    return {
        p.relative_to(run).as_posix(): p.read_bytes()
        for p in sorted(run.rglob("*"))
        if p.suffix in (".parquet", ".npy", ".jpg", ".png", ".csv") or p.name == "findings.json"
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("toy")


@pytest.fixture(scope="module")
def done(folder) -> Path:
    """A finished audit of the small network."""
    config = toy.write(folder)
    assert ended("run", config, "-o", folder / "run", "--quiet") == 4
    return folder / "run"


def test_the_run_directory_is_the_designs(done):
    manifest = json.loads((done / "manifest.json").read_text())
    assert manifest["status"] == "complete"
    for name in (
        "audit.yaml",
        "cases.parquet",
        "predictions.parquet",
        "scores.parquet",
        "effects.parquet",
        "readings.parquet",
        "carried.parquet",
        "extents.parquet",
        "sanity.parquet",
        "faithfulness.parquet",
        "estimates.parquet",
        "findings.json",
        "failures.csv",
        "maps/grad-cam.last.npy",
        "maps/lime.surround.npy",
        "maps/edges.picture.npy",
        "regions/lesion.npy",
        "regions/joint.npy",
        "features/untouched..npy",
        "features/artefact.inpaint.npy",
    ):
        assert manifest["files"][name], name
    assert not [f for f in manifest["files"] if f.startswith("report/")]
    assert (done / "report/index.html").stat().st_size > 10_000
    assert (done / "report/report.pdf").read_bytes().startswith(b"%PDF")


def test_no_score_is_nan_and_none_always_says_why(done):
    run = audit.open(done)
    for noun in (Score, Effect, Estimate):
        rows = run.read(noun)
        assert rows
        for row in rows:
            value = row.difference if noun is Effect else row.value
            assert value is not None or row.why, row
            assert value is None or np.isfinite(value)


def test_every_explainer_made_its_maps_and_every_map_is_finite(done):
    run = audit.open(done)
    assert {e.explainer for e in run.explained if e.applied} == {
        "cam",
        "grad-cam",
        "grad-cam++",
        "fused",
        "vanilla-gradient",
        "smoothgrad",
        "lime",
        "edges",
        "uniform",
    }
    assert {m.explainer for m in run.maps if m.family == "baseline"} == {"edges", "uniform"}
    for m in run.maps:
        stack = np.asarray(run.array("maps", m.name), np.float32)
        assert stack.shape == (12, 32, 32)
        assert np.isfinite(stack).all()
        assert np.abs(stack).max() == 1
        assert m.signed or stack.min() >= 0


def test_the_true_classes_maps_are_there_where_the_model_is_wrong_and_only_there(done):
    run = audit.open(done)
    wrong = [p.predicted != p.label for p in run.read(Prediction)]
    assert any(wrong)
    stack = run.array("maps", run.map_name("vanilla-gradient.input", "true"))
    assert [bool(heat.any()) for heat in stack] == wrong


def test_passes_are_those_that_the_evidence_needs(done):
    """One trace for each case, one more for each wrong answer, and no question twice."""
    run = audit.open(done)
    wrong = sum(p.predicted != p.label for p in run.read(Prediction))
    passes = run.manifest["passes"]
    kinds = passes["kinds"]
    steps = max(s.steps for s in run.read(Sanity))
    assert passes["predict"] == 0
    assert passes["trace"] == 12 + wrong + 2 * (1 + steps)
    assert passes["gradient"] == 3 * (12 + wrong) + 5 * 2 * 2
    of_lime_drawn_anew = 2 * 2 * 2 * 64
    assert kinds["sanity"] == 2 * (1 + steps) + 5 * 2 * 2 + of_lime_drawn_anew
    assert kinds["untouched"] == 12
    assert kinds["lime"] == 12 * 2 * 24
    answered = [f for f in run.read(Faithfulness) if f.probability is not None]
    ordered = {(f.case, f.explainer, f.layer) for f in answered}
    assert {case for case, _, _ in ordered} == {"000", "011"}
    assert len(ordered) >= 2 * 12
    assert kinds["faithfulness"] == len(ordered) * (4 * 6 + 2)
    removals = {
        (e.case, e.region, e.fill, e.dose): 1 + e.places
        for e in run.read(Effect)
        if e.intervention == "removal" and e.change is not None
    }
    assert kinds["removal"] == sum(removals.values())
    shifts = {
        (e.case, e.region): 3 for e in run.read(Effect) if e.intervention == "shift" and e.change is not None
    }
    assert 0 < kinds["shift"] <= sum(shifts.values())
    asked = sum(n for kind, n in kinds.items() if kind != "sanity")
    assert passes["questions"] <= asked + of_lime_drawn_anew
    assert passes["questions"] >= kinds["lime"] // 2 + len(removals)


def test_a_second_run_gives_the_same_bytes_and_so_does_another_batch_size(done, folder):
    for name, batch in (("again", "16"), ("small", "3"), ("large", "64")):
        assert ended("run", folder / "audit.yaml", "-o", folder / name, "-q", "--batch", batch) == 4
        assert files(folder / name) == files(done), name


def test_stages_redo_their_part_to_the_same_bytes_without_torch(done, tmp_path):
    """Measure, judge and report need neither the model nor torch nor the pictures."""
    import shutil

    copy = tmp_path / "run"
    shutil.copytree(done, copy)
    for name in (
        "scores.parquet",
        "estimates.parquet",
        "findings.json",
        "report/index.html",
        "report/report.pdf",
    ):
        (copy / name).unlink()
    blocked = "import sys; sys.modules['torch'] = None; from audit.cli import main; main(sys.argv[1:])"
    unseen = "import sys, audit.report.pdf as paper; paper.document = lambda context, *more: b'%PDF-none';"
    for verb in ("measure", "judge", "report"):  # each renders the report; the last one's paper is enough
        code = ("" if verb == "report" else unseen) + blocked
        result = subprocess.run(
            [sys.executable, "-W", "error", "-c", code, verb, copy, "-q"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 4, result.stderr
    assert files(copy) == files(done)
    assert (copy / "report/report.pdf").read_bytes()[:5] == b"%PDF-"


def test_judge_takes_other_rules(done, tmp_path):
    import shutil

    copy = tmp_path / "run"
    shutil.copytree(done, copy)
    rule = ROOT / "rules/core/too-few-cases.yaml"
    mine = tmp_path / "rules"
    mine.mkdir()
    (mine / "few.yaml").write_text(rule.read_text().replace("id: too-few-cases", "id: mine"))
    assert ended("judge", copy, "--rules", mine, "-q") == 4
    assert {f["rule"] for f in audit.open(copy).findings()["gates"]} == {"mine"}


def test_the_same_job_from_python_with_the_objects_at_hand(tmp_path, done):
    """A network and arrays in memory give the predictions, maps and effects of the files on disk."""
    namespace: dict = {}
    exec(toy.NETWORK, namespace)
    network: nn.Module = namespace["build"]()
    rows = []
    for case in audit.open(done).read(Case):
        number = int(case.id)
        picture, lesion, mark = toy.arrays(number, ill=number % 2 == 1, tagged=number % 8 in (1, 2, 3, 5))
        rows.append(
            {
                "id": case.id,
                "image": picture,
                "lesion": lesion,
                "artefact": mark,
                "label": case.label,
                "patient": case.patient,
            }
        )
    run = audit.run(
        model=network,
        images=rows,
        classes=["well", "ill"],
        out=tmp_path / "run",
        size=(32, 32),
        lime={"samples": 24},
        smoothgrad={"samples": 3},
        removal={"controls": 3, "few": 2, "doses": [0.5]},
        transplant={"donors": 1},
        cues=["brightness", "contrast"],
        second_look={"faithfulness": 2, "sanity": 2, "discovery": 1},
        regions=["lesion", "corners", "artefact"],
    )
    same = files(run.path)
    theirs = files(done)
    of_files = {"cases.parquet", "fingerprints.parquet"}  # their names and digests: arrays at hand have none
    assert {k for k in same if k not in of_files and same[k] != theirs[k]} == set()


def test_a_wheel_outside_the_checkout_renders(done, tmp_path):
    """Templates and rules ride in the wheel."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    code = (
        f"import sys; sys.path.insert(0, {str(wheel.with_suffix(''))!r}); import audit;"
        f"assert 'site' in audit.__file__ or {str(tmp_path)!r} in audit.__file__, audit.__file__;"
        "from audit.cli import main; main(['report', sys.argv[1], '-q'])"
    )
    import zipfile

    zipfile.ZipFile(wheel).extractall(wheel.with_suffix(""))
    result = subprocess.run([sys.executable, "-c", code, done], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 4, result.stderr
