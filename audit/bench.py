"""What an audit works with: who is asked, about which cases, regions and cues, by which explainers that apply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from audit import budget, cues, facts, given, papers, plugins, regions
from audit.config import Config
from audit.errors import DataError
from audit.explain.applied import Prepared, prepare
from audit.explain.baselines import EXPLAINED, FAMILY
from audit.explain.passes import Passes
from audit.gather import JOINT, Desk
from audit.images.dataset import Picture
from audit.images.fingerprint import look
from audit.images.grid import Grid
from audit.images.source import Source
from audit.models import Classifier, Images, Probabilities
from audit.progress import Progress
from audit.record import Case, Failure, Fingerprint, Region, Run


@dataclass(frozen=True, kw_only=True)
class Orders:
    """A bench as it was laid, in a form that can be sent to another process; ``heavy`` if pictures go with it."""

    config: Config
    folder: Path
    run: Path
    grid: Grid
    cases: Sequence[Case]
    regions: Sequence[Region]
    cues: Sequence[Region]
    keep_going: bool
    trust: bool
    model: Any
    images: Any
    heavy: bool


@dataclass(frozen=True, kw_only=True)
class Bench:
    """All that is known before the first case is asked. ``config`` is what the budget left of the one given."""

    config: Config
    folder: Path
    classifier: Classifier
    source: Source
    grid: Grid
    regions: Sequence[Region]
    cues: Sequence[Region]
    cases: Sequence[Case]
    failures: Sequence[Failure]
    prints: Sequence[Fingerprint]
    prepared: Prepared
    passes: Passes
    given_up: Sequence[Any]

    def manifest(self) -> dict[str, Any]:
        """What the run says of itself as it begins."""
        begun = facts.manifest(
            self.config,
            self.classifier,
            self.source,
            self.cases,
            self.failures,
            self.regions,
            self.cues,
            self.prepared,
        )
        return {**begun, "given_up": self.given_up}

    def elsewhere(self, run: Run, **given: Any) -> Orders:
        """What another process needs to lay the same bench; ``given`` are the arguments of :func:`laid`."""
        return Orders(
            **given,
            config=self.config,
            folder=self.folder.absolute(),
            run=run.path.absolute(),
            grid=self.grid,
            cases=tuple(self.cases),
            regions=tuple(self.regions),
            cues=tuple(self.cues),
            heavy=bool(self.source.arrays),
        )

    def desk(self, run: Run, *, progress: Progress, keep_going: bool) -> Desk:
        """The desk at which a run's questions are asked."""
        present = {case.label for case in self.cases}
        return Desk(
            run=run,
            classifier=self.classifier,
            cases=self.cases,
            load=lambda case: self.source.load(case, self.grid),
            folder=self.folder,
            config=self.config,
            grid=self.grid,
            regions=list(self.regions),
            cues=self.cues,
            audited=[c for c in self.classifier.classes if c in present],
            passes=self.passes,
            progress=progress,
            keep_going=keep_going,
        )


