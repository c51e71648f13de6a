"""The nouns that the stages hand on. Frozen, keyword-only, plain values: arrays never ride in rows.

Axes are named once: ``Image`` float32 ``(h, w, 3)`` in [0, 1]; ``Heat`` float32 ``(h, w)``, finite, signed;
``Mask`` bool ``(h, w)``. Rows and columns, never x and y. A stack has the case first: ``(n, h, w)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Heat = NDArray[np.float32]
Mask = NDArray[np.bool_]

Target = Literal["predicted", "true"]
Role = Literal["lesion", "artefact", "cue", "clinical"]
Outcome = Literal["flagged", "clear", "undecided"]
VerdictName = Literal["confirmed", "sensitive", "suspected", "clear", "undecided", "legitimate"]

PREDICTED: Target = "predicted"
TRUE: Target = "true"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One labelled picture. ``lesion`` is None where nobody drew one, which is not an empty mask.

    ``credit`` is the attribution and licence that stand wherever the picture is printed.
    """

    id: str
    image: str
    label: str
    patient: str
    group: str | None = None
    lesion: str | None = None
    artefact: str | None = None
    credit: str | None = None
    split: str | None = None


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """What a picture is known by: the SHA-256 of its files, and its look (:mod:`audit.images.fingerprint`).

    ``audited`` is false for the pictures of another manifest, that of the training set. A picture at hand in Python has
    no file: ``sha256`` is that of its numbers. None says why in ``why``.
    """

    case: str
    image: str
    split: str | None
    patient: str | None
    audited: bool
    sha256: str | None
    lesion: str | None = None
    artefact: str | None = None
    look: str | None = None
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The model's answer to a case: a probability for each class, in the order of the manifest's classes."""

    case: str
    label: str
    predicted: str
    probabilities: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Region:
    """A region that was looked for, or a cue that has no place. ``name`` is a region's file under ``regions/``.

    Roles: ``lesion`` and ``artefact`` have a place; ``cue`` is a sign of the whole picture, such as its brightness,
    and ``clinical`` is such a sign that a disease itself changes, such as the density of vessels.
    """

    name: str
    role: Role
    title: str
    detector: str
    version: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def borne(self) -> bool:
        """Found by the audit as a thing that some cases bear and others do not, and not as a place that all have."""
        return self.settings.get("how") == "thing"


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How much of a case a region covers. ``area`` is a share of the picture; None says why in ``why``.

    ``present`` is None where nobody can say (no mask was drawn); ``mean`` and ``spread`` are the grey level's
    mean and standard deviation inside the region.
    """

    case: str
    region: str
    present: bool | None
    area: float | None
    mean: float | None
    spread: float | None
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A cue's value in one case, in the cue's own unit. None says why in ``why``."""

    case: str
    cue: str
    value: float | None
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What a clinical sign reads in one case ``before`` and ``after`` a cue alone was moved. None says why."""

    case: str
    cue: str
    sign: str
    before: float | None
    after: float | None
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class Map:
    """One stack of heat maps in ``maps/``: what made it. ``name`` is its file's name without the target."""

    name: str
    explainer: str
    layer: str
    family: str
    signed: bool
    title: str


@dataclass(frozen=True, kw_only=True)
class Score:
    """How one map falls on one region. ``cls`` is the class that the map explains. None always says why."""

    case: str
    explainer: str
    layer: str
    cls: str
    region: str
    metric: str
    value: float | None
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What an intervention on one region or cue did to the answer for one class, in log-odds.

    ``change`` is positive where the sign spoke for ``cls``: for a ``removal`` it is margin before minus margin after,
    for a ``transplant`` margin after minus before; for a ``shift`` it is the change in the direction in which the cue
    goes with the class. ``control`` is the mean change at ``places`` matched controls; ``difference`` is change minus
    control. ``flipped``: the predicted class changed, a share where several pictures were asked;
    ``flipped_control``: the share of controls where it did. ``fill`` says what a region was painted over with, ``dose``
    how opaque the paint was.
    """

    case: str
    intervention: str
    region: str
    cls: str
    fill: str = ""
    dose: float = 1.0
    change: float | None
    control: float | None
    difference: float | None
    flipped: float | None
    flipped_control: float | None
    places: int
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over cases with a 95 % interval over patients. ``other`` is the second explainer of an agreement.

    ``fill`` is what a region was painted over with; with a dose below 1, ``other`` holds the dose.
    """

    metric: str
    region: str = ""
    cls: str = ""
    explainer: str = ""
    layer: str = ""
    other: str = ""
    target: str = ""
    family: str = ""
    fill: str = ""
    stratum: str = "all"
    value: float | None
    low: float | None = None
    high: float | None = None
    se: float | None = None
    n: int = 0
    patients: int = 0
    missing: int = 0
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one rule says of one region (or cue) and class, and the estimates it says it from."""

    rule: str
    title: str
    severity: str
    evidence: str
    region: str
    cls: str
    outcome: Outcome
    statement: str
    estimates: tuple[Estimate, ...] = ()
    cases: tuple[str, ...] = ()
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The findings on one artefact or cue and class, weighed by the table in the design.

    ``strength`` is the smallest of the effects that a confirmation asks for, in standard deviations of the score: what
    ranks models among each other. None where nothing was measured.
    """

    artefact: str
    cls: str
    verdict: VerdictName
    statement: str
    findings: tuple[str, ...] = ()
    strength: float | None = None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A case that is not in the numbers, where it was lost, and why."""

    case: str
    stage: str
    error: str


@dataclass(frozen=True, kw_only=True)
class Explained:
    """One explainer that was asked for: did it apply, and if not, why not; with its paper and settings."""

    explainer: str
    family: str
    applied: bool
    why: str | None = None
    title: str = ""
    formula: str = ""
    paper: str = ""
    departures: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    maps: tuple[Map, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sanity:
    """How alike a map stays when the weights of the network's top layers are drawn anew, in [-1, 1].

    ``step`` of ``steps``: ``module`` is the lowest layer that was drawn anew by then. ``correlation`` is that of ranks
    between the maps before and after, ``absolute`` that of their magnitudes. None says why in ``why``.
    """

    case: str
    explainer: str
    layer: str
    step: int
    steps: int
    module: str
    correlation: float | None
    absolute: float | None
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class Faithfulness:
    """The probability of ``cls`` once a share of the pixels was changed in the order of one map.

    ``test`` is ``deletion``, ``insertion``, ``road-most`` (most relevant first) or ``road-least``; explainer ``random``
    is an order by chance. None says why in ``why``.
    """

    case: str
    explainer: str
    layer: str
    cls: str
    test: str
    share: float
    probability: float | None
    why: str | None = None
