"""What a run keeps for its report beside what was measured: fingerprints, protocol, self-test, the user's templates."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from audit.config import Config
from audit.errors import ConfigError
from audit.images.fingerprint import of_cases, of_training
from audit.images.source import Source
from audit.judge import protocol
from audit.record import Case, Failure, Fingerprint, Run, seal
from audit.report import rooms

READ = ("image", "label", "id", "patient", "split")
"""The columns that are read of a manifest of training pictures."""


def check(config: Config, folder: Path, rules: Sequence[Path]) -> None:
    """See, before any work, that the rules are those of the protocol, and that templates and self-test can be used.

    Raises:
        ConfigError: they are not.
    """
    if config.protocol is not None:
        protocol.held(folder / config.protocol, rules)
    if config.report.templates is not None:
        rooms.environment(folder / config.report.templates)
    if config.document.selftest is not None:
        path = folder / config.document.selftest
        if wrong := seal.read(path)[1]:
            todo = "name the selftest.json that `pfungst selftest` wrote"
            raise ConfigError(f"the record of the self-test {wrong}", where=str(path), todo=todo)


def fingerprints(
    config: Config,
    folder: Path,
    source: Source,
    cases: Sequence[Case],
    looks: Mapping[str, str],
    *,
    keep_going: bool,
) -> tuple[list[Fingerprint], list[Failure]]:
    """The fingerprints of the audited cases and of the training pictures, and which of these were lost."""
    rows = of_cases(source, cases, looks)
    images = config.images
    if images.training is None:
        return rows, []
    more, lost = of_training(
        folder / images.training,
        root=None if images.training_root is None else folder / images.training_root,
        columns={k: v for k, v in images.columns.given().items() if k in READ},
        keep_going=keep_going,
    )
    return [*rows, *more], lost


def keep(run: Run, config: Config, folder: Path, prints: Sequence[Fingerprint]) -> None:
    """Put them into the run, so that its report needs nothing else."""
    run.write(Fingerprint, prints)
    if config.protocol is not None:
        shutil.copyfile(folder / config.protocol, run.path / "protocol.yaml")
    if config.document.selftest is not None:
        shutil.copyfile(folder / config.document.selftest, run.path / "selftest.json")
    if config.report.templates is not None:
        rooms.keep(folder / config.report.templates, run.path / "templates")
