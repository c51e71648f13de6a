"""How often the model was asked, and for what."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass
class Passes:
    """Model passes by kind, counted in pictures. A trace and a gradient are a forward and a backward each.

    ``kinds`` counts the questions by what they were asked for; one that was asked twice was answered once.
    """

    predict: int = 0
    trace: int = 0
    gradient: int = 0
    questions: int = 0
    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def network(self) -> int:
        """Passes of the network, whoever asked."""
        return self.predict + self.trace + self.gradient + self.questions

    @property
    def answered(self) -> bool:
        """Was anything answered yet?"""
        return self.network > 0

    def copy(self) -> Passes:
        """The count as it stands."""
        return replace(self, kinds=dict(self.kinds))

    def since(self, before: Passes) -> Passes:
        """What was counted since.

        >>> begun = Passes(questions=2, kinds={"lime": 2})
        >>> Passes(questions=5, kinds={"lime": 3, "shift": 2}).since(begun)
        Passes(predict=0, trace=0, gradient=0, questions=3, kinds={'lime': 1, 'shift': 2})
        """
        kinds = {k: n - before.kinds.get(k, 0) for k, n in self.kinds.items()}
        numbers = {k: v - getattr(before, k) for k, v in vars(self).items() if k != "kinds"}
        return Passes(**numbers, kinds={k: n for k, n in kinds.items() if n})

    def add(self, more: Passes) -> None:
        """Count what was taken before."""
        for name, value in vars(more).items():
            if name != "kinds":
                setattr(self, name, getattr(self, name) + value)
        for kind, number in more.kinds.items():
            self.kinds[kind] = self.kinds.get(kind, 0) + number
