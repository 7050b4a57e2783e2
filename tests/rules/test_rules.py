"""Each rule fires on a volume made for it, and stays silent on a close neighbour."""

from __future__ import annotations

import math
import re

import nibabel as nib
import numpy as np
import pytest

import bnstat
from bnstat.rules.every_rule import EVERY_RULE


def findings(tmp_path, values, **settings):
    """Findings for one sample of shape (1, *values.shape), as (code, channel)."""
    path = tmp_path / "x.npy"
    np.save(path, np.asarray(values)[np.newaxis])
    return bnstat.diagnose(path, **settings).findings


def codes(tmp_path, values, **settings):
    return [(one.rule, one.channel) for one in findings(tmp_path, values, **settings)]


def wave(std, size=1000, mean=0.0):
    """Values of exactly this standard deviation."""
    return (mean + std * np.tile([-1.0, 1.0], size // 2)).reshape(-1, 1)


def test_zero_variance_speaks_of_a_constant_channel_only(tmp_path):
    values = np.concatenate([wave(1.0), np.full((1000, 1), 7.0)], axis=1)
    assert codes(tmp_path, values) == [("BN101", 1)]
    values[0, 1] = 8.0
    assert "BN101" not in [code for code, _ in codes(tmp_path, values)]


@pytest.mark.parametrize(
    ("std", "expected"),
    [
        (math.sqrt(0.9e-3), "BN102"),
        (math.sqrt(1.1e-3), "BN103"),
        (math.sqrt(1e-3 * 98), "BN103"),
        (math.sqrt(1e-3 * 100), None),
    ],
)
def test_epsilon_rules_speak_by_its_share_and_only_the_first_that_holds(tmp_path, std, expected):
    assert [code for code, _ in codes(tmp_path, wave(std))] == ([expected] if expected else [])


def test_epsilon_findings_say_what_another_framework_would_give(tmp_path):
    (finding,) = findings(tmp_path, wave(0.05))
    variance = 0.05**2
    assert f"PyTorch's ε 1e-05 would give {variance / (variance + 1e-5):.3g}" in finding.message
    assert finding.value == pytest.approx(1e-3 / (variance + 1e-3))
    assert finding.threshold == 0.01
    (other,) = findings(tmp_path, wave(0.005), framework="torch", epsilon=1e-5)
    assert "Keras's ε 0.001" in other.message


@pytest.mark.parametrize("std", [0.002, 0.02, 0.0331, 0.05, 0.3])
def test_the_epsilon_that_is_advised_makes_the_finding_go_away(tmp_path, std):
    (finding,) = findings(tmp_path, wave(std))
    advised = float(re.search(r"Use ε ≤ (\S+) ", finding.message)[1])
    assert not codes(tmp_path, wave(std), epsilon=advised)
    assert codes(tmp_path, wave(std), epsilon=1.2 * advised)


def test_a_variance_too_small_for_float64_is_near_zero_and_not_zero(tmp_path):
    (finding,) = findings(tmp_path, 1e-170 * wave(1.0))
    assert (finding.rule, finding.value) == ("BN102", 0.0)
    assert "the values differ, but so little that their variance is 0 in float64" in finding.message
    assert "would give" not in finding.message
    assert "Scale the data up." in finding.message


def test_nan_and_inf_are_errors_that_count_them(tmp_path):
    values = np.concatenate([wave(1.0)] * 3, axis=1)
    assert not codes(tmp_path, values)
    values[3, 0], values[4:6, 2] = math.nan, math.inf
    found = findings(tmp_path, values)
    assert [(one.rule, one.channel, one.value) for one in found] == [("BN104", 0, 1.0), ("BN105", 2, 2.0)]
    assert {one.severity for one in found} == {"error"}
    assert "1 NaN among 1,000 values" in found[0].message


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "running statistics stay NaN from then on, so evaluation mode returns NaN too. To find"),
        ({"framework": "tensorflow-fused"}, "running statistics are NaN until the next batch. To find"),
        ({"normalizer": "instance"}, "NaN in every framework. To find"),
    ],
)
def test_nan_and_inf_say_what_becomes_of_evaluation(tmp_path, value, settings, words):
    values = wave(1.0)
    values[3] = value
    (finding,) = findings(tmp_path, values, **settings)
    assert words in finding.message
    assert f"numpy.argwhere(numpy.is{value}(volume))" in finding.message


def test_one_value_a_channel_is_what_pytorch_refuses_in_its_own_words(tmp_path):
    values = np.array([[[[1.0, 2.0]]]])
    (finding,) = findings(tmp_path, values, framework="torch", axis=4)
    assert finding.rule == "BN201"
    assert "got input size torch.Size([1, 2, 1, 1, 1])" in finding.message
    assert "Keras trains, but the output is the constant β" in findings(tmp_path, values)[0].message
    assert not codes(tmp_path, np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), framework="torch", axis=4)


