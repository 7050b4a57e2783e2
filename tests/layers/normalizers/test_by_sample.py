"""Normalizers that take each sample by itself, against numpy and PyTorch's own layers."""

from __future__ import annotations

import numpy as np
import pytest

import bnstat
from bnstat.errors import UsageError

# Three samples of 4 channels; a large offset in one, little spread in another.
TENSOR = np.random.default_rng(3).normal(size=(3, 4, 3, 5, 4)) * [[[[1.0]]], [[[7.0]]], [[[0.02]]], [[[3.0]]]] + [
    [[[0.0]]],
    [[[50.0]]],
    [[[0.5]]],
    [[[-2.0]]],
]
KINDS = {"instance": 4, "layer": 1, "group:1": 1, "group:2": 2, "group:4": 4, "rms": 1}


@pytest.fixture
def diagnosed(tmp_path):
    """The report on a tensor of shape (samples, channels, *space)."""

    def ask(tensor=TENSOR, **settings):
        np.save(tmp_path / "x.npy", tensor)
        given = {"framework": "torch", "batch_size": len(tensor), "axis": 1, **settings}
        return bnstat.diagnose(tmp_path / "x.npy", **given)

    return ask


def pieces(tensor, groups):
    """The values of each group, a sample after the other."""
    return list(tensor.reshape(len(tensor) * groups, -1))


