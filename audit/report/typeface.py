"""The fonts of the paper: shipped with the program, so that the pages are the same on any machine.

A character without a glyph would be an empty box, and no archive takes such a file. So what none of our fonts can
write is printed as its number, and only the fonts that a text needs are handed to the printer.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache

from fontTools.ttLib import TTFont

from audit.resources import folder


@dataclass(frozen=True, kw_only=True)
class Face:
    """A file in ``templates/fonts`` and the name that the style calls it by."""

    family: str
    file: str
    weight: int = 400
    style: str = "normal"

    @property
    def css(self) -> str:
        """The rule that makes the face known."""
        return (
            f'@font-face {{ font-family: "{self.family}"; src: url(asset:fonts/{self.file}); '
            f"font-weight: {self.weight}; font-style: {self.style}; }}"
        )


ALWAYS = (
    Face(family="Report Sans", file="DejaVuSansCondensed.ttf"),
    Face(family="Report Sans", file="DejaVuSansCondensed-Bold.ttf", weight=700),
    Face(family="Report Sans", file="DejaVuSansCondensed-Oblique.ttf", style="italic"),
    Face(family="Report Mono", file="DejaVuSansMono.ttf"),
)

SCRIPTS = (
    *("Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam"),
    *("Sinhala", "Thai", "Khmer", "Myanmar", "Ethiopic", "Mongolian", "Cherokee", "Syriac", "Thaana"),
)

WHERE_NEEDED = (
    *(Face(family="Report Scripts", file=f"NotoSans{script}-Regular.ttf") for script in SCRIPTS),
    Face(family="Report Hangul", file="NanumGothicCoding.ttf"),
    Face(family="Report Han", file="DroidSansFallbackFull.ttf"),
)
"""In this order: the first that has a missing character is taken."""

FILES = frozenset(face.file for face in (*ALWAYS, *WHERE_NEEDED))

UNPRINTABLE = frozenset({"Cc", "Cn", "Co", "Cs"})
"""Controls, what is no character, private characters and halves of pairs: no archive takes them, glyph or not."""

NO_BREAK_ZERO = 0xFEFF


def content(file: str) -> bytes:
    """The bytes of a shipped font.

    Raises:
        FileNotFoundError: no such font is shipped, or the installation lacks it.
    """
    if file not in FILES:
        raise FileNotFoundError(f"no font of this report: {file}")
    return (folder("templates") / "fonts" / file).read_bytes()


@cache
def coverage(file: str) -> frozenset[int]:
    """The characters that a shipped font has a glyph for.

    >>> ord("ж") in coverage("DejaVuSansCondensed.ttf"), ord("界") in coverage("DejaVuSansCondensed.ttf")
    (True, False)
    """
    with TTFont(folder("templates") / "fonts" / file, lazy=True) as font:
        return frozenset(font.getBestCmap())


def lawful(character: str) -> bool:
    """May an archive hold it as text?

    >>> [lawful(c) for c in ("a", "\\ue000", "\\ufeff", "\\x00")]
    [True, False, False, False]
    """
    return ord(character) != NO_BREAK_ZERO and unicodedata.category(character) not in UNPRINTABLE


def choose(text: str) -> tuple[tuple[Face, ...], str]:
    """The faces that a text needs, and the text with each character that none of them has as its number.

    >>> faces, text = choose("Läsion 界 😀")
    >>> [face.file for face in faces[len(ALWAYS):]], text
    (['DroidSansFallbackFull.ttf'], 'Läsion 界 [U+1F600]')
    """
    # what the regular face lacks is written by another file, though the bold or oblique one may have it
    odd = {c for c in set(text) if c > "~"} | {c for c in set(text) if c < " " and c not in "\n\t\r\f"}
    left = {ord(c) for c in odd if lawful(c)} - coverage(ALWAYS[0].file)
    chosen = list(ALWAYS)
    for face in WHERE_NEEDED:
        if left and left & coverage(face.file):
            left -= coverage(face.file)
            chosen.append(face)
    table = {ord(c): f"[U+{ord(c):04X}]" for c in odd if ord(c) in left or not lawful(c)}
    return tuple(chosen), text.translate(table)
