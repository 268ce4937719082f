"""Every threshold, with its unit and its source; each stage gets only its own part."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from landshift.errors import SettingsError


def _check_range(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise SettingsError(f"{name} is {value}; allowed are {least} to {most}")


@dataclass(frozen=True)
class GridSettings:
    """How the one grid of a comparison is planned, and what may be read."""

    gsd_m: float | None = None
    """Side of a pixel to work at, metres; None: the coarser of the two pictures."""
    margin_m: float = 60.0
    """Ground beyond the aoi that is read for registration and context. The network sees at most
    77 px around a pixel, 39 m at 0.5 m, and twice that in its second look, which counts less."""
    least_margin_px: int = 128
    """The same in pixels, for coarse pictures."""
    most_pixels: int = 400_000_000
    """Pixels of a declared picture size beyond which a file is refused (20 000 × 20 000)."""
    most_grid_pixels: int = 50_000_000
    """Pixels of one comparison; two dates' bands and class probabilities take about 120 bytes
    each, so this is 6 GB."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.gsd_m is not None and not 0.05 <= self.gsd_m <= 100.0:
            raise SettingsError(f"gsd_m is {self.gsd_m}; allowed are 0.05 to 100 metres")


@dataclass(frozen=True)
class RadiometrySettings:
    """How one picture's values are drawn onto the other's scale."""

    knots: int = 9
    """Knots of the monotone curve of each band, at equal ranks. Enough for gain, offset, gamma and
    soft clipping; with more the curve begins to follow what changed on the ground."""
    rounds: int = 4
    """Fits, each on the pixels that the one before took for unchanged; kept sets settle in 3-4."""
    kept_share: float = 0.6
    """Share of the pixels, those with the least residual, that are taken for unchanged."""
    most_samples: int = 200_000
    """Pixels used, evenly spaced; ranks of so many are known to 0.1 %."""
    least_samples: int = 400
    """Unchanged pixels below which the picture is left as it is."""
    least_correlation: float = 0.2
    """Correlation of a band over kept pixels below which only mean and spread are matched: a
    curve fitted to unrelated values would invent a likeness."""
    most_gain: float = 8.0
    """Gain, or its inverse, beyond which mean and spread are left alone too."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        _check_range("kept_share", self.kept_share, 0.1, 1.0)
        _check_range("knots", self.knots, 2, 64)


@dataclass(frozen=True)
class TransitionSettings:
    """How two dates' classes and the evidence of change become from→to."""

    kind_prior: tuple[float, float, float, float] | None = None
    """Share of same, gained, lost and other pixels to expect at a site; None: that of the
    evidence's training. Whoever asks suspects change, so the training's is kept until sites
    nobody picked say otherwise."""
    pair_prior: tuple[tuple[float, ...], ...] = (
        # to: crop  green build bare  paved woody herb  water
        (1.00, 0.60, 1.00, 0.60, 1.00, 0.15, 0.15, 0.50),  # cropland
        (0.60, 1.00, 1.00, 0.80, 1.00, 0.10, 0.10, 0.20),  # greenhouse
        (1.00, 1.00, 1.00, 0.50, 0.50, 0.30, 0.50, 0.10),  # building
        (0.60, 0.80, 0.50, 0.60, 0.80, 0.30, 0.30, 0.30),  # bare
        (1.00, 1.00, 0.50, 0.80, 1.00, 0.20, 0.30, 0.10),  # paved
        (0.15, 0.10, 0.30, 0.30, 0.20, 1.00, 0.20, 0.10),  # woody
        (0.15, 0.10, 0.50, 0.30, 0.30, 0.20, 0.90, 0.20),  # herbaceous
        (0.50, 0.20, 0.10, 0.30, 0.10, 0.10, 0.20, 1.00),  # water
    )
    """How readily a pair is believed, from before-class (row) to after-class (column), relative
    within its kind of change. Symmetric, so that swapping the pictures mirrors the table. Soft
    classes hardly turn into one another for good; same ground seen as cropland once and bare once
    is cropland (bare 0.6 on the diagonal). Judgement from DOMAIN.md and METHODS §6, not fitted."""
    replaced_prior: float = 0.1
    """The same of building that gave way to another building, in each of the kinds of change."""
    smoothing_pull: float = 1.0
    """Weight of a like neighbour against the pixel's own value, in edge-aware smoothing."""
    smoothing_sweeps: int = 6
    """Steps of that smoothing; the reach is about as many pixels."""
    edge_contrast: float = 3.0
    """Step between neighbours, in median steps of the picture, at which they count as unlike."""
    shift_reach: float = 1.5
    """Reach of the tolerance in units of the residual RMS: nine in ten radial errors lie within,
    1 - exp(-1.5²)."""
    most_shift_px: float = 3.0
    """Residual shift, pixels, beyond which tolerance does not grow: it would swallow buildings."""
    change_threshold: float = 0.4
    """Probability of change at which a pixel's code says so. At 0.4 precision is 0.73 and recall
    0.74 on 60 simulated RGB pairs held out, at 0.5 they are 0.76 and 0.70, and 9 % fewer hectares
    are called changed than the probabilities add up to (`benchmarks/held_out.py`)."""
    coarse_change_threshold: float = 0.5
    """The same for pixels beyond `coarse_gsd_m`: on five quiet dates of farmland at 5 m, which the
    model learned from in part, 0.26 % was falsely called built at 0.4 and 0.16 % at 0.5."""
    coarse_gsd_m: float = 2.5
    """Pixel side up to which `change_threshold` holds, metres: where the RGB models end."""
    least_side_px: float = 3.0
    """Side of the smallest region of any code, pixels; SURVEY §4.3: pure-pixel rule."""
    least_change_m2: float = 25.0
    """Smallest region of change, square metres: a shed. Below it, parked lorries and noise."""
    support_px: int = 2
    """Distance from a region of change within which weaker change still counts: the soft rim."""
    frame_agreement: float = 0.3
    """Agreement of both dates' gradients (0 by chance, 1 alike) from which a change from or to
    greenhouse is film taken off or put on a frame that stands. Over regions of 200 px and more it
    is 0.23-0.88 where only film differs (42 regions of 13 simulated pairs at 0.5-1 m, five below
    0.31), -0.3 to 0.18 where the greenhouse is gone (30 regions of 9 pairs)."""
    frame_least_px: int = 200
    """Smallest such region, pixels: in fewer, gradients agree by chance (standard deviation 0.12
    there)."""
    frame_coarsest_gsd_m: float = 1.5
    """Pixel side from which frames are not looked for: tunnels are 6 m wide, and four pixels across
    show both their edges."""
    cell_m: float = 12.5
    """Side of a cell within which pixel errors are taken as one; SURVEY §4.2: 2 pi L² pixels a
    cell at correlation length L = 5 m."""
    least_cell_px: int = 4
    """The same for coarse pictures, whose errors go together over a few pixels at least."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if len(self.pair_prior) != 8 or any(len(row) != 8 for row in self.pair_prior):
            raise SettingsError("pair_prior must have 8 rows of 8")
        if any(value < 0.0 for row in self.pair_prior for value in row):
            raise SettingsError("pair_prior has a value below 0; allowed are 0 and above")
        _check_range("change_threshold", self.change_threshold, 0.0, 1.0)
        _check_range("coarse_change_threshold", self.coarse_change_threshold, 0.0, 1.0)
        _check_range("smoothing_sweeps", self.smoothing_sweeps, 0, 100)
        _check_range("cell_m", self.cell_m, 0.1, 10_000.0)

    def threshold_at(self, gsd_m: float) -> float:
        """Probability at which a pixel of that side, metres, is called changed."""
        return self.change_threshold if gsd_m <= self.coarse_gsd_m else self.coarse_change_threshold


@dataclass(frozen=True)
class BuildingSettings:
    """What counts as one building, and how it is drawn."""

    coarsest_gsd_m: float = 5.0
    """Pixel side from which no building is listed: a hall of 0.1 ha is ten Sentinel-2 pixels;
    SURVEY §4.3."""
    least_m2: float = 30.0
    """Smallest building, square metres."""
    least_side_px: float = 3.0
    """Its smallest side, pixels; SURVEY §4.3: pure-pixel rule."""
    least_inside_share: float = 0.5
    """Share of a building inside the aoi from which it is listed."""
    doubtful_probability: float = 0.55
    """Mean probability of a new building over its pixels below which its shape must speak."""
    doubtful_rectangularity: float = 0.5
    """Area over minimum rotated rectangle that a doubtful building must reach to be listed; an L
    of equal arms has 0.5 and more. Its hectares count all the same. Both are judgement, after the
    edge of a yard that the simulated site kosan listed at 0.50 and 0.33."""
    closing_m: float = 2.0
    """Cracks narrower than this do not part a building: ridges, skylight strips."""
    hole_share: float = 0.25
    """Holes up to this share of the region around them are roof: skylights, plant."""
    neck_m: float = 5.0
    """Necks narrower than this part two buildings."""
    neck_share: float = 0.5
    """A neck must also be narrower than this share of the narrower part that it joins."""
    merge_gap_m: float = 2.5
    """Gap up to which two regions are one building, if together they make a rectangle. Halls
    stand 6 m and more apart."""
    merge_rectangularity: float = 0.82
    """Area over minimum rotated rectangle that two regions must reach together: halves of 9 m
    with 2.4 m between them reach 0.85 at 0.5 m a pixel, pieces of unlike length less."""
    merge_ends_m: float = 2.0
    """How far the ends of two such regions may stand apart, metres: halves of a roof end at its
    gables. Without this, halls of 65 m and 55 m that a simulated site sets side by side became
    one."""
    rectangle_share: float = 0.7
    """Area over minimum rotated rectangle from which a rectangle is tried; METHODS §7."""
    rectangle_overlap: float = 0.85
    """Intersection over union of region and rectangle at which the rectangle stands."""
    polygon_overlap: float = 0.85
    """The same for a right-angled polygon."""
    polygon_most_corners: int = 16
    """Corners beyond which a right-angled polygon is no simpler than the outline."""
    pooled_azimuth_deg: float = 8.0
    """Buildings within this of the site's azimuth take it if they fit it as well."""
    pooled_loss: float = 0.02
    """Overlap that a building may lose by taking the site's azimuth."""
    frame_texture: float = 0.42
    """Brightness steps inside a building over those along its outline, from which it may be a frame
    or a foundation rather than a roof. 27 simulated frames at 0.3-1 m have 0.47 and more; of 53
    simulated roofs two have more than 0.38. Of 16 roofs seen later 4 have 0.43-0.89 (noise)."""
    frame_roughness: float = 1.2
    """The same over those of the ground beside it, which it must also reach: an even roof on even
    ground has hardly an outline either. The same frames have 1.38 and more."""
    cluster_gap_m: float = 60.0
    """Distance up to which buildings belong together; METHODS §7."""
    cluster_azimuth_deg: float = 10.0
    """Difference of azimuth, modulo 90°, up to which they do; SURVEY §3.1."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        _check_range("rectangle_share", self.rectangle_share, 0.0, 1.0)
        _check_range("least_m2", self.least_m2, 0.0, 1e6)


@dataclass(frozen=True)
class ClueWeights:
    """By how much each clue raises the logarithm of the error from site to site, per unit of it."""

    unsure: float = 0.96
    """Of 1 less the mean probability of the pixels that make up the sum."""
    doubt: float = 1.03
    """Of 1 less the mean probability of all codes at the site."""
    faint: float = 0.31
    """Of ln(1 + faint change over change)."""
    doubtful: float = 0.58
    """Of an alignment that is not good."""
    size: float = -0.34
    """Of ln(1 + hectares over `typical_hectares`): errors of many objects average out."""


@dataclass(frozen=True)
class AreaSettings:
    """What makes hectares uncertain, and which of them are worth a line."""

    least_reported_hectares: float = 0.005
    """Smallest from→to pair listed; totals are always listed."""
    least_shown_hectares: float = 0.02
    """Pairs below this stand together on one line of a terminal; report.json lists each. 0.02 ha
    is what no hectare is told from none by (`floor_hectares`), and a busy site has a dozen such."""
    site_error: tuple[tuple[float, float, float, float], ...] = (
        (0.75, 0.207, 1.02, 1.14),
        (1.5, 0.463, 2.34, 3.61),
        (5.0, 1.07, 2.93, 0.934),
        (100.0, 1.44, 4.52, 0.609),
    )
    """(gsd up to; standard deviation between sites of what a building is part of, and of other
    ground, shares of the area; multiple of the faint change that the upper end takes in): how far a
    model's hectares are off at a site that it never saw and that shows none of the clues, and how
    much of what it misses leaves how little of a trace. These, the clues' weights and upper_share:
    fitted to 401 simulated sites of all families, half of them strained, by
    ``benchmarks/hectares.py fit`` for the models open of 2026-11-26."""
    clue_weights: ClueWeights = field(default_factory=ClueWeights)
    """How much more it is off where the answer itself shows doubt."""
    site_error_range: tuple[float, float] = (0.08, 3.0)
    """Least and most of it with all clues. Two people who draw the same roofs differ by 5 % and
    more; beyond 3 the interval begins at a twelfth of the value and tells nothing."""
    upper_share: tuple[float, float] = (0.58, 0.80)
    """Spread upward over spread downward, of what a building is part of and of other ground."""
    typical_hectares: float = 0.1
    """Hectares of change from which a site's errors begin to average out: a hall."""
    floor_hectares: float = 0.02
    """Standard deviation of what is missed or imagined in an aoi of one hectare, hectares; half a
    small hall. It grows as the root of the aoi, as chance finds do that have nothing to do with
    each other. Added before the logarithm, so that less than about this reaches 0."""
    floor_px: float = 9.0
    """The same in pixels, where that is more: the smallest region of any code
    (`least_side_px` squared)."""
    edge_share: float = 1.0
    """Share of a region's outline along which a residual shift leaves a sliver."""
    unseen_prior_hectares: float = 0.5
    """Changed hectares added to what was seen before its share is carried over to the unseen
    part, for the upper end: little seen, much possible; a rule of succession."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if any(min(step) < 0.0 for step in self.site_error) or not self.site_error:
            raise SettingsError("site_error needs values of 0 or more")
        least, most = self.site_error_range
        if not 0.0 <= least <= most:
            raise SettingsError(f"site_error_range is {least} to {most}; allowed are 0 and above")


@dataclass(frozen=True)
class FitnessSettings:
    """When a pair is fit to answer, fit with caution, or not."""

    refuse_seen_share: float = 0.3
    """Share of the aoi seen by both pictures below which no hectare is given."""
    caution_seen_share: float = 0.95
    """The same below which the answer carries a caution."""
    refuse_residual_m: float = 5.0
    """Residual shift beyond which, and beyond `refuse_residual_px`, a pair is refused: a third of a
    hall's width of 15 m."""
    refuse_residual_px: float = 3.0
    """The same in pixels; beyond it the tolerance of the transition stage does not reach."""
    caution_residual_px: float = 1.0
    """Residual shift, pixels, beyond which the answer carries a caution."""
    caution_season_days: int = 60
    """Distance of the days of the year beyond which fields look different for their season."""
    smallest_side_m: float = 12.0
    """Narrow side of the smallest object asked about: a hall."""
    refuse_gsd_m: float = 40.0
    """Pixel side beyond which nothing asked about can be seen."""
    bright_level: float = 0.8
    """Share of full scale from which a pixel is bright as cloud, snow or saturation."""
    pale_saturation: float = 0.15
    """(max - min) / max of the visible bands below which a bright pixel is pale."""
    caution_pale_share: float = 0.4
    """Share of the aoi that is bright and pale beyond which there is a caution; towns have 0.33."""
    refuse_pale_share: float = 0.7
    """The same beyond which the pair is refused."""
    caution_contrast: float = 0.06
    """5th to 95th percentile of brightness over full scale below which a picture is called hazy."""
    refuse_contrast: float = 0.01
    """The same below which nothing is to be seen."""
    veil_lift: float = 0.26
    """Rise of the median dark channel (He, Sun & Tang 2011, doi:10.1109/TPAMI.2010.168) from one
    picture to the other, over full scale, from which haze, cloud or snow may veil it. Quiet pairs
    reach 0.12 (one all white 0.74), real ones 0.22; 6 of 20 hazed more: `benchmarks/veils.py`."""
    veil_contrast: float = 0.7
    """Local contrast over brightness, as a share of the other picture's, below which it then is
    refused. A stronger exposure lifts dark ground too, and leaves this as it is."""
    caution_agreement: float = 0.1
    """Correlation of the two pictures' edge strength, block by block, below which there is a
    caution; the tenth percentile of real pairs at 0.5-2 m is 0.17, the ninetieth of unrelated
    pictures 0.08."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.refuse_seen_share > self.caution_seen_share:
            raise SettingsError(
                f"refuse_seen_share ({self.refuse_seen_share}) must not be above "
                f"caution_seen_share ({self.caution_seen_share})"
            )


@dataclass(frozen=True)
class AlignmentSettings:
    """How two pictures are co-registered, and when that is to be believed."""

    model: Literal["auto", "shift", "affine", "field"] = "auto"
    """What the displacement may be; auto: what the tie points prove."""
    max_shift_m: float | None = None
    """Longest shift allowed, metres; None: a third of the picture's shorter side."""
    coarse_px: int = 512
    """Longer side of the level on which the first guess is made, px."""
    window_px: int = 64
    """Side of the windows that find tie points, px. Source: the trial's figure."""
    fine_window_px: int = 32
    """Side of the windows that follow local distortion, px. Source: as above."""
    least_window_px: int = 32
    """Smallest window that a small picture is cut into, px; below it nothing is unambiguous."""
    most_windows: int = 700
    """Windows compared in one pass."""
    most_fine_windows: int = 1200
    """Small windows compared in one pass. Source: the score's kind "all" at 512 px, 0.39 px against
    0.97 with 700."""
    unsure_px: float = 1.0
    """Radial deviation from which a place counts as unsure, px: `trust` calls this wrong."""
    most_unsure_share: float = 0.25
    """Share of the picture that may be unsure, or beyond all tie points, in a good alignment, 0-1.
    Source: 0.5 of the picture was blank in the one confident error of the score's seeds 200-205."""
    least_share: float = 0.6
    """Share of a window that both pictures must show, 0-1."""
    outlier: float = 3.5
    """Standardised miss beyond which a tie point is dropped."""
    near_px: float = 2.0
    """Farthest peak from the predicted place that the last passes believe, px. Source: the score's
    kind "all" at 512 px, 0.28 px against 0.40 without."""
    lean_px: float = 0.004
    """Deviation of the whole by which sharp tie points lean where their scatter says less, px.
    Source: real pairs 400-411 under haze and another tone curve, sharp against blurred 0.001-0.037,
    median 0.004."""
    agree_px: float = 1.5
    """Farthest peak from zero, seen from either picture, of a held-back window that agrees, px."""
    fail_share: float = 0.12
    """Share of held-back windows in agreement below which the alignment failed, 0-1. Source of this
    and the next five: `benchmarks/registration.py trust`, seeds 4000-4299 and 7000-7299. Of pairs
    that show nothing in common at most 4 of 15 agreed, 2 of them closely; of right ones 7 and 6."""
    fail_close: int = 2
    """Windows in close agreement below which it failed."""
    close_any: int = 8
    """Windows in close agreement that are no chance among any number, though doubtful if few: of
    140, where one in 190 does by chance, once in a million times."""
    doubt_share: float = 0.25
    """As `fail_share`, below which it is doubtful."""
    close_px: float = 0.5
    """Farthest peak from zero of a held-back window that agrees closely, px: in pairs that show
    nothing in common one in 190 does, both ways."""
    close_count: int = 4
    """Windows in close agreement below which it is doubtful."""
    doubt_spread: float = 0.4
    """Share of the picture's sixteen parts with compared windows in which one must agree, 0-1, for
    an affine or a local alignment to be good."""
    doubt_spread_shift: float = 0.3
    """The same for a shift. Source: a quarter of the scene rebuilt and a tenth moved out of view
    leaves a third of the parts, `trust` as above."""
    worse_agreement: float = 0.02
    """Fall of the agreement that is still put down to chance."""
    most_rival: float = 0.75
    """Height of a second peak over the first from which the ground is said to repeat itself.
    Source: below 0.6 in eight of the score's cases; at 0.9 one of 16 pairs of strips passed."""
    unproven_residual_m: float = 1.0
    """Residual shift assumed for crops of one frame that could not be registered, metres: the
    median of LEVIR-CD's pairs as they come, 2 px of 0.5 m."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.max_shift_m is not None and self.max_shift_m <= 0:
            raise SettingsError(f"max_shift_m is {self.max_shift_m}; allowed is more than 0 metres")


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
        _check_range("most_side_px", self.most_side_px, 64, 8192)
        _check_range("clipped_share", self.clipped_share, 0.0, 0.2)
        _check_range("gamma", self.gamma, 0.2, 5.0)


@dataclass(frozen=True)
class SummarySettings:
    """How a site's hectares become words in the tables of many sites; no hectare depends on it.

    Judgement from DOMAIN.md (clusters of 1.5-2 ha, halls, streets of houses), not fitted.
    """

    least_share: float = 0.2
    """Share of the ground built on from which a site counts as built on that kind of ground."""
    least_hectares: float = 0.05
    """The same in hectares: half a small hall. A site can count under several kinds."""
    least_kept_hectares: float = 0.1
    """Greenhouse on both dates from which a site counts as beside surviving greenhouses."""
    house_hectares: float = 0.02
    """Roof up to which a building may be a house, hectares."""
    house_width_m: float = 12.0
    """Narrow side up to which it may."""
    least_houses: int = 5
    """New houses from which a site counts as built together with housing."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        _check_range("least_share", self.least_share, 0.0, 1.0)
        _check_range("least_houses", self.least_houses, 1, 10_000)


