"""Hostile or careless input through the real command: told, never a traceback, never a verdict that is none."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import toy
from PIL import Image

import audit
from audit import cli
from audit.errors import ConfigError, DataError, ModelError


def ended(capsys, *arguments) -> tuple[int, str]:
    """The exit code and what was told on standard error."""
    with pytest.raises(SystemExit) as caught:
        cli.main([str(a) for a in arguments])
    return int(caught.value.code or 0), capsys.readouterr().err


def edited(config: Path, old: str, new: str, name: str = "audit.yaml") -> None:
    path = config.parent / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def small(folder: Path, *, n: int = 4) -> Path:
    return toy.write(folder, n=n, source="callable", factory="bright")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    with pytest.raises(SystemExit) as caught:
        cli.main(["run", str(small(folder)), "-o", str(folder / "run"), "-q"])
    assert caught.value.code == 4
    return folder / "run"


CONFIGURATIONS = {
    "numbers for classes": ("[well, ill]", "[0, 1]", "5:13: 'classes, item 1'", "quotation marks"),
    "leading noughts": ("[well, ill]", "[008, 009]", "5:13: not a number: 008", "quotation marks"),
    "true and false": ("[well, ill]", "[true, false]", "5:13", "quotation marks"),
    "a class without a name": ("[well, ill]", '["", ill]', "5:12", "is empty"),
    "a class with blanks": ("[well, ill]", '[" well", ill]', "5:12", "blanks"),
    "two classes with one name": ("[well, ill]", "[ill, ill]", "5:12", "two classes have one name, 'ill'"),
    "half a surrogate pair": ("title: Toy", 'title: "\\ud800"', "1:8", "no character"),
    "a path that no file system takes": (
        "manifest: cases.csv",
        "manifest: " + "x" * 5000,
        "8:13",
        "there is no",
    ),
    "a manifest that is a folder": ("manifest: cases.csv", 'manifest: ""', "8:13", "is no file"),
    "a root that is a file": (
        "manifest: cases.csv",
        "manifest: cases.csv\n  root: cases.csv",
        "9:9",
        "no folder",
    ),
    "a rule without a name": ("title: Toy", 'title: Toy\nrules: [""]', "2:9", "neither"),
    "a rule that no file system takes": (
        "title: Toy",
        f"title: Toy\nrules: [{'x' * 5000}]",
        "2:9",
        "neither",
    ),
    "a bit that no mask has": (
        "manifest: cases.csv",
        "manifest: cases.csv\n  columns: {lesion: {column: lesion, kinds: {a: 131072}}}",
        "9:49",
        "65535",
    ),
}


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_a_careless_configuration_is_told_with_its_place(tmp_path, capsys, kind):
    """Exit code 2, file:line:column, what to do, and no folder left behind."""
    config = small(tmp_path)
    old, new, place, said = CONFIGURATIONS[kind]
    edited(config, old, new)
    code, told = ended(capsys, "run", config, "-o", tmp_path / "run", "-q")
    assert code == 2
    assert f"audit.yaml:{place}" in told
    assert said in told
    assert "Traceback" not in told
    assert not (tmp_path / "run").exists()


MODULES = {
    "exits on import": ("import sys\nsys.exit(0)\n", 2),
    "is no Python": ("def bright(:\n", 2),
    "fails on import": ("1 / 0\n", 2),
    "exits in the factory": ("import sys\ndef bright():\n    sys.exit(0)\n", 3),
    "exits when asked": ("import sys\ndef bright():\n    return lambda images: sys.exit(0)\n", 3),
    "answers nothing": ("def bright():\n    return lambda images: None\n", 3),
}


@pytest.mark.parametrize("kind", MODULES)
def test_a_model_that_exits_is_no_clear_verdict(tmp_path, capsys, kind):
    """``sys.exit(0)`` in a user's code ended with 0, which says "clear". Nothing answered leaves no run behind."""
    config = small(tmp_path)
    body, expected = MODULES[kind]
    (tmp_path / "toynet.py").write_text(body)
    code, told = ended(capsys, "run", config, "-o", tmp_path / "run", "-q")
    assert code == expected
    assert "toynet" in told
    assert "Traceback" not in told
    assert not (tmp_path / "run").exists()


EXPLAINERS = {
    "raise ValueError('boo')": "boo",
    "return None": "maps of shape ()",
    "return 3 / 0": "ZeroDivisionError",
    "return torch.zeros(3)": "maps of shape (3,)",
    "raise SystemExit(0)": "SystemExit",
}


