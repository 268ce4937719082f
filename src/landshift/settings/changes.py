"""How two dates' classes become transitions, and transitions buildings."""

from __future__ import annotations

from dataclasses import dataclass

from landshift.errors import SettingsError
from landshift.settings.range import check_range, is_up_to


@dataclass(frozen=True)
class TransitionSettings:
    """How two dates' classes and the evidence of change become from→to."""

    kind_prior: tuple[float, float, float, float] | None = None
    """Share of same, gained, lost and other pixels to expect at a site; None: that of the
    evidence's training. Whoever asks suspects change, so the training's is kept until sites
    nobody picked say otherwise."""
    pair_prior: tuple[tuple[float, ...], ...] = (
        # to: crop  green build bare  paved woody herb  water
        (1.00, 0.40, 0.94, 1.21, 1.00, 0.14, 0.25, 0.37),  # cropland
        (0.40, 1.00, 1.09, 1.46, 1.23, 0.13, 0.18, 0.24),  # greenhouse
        (0.94, 1.09, 1.00, 1.27, 0.72, 0.39, 0.67, 0.15),  # building
        (1.21, 1.46, 1.27, 0.60, 1.41, 0.68, 0.82, 0.47),  # bare
        (1.00, 1.23, 0.72, 1.41, 1.00, 0.33, 0.49, 0.17),  # paved
        (0.14, 0.13, 0.39, 0.68, 0.33, 1.00, 0.29, 0.12),  # woody
        (0.25, 0.18, 0.67, 0.82, 0.49, 0.29, 0.90, 0.24),  # herbaceous
        (0.37, 0.24, 0.15, 0.47, 0.17, 0.12, 0.24, 1.00),  # water
    )
    """How readily a pair is believed, from before-class (row) to after-class (column), relative
    within its kind of change. Symmetric, so that swapping the pictures mirrors the table. Off the
    diagonal the geometric mean of a first judgement and of a fit to what became what in simulated
    scenes (``benchmarks/pair_prior.py WORK``). The judgement added up to 1.38, 1.23 and 1.17 of the
    cropland that was built on or paved (RGB, + near infrared, ten bands) and 0.55, 0.58 and 0.46 of
    the ground that was cleared; the fit alone to 0.94, 0.84, 0.76 and 0.77, 0.80, 0.63; the mean to
    1.15, 1.03, 0.96 and 0.66, 0.69, 0.54. On the diagonal judgement still, as ploughing is not
    simulated in its true share: ground seen as cropland once and bare once is cropland."""
    replaced_prior: float = 0.11
    """The same of building that gave way to another building, in each of the kinds of change; the
    mean of judgement and fit as well."""
    smoothing_pull: float = 1.0
    """Weight of a like neighbour against the pixel's own value, in edge-aware smoothing."""
    smoothing_sweeps: int = 6
    """Steps of that smoothing; the reach is about as many pixels."""
    smoothing_coarsest_gsd_m: float = 5.5
    """Pixel side up to which there is any, metres: where the models for RGB + near infrared end. A
    hall is a handful of pixels at 10 m. Source: ``benchmarks/held_out.py --family multispectral
    --scenes 100 --first-seed 41000000``: buildings gained or lost F1 0.42 smoothed, 0.44 left
    alone, other changes 0.61 and 0.60. At 3 m and finer both are alike within 0.005."""
    edge_contrast: float = 3.0
    """Step between neighbours, in median steps of the picture, at which they count as unlike."""
    shift_reach: float = 1.5
    """Reach of the tolerance in units of the residual RMS: nine in ten radial errors lie within,
    1 - exp(-1.5²)."""
    most_shift_px: float = 3.0
    """Residual shift, pixels, beyond which tolerance does not grow: it would swallow buildings."""
    change_threshold: float = 0.3
    """Probability of change at which a pixel's code says so. The probabilities are calibrated, and
    those that make a best F1 of 0.6 to 0.8 are called from half of that on (Lipton et al. 2014,
    arXiv:1402.1892). On 100 simulated pairs of each family that no model saw, F1 of all change is
    0.790, 0.783 and 0.713 (RGB, + near infrared, ten bands); at 0.5 it is 0.761, 0.768 and 0.693
    (`benchmarks/held_out.py --scenes 100 --first-seed 41000000`)."""
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
    frame_roof: float = 0.5
    """Share of such a region's rim beyond which roofs gained or lost make it a hole in a roof and
    no frame. Judgement: a frame stands among frames, and a hall covers what it stands on."""
    frame_coarsest_gsd_m: float = 1.5
    """Pixel side from which frames are not looked for: tunnels are 6 m wide, and four pixels across
    show both their edges."""
    lean_m: float = 6.0
    """Width up to which a strip of roof along a standing one may be that roof, seen leaning,
    metres: 16 m of height at 20° from above."""
    lean_contact: float = 0.4
    """Share of such a strip's rim that must be roof on both dates: less than half, as its far side
    and its ends are not. Of what both call so on 100 simulated pairs kept for calibration (seeds
    10 000 100 and up), a tenth was gained or lost: 0.03 ha of 0.31, of 36 ha called in all."""
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
        check_range("change_threshold", self.change_threshold, 0.0, 1.0)
        check_range("smoothing_sweeps", self.smoothing_sweeps, 0, 100)
        check_range("smoothing_coarsest_gsd_m", self.smoothing_coarsest_gsd_m, 0.0, 1000.0)
        check_range("cell_m", self.cell_m, 0.1, 10_000.0)

    def sweeps_at(self, gsd_m: float) -> int:
        """Steps of smoothing for pixels of that side, metres."""
        return self.smoothing_sweeps if is_up_to(gsd_m, self.smoothing_coarsest_gsd_m) else 0


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
    closing_m: float = 1.8
    """Cracks narrower than this do not part a building: ridges, skylight strips. Of the pixels
    whole numbers alone count: cracks of two at 0.5 m, four at 0.45 m, none beyond 0.9 m."""
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
    strong_percentile: float = 90.0
    """Of a region's probabilities: what its buildings have, whatever lies between them."""
    weak_share: float = 0.5
    """Share of that strong probability which counts as none when parts are rated: half the height
    of a blurred edge."""
    most_parts: int = 60
    """Cores beyond which a region is noise at that level; a street has fewer houses. Judgement."""
    core_levels: tuple[float, ...] = (0.55, 0.65, 0.75, 0.85, 0.92)
    """Shares of a region's strong probability at which it may fall into several buildings. These
    and the next five were set on 40 simulated pairs of 0.3-1 m that ``benchmarks/halls.py --gsd
    0.3,0.5,0.7,1.0 --first-seed 33000000`` makes, of its first 90 those from the 21st on: of new
    roofs of 150 m² and more, 0.47 were found before at 0.7-1 m and 0.73 then, and 0.60 and 0.75 of
    those listed were right; at 0.3-0.5 m 0.74 and 0.73, 0.80 and 0.79."""
    core_m2: float = 12.0
    """Least of one of them at such a level, square metres: the middle of a house."""
    core_share: float = 0.2
    """The same as a share of the largest: a speck of a roof is not a building beside it."""
    gap_trim: float = 0.65
    """Share of a region's strong probability below which a pixel belongs to none of its parts."""
    gap_gain: float = 0.05
    """By how much rectangles must explain the probabilities better, 0-1, for parts to be kept."""
    part_rectangularity: float = 0.72
    """Intersection over union of parts and their rectangles below which they are pieces of a roof,
    not roofs."""
    rim_share: float = 0.5
    """Share of a region's strong probability below which its rim is none of the building: where a
    blurred edge lies. On those pairs roofs at 0.3-0.5 m came out 4 % too large before and 2 %
    then, 62 % and 68 % of them within 10 %."""
    rim_px: float = 2.5
    """How deep such a rim may be, pixels: the blur of the pictures and of the network."""
    roof_coarsest_gsd_m: float = 1.1
    """Pixel side up to which a part of a roof is completed by the roof's colours, metres: as far as
    it was tried. This and the other ``roof_`` settings were set on simulated pairs as
    ``benchmarks/halls.py --pairs 60 --first-seed 35000000``, ``--pairs 50 --first-seed 36000000``
    and ``--pairs 40 --gsd 0.7,1.0 --first-seed 37000000`` make them: of new roofs of 150 m² and
    more 0.65, 0.64 and 0.56 were found before, 0.71, 0.71 and 0.59 then; of those listed 0.68, 0.51
    and 0.58 were right, and then 0.72, 0.61 and 0.63."""
    roof_reach_m: float = 60.0
    """How far a roof may go on beyond its part, metres; half of the longest halls. Judgement."""
    roof_reach: float = 6.0
    """The same in lengths of the part: a house is not sought a street away. At 3 all was the
    same."""
    roof_spreads: float = 2.5
    """Deviation from the middle colour of a slope, in its own standard deviations in the most
    deviant band, up to which a pixel is of the roof."""
    roof_least_spread: float = 3.0
    """Least of that standard deviation, in median steps of the picture from pixel to pixel."""
    roof_least_slope: float = 0.08
    """Share of a part's pixels below which a second colour is plant and skylights, not a slope.
    Judgement."""
    roof_opening_m: float = 0.8
    """Radius of the disc that must fit wherever a roof goes on, metres: not along a gutter."""
    roof_most_growth: float = 12.0
    """Area of a roof over that of its part beyond which nobody would call it a part of it."""
    roof_cover: float = 0.8
    """Share of another, smaller part that must lie within a roof for it to be taken up by it."""
    roof_rectangularity: float = 0.8
    """Area of a roof over its minimum rotated rectangle that it must reach: yards and streets of
    its colour do not."""
    roof_least_probability: float = 0.03
    """Median probability of a new building that what is added must have."""
    roof_most_standing: float = 0.5
    """Share of what is added from which it is a roof that stood before. Judgement."""
    rectangle_overlap: float = 0.85
    """Intersection over union of region and rectangle at which the rectangle stands."""
    polygon_overlap: float = 0.85
    """The same for a right-angled polygon."""
    pooled_azimuth_deg: float = 8.0
    """Buildings within this of the site's azimuth take it if they fit it as well."""
    pooled_loss: float = 0.02
    """Overlap that a building may lose by taking the site's azimuth."""
    least_azimuth_px: float = 6.0
    """Narrow side, pixels, from which a building has a direction. Of 209 found houses of up to 6
    px of simulated sites at 3 m, six in ten were off by more than 10°, modulo 90; of 61 larger
    buildings at 0.5-3 m none."""
    stage_coarsest_gsd_m: float = 2.0
    """Pixel side up to which a frame is told from a roof: as far as it was tried. On 12 simulated
    sites at 1, 1.5 and 2 m, 11 frames and 36 roofs that were found were all named rightly."""
    least_stage_px: int = 9
    """Pixels inside a building, two from its rim, without which it is not told. Judgement."""
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
        check_range("rectangle_overlap", self.rectangle_overlap, 0.0, 1.0)
        check_range("least_m2", self.least_m2, 0.0, 1e6)
