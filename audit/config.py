"""``audit.yaml`` -> :class:`Config`. Every mistake at once, with its place and what is expected.

Only ``model`` and ``images`` are needed; the report prints every default that was used.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from audit import documents, explain, regions, resources
from audit.cues import CUES
from audit.errors import ConfigError, Problem
from audit.intervene.fills import FILLS
from audit.plugins import nearest
from audit.statements import Document, IntendedUse, Provenance, ReferenceStandard, ReportConfig

FIRST = "inpaint"
"""The fill that may clear an artefact; the others must agree before it is confirmed."""

REGIONS = ("lesion", "corners", "border", "text", "padding", "artefact")

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

Share = Annotated[float, Field(gt=0, le=1)]
Channel = Annotated[float, Field(allow_inf_nan=False)]
Spread = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Side = Annotated[int, Field(ge=8, le=4096)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelConfig(_Part):
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


class LesionColumn(_Part):
    """A lesion mask that carries kinds as bits."""

    column: str
    kinds: dict[Annotated[str, Field(min_length=1)], Annotated[int, Field(ge=1, le=65535)]] = {}


class Columns(_Part):
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


class ImagesConfig(_Part):
    """What is shown. ``training``: another manifest, of pictures that are not audited but looked for among these."""

    manifest: str
    root: str | None = None
    training: str | None = None
    training_root: str | None = None
    columns: Columns = Columns()
    labels: dict[str, str] | None = None


class LimeConfig(_Part):
    """LIME: at most so many perturbed pictures for each fill, fewer where the intervals decide before (``stop``)."""

    samples: Annotated[int, Field(ge=16, le=100_000)] = 256
    design: Literal["hadamard", "antithetic", "iid"] = "hadamard"
    target: Literal["probability", "logodds"] = "probability"
    stop: bool = True


class SmoothGradConfig(_Part):
    """SmoothGrad: noisy pictures, and the noise as a share of the picture's own range."""

    samples: PositiveInt = 25
    sigma: Annotated[float, Field(ge=0, le=1)] = 0.15


class RemovalConfig(_Part):
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


class TransplantConfig(_Part):
    """Transplant: from how many other cases an artefact is taken, for each case."""

    donors: Annotated[int, Field(ge=1, le=20)] = 2


class SecondLookConfig(_Part):
    """The second look: on how many cases the explainers are tested, and how many unlisted places are followed up."""

    faithfulness: Annotated[int, Field(ge=0, le=10_000)] = 16
    sanity: Annotated[int, Field(ge=0, le=10_000)] = 8
    discovery: Annotated[int, Field(ge=0, le=10)] = 3


class PlaceConfig(_Part):
    """A place of the frame, drawn or found by an earlier audit: one mask for every case."""

    name: Annotated[str, Field(min_length=1)]
    mask: Annotated[str, Field(min_length=1)]


class Config(_Part):
    """A whole audit.

    ``batch``: pictures that are asked at once, 0 for as many as suit the machine; ``memory``: what a pass may take.
    """

    title: str = "Audit"
    model: ModelConfig
    images: ImagesConfig
    explainers: Annotated[list[str], Field(min_length=1)] = list(explain.EXPLAINERS)
    regions: Annotated[list[str | PlaceConfig], Field(min_length=1)] = list(REGIONS)
    rules: Annotated[list[str], Field(min_length=1)] = ["core"]
    seed: Annotated[int, Field(ge=0, lt=1 << 31)] = 0
    batch: Annotated[int, Field(ge=0, le=4096)] = 0
    memory: Annotated[ByteSize, Field(ge=1)] | None = None
    lime: LimeConfig = LimeConfig()
    smoothgrad: SmoothGradConfig = SmoothGradConfig()
    cues: list[str] = list(CUES)
    removal: RemovalConfig = RemovalConfig()
    transplant: TransplantConfig = TransplantConfig()
    second_look: SecondLookConfig = SecondLookConfig()
    budget: Annotated[int, Field(ge=1)] | None = None
    protocol: Annotated[str, Field(min_length=1)] | None = None
    document: Document = Document()
    intended_use: IntendedUse = IntendedUse()
    provenance: Provenance = Provenance()
    reference_standard: ReferenceStandard = ReferenceStandard()
    report: ReportConfig = ReportConfig()

    @property
    def named_regions(self) -> list[str]:
        """The regions without saved places: names of ours and functions."""
        return [r for r in self.regions if isinstance(r, str)]

    @property
    def all_regions(self) -> list[str | dict[str, Any]]:
        """The regions as :func:`audit.regions.catalogue` takes them."""
        return [r if isinstance(r, str) else r.model_dump() for r in self.regions]


