"""What is installed: the program, its files, the packages that it needs, and the machine. The IQ of a qualification."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import platform
import re
from collections.abc import Iterator
from typing import Any

from audit import facts, judge, resources

NAME = "pfungst"
EDITABLE = "installed from a checkout: its files are not listed, so they are not compared"


def installation() -> dict[str, Any]:
    """What is installed, as plain values. ``passed``: nothing is missing, changed or wrong."""
    packages = list(_packages())
    files = _files()
    mistakes = [str(problem) for problem in judge.check(["core"])]
    shipped = {name: _digest(name) for name in ("rules", "templates")}
    wrong = [f"{p['name']} is not installed" for p in packages if p["needed"] and p["version"] is None]
    wrong += [
        f"{p['name']} is {p['version']}, and {p['asked']} is asked for"
        for p in packages
        if p["version"] is not None and older(p["version"], p["asked"])
    ]
    wrong += [f"{name} is not what was installed" for name in files["changed"]]
    wrong += mistakes
    return {
        "pfungst": facts.version(NAME),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "hardware": facts.hardware(),
        "packages": packages,
        "files": files,
        "shipped": shipped,
        "wrong": wrong,
        "passed": not wrong,
    }


def _packages() -> Iterator[dict[str, Any]]:
    """Each package that the program asks for, always or for an extra, with the version that is there."""
    try:
        asked = importlib.metadata.requires(NAME) or []
    except importlib.metadata.PackageNotFoundError:
        asked = []
    told: set[str] = set()
    for line in asked:
        requirement, _, marker = line.partition(";")
        found = re.match(r"([A-Za-z0-9._-]+)(\[[^\]]*\])?\s*(.*)", requirement.strip())
        if found is None or found[1] in told or re.search(r"extra == ['\"](test|check)['\"]", marker):
            continue
        told.add(found[1])
        needed = "extra" not in marker
        yield {
            "name": found[1],
            "asked": found[3].strip("() "),
            "needed": needed,
            "version": facts.version(found[1]),
        }


def older(version: str, asked: str) -> bool:
    """Is a version older than what a requirement asks for at the least?

    >>> older("2.9.1", ">=2.10"), older("2.10", ">=2.9"), older("1.0", "")
    (True, False, False)
    """

    def numbers(text: str) -> tuple[int, ...]:
        return tuple(int(n) for n in re.findall(r"\d+", re.split(r"[a-z+!-]", text)[0]))

    least = re.search(r">=\s*([0-9.]+)", asked)
    return least is not None and numbers(version) < numbers(least[1])


def _files() -> dict[str, Any]:
    """The program's files against the list that was installed with them."""
    try:
        listed = importlib.metadata.files(NAME) or []
    except importlib.metadata.PackageNotFoundError:
        listed = []
    own = [file for file in listed if file.parts[0] == "audit" and file.hash is not None]
    own = own if any(file.as_posix() == "audit/__init__.py" for file in own) else []
    changed = [file.as_posix() for file in own if not _same(file)]
    return {"compared": len(own), "changed": changed, "note": "" if own else EDITABLE}


def _same(file: importlib.metadata.PackagePath) -> bool:
    if file.hash is None or file.hash.mode != "sha256":
        return True
    try:
        content = file.read_binary()
    except OSError:
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return digest == file.hash.value


def _digest(name: str) -> str:
    """One SHA-256 of a shipped folder: of each file's path and bytes, in their order."""
    folder = resources.folder(name)
    whole = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        whole.update(file.relative_to(folder).as_posix().encode() + b"\0")
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()
