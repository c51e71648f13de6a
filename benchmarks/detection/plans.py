"""Which networks are in the zoo. Seed 0 sets limits, the other seeds validate them; no network is in both."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.detection.families import FAMILIES
from benchmarks.detection.networks import NETWORKS, USUAL
from benchmarks.detection.others import ALL, OTHERS
from benchmarks.detection.tasks import TASKS
from benchmarks.detection.truth import ALIGNED

ARCHS = USUAL


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A network and what it is audited on.

    ``family``: the artefact in the audited set, None for a set without any. ``rho``: P(a | 1) - P(a | 0) in training;
    None: it never saw the artefact. ``among``: the same in the audited set. ``masks``: the audit is told where the
    artefact is; where it is not, it must find it. ``wide``: the number of the wide set that it is audited on; 0: the
    usual set.
    """

    task: str
    arch: str
    seed: int
    family: str | None = None
    rho: float | None = None
    among: float = ALIGNED
    masks: bool = False
    wide: int = 0

    @property
    def name(self) -> str:
        """What its files are called."""
        parts = (
            self.task,
            self.arch,
            self.seed,
            self.family or "plain",
            "never" if self.rho is None else self.rho,
        )
        return (
            "-".join(map(str, parts))
            + ("-told" if self.masks else "")
            + (f"-wide{self.wide}" if self.wide else "")
        )

    @property
    def trained(self) -> str:
        """How it was trained: ``hans`` with the artefact going with the label, ``trap`` with it independent,
        ``never`` without it, ``global`` on a true sign of the whole picture."""
        if TASKS[self.task].sign != "lesion":
            return "global"
        return "never" if self.rho is None else "hans" if self.rho else "trap"

    @property
    def split(self) -> str:
        """Whether it sets limits or validates them."""
        return "setting" if self.seed == 0 else "validation"


def _told(family: str, seed: int) -> bool:
    """Of artefacts that have a place every second set comes with their masks."""
    return ALL[family].local and (list(ALL).index(family) + seed) % 2 == 0


def _drawn(seed: int, strengths: tuple[tuple[float, ...], ...]) -> list[Spec]:
    """Of every family one network a strength; the architectures take turns, and so do tuples of strengths."""
    specs = []
    for number, family in enumerate(FAMILIES):
        for turn, rho in enumerate(strengths[number % len(strengths)]):
            arch = ARCHS[(number + turn + seed) % len(ARCHS)]
            specs.append(
                Spec(task="lesions", arch=arch, seed=seed, family=family, rho=rho, masks=_told(family, seed))
            )
    return specs


def _honest(seed: int) -> list[Spec]:
    """Networks that never saw an artefact: on a set without any, on one that has one, and on a true global sign."""
    first, second, third = (ARCHS[(seed + turn) % 3] for turn in range(3))
    return [
        *(Spec(task="lesions", arch=arch, seed=seed) for arch in (first, second)),
        Spec(task="lesions", arch=third, seed=seed, family="patch", masks=_told("patch", seed)),
        Spec(task="lesions", arch=second, seed=seed, family="ruler", masks=_told("ruler", seed)),
        Spec(task="vessels", arch=first, seed=seed),
        Spec(task="vessels", arch=second, seed=seed, family="corner", among=0.0),
    ]


def _real(seed: int, families: tuple[str, ...]) -> list[Spec]:
    """Networks on real pictures: one that never saw an artefact, one trap, and Clever Hanses."""
    arch = {turn: ARCHS[(seed + turn) % 3] for turn in range(3)}
    specs = [Spec(task="isic", arch=arch[0], seed=seed)]
    for turn, family in enumerate(families):
        for rho in (0.0, 1.0) if turn == 0 else (1.0,):
            specs.append(
                Spec(
                    task="isic",
                    arch=arch[(turn + int(rho)) % 3],
                    seed=seed,
                    family=family,
                    rho=rho,
                    masks=_told(family, seed),
                )
            )
    return specs


def _session() -> list[Spec]:
    setting = [
        *_drawn(0, ((0.0, 0.8, 1.0), (0.0, 0.5, 1.0), (0.0, 0.8, 1.0))),
        *_honest(0),
        *_real(0, ("patch", "cast")),
    ]
    validation = [
        *_drawn(1, ((0.0, 0.5, 1.0), (0.0, 0.8, 1.0))),
        *_honest(1),
        *_real(1, ("ink", "text")),
        *_drawn(2, ((0.0, 0.8, 1.0), (0.0, 0.5, 1.0))),
        *_honest(2),
        *_real(2, ("ruler", "patch")),
    ]
    return setting + validation


def _unseen(seed: int) -> list[Spec]:
    """Networks of a seed that no rule was changed for, when they were first audited; the table says when that was."""
    return [*_drawn(seed, ((0.0, 0.5, 1.0), (0.0, 0.8, 1.0))), *_honest(seed)]


def _others(seed: int) -> list[Spec]:
    """Artefacts and architectures on which nothing was ever set, each artefact harmless, learnt in part and wholly."""
    archs = tuple(NETWORKS)
    specs = []
    for number, family in enumerate(OTHERS):
        for turn, rho in enumerate((0.0, 0.8, 1.0)):
            arch = archs[(2 * number + turn) % len(archs)]
            told = _told(family, seed)
            specs.append(Spec(task="lesions", arch=arch, seed=seed, family=family, rho=rho, masks=told))
    new = [arch for arch in archs if arch not in USUAL]
    specs += [Spec(task="lesions", arch=arch, seed=seed) for arch in new]
    specs += [Spec(task="lesions", arch=arch, seed=seed, family="stripes") for arch in new]
    return specs


def _full() -> list[Spec]:
    specs = []
    for seed in range(4):
        for family in FAMILIES:
            for arch in ARCHS:
                for rho in (0.0, 0.5, 0.8, 1.0):
                    told = _told(family, seed)
                    specs.append(
                        Spec(task="lesions", arch=arch, seed=seed, family=family, rho=rho, masks=told)
                    )
        specs += _honest(seed)
        specs += _real(seed, ("patch", "ink", "text", "cast"))
    return specs


FAST = (
    Spec(task="lesions", arch="residual", seed=0, family="text", rho=0.0, masks=True),
    Spec(task="lesions", arch="residual", seed=0, family="text", rho=1.0, masks=True),
    Spec(task="lesions", arch="dense", seed=0, family="cast", rho=0.0),
    Spec(task="lesions", arch="dense", seed=0, family="cast", rho=1.0),
)
"""A handful whose weights lie in ``tests/benchmarks/zoo`` (``zoo.pack`` puts them there)."""

NEAR = (0.04, 0.07)
"""Drops of accuracy about the 5 points that must be found from 150 cases that bear the artefact."""


def _wide() -> list[Spec]:
    """Drawn Clever Hanses on two wide sets each; the command leaves out those whose drop is not ``NEAR`` 5 points."""
    hans = [s for s in _session() if s.trained == "hans" and s.task == "lesions"]
    return [replace(s, wide=number) for s in hans for number in (1, 2)]


PLANS: dict[str, list[Spec]] = {
    "fast": list(FAST),
    "session": _session(),
    "seed-3": _unseen(3),
    "seed-4": _unseen(4),
    "seed-5": _unseen(5),
    "seed-7": _unseen(7),
    "others": _others(6),
    "power": _wide(),
    "full": _full(),
}
