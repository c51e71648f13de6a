"""``audit.yaml`` -> :class:`Config`. Every mistake at once, with its place and what is expected.

Only ``model`` and ``images`` are needed; the report prints every default that was used.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from audit import documents, explain, regions, resources
from audit.cues import CUES
from audit.errors import ConfigError, Problem
from audit.plugins import nearest
from audit.settings import (
    REGIONS,
    ImagesConfig,
    LimeConfig,
    ModelConfig,
    PlaceConfig,
    RemovalConfig,
    SecondLookConfig,
    SmoothGradConfig,
    TransplantConfig,
)
from audit.statements import Document, IntendedUse, Provenance, ReferenceStandard, ReportConfig


class Config(BaseModel):
    """A whole audit.

    ``batch``: pictures that are asked at once, 0 for as many as suit the machine; ``memory``: what a pass may take.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

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
