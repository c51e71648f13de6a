"""What is shown: manifests, pixels, and masks on the model's grid."""

from audit.images.dataset import Picture, load
from audit.images.fill import mean_fill, surround_fill
from audit.images.grid import Grid
from audit.images.manifest import Listing, read_manifest
from audit.images.pixels import read_image, read_mask

__all__ = [
    "Grid",
    "Listing",
    "Picture",
    "load",
    "mean_fill",
    "read_image",
    "read_manifest",
    "read_mask",
    "surround_fill",
]
