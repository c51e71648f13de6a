"""Transplant: is a region enough? It is cut out of cases that have it and put into a case that has not.

The donor's pixels come in at the donor's place, with a rim of a pixel blended, so the seam and the strange pixels
come with it. What they do by themselves is measured by control transplants of the same shape: from a case
without the region, and in the receiver's own local colour. The effect on a class is the rise of its log-odds, less
the mean of the controls.

Papers: Nauta et al. 2021 (colour patches put into pictures of malignant lesions), Winkler et al. 2019. Departures:
every donor has its controls; a location test, which puts one artefact at a random other place, tells "a tag anywhere"
from "a tag here"; of a place that every case has, such as a corner, the donors are of another class and the
plain cases of the receiver's own: what is tested is what the place shows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from audit.intervene.inpaint import membrane, widened
from audit.intervene.removal import NOTICEABLE
from audit.intervene.rows import moved, row, unasked
from audit.record import Effect, Image, Mask

NAME = "transplant"
ELSEWHERE: Final = "elsewhere"
MOSTLY = 0.5  # of the region must be free of the receiver's lesion, or it is not what is put in
TRIES = 200

NO_DONOR = "no other case gives this region"
EMPTY = "the region is in none of the donors"
COVERED = "the lesion lies where the region would be put"
WHOLE = "the region covers the whole picture"
NOTHING = "nothing is put in: the receiver shows the same at this place"
NO_CONTROL = "no control transplant could be made"
NO_ROOM = "the picture has no other place for the region"
OWN_PLACE = "it is compared with the region at its own place, not with controls"

Kind = Literal["region", "plain", "local", "elsewhere"]


@dataclass(frozen=True, kw_only=True)
class Patch:
    """What is put in: ``source`` seen through ``alpha`` float32 ``(h, w)``. Without a source it is the local colour."""

    kind: Kind
    alpha: NDArray[np.float32]
    source: Image | None

    def into(self, image: Image) -> Image:
        """The receiver with the patch; where alpha is 0 it comes back bit for bit."""
        source = membrane(image, self.alpha > 0) if self.source is None else self.source
        alpha = self.alpha[..., None]
        return np.asarray(np.where(alpha > 0, (1 - alpha) * image + alpha * source, image), dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is put into one picture: the region from each donor, then the controls, then the region elsewhere.

    ``why`` tells why nothing is; ``no_room`` that the location test was wanted and could not be made.
    """

    region: str
    patches: tuple[Patch, ...] = ()
    no_room: bool = False
    why: str | None = None

    def questions(self, image: Image) -> Iterator[Image]:
        """The changed pictures, one for each patch."""
        for patch in self.patches:
            yield patch.into(image)


def plan(
    region: str,
    image: Image,
    pasted: Sequence[tuple[Image, Mask]],
    plain: Sequence[Image],
    *,
    keep: Mask | None,
    rng: np.random.Generator,
    moved: bool = False,
    local: bool = True,
) -> Plan:
    """Plan the transplants of one region into one picture. All pictures are on the model's grid.

    Args:
        region: its name.
        image: the receiver, float32 ``(h, w, 3)``.
        pasted: donors, each with the mask of its region; the region comes to the same place.
        plain: pictures without the region, used in turn as controls.
        keep: the receiver's lesion, which nothing is put upon; None where there is none.
        rng: chooses the other place of the location test.
        moved: also put the first donor's region at another place.
        local: also make the control in local colour. For a place that every case has it may be left out.

    Returns:
        A plan without patches, and ``why``, where no donor's region can be put in.

    Raises:
        ValueError: a picture or mask has another size than the receiver.
    """
    for other in (*plain, *(a for pair in pasted for a in pair)):
        if other.shape[:2] != image.shape[:2]:
            raise ValueError(f"a donor is {other.shape[:2]}, the receiver {image.shape[:2]}")
    off = np.zeros(image.shape[:2], bool) if keep is None else keep
    regions: list[Patch] = []
    used: list[tuple[Image, Mask]] = []
    reasons: list[str] = []
    for donor, mask in pasted:
        patch = _patch(image, donor, mask, off)
        if isinstance(patch, str):
            reasons.append(patch)
        else:
            regions.append(patch)
            used.append((donor, mask))
    if not regions:
        why = max(reasons, key=reasons.count) if reasons else NO_DONOR
        return Plan(region=region, why=why)
    controls = _controls(regions, plain, local)
    elsewhere = _elsewhere(image, *used[0], off, rng) if moved else None
    return Plan(
        region=region,
        patches=(*regions, *controls, *([elsewhere] if elsewhere else [])),
        no_room=moved and elsewhere is None,
    )


def _alpha(mask: Mask, keep: Mask) -> NDArray[np.float32]:
    """1 on the region, falling over the last pixel of its halo, 0 beyond it and on what is kept."""
    wide = widened(mask)
    soft = ndimage.uniform_filter(wide.astype(np.float32), 3, mode="nearest")
    return np.where(wide & ~keep, np.where(mask, 1, np.clip(soft, 0, 1)), 0).astype(np.float32)


def _patch(image: Image, donor: Image, mask: Mask, keep: Mask) -> Patch | str:
    """A donor's region as a patch, or why it is none."""
    if not mask.any():
        return EMPTY
    alpha = _alpha(mask, keep)
    if (alpha > 0).all():
        return WHOLE
    if (mask & ~keep).sum() < MOSTLY * mask.sum():
        return COVERED
    patch = Patch(kind="region", alpha=alpha, source=donor)
    if float(np.abs(patch.into(image) - image).max()) <= NOTICEABLE:
        return NOTHING
    return patch


