"""How hectares get their intervals, and what is fit to be answered."""

from __future__ import annotations

from dataclasses import dataclass, field

from landshift.errors import SettingsError
from landshift.settings.range import check_range


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
    """Pairs below this stand together on one line for a person; report.json lists each. 0.02 ha
    is what no hectare is told from none by (`floor_hectares`), and a busy site has a dozen such."""
    least_shown_share: float = 0.02
    """Of all that changed; pairs below it stand there too, but where the interval begins at
    `least_shown_hectares` or more. Judgement: of a village of 26 ha 31 pairs are above 0.02 ha;
    the 8 that are above this as well hold four fifths of the change."""
    least_hundredths_hectares: float = 0.1
    """Site from which its hectares are told in hundredths; of a smaller one, of which a hundredth
    is more than a tenth, in square metres (four decimals)."""
    site_error: tuple[tuple[float, float, float, float], ...] = (
        (0.75, 0.279, 1.14, 0.848),
        (1.5, 0.381, 2.45, 1.6),
        (5.0, 0.683, 2.93, 1.18),
        (100.0, 1.44, 4.52, 0.609),
    )
    """(gsd up to; standard deviation between sites of what a building is part of, and of other
    ground, shares of the area; multiple of the faint change that the upper end takes in): how far a
    model's hectares are off at a site that it never saw and that shows none of the clues, and how
    much of what it misses leaves how little of a trace. These, the clues' weights and upper_share:
    fitted to 401 simulated sites of all families, half of them strained, by
    ``benchmarks/hectares.py fit`` for the models open of 2026-11-26. Up to 5 m ``fit --alone`` for
    those of 2026-11-28, RGB up to 1.5 m and with near infrared beyond. Other ground beyond 1.5 m
    runs to the end of `site_error_range` in that, so what it was stands; and so does the last step,
    for which it gives 1.15: one in five strained sites at 10 m where no building changed would
    begin above 0, now one in seven. For RGB of 2026-11-29 it gives less, 0.199 and 0.297 of
    buildings (400 sites): not taken, as real pairs are further from what was learned than simulated
    ones, and of 42 the intervals hold 37 as they are."""
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

    refuse_pixels: int = 4
    """Pixels of the aoi below which a pair is refused: fewer than two by two have no contrast and
    no edges that anything could be judged by."""
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
    snow_upper_quartile: float = 0.75
    """Upper quartile of the ground's light, from 0, the picture's dark end, to 1, its bright one,
    from which snow may lie; without snow 0.45 to 0.6. With the next three it refuses 48 of 60
    simulated pairs under snow, and of the families without, season and haze apart, none:
    `benchmarks/veils.py`. Chosen on other simulated scenes."""
    caution_snow_upper_quartile: float = 0.65
    """The same from which there is a caution, if the median rose as well."""
    snow_median: float = 0.45
    """The same of its median."""
    snow_colourless: float = 0.88
    """Median of darkest over brightest visible band from which ground is as pale as snow."""
    snow_rise: float = 0.1
    """How far that median must lie above the other picture's for the pair to be refused."""
    caution_snow_share: float = 0.02
    """Share of the aoi that is snow by its spectrum, where short wave infrared is there, from which
    there is a caution. Without snow at most 0.001 of 29 simulated pictures."""
    refuse_snow_share: float = 0.3
    """The same from which the pair is refused. Of simulated pairs of which snow hides a quarter of
    the open ground (0.16-0.38), one in three tells hectares of nothing."""
    caution_infrared_apart: float = -0.05
    """`colour.infrared_apart` below which bands may stand in another order. Of 60 simulated and 40
    real pictures of right order none is below -0.01; with near infrared and a colour exchanged all
    but one of the simulated and 28 to 35 of the real ones are."""
    caution_shadow_share: float = 0.04
    """Share of the ground in a broad shadow on one date from which there is a caution. Of 30
    simulated pairs one has 0.03, the others, and five real ones, up to 0.011; under a cloud's
    shadow 25 of 30 have 0.05 and more."""
    caution_saturation: float = 0.05
    """(max - min) / max of the visible bands that nine tenths of a picture's blocks stay below,
    under which it has next to no colour. Of 98 real pictures the least is 0.11, of 368 simulated
    ones without snow 0.07."""
    caution_order_gain: float = 0.3
    """How much better the colours of both dates agree (mean correlation) with the bands of one in
    another order, from which that order is told. Of 49 real pairs of 0.2-2 m none gains so much, of
    ten of fields at 5 m one, bare before and green after, and of 200 simulated ones at 3 m five;
    with one date's red and blue exchanged a third do, and two thirds of simulated pairs."""
    same_side_px: int = 5
    """Side of the squares whose pixels are equal on both dates, and differ from each other, where
    both show one picture. Of 56 real and simulated pairs of two days, 0.2-30 m, none has a single
    such square."""
    caution_same_share: float = 0.05
    """Share of the site that is one picture on both dates, digit by digit, beyond which there is a
    caution. 0 on 56 real and simulated pairs of two days."""
    drawn_agreement: float = 0.9
    """Correlation of gradient directions, before anything is moved (`Alignment.agreement_before`),
    from which the rest of such a pair is the same picture in other tones, and no other day. At most
    0.62 on 23 simulated and real pairs of two days, 0.5-30 m; 0.99 where tones alone were
    changed."""
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
        check_range("least_share", self.least_share, 0.0, 1.0)
        check_range("least_houses", self.least_houses, 1, 10_000)


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
