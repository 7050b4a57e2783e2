"""Normalization layers are told by the names and sizes of their tensors, in the words of every framework."""

from __future__ import annotations

import numpy as np
import pytest
from torch_files import batch_norm, state_dict, written

from bnstat.errors import InputError
from bnstat.networks.checkpoints.opening import read_checkpoint

NAMES = {
    "PyTorch": ("bn.", ("weight", "bias", "running_mean", "running_var")),
    "Keras": ("bn/", ("gamma", "beta", "moving_mean", "moving_variance")),
    "underscores": ("encoder_bn_", ("weight", "bias", "running_mean", "running_var")),
    "alone": ("", ("weight", "bias", "running_mean", "running_var")),
}
FLAX = ("params/bn/scale", "params/bn/bias", "batch_stats/bn/mean", "batch_stats/bn/var")


def read(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    return read_checkpoint(str(tmp_path / "a.npz"))


def vectors(*names, size=4):
    draw = np.random.default_rng(len(names))
    return {name: draw.normal(size=size).astype("f4") for name in names}


@pytest.mark.parametrize("style", [*NAMES, "Flax", "TensorFlow"])
def test_a_batch_norm_is_found_in_the_words_of_each_framework(style, tmp_path):
    if style == "Flax":
        names = FLAX
    elif style == "TensorFlow":
        names = tuple(f"net/bn/{part}:0" for part in NAMES["Keras"][1])
    else:
        names = tuple(NAMES[style][0] + part for part in NAMES[style][1])
    arrays = vectors(*names)
    (layer,) = read(tmp_path, arrays).normalizations
    assert layer.kind == "batch"
    found = (layer.scale, layer.shift, layer.running_mean, layer.running_variance)
    for values, name in zip(found, names, strict=True):
        np.testing.assert_array_equal(values, arrays[name])


def test_two_vectors_of_one_size_are_a_normalization_without_statistics(tmp_path):
    arrays = vectors("a.weight", "a.bias", "blocks.0.norms.1.weight", "rms_norm.weight")
    assert [(layer.layer, layer.kind) for layer in read(tmp_path, arrays).normalizations] == [
        ("a", "affine"),
        ("blocks.0.norms.1", "affine"),
        ("rms_norm", "affine"),
    ]


@pytest.mark.parametrize(
    "others",
    [
        {"linear.weight": np.ones((4, 4), "f4"), "linear.bias": np.ones(4, "f4")},
        {"conv.weight": np.ones((4, 1, 3, 3, 3), "f4"), "conv.bias": np.ones(4, "f4")},
        {"prelu.weight": np.ones(4, "f4")},
        {"block.gamma": np.ones(4, "f4")},
        {"a.weight": np.ones(4, "f4"), "a.bias": np.ones(5, "f4")},
        {"latent.mean": np.ones(4, "f4"), "latent.var": np.ones(4, "f4")},
        {"loss.running_mean": np.ones(4, "f4")},
        {"a.running_mean": np.ones(4, "f4"), "a.running_var": np.ones(5, "f4")},
        {"a.running_mean": np.ones((), "f4"), "a.running_var": np.ones((), "f4")},
    ],
)
def test_other_layers_are_no_normalization(others, tmp_path):
    with pytest.raises(InputError, match="belongs to a normalization layer"):
        read(tmp_path, others)


def test_layers_are_in_the_order_of_the_file(tmp_path):
    arrays = vectors("z.weight", "z.bias", "b.running_mean", "b.running_var", "a.weight", "a.bias")
    assert [layer.layer for layer in read(tmp_path, arrays).normalizations] == ["z", "b", "a"]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["module.a", "module.b"], ["a", "b"]),
        (["_orig_mod.module.a", "_orig_mod.module.b"], ["a", "b"]),
        (["net._orig_mod.a", "net._orig_mod.b"], ["net.a", "net.b"]),
        (["module.a", "a"], ["module.a", "a"]),
        (["net.module.a", "net.b"], ["net.module.a", "net.b"]),
    ],
)
def test_wrappers_are_left_out_of_names_where_nothing_else_is_beside_them(names, shown, tmp_path):
    values = {f"{name}.{part}": value for name in names for part, value in batch_norm().items()}
    path = written(tmp_path / "a.pt", state_dict(values))
    assert [layer.layer for layer in read_checkpoint(path).normalizations] == shown


def test_a_count_that_is_no_whole_number_is_unknown(tmp_path):
    arrays = vectors("bn.running_mean", "bn.running_var")
    for count, known in (
        (np.array(3, "i8"), 3),
        (np.array([3.0], "f4"), 3),
        (np.array(np.nan), None),
        (np.ones(2), None),
    ):
        (layer,) = read(tmp_path, arrays | {"bn.num_batches_tracked": count}).normalizations
        assert layer.batches_tracked == known


def test_numbers_of_a_type_that_is_not_read_are_noted(tmp_path):
    arrays = vectors("a.weight", "a.bias") | {
        "b.running_mean": np.ones(4, "i4"),
        "b.running_var": np.ones(4, "c8"),
    }
    found = read(tmp_path, arrays)
    assert [layer.layer for layer in found.normalizations] == ["a"]
    assert any("1 layer was left out" in note for note in found.notes)


def test_names_of_a_file_cannot_write_to_a_terminal(tmp_path):
    values = {f"\x1b[2J\n{part}.{name}": value for part in "a" for name, value in batch_norm().items()}
    (layer,) = read_checkpoint(written(tmp_path / "a.pt", state_dict(values))).normalizations
    assert layer.layer.isprintable()


def test_a_signaling_nan_is_a_nan_without_a_warning(tmp_path, recwarn):
    values = batch_norm()
    values["bias"] = np.full(values["bias"].shape, 0x7F800001, "<u4").view("<f4")
    (layer,) = read_checkpoint(
        written(tmp_path / "a.pt", state_dict({f"bn.{name}": one for name, one in values.items()}))
    ).normalizations
    assert np.isnan(layer.shift).all()
    assert not recwarn.list
