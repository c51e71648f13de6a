"""The parts of ``audit.yaml``: model, images, and how each kind of evidence is gathered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    field_validator,
    model_validator,
)

from audit.intervene.fills import FILLS
from audit.plugins import nearest

FIRST = "inpaint"
"""The fill that may clear an artefact; the others must agree before it is confirmed."""

REGIONS = ("lesion", "corners", "border", "text", "padding", "artefact")

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

Share = Annotated[float, Field(gt=0, le=1)]
Channel = Annotated[float, Field(allow_inf_nan=False)]
Spread = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Side = Annotated[int, Field(ge=8, le=4096)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelConfig(Part):
    """Who is asked: where the network comes from, its weights, and how a picture is laid before it."""

    source: Literal["python", "torchvision", "timm", "callable"]
    factory: str | None = None
    name: str | None = None
    args: dict[str, Any] = {}
    weights: str | None = None
    classes: Annotated[list[str], Field(min_length=2)]
    output: Literal["softmax", "sigmoid", "multilabel"] = "softmax"
    size: tuple[Side, Side] = (224, 224)
    mean: tuple[Channel, Channel, Channel] | None = None
    std: tuple[Spread, Spread, Spread] | None = None
    fit: Literal["squash", "crop", "pad"] = "squash"
    crop_pct: Share = 1.0
    layers: list[str] = []
    device: str = "cpu"
    precision: Literal["fp32", "bf16"] = "fp32"

    @field_validator("classes")
    @classmethod
    def _names(cls, names: list[str]) -> list[str]:
        """A name that is empty means all classes in the tables; a manifest's cells have no blanks at their ends."""
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"two classes have one name, {twice[0]!r}")
        if wrong := [n for n in names if not n or n != n.strip()]:
            raise ValueError(f"the class name {wrong[0]!r} is empty, or has blanks at its ends")
        return names

    @model_validator(mode="after")
    def _whole(self) -> ModelConfig:
        needed = "factory" if self.source in ("python", "callable") else "name"
        if getattr(self, needed) is None:
            raise ValueError(f"source {self.source} needs the key '{needed}'")
        unread = sorted(
            name
            for name in self.model_fields_set & _UNREAD[self.source]
            if getattr(self, name) != type(self).model_fields[name].default  # as resolved.yaml writes it
        )
        if unread:
            raise ValueError(f"source {self.source} does not read {', '.join(unread)}: take it out")
        if self.output == "sigmoid" and len(self.classes) != 2:
            raise ValueError("output sigmoid is one logit: it takes two classes, the second is its yes")
        return self

    @property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and spread by channel: ImageNet's for torchvision and timm, none for others, unless given."""
        usual = IMAGENET if self.source in ("torchvision", "timm") else ((0.0,) * 3, (1.0,) * 3)
        return tuple(self.mean or usual[0]), tuple(self.std or usual[1])


_UNREAD: dict[str, set[str]] = {
    "python": {"name"},
    "torchvision": {"factory"},
    "timm": {"factory"},
    "callable": {"name", "weights", "mean", "std", "layers", "device", "precision"},
}
"""Keys that a source would ignore: what is written and has no effect misleads whoever reads the configuration."""


class LesionColumn(Part):
    """A lesion mask that carries kinds as bits."""

    column: str
    kinds: dict[Annotated[str, Field(min_length=1)], Annotated[int, Field(ge=1, le=65535)]] = {}


class Columns(Part):
    """What the manifest calls the columns that are read."""

    image: str = "image"
    label: str = "label"
    id: str = "id"
    lesion: str | LesionColumn = "lesion"
    artefact: str = "artefact"
    patient: str = "patient"
    group: str = "group"
    attribution: str = "attribution"
    licence: str = "licence"
    split: str = "split"

    @property
    def kinds(self) -> dict[str, int]:
        """Lesion kinds by their bit; empty where the mask is a plain one."""
        return dict(self.lesion.kinds) if isinstance(self.lesion, LesionColumn) else {}

    def given(self) -> dict[str, str]:
        """The columns that the user named, as the manifest's reader takes them."""
        names = self.model_dump(exclude_unset=True)
        return {k: v["column"] if isinstance(v, dict) else v for k, v in names.items()}


class ImagesConfig(Part):
    """What is shown. ``training``: another manifest, of pictures that are not audited but looked for among these."""

    manifest: str
    root: str | None = None
    training: str | None = None
    training_root: str | None = None
    columns: Columns = Columns()
    labels: dict[str, str] | None = None


class LimeConfig(Part):
    """LIME: at most so many perturbed pictures for each fill, fewer where the intervals decide before (``stop``)."""

    samples: Annotated[int, Field(ge=16, le=100_000)] = 256
    design: Literal["hadamard", "antithetic", "iid"] = "hadamard"
    target: Literal["probability", "logodds"] = "probability"
    stop: bool = True


class SmoothGradConfig(Part):
    """SmoothGrad: noisy pictures, and the noise as a share of the picture's own range."""

    samples: PositiveInt = 25
    sigma: Annotated[float, Field(ge=0, le=1)] = 0.15


class RemovalConfig(Part):
    """Removal: what a region is painted over with, control places (``few`` for fills after the first), opacities."""

    controls: Annotated[int, Field(ge=1, le=100)] = 8
    few: Annotated[int, Field(ge=1, le=100)] = 4
    fills: Annotated[list[str], Field(min_length=1)] = list(FILLS)
    doses: list[Annotated[float, Field(gt=0, lt=1)]] = [0.25, 0.5, 0.75]

    @field_validator("fills")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in FILLS:
                raise ValueError(f"there is no fill {name!r}: {nearest(name, FILLS)}")
        if names[0] != FIRST:
            raise ValueError(f"the first fill must be {FIRST!r}: it is the one that may clear")
        return list(dict.fromkeys(names))


class TransplantConfig(Part):
    """Transplant: from how many other cases an artefact is taken, for each case."""

    donors: Annotated[int, Field(ge=1, le=20)] = 2


class SecondLookConfig(Part):
    """The second look: on how many cases the explainers are tested, and how many unlisted places are followed up."""

    faithfulness: Annotated[int, Field(ge=0, le=10_000)] = 16
    sanity: Annotated[int, Field(ge=0, le=10_000)] = 8
    discovery: Annotated[int, Field(ge=0, le=10)] = 3


class PlaceConfig(Part):
    """A place of the frame, drawn or found by an earlier audit: a picture, one mask for every case. Or what an earlier
    audit found now here, now there: its ``.npz``, with a mask for each case."""

    name: Annotated[str, Field(min_length=1)]
    mask: Annotated[str, Field(min_length=1)]
