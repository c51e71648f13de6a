"""The diagram in the design, as a test: imports point down, and torch stays where it belongs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "audit"

LEVELS = [
    {"errors"},
    {"plugins", "resources", "progress"},
    {"documents", "statements"},
    {"record"},
    {"images", "measure", "models"},
    {"regions"},
    {"cues"},
    {"explain", "intervene", "judge", "discover"},
    {"report"},
    {"stages", "verify", "schemas", "comparison"},
    {"settings"},
    {"config"},
    {"gather", "budget", "papers"},
    {"facts", "given"},
    {"bench"},
    {"engine"},
    {"runner"},
    {"selftest"},
    {"verbs"},
    {"cli"},
]
LEVEL = {name: number for number, names in enumerate(LEVELS) for name in names}
WITH_TORCH = {"models", "explain", "runner"}
FILES = sorted(PACKAGE.rglob("*.py"))


def unit(file: Path) -> str:
    """The folder or top-level module that a file belongs to."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(file: Path) -> set[str]:
    """Every module that a file names in an import, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: write imports in full"
            found |= (
                {f"{node.module}.{a.name}" for a in node.names}
                if node.module == "audit"
                else {str(node.module)}
            )
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(PACKAGE).as_posix())
def test_imports_point_down(file):
    own = unit(file)
    if own == "__init__":
        return
    assert own in LEVEL, f"{own} has no place in the diagram"
    for module in imported(file):
        if not module.startswith("audit."):
            continue
        other = module.split(".")[1]
        assert other == own or LEVEL[other] < LEVEL[own], f"{own} imports {other}, which is not below it"


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(PACKAGE).as_posix())
def test_torch_lives_in_few_places(file):
    if unit(file) not in WITH_TORCH:
        assert not {m for m in imported(file) if m.split(".")[0] in ("torch", "torchvision", "timm")}


def test_every_stage_but_asking_imports_without_torch():
    """Measuring, judging and reporting, and a black box's audit, work where torch is not installed."""
    code = "import sys; sys.modules['torch'] = None\nimport audit, audit.cli, audit.stages, audit.config, audit.gather"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parent)


def test_no_module_has_grown_past_one_idea():
    long = {
        f.relative_to(PACKAGE).as_posix(): n for f in FILES if (n := len(f.read_text().splitlines())) > 350
    }
    assert not long
