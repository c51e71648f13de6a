"""Audit the two checkpoints of the embedded example, and say where the two reports are.

One reads the lesions: its audit must end clear. The other reads a text tag: its audit must end confirmed, naming
the text. Both run side by side, as a user would run them. Exit code 0 when both came out as they should.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import audit

HERE = Path(__file__).resolve().parent
EXPECTED = {"honest": ("clear", 0), "hans": ("confirmed", 1)}


def main() -> int:
    """Run both audits; 0 when both verdicts and exit codes are as expected."""
    began = time.monotonic()
    running = {name: _started(name) for name in EXPECTED}
    for name, process in running.items():
        threading.Thread(target=_tell, args=(name, process), daemon=True).start()
    ended = {name: process.wait() for name, process in running.items()}
    print(f"\nThe two audits took {time.monotonic() - began:.0f} s.")
    wrong = 0
    for name, (verdict, code) in EXPECTED.items():
        out = HERE / "out" / name
        if ended[name] not in (0, 1, 4):
            print(f"{name}: ended with exit code {ended[name]}")
            wrong += 1
            continue
        found = audit.open(out).findings()["verdict"]
        right = (found, ended[name]) == (verdict, code)
        wrong += not right
        expected = "" if right else f"; expected {verdict}, exit code {code}"
        print(f"{name}.safetensors: {found} (exit code {ended[name]}{expected})")
        for report in ("index.html", "report.pdf"):
            print(f"    {_short(out / 'report' / report)}")
    return 1 if wrong else 0


def _started(name: str) -> subprocess.Popen[str]:
    out = HERE / "out" / name
    shutil.rmtree(out, ignore_errors=True)
    # one thread each: two audits share the machine, and threads that wait for each other only burn it
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "audit.cli", "run", str(HERE / f"{name}.yaml"), "-o", str(out)]
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _tell(name: str, process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        print(f"{name}: {line}", end="", flush=True)


def _short(path: Path) -> Path:
    """The path from here, where it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    sys.exit(main())
