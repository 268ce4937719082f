"""A model is data: layers of weights, calibration and where they came from, in one ``.npz``."""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from landshift.errors import ModelError

if TYPE_CHECKING:
    from landshift.sensor import Family

SCHEMA = "landshift/model/1"
CLASSES = 8
CHANGES = 4
"""Same, building gained, building lost, other lasting change; in this order."""
HALVINGS = 4
"""How often the network halves its picture; it works on multiples of 2 to this power."""
TURNS = (1, 2, 4)
"""Ways up that a network may look at a picture."""

_MOST_BYTES = 32 * 2**20
"""Of a model file, packed or not. The network has 0.3 million weights, 1.2 MB; one tried, 5."""
_MOST_BANDS = 32
_MOST_CHANNELS = 512
_FAMILIES = ("rgb", "rgbn", "multispectral")
_BROKEN = (
    ValueError, KeyError, TypeError, EOFError, SyntaxError, RecursionError, MemoryError,
    NotImplementedError, RuntimeError, OverflowError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""All that zipfile, numpy and json raise on files made badly or in bad faith."""


@dataclass(frozen=True)
class Widths:
    """Channels of each level of the network; a file's own arrays say how many it has."""

    c0: int = 12
    """At full resolution, on the way down and back up."""
    c1: int = 32
    """After one halving, on the way down."""
    c2: int = 48
    """After two."""
    c3: int = 64
    """After three, on the way down and back up."""
    c4: int = 64
    """After four."""
    d2: int = 48
    """After two halvings, on the way back up."""
    d1: int = 24
    """After one."""
    f: int = 16
    """Features of a pixel that the classifier reads."""
    h: int = 16
    """Of the head that looks for change."""

    def __post_init__(self) -> None:
        """Refuse what the kernels cannot run."""
        for name, width in asdict(self).items():
            if width % 4 or not 4 <= width <= _MOST_CHANNELS:
                raise ValueError(
                    f"{name} has {width} channels; allowed are multiples of 4 up to "
                    f"{_MOST_CHANNELS}"
                )


@dataclass(frozen=True)
class Layer:
    """A convolution of the network."""

    outputs: str | int
    """How many: a field of `Widths`, or the number of answers."""
    reads: tuple[str, ...]
    """Which planes, by their width, it reads one behind the other; none: the picture."""
    side: int = 3
    """Of its kernel, pixels: 3, or 1 where it works pixel by pixel."""


LAYERS = {
    "enc0": Layer("c0", ()),
    "enc1a": Layer("c1", ("c0",)),
    "enc1b": Layer("c1", ("c1",)),
    "enc2a": Layer("c2", ("c1",)),
    "enc2b": Layer("c2", ("c2",)),
    "enc3a": Layer("c3", ("c2",)),
    "enc3b": Layer("c3", ("c3",)),
    "enc4a": Layer("c4", ("c3",)),
    "enc4b": Layer("c4", ("c4",)),
    "dec3": Layer("c3", ("c4", "c3")),
    "dec2": Layer("d2", ("c3", "c2")),
    "red1": Layer("d1", ("d2",), side=1),
    "dec1": Layer("d1", ("d1", "c1")),
    "red0": Layer("c0", ("d1",), side=1),
    "dec0": Layer("f", ("c0", "c0")),
    "cls": Layer(CLASSES, ("f",), side=1),
    "chg0": Layer("h", ("f", "f", "f"), side=1),
    "chg1": Layer("h", ("d1", "d1", "d1"), side=1),
    "chg2": Layer("h", ("d2", "d2", "d2"), side=1),
    "chgc": Layer("h", ("f", "f", "f"), side=1),
    "chg3": Layer("h", ("h",)),
    "chg4": Layer(CHANGES, ("h",), side=1),
}
"""By their names in the file. All have a bias but those that are summed with another: chg1, chg2
and chgc with chg0. chgc reads what the network made of the pictures at pixels twice as coarse; a
network without it tells change from its pictures alone."""
CONTEXT = "chgc"


def layer_shapes(bands: int, widths: Widths, context: bool) -> dict[str, tuple[int, ...]]:
    """The shape of every layer's weight in a network for ``bands`` bands.

    A layer with four axes is a 3 × 3 convolution, one with two axes works pixel by pixel.
    ``context`` says whether it has the layer that reads of coarser pixels.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer in LAYERS.items():
        if name == CONTEXT and not context:
            continue
        told = layer.outputs
        outputs = told if isinstance(told, int) else getattr(widths, told)
        # the side of a pixel is one more band of the picture
        inputs = sum(getattr(widths, plane) for plane in layer.reads) or bands + 1
        shapes[name] = (outputs, inputs) if layer.side == 1 else (outputs, inputs, 3, 3)
    return shapes


WITHOUT_BIAS = frozenset({"chg1", "chg2", CONTEXT})


@dataclass(frozen=True)
class Calibration:
    """What turns logits into log-probabilities: logit · scale + offset, class by class."""

    scale: tuple[float, ...]
    """Inverse temperatures."""
    offset: tuple[float, ...]
    """Added after scaling, nats."""


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network; its arrays are read-only."""

    name: str
    """What it calls itself."""
    family: Family
    """The family of sensors that it reads."""
    bands: tuple[str, ...]
    """Band roles in the order in which it takes them."""
    finest_gsd_m: float
    """Least side of a pixel that it was trained on, metres."""
    coarsest_gsd_m: float
    """Greatest side of a pixel that it was trained on, metres."""
    reference_gsd_m: float
    """Side of a pixel at which its scale channel is 0, metres."""
    layers: Mapping[str, NDArray[np.float32]]
    """"<layer>.weight" and "<layer>.bias", see `layer_shapes`."""
    widths: Widths
    """Their channels."""
    cover: Calibration
    """Of the eight classes."""
    change: Calibration
    """Of the four kinds of change."""
    class_prior: tuple[float, ...]
    """Share of each class in what it was trained on."""
    change_prior: tuple[float, ...]
    """Share of each kind of change in what it was trained on."""
    symmetric: bool
    """Whether the change head is asked in both orders of the dates and the answers averaged."""
    turns: int
    """How many ways up the network looks at a picture, by quarter turns: 1, 2 or 4; their logits
    are averaged. A roof lies any way, and what it is called should not hang on it."""
    second_look: tuple[float, float]
    """Weight of what the same network makes of the picture at pixels twice as coarse, 0-1, in the
    logits of classes and of change; it sees twice as far and knows a wide field by its edges."""
    third_look: float
    """Weight of pixels four times as coarse, in the logits of classes alone; where the model reads
    such pixels, it and that of the second look leave the picture's own the rest."""
    training: Mapping[str, Any]
    """What it was trained on, as its maker wrote it down."""
    licence: str
    """What its users may do; begins with "research only" where that is so."""
    sha256: str
    """Of the file, hexadecimal."""

    @property
    def context(self) -> bool:
        """Whether change is told from what the network makes of pixels twice as coarse as well, so
        that it is seen twice as far, and four times in a second look. Classes are told without: so
        the change head can learn to use it alone, and no class moves."""
        return f"{CONTEXT}.weight" in self.layers

    @property
    def research_only(self) -> bool:
        """Whether every result must say that it may not be used for more than research."""
        return self.licence.startswith("research only")


def load_model(name_or_path: str | Path, family: Family) -> Model:
    """Read the packaged model of that name, or else the file.

    Parameters
    ----------
    name_or_path : str or Path
        ``"open"`` for the packaged model of ``family``, or a path.
    family : Family
        What the model must be for.

    Raises
    ------
    ModelError
        When there is no such model, when the file is not a model, or not for ``family``.
    """
    packaged = resources.files("landshift").joinpath("models", f"{name_or_path}-{family}.npz")
    if isinstance(name_or_path, str) and name_or_path.isidentifier() and packaged.is_file():
        return _parse(packaged.read_bytes(), packaged.name, family)
    path = Path(name_or_path)
    try:
        if not path.is_file():
            raise ModelError(
                f"no model {str(name_or_path)!r}: neither packaged for {family} images nor a file"
            )
        if path.stat().st_size > _MOST_BYTES:
            raise ModelError(
                f"cannot use model {path.name}: {path.stat().st_size} bytes; "
                f"allowed are {_MOST_BYTES}"
            )
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read model {str(name_or_path)!r}: {error}") from error
    return _parse(content, path.name, family)


def save_model(path: Path, meta: Mapping[str, Any], layers: Mapping[str, NDArray[Any]]) -> None:
    """Write a model file that `load_model` accepts.

    Parameters
    ----------
    path : Path
        Where to; its name should end in ``.npz``.
    meta : mapping
        The fields of `Model` but layers, cover, change, sha256; ``class_scale``,
        ``class_offset``, ``change_scale``, ``change_offset`` (lists); "schema" is added.
    layers : mapping of str to ndarray
        Batch norm folded in; stored as float16 or float32 as they come.

    Raises
    ------
    ModelError
        When the result could not be loaded.
    """
    text = json.dumps({**meta, "schema": SCHEMA}, sort_keys=True)
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, meta=np.array(text), **dict(layers))
    _parse(buffer.getvalue(), path.name, meta.get("family"))
    path.write_bytes(buffer.getvalue())