@pytest.mark.parametrize(
    ("unit", "repetition", "options", "expected"),
    [
        ("sec", 2.0, {}, ["BN401"]),
        ("unknown", 2.0, {}, []),
        ("sec", 0.0, {}, []),
        ("sec", 2.0, {"batch_axis": 3}, []),
        ("sec", 2.0, {"axis": 1}, []),
    ],
)
def test_time_as_channels_needs_a_repetition_time_on_the_kept_axis(tmp_path, unit, repetition, options, expected):
    image = nib.Nifti1Image(np.random.default_rng(0).normal(0, 9, (4, 5, 6, 3)).astype("f4"), np.eye(4))
    image.header.set_xyzt_units("mm", unit)
    image.header.set_zooms((1, 1, 1, repetition))
    image.to_filename(tmp_path / "x.nii")
    assert [one.rule for one in bnstat.diagnose(tmp_path / "x.nii", **options).findings] == expected


def test_a_finding_of_several_samples_has_no_source(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 5, 5, 1)))
    report = bnstat.diagnose(tmp_path / "x.npy", batch_size=2)
    assert (report.findings[0].source, report.findings[0].batch) == (None, 0)
    assert bnstat.diagnose(tmp_path / "x.npy").findings[0].source == str(tmp_path / "x.npy")


def test_codes_and_names_are_unique_and_a_rule_is_a_file_of_its_name():
    assert len({rule.code for rule in EVERY_RULE}) == len({rule.name for rule in EVERY_RULE}) == len(EVERY_RULE)
    assert [rule.code for rule in EVERY_RULE] == sorted(rule.code for rule in EVERY_RULE)
    for rule in EVERY_RULE:
        assert rule.check.__module__.endswith(f".{rule.name.replace('-', '_')}")


