"""What the benchmark's docstrings show is so."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "detection"
MODULES = sorted(file.stem for file in FOLDER.glob("*.py") if not file.stem.startswith("__"))


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name):
    module = importlib.import_module(f"benchmarks.detection.{name}")
    assert doctest.testmod(module).failed == 0


def test_no_module_has_grown_past_one_idea():
    assert not [name for name in MODULES if len((FOLDER / f"{name}.py").read_text().splitlines()) > 350]
