"""The page: one file that asks nobody for anything. Its policy allows its own style, its own script and pictures in it.

Where an album is too large for one file, its packets lie beside it, and the policy lets the page's script load them.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Literal

from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from audit.report import rooms
from audit.report.album import Album
from audit.report.blocks import Picture, Table
from audit.report.context import Context

Medium = Literal["screen", "paper"]

SCRIPTS = ("data", "draw", "tools", "notes", "list", "view", "main")
"""The gallery's script, in the order in which its parts stand on each other."""

SHELLS = {"screen": "report.html", "paper": "paper.html"}
"""The frame of each; the sections inside are the same, and are listed in ``sections.html``."""


def page(
    context: Context,
    medium: Medium = "screen",
    *,
    album: Album | None = None,
    enclosed: Table | None = None,
    templates: Path | None = None,
) -> str:
    """The context as one HTML document; on paper, pictures are named and handed over beside it.

    With an album the page has a gallery of all cases; without, or without a script, it shows the chosen ones.
    ``enclosed`` lists the files inside the paper. ``templates`` is a folder of the user's.

    Raises:
        ConfigError: a template in the user's folder cannot be printed.
    """
    room = rooms.environment(templates, paper=medium == "paper")
    css = style(room, medium, *(["gallery/gallery.css"] if album else []))
    script = _script(room) if album else ""
    values = {
        "c": context,
        "medium": medium,
        "enclosed": enclosed,
        "style": Markup(css),
        "album": album,
        "script": Markup(script),
        "packets": [Markup(p) for p in album.packets] if album else [],
        "index": Markup(album.index if album else ""),
        "policy": _policy(css, script, beside=album is not None and album.beside),
        "address": _data if medium == "screen" else _asset,
    }
    made = rooms.printed(room, SHELLS[medium], values, templates)
    return rooms.policed(made, str(values["policy"]), templates) if medium == "screen" else made


def _policy(css: str, script: str, *, beside: bool) -> str:
    """Nothing but what the page holds. Packets beside it are loaded by its own script alone (strict-dynamic)."""
    loading = " 'strict-dynamic'" if beside else ""
    allowed = f"script-src {_digest(script)}{loading}; " if script else ""
    return f"default-src 'none'; img-src data:; style-src {_digest(css)}; {allowed}base-uri 'none'; form-action 'none'"


def _digest(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode('utf-8')).digest()).decode('ascii')}'"


def _script(room: ImmutableSandboxedEnvironment) -> str:
    """The page's script as it lies in ``templates/gallery/``: plain text, never a template."""
    assert room.loader is not None
    files = [room.loader.get_source(room, f"gallery/{name}.js")[0] for name in SCRIPTS]
    return "\n" + "\n".join(files)


def style(room: ImmutableSandboxedEnvironment, medium: Medium, *more: str) -> str:
    """The common style, then the medium's own, then more by their names."""
    return "\n" + "\n".join(
        room.get_template(name).render() for name in ("common.css", f"{medium}.css", *more)
    )


@rooms.handed
def _data(picture: Picture) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(picture.jpeg).decode("ascii")


@rooms.handed
def _asset(picture: Picture) -> str:
    return f"asset:{picture.key}"
