"""A JSON document that says itself what its bytes must be, so that a change of any one of them can be named.

The digest stands in the document under ``seal`` and is that of everything else in it. Whoever rewrites both is not
found out by this: it tells damage and carelessness, and a signature is what tells forgery.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

KEY = "seal"


def plain(thing: Any) -> Any:
    """Nouns, tuples and numpy numbers as JSON knows them."""
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {f.name: plain(getattr(thing, f.name)) for f in dataclasses.fields(thing)}
    if isinstance(thing, Mapping):
        return {str(k): plain(v) for k, v in thing.items()}
    if isinstance(thing, list | tuple):
        return [plain(v) for v in thing]
    if isinstance(thing, np.generic):
        return thing.item()
    if isinstance(thing, Path):
        return thing.as_posix()
    return thing


def text(document: Mapping[str, Any]) -> str:
    """The document as JSON, and nothing else that would read the same.

    >>> text({"b": 1, "a": None})
    '{\\n  "b": 1,\\n  "a": null\\n}\\n'
    """
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def digest(document: Mapping[str, Any]) -> str:
    """The SHA-256 of all that a document holds but its own digest, in hexadecimal."""
    rest = {key: value for key, value in document.items() if key != KEY}
    return hashlib.sha256(text(rest).encode()).hexdigest()


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its digest, as its last key.

    >>> sealed({"a": 1, "seal": "of before"})["seal"][:8]
    '5e36b656'
    """
    rest = {key: value for key, value in document.items() if key != KEY}
    return {**rest, KEY: digest(rest)}


def read(path: Path) -> tuple[dict[str, Any] | None, str]:
    """A sealed document, and what is wrong with its bytes; empty if nothing is. None where it cannot be read."""
    try:
        said = path.read_bytes()
        document = json.loads(said.decode("utf-8"))
    except FileNotFoundError:
        return None, "is missing"
    except (OSError, ValueError, RecursionError) as error:
        return None, f"cannot be read: {error}"
    if not isinstance(document, dict):
        return None, "is not as pfungst writes it"
    if KEY not in document:
        return document, "bears no seal of its own: it was taken out, or the run is older than this check"
    try:
        same = text(document).encode() == said and document[KEY] == digest(document)
    except (ValueError, UnicodeEncodeError):  # NaN, or half a surrogate pair: neither is ever written
        same = False
    return document, "" if same else "is not what was sealed"
