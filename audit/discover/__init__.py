"""What nobody listed: places that a model may look at, proposed from its maps or from the pictures and their labels.

A candidate is a question. The removal test answers it, as it does for a listed region.
"""

from audit.discover.candidate import DETECTOR, Candidate, chosen
from audit.discover.clusters import Cluster, clusters
from audit.discover.informative import informative_places
from audit.discover.looked import looked
from audit.discover.propose import candidates
from audit.discover.saved import entry, save
from audit.discover.things import things

__all__ = [
    "DETECTOR",
    "Candidate",
    "Cluster",
    "candidates",
    "chosen",
    "clusters",
    "entry",
    "informative_places",
    "looked",
    "save",
    "things",
]
