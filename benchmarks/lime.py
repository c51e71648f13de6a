"""LIME against the ``lime`` package: how many times fewer questions until the weights are equally stable?

    python -m benchmarks.lime ask OUT [NAME ...]    asks the networks, a file a picture in OUT
    python -m benchmarks.lime table OUT             the table, to the screen and to lime.md beside this file

Both are given the same picture, superpixels, fill (mean colour) and network. The package is asked by its own
``data_labels`` and fitted by its own ``LimeBase``; ours by ``audit.explain.lime``. Each is asked for a long run, cut
into runs of the lengths compared. The error of a short run is its mean squared distance from the long run *of the
other*, so that none is measured against its own questions, over the variance of the long runs' weights (relMSE); what
that long run itself errs is taken off. ``times fewer`` is how many questions the package needs for the error that ours
has, over ours; the package's error falls as one over its questions, and its constant is taken over all its lengths.
``top 5`` is the share of the five heaviest superpixels that are also the long run's.

Needs the extras torch, timm, examples and test.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import platform
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audit.explain import designs, lime, surrogate
from benchmarks.lime_cases import CASES, ROOT, SIZE, slic

BLOCK, BLOCKS = 256, 8
"""The package's long run: so many runs of so many questions."""
LENGTHS = (256, 512, 1024)
TARGETS = ("probability", "logodds")
TOP = 5
Answer = Callable[[NDArray[np.float32]], NDArray[np.float64]]


# -- asking ------------------------------------------------------------------------------------------


def asked(name: str) -> dict[str, Any]:
    """Both long runs of one case: masks, answers, and what they took."""
    network, picture, cut = CASES[name]
    classifier, image = network(), picture()
    segments = slic(image) if cut == "SLIC" else lime.superpixels(image)[0]
    segments = np.unique(segments, return_inverse=True)[1].reshape(segments.shape)
    count = int(segments.max()) + 1
    column = int(classifier.predict(image[None]).argmax())

    def answer(images: NDArray[np.float32]) -> NDArray[np.float64]:
        p = classifier.predict(np.asarray(images, np.float32))
        return np.stack([lime.TARGETS[t](p, column, True) for t in TARGETS], axis=1)

    start, busy = time.time(), time.process_time()
    theirs = [of_package(image, segments, answer, BLOCK, seed) for seed in range(BLOCKS)]
    whole = 2 * designs.order(count)
    runs = -(-BLOCK * BLOCKS // whole)
    plan = lime.plan(
        image, rng=np.random.default_rng(0), samples=runs * whole, fills=["mean"], segments=segments
    )
    ours = np.concatenate([answer(plan.questions("mean", slice(s, s + 16))) for s in range(0, len(plan), 16)])
    return {
        "their_masks": np.stack([masks for masks, _ in theirs]),
        "their_answers": np.stack([answers for _, answers in theirs]),
        "our_masks": plan.design.reshape(runs, whole, count),
        "our_answers": ours.reshape(runs, whole, 2),
        "untouched": answer(image[None])[0],
        "cut": cut,
        "seconds": time.time() - start,
        "processor": time.process_time() - busy,
    }


def of_package(
    image: NDArray[np.float32], segments: NDArray[np.int64], answer: Answer, samples: int, seed: int
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """What the package asks and is told: masks ``(m, S)`` and answers ``(m, 2)``."""
    from lime.lime_image import LimeImageExplainer

    painted = image.copy()
    for label in np.unique(segments):
        painted[segments == label] = image[segments == label].mean(axis=0)
    with contextlib.redirect_stderr(io.StringIO()):
        explainer = LimeImageExplainer(random_state=seed)
        masks, answers = explainer.data_labels(image, painted, segments, answer, samples, batch_size=16)
    return masks.astype(bool), np.asarray(answers)


# -- comparing ---------------------------------------------------------------------------------------


def package_weights(masks: NDArray[np.bool_], answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """The package's own weights ``(S,)``."""
    from lime.lime_base import LimeBase
    from sklearn.metrics import pairwise_distances

    data = masks.astype(float)
    distances = pairwise_distances(data, np.ones((1, data.shape[1])), metric="cosine").ravel()
    base = LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / 0.25**2)), random_state=0)
    labels = np.stack([answers, -answers], axis=1)
    found = base.explain_instance_with_data(
        data, labels, distances, 0, data.shape[1], feature_selection="none"
    )[1]
    return np.array([weight for _, weight in sorted(found)])