def _parse(content: bytes, file: str, family: Any) -> Model:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            arrays = _read_arrays(archive)
        meta = json.loads(str(arrays.pop("meta")))
        return _build_model(meta, arrays, family, hashlib.sha256(content).hexdigest())
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(f"cannot use model {file}: {reason}") from error


def _read_arrays(archive: zipfile.ZipFile) -> dict[str, NDArray[Any]]:
    """Every member as an array, after looking at what it says of its size."""
    members = archive.infolist()
    total = sum(member.file_size for member in members)
    if total > _MOST_BYTES:
        raise ValueError(f"unpacked it has {total} bytes; allowed are {_MOST_BYTES}")
    arrays: dict[str, NDArray[Any]] = {}
    for member in members:
        name, ending = member.filename[:-4], member.filename[-4:]
        if ending != ".npy" or name in arrays:
            raise ValueError(f"unexpected member {member.filename[:60]!r}")
        arrays[name] = _read_array(archive.read(member), name)
    if "meta" not in arrays:
        raise ValueError("it has no 'meta'")
    return arrays


def _read_array(content: bytes, name: str) -> NDArray[Any]:
    stream = BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError(f"{name[:60]!r} is not an array of npy format 1.0")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    wanted = "U" if name == "meta" else "f"
    if dtype.kind != wanted or fortran or (wanted == "f" and dtype.itemsize > 4):
        raise ValueError(f"{name[:60]!r} is {dtype}; allowed are float16 and float32 weights")
    # The header's word is checked against the bytes there are, before anything is allocated.
    if math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
        raise ValueError(f"{name[:60]!r} does not hold the {shape} values that it declares")
    return np.frombuffer(content, dtype, offset=stream.tell()).reshape(shape)


