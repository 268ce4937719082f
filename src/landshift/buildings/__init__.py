"""Regions of a ChangeMap → building outlines, rectangular where they are, and their clusters."""

from landshift.buildings.listing import Building, Cluster, Stage, find_clusters, outline_buildings

__all__ = ["Building", "Cluster", "Stage", "find_clusters", "outline_buildings"]