def our_fit(
    masks: NDArray[np.bool_], answers: NDArray[np.float64], target: int, looks: int = 1
) -> surrogate.Fit:
    """Ours, of answers ``(m, 2)``."""
    odds = answers[:, 1] if TARGETS[target] == "probability" else None
    return surrogate.fit(masks, answers[:, target], together=2, penalty=0.0, odds=odds, looks=looks)


def runs_of(blocks: NDArray[Any], each: int) -> Iterable[NDArray[Any]]:
    """Runs of so many blocks, one after the other."""
    for start in range(0, len(blocks) - each + 1, each):
        yield np.concatenate(blocks[start : start + each])


def compared(kept: dict[str, Any], target: int) -> dict[str, Any]:
    """Errors and agreement of both, by number of questions."""
    theirs = kept["their_masks"], kept["their_answers"][..., target]
    ours = kept["our_masks"], kept["our_answers"]

    def our_weights(masks: NDArray[np.bool_], answers: NDArray[np.float64]) -> NDArray[np.float64]:
        return our_fit(masks, answers, target).weights

    long_theirs = package_weights(*(np.concatenate(part) for part in theirs))
    long_ours = our_weights(*(np.concatenate(part) for part in ours))
    unit = float(np.var((long_theirs + long_ours) / 2))
    whole = ours[0].shape[1]

    def short(blocks: Any, fit: Any, each: int, other: NDArray[np.float64]) -> tuple[int, float, float]:
        found = [fit(m, a) for m, a in zip(*(runs_of(part, each) for part in blocks), strict=True)]
        error = float(np.mean([np.mean((w - other) ** 2) for w in found])) / unit
        best = set(np.argsort(-np.abs(other))[:TOP])
        agree = float(np.mean([len(best & set(np.argsort(-np.abs(w))[:TOP])) / TOP for w in found]))
        return each * blocks[0].shape[1], error, agree

    package = [short(theirs, package_weights, n // BLOCK, long_ours) for n in LENGTHS]
    own = [short(ours, our_weights, each, long_theirs) for each in (1, 2, 4)]
    # error(n) = constant / n + the long run's own error; the constants of both follow from two such equations
    sizes = ours[0].shape[0] * whole, BLOCK * BLOCKS
    a, b = (float(np.mean([n * e for n, e, _ in rows])) for rows in (package, own))
    for _ in range(50):
        their_rate = float(np.mean([n * (e - b / sizes[0]) for n, e, _ in package]))
        our_rate = float(np.mean([n * (e - a / sizes[1]) for n, e, _ in own]))
        a, b = their_rate, our_rate
    own = [(n, e - a / sizes[1], agree) for n, e, agree in own]
    package = [(n, e - b / sizes[0], agree) for n, e, agree in package]
    return {"package": package, "own": own, "rate": a, "superpixels": len(long_ours), "unit": unit,
            "apart": float(np.mean((long_ours - long_theirs) ** 2)) / unit - a / sizes[1] - b / sizes[0]}  # fmt: skip


def stopped(kept: dict[str, Any], target: int, most: int = 256) -> tuple[float, float]:
    """How many questions are asked where the intervals may stop them, and how often they do."""
    masks, answers = kept["our_masks"], kept["our_answers"]
    whole = masks.shape[1]
    each = -(-most // whole)
    asked, count = [], masks.shape[2]
    ends = designs.rounds(count, most)
    for m, a in zip(runs_of(masks, each), runs_of(answers, each), strict=True):
        for end in ends:
            if surrogate.decided(our_fit(m[:end], a[:end], target, len(ends))):
                break
        asked.append(end)
    return float(np.mean(asked)), float(np.mean([n < most for n in asked]))


HEAD = (
    "case",
    "superpixels",
    "answers below 0.05 or above 0.95",
    "package, 256 questions: relMSE, top 5",
    "1,024 questions",
    "ours, questions",
    "relMSE, top 5",
    "times fewer",
    "ours, questions",
    "relMSE, top 5",
    "times fewer",
    "stops after, of 256",
)
SATURATED = 0.5
"""A case's answers saturate where more than this share of the package's are below 0.05 or above 0.95."""


def saturation(kept: dict[str, Any]) -> float:
    p = kept["their_answers"][..., TARGETS.index("probability")]
    return float(((p < 0.05) | (p > 0.95)).mean())


def grid(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """A table in Markdown."""
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]


def of_target(target: str, found: dict[str, Any], kept: dict[str, Any]) -> list[str]:
    """Both explain the same."""
    rows, every = [], []
    for name, both in found.items():
        f = both[target]
        spent, often = stopped(kept[name], TARGETS.index(target))
        cells = [name, str(f["superpixels"]), f"{saturation(kept[name]):.2f}"]
        cells += [f"{e:.4f}, {top:.2f}" for n, e, top in f["package"] if n in (256, 1024)]
        for n, e, top in f["own"][:2]:
            every.append(f["rate"] / (n * e))
            cells += [str(n), f"{e:.4f}, {top:.2f}", f"{every[-1]:.1f}"]
        rows.append([*cells, f"{spent:.0f} ({100 * often:.0f} % early)"])
    return [
        f"## Both explain {NAMES[target]}",
        "",
        *grid(HEAD, rows),
        spread("All cases", every, AIMS.get(target)),
        "",
    ]


AIMS = {"probability": 2.2, "saturated": 6.0}
NAMES = {"probability": "the probability", "logodds": "the log-odds"}


def spread(who: str, times: list[float], aim: float | None = None) -> str:
    """A sentence: how many times fewer, and how often the aim was reached."""
    said = f"{who}: median {np.median(times):.1f} times fewer, from {min(times):.1f} to {max(times):.1f}."
    if aim is None:
        return said
    return f"{said} The aim was {aim:g}: reached in {sum(t >= aim for t in times)} of {len(times)} figures."


def across(found: dict[str, Any], kept: dict[str, Any]) -> list[str]:
    """The package explains the probability, ours the log-odds."""
    rows: list[list[str]] = []
    every: dict[bool, list[float]] = {True: [], False: []}
    for name, both in found.items():
        much = saturation(kept[name]) > SATURATED
        times = [both["probability"]["rate"] / (n * e) for n, e, _ in both["logodds"]["own"][:2]]
        every[much] += times
        rows.append([name, "yes" if much else "no", *(f"{t:.1f}" for t in times)])
    return [
        "## The package explains the probability, ours the log-odds",
        "",
        "Each against the long run of its own target. Where answers saturate the probability moves little or jumps;",
        "the log-odds moves on. It is another question: weights are shares of evidence, not of probability.",
        "",
        *grid(("case", "answers saturate", "times fewer after one run", "after two runs"), rows),
        *([spread("Saturated", every[True], AIMS["saturated"]), ""] if every[True] else []),
        *([spread("Not saturated", every[False])] if every[False] else []),
    ]


def table(folder: Path) -> str:
    """All of it, as Markdown."""
    files = {name: folder / f"{name}.npz" for name in CASES}
    kept = {name: loaded(path) for name, path in files.items() if path.exists()}
    found = {name: {t: compared(k, n) for n, t in enumerate(TARGETS)} for name, k in kept.items()}
    questions = sum(k[f"{who}_answers"][..., 0].size for k in kept.values() for who in ("their", "our"))
    seconds, processor = (sum(float(k[name]) for k in kept.values()) for name in ("seconds", "processor"))
    missing = [name for name in CASES if name not in kept]
    lines = [
        "# LIME against the lime package, at equal stability",
        "",
        *(__doc__ or "").split("\n\n")[2].splitlines(),
        "",
        f"Conditions: {platform.machine()}, {os.cpu_count()} cores, {SIZE[0]} px, {questions:,} questions compared.",
        f"Asking took {seconds:.0f} s of wall time and {processor:.0f} s of processor time, with other work beside it:",
        "only questions are compared, not seconds. `lite0` is EfficientNet-Lite0 with ImageNet weights on pictures of",
        "scikit-image, cut by SLIC; `hans` and `honest` are the networks of the embedded example on two of its",
        "pictures, cut by Quickshift.",
        "",
        *([f"Not asked: {', '.join(missing)}.", ""] if missing else []),
    ]
    for target in TARGETS:
        lines += of_target(target, found, kept)
    return "\n".join([*lines, *across(found, kept)]) + "\n"


def loaded(path: Path) -> dict[str, Any]:
    """A case's long runs, as long as :data:`BLOCKS` says."""
    kept = dict(np.load(path))
    for name in ("their_masks", "their_answers"):
        kept[name] = kept[name][:BLOCKS]
    runs = -(-BLOCK * BLOCKS // kept["our_masks"].shape[1])
    for name in ("our_masks", "our_answers"):
        kept[name] = kept[name][:runs]
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["ask", "table"])
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*", help=", ".join(CASES))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.what == "ask":
        for name in given.names or CASES:
            np.savez(given.out / f"{name}.npz", **asked(name))
            print(name, flush=True)
        return
    text = table(given.out)
    (ROOT / "benchmarks" / "lime.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
