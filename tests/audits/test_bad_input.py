"""Bad input: one clear error that names the row or key, and the right exit code; or the rest goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import toy
from PIL import Image

import audit
from audit import cli


def ended(capsys, *arguments) -> tuple[int, str]:
    """The exit code and what was told on standard error."""
    with pytest.raises(SystemExit) as caught:
        cli.main([str(a) for a in arguments])
    return int(caught.value.code or 0), capsys.readouterr().err


def edited(config: Path, old: str, new: str, name: str = "cases.csv") -> None:
    path = config.parent / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def truncate(config: Path) -> None:
    path = config.parent / "003.png"
    path.write_bytes(path.read_bytes()[:200])


BROKEN = {
    "missing picture": (lambda c: (c.parent / "003.png").unlink(), "cases.csv:5, column image"),
    "truncated picture": (truncate, "003"),
    "empty picture": (lambda c: (c.parent / "003.png").write_bytes(b""), "empty"),
    "no picture": (lambda c: (c.parent / "003.png").write_text("hello"), "003.png"),
    "mask of another size": (
        lambda c: Image.new("L", (9, 9)).save(c.parent / "003-l.png"),
        "9 x 9",
    ),
    "unknown label": (lambda c: edited(c, "003-a.png,ill", "003-a.png,il"), "did you mean 'ill'?"),
    "leaves the root": (lambda c: edited(c, "003.png", "../003.png"), "cases.csv:5"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_case_is_named_or_left_out(tmp_path, capsys, kind):
    """Exit code 3 naming the case; with --keep-going the case is told in failures.csv and nothing else is lost."""
    config = toy.write(tmp_path, n=12, source="callable", factory="bright")
    breaks, said = BROKEN[kind]
    breaks(config)
    code, told = ended(capsys, "run", config, "-o", tmp_path / "run", "-q")
    assert code == 3
    assert said in told
    assert "Traceback" not in told
    assert not (tmp_path / "run").exists()
    code, _ = ended(capsys, "run", config, "-o", tmp_path / "run", "-q", "--keep-going")
    assert code == 4
    run = audit.open(tmp_path / "run")
    assert run.manifest["data"]["cases"] == 11
    (failure,) = run.failures()
    assert failure.case.endswith("003")
    assert run.manifest["data"]["failures"] == 1


def test_two_rows_with_one_id_and_a_class_without_a_case(tmp_path, capsys):
    config = toy.write(tmp_path, n=4, source="callable", factory="bright")
    edited(config, "[well, ill]", "[well, ill, worse]", "audit.yaml")
    text = (tmp_path / "cases.csv").read_text().splitlines()
    (tmp_path / "cases.csv").write_text("\n".join([*text, text[-1]]))
    code, told = ended(capsys, "run", config, "-o", tmp_path / "run", "-q")
    assert code == 3
    assert "003" in told
    assert "no case of class 'worse'" in told


def test_wrong_configuration_is_exit_code_2(tmp_path, capsys):
    config = toy.write(tmp_path, n=4)
    edited(config, "title:", "titel:", "audit.yaml")
    code, told = ended(capsys, "run", config, "-o", tmp_path / "run")
    assert code == 2
    assert "audit.yaml:1:1: unknown key 'titel'" in told
    assert ended(capsys, "run", tmp_path / "none.yaml")[0] == 2
    assert ended(capsys, "judge", tmp_path / "none")[0] == 2
    assert ended(capsys, "fly")[0] == 2


def test_a_folder_that_holds_something_is_not_written_into(tmp_path, capsys):
    config = toy.write(tmp_path, n=4)
    code, told = ended(capsys, "run", config, "-o", tmp_path)
    assert code == 2
    assert "not empty" in told


def test_a_checkpoint_that_does_not_fit_or_needs_pickle(tmp_path, capsys):
    config = toy.write(tmp_path, n=4)
    edited(config, '"toynet:build"', '"toynet:build"\n  weights: w.pt', "audit.yaml")
    torch.save({"0.weight": torch.zeros(1)}, tmp_path / "w.pt")
    code, told = ended(capsys, "run", config, "-o", tmp_path / "run")
    assert code == 3
    assert "w.pt" in told
    torch.save(torch.nn.Linear(1, 1), tmp_path / "w.pt")
    code, told = ended(capsys, "run", config, "-o", tmp_path / "run")
    assert code == 3
    assert "--trust" in told


def test_a_model_that_fails_or_answers_nonsense_is_exit_code_3(tmp_path, capsys):
    config = toy.write(tmp_path, n=4, source="callable", factory="broken")
    for body in (
        "raise ValueError('boom')",
        "return images.mean((1, 2, 3))",
        "return np.full((len(images), 2), np.nan)",
    ):
        (tmp_path / "toynet.py").write_text(
            f"import numpy as np\ndef broken():\n    def predict(images):\n        {body}\n    return predict\n"
        )
        code, told = ended(capsys, "run", config, "-o", tmp_path / "run")
        assert code == 3, body
        assert "Traceback" not in told
        __import__("shutil").rmtree(tmp_path / "run", ignore_errors=True)


def test_an_interrupted_run_ends_with_130(tmp_path, capsys):
    config = toy.write(tmp_path, n=4, source="callable", factory="stop")
    (tmp_path / "toynet.py").write_text(
        "def stop():\n    def predict(images):\n        raise KeyboardInterrupt\n    return predict\n"
    )
    assert ended(capsys, "run", config, "-o", tmp_path / "run", "-q")[0] == 130


def test_an_unfinished_run_has_no_report(tmp_path, capsys):
    config = toy.write(tmp_path, n=4, source="callable", factory="stop")
    (tmp_path / "toynet.py").write_text(
        "def stop():\n    def predict(images):\n        raise KeyboardInterrupt\n    return predict\n"
    )
    ended(capsys, "run", config, "-o", tmp_path / "run", "-q")
    code, told = ended(capsys, "report", tmp_path / "run")
    assert code == 2
    assert "did not finish" in told


def test_rows_at_hand_are_checked_all_at_once(tmp_path):
    rows = [
        {"image": np.zeros((8, 8)), "label": "well"},
        {"image": np.zeros((8, 8)), "label": "il"},
        {"imgae": 1, "label": "ill"},
    ]
    with pytest.raises(audit.errors.DataError) as caught:
        audit.run(model=lambda x: x, images=rows, classes=["well", "ill"], out=tmp_path / "r", size=(8, 8))
    told = str(caught.value)
    assert "did you mean 'ill'" in told
    assert "did you mean 'image'" in told
    assert "row 2" in told


def test_a_fault_of_the_program_is_never_taken_for_a_verdict(tmp_path, capsys, monkeypatch):
    """Python ends with 1 on an error that nobody caught; 1 would say "flagged"."""
    monkeypatch.setattr("audit.runner.audit", lambda *_, **__: 1 / 0)
    code, told = ended(capsys, "run", toy.write(tmp_path, n=4), "-o", tmp_path / "run")
    assert code == 70
    assert "ZeroDivisionError" in told


def test_a_network_without_torch_is_told_in_one_line(tmp_path):
    """Whoever installed the core alone reads what to install, not a traceback."""
    import subprocess
    import sys

    config = toy.write(tmp_path, n=4)
    code = "import sys; sys.modules['torch'] = None; from audit.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "run", config, "-o", tmp_path / "run"]
    ended_ = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert ended_.returncode == 3
    assert "pip install 'pfungst[torch]'" in ended_.stderr
    assert "Traceback" not in ended_.stderr