def _build_model(meta: Any, arrays: dict[str, NDArray[Any]], family: Family, sha256: str) -> Model:
    if not isinstance(meta, dict) or meta.get("schema") != SCHEMA:
        raise ValueError(f"its meta is not of schema {SCHEMA}")
    if meta.get("family") not in _FAMILIES or meta["family"] != family:
        raise ValueError(f"it is for {str(meta.get('family'))[:40]} images, not for {family}")
    bands = _bands(meta)
    finest, coarsest, reference = (
        _number(meta, f"{which}_gsd_m") for which in ("finest", "coarsest", "reference")
    )
    if not 0 < finest <= coarsest or reference <= 0:
        raise ValueError(f"its gsd range is {finest} to {coarsest} m, its reference {reference} m")
    widths = widths_of(arrays)
    return Model(
        name=str(meta["name"])[:100],
        family=family,
        bands=bands,
        finest_gsd_m=finest,
        coarsest_gsd_m=coarsest,
        reference_gsd_m=reference,
        layers=_layers(arrays, len(bands), widths),
        widths=widths,
        cover=_calibration(meta, "class", CLASSES),
        change=_calibration(meta, "change", CHANGES),
        class_prior=_prior(meta, "class", CLASSES),
        change_prior=_prior(meta, "change", CHANGES),
        symmetric=bool(meta.get("symmetric", False)),
        turns=_turns(meta),
        second_look=(second_look := _second_look(meta)),
        third_look=_third_look(meta, second_look[0]),
        training=MappingProxyType(dict(meta.get("training", {}))),
        licence=str(meta.get("licence", "unknown")),
        sha256=sha256,
    )


def widths_of(arrays: Mapping[str, NDArray[Any]]) -> Widths:
    """As many channels as the bias of the first layer of each width has numbers.

    Raises
    ------
    ValueError
        When a bias is missing, or has a number of channels that cannot be.
    """
    counts: dict[str, int] = {}
    for name, layer in LAYERS.items():
        if isinstance(layer.outputs, int) or layer.outputs in counts:
            continue
        bias = arrays.get(f"{name}.bias")
        if bias is None:
            raise ValueError(f"layer array '{name}.bias' is missing")
        counts[layer.outputs] = bias.size
    return Widths(**counts)