@pytest.mark.parametrize("body", EXPLAINERS)
def test_an_explainer_of_the_users_that_fails_is_named(tmp_path, capsys, body):
    config = toy.write(tmp_path, n=4)
    edited(config, "title: Toy", f'title: Toy\nexplainers: ["hostile_{len(body)}:mine", lime]')
    (tmp_path / f"hostile_{len(body)}.py").write_text(f"import torch\ndef mine(trace, layer):\n    {body}\n")
    code, told = ended(capsys, "run", config, "-o", tmp_path / "run", "-q")
    assert code == 3
    assert EXPLAINERS[body] in told
    assert "explainers: hostile_" in told
    assert "Traceback" not in told


def test_a_network_without_weights_yet(tmp_path, capsys):
    config = toy.write(tmp_path, n=4)
    (tmp_path / "toynet.py").write_text(
        "from torch import nn\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.LazyLinear(2))\n"
    )
    code, told = ended(capsys, "run", config, "-o", tmp_path / "run", "-q")
    assert code == 3
    assert "lazy layers" in told


def test_a_name_turns_no_line_around_and_steers_no_terminal(tmp_path, capsys):
    """Title, class and id with escape, NUL and right-to-left override: written out wherever they are told."""
    config = small(tmp_path)
    evil = "\\e[31m\\0\\u202e"
    edited(config, "title: Toy", f'title: "T{evil}"')
    edited(config, "[well, ill]", f'[well, "i{evil}"]')
    edited(config, "manifest: cases.csv", f'manifest: cases.csv\n  labels: {{well: well, ill: "i{evil}"}}')
    edited(config, "003.png", "\x1b[31m.png", "cases.csv")
    code, told = ended(capsys, "run", config, "-o", tmp_path / "run", "-q")
    assert code == 3
    assert "\x1b" not in told
    code, _ = ended(capsys, "run", config, "-o", tmp_path / "run", "-q", "--keep-going")
    page = audit.open(tmp_path / "run").report / "index.html"
    text = page.read_text("utf-8")
    assert not set("\x1b\0\u202e") & set(text)
    assert "\\u202e" in text


@pytest.mark.parametrize("name", [":", ":bright", "toynet:", ".toynet:bright", "./toynet.py:bright"])
def test_a_factory_that_names_no_function(tmp_path, capsys, name):
    config = small(tmp_path)
    edited(config, '"toynet:bright"', f'"{name}"')
    code, told = ended(capsys, "run", config, "-o", tmp_path / "run", "-q")
    assert code == 2
    assert "package.module:function" in told


REGION = "import numpy as np\nasked = []\ndef mine(image):\n    asked.append(1)\n    {}\n"


def test_a_region_function_lies_beside_the_configuration(tmp_path, capsys):
    """It is found there, as the message says; one that fails is told before the model is asked."""
    config = small(tmp_path)
    edited(config, "[lesion, corners, artefact]", '["hostile_region:mine"]')
    (tmp_path / "hostile_region.py").write_text(REGION.format("raise ValueError('boo')"))
    code, told = ended(capsys, "run", config, "-o", tmp_path / "run", "-q")
    assert code == 3
    assert "case 000" in told
    assert "boo" in told
    assert not (tmp_path / "run").exists()


def test_a_region_function_that_fails_once_costs_its_case_only(tmp_path, capsys):
    config = small(tmp_path)
    edited(config, "[lesion, corners, artefact]", '[lesion, "hostile_once:mine"]')
    (tmp_path / "hostile_once.py").write_text(
        REGION.format("if len(asked) == 3: raise ValueError('boo')\n    return np.zeros((32, 32), bool)")
    )
    code, _ = ended(capsys, "run", config, "-o", tmp_path / "run", "-q", "--keep-going")
    assert code == 4
    run = audit.open(tmp_path / "run")
    (failure,) = run.failures()
    assert (failure.case, failure.stage) == ("002", "regions")
    assert run.manifest["data"]["cases"] == 4
    assert "boo" in (run.report / "index.html").read_text()


