"""A run that was ended at any instant goes on where it was, and ends with the bytes of an undisturbed one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import toy

from audit import cli
from audit.record import Run
from audit.record.folder import alone
from audit.record.stack import Stack

MORTAL = '''

import os, signal


class Mortal:
    """Notes how many pictures each call asked about, and ends the process at the call that DIES names."""

    calls = 0

    def note(self, count):
        Mortal.calls += 1
        if Mortal.calls == int(os.environ.get("DIES", "0")):
            os.kill(os.getpid(), signal.SIGKILL)
        with open(os.environ["ASKED"], "a") as file:
            file.write(f"{count}\\n")


def mortal_box():
    inner = tag()

    def predict(images):
        Mortal().note(len(images))
        return inner(images)

    return predict


class MortalNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = build()

    def forward(self, x):
        Mortal().note(len(x))
        return self.net(x)


def mortal_net():
    return MortalNet()
'''

BATCH = 6


def tables(run: Path) -> dict[str, bytes]:
    """Every file that the seal holds, but the configuration's names."""
    return {name: (run / name).read_bytes() for name in Run.open(run).manifest["files"]}


class Bench:
    """Runs of one configuration in other processes, with the number of pictures that each asked about."""

    def __init__(self, folder: Path, *, source: str, factory: str) -> None:
        self.folder, self.factory = folder, factory
        self.config = toy.write(folder, n=14, source=source, factory=factory)
        (folder / "toynet.py").write_text(toy.NETWORK + MORTAL)

    def run(self, out: str, *, dies: int = 0, resume: bool = False) -> tuple[int, list[int]]:
        asked = self.folder / f"{out}-asked-{dies}-{resume}"
        asked.write_text("")
        environment = {**os.environ, "ASKED": str(asked), "DIES": str(dies), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "audit.cli", "run", self.config, "-o", self.folder / out, "--quiet"]
        command += ["--batch", str(BATCH), *(["--resume"] if resume else [])]
        done = subprocess.run([str(c) for c in command], env=environment, capture_output=True, check=False)
        counts = [int(line) for line in asked.read_text().split()]
        asked.unlink()
        return done.returncode, counts


@pytest.mark.parametrize(
    ("source", "factory", "deaths"),
    [("callable", "mortal_box", (9, 30)), ("python", "mortal_net", (7, 25))],
)
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path, source, factory, deaths):
    bench = Bench(tmp_path, source=source, factory=factory)
    code, whole = bench.run("whole")
    assert code in (0, 1, 4)
    again = 0
    for number, dies in enumerate(deaths):
        code, counts = bench.run("killed", dies=dies, resume=number > 0)
        assert code == -signal.SIGKILL
        again += sum(counts)
    code, counts = bench.run("killed", resume=True)
    assert code in (0, 1, 4)
    again += sum(counts)
    assert tables(tmp_path / "killed") == tables(tmp_path / "whole")
    first = Run.open(tmp_path / "whole").manifest
    assert Run.open(tmp_path / "killed").manifest["passes"] == first["passes"]
    assert not (tmp_path / "killed" / "parts").exists()
    # every start asks about a few pictures to see what applies; besides, a batch at most is asked again for each
    # death. A network's passes are of 8 pictures; a batch of its maps is an answer, and three samples of SmoothGrad.
    starting, batch = (32, 8 * 4) if source == "python" else (first["passes"]["predict"], BATCH)
    assert again <= sum(whole) + len(deaths) * (starting + batch)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    return toy.write(folder, n=8, source="callable", factory="tag")


def ended(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main([str(a) for a in arguments])
    return int(caught.value.code or 0)


def interrupted(monkeypatch, error: BaseException, after: int) -> None:
    """Writing a row fails once, after so many."""
    write, rows = Stack.__setitem__, []

    def one(self, row, values):
        rows.append(row)
        if len(rows) == after:
            raise error
        write(self, row, values)

    monkeypatch.setattr(Stack, "__setitem__", one)


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(small, monkeypatch, capsys):
    out = small.parent / "stopped"
    interrupted(monkeypatch, KeyboardInterrupt(), 40)
    assert ended("run", small, "-o", out, "-q") == 130
    assert "--resume" in capsys.readouterr().err
    assert ended("report", out) == 2, "an unfinished run has no report"
    assert "--resume" in capsys.readouterr().err
    assert ended("run", small, "-o", out, "-q") == 2, "without --resume the folder is not empty"
    assert "--resume" in capsys.readouterr().err
    assert ended("run", small, "-o", out, "-q", "--resume") == 4
    assert ended("run", small, "-o", small.parent / "plain", "-q", "--resume") == 4, "an empty folder begins"
    assert tables(out) == tables(small.parent / "plain")


def test_a_full_disk_is_told_and_costs_nothing(small, monkeypatch, capsys):
    out = small.parent / "full"
    interrupted(monkeypatch, OSError(28, "No space left on device", "maps/x.npy"), 60)
    assert ended("run", small, "-o", out, "-q") == 2
    told = capsys.readouterr().err
    assert "No space left" in told
    assert "--resume" in told
    assert ended("run", small, "-o", out, "-q", "--resume") == 4


def test_a_finished_run_is_not_asked_again(small, capsys, monkeypatch):
    out = small.parent / "finished"
    assert ended("run", small, "-o", out, "-q") == 4
    before = tables(out)
    monkeypatch.setattr("audit.bench.laid", None)
    assert ended("run", small, "-o", out, "--resume") == 4
    assert "Verdict: undecided" in capsys.readouterr().out
    assert tables(out) == before


def test_another_configuration_cannot_go_on(small, monkeypatch, capsys):
    out = small.parent / "other"
    interrupted(monkeypatch, KeyboardInterrupt(), 40)
    assert ended("run", small, "-o", out, "-q") == 130
    changed = small.with_name("changed.yaml")
    changed.write_text(small.read_text() + "seed: 5\n")
    assert ended("run", changed, "-o", out, "-q", "--resume") == 2
    told = capsys.readouterr().err
    assert "config" in told
    assert "seed" in told


def test_two_runs_into_one_folder_are_one_too_many(small, monkeypatch, capsys):
    out = small.parent / "held"
    interrupted(monkeypatch, KeyboardInterrupt(), 40)
    assert ended("run", small, "-o", out, "-q") == 130
    with alone(out):
        assert ended("run", small, "-o", out, "-q", "--resume") == 2
        assert "another run is writing" in capsys.readouterr().err
    assert ended("run", small, "-o", out, "-q", "--resume") == 4
