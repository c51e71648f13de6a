"""What a picture is known by: the SHA-256 of its files, and 256 bits of what it looks like.

The look is the perceptual hash by the discrete cosine transform (Zauner 2010, Implementation and Benchmarking of
Perceptual Image Hash Functions). Departures: 16 × 16 coefficients in place of 8 × 8, because radiographs of different
people are far more alike than photographs are; and each coefficient is compared with the median of all but the mean
brightness. A copy that was saved again, made smaller or brighter stays near; one that was mirrored or turned does not,
and one that was cut by a few percent only sometimes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from scipy.fft import dctn

from audit.errors import DataError, Problem
from audit.images.manifest import read_manifest
from audit.images.pixels import read_picture
from audit.images.source import Source
from audit.record.files import sha256
from audit.record.nouns import Case, Failure, Fingerprint, Image

GRID, KEPT = 64, 16

TRAINING = "training"
"""The split of the pictures of ``images.training``, where that manifest names none."""


def look(picture: Image) -> str:
    """The look of a picture ``(h, w, 3)`` as 64 hexadecimal digits; empty for a picture of one colour.

    >>> down, across = np.mgrid[:256, :256].astype(np.float32) / 256
    >>> hills = np.cos(9 * across**2 + 4 * down)[..., None].repeat(3, 2) / 2 + 0.5
    >>> look(hills) == look(hills[::2, ::2]), look(hills) == look(hills[:, ::-1]), look(np.zeros((9, 9, 3), np.float32))
    (True, False, '')
    """
    grey = Pillow.fromarray(np.asarray(picture, np.float32).mean(2))
    small = np.asarray(grey.resize((GRID, GRID), Pillow.Resampling.BOX), np.float64)
    if np.ptp(small) < 1 / 255:
        return ""
    waves = (
        dctn(small, norm="ortho")[:KEPT, :KEPT].ravel().round(6)
    )  # what is nothing must not fall on chance's side
    return np.packbits(waves > np.median(waves[1:])).tobytes().hex()


def of_cases(source: Source, cases: Sequence[Case], looks: Mapping[str, str]) -> list[Fingerprint]:
    """The fingerprints of the audited cases, whose ``looks`` were taken while they were read."""
    rows = []
    for case in cases:
        held = source.arrays.get(case.id, {})
        digests = {
            part: hashlib.sha256(np.ascontiguousarray(held[part]).tobytes()).hexdigest()
            if part in held
            else sha256(source.root / name)
            for part, name in (("image", case.image), ("lesion", case.lesion), ("artefact", case.artefact))
            if name is not None
        }
        rows.append(
            _row(
                case,
                audited=True,
                sha256=digests["image"],
                lesion=digests.get("lesion"),
                artefact=digests.get("artefact"),
                look=looks.get(case.id, ""),
            )
        )
    return rows


def of_training(
    path: Path,
    *,
    root: Path | None,
    columns: Mapping[str, str],
    keep_going: bool = False,
    tick: Callable[[int], None] = lambda done: None,
) -> tuple[list[Fingerprint], list[Failure]]:
    """The fingerprints of the pictures of another manifest, which are read once and put to no model.

    Its columns are those of the audited one, as far as they name image, label, id, patient and split.

    Raises:
        DataError: the manifest or a picture cannot be read; with ``keep_going`` the failures say so instead.
    """
    listing = read_manifest(path, root=root, columns=columns, keep_going=keep_going)
    rows, failures, problems = [], list(listing.failures), []
    for number, case in enumerate(listing.cases):
        try:
            seen = look(read_picture(listing.root / case.image)[0])
            rows.append(
                _row(
                    replace(case, split=case.split or TRAINING),
                    audited=False,
                    sha256=sha256(listing.root / case.image),
                    look=seen,
                )
            )
        except DataError as error:
            problems += [
                Problem(what=p.what, where=f"{listing.rows[case.id]}, {case.image}", todo=p.todo)
                for p in error.problems
            ]
            failures.append(Failure(case=case.id, stage=TRAINING, error=str(error)))
        tick(number + 1)
    if problems and not keep_going:
        raise DataError(problems)
    return rows, failures


def _row(
    case: Case,
    *,
    audited: bool,
    sha256: str,
    look: str,
    lesion: str | None = None,
    artefact: str | None = None,
) -> Fingerprint:
    return Fingerprint(
        case=case.id,
        image=case.image,
        split=case.split,
        patient=None if case.patient == case.id else case.patient,
        audited=audited,
        sha256=sha256,
        lesion=lesion,
        artefact=artefact,
        look=look or None,
        why=None if look else "the picture is of one colour, so it looks like any other of one colour",
    )