def laid(
    config: Config,
    *,
    folder: Path,
    keep_going: bool,
    trust: bool,
    progress: Progress,
    model: Any,
    images: Any,
) -> Bench:
    """Read the model and the cases, and see what applies; the arguments are those of :func:`audit.runner.audit`.

    Raises:
        ConfigError, ModelError, DataError: what cannot be read, or does not fit together.
    """
    source = given.source(config, folder, images, keep_going)
    classifier = given.classifier(config, folder, trust, model)
    config = given.fitted(config, classifier)
    grid = Grid(size=classifier.size, fit=config.model.fit, crop_pct=config.model.crop_pct)
    kinds = config.images.columns.kinds
    with plugins.importing_from(folder, config.named_regions):
        wanted = regions.catalogue(
            config.all_regions, kinds, artefact_column=source.has_artefacts, folder=folder
        )
    if sum(r.role == "artefact" for r in wanted) > 1:
        wanted.append(JOINT)
    signs = cues.catalogue(config.cues)
    progress.stage("checking the pictures", len(source.cases))
    looks: dict[str, str] = {}
    cases, failures = source.readable(
        grid,
        keep_going=keep_going,
        tick=lambda n: progress.step(n, "reading"),
        each=lambda picture: looks.update({picture.case.id: look(picture.native)}),
    )
    if not cases:
        raise DataError("no case is left to audit", todo="see the errors above")

    prints, lost = papers.fingerprints(config, folder, source, cases, looks, keep_going=keep_going)
    pictures = [source.load(case, grid) for case in cases[:4]]
    for picture in [] if keep_going else pictures:  # before the model is asked, as far as a few cases tell
        regions.find([r for r in wanted if ":" in r.detector], picture, grid, folder=folder)
    passes = Passes()
    with plugins.importing_from(folder, config.explainers):
        prepared = _prepared(config, classifier, pictures, passes)
        maps = [m for e in prepared.explained for m in e.maps if m.family != FAMILY]
        config, given_up = budget.within(config, wanted, maps, len(cases))
        if given_up:
            prepared = _prepared(config, classifier, pictures, passes)
    return Bench(
        config=config,
        folder=folder,
        classifier=classifier,
        source=source,
        grid=grid,
        regions=wanted,
        cues=signs,
        cases=cases,
        failures=[*failures, *lost],
        prints=prints,
        prepared=prepared,
        passes=passes,
        given_up=given_up,
    )


def relaid(orders: Orders, *, asks: bool) -> Bench:
    """The bench of another process, laid again: the cases are known to be readable, and what applies is settled.

    Where nothing will be asked of the model it is not loaded.

    Raises:
        ModelError, DataError: this process cannot read what the other one could.
    """
    config, folder = orders.config, orders.folder
    source = given.source(config, folder, orders.images, orders.keep_going)
    classifier: Classifier = Unasked(tuple(config.model.classes), orders.grid.size)
    passes, prepared = Passes(), Prepared(explained=(), trace=None)
    own = [name for name in config.named_regions if ":" in name]
    with plugins.importing_from(folder, own):  # found by their names from here on, wherever they came from
        for name in own:
            plugins.imported(name)
    if asks:
        classifier = given.classifier(config, folder, orders.trust, orders.model)
        config = given.fitted(config, classifier)
        with plugins.importing_from(folder, config.explainers):
            few = [source.load(case, orders.grid) for case in orders.cases[:4]]
            prepared = _prepared(config, classifier, few, passes)
    return Bench(
        config=config,
        folder=folder,
        classifier=classifier,
        source=source,
        grid=orders.grid,
        regions=orders.regions,
        cues=orders.cues,
        cases=orders.cases,
        failures=(),
        prints=(),
        prepared=prepared,
        passes=passes,
        given_up=(),
    )


@dataclass(frozen=True)
class Unasked:
    """Stands for the model in a process that only looks at the pictures."""

    classes: tuple[str, ...]
    size: tuple[int, int]
    identity: dict[str, Any] = field(default_factory=dict)

    def predict(self, images: Images) -> Probabilities:
        """Nothing is asked here."""
        raise AssertionError("the model is not loaded in this process")


def _prepared(
    config: Config, classifier: Classifier, pictures: Sequence[Picture], passes: Passes
) -> Prepared:
    """Which explainers apply, and how, by this configuration."""
    prepared = prepare(
        classifier,
        config.explainers,
        np.stack([picture.image for picture in pictures]),
        layers=config.model.layers,
        seed=config.seed,
        batch=config.batch,
        lime=config.lime.model_dump(),
        smoothgrad_samples=config.smoothgrad.samples,
        smoothgrad_sigma=config.smoothgrad.sigma,
        passes=passes,
    )
    if any(e.maps for e in prepared.explained):
        return replace(prepared, explained=(*prepared.explained, *EXPLAINED))
    return prepared