def _controls(regions: Sequence[Patch], plain: Sequence[Image], local: bool) -> list[Patch]:
    """For each donor the same shape from a plain case and in local colour; what would be asked twice is asked once."""
    found: dict[tuple[bytes, int | None], Patch] = {}
    for number, patch in enumerate(regions):
        shape = patch.alpha.tobytes()
        if plain:
            turn = number % len(plain)
            found[shape, turn] = Patch(kind="plain", alpha=patch.alpha, source=plain[turn])
        if local:
            found[shape, None] = Patch(kind="local", alpha=patch.alpha, source=None)
    return list(found.values())


def _elsewhere(image: Image, donor: Image, mask: Mask, keep: Mask, rng: np.random.Generator) -> Patch | None:
    """The donor's region moved as a whole to a place that is neither its own nor the lesion's."""
    wide = widened(mask)
    rows, columns = np.flatnonzero(wide.any(1)), np.flatnonzero(wide.any(0))
    top, left = int(rows[0]), int(columns[0])
    room = (wide.shape[0] - (int(rows[-1]) - top), wide.shape[1] - (int(columns[-1]) - left))
    taken = wide | keep
    alpha = _alpha(mask, np.zeros_like(keep))
    spots = room[0] * room[1]
    for spot in rng.choice(spots, size=min(TRIES, spots), replace=False):
        by = (int(spot) // room[1] - top, int(spot) % room[1] - left)
        if not (np.roll(wide, by, (0, 1)) & taken).any():
            source = np.roll(donor, by, (0, 1))
            return Patch(kind=ELSEWHERE, alpha=np.roll(alpha, by, (0, 1)), source=source)
    return None


def effects(
    case: str,
    plan: Plan,
    before: NDArray[np.float64],
    answers: NDArray[np.float64],
    classes: Sequence[str],
    audited: Sequence[str],
    *,
    exclusive: bool = True,
) -> list[Effect]:
    """What the transplants did, one row for each audited class, and one more for the location test if one was made.

    Each kind of control counts alike, whatever the number of its pictures; ``places`` is the number of all. The row of
    the location test has ``fill`` "elsewhere" and no control: it is read beside the change at the own place.

    Args:
        case: its id.
        plan: what was asked.
        before: the answer to the untouched picture, ``(k,)``.
        answers: the answers to ``plan.questions``, ``(patches, k)``.
        classes: the model's classes.
        audited: those to report.
        exclusive: a picture has one class; False for independent labels.
    """
    if not plan.patches or not len(answers):
        return [missing(case, plan.region, cls, plan.why or "not asked") for cls in audited]
    kinds = np.array([p.kind for p in plan.patches])
    places = int(np.isin(kinds, ("plain", "local")).sum())
    found = []
    for cls in moved(before, answers, classes, audited, exclusive=exclusive):
        rise, flipped = -cls.fall, cls.flipped.astype(float)
        control = _of_controls(rise, kinds)
        found.append(
            row(
                case,
                NAME,
                plan.region,
                cls.cls,
                change=float(rise[kinds == "region"].mean()),
                control=control,
                flipped=float(flipped[kinds == "region"].mean()),
                flipped_control=_of_controls(flipped, kinds),
                places=places,
                why=NO_CONTROL if control is None else None,
            )
        )
        if plan.no_room:
            found.append(missing(case, plan.region, cls.cls, NO_ROOM, fill=ELSEWHERE))
        elif (kinds == ELSEWHERE).any():
            found.append(
                row(
                    case,
                    NAME,
                    plan.region,
                    cls.cls,
                    fill=ELSEWHERE,
                    change=float(rise[kinds == ELSEWHERE].mean()),
                    control=None,
                    flipped=float(flipped[kinds == ELSEWHERE].mean()),
                    flipped_control=None,
                    places=0,
                    why=OWN_PLACE,
                )
            )
    return found


def _of_controls(values: NDArray[np.float64], kinds: NDArray[np.str_]) -> float | None:
    """The mean over the kinds of control of each kind's mean; None where there is no control."""
    means = [values[kinds == kind].mean() for kind in ("plain", "local") if (kinds == kind).any()]
    return float(np.mean(means)) if means else None


OTHERS = "what this place shows in cases of this class was not put here"


def of_place(effect: Effect, label: str, shown: Collection[str]) -> Effect:
    """The effect of a place that every case has; positive: what it shows in ``cls`` speaks for ``cls``.

    What another class shows was put in place of what the case's own class shows. For the own class that is a loss,
    so its sign is turned; for the other class it stands. Of a class that was neither nothing is known.

    >>> e = Effect(case="1", intervention="transplant", region="border", cls="ill", change=-0.5, control=-0.1,
    ...     difference=-0.4, flipped=0.0, flipped_control=0.0, places=2)
    >>> of_place(e, "ill", {"ill", "well"}).difference, of_place(e, "well", {"ill", "well"}).difference
    (0.4, -0.4)
    """
    if effect.change is None:
        return effect
    if effect.cls not in shown:
        return missing(effect.case, effect.region, effect.cls, OTHERS, effect.fill)
    if effect.cls != label:
        return effect
    values = {name: getattr(effect, name) for name in ("change", "control", "difference")}
    turned = {name: None if v is None else -v for name, v in values.items()}
    return replace(effect, **turned)  # type: ignore[arg-type]


def missing(case: str, region: str, cls: str, why: str, fill: str = "") -> Effect:
    """The row of a case into which the region could not be put."""
    return unasked(case, NAME, region, cls, why, fill=fill)
