"""A file's name and its digest."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path


def safe(name: str) -> str:
    """A name that any file system takes and that no other name shares.

    >>> safe("grad-cam++"), safe("a/b")
    ('grad-cam++', 'a_b~c14cddc0')
    """
    plain = re.sub(r"[^A-Za-z0-9._+@=-]", "_", name)[:80]
    if plain == name and not name.startswith("."):
        return name
    return f"{plain.lstrip('.')}~{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
