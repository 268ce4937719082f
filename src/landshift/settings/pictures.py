"""How pictures are gridded, read and shown."""

from __future__ import annotations

from dataclasses import dataclass

from landshift.errors import SettingsError
from landshift.settings.range import check_range


@dataclass(frozen=True)
class GridSettings:
    """How the one grid of a comparison is planned, and what may be read."""

    gsd_m: float | None = None
    """Side of a pixel to work at, metres, where no picture is coarser; None: the coarser one's."""
    margin_m: float = 60.0
    """Ground beyond the aoi that is read for registration and context. The network sees at most
    77 px around a pixel, 39 m at 0.5 m, and twice that in its second look, which counts less in
    classes; change is told from twice as far again. Beyond what is read the picture is
    mirrored."""
    least_margin_px: int = 128
    """The same in pixels, for coarse pictures."""
    most_pixels: int = 400_000_000
    """Pixels of a declared picture size beyond which a file is refused (20 000 × 20 000)."""
    most_grid_pixels: int = 50_000_000
    """Pixels of one comparison. Bands, classes and evidence take 105 bytes each, what from → to is
    found with 82 more at 0.5 m and 112 at 10 m (measured at 1.5 and 0.8 million): together this is
    9 to 11 GB."""
    gsd_slack: float = 0.05
    """Share by which a world file may give another pixel side than the user before that is a
    caution. Judgement: hectares are off by twice as much, a tenth."""
    degrees_below: float = 0.01
    """Pixel side of a world file below which its units are degrees: 0.01 degrees are more than a
    kilometre, and no pixel of a picture that is looked at here is a centimetre wide."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.gsd_m is not None and not 0.05 <= self.gsd_m <= 100.0:
            raise SettingsError(f"gsd_m is {self.gsd_m}; allowed are 0.05 to 100 metres")


@dataclass(frozen=True)
class CloudSettings:
    """What is taken for cloud or snow over one of two pictures, and not for what was built.

    Chosen on simulated pairs, with and without clouds (`landshift.simulation.clouds`); `display`
    then raised until pale ground of real pairs without clouds, LEVIR-CD and DSIFN-CD among them, is
    left alone.
    """

    cell_m: float = 2.0
    """Side of the squares that are looked at, metres; pixels where they are coarser."""
    reflectance: float = 0.4
    """Least of a cloud's darkest visible band, its median. Pale concrete reaches 0.28, film and
    white sheet 0.4 to 0.5 where they fill a pixel."""
    display: float = 0.82
    """The same of pictures for the eye, over their full scale: pale earthworks and
    sports grounds reach 0.8."""
    level: float = 0.55
    """Least level of the darkest visible band, from 0, the picture's median, to 1, its brightest
    square but `glint_cells`."""
    glint_cells: int = 8
    """Brightest squares that a glint of the sun or a hot pixel may have made: one pixel, resampled,
    reaches so many. With 0, 4 and 8 no cloud is seen in 80 quiet simulated and 49 real pairs."""
    above_ground: float = 1.5
    """The same in distances of the dark end (5th percentile) from the median."""
    lift: float = 0.25
    """How far that level lies above the other picture's, at the least."""
    colourless: float = 0.85
    """Least of darkest over brightest visible band."""
    least_radius_m: float = 15.0
    """Radius of the circle that a cloud holds somewhere: what is narrower is a road or a house."""
    least_radius_px: float = 3.0
    """The same in squares, where that is more."""
    most_straight: float = 0.7
    """Share of the outline in long straight runs beyond which it is a roof or a yard."""
    most_bright_already: float = 0.5
    """Share of it that may be among the brightest fifth of the other picture; of a cloud, which
    lies anywhere, that is about a fifth."""
    blank_rim: float = 0.5
    """Share of the rim of blank ground that must be bright for it to be burnt-out cloud and not a
    hole in the picture. Judgement: of holes cut into the sample tiles at most 0.19 is, of wide
    burnt-out clouds drawn over them 0.80 and more."""
    shred_level: float = 0.6
    """Level of what is taken for shreds of a cloud that is sure, as a share of its own."""
    rim_share: float = 0.4
    """Share of `above_ground` and `lift` that the rim of a cloud still has."""
    rim_m: float = 60.0
    """How far a rim reaches, metres."""
    margin_m: float = 10.0
    """Width of ground around a cloud that is left out with it, metres."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for name in ("reflectance", "display", "level", "lift", "colourless", "most_straight",
                     "most_bright_already", "blank_rim", "shred_level", "rim_share"):  # fmt: skip
            check_range(name, getattr(self, name), 0.0, 1.0)
        for name in ("cell_m", "above_ground", "glint_cells", "least_radius_m",
                     "least_radius_px", "rim_m", "margin_m"):  # fmt: skip
            check_range(name, getattr(self, name), 0.0, 1000.0)


@dataclass(frozen=True)
class CoverSettings:
    """How classes are weighed by how common each is at the place."""

    prior_weight: float = 1.0
    """Say of the shares that a model was trained with beside those of the picture itself; the
    lower, the more a picture has its own way. At 1 the mean log-likelihood of the right class goes
    from -0.778 to -0.762 on 50 simulated RGB pairs and from -0.719 to -0.701 on 30 with near
    infrared, from -0.438 to -0.392 and -0.387 to -0.334 on pictures held out; below 1 it falls on
    the simulated ones (``benchmarks/held_out.py --first-seed 41000000``)."""
    prior_coarsest_gsd_m: float = 5.5
    """Side of a pixel, metres, from which the model's own shares are kept: on 30 simulated pairs of
    ten bands nothing is gained (-0.760, at 4 -0.757, at 1 -0.776)."""
    prior_rounds: int = 30
    """Of the estimate; shares move by less than 0.001 after 20."""
    most_samples: int = 20_000
    """Pixels of a picture that shares are estimated from, evenly spaced; known to 0.5 % so."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        check_range("prior_weight", self.prior_weight, 0.0, 1e6)
        check_range("prior_coarsest_gsd_m", self.prior_coarsest_gsd_m, 0.0, 1e6)
        check_range("prior_rounds", self.prior_rounds, 0, 1000)
        check_range("most_samples", self.most_samples, 100, 10_000_000)


@dataclass(frozen=True)
class PreviewSettings:
    """How pictures are reduced and stretched for people; no answer depends on it."""

    most_side_px: int = 1600
    """Longer side of a picture in figures and pages. Half the width of a page at 300 dpi, and the
    whole of a desktop's screen; two of them make a page of 2 MB."""
    clipped_share: float = 0.005
    """Share of the pixels at either end of a band that are drawn fully dark or bright."""
    gamma: float = 0.85
    """Power of the stretched values; below 1 shadows are lifted."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        check_range("most_side_px", self.most_side_px, 64, 8192)
        check_range("clipped_share", self.clipped_share, 0.0, 0.2)
        check_range("gamma", self.gamma, 0.2, 5.0)
