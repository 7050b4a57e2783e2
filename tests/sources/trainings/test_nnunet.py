"""A plans file of nnU-Net as the settings of a training."""

from __future__ import annotations

import json
from itertools import permutations

import numpy as np
import pytest

from bnstat.errors import InputError, UsageError
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.sources.trainings.nnunet import training_of

CT = {"mean": 10.5, "std": 3.25, "percentile_00_5": -3, "percentile_99_5": 99.5}
NETWORK = {
    "strides": [[1, 1, 1], [2, 2, 2]],
    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
    "norm_op_kwargs": {"eps": 1e-4, "affine": True},
}
FULL = {
    "patch_size": [12, 10, 14],
    "batch_size": 2,
    "spacing": [2.5, 1.5, 0.5],
    "normalization_schemes": ["CTNormalization", "ZScoreNormalization"],
    "use_mask_for_norm": [False, True],
    "architecture": {"arch_kwargs": NETWORK},
}


@pytest.fixture
def plans(tmp_path):
    def write(configuration=None, name="3d_fullres", **changes):
        path = tmp_path / "nnUNetPlans.json"
        content = {
            "foreground_intensity_properties_per_channel": {"0": CT},
            "configurations": {name: FULL | (configuration or {})},
        }
        path.write_text(json.dumps(content | changes))
        return str(path)

    return write


def test_every_value_comes_from_the_file(plans):
    found = training_of(plans())
    assert found.values == {
        "framework": "torch",
        "normalizer": "instance",
        "epsilon": 1e-4,
        "batch_size": 2,
        "size": (14, 10, 12),
        "foreground": "nnunet:0.33",
        "intensity": "0=ct:-3.0,99.5,10.5,3.25;1=zscore-nonzero-filled",
    }
    assert found.spacing == (0.5, 1.5, 2.5)
    assert found.title.endswith("nnUNetPlans.json (3d_fullres)")


def test_what_is_taken_is_what_these_settings_take(plans):
    values = training_of(plans()).values
    patches = Patching(values["size"], foreground=values["foreground"])
    assert Preparation(intensity=values["intensity"], patches=patches).patches.around.forced


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_patch_is_along_the_axes_of_the_file_whatever_the_order_in_the_plans(plans, order):
    # an image of nnU-Net is (z, y, x); a patch of the size of the transposed image is the whole image
    image = np.zeros((12, 10, 14))
    written = list(image.transpose(order).shape)
    found = training_of(plans({"patch_size": written, "spacing": written}, transpose_forward=list(order)))
    assert found.values["size"] == image.T.shape
    assert found.spacing == image.T.shape


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
def test_a_network_of_slices_has_patches_of_one_voxel_across_them(plans, order):
    sizes = (12, 10, 14)
    written = [sizes[axis] for axis in order[1:]]
    network = {"arch_kwargs": {**NETWORK, "strides": [[1, 1], [2, 2]]}}
    change = {"patch_size": written, "spacing": [1.0, 1.0], "architecture": network}
    found = training_of(plans(change, name="2d", transpose_forward=list(order)))
    expected = [sizes[axis] if axis != order[0] else 1 for axis in range(3)][::-1]
    assert found.values["size"] == tuple(expected)
    assert found.spacing[2 - order[0]] is None
    assert f"1 voxel along axis {2 - order[0]}" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("scheme", "masked", "steps"),
    [
        ("ZScoreNormalization", False, "zscore"),
        ("ZScoreNormalization", True, "zscore-nonzero-filled"),
        ("NoNormalization", True, "none"),
        ("RescaleTo01Normalization", False, "rescale_to_0_1"),
        ("RGBTo01Normalization", False, f"scale:{1 / 255!r},0"),
        ("CTNormalization", True, "ct:-3.0,99.5,10.5,3.25"),
    ],
)
def test_each_scheme_is_a_list_of_steps(plans, scheme, masked, steps):
    found = training_of(plans({"normalization_schemes": [scheme], "use_mask_for_norm": [masked]}))
    assert found.values["intensity"] == f"0={steps}"
    assert Preparation(intensity=found.values["intensity"])


def test_a_scheme_that_is_not_known_is_named(plans):
    found = training_of(plans({"normalization_schemes": ["MyNormalization"], "use_mask_for_norm": [False]}))
    assert found.values["intensity"] == "0=none"
    assert "channel 0 is normalized by MyNormalization" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("norm", "arguments", "values"),
    [
        ("torch.nn.modules.batchnorm.BatchNorm3d", {"eps": 1e-3}, {"normalizer": "batch", "epsilon": 1e-3}),
        ("torch.nn.GroupNorm", {"num_groups": 4}, {"normalizer": "group:4"}),
        ("torch.nn.modules.instancenorm.InstanceNorm2d", None, {"normalizer": "instance"}),
        (None, None, {"normalizer": "instance"}),
        ("my.Norm", {"eps": 1e-3}, {}),
        ("torch.nn.GroupNorm", {}, {}),
    ],
)
def test_the_layer_is_that_of_the_network(plans, norm, arguments, values):
    network = {"strides": [[1, 1, 1]], "norm_op": norm, "norm_op_kwargs": arguments}
    found = training_of(plans({"architecture": {"arch_kwargs": network}}))
    assert {name: found.values[name] for name in ("normalizer", "epsilon") if name in found.values} == values
    told = " ".join(found.notes)
    assert ("do not name the normalization layer" in told) == (norm is None)
    assert ("is not known here" in told) == (values == {})


def test_a_configuration_is_named_after_a_colon(plans):
    path = plans(name="3d_lowres")
    assert training_of(f"{path}:3d_lowres").values["batch_size"] == 2
    with pytest.raises(UsageError, match="no configuration '3d_fullres'; it has 3d_lowres"):
        training_of(f"{path}:3d_fullres")
    with pytest.raises(InputError, match="no such file"):
        training_of(f"{path}x:3d_fullres")


@pytest.mark.parametrize(
    "properties",
    [
        None,
        {},
        {"0": {}},
        {"0": CT | {"mean": "10"}},
        {"0": CT | {"std": None}},
        {"0": CT | {"std": float("nan")}},
        {"0": CT | {"std": 10**400}},
    ],
)
def test_a_ct_channel_without_its_numbers_is_an_error(plans, properties):
    path = plans(foreground_intensity_properties_per_channel=properties)
    with pytest.raises(InputError, match="for channel 0, which CTNormalization needs"):
        training_of(path)


@pytest.mark.parametrize("order", [[0, 0, 1], [0, 1], ["a", "b", "c"], 3, [0, 1, 2, 3]])
def test_an_order_of_axes_that_is_none_is_an_error(plans, order):
    with pytest.raises(InputError):
        training_of(plans(transpose_forward=order))


def test_volumes_of_another_spacing_are_noted(plans):
    found = training_of(plans())
    assert found.resampling({"a": (0.5, 1.5, 2.5), "b": (0.50001, 1.5, 2.5)}) == ()
    (note,) = found.resampling({"a": (0.5, 1.5, 2.5), "b": (1.0, 1.5, 2.5)})
    assert "1 of 2 volumes has another spacing than the 0.5 × 1.5 × 2.5" in note
    assert "as b with 1 × 1.5 × 2.5" in note


def test_a_cascade_says_that_it_has_more_channels(plans):
    path = plans({"previous_stage": "3d_lowres"})
    assert "segmentation of an earlier network" in " ".join(training_of(path).notes)