@dataclass(frozen=True)
class AssessmentSettings:
    """How a reference is turned into separate sampled units."""

    spacing_m: float = 10.0
    """Distance at which pixels of a reference err separately, metres: twice the correlation
    length of 5 m of SURVEY §4.2; one pixel where the map's are coarser."""


@dataclass(frozen=True)
class TeachingSettings:
    """How polygons drawn on a picture refit a model's classifier."""

    least_regions: int = 4
    """Drawn regions below which nothing is learned; leaving one out must leave some."""
    region_pixels: int = 400
    """Pixels of a region that are looked at, evenly spaced."""
    region_weight: int = 25
    """Separate observations that a region counts for at most: its pixels err together."""
    pulls: tuple[float, ...] = (0.1, 1.0, 10.0, 100.0, 1000.0)
    """Strengths of the hold on the old classifier that are tried, observations per unit²."""
    folds: int = 10
    """Parts into which regions are dealt, each judged by the fit to the others."""


@dataclass(frozen=True)
class Settings:
    """All parts; written into every report so that a result can be repeated."""

    grid: GridSettings = field(default_factory=GridSettings)
    alignment: AlignmentSettings = field(default_factory=AlignmentSettings)
    radiometry: RadiometrySettings = field(default_factory=RadiometrySettings)
    transition: TransitionSettings = field(default_factory=TransitionSettings)
    buildings: BuildingSettings = field(default_factory=BuildingSettings)
    area: AreaSettings = field(default_factory=AreaSettings)
    fitness: FitnessSettings = field(default_factory=FitnessSettings)
    preview: PreviewSettings = field(default_factory=PreviewSettings)

    def as_dict(self) -> dict[str, Any]:
        """Plain nested values for the report."""
        return asdict(self)