def test_a_class_without_a_case_is_no_case_lost(tmp_path, capsys):
    config = small(tmp_path)
    text = (tmp_path / "cases.csv").read_text().splitlines()
    (tmp_path / "cases.csv").write_text("\n".join([text[0], text[1], text[3]]))
    assert ended(capsys, "run", config, "-o", tmp_path / "run", "-q", "--keep-going")[0] == 4
    run = audit.open(tmp_path / "run")
    assert run.manifest["data"]["failures"] == 0
    assert "no case of class 'ill'" in run.failures()[0].error


def test_a_strip_that_would_grow_without_end_is_refused(tmp_path, capsys):
    """10000 x 1 pixels made to cover 512 rows are 2.6 thousand million: the machine, not the program, ended it."""
    config = small(tmp_path)
    edited(config, "size: [32, 32]", "size: [512, 512]\n  fit: crop")
    with (tmp_path / "cases.csv").open(newline="") as file:
        rows = [{**row, "lesion": "", "artefact": ""} for row in csv.DictReader(file)]
    with (tmp_path / "cases.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    Image.new("RGB", (10000, 1)).save(tmp_path / "003.png")
    code, told = ended(capsys, "run", config, "-o", tmp_path / "run", "-q")
    assert code == 3
    assert "cases.csv:5, case 003, 003.png: a picture of 1 x 10000 pixels" in told
    assert "model.fit" in told


def test_postscript_is_a_program_and_is_not_run(tmp_path, capsys):
    config = small(tmp_path)
    Image.open(tmp_path / "003.png").save(tmp_path / "003.eps")
    edited(config, "003.png", "003.eps", "cases.csv")
    code, told = ended(capsys, "run", config, "-o", tmp_path / "run", "-q")
    assert code == 3
    assert "003.eps: this is not a picture that can be read" in told


def test_a_folder_in_a_pictures_place(tmp_path, capsys):
    config = small(tmp_path)
    (tmp_path / "003.png").unlink()
    (tmp_path / "003.png").mkdir()
    code, told = ended(capsys, "run", config, "-o", tmp_path / "run", "-q")
    assert code == 3
    assert "'003.png' is a folder" in told


def test_the_runs_folder_cannot_be_made(tmp_path, capsys):
    config = small(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for out, said in {
        "file": "is a file",
        "file/inside": "nothing can be written",
        "link": "leads nowhere",
        "x" * 300: "cannot be written",
    }.items():
        code, told = ended(capsys, "run", config, "-o", tmp_path / out, "-q")
        assert code == 2, out
        assert said in told
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_is_told_and_is_no_fault_of_the_program(tmp_path, capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "maps/a.npy")

    monkeypatch.setattr("audit.runner.audit", full)
    code, told = ended(capsys, "run", small(tmp_path), "-o", tmp_path / "run")
    assert code == 2
    assert "maps/a.npy: No space left on device" in told


def test_a_verdict_that_is_none_is_told_before_the_work(finished, capsys):
    before = (finished / "findings.json").stat().st_mtime_ns
    for verb in ("measure", "judge", "report"):
        assert ended(capsys, verb, finished, "--fail-on", "guilty")[0] == 2
    assert (finished / "findings.json").stat().st_mtime_ns == before


def test_a_terminal_that_lacks_the_letters_ends_no_audit(tmp_path):
    """A class named by an emoji, an ASCII terminal: the verdict's own exit code."""
    config = small(tmp_path)
    edited(config, "[well, ill]", '[well, "\U0001f600"]')
    edited(config, "manifest: cases.csv", 'manifest: cases.csv\n  labels: {well: well, ill: "\U0001f600"}')
    done = subprocess.run(
        [sys.executable, "-m", "audit.cli", "run", config, "-o", tmp_path / "run"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 4, done.stderr.decode()


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def of_no_case(path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(pq.read_table(path).slice(0, 2), path)


DAMAGED = {
    "half a map": ("maps/lime.mean.npy", half),
    "a map that is missing": ("maps/lime.mean.npy", Path.unlink),
    "a map of another shape": ("maps/lime.mean.npy", lambda p: np.save(p, np.zeros((2, 3, 3)))),
    "half the cases": ("cases.parquet", of_no_case),
    "garbage for a table": ("effects.parquet", lambda p: p.write_bytes(b"garbage")),
    "garbage for failures": ("failures.csv", lambda p: p.write_bytes(b"\xff\0")),
    "no rule": ("rules", shutil.rmtree),
}


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize("verb", ["measure", "judge", "report"])
def test_a_damaged_run_is_told_and_never_judged(tmp_path, capsys, finished, kind, verb):
    """Half a table gave other numbers without a word; the digests of the sealed run are looked at first."""
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    name, damage = DAMAGED[kind]
    damage(run / name)
    code, told = ended(capsys, verb, run, "-q")
    assert code == 2
    assert str(run / name) in told
    assert "Traceback" not in told


def test_what_a_stage_writes_anew_may_be_broken(tmp_path, capsys, finished):
    """An interrupted stage is done again; the report names the stage that mends it."""
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    (run / "findings.json").write_text("{")
    code, told = ended(capsys, "report", run, "-q")
    assert code == 2
    assert "`pfungst judge` writes it anew" in told
    assert ended(capsys, "judge", run, "-q")[0] == 4
    half(run / "scores.parquet")
    code, told = ended(capsys, "judge", run, "-q")
    assert code == 2
    assert "`pfungst measure` writes it anew" in told
    assert ended(capsys, "measure", run, "-q")[0] == 4


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.pop("model"),
        lambda m: m.pop("seed"),
        lambda m: m.update(regions=[{"a": 1}]),
        lambda m: m.update(regions=3),
        lambda m: m.update(explainers=[{}]),
        lambda m: m.update(seed="x"),
        lambda m: m.update(data=[]),
        lambda m: m.update(model={"classes": ["x"]}),
        lambda m: m.update(files=[1]),
    ],
)
def test_a_manifest_that_is_not_as_a_run_writes_it(tmp_path, capsys, finished, change):
    manifest = json.loads((finished / "manifest.json").read_text())
    change(manifest)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    code, told = ended(capsys, "judge", tmp_path, "-q")
    assert code == 2
    assert "manifest.json: not as a run writes it" in told


def bright(images):
    p = images.mean((1, 2, 3), dtype=float)
    return np.stack([1 - p, p], 1)


GREY = np.full((8, 8), 0.5)
ROWS = [{"image": GREY, "label": "well"}, {"image": GREY, "label": "ill"}]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([*ROWS, (1, 2)], "row 2: a row is a mapping"),
        (["a.png", "b.png"], "row 0: a row is a mapping"),
        ({"image": GREY, "label": "well"}, "images is dict"),
        (3, "images is int"),
        ([*ROWS, {"image": Image.new("RGB", (8, 8)), "label": "ill"}], "row 2: image is Image, neither"),
        ([*ROWS, {"image": [[0.1]], "label": "ill"}], "row 2: image is list, neither"),
        ([*ROWS, {"image": np.array([["x"]]), "label": "ill"}], "made of numbers"),
        ([{**row, "lesion": np.full((8, 8), np.nan)} for row in ROWS], "lesion: a mask holds finite numbers"),
        ([{**row, "lesion": np.full((8, 8), "x")} for row in ROWS], "lesion: a mask holds finite numbers"),
        ([{**row, "id": f"\ud800{n}"} for n, row in enumerate(ROWS)], "row 0: id holds half of a surrogate"),
    ],
)
def test_rows_at_hand_that_are_none(tmp_path, rows, said):
    with pytest.raises(DataError) as caught:
        audit.run(model=bright, images=rows, classes=["well", "ill"], out=tmp_path / "run", size=(8, 8))
    assert said in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_rows_at_hand_take_label_values_and_keep_going(tmp_path):
    """As a manifest does: values are mapped to classes, and a wrong row is left out."""
    rng = np.random.default_rng(0)
    rows = [{"image": rng.random((16, 16)), "label": n % 2} for n in range(4)]
    run = audit.run(
        model=bright,
        images=[*rows, {"image": GREY, "label": 7}, {"label": 1}],
        classes=["well", "ill"],
        labels={"0": "well", "1": "ill"},
        keep_going=True,
        out=tmp_path / "run",
        size=(16, 16),
        explainers=["lime"],
        regions=["corners"],
        lime={"samples": 16},
    )
    assert run.manifest["data"]["labels"] == {"well": 2, "ill": 2}
    assert [f.case for f in run.failures()] == ["case-00004", "case-00005"]
    assert run.manifest["data"]["failures"] == 2


def test_things_at_hand_that_are_no_audit(tmp_path):
    with pytest.raises(ConfigError, match="config is int"):
        audit.run(3, out=tmp_path / "run")
    with pytest.raises(ModelError, match="the model is int"):
        audit.run(model=3, images=ROWS, classes=["well", "ill"], out=tmp_path / "run", size=(8, 8))
