"""The whole audit on one screen: check, ask, measure, judge, report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from audit import config as configuration
from audit import engine as engines
from audit import facts, papers, stages
from audit import judge as judging
from audit.bench import laid
from audit.config import Config
from audit.engine import Engine
from audit.errors import ConfigError, PfungstError
from audit.gather import gather, keep
from audit.given import assembled
from audit.progress import Progress, Silent
from audit.record import Run
from audit.record.folder import alone, begun, check


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
    resume: bool = False,
    engine: Engine = "local",
    workers: int | None = None,
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
        resume: go on with the run in ``out`` where it was left; with one that is finished nothing is done.
        engine: ``local``, or ``ray`` for the machines of a cluster. Both end with the same bytes.
        workers: processes of ``ray``, or of the local engine to look at pictures while the model works; None for as
            many as suit the machine and the set.

    Raises:
        ConfigError: wrong configuration or rules (exit code 2).
        ModelError, DataError: the model or the data cannot be read (exit code 3).
        RunError: the folder holds something else, another run is writing into it, or what was begun there was
            begun with another model, other data or other settings.
    """
    progress = progress or Silent()
    engines.check(engine)
    left = Run.open(out, unfinished=True) if resume and begun(out) else None
    if left is None:
        check(out)
    elif left.manifest["status"] == "complete":
        return left
    rules = judging.files(config.rules, folder=folder)
    judging.load([str(f) for f in rules], folder=folder)
    papers.check(config, folder, rules)
    with ExitStack() as held:
        if left is not None:
            held.enter_context(alone(out))
            if not config.batch:  # what was found for the machine as it was holds for the whole run
                config = config.model_copy(update={"batch": left.manifest["config"]["batch"]})
        bench = laid(
            config,
            folder=folder,
            keep_going=keep_going,
            trust=trust,
            progress=progress,
            model=model,
            images=images,
        )
        if left is None:
            run = Run.create(out, bench.manifest())
            held.enter_context(alone(out))
        else:
            run = left
            facts.take_up(run, bench.manifest())
        facts.keep_configuration(run, bench.config, given)
        papers.keep(run, bench.config, folder, bench.prints)
        desk = bench.desk(run, progress=progress, keep_going=keep_going)
        try:
            orders = bench.elsewhere(run, keep_going=keep_going, trust=trust, model=model, images=images)
            with engines.started(engine, workers, orders, desk) as ahead:
                gather(desk, bench.prepared, ahead)
        except PfungstError:
            if left is None and not bench.passes.answered:  # nothing is lost, and the name is free again
                run.discard()
            raise
        keep(desk, bench.failures)
        facts.keep_found(run, desk)

        progress.stage("measuring", 0)
        stages.measure(run)
        progress.stage("judging", 0)
        stages.judge(run, config.rules, folder=folder)
        run.parts.remove()
        run.seal()
    if report:
        progress.stage("rendering the report", 0)
        stages.report(run)
    return run


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
    resume: bool = False,
    engine: Engine = "local",
    workers: int | None = None,
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
        keep_going, trust, progress, report, resume, engine, workers: as in :func:`audit`.
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
        config = assembled(model, images, classes, settings)
    elif settings or classes is not None:
        raise ConfigError(
            "give a configuration or the settings, not both", todo="put them into the configuration"
        )
    rows = None if images is None or isinstance(images, Path | str) else images
    rows = list(rows) if isinstance(rows, Iterator) else rows  # another process may need them again
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
        resume=resume,
        engine=engine,
        workers=workers,
    )
