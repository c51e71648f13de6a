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
    Face(family="Report Upright", file="DejaVuSansCondensed.ttf"),
)

"""The last is the first again, for what the other cuts lack."""

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

NO_BREAK_ZERO, KEYCAP = 0xFEFF, 0x20E3

PICTURES = frozenset(
    {
        *(
            0x23F0,
            0x23F3,
            0x261D,
            0x267F,
            0x2693,
            0x26A1,
            0x26CE,
            0x26D4,
            0x26EA,
            0x26F5,
            0x26F9,
            0x26FA,
            0x26FD,
        ),
        *(0x2705, 0x2728, 0x274C, 0x274E, 0x2757, 0x27B0, 0x27BF, 0x2B50, 0x2B55, KEYCAP),
        *(0x231A, 0x231B, 0x25FD, 0x25FE, 0x2614, 0x2615, 0x26AA, 0x26AB, 0x26BD, 0x26BE, 0x26C4, 0x26C5),
        *(0x26F2, 0x26F3, 0x2B1B, 0x2B1C, *range(0x23E9, 0x23ED), *range(0x2648, 0x2654)),
        *(*range(0x270A, 0x270E), *range(0x2753, 0x2756), *range(0x2795, 0x2798), *range(0x1F000, 0x1FB00)),
    }
)
"""Unicode's Emoji_Presentation and bases of modifiers: whatever font a style names, these are drawn with one of the
machine's own, so that the pages would not be the same everywhere."""


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


def printable(file: str) -> frozenset[int]:
    """The characters that the paper sets in a shipped font."""
    return frozenset(c for c in coverage(file) - PICTURES if lawful(chr(c)))


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
    # what the upright face lacks is written by another file, though the bold or oblique one may have it
    odd = {c for c in set(text) if c > "~"} | {c for c in set(text) if c < " " and c not in "\n\t\r\f"}
    left = {ord(c) for c in odd} - printable(ALWAYS[0].file)
    chosen = list(ALWAYS)
    for face in WHERE_NEEDED:
        if left & printable(face.file):
            left -= printable(face.file)
            chosen.append(face)
    return tuple(chosen), text.translate({c: f"[U+{c:04X}]" for c in left})
