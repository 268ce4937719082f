"""Model files: what goes in comes out, and what is made in bad faith is refused in one line."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

from landshift.errors import ModelError
from landshift.model import SCHEMA, Widths, load_model, save_model
from networks import META, random_layers, random_model


class Trap:
    """Unpickling it would be noticed."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('the pickle was loaded')",))


def npz(path, meta=None, text=None, **changes):
    """A model file with some arrays changed; None leaves one out."""
    if text is None:
        text = json.dumps({**META, "schema": SCHEMA, **(meta or {})})
    arrays = {"meta": np.array(text), **random_layers(3), **changes}
    np.savez_compressed(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


def refused(path, family="rgb"):
    with pytest.raises(ModelError) as caught:
        load_model(path, family)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


def test_what_goes_in_comes_out(tmp_path):
    layers = random_layers(3)
    save_model(tmp_path / "m.npz", META, layers)
    model = load_model(tmp_path / "m.npz", "rgb")
    assert model.name == "random"
    assert model.bands == ("red", "green", "blue")
    assert model.cover.scale == tuple(META["class_scale"])
    assert model.change.offset == tuple(META["change_offset"])
    assert sum(model.class_prior) == pytest.approx(1)
    assert model.training["seed"] == 0
    assert len(model.sha256) == 64
    assert model.layers.keys() == layers.keys()
    for name, array in layers.items():
        np.testing.assert_array_equal(model.layers[name], array)
        with pytest.raises(ValueError, match="read-only"):
            model.layers[name][0] = 1


def test_the_same_model_is_the_same_bytes(tmp_path):
    one, two, other = (random_model(tmp_path, seed=seed) for seed in (2, 2, 3))
    assert one.sha256 == two.sha256 != other.sha256


def test_half_precision_is_read_as_single(tmp_path):
    halves = {name: array.astype(np.float16) for name, array in random_layers(3).items()}
    model = load_model(npz(tmp_path / "m.npz", **halves), "rgb")
    assert {array.dtype for array in model.layers.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(model.layers["enc0.weight"], halves["enc0.weight"])


def test_one_temperature_serves_all_classes(tmp_path):
    meta = {"class_temperature": 2.0, "class_scale": 1.0, "class_offset": 0.0}
    model = load_model(npz(tmp_path / "m.npz", meta), "rgb")
    assert model.cover.scale == (0.5,) * 8
    assert model.cover.offset == (0.0,) * 8


@pytest.mark.parametrize("name", ["nonsense", "", "no/such/file.npz", "a\0b", "."])
def test_no_such_model(name):
    assert "model" in refused(name)


def test_the_wrong_family_is_refused(tmp_path):
    message = refused(npz(tmp_path / "m.npz"), "rgbn")
    assert message == "cannot use model m.npz: it is for rgb images, not for rgbn"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"PK", b"no zip at all" * 100, b"PK\x05\x06" + bytes(18), b"PK\x03\x04" + bytes(400),
    ],
)  # fmt: skip
def test_what_is_no_zip_is_refused(tmp_path, content):
    (tmp_path / "m.npz").write_bytes(content)
    refused(tmp_path / "m.npz")


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_file_is_refused(tmp_path, keep):
    content = npz(tmp_path / "m.npz").read_bytes()
    (tmp_path / "m.npz").write_bytes(content[: int(len(content) * keep)])
    refused(tmp_path / "m.npz")


def test_damage_is_refused_or_harmless(tmp_path):
    """Bytes are overturned here and there; nothing but ModelError may come of it."""
    content = npz(tmp_path / "m.npz").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(content)
        for at in rng.integers(0, len(content), 20):
            damaged[at] = rng.integers(0, 256)
        (tmp_path / "m.npz").write_bytes(damaged)
        refused(tmp_path / "m.npz")


def test_pickles_are_not_opened(tmp_path):
    np.savez(tmp_path / "m.npz", meta=np.array(Trap(), dtype=object), allow_pickle=True)
    refused(tmp_path / "m.npz")
    path = npz(tmp_path / "m.npz", **{"cls.bias": np.array([Trap()] * 8, dtype=object)})
    assert "allowed are float16 and float32" in refused(path)