def far(mean, size=100_000, std=1.0):
    """Values of unit deviation about a mean, in float32."""
    return np.random.default_rng(0).normal(mean, std, (size, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("framework", "mean", "expected"),
    [
        ("keras-torch", 1e4, "BN301"),
        ("haiku", 1e4, "BN301"),
        ("flax", 1e4, "BN302"),
        ("flax-two-pass", 1e4, None),
        ("torch", 1e4, None),
        ("keras-jax", 1e4, None),
        ("keras", 1e4, "BN301"),
        ("keras-torch", 150.0, "BN303"),
        ("flax", 150.0, "BN303"),
        ("keras-torch", 10.0, None),
        ("flax", 10.0, None),
        ("keras", 10.0, None),
    ],
)
def test_the_arithmetic_of_a_layer_is_judged_by_its_band(tmp_path, framework, mean, expected):
    found = [code for code, _ in codes(tmp_path, far(mean), framework=framework, epsilon=1e-6)]
    assert [code for code in found if code.startswith("BN30")] == ([expected] if expected else [])


def test_messages_say_is_where_the_number_is_known_and_may_be_where_it_is_not(tmp_path):
    values = np.concatenate([far(1e4), far(0.0)], axis=1)
    (known,) = findings(tmp_path, values, framework="keras-tensorflow", epsilon=1e-6)
    assert (known.rule, known.channel) == ("BN303", 0)
    assert "computes a variance of" in known.message
    (bounded,) = findings(tmp_path, values, framework="flax", epsilon=1e-6)
    assert "may compute" in bounded.message
    assert "use_fast_variance=False" in bounded.message


def test_a_constant_is_judged_by_epsilon(tmp_path):
    constant = np.full((100_000, 1), 3000.0, np.float32)
    assert codes(tmp_path, constant, framework="keras-torch") == [("BN101", 0), ("BN301", 0)]
    assert codes(tmp_path, constant, framework="flax") == [("BN101", 0), ("BN303", 0)]
    assert codes(tmp_path, constant / 3000, framework="keras-torch") == [("BN101", 0)]
    assert codes(tmp_path, np.zeros((1000, 1)), framework="flax") == [("BN101", 0)]


def test_a_constant_whose_output_is_nan_is_not_said_to_give_beta(tmp_path):
    constant = np.full((1, 64, 128, 64, 4), 17.3, np.float32)  # Keras on PyTorch computes a variance of -0.00128
    said = findings(tmp_path, constant, framework="keras-torch")
    assert [(one.rule, one.channel) for one in said[::2]] == [("BN101", 0), ("BN101", 2), ("BN301", 0), ("BN301", 2)]
    assert "Keras on PyTorch may compute a variance below −ε, and then its output is NaN" in said[0].message
    assert "down to -0.001282" in said[4].message
    for channels in (1, 2, 3):  # here it is between −3e-5 and 2e-4
        fine = findings(tmp_path, constant[..., :channels], framework="keras-torch")
        assert {one.rule for one in fine} == {"BN101"}
        assert "the output is the constant β" in fine[0].message


@pytest.mark.parametrize(
    ("largest", "dtype", "expected"),
    [(65504.0, "float32", []), (65505.0, "float32", ["BN106"]), (70000.0, "float16", ["BN106"])],
)
def test_float16_overflow_speaks_of_values_beyond_its_range(tmp_path, largest, dtype, expected):
    values = np.array([[0.0], [1.0], [largest]])
    found = [code for code, _ in codes(tmp_path, values, dtype=dtype, framework="torch")]
    assert found == expected


@pytest.mark.parametrize(
    ("values", "settings", "expected"),
    [
        ([0.0, 1.0, -3.4028235e38], {}, ["BN106", "BN110"]),  # what stands for missing voxels in maps of statistics
        ([0.0, 1.0, 1e19], {}, ["BN106"]),
        ([0.0, 1.0, 1e40], {"framework": "torch"}, ["BN106", "BN110"]),
        ([1e30, 1e30, 1e30], {}, ["BN101", "BN106"]),
        ([1e30, 1e30, 1e30], {"framework": "torch", "normalizer": "rms"}, ["BN101", "BN106", "BN110"]),
        ([0.0, 1e30, np.nan], {}, ["BN104", "BN106"]),
        ([np.nan, np.nan, np.nan], {}, ["BN104"]),
        ([np.inf, np.inf, np.inf], {}, ["BN105"]),
    ],
)
def test_squares_that_float32_cannot_hold_are_an_error(tmp_path, values, settings, expected):
    column = np.array(values)[:, np.newaxis]
    found = [one for one in findings(tmp_path, column, **settings) if one.rule < "BN2"]
    assert sorted(one.rule for one in found) == expected
    (overflow,) = [one for one in found if one.rule == "BN106"] or [None]
    if overflow is not None:
        assert ("keep them in float32" in overflow.message) == (np.nanmax(np.abs(values)) < 1.8e19)


def test_the_value_of_a_float32_overflow_is_the_distance_that_its_threshold_is_of(tmp_path):
    values = np.zeros((1000, 1))
    values[0] = 2e19  # so that float32 holds the variance, and not the square
    (found,) = [one for one in findings(tmp_path, values) if one.rule == "BN110"]
    assert found.value == pytest.approx(2e19 * (1 - 1e-3))
    assert found.threshold == pytest.approx(math.sqrt(3.4028235e38))
    assert found.value > found.threshold


@pytest.mark.parametrize("slope", [1e305, -1e305])
def test_values_that_a_scale_factor_puts_beyond_float64_are_an_error(tmp_path, slope):
    header = nib.Nifti2Header()
    header.set_data_dtype(np.int16)
    header["dim"], header["vox_offset"], header["magic"] = [3, 2, 2, 2, 1, 1, 1, 1], 544, b"n+2"
    header["scl_slope"] = slope
    (tmp_path / "x.nii").write_bytes(header.binaryblock + bytes(4) + np.arange(30000, 30008, dtype="<i2").tobytes())
    found = {one.rule: one.message for one in bnstat.diagnose(tmp_path / "x.nii").findings}
    assert {"BN106", "BN110"} <= set(found)
    assert all("values beyond those of float64" in found[code] for code in ("BN106", "BN110"))


def test_float16_overflow_speaks_of_a_running_variance_only_for_float16_input(tmp_path):
    values = far(0.0, size=1000, std=300.0)
    assert not codes(tmp_path, values, framework="torch")
    (finding,) = findings(tmp_path, values, framework="torch", dtype="float16")
    assert finding.rule == "BN106"
    assert "running variance" in finding.message
    assert not codes(tmp_path, far(0.0, size=1000, std=250.0), framework="torch", dtype="float16")


def test_keras_names_tensorflow_where_its_sums_are_likely_to_be_off(tmp_path):
    np.save(tmp_path / "long.npy", np.random.default_rng(0).normal(1.0, 1.0, (1, 3_000_000, 2)).astype(np.float32))
    np.save(tmp_path / "short.npy", np.random.default_rng(0).normal(1.0, 1.0, (1, 100_000, 2)).astype(np.float32))
    for name, noted in (("long", True), ("short", False)):
        report = bnstat.diagnose(tmp_path / f"{name}.npy")
        assert any('`framework="keras-tensorflow"`' in note for note in report.notes) == noted
        assert not report.findings
