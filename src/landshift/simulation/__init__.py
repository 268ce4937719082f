"""Scenes that know their truth: town edges painted from above, and seen by a sensor.

`simulate_pair` gives arrays for training and tests; `build_site`, `picture_site` and
`write_site` make the six named sites that serve as samples.
"""

from landshift.simulation.export import SAMPLE_SEED, write_samples, write_site
from landshift.simulation.geolocation import Displacement, displaced
from landshift.simulation.pairs import SimulatedPair, simulate_pair
from landshift.simulation.site_pictures import SitePicture, picture_site
from landshift.simulation.sites import SITES, SiteRecipe, SiteScene, build_site
from landshift.simulation.truth import site_truth

__all__ = [
    "SAMPLE_SEED",
    "SITES",
    "Displacement",
    "SimulatedPair",
    "SitePicture",
    "SiteRecipe",
    "SiteScene",
    "build_site",
    "displaced",
    "picture_site",
    "simulate_pair",
    "site_truth",
    "write_samples",
    "write_site",
]
