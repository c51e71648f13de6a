"""Does the answer change when a region is taken away? Through ``predict`` alone, so for any model."""

from audit.intervene.inpaint import widened
from audit.intervene.removal import NOTHING, Plan, effects, missing, plan

__all__ = ["NOTHING", "Plan", "effects", "missing", "plan", "widened"]
