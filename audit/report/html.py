"""The page: one file, no request to anywhere, no script, a content policy that allows its own style and pictures."""

from __future__ import annotations

import base64
import hashlib
from typing import Literal

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from audit.errors import visible
from audit.report.blocks import Picture, Table
from audit.report.context import Context
from audit.resources import folder

Medium = Literal["screen", "paper"]

SHELLS = {"screen": "report.html", "paper": "paper.html"}
"""The frame of each; the sections inside are the same, and are listed in ``sections.html``."""


def environment() -> ImmutableSandboxedEnvironment:
    """A sandbox in which everything printed is text unless the template itself is markup, and a gap is an error."""
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folder("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_written_out,
    )


def _written_out(thing: object) -> object:
    """A name from the data must not turn a line around, or end the page: such characters are written out."""
    return visible(thing) if isinstance(thing, str) and not isinstance(thing, Markup) else thing


def page(context: Context, medium: Medium = "screen", *, enclosed: Table | None = None) -> str:
    """The context as one HTML document; on paper, pictures are named and handed over beside it.

    ``enclosed`` lists the files inside the paper.
    """
    room = environment()
    css = style(room, medium)
    digest = base64.b64encode(hashlib.sha256(css.encode("utf-8")).digest()).decode("ascii")
    return room.get_template(SHELLS[medium]).render(
        c=context,
        medium=medium,
        enclosed=enclosed,
        style=Markup(css),
        policy=f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        address=_data if medium == "screen" else _asset,
    )


def style(room: ImmutableSandboxedEnvironment, medium: Medium) -> str:
    """The common style, then the medium's own."""
    return "\n" + "\n".join(room.get_template(name).render() for name in ("common.css", f"{medium}.css"))


def _data(picture: Picture) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(picture.jpeg).decode("ascii")


def _asset(picture: Picture) -> str:
    return f"asset:{picture.key}"
