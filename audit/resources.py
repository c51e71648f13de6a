"""Where ``templates/`` and ``rules/`` are: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The shipped folder ``name`` (``templates`` or ``rules``).

    >>> folder("rules").is_dir()
    True
    """
    for place in (PACKAGE / "_resources" / name, PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"the installation lacks its folder {name!r}; install pfungst again")


def rule_sets() -> list[str]:
    """The names of the shipped sets of rules.

    >>> "core" in rule_sets(), "frameworks" in rule_sets()
    (True, False)
    """
    return sorted(p.name for p in folder("rules").iterdir() if p.is_dir() and p.name != "frameworks")
