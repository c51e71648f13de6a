"""The whole audit on one screen: check, ask, measure, judge, report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from audit import budget, cues, facts, models, plugins, regions, stages
from audit import config as configuration
from audit import judge as judging
from audit.config import Config
from audit.errors import ConfigError, DataError, ModelError, PfungstError
from audit.explain.applied import Passes, Prepared, prepare
from audit.explain.baselines import EXPLAINED
from audit.gather import JOINT, Desk, Gathered, gather
from audit.images.dataset import Picture
from audit.images.grid import Grid
from audit.images.source import Source, from_manifest, from_rows
from audit.models import Classifier
from audit.progress import Progress, Silent
from audit.record import Case, Effect, Extent, Prediction, Reading, Run
from audit.record.folder import check


def audit(
    config: Config,
    *,
    folder: Path,
    out: Path,
    given: Path | None = None,
    keep_going: bool = False,
    trust: bool = False,
    progress: Progress | None = None,
    model: Any = None,
    images: Any = None,
    report: bool = True,
) -> Run:
    """Audit a model and return the finished run.

    Args:
        config: the resolved configuration.
        folder: what its paths are relative to.
        out: the run's folder, new or empty.
        given: the configuration file, to be kept as it was.
        keep_going: leave out cases that cannot be read, and say which.
        trust: load weights that need pickle.
        progress: told what is done.
        model: a network or a predict function at hand, in place of ``config.model``.
        images: rows at hand, in place of ``config.images``.
        report: render the HTML and the PDF; they can be rendered later.

    Raises:
        ConfigError: wrong configuration or rules (exit code 2).
        ModelError, DataError: the model or the data cannot be read (exit code 3).
    """
    progress = progress or Silent()
    check(out)
    rules = judging.files(config.rules, folder=folder)
    judging.load([str(f) for f in rules], folder=folder)
    source = _source(config, folder, images, keep_going)
    classifier = _classifier(config, folder, trust, model)
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
    cases, failures = source.readable(grid, keep_going=keep_going, tick=lambda n: progress.step(n, "reading"))
    if not cases:
        raise DataError("no case is left to audit", todo="see the errors above")

    pictures = [source.load(case, grid) for case in cases[:4]]
    for picture in [] if keep_going else pictures:  # before the model is asked, as far as a few cases tell
        regions.find([r for r in wanted if ":" in r.detector], picture, grid, folder=folder)
    passes = Passes()
    with plugins.importing_from(folder, config.explainers):
        prepared = _prepared(config, classifier, pictures, passes)
        maps = [m for e in prepared.explained for m in e.maps]
        config, given_up = budget.within(config, wanted, maps, len(cases))
        if given_up:
            prepared = _prepared(config, classifier, pictures, passes)
    if any(e.maps for e in prepared.explained):
        prepared = replace(prepared, explained=(*prepared.explained, *EXPLAINED))
    present = {case.label for case in cases}
    begun = facts.manifest(config, classifier, source, cases, failures, wanted, signs, prepared)
    begun["given_up"] = given_up
    run = Run.create(out, begun)
    facts.keep_configuration(run, config, given)
    desk = Desk(
        run=run,
        classifier=classifier,
        cases=cases,
        load=lambda case: source.load(case, grid),
        folder=folder,
        config=config,
        grid=grid,
        regions=wanted,
        cues=signs,
        audited=[c for c in classifier.classes if c in present],
        gathered=Gathered(passes=passes),
        progress=progress,
        keep_going=keep_going,
    )
    try:
        gathered = gather(desk, prepared)
    except PfungstError:
        if (
            not passes.answered
        ):  # the first answer is no answer: nothing is lost, and the name is free for the next try
            run.discard()
        raise
    run.write(Case, cases)
    run.write(Prediction, gathered.predictions)
    run.write(Extent, gathered.extents)
    run.write(Reading, gathered.readings)
    run.write(Effect, gathered.effects)
    for noun, rows in gathered.rest.items():
        run.write(noun, rows)
    run.write_failures([*failures, *gathered.failures])
    facts.keep_found(run, desk.regions, gathered)

    progress.stage("measuring", 0)
    stages.measure(run)
    progress.stage("judging", 0)
    stages.judge(run, config.rules, folder=folder)
    run.seal()
    if report:
        progress.stage("rendering the report", 0)
        stages.report(run)
    return run


def _prepared(
    config: Config, classifier: Classifier, pictures: Sequence[Picture], passes: Passes
) -> Prepared:
    """Which explainers apply, and how, by this configuration."""
    return prepare(
        classifier,
        config.explainers,
        np.stack([picture.image for picture in pictures]),
        layers=config.model.layers,
        seed=config.seed,
        batch=config.batch,
        lime_samples=config.lime.samples,
        smoothgrad_samples=config.smoothgrad.samples,
        smoothgrad_sigma=config.smoothgrad.sigma,
        passes=passes,
    )


def run(
    config: Config | Path | str | None = None,
    *,
    out: Path | str,
    model: Any = None,
    images: Any = None,
    classes: Sequence[str] | None = None,
    keep_going: bool = False,
    trust: bool = False,
    progress: Progress | None = None,
    folder: Path | str | None = None,
    report: bool = True,
    **settings: Any,
) -> Run:
    """Audit a model, from a configuration or with the objects at hand.

    Args:
        config: ``audit.yaml`` or a :class:`audit.config.Config`; leave it out to give the objects.
        out: the run's folder, new or empty.
        model: an ``nn.Module``, or a function ``predict(images (n, h, w, 3) in [0, 1]) -> probabilities (n, k)``.
        images: a manifest's path, a data frame, or rows with ``image`` and ``label`` (see
            :func:`audit.images.source.from_rows`).
        classes: the model's classes, in the order of its outputs.
        keep_going, trust, progress, report: as in :func:`audit`.
        folder: what relative paths are relative to; by default the configuration's folder, or the working one.
        settings: keys of the configuration (``explainers``, ``regions``, ``rules``, ``seed``, ``title``, ``batch``,
            ``lime``, ``smoothgrad``, ``removal``), of its ``model`` (``output``, ``size``, ``mean``, ``std``,
            ``fit``, ``crop_pct``, ``layers``), and of its ``images`` (``root``, ``columns``, ``labels``).

    Raises:
        ConfigError, ModelError, DataError: as in :func:`audit`.
    """
    given = None
    if isinstance(config, Path | str):
        given = Path(config)
        folder = folder or given.absolute().parent
        config = configuration.read(given)
    if config is not None and not isinstance(config, Config):
        raise ConfigError(
            f"config is {type(config).__name__}: give audit.yaml's path, or model, images and classes"
        )
    if config is None:
        config = _assembled(model, images, classes, settings)
    elif settings or classes is not None:
        raise ConfigError(
            "give a configuration or the settings, not both", todo="put them into the configuration"
        )
    rows = None if images is None or isinstance(images, Path | str) else images
    return audit(
        config,
        folder=Path(folder or "."),
        out=Path(out),
        given=given,
        keep_going=keep_going,
        trust=trust,
        progress=progress,
        model=model,
        images=rows,
        report=report,
    )


def _assembled(model: Any, images: Any, classes: Sequence[str] | None, settings: dict[str, Any]) -> Config:
    """A configuration from what was given in Python."""
    if model is None or images is None or classes is None:
        raise ConfigError("give a configuration, or model, images and classes")
    of_model = {k: v for k, v in settings.items() if k in configuration.ModelConfig.model_fields}
    of_images = {k: v for k, v in settings.items() if k in configuration.ImagesConfig.model_fields}
    rest = {k: v for k, v in settings.items() if k not in of_model and k not in of_images}
    source = "python" if hasattr(model, "state_dict") else "callable"
    manifest = str(images) if isinstance(images, Path | str) else "(rows at hand)"
    return configuration.checked(
        {
            "model": {"source": source, "factory": "(at hand)", "classes": list(classes), **of_model},
            "images": {"manifest": manifest, **of_images},
            **rest,
        }
    )


def _source(config: Config, folder: Path, images: Any, keep_going: bool) -> Source:
    """The cases, from the manifest or from rows at hand."""
    columns = config.images.columns
    root = None if config.images.root is None else folder / config.images.root
    if images is not None:
        if isinstance(images, Mapping) or not isinstance(images, Iterable):
            raise DataError(
                f"images is {type(images).__name__}: give a manifest's path, a data frame or rows",
                todo="a row is a mapping with image and label",
            )
        rows = images.to_dict("records") if hasattr(images, "to_dict") else list(images)
        return from_rows(
            rows,
            classes=config.model.classes,
            labels=config.images.labels,
            kinds=columns.kinds,
            root=root or folder,
            keep_going=keep_going,
        )
    return from_manifest(
        folder / config.images.manifest,
        root=root,
        columns=columns.given(),
        labels=config.images.labels,
        classes=config.model.classes,
        kinds=columns.kinds,
        keep_going=keep_going,
    )


def _classifier(config: Config, folder: Path, trust: bool, model: Any) -> Classifier:
    """Who is asked: what the configuration names, or the object at hand."""
    settings = config.model
    mean, std = settings.normalisation
    if model is None:
        return models.load(
            **settings.model_dump(
                include={"source", "factory", "name", "args", "weights", "classes", "output"}
            ),
            size=settings.size,
            mean=mean,
            std=std,
            trust=trust,
            folder=folder,
            device=settings.device,
        )
    if settings.source == "callable":
        if not callable(model):
            raise ModelError(f"the model is {type(model).__name__}, which cannot be called")
        from audit.models.callable import CallableClassifier

        return CallableClassifier(model, classes=settings.classes, size=settings.size)
    from audit.models.torch_module import TorchClassifier

    return TorchClassifier(
        model, classes=settings.classes, output=settings.output, size=settings.size, mean=mean, std=std
    )
