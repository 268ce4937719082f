"""How pictures are co-registered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from landshift.errors import SettingsError


@dataclass(frozen=True)
class FieldSettings:
    """How flexible a displacement field may be, and how its tie points weigh."""

    outlier: float = 3.5
    """Standardised miss beyond which a tie point is dropped."""
    most_tried: int = 160
    """Tie points, evenly taken, by which the kind of field is chosen: each trial costs their number
    to the third."""
    shortest: float = 12.0
    """Correlation lengths of a field to the grid's longer side, at most. Shorter ones follow the
    lean of single roofs and trees, not the ground."""
    strengths: tuple[float, ...] = (10.0**1.5, 10.0**3.0, 10.0**4.5, 10.0**6.0)
    """Variances of a smooth part over one tie point's that are tried. None as weak as the tie
    points' own scatter: that is how a turn looks through aliasing, which pulls every window by its
    own sub-pixel place. Source: the score's kind rotscale, seeds 400-411, 10 of 12 fitted so, and
    an affine map nearer the truth in each."""
    reach_step: float = 1.3
    """Factor of reach by which the best of a coarse search is bettered. Source: with the next and
    `tails` the score's kind "all", seeds 400-417, 0.27 px on average against 0.32, of which half is
    the tails'."""
    strength_step: float = 10.0**0.5
    """The same of strength."""
    bend_variance_limit: float = 2.5
    """Variance of a smooth part over what the tie points show of it, at most: what they do not
    show, no ground beyond them need follow. A smoother and stronger one fits a wave as well and
    runs away from its last tie point. Source: the score's kind distort where 60 % is blank, six
    seeds 403-447: 1.2 px with 1.5 as with 2.5, 1.8 without, 3.0 where slopes too are free (the
    truth's own mean would miss by 1.1); in full pictures, seeds 400-402, 0.013 px in every case;
    "all" is a little better with 2.5."""
    tails: float = 4.0
    """Degrees of freedom of the tie points' errors in a field; 4 is the customary choice where they
    are not estimated (Lange, Little & Taylor 1989, doi:10.1080/01621459.1989.10478852)."""

    @property
    def faintest(self) -> float:
        """Variance of a smooth part over one tie point's below which none is looked for."""
        return min(self.strengths)


@dataclass(frozen=True)
class UncertaintySettings:
    """What the uncertainty of an alignment adds to the scatter of its tie points.

    Source of all: `benchmarks/registration.py uncertainty`; with these the 90th percentile of error
    over stated deviation is 1.0-2.1 for the worst pair of each kind.
    """

    aliasing_px: float = 0.0022
    """Radial error that no scatter shows. Source: kinds shift5, shift30 and change30, seeds
    400-403: 0.001-0.003 px where the scatter says 0.0005."""
    common: float = 0.10
    """Share of a tie point's deviation that its neighbours have in common, seen as error of the
    whole, for a trend through blurred tie points."""
    common_sharp: float = 0.25
    """The same for a trend through sharp ones, which lean together."""
    common_in_field: float = 0.5
    """The same for a field."""
    aliasing_kept: float = 0.4
    """Share of the aliasing of sharp tie points that blurred ones keep, at most: where a picture is
    sharper than its pixels, the distance between both is seen as this much error. Source: as for
    the next."""
    aliasing_on_slopes: float = 20.0
    """Tie points that lean alike where aliasing differs from place to place, as it does under a
    turn: so many times its variance weighs on a trend's slopes, and on what they say beyond all tie
    points. Source: seeds 0-5 and 100-105: 90th percentiles of each kind 1.4-1.9 with both, up to
    2.9 without."""
    far_windows: float = 1.5
    """Distance to the nearest tie point, in windows or in their spacing where they are few, beyond
    which a slope or a bend is extrapolated. Judgement: there no window shows any of the ground,
    whose middle half rules it; not fitted."""


