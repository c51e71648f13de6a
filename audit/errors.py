"""What a user can put right: what is wrong, where, and what to do next.

Each error carries the exit code that the command ends with. Nothing else in the program calls ``exit``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HIDDEN = {
    n: f"\\x{n:02x}" if n < 256 else f"\\u{n:04x}"
    for n in (
        *range(9),
        *range(11, 32),
        *range(127, 160),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    )
}
"""Characters that write nothing but steer a terminal or turn the line around: they could forge what is told."""


def visible(text: str) -> str:
    """The text with what steers a terminal or turns the line around written out.

    >>> print(visible("a\\x1b[31mb"))
    a\\x1b[31mb
    """
    return text.translate(HIDDEN)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One mistake. ``where`` is ``file:line:column``, a row of a manifest, or a key."""

    what: str
    where: str = ""
    todo: str = ""

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return visible(f"{head}\n    {self.todo}" if self.todo else head)


class PfungstError(Exception):
    """Something that the user can put right. All mistakes that are known are told at once.

    >>> print(ConfigError("unknown key 'modle'", where="audit.yaml:3:1", todo="did you mean 'model'?"))
    audit.yaml:3:1: unknown key 'modle'
        did you mean 'model'?
    """

    exit_code = 2

    def __init__(self, what: str | Sequence[Problem], *, where: str = "", todo: str = "") -> None:
        if isinstance(what, str):
            self.problems: tuple[Problem, ...] = (Problem(what=what, where=where, todo=todo),)
        else:
            self.problems = tuple(what)
        super().__init__("\n".join(str(p) for p in self.problems))


class ConfigError(PfungstError):
    """Wrong usage, configuration or rule file: exit code 2."""

    exit_code = 2


class ModelError(PfungstError):
    """The model cannot be read or asked: exit code 3."""

    exit_code = 3


class DataError(PfungstError):
    """Images, masks or the manifest cannot be read: exit code 3."""

    exit_code = 3


class RunError(PfungstError):
    """A run directory is missing, unfinished or not what it says: exit code 2."""

    exit_code = 2


class Undefined(Exception):
    """Nothing could be measured, and why. Becomes ``value=None`` with the reason; never a number."""
