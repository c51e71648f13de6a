"""One queue for every question: full batches across cases, explainers and interventions, none asked twice."""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from audit.record import Image

Key = TypeVar("Key")
Predict = Callable[[NDArray[np.float32]], NDArray[np.float64]]


class Notes(Protocol):
    """Batches of answers by the digest of what was asked, kept from an earlier attempt."""

    def get(self, key: bytes) -> NDArray[np.float64] | None: ...

    def add(self, key: bytes, answers: NDArray[np.float64]) -> None: ...


REMEMBERED = 2048  # answers; the same picture comes up within one case, seldom later


def ask(
    predict: Predict,
    plans: Iterable[tuple[Key, Iterable[Image]]],
    *,
    batch: int,
    further: deque[tuple[Key, Iterable[Image]]] | None = None,
    tick: Callable[[int], None] = lambda passes: None,
    notes: Notes | None = None,
) -> Iterator[tuple[Key, NDArray[np.float64]]]:
    """Ask every picture of every plan and hand each plan's answers back, in the order in which plans were read.

    Args:
        predict: ``(n, h, w, 3)`` pictures to ``(n, k)`` probabilities.
        plans: keys with their pictures; read lazily, so that only about a batch of pictures is held.
        batch: pictures a call.
        further: answers may raise further questions. Plans that are put here while answers are taken go before all
            that were not read yet; pictures of other plans fill the batch meanwhile, so batches stay full.
        tick: told the number of pictures after each call.
        notes: a batch that stands there is not asked again, and every other one is noted.

    Yields:
        The key and its answers ``(m, k)``, in the order of its pictures.

    >>> light = lambda x: np.stack([1 - x.mean((1, 2, 3)), x.mean((1, 2, 3))], 1).astype(float)
    >>> grey = np.full((2, 2, 3), 0.25, np.float32)
    >>> [(k, a.tolist()) for k, a in ask(light, [("a", [grey, grey]), ("b", [])], batch=8)]
    [('a', [[0.75, 0.25], [0.75, 0.25]]), ('b', [])]
    """
    answered: OrderedDict[bytes, NDArray[np.float64]] = OrderedDict()
    waiting: OrderedDict[bytes, Image] = OrderedDict()
    open_plans: deque[tuple[Key, list[bytes]]] = deque()
    unread = iter(plans)

    def flush() -> None:
        batch_key = hashlib.sha256(b"".join(waiting)).digest()
        answers = notes.get(batch_key) if notes is not None else None
        if answers is None:
            answers = predict(np.stack(list(waiting.values())))
            if notes is not None:
                notes.add(batch_key, answers)
        tick(len(waiting))
        answered.update(zip(waiting, answers, strict=True))
        waiting.clear()

    def ready() -> Iterator[tuple[Key, NDArray[np.float64]]]:
        while open_plans and all(digest in answered for digest in open_plans[0][1]):
            key, digests = open_plans.popleft()
            yield key, np.array([answered[d] for d in digests])
        if len(answered) > 2 * REMEMBERED:
            needed = {digest for _, digests in open_plans for digest in digests}
            oldest = [d for d in answered if d not in needed][: len(answered) - REMEMBERED]
            for digest in oldest:
                del answered[digest]

    while True:
        plan = further.popleft() if further else next(unread, None)
        if plan is not None:
            key, images = plan
            digests: list[bytes] = []
            for image in images:
                digest = hashlib.sha256(np.ascontiguousarray(image).data).digest()
                digests.append(digest)
                if digest not in answered and digest not in waiting:
                    waiting[digest] = image
                    if len(waiting) >= batch:
                        flush()
            open_plans.append((key, digests))
        elif waiting:
            flush()
        else:
            return
        yield from ready()
