"""Which preset a name, an alias and a normalizer mean."""

from __future__ import annotations

import pytest

from bnstat.errors import UsageError
from bnstat.layers.frameworks import ALIASES, BATCH_NORMS, FRAMEWORKS, framework_named, layer_of, preset_of, unlike


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_preset_is_found_by_its_name_whatever_the_case(name):
    assert framework_named(name.upper()) is framework_named(name.replace("-", "_")) is FRAMEWORKS[name]


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("PyTorch", "torch"),
        ("tf", "tensorflow"),
        ("tf.keras", "keras2"),
        ("tf_keras", "keras2"),
        ("keras-2", "keras2"),
        ("keras3", "keras"),
        ("linen", "flax"),
        ("nnx", "flax"),
        ("sync-bn", "torch-syncbn"),
        ("SyncBN", "torch-syncbn"),
        ("cuda", "torch-cuda"),
        ("onnxruntime", "onnx"),
        ("dm-haiku", "haiku"),
        ("torch_channels_last", "torch-channels-last"),
    ],
)
def test_what_people_also_say_is_understood(alias, name):
    assert framework_named(alias).name == name


def test_every_alias_leads_to_a_preset_and_hides_none():
    assert set(ALIASES.values()) <= set(FRAMEWORKS)
    assert not set(ALIASES) & set(FRAMEWORKS)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("kears", "did you mean 'keras'?"),
        ("torch-chanels-last", "did you mean 'torch-channels-last'?"),
        ("flaxx", "did you mean 'flax'?"),
        (
            "jax",
            "choose one of keras, torch, tensorflow, keras2, flax, haiku, onnx, mlx; `bnstat frameworks` lists all",
        ),
    ],
)
def test_an_unknown_name_gets_the_nearest_or_the_makers(wrong, hint):
    with pytest.raises(UsageError) as raised:
        framework_named(wrong)
    assert str(raised.value).endswith(hint)


@pytest.mark.parametrize(
    ("name", "normalizer", "found"),
    [
        ("torch", "layer", "torch-layer"),
        ("torch", "group", "torch-group"),
        ("torch-channels-last", "group", "torch-group-channels-last"),
        ("torch-channels-last", "layer", "torch-layer"),
        ("torch-cuda", "group", "torch-group"),
        ("torch", "rms", "torch-rms"),
        ("torch-channels-last", "instance", "torch-instance"),
        ("torch-instance", "instance", "torch-instance"),
        ("torch-instance-track", "instance", "torch-instance-track"),
        ("torch-layer", "layer", "torch-layer"),
        ("keras", "layer", "keras-layer"),
        ("keras-jax", "group", "keras-group"),
        ("keras", "rms", "keras-rms"),
        ("flax", "instance", "flax-instance"),
        ("flax-two-pass", "layer", "flax-layer"),
        ("keras", "renorm", "keras"),
        ("keras-torch", "renorm", "keras-torch"),
        ("keras2", "renorm", "keras2-nonfused"),
        ("keras2-nonfused", "renorm", "keras2-nonfused"),
        ("haiku", "weight-init", "haiku"),
        ("onnx", "batch", "onnx"),
    ],
)
def test_a_normalizer_is_looked_up_in_the_presets_of_its_maker(name, normalizer, found):
    assert preset_of(name, normalizer).name == found


def test_keras_has_instance_norm_as_a_group_norm():
    preset = preset_of("keras", "instance")
    assert (preset.name, preset.normalizer, preset.epsilon) == ("keras-group", "instance", 1e-3)
    assert "instance norm" in preset.title
    assert "groups=-1" in preset.title


@pytest.mark.parametrize(
    ("name", "normalizer", "message"),
    [
        ("haiku", "layer", "haiku has no layer for layer norm; choose one of keras, torch, flax"),
        ("onnx", "instance", "onnx has no layer for instance norm; choose one of torch, flax, keras"),
        ("tensorflow", "layer", "choose one of keras, torch, flax"),
        ("torch", "renorm", "torch has no layer for batch renorm; choose one of keras, keras2"),
        (
            "torch-layer",
            "batch",
            '`framework="torch-layer"` is PyTorch\'s LayerNorm, which cannot do `normalizer="batch"`; '
            'type `framework="torch"` and `normalizer="layer"`',
        ),
        ("flax-instance", "group", 'type `framework="flax"` and `normalizer="instance"`'),
        ("torch", "power", "normalizer 'power' is not known; choose one of batch, instance, layer, group, rms, renorm"),
    ],
)
def test_what_there_is_no_preset_for_is_refused_with_those_that_have_one(name, normalizer, message):
    with pytest.raises(UsageError, match=message):
        preset_of(name, normalizer)


def test_a_layer_has_its_defaults_or_what_is_given():
    assert layer_of("keras", None, None)[1:] == (1e-3, 0.99)
    assert layer_of("torch", 1e-4, 0.3)[1:] == (1e-4, 0.3)
    assert layer_of("torch", None, None, "layer")[1:] == (1e-5, None)
    assert layer_of("haiku", None, None)[1:] == (1e-5, None)
    assert layer_of("tensorflow", None, None)[1:] == (None, None)
    assert layer_of("tensorflow", 1e-3, 0.9)[1:] == (1e-3, 0.9)
    assert layer_of("keras", None, None, "weight-init")[1] is None
    assert layer_of("torch", None, "none")[2] is None
    assert layer_of("torch", None, 0.2)[2] == 0.2


@pytest.mark.parametrize("name", [name for name, row in BATCH_NORMS.items() if not row.cumulative])
def test_a_cumulative_mean_is_refused_where_the_layer_has_none(name):
    with pytest.raises(UsageError, match=f"the cumulative mean, which only PyTorch has, and {name} does not"):
        layer_of(name, None, "none")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("keras", -1.0, None),
            "must be 0 or more, and is -1; Keras would return NaN wherever the variance is below 1",
        ),
        (("torch", -1.0, None), 'PyTorch raises "batch_norm eps must be positive during training, but got -1.0"'),
        (("keras", float("inf"), None), "`epsilon` must be at most .*, and is inf; the layer would divide by infinity"),
        (("keras", 1e39, None), "the largest number of float32, and is 1e.39"),
        (("keras", float("nan"), None), "`epsilon` must be a number, and is nan; the output of every layer"),
        (("keras", None, 1.5), "must be a number from 0 to 1, and is 1.5; the running variance of Keras could become"),
        (("keras", None, float("nan")), "`momentum` must be .*, and is nan"),
        (("torch", None, "half"), "`momentum` must be a number from 0 to 1, or none, and is 'half'"),
        (("torch", None, 0.1, "layer"), "torch-layer keeps no running statistics, so it has no momentum"),
    ],
)
def test_values_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        layer_of(*arguments)


def test_the_unlike_preset_is_a_batch_norm_with_an_epsilon_of_its_own():
    assert (unlike(1e-3)[0].name, unlike(1e-3)[1]) == ("torch", 1e-5)
    assert unlike(1e-5)[0].name == unlike(0.0)[0].name == "keras"


@pytest.mark.parametrize("name", ["tensorrt", "TensorRT", "openvino", "CoreML"])
def test_an_engine_that_only_runs_networks_is_told_to_compute_no_batch_statistics(name):
    with pytest.raises(UsageError, match="only runs trained networks") as raised:
        framework_named(name)
    assert name in str(raised.value)
