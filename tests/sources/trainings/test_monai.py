"""The configuration of a MONAI bundle as the settings of a training."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from bnstat import InputError, Preparation
from bnstat.preprocessing.settings import Patching
from bnstat.sources.trainings.bundle import Bundle, Expression
from bnstat.sources.trainings.monai import training_of

CROP = {
    "_target_": "RandCropByPosNegLabeld",
    "keys": ["image", "label"],
    "label_key": "label",
    "spatial_size": [96, 96, 48],
    "pos": 3,
    "neg": 1,
    "num_samples": 4,
}
RANGED = {"_target_": "ScaleIntensityRanged", "keys": "@image_key", "a_min": -57, "a_max": 163, "b_min": 0, "b_max": 1}
PERCENTILES = {"_target_": "ScaleIntensityRangePercentilesd", "lower": 5, "upper": 95}
# As the bundles of the model zoo are written.
BUNDLE = {
    "imports": ["$import glob", "$import os"],
    "image_key": "image",
    "images": "$list(sorted(glob.glob(@dataset_dir + '/imagesTr/*.nii.gz')))",
    "network_def": {"_target_": "UNet", "spatial_dims": 3, "norm": "batch"},
    "network": "$@network_def.to(@device)",
    "train": {
        "deterministic_transforms": [
            {"_target_": "LoadImaged", "keys": ["image", "label"]},
            {"_target_": "monai.transforms.EnsureChannelFirstd", "keys": ["image", "label"]},
            {**RANGED, "clip": True},
            {"_target_": "Spacingd", "keys": ["image", "label"], "pixdim": [1.5, 1.5, 2.0]},
        ],
        "random_transforms": [CROP, {"_target_": "RandGaussianNoised", "keys": "image"}],
        "preprocessing": {
            "_target_": "Compose",
            "transforms": "$@train#deterministic_transforms + @train#random_transforms",
        },
        "dataloader": {"_target_": "DataLoader", "dataset": "@train#dataset", "batch_size": "@batch"},
    },
    "batch": 2,
}


@pytest.fixture
def read(tmp_path):
    def call(content):
        path = tmp_path / "train.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return training_of(str(path))

    return call


@pytest.fixture
def of_transforms(read):
    """Return the settings of a training with these transforms only."""

    def call(*transforms):
        return read({"train_transforms": [dict(one) for one in transforms]})

    return call


def test_a_bundle_as_the_model_zoo_writes_it(read):
    found = read(BUNDLE)
    assert found.values == {
        "framework": "torch",
        "normalizer": "batch",
        "batch_size": 8,
        "foreground": "0.75",
        "size": (96, 96, 48),
        "number": 8,
        "per_volume": 4,
        "pad": "none",
        "intensity": f"scale:{1 / 220!r},{57 / 220!r}|clip:0.0,1.0",
    }
    told = " ".join(found.told)
    assert "not known here, and not done: Spacingd, RandGaussianNoised" in told
    assert "4 patches from each of 2 volumes" in told
    patches = {name: found.values[name] for name in ("size", "number", "per_volume", "foreground", "pad")}
    assert Preparation(intensity=found.values["intensity"], patches=Patching(**patches))


def test_the_same_in_yaml(read, tmp_path):
    yaml = pytest.importorskip("yaml")
    path = tmp_path / "train.yaml"
    path.write_text(yaml.safe_dump(BUNDLE))
    assert training_of(str(path)).values == read(BUNDLE).values
    path.write_text("a: [")
    with pytest.raises(InputError, match="not valid YAML"):
        training_of(str(path))


def test_yaml_runs_no_code(tmp_path):
    pytest.importorskip("yaml")
    path = tmp_path / "train.yml"
    path.write_text(f"a: !!python/object/apply:os.system ['touch {tmp_path}/ran']")
    with pytest.raises(InputError):
        training_of(str(path))
    assert not (tmp_path / "ran").exists()


def test_an_expression_is_named_and_never_run(read, tmp_path):
    content = copy.deepcopy(BUNDLE)
    ran = tmp_path / "ran"
    expression = f"$__import__('pathlib').Path('{ran}').touch() or 2"
    content["train"]["dataloader"]["batch_size"] = expression
    content["train"]["deterministic_transforms"][2]["a_min"] = expression
    content["train"]["random_transforms"][0]["spatial_size"] = expression
    found = read(content)
    assert not {"batch_size", "intensity", "size"} & set(found.values)
    told = " ".join(found.told)
    assert f"batch_size is {expression}, which is not evaluated" in told
    assert "ScaleIntensityRanged is not read, because its a_min is no number" in told
    assert "RandCropByPosNegLabeld is not read, because its spatial_size is" in told
    assert not ran.exists()


def test_transforms_behind_an_expression_are_named(read):
    content = copy.deepcopy(BUNDLE)
    content["train"]["preprocessing"]["transforms"] = "$@train#deterministic_transforms[:2]"
    assert "$@train#deterministic_transforms[:2]" in " ".join(read(content).told)


def test_references_are_followed_in_both_spellings():
    bundle = Bundle("x", {"a": {"b": [1, "@c"]}, "c": "%d::e", "d": {"e": 5}, "f": "$@a#b + @a::b", "g": "$@a#b[0]"})
    assert bundle.at("a#b#1") == bundle.at("a::b::1") == bundle.at("c") == 5
    assert bundle.at("f") == [1, 5, 1, 5]
    assert bundle.at("g") == Expression("$@a#b[0]")
    assert bundle.at("a#z") is bundle.at("a#b#7") is bundle.at("c#d") is None
    assert bundle.value({"x": ["@a#b#0"]}) == {"x": [1]}


@pytest.mark.parametrize("content", [{"a": "@a"}, {"a": "@b", "b": "$@a"}, {"a": {"c": "@a"}}])
def test_references_in_a_circle_are_refused(read, content):
    with pytest.raises(InputError, match="leads back to itself"):
        read({"train_transforms": "@a", **content})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not valid JSON"),
        ("[]", "not a configuration of a MONAI bundle"),
        ("{}", "neither the transforms nor the network"),
        ({"train": 3}, "neither the transforms nor the network"),
        ({"train_transforms": [3, None, {"_target_": 4}]}, "neither the transforms nor the network"),
    ],
)
def test_another_file_is_none(read, content, words):
    with pytest.raises(InputError, match=words):
        read(content)


# the steps of each transform, which tests/preprocessing/test_monai.py compares with MONAI itself
@pytest.mark.parametrize(
    ("transform", "steps"),
    [
        ({"_target_": "NormalizeIntensityd", "nonzero": True, "channel_wise": True}, "zscore-nonzero"),
        ({"_target_": "NormalizeIntensityD", "channel_wise": True}, "zscore"),
        ({"_target_": "NormalizeIntensityDict", "subtrahend": 100, "divisor": 8}, "scale:0.125,-12.5"),
        ({"_target_": "ScaleIntensityd", "minv": -1, "maxv": 1}, "minmax:-1.0,1.0"),
        ({"_target_": "ScaleIntensity"}, "minmax"),
        ({"_target_": "ScaleIntensityd", "minv": None, "maxv": None, "factor": 0.5}, "scale:1.5,0.0"),
        ({"_target_": "ScaleIntensityRanged", "a_min": 0, "a_max": 4}, "scale:0.25,0.0"),
        (
            {"_target_": "ScaleIntensityRangePercentilesd", "lower": 1, "upper": 99, "b_min": 0, "b_max": 1},
            "scale-percentile:1.0,99.0,0.0,1.0",
        ),
        ({"_target_": "ClipIntensityPercentilesd", "lower": 0.5, "upper": 99.5}, "clip:p0.5,p99.5"),
        ({"_target_": "ThresholdIntensityd", "threshold": 7, "cval": 7}, "clip:7.0,"),
        ({"_target_": "ThresholdIntensityd", "threshold": 7, "above": False, "cval": 7}, "clip:,7.0"),
    ],
)
def test_each_transform_is_a_list_of_steps(of_transforms, transform, steps):
    found = of_transforms({"keys": "image", **transform})
    assert found.values["intensity"] == steps
    assert Preparation(intensity=steps).steps


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        ({"_target_": "NormalizeIntensityd", "nonzero": True, "subtrahend": 3}, "subtrahend"),
        ({"_target_": "NormalizeIntensityd", "subtrahend": [1, 2], "divisor": [3, 4]}, "subtrahend is no number"),
        ({"_target_": "NormalizeIntensityd", "nonzero": "$x"}, "nonzero is neither true nor false"),
        ({"_target_": "ScaleIntensityRanged", "a_min": 4, "a_max": 4}, "a_min is its a_max"),
        ({"_target_": "ScaleIntensityRanged", "a_min": 4, "a_max": 10**400}, "a_max is no number"),
        ({"_target_": "ThresholdIntensityd", "threshold": 7}, "cval is another number"),
        ({"_target_": "ClipIntensityPercentilesd", "lower": 1, "upper": 9, "sharpness_factor": 2}, "softly"),
        (
            {"_target_": "ScaleIntensityRangePercentilesd", "lower": 1, "upper": 9, "relative": True},
            "relative",
        ),
    ],
)
def test_intensities_of_which_a_part_is_not_understood_are_not_set(of_transforms, transform, words):
    found = of_transforms({"keys": "image", "_target_": "ScaleIntensityd"}, {"keys": "image", **transform})
    assert "intensity" not in found.values
    assert words in " ".join(found.told)


def test_numbers_of_all_channels_are_said_to_be_so(of_transforms):
    several = "one set of numbers for all channels"
    assert several in " ".join(of_transforms({"_target_": "NormalizeIntensityd", "keys": "image"}).told)
    own = of_transforms({"_target_": "NormalizeIntensityd", "keys": "image", "channel_wise": True})
    assert several not in " ".join(own.told)


def test_images_that_are_joined_have_steps_of_their_own(of_transforms):
    found = of_transforms(
        {"_target_": "ScaleIntensityRanged", "keys": "ct", "a_min": 0, "a_max": 2},
        {"_target_": "NormalizeIntensityd", "keys": ["pet", "label"], "channel_wise": True},
        {"_target_": "ConcatItemsd", "keys": ["ct", "mr", "pet"], "name": "image"},
        {"_target_": "ScaleIntensityd", "keys": "image", "channel_wise": True},
    )
    assert found.values["intensity"] == "0=scale:0.5,0.0|minmax;1=minmax;2=zscore|minmax"
    assert Preparation(intensity=found.values["intensity"])


def test_images_with_different_steps_that_are_not_joined_set_nothing(of_transforms):
    found = of_transforms(
        {"_target_": "ScaleIntensityd", "keys": "ct"}, {"_target_": "NormalizeIntensityd", "keys": "pet"}
    )
    assert "intensity" not in found.values
    assert "ct, pet have different steps" in " ".join(found.told)


def test_a_transform_that_is_switched_off_does_nothing(of_transforms):
    found = of_transforms(
        {"_target_": "ScaleIntensityd", "keys": "image"},
        {"_target_": "NormalizeIntensityd", "keys": "image", "_disabled_": True},
    )
    assert found.values["intensity"] == "minmax"


@pytest.mark.parametrize(
    ("transform", "values"),
    [
        ({"_target_": "RandSpatialCropd", "roi_size": 64}, {"size": (64,), "pad": "none"}),
        (
            {"_target_": "RandSpatialCropSamplesd", "roi_size": [8, 8, 4], "num_samples": 3},
            {"size": (8, 8, 4), "number": 9, "per_volume": 3, "pad": "none"},
        ),
        (CROP | {"num_samples": 1, "pos": 1}, {"size": (96, 96, 48), "foreground": "0.5", "pad": "none"}),
    ],
)
def test_crops_are_patches(of_transforms, transform, values):
    found = of_transforms({"keys": "image", **transform})
    assert {name: value for name, value in found.values.items() if name != "framework"} == values


@pytest.mark.parametrize(
    "change",
    [{"random_size": True}, {"random_center": False}, {"roi_size": [8, -1, 8]}, {"roi_size": "$x"}, {"roi_size": []}],
)
def test_crops_that_are_no_such_patches_are_named(of_transforms, change):
    found = of_transforms({"_target_": "RandSpatialCropd", "keys": "image", "roi_size": [8, 8, 8], **change})
    assert "size" not in found.values
    assert "RandSpatialCropd is not read, because" in " ".join(found.told)


def test_padding_before_a_crop_is_that_of_patches(of_transforms):
    crop = {"_target_": "RandSpatialCropd", "keys": "image", "roi_size": 8}
    assert of_transforms({"_target_": "SpatialPadd", "spatial_size": 8}, crop).values["pad"] == "zero"
    assert of_transforms({"_target_": "SpatialPadd", "spatial_size": 8, "mode": "edge"}, crop).values["pad"] == "edge"
    found = of_transforms({"_target_": "SpatialPadd", "spatial_size": 8, "mode": "reflect"}, crop)
    assert found.values["pad"] == "none"
    assert "reflect" in " ".join(found.told)


@pytest.mark.parametrize(
    ("keys", "modes", "pad"),
    [
        (["image", "label"], ["edge", "constant"], "edge"),
        (["label", "image"], ["reflect", "constant"], "zero"),
        (["image", "label"], ["minimum", "minimum"], "none"),
        (["label", "image"], ["constant"], "none"),
    ],
)
def test_padding_has_a_mode_for_each_key(of_transforms, keys, modes, pad):
    crop = {"_target_": "RandSpatialCropd", "keys": "image", "roi_size": 8}
    padding = {"_target_": "SpatialPadd", "keys": keys, "spatial_size": 8, "mode": modes}
    assert of_transforms(padding, crop).values["pad"] == pad


def test_a_key_may_be_a_constant_of_monai_and_no_other_expression(read):
    scale = {"_target_": "ScaleIntensityd", "keys": "@image", "channel_wise": True}
    known = {"image": "$monai.utils.CommonKeys.IMAGE", "train_transforms": [scale]}
    assert read(known).values["intensity"] == "minmax"
    other = read({"image": "$my.keys.IMAGE", "train_transforms": [scale]})
    assert "intensity" not in other.values
    assert "its keys are no names" in " ".join(other.told)


def test_transforms_of_labels_are_nobodys_business(of_transforms):
    found = of_transforms(
        {"_target_": "ScaleIntensityd", "keys": "image", "channel_wise": True},
        {"_target_": "MapLabelValued", "keys": ["label"]},
        {"_target_": "ScaleIntensityd", "keys": "label", "minv": "$x"},
    )
    assert found.values["intensity"] == "minmax"
    assert len(found.told) == 1


def test_padding_without_a_crop_is_about_no_patch(of_transforms):
    found = of_transforms({"_target_": "SpatialPadd", "keys": "image", "spatial_size": 8})
    assert set(found.values) == {"framework"}


def test_a_crop_by_classes_has_a_size_and_says_what_is_not_done(of_transforms):
    crop = {"_target_": "RandCropByLabelClassesd", "keys": "image", "spatial_size": [8, 8, 8], "num_samples": 2}
    found = of_transforms({**crop, "label_key": "label", "ratios": [1, 1]})
    assert (found.values["size"], found.values["per_volume"]) == ((8, 8, 8), 2)
    assert "foreground" not in found.values
    assert "draws patches around each class" in " ".join(found.told)


def test_a_patch_along_axes_that_were_turned_is_noted(of_transforms):
    turn = {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"}
    crop = {"_target_": "RandSpatialCropd", "keys": "image"}
    assert "Orientationd turns" in " ".join(of_transforms(turn, {**crop, "roi_size": [8, 8, 4]}).told)
    assert "Orientationd turns" not in " ".join(of_transforms(turn, {**crop, "roi_size": [8, 8, 8]}).told)


def test_intensities_after_the_crop_are_those_of_each_patch(of_transforms):
    crop = {"_target_": "RandSpatialCropd", "keys": "image", "roi_size": 8}
    scale = {"_target_": "ScaleIntensityd", "keys": "image", "channel_wise": True}
    fixed = {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0, "a_max": 4}
    percentiles = {"_target_": "ClipIntensityPercentilesd", "keys": "image", "lower": 1, "upper": 9}
    assert of_transforms(fixed, crop, scale).values["intensity_per"] == "patch"
    assert of_transforms(crop, percentiles).values["intensity_per"] == "patch"
    for others in ((scale, crop), (crop, fixed), (scale, crop, fixed), (scale,)):
        assert "intensity_per" not in of_transforms(*others).values
    both = of_transforms(scale, crop, percentiles)
    assert "intensity_per" not in both.values
    assert "ClipIntensityPercentilesd comes after the crop and ScaleIntensityd before it" in " ".join(both.told)


@pytest.mark.parametrize(
    ("network", "values"),
    [
        ({"norm": "INSTANCE"}, {"normalizer": "instance"}),
        ({"norm": ["batch", {"eps": 1e-4}]}, {"normalizer": "batch", "epsilon": 1e-4}),
        ({"norm_name": ["GROUP", {"num_groups": 4}]}, {"normalizer": "group:4"}),
        ({}, {"normalizer": "instance"}),
        ({"_target_": "monai.networks.nets.SegResNet"}, {"normalizer": "group:8"}),
        ({"norm": "$monai.networks.layers.Norm.BATCH"}, {}),
        ({"_target_": "my.Net"}, {}),
        ({"norm": "group"}, {}),
    ],
)
def test_the_layer_is_that_of_the_network(read, network, values):
    found = read({"network_def": {"_target_": "UNet", **network}, "train_transforms": [CROP]})
    assert {name: found.values[name] for name in ("normalizer", "epsilon") if name in found.values} == values
    assert ("say it with `normalizer`" in " ".join(found.told)) == (values == {})


def test_networks_have_the_layers_that_monai_gives_them():
    nets = pytest.importorskip("monai.networks.nets")
    import inspect

    from bnstat.sources.trainings.monai import _NORMS, _OWN_NORM

    for name, norm in _OWN_NORM.items():
        parameters = inspect.signature(getattr(nets, name)).parameters
        default = next(parameters[key].default for key in _NORMS if key in parameters)
        kind, arguments = default if isinstance(default, tuple) else (default, {})
        expected = norm if isinstance(norm, list) else [norm, {}]
        assert kind.lower() == expected[0]
        assert arguments.get("num_groups") == expected[1].get("num_groups")


@pytest.mark.parametrize(
    "transform",
    [
        {"_target_": "NormalizeIntensityd", "nonzero": True, "channel_wise": True},
        {"_target_": "NormalizeIntensityd", "channel_wise": True},
        {"_target_": "NormalizeIntensityd", "subtrahend": 100, "divisor": 8},
        {"_target_": "ScaleIntensityd", "minv": -1, "maxv": 1, "channel_wise": True},
        {"_target_": "ScaleIntensityd", "minv": None, "maxv": None, "factor": 0.5},
        {"_target_": "ScaleIntensityRanged", "a_min": -57, "a_max": 164, "b_min": 0, "b_max": 2, "clip": True},
        {"_target_": "ScaleIntensityRanged", "a_min": 10, "a_max": 64},
        {**PERCENTILES, "b_min": -1, "b_max": 1, "clip": True, "channel_wise": True},
        {"_target_": "ClipIntensityPercentilesd", "lower": 5, "upper": 95, "channel_wise": True},
        {"_target_": "ThresholdIntensityd", "threshold": 7, "cval": 7},
    ],
)
def test_the_steps_give_what_monai_gives(of_transforms, transform):
    transforms = pytest.importorskip("monai.transforms")
    import bnstat
    from bnstat.reading.settings import Reading

    image = np.random.default_rng(0).integers(-80, 400, (9, 8, 7, 2)).astype(np.float32)
    image[image < 0] = 0
    steps = of_transforms({"keys": "image", **transform}).values["intensity"]
    own = bnstat.diagnose(
        image[None], framework="torch", axis=-1, reading=Reading(preparation=Preparation(intensity=steps))
    )
    arguments = {name: value for name, value in transform.items() if name != "_target_"}
    if transform["_target_"] != "ThresholdIntensityd":
        arguments["dtype"] = np.float64
    call = getattr(transforms, transform["_target_"])(keys="image", **arguments)
    expected = np.asarray(call({"image": np.moveaxis(image, -1, 0).astype(np.float64)})["image"])
    for channel, values in zip(own.batches[0].channels, expected, strict=True):
        assert channel.mean == pytest.approx(values.mean(), rel=1e-5, abs=1e-6)
        assert channel.variance == pytest.approx(values.var(), rel=1e-5)