def read(path: Path | str) -> Config:
    """Read a configuration; relative paths in it are relative to its folder.

    Raises:
        ConfigError: all mistakes at once, each with file:line:column.
    """
    path = Path(path)
    text = documents.read(path)
    if not text.problems and not isinstance(text.values, dict):
        text.add("a configuration is a list of keys and values", todo="it needs model and images")
    if text.problems:
        raise ConfigError(text.problems)
    found: list[Problem] = []
    config: Config | None = None
    try:
        config = Config.model_validate(text.values)
    except ValidationError as error:
        found += documents.problems(text, error, Config)
    found += _further(text, path.parent)
    if found or config is None:
        raise ConfigError(sorted(found, key=lambda p: _order(p.where)))
    return config


def size(text: str) -> int:
    """Bytes that a size such as ``4GiB`` names, for ``memory``."""
    try:
        return int(TypeAdapter(Annotated[ByteSize, Field(ge=1)]).validate_python(text))
    except ValidationError:
        raise ConfigError(f"memory: {text!r} is no size", todo="write it as 4GiB or 512MiB") from None


def checked(data: dict[str, Any]) -> Config:
    """A configuration from plain values given in Python.

    Raises:
        ConfigError: all mistakes of type and name at once.
    """
    text = documents.Text(file="settings", values=data)
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(
            [Problem(what=p.what, todo=p.todo) for p in documents.problems(text, error, Config)]
        ) from error
    names = [Problem(what=p.what, todo=p.todo) for p in _names(text)]
    if names:
        raise ConfigError(names)
    return config


def _order(where: str) -> tuple[int, ...]:
    return tuple(int(n) for n in where.rsplit(":", 2)[1:] if n.isdigit())


def _further(text: documents.Text, folder: Path) -> Iterator[Problem]:
    """What a type does not say: files that are not there, names that nothing has, labels of no class."""
    data = text.values
    yield from _names(text)
    for loc, kind in (
        (("model", "weights"), "file"),
        (("images", "manifest"), "file"),
        (("images", "root"), "folder"),
        (("images", "training"), "file"),
        (("images", "training_root"), "folder"),
        (("protocol",), "file"),
        (("report", "templates"), "folder"),
        (("document", "selftest"), "file"),
    ):
        value = _at(data, loc)
        if isinstance(value, str) and (found := _found(folder, value)) != kind:
            place = str(folder / value)[:300]
            what = f"{'.'.join(loc)}: {f'{place} is no {kind}' if found else f'there is no {place}'}"
            yield Problem(what=what, where=text.where(loc), todo=f"paths are relative to {folder}")
    sets = resources.rule_sets()
    values = data.get("rules")
    for number, name in enumerate(values if isinstance(values, list) else []):
        if isinstance(name, str) and name not in sets and not (name and _found(folder, name)):
            what = f"rules: {name[:300]!r} is neither a shipped set nor a file or folder in {folder}"
            yield Problem(what=what, where=text.where(("rules", number)), todo=nearest(name, sets))
    classes, labels = _at(data, ("model", "classes")), _at(data, ("images", "labels"))
    if isinstance(classes, list) and isinstance(labels, dict):
        for value, name in labels.items():
            if isinstance(name, str) and name not in classes:
                where = text.where(("images", "labels", value))
                what = f"images.labels: {name!r} is not one of model.classes"
                yield Problem(what=what, where=where, todo=nearest(name, [str(c) for c in classes]))


def _found(folder: Path, name: str) -> str:
    """Whether a file or a folder lies there; empty for neither, and for what no file system takes for a name."""
    try:
        place = folder / name
        return "folder" if place.is_dir() else "file" if place.exists() else ""
    except (OSError, ValueError):
        return ""


def _names(text: documents.Text) -> Iterator[Problem]:
    """Explainers and regions that nothing has."""
    data = text.values
    known = {
        "explainers": list(explain.EXPLAINERS),
        "regions": list(regions.NAMES),
        "cues": list(CUES),
    }
    for key, names in known.items():
        values = data.get(key)
        for number, name in enumerate(values if isinstance(values, list) else []):
            if isinstance(name, str) and name not in names and ":" not in name:
                what = f"{key}: unknown name {name!r}"
                yield Problem(what=what, where=text.where((key, number)), todo=nearest(name, names))


def _at(data: Any, loc: tuple[str, ...]) -> Any:
    for part in loc:
        data = data.get(part) if isinstance(data, dict) else None
    return data