@pytest.mark.parametrize(("normalizer", "groups"), KINDS.items())
def test_each_group_has_the_numbers_that_numpy_computes(diagnosed, normalizer, groups):
    (batch,) = diagnosed(normalizer=normalizer).batches
    epsilon = 2.0**-23 if normalizer == "rms" else 1e-5
    assert not batch.channels
    assert [(group.group, group.sample) for group in batch.groups] == [(n, n // groups) for n in range(3 * groups)]
    for group, values in zip(batch.groups, pieces(TENSOR, groups), strict=True):
        divisor = (values**2).mean() if normalizer == "rms" else values.var()
        scaled = (values - (0 if normalizer == "rms" else values.mean())) / np.sqrt(divisor + epsilon)
        first = group.group % groups * (4 // groups)
        assert group.channels == tuple(range(first, first + 4 // groups))
        assert (group.count, group.minimum, group.maximum) == (values.size, values.min(), values.max())
        assert group.mean == pytest.approx(values.mean(), rel=1e-11)
        assert group.variance == pytest.approx(values.var(), rel=1e-11)
        assert group.divisor == pytest.approx(divisor, rel=1e-11)
        assert group.gain == pytest.approx(1 / np.sqrt(divisor + epsilon), rel=1e-11)
        assert group.output_variance == pytest.approx(scaled.var(), rel=1e-10)
        assert group.output == pytest.approx(divisor / (divisor + epsilon), rel=1e-11)
        assert group.epsilon_share == pytest.approx(epsilon / (divisor + epsilon), rel=1e-11)


@pytest.mark.parametrize("normalizer", KINDS)
def test_the_batch_size_changes_nothing(diagnosed, normalizer):
    alone = [group for batch in diagnosed(normalizer=normalizer, batch_size=1).batches for group in batch.groups]
    together = diagnosed(normalizer=normalizer).batches[0].groups
    assert [(one.sample, one.channels, one.mean, one.variance, one.gain) for one in alone] == [
        (one.sample, one.channels, one.mean, one.variance, one.gain) for one in together
    ]


def test_groups_name_their_sample_where_samples_are_shuffled(diagnosed):
    for batch in diagnosed(normalizer="layer", batch_size=1, shuffle=True, seed=4).batches:
        (group,) = batch.groups
        assert group.mean == pytest.approx(TENSOR[group.sample].mean(), rel=1e-11)


@pytest.mark.parametrize(
    ("normalizer", "touched"), [("instance", {5}), ("group:2", {2}), ("layer", {1}), ("rms", {1}), ("group:4", {5})]
)
def test_one_nan_leaves_its_own_group_undefined_and_no_other(diagnosed, normalizer, touched):
    tensor = TENSOR.copy()
    tensor[1, 1, 0, 0, 0] = np.nan
    report = diagnosed(tensor, normalizer=normalizer)
    groups = report.batches[0].groups
    assert {group.group for group in groups if group.variance is None} == touched
    (broken,) = [groups[place] for place in touched]
    values = pieces(tensor, len(groups) // 3)[broken.group]
    assert (broken.count, broken.nan, broken.gain, broken.output) == (values.size, 1, None, None)
    assert broken.finite.variance == pytest.approx(np.nanvar(values), rel=1e-11)
    (finding,) = [one for one in report.findings if one.rule == "BN104"]
    assert (finding.group, finding.channel) == (broken.group, 1 if len(broken.channels) == 1 else None)
    assert "of sample 1 contains 1 NaN" in finding.message
    assert "running statistics" not in finding.message


@pytest.mark.parametrize(
    ("normalizer", "kept"), [("instance", (2, 3, 4)), ("layer", (1, 2, 3, 4)), ("rms", (1, 2, 3, 4))]
)
def test_the_axes_that_are_reduced_are_said(diagnosed, normalizer, kept):
    assert diagnosed(normalizer=normalizer).batches[0].reduction_axes == kept


def layers(torch):
    """Each of PyTorch's layers with what it is called here; γ and β are left out."""
    nn = torch.nn
    return {
        "instance": nn.InstanceNorm3d(4),
        "layer": nn.LayerNorm(TENSOR.shape[1:], elementwise_affine=False),
        "group:1": nn.GroupNorm(1, 4, affine=False),
        "group:2": nn.GroupNorm(2, 4, affine=False),
        "group:4": nn.GroupNorm(4, 4, affine=False),
        "rms": nn.RMSNorm(TENSOR.shape[1:], elementwise_affine=False, eps=2.0**-23),
    }


@pytest.mark.parametrize("normalizer", KINDS)
def test_the_output_is_that_of_pytorchs_layer(diagnosed, normalizer):
    torch = pytest.importorskip("torch")
    (batch,) = diagnosed(normalizer=normalizer).batches
    output = layers(torch)[normalizer].double()(torch.from_numpy(TENSOR)).numpy()
    for group, before, after in zip(
        batch.groups, pieces(TENSOR, KINDS[normalizer]), pieces(output, KINDS[normalizer]), strict=True
    ):
        shift = 0.0 if normalizer == "rms" else group.mean
        np.testing.assert_allclose((before - shift) * group.gain, after, rtol=1e-9, atol=1e-9)


def test_pytorchs_rms_norm_has_the_machine_epsilon_of_float32_where_none_is_given(diagnosed):
    torch = pytest.importorskip("torch")
    tiny = (TENSOR[:1] * 1e-4).astype(np.float32)
    layer = torch.nn.RMSNorm(tiny.shape[1:], elementwise_affine=False)
    (group,) = diagnosed(tiny, normalizer="rms").batches[0].groups
    np.testing.assert_allclose(tiny * group.gain, layer(torch.from_numpy(tiny)).numpy(), rtol=1e-5)


def test_instance_norm_that_tracks_averages_the_unbiased_variances_of_its_samples(diagnosed):
    torch = pytest.importorskip("torch")
    layer = torch.nn.InstanceNorm3d(4, track_running_stats=True).double()
    layer(torch.from_numpy(TENSOR))
    report = diagnosed(framework="torch-instance-track")
    assert report.settings.normalizer == "instance"
    running = report.batches[0].running
    np.testing.assert_allclose([one.mean for one in running], layer.running_mean.numpy(), rtol=1e-11)
    np.testing.assert_allclose([one.variance for one in running], layer.running_var.numpy(), rtol=1e-11)
    assert not diagnosed(normalizer="instance").batches[0].running


def refusal(torch, normalizer, shape):
    """What PyTorch's layer says of a tensor of this shape, or None."""
    channels = shape[1]
    layer = {
        "instance": torch.nn.InstanceNorm3d(channels),
        "layer": torch.nn.LayerNorm(shape[1:]),
        "rms": torch.nn.RMSNorm(shape[1:]),
    }.get(normalizer) or torch.nn.GroupNorm(int(normalizer.partition(":")[2]), channels)
    try:
        layer(torch.zeros(shape))
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize("normalizer", ["instance", "layer", "rms", "group:1", "group:2", "group:4"])
@pytest.mark.parametrize("shape", [(1, 4, 1, 1, 1), (3, 4, 1, 1, 1), (1, 4, 2, 1, 1)])
def test_a_refusal_is_foretold_in_pytorchs_own_words(diagnosed, normalizer, shape):
    torch = pytest.importorskip("torch")
    said = refusal(torch, normalizer, shape)
    tensor = np.random.default_rng(0).normal(size=shape)
    messages = [one.message for one in diagnosed(tensor, normalizer=normalizer).findings if one.rule == "BN201"]
    if said is not None:
        assert f'PyTorch refuses to train: "{said}"' in messages[0]
    assert all("refuses" not in message for message in messages if said is None)
    single = normalizer in ("instance", "group:4") and shape[2] == 1
    assert bool(messages) == single


def test_a_constant_group_has_no_variance_and_is_named(diagnosed):
    tensor = TENSOR.copy()
    tensor[2, 2:] = 7.0
    report = diagnosed(tensor, normalizer="group:2")
    (finding,) = report.findings
    assert (finding.rule, finding.batch, finding.group, finding.channel) == ("BN101", 0, 5, None)
    assert finding.message.startswith("group of channels 2–3 of sample 2 is constant")
    assert "zero in the group of channels 2–3 of sample 2" in report.verdict[0]
    (finding,) = diagnosed(np.full((1, 2, 3), 7.0), normalizer="rms").findings
    assert "keeps only the sign of the value (here 1)" in finding.message
    (finding,) = diagnosed(np.zeros((1, 2, 3)), normalizer="rms").findings
    assert "the output is the constant 0." in finding.message


def test_rules_about_epsilon_judge_the_mean_square_of_rms_norm(diagnosed):
    low, scales = diagnosed(TENSOR[:1] * 1e-6, normalizer="rms", epsilon=1e-5).findings
    assert (low.rule, scales.rule) == ("BN102", "BN404")
    assert "the mean square" in low.message
    offset = 1.0 + 1e-6 * TENSOR[:1]  # hardly any variance, and a mean square of 1
    assert [one.rule for one in diagnosed(offset, normalizer="rms", epsilon=1e-5).findings] == ["BN404"]
    finding, arithmetic, _ = diagnosed(offset, normalizer="layer").findings
    assert (finding.rule, arithmetic.rule) == ("BN102", "BN303")  # float32 cannot tell such values apart
    assert "Keras's ε 0.001 would give" in finding.message


def test_rms_norm_without_epsilon_divides_0_by_0_where_all_values_are_0_and_nowhere_else(diagnosed):
    tensor = np.stack([np.full((2, 2, 2, 2), value) for value in (0.0, 1.0, 3.0)])
    (batch,) = diagnosed(tensor, normalizer="rms", epsilon=0.0).batches
    assert [group.output_nan for group in batch.groups] == [True, False, False]


@pytest.mark.parametrize("framework", ["keras", "flax"])
@pytest.mark.parametrize("normalizer", ["layer", "rms"])
def test_a_layer_whose_default_is_the_last_axis_says_how_to_reduce_more(diagnosed, framework, normalizer):
    notes = diagnosed(framework=framework, normalizer=normalizer).notes
    assert any(
        note.startswith("these numbers are those of") and "=(1, 2, 3, 4)), over channels" in note for note in notes
    )
    assert any(
        note.endswith("over the last axis only: with channels last, each voxel over its channels") for note in notes
    )
    assert not any("last axis" in note for note in diagnosed(normalizer=normalizer).notes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"normalizer": "group:3"},
            "does not divide the 4 channels of these data; use one of group:1, group:2, group:4 as `normalizer`$",
        ),
        ({"normalizer": "group"}, "needs its number of groups"),
        ({"normalizer": "group:0"}, "1 or more, as in `normalizer=\"group:2\"`, and not '0'$"),
        ({"normalizer": "group:-2"}, "and not '-2'$"),
        ({"normalizer": "group:x"}, "and not 'x'$"),
        ({"normalizer": "layer:2"}, "has a number, which only group norm has"),
        ({"normalizer": "laier"}, "did you mean 'layer'"),
        ({"normalizer": "zzz"}, "choose one of batch, instance, layer, group:G, rms, renorm, weight-init"),
        ({"framework": "torch-group"}, "needs its number of groups"),
        ({"framework": "torch-layer", "normalizer": "batch"}, 'type `framework="torch"` and `normalizer="layer"`'),
        ({"framework": "onnx", "normalizer": "instance"}, "choose one of torch, flax, keras"),
        ({"normalizer": "layer", "momentum": 0.1}, "keeps no running statistics"),
        ({"normalizer": "layer", "ranks": 2}, "layer has none to merge"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(diagnosed, settings, message):
    with pytest.raises(UsageError, match=message):
        diagnosed(**settings)


@pytest.mark.parametrize("name", ["torch-layer", "keras-layer", "flax-instance", "torch-rms"])
def test_the_name_of_a_layer_means_its_normalizer(diagnosed, name):
    report = diagnosed(framework=name)
    assert (report.settings.framework.name, report.settings.normalizer) == (name, name.split("-")[1])


@pytest.mark.parametrize(("normalizer", "said"), [("instance", "Instance"), ("layer", "Layer"), ("rms", "RMS")])
def test_the_answer_is_true_of_them(diagnosed, normalizer, said):
    answer = diagnosed(normalizer=normalizer).answer
    assert answer.startswith(f"{said} norm does not depend on the batch size")
    assert "bnstat compare" not in answer
