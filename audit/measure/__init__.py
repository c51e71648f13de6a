"""How much of a map falls on a region, and what many cases say together.

``scores`` reads the maps and regions of a run and writes its score table; ``estimates`` reads the tables and
writes the estimates. Neither needs the model, torch or the pictures.
"""

from audit.measure.estimates import estimates
from audit.measure.localisation import METRICS
from audit.measure.scores import scores

__all__ = ["METRICS", "estimates", "scores"]