@pytest.mark.parametrize(
    ("name", "array", "says"),
    [
        ("cls.weight", np.zeros((8, 15), np.float32), "has shape (8, 15), not (8, 16)"),
        ("cls.weight", None, "'cls.weight' is missing"),
        ("chg1.bias", np.zeros(16, np.float32), "'chg1.bias' is unknown"),
        ("cls.bias", np.full(8, np.nan, np.float32), "not finite"),
        ("cls.bias", np.full(8, np.inf, np.float16), "not finite"),
        ("cls.bias", np.zeros(8, np.float64), "allowed are float16 and float32"),
        ("cls.bias", np.zeros(8, np.int32), "allowed are float16 and float32"),
        ("cls.bias", np.zeros(8, np.complex64), "allowed are float16 and float32"),
        ("../up", np.zeros(8, np.float32), "unknown"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, name, array, says):
    assert says in refused(npz(tmp_path / "m.npz", **{name: array}))


@pytest.mark.parametrize(
    ("meta", "says"),
    [
        ({"schema": "landshift/model/2"}, "not of schema"),
        ({"bands": "rgb"}, "not a list"),
        ({"bands": ["red", "red", "blue"]}, "2 of them different"),
        ({"bands": ["red"]}, "enc0.weight"),
        ({"bands": ["red"] * 10_000}, "10000 bands"),
        ({"finest_gsd_m": -1}, "gsd range"),
        ({"finest_gsd_m": 3}, "gsd range"),
        ({"reference_gsd_m": 0}, "gsd range"),
        ({"coarsest_gsd_m": float("inf")}, "not a number"),
        ({"coarsest_gsd_m": float("nan")}, "not a number"),
        ({"coarsest_gsd_m": "1"}, "not a number"),
        ({"coarsest_gsd_m": True}, "not a number"),
        ({"class_scale": [1.0] * 7}, "7 values, not 8"),
        ({"class_scale": [0.0] * 8}, "not positive"),
        ({"change_temperature": -2.0}, "not positive"),
        ({"class_offset": [None] * 8}, "not a number"),
        ({"change_prior": [0.5, 0.5, 0.5, 0.5]}, "not a distribution"),
        ({"second_look": [0.3, 1.0]}, "second_look is 0.3, 1.0"),
        ({"third_look": 0.2}, "third_look is 0.2"),
        ({"third_look": 0.7, "second_look": [0.3, 0.0]}, "third_look is 0.7"),
        ({"third_look": -0.1, "second_look": [0.3, 0.0]}, "third_look is -0.1"),
        ({"turns": 3}, "turns is 3"),
        ({"turns": 0}, "turns is 0"),
        ({"turns": "4"}, "not a number"),
        ({"change_prior": [2.0, -1.0, 0.0, 0.0]}, "not a distribution"),
        ({"training": "much"}, "m.npz"),
        ({"training": [1]}, "m.npz"),
        ({"family": ["rgb"]}, "it is for"),
    ],
)
def test_meta_that_cannot_be_meant_is_refused(tmp_path, meta, says):
    assert says in refused(npz(tmp_path / "m.npz", meta))


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", "[" * 100_000, '{"schema": 1}', f'{{"schema": "{SCHEMA}"}}']
)
def test_meta_that_is_no_object_is_refused(tmp_path, text):
    refused(npz(tmp_path / "m.npz", text=text))


def header_of(shape):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    return stream.getvalue()


def test_a_shape_larger_than_its_bytes_is_refused_before_it_is_made(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("cls.bias.npy", header_of((10**6, 10**6)) + bytes(100))
    assert "does not hold" in refused(tmp_path / "m.npz")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cls.bias.npy", bytes(64 * 2**20))
    assert (tmp_path / "m.npz").stat().st_size < 2**20
    assert "allowed are" in refused(tmp_path / "m.npz")


def test_a_file_too_large_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "m.npz").open("wb") as file:
        file.truncate(10 * 2**30)
    assert "allowed are" in refused(tmp_path / "m.npz")


def test_channels_that_the_kernels_cannot_run_are_refused(tmp_path):
    layers = random_layers(3)
    layers["enc4a.bias"] = np.zeros(66, np.float32)
    assert "c4 has 66 channels" in refused(npz(tmp_path / "m.npz", **layers))


def test_a_file_may_hold_a_wider_network(tmp_path):
    wide = Widths(c3=96, c4=128)
    model = load_model(npz(tmp_path / "m.npz", **random_layers(3, widths=wide)), "rgb")
    assert model.widths == wide


def test_strange_members_are_refused(tmp_path):
    npz(tmp_path / "m.npz")
    with zipfile.ZipFile(tmp_path / "m.npz", "a") as archive:
        archive.writestr("run.sh", "echo")
    assert "unexpected member 'run.sh'" in refused(tmp_path / "m.npz")


def test_a_model_that_could_not_be_loaded_is_not_written(tmp_path):
    layers = random_layers(3)
    del layers["cls.bias"]
    with pytest.raises(ModelError, match="missing"):
        save_model(tmp_path / "m.npz", META, layers)
    assert not (tmp_path / "m.npz").exists()


@pytest.mark.parametrize(("name", "family", "only"), [
    ("open", "rgb", False), ("open", "rgbn", False), ("open", "multispectral", False),
    ("research", "rgb", True),
])  # fmt: skip
def test_packaged_models_say_what_they_may_be_used_for(name, family, only):
    model = load_model(name, family)
    assert (model.name, model.family, model.research_only) == (name, family, only)


def test_research_is_refused_for_other_pictures_than_rgb():
    with pytest.raises(ModelError, match="neither packaged for rgbn images nor a file"):
        load_model("research", "rgbn")
