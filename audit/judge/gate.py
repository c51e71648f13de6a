"""A verdict -> the exit code, by the gate that the user may move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from audit.errors import ConfigError
from audit.plugins import nearest
from audit.record.nouns import VerdictName

FAILS = "confirmed,suspected,sensitive"
NAMES: tuple[str, ...] = tuple(name for name in get_args(VerdictName) if name != "clear")


def exit_code(
    verdict: str,
    fail_on: str | None = None,
    *,
    fails: str = FAILS,
    names: Sequence[str] = NAMES,
) -> int:
    """The exit code of an overall verdict: 0 passes, 1 is flagged, 4 is undecided.

    ``fail_on`` is a list with commas of the verdicts that end with 1; by default confirmed, suspected and
    sensitive. A verdict that is not in it passes with 0, but for ``undecided``, which is then 4 and not 1.
    ``none``: no verdict ends with 1. ``fails`` and ``names``: what fails by default, and what may be named.

    Raises:
        ConfigError: a name in ``fail_on`` is no verdict, or one that clears.

    >>> exit_code("suspected"), exit_code("suspected", "confirmed"), exit_code("undecided", "confirmed")
    (1, 0, 4)
    >>> exit_code("undecided", "confirmed,undecided"), exit_code("confirmed", "none"), exit_code("clear")
    (1, 0, 0)
    """
    failing = [n for n in (part.strip() for part in (fails if fail_on is None else fail_on).split(",")) if n]
    failing = [] if failing == ["none"] else failing
    for name in failing:
        if name not in names:
            raise ConfigError(
                f"no verdict {name!r} to fail on", where="--fail-on", todo=nearest(name, [*names, "none"])
            )
    if verdict in failing:
        return 1
    return 4 if verdict == "undecided" else 0
