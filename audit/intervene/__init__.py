"""Does the answer change when a region is taken away? Through ``predict`` alone, so for any model."""

from audit.intervene.removal import CONSTANT, NOTHING, Plan, effects, missing, plan

__all__ = ["CONSTANT", "NOTHING", "Plan", "effects", "missing", "plan"]
