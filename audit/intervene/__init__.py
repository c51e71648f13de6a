"""Does the answer change when a region is taken away? Through ``predict`` alone, so for any model."""

from audit.intervene.bars import plan as bars_plan
from audit.intervene.fills import FILLS, REFLECT
from audit.intervene.inpaint import membrane, widened
from audit.intervene.removal import (
    CONSTANT,
    NOTHING,
    NOTICEABLE,
    Asked,
    Plan,
    effects,
    filled_rows,
    missing,
    plan,
)

__all__ = [
    "CONSTANT",
    "FILLS",
    "NOTHING",
    "NOTICEABLE",
    "REFLECT",
    "Asked",
    "Plan",
    "bars_plan",
    "effects",
    "filled_rows",
    "membrane",
    "missing",
    "plan",
    "widened",
]