def _layers(
    arrays: dict[str, NDArray[Any]], bands: int, widths: Widths
) -> Mapping[str, NDArray[np.float32]]:
    """Every weight and bias as read-only float32, of the right shape and finite."""
    wanted: dict[str, tuple[int, ...]] = {}
    for layer, shape in layer_shapes(bands, widths, f"{CONTEXT}.weight" in arrays).items():
        wanted[f"{layer}.weight"] = shape
        if layer not in WITHOUT_BIAS:
            wanted[f"{layer}.bias"] = shape[:1]
    if strange := sorted(wanted.keys() ^ arrays.keys()):
        state = "missing" if strange[0] in wanted else "unknown"
        raise ValueError(f"layer array {strange[0][:60]!r} is {state}")
    layers = {}
    for name, shape in wanted.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has shape {arrays[name].shape}, not {shape}")
        layers[name] = np.ascontiguousarray(arrays[name], np.float32)
        if not np.isfinite(layers[name]).all():
            raise ValueError(f"{name} has values that are not finite")
        layers[name].flags.writeable = False
    return MappingProxyType(layers)


def _bands(meta: Mapping[str, Any]) -> tuple[str, ...]:
    bands = meta["bands"]
    if not isinstance(bands, list) or not all(isinstance(band, str) for band in bands):
        raise ValueError("its bands are not a list of names")
    if not 1 <= len(set(bands)) == len(bands) <= _MOST_BANDS:
        raise ValueError(f"it names {len(bands)} bands, {len(set(bands))} of them different")
    return tuple(bands)


def _number(meta: Mapping[str, Any], key: str) -> float:
    value = meta[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{key} is not a number: {str(value)[:40]!r}")
    return float(value)


def _numbers(meta: Mapping[str, Any], key: str, count: int, default: float) -> tuple[float, ...]:
    """A list of ``count`` finite numbers, or the same number for all."""
    value = meta.get(key, default)
    values = value if isinstance(value, list) else [value] * count
    if len(values) != count:
        raise ValueError(f"{key} has {len(values)} values, not {count}")
    return tuple(_number({key: each}, key) for each in values)


def _calibration(meta: Mapping[str, Any], of: str, count: int) -> Calibration:
    scale = _numbers(meta, f"{of}_scale", count, 1.0)
    temperature = _number(meta, f"{of}_temperature") if f"{of}_temperature" in meta else 1.0
    if temperature <= 0 or min(scale) <= 0:
        raise ValueError(f"{of} temperature {temperature} or scale {min(scale)} is not positive")
    offset = _numbers(meta, f"{of}_offset", count, 0.0)
    return Calibration(tuple(each / temperature for each in scale), offset)


def _turns(meta: Mapping[str, Any]) -> int:
    turns = _number(meta, "turns") if "turns" in meta else 1
    if turns not in TURNS:
        raise ValueError(f"turns is {turns}; allowed are {', '.join(map(str, TURNS))}")
    return int(turns)


def _second_look(meta: Mapping[str, Any]) -> tuple[float, float]:
    classes, change = _numbers(meta, "second_look", 2, 0.0)
    if not (0 <= classes < 1 and 0 <= change < 1):
        raise ValueError(f"second_look is {classes}, {change}; allowed are 0 and more, below 1")
    return classes, change


def _third_look(meta: Mapping[str, Any], second: float) -> float:
    share = _number(meta, "third_look") if "third_look" in meta else 0.0
    if not 0 <= share < 1 - second or (share > 0 and second == 0):
        raise ValueError(
            f"third_look is {share}; allowed are 0 and, beside a second look of {second} in "
            "classes, more, below 1 together"
        )
    return share


def _prior(meta: Mapping[str, Any], of: str, count: int) -> tuple[float, ...]:
    shares = _numbers(meta, f"{of}_prior", count, 1.0 / count)
    if min(shares) < 0 or not math.isclose(sum(shares), 1.0, abs_tol=0.01):
        raise ValueError(f"{of}_prior is not a distribution: sum {sum(shares):.3f}")
    return tuple(each / sum(shares) for each in shares)
