"""What a training run is made of; a TOML file, packaged or the user's own."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, dataclass, field, fields
from importlib import resources
from pathlib import Path

from landshift.errors import SettingsError
from landshift.legend import Cover
from landshift.model import TURNS, Widths
from landshift.sensor import FAMILY_BANDS, Family


@dataclass(frozen=True)
class Recipe:
    """All numbers of a training run; with the same material and seed it gives the same model."""

    name: str
    """Name of the model."""
    family: Family
    """Which sensors it is for."""
    licence: str
    """What the trained weights may be used for, in one line."""
    reference_gsd_m: float
    """Side of a pixel that the network's gsd channel calls zero, metres."""
    finest_gsd_m: float
    """Finer pictures are brought to this before the network sees them, metres."""
    coarsest_gsd_m: float
    """Coarser pictures are refused, metres."""
    simulated_pairs: int
    """Scenes to simulate for training."""
    simulated_px: int
    """Side of a simulated scene, pixels."""
    simulated_share: float
    """Share of examples drawn from simulated pairs, 0-1; the rest from labelled pictures."""
    held_out_pairs: int
    """Scenes simulated for calibration, of other seeds."""
    crop_px: int
    """Side of an example, pixels; a multiple of 16."""
    batch: int
    """Examples a step."""
    steps: int
    """Steps of the optimiser."""
    learning_rate: float
    """Highest rate of a one-cycle schedule, AdamW."""
    seed: int
    """Of everything random."""
    first_pair: int = 1
    """Seed of the first scene; a run that learns on begins where the one before ended."""
    start: str = ""
    """Model whose weights are learned on from, by name or path; empty: from random ones."""
    also: str = ""
    """Another model, learned from other material beginning where ``start`` did: the weights begin
    at the mean of both, which holds up as well as either or better (Wortsman et al. 2022, "Model
    soups", arXiv:2203.05482)."""
    blend: float = 1.0
    """Share of what was learned in the weights, 0-1; the rest is ``start``. Halfway a model keeps
    more of what its first material taught it: Wortsman et al. 2022, "Robust fine-tuning of
    zero-shot models" (arXiv:2109.01903), who recommend 0.5 where nothing can be measured."""
    second_look: tuple[float, float] = (0.0, 0.0)
    """Weight of a second look at pixels twice as coarse, in classes and in change
    (`model.Model.second_look`)."""
    third_look: float = 0.0
    """Weight of a third look at pixels four times as coarse, in classes
    (`model.Model.third_look`)."""
    context: bool = False
    """Change is told from what the network makes of pixels twice as coarse as well, and both looks
    learn together (`model.Model.context`). Norms of the features keep what they have of ``start``:
    pictures of so many sizes of pixels have no common mean and spread."""
    turns: int = 1
    """Ways up that the model looks at a picture (`model.Model.turns`); it learns from all."""
    native_share: float = 0.0
    """Share of the crops of labelled pictures that keep their own pixels, or the finest that
    the network reads; the others are brought to a random side. Whoever asks, asks at a picture's
    own pixels."""
    style_mixing: float = 0.0
    """Share of the steps in which the pictures of a batch trade means and spreads of their first
    features, so that a simulated roof is seen in the manner of a real picture and the other way
    round (Zhou et al. 2021, "Domain Generalization with MixStyle", arXiv:2104.02008, who take
    0.5)."""
    change_alone: bool = False
    """Only the layers that tell change learn; features and classes stay what ``start`` made them.
    Learning on bends features towards the new material and away from pictures of other kinds
    (Kumar et al. 2022, arXiv:2202.10054); where labels of change alone were wrong, nothing else
    needs to move."""
    classes_as_begun: float = 0.0
    """Where it is above 0, classes are learned from what the network of ``start`` says of the same
    pictures, with this weight, and not from labels (Li & Hoiem 2016, "Learning without
    Forgetting", arXiv:1606.09282). So features learn for change, and classes do not follow them to
    the material: labels of simulated scenes had cost the fields of real pictures."""
    classes_redrawn: tuple[str, ...] = ()
    """Classes between which labels decide all the same: what both the labels and the network of
    ``start`` call one of them is learned from labels, with the same weight a pixel. So the line
    between two classes can be moved, and no other with it."""
    widths: Widths = field(default_factory=Widths)
    """Channels of the network, as wide as that of ``start`` at least."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        if self.family not in FAMILY_BANDS:
            allowed = list(FAMILY_BANDS)
            raise SettingsError(f"recipe family is {self.family!r}; allowed are {allowed}")
        if not 0.0 <= self.blend <= 1.0 or (self.blend < 1.0 and not self.start):
            raise SettingsError(
                f"blend is {self.blend}; allowed are 0 to 1, and below 1 only with a start"
            )
        if self.turns not in TURNS:
            raise SettingsError(f"turns is {self.turns}; allowed are 1, 2 and 4")
        for share in ("native_share", "style_mixing"):
            if not 0.0 <= getattr(self, share) <= 1.0:
                raise SettingsError(f"{share} is {getattr(self, share)}; allowed are 0 to 1")
        self._check_what_is_kept()
        second = self.second_look[0]
        if not 0 <= self.third_look < 1 - second or (self.third_look > 0 and second == 0):
            raise SettingsError(
                f"third_look is {self.third_look}; allowed are 0 and, beside a second look of "
                f"{second} in classes, more, below 1 together"
            )
        coarsest = self.context or self.third_look > 0
        unit = 64 if coarsest else 32 if max(self.second_look) > 0 else 16
        if self.crop_px % unit or self.crop_px < 32:
            raise SettingsError(
                f"crop_px is {self.crop_px}; allowed are multiples of {unit} from 32"
            )

    def _check_what_is_kept(self) -> None:
        """Refuse to keep what there is not, or to learn what is kept."""
        if self.also and not self.start:
            raise SettingsError(f"also is {self.also!r}; allowed only with a start")
        if self.change_alone and not self.start:
            raise SettingsError("change_alone is true; allowed only with a start")
        if self.classes_as_begun < 0.0 or (
            self.classes_as_begun > 0.0 and (self.change_alone or not self.start)
        ):
            raise SettingsError(
                f"classes_as_begun is {self.classes_as_begun}; allowed are 0 and, with a start and "
                "without change_alone, above"
            )
        known = [cover.label for cover in Cover]
        if unknown := sorted(set(self.classes_redrawn) - set(known)):
            raise SettingsError(f"classes_redrawn has {unknown}; allowed are {known}")
        if self.classes_redrawn and (
            len(set(self.classes_redrawn)) == 1 or self.classes_as_begun == 0
        ):
            raise SettingsError(
                f"classes_redrawn is {list(self.classes_redrawn)}; allowed are none, and two or "
                "more with classes_as_begun above 0"
            )
        if self.context and not self.start:
            raise SettingsError("context is true; allowed only with a start")


def read_recipe(name_or_path: str) -> Recipe:
    """A packaged recipe by name, or a TOML file by path.

    Raises
    ------
    SettingsError
        When there is no such recipe, or a field is missing, unknown or out of range.
    """
    packaged = resources.files("landshift") / "recipes" / f"{name_or_path}.toml"
    source = Path(name_or_path) if name_or_path.endswith(".toml") else packaged
    try:
        values = tomllib.loads(source.read_text())
    except FileNotFoundError:
        why = "neither packaged nor a .toml file"
        raise SettingsError(f"no recipe {name_or_path!r}: {why}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"recipe {name_or_path} is not TOML: {error}") from error
    known = {f.name for f in fields(Recipe)}
    needed = {f.name for f in fields(Recipe) if f.default is f.default_factory is MISSING}
    if wrong := sorted((needed - set(values)) | (set(values) - known)):
        raise SettingsError(f"recipe {name_or_path}: missing or unknown fields {wrong}")
    for pairs in ("second_look", "classes_redrawn"):
        if pairs in values:
            values[pairs] = tuple(values[pairs])
    if "widths" in values:
        try:
            values["widths"] = Widths(**values["widths"])
        except (TypeError, ValueError) as error:
            raise SettingsError(f"recipe {name_or_path}: widths: {error}") from error
    return Recipe(**values)