@dataclass(frozen=True)
class DrawingSettings:
    """What was drawn over both pictures alike, and is no ground.

    Source: pairs of `simulate_pair`, seeds 51000-51023 at 0.5-2 m, as they are, as JPEG of quality
    50 and under frames, captions, labels; then real pairs (NAIP, Sentinel-2), which show less.
    """

    block_px: int = 4
    """Side of the blocks that are compared, px: the strokes of a label."""
    block_apart: float = 0.1
    """Difference of both pictures' gradients over their sum below which a block is the same in
    both. Of blocks of ground 0-0.4 % are, of real ground none of 1000; under captions and borders
    more than nine in ten."""
    line_px: int = 24
    """Length of the pieces, one pixel wide, by which lines of a map's grid are compared, px. Faint
    ones escape: 7 of 12 pairs of two places under one grid remain, called doubtful."""
    line_apart: float = 0.15
    """The same for a piece of a line: of ground 0-0.4 % are (1.2 % once), of real ground next to
    none."""
    line_share: float = 0.5
    """Share of the pieces of a row, or of a column, from which all of it is a line: labels' boxes
    that stand side by side make 0.4."""
    most_share: float = 0.5
    """Share of the blocks that vary above which the pictures themselves are the same one, part of
    it altered, and nothing is taken for a drawing. Judgement: frame, furniture and eight labels
    together make 0.17, one picture altered by a tenth 0.9."""
    alike_apart: float = 0.3
    """As `block_apart`, below which blocks are alike: 0.8 apart are those of unrelated ground."""
    most_alike: float = 0.12
    """Share of the other blocks that are alike above which the ground lies as the drawings do, and
    none can be told from it. Source: up to 0.08 beside drawings, ground 1 or 5 px off; 0.16 and
    more in `simulate_quiet`'s pairs, seeds 900-903, whose dates share the grain of the ground."""


@dataclass(frozen=True)
class BlockSettings:
    """When edges of JPEG blocks may have held an alignment.

    Source: before pictures of `simulate_pair`, seeds 51000-51004, enlarged 4 to 8 times, against
    themselves in another light 2 px on, as JPEG of quality 90 to 50.
    """

    height: float = 1.8
    """Step across the edges of blocks over that elsewhere from which they may hold an alignment.
    Pictures of 2.5-3 missed by up to 2.1 px, those below 1.8 by up to 0.4 px; not enlarged,
    quality 50 makes 1.7."""
    near_px: float = 2.5
    """Distance of a displacement to whole blocks up to which they may have held it, px: half-way
    between them nothing was held."""


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
    near_px: float = 2.0
    """Farthest peak from the predicted place that the last passes believe, px. Source: the score's
    kind "all" at 512 px, 0.28 px against 0.40 without."""
    blur_px: float = 1.75
    """Deviation of the Gaussian that removes aliasing, px. Where a picture is sharper than its
    pixels, what lies beyond half the sampling rate folds back and pulls every tie point toward
    whole pixels, by up to 0.03 px; across unlike bands, where only sharp detail agrees, blur costs
    more than it gains."""
    noisy_blur_px: float = 1.2
    """The same where noise moves the whole by more than aliasing does: of white noise this much
    leaves 8 % less error. Source: the score's kind noise2, seeds 400-447."""
    blurred_scatter: float = 1.25
    """Scatter of blurred tie points over that of sharp ones up to which they are preferred. Source:
    the score's seeds 0-5 and 200-205: 0.2-1.0 in one band, 1.9-3.3 across red and near infrared."""
    bent_windows: float = 4.0
    """Windows to a field's correlation length above which smaller ones would only add noise."""
    bent_px: float = 0.1
    """Bend, rms px, above which large windows lose more than they gain: by a Hann window of 64 px
    12 % of a wave of 150 px is lost."""
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
    uncertainty: UncertaintySettings = field(default_factory=UncertaintySettings)
    """How far an alignment is to be believed at each place."""
    drawings: DrawingSettings = field(default_factory=DrawingSettings)
    """What is no ground, and is left out."""
    blocks: BlockSettings = field(default_factory=BlockSettings)
    """What holds enlarged JPEG pictures."""
    field: FieldSettings = field(default_factory=FieldSettings)
    """How a displacement field is fitted."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.max_shift_m is not None and not self.max_shift_m > 0:  # nan too
            raise SettingsError(f"max_shift_m is {self.max_shift_m}; allowed is more than 0 metres")
