"""The engine of several processes ends with the bytes of the local one, whoever dies on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import toy

from audit import engine
from audit.engine import spread
from audit.errors import ConfigError, DataError, Problem
from audit.record import Run
from audit.record.stack import Stack

MORTAL = '''

import os, signal
from pathlib import Path


class MortalNet(nn.Module):
    """Notes how many pictures each process was asked about; the first worker that comes so far is killed."""

    def __init__(self):
        super().__init__()
        self.net = build()

    def forward(self, x):
        folder = Path(os.environ["ASKED"])
        with open(folder / str(os.getpid()), "a") as file:
            file.write(f"{len(x)}\\n")
        calls = len((folder / str(os.getpid())).read_text().split())
        if calls == int(os.environ["DIES"]) and os.getpid() != int(os.environ["LEADS"]):
            try:
                (folder / "dead").touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.net(x)


def mortal():
    return MortalNet()
'''

WHO = '''

import os
import time


def noted(picture):
    """A place in the frame; it notes which process looks, and breaks at one picture."""
    with open(os.environ["ASKED"] + "/" + str(os.getpid()), "a") as file:
        file.write("looked\\n")
    time.sleep(float(os.environ.get("SLOW", "0")))
    if str((picture[0, 0] * 255).round().astype(int).tolist()) == os.environ.get("BROKEN"):
        raise RuntimeError("this one breaks")
    mask = np.zeros(picture.shape[:2], bool)
    mask[3:7, 20:26] = True
    return mask
'''

RUN = """
import os, sys
os.environ["LEADS"] = str(os.getpid())
from audit import config, errors, runner
given, out, engine, workers = sys.argv[1:]
try:
    settings = config.read(given).model_copy(update={"batch": 6})
    runner.run(settings, folder=os.path.dirname(given), out=out, engine=engine, workers=int(workers), report=False)
except errors.PfungstError as error:
    sys.exit(str(error))
"""


def begun(config: Path, out: Path, engine: str, workers: int, **more: str) -> subprocess.Popen[str]:
    asked = out.with_name(f"{out.name}-asked")
    asked.mkdir()
    environment = {**os.environ, "ASKED": str(asked), "DIES": "0", "OMP_NUM_THREADS": "1", **more}
    command = [sys.executable, "-c", RUN, str(config), str(out), engine, str(workers)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def done(config: Path, out: Path, engine: str, workers: int, **more: str) -> subprocess.CompletedProcess[str]:
    process = begun(config, out, engine, workers, **more)
    told = process.communicate()[1]
    return subprocess.CompletedProcess(process.args, process.returncode, stderr=told)


def tables(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in Run.open(run).manifest["files"]}


def test_two_workers_one_of_them_killed_end_with_the_bytes_of_the_local_engine(tmp_path):
    config = toy.write(tmp_path, n=15, source="python", factory="mortal")
    (tmp_path / "toynet.py").write_text(toy.NETWORK + MORTAL)
    local = done(config, tmp_path / "local", "local", 0)
    assert local.returncode == 0, local.stderr
    ray = done(config, tmp_path / "ray", "ray", 2, DIES="20")
    assert ray.returncode == local.returncode, ray.stderr
    assert (tmp_path / "ray-asked" / "dead").exists(), "a worker was killed"
    assert tables(tmp_path / "ray") == tables(tmp_path / "local")
    counts = [json.loads((tmp_path / n / "manifest.json").read_text())["passes"] for n in ("local", "ray")]
    assert counts[0] == counts[1]
    of_workers = [p for p in (tmp_path / "ray-asked").iterdir() if p.name != "dead"]
    assert len(of_workers) >= 3, "the leader and two workers were asked"


@pytest.fixture
def looked_at(tmp_path) -> Path:
    config = toy.write(tmp_path, n=15, source="callable", factory="bright")
    config.write_text(config.read_text().replace("artefact]", "artefact, 'toynet:noted']"))
    (tmp_path / "toynet.py").write_text("import numpy as np\n" + toy.NETWORK + WHO)
    return config


def test_lookers_find_regions_while_the_model_works_and_change_no_byte(looked_at, tmp_path):
    alone = done(looked_at, tmp_path / "alone", "local", 0)
    assert alone.returncode == 0, alone.stderr
    beside = done(looked_at, tmp_path / "beside", "local", 2)
    assert beside.returncode == alone.returncode, beside.stderr
    assert tables(tmp_path / "beside") == tables(tmp_path / "alone")
    who = {p.name: p.read_text().split() for p in (tmp_path / "beside-asked").iterdir()}
    assert len(who) == 3, "the leader, which tries a few pictures first, and two lookers"
    assert sorted(map(len, who.values()))[1:] == [6, 9], (
        "three chunks of six and fewer: one for a looker, two for the other"
    )
    assert len(list((tmp_path / "alone-asked").iterdir())) == 1


def test_what_breaks_in_a_looker_is_told_as_if_there_were_none(looked_at, tmp_path):
    broken = str(toy.arrays(13, ill=True, tagged=False)[0][0, 0].tolist())
    alone = done(looked_at, tmp_path / "alone", "local", 0, BROKEN=broken)
    beside = done(looked_at, tmp_path / "beside", "local", 2, BROKEN=broken)
    assert alone.returncode == beside.returncode != 0
    assert "this one breaks" in alone.stderr
    assert beside.stderr.replace("beside", "alone") == alone.stderr


def test_lookers_end_with_the_run_that_began_them(looked_at, tmp_path):
    leader = begun(looked_at, tmp_path / "killed", "local", 2, SLOW="1")
    asked = tmp_path / "killed-asked"
    lookers = set()
    while len(lookers) < 2:
        assert leader.poll() is None, leader.communicate()[1]
        lookers = {int(p.name) for p in asked.iterdir()} - {leader.pid}
        time.sleep(0.05)
    leader.send_signal(signal.SIGKILL)
    leader.communicate()
    until = time.monotonic() + 60
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in lookers):
        assert time.monotonic() < until, "a looker goes on alone"
        time.sleep(0.05)


def test_what_a_worker_finds_wrong_is_told_as_the_local_engine_tells_it():
    error = DataError(
        [Problem(what="no picture", where="cases.csv:3", todo="put it there"), Problem(what="b")]
    )
    told = spread._told({"kind": "DataError", "what": spread._written(error)})
    assert type(told) is DataError
    assert told.problems == error.problems


def test_an_engine_that_is_not_there_is_told_before_the_work(monkeypatch):
    with pytest.raises(ConfigError, match="not known"):
        engine.check("dask")
    monkeypatch.setattr(spread.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="not installed"):
        engine.check("ray")


def test_a_stack_that_many_make_at_once_is_made_once(tmp_path):
    def make(row: int) -> None:
        Stack(tmp_path / "a.npy", (64, 5), np.float32, empty=np.nan)[row] = row

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(make, range(64)))
    assert (np.load(tmp_path / "a.npy") == np.arange(64)[:, None]).all()
    assert [p.name for p in tmp_path.iterdir()] == ["a.npy"]
