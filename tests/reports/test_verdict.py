"""The two facts that every report of `inspect` opens with, from the numbers that its table shows."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pytest

import bnstat
from bnstat.renderers.inspect import markdown, table
from bnstat.text import number

NORMALIZERS = ("batch", "instance", "layer", "group:2", "rms", "renorm", "weight-init")


def wave(*shape, scale=1.0):
    return np.random.default_rng(3).normal(0, scale, shape)


@pytest.fixture
def facts(tmp_path):
    """The two sentences on arrays, each a batch of samples, channels last."""

    def ask(*arrays, **settings):
        paths = []
        for place, array in enumerate(arrays):
            paths.append(tmp_path / f"{place}.npy")
            np.save(paths[-1], np.asarray(array, np.float64))
        return bnstat.diagnose(paths, **settings).verdict

    return ask


def with_constants(shape, constants):
    """Values that vary, and channels that are constant: their values by their channel."""
    values = wave(*shape)
    for channel, value in constants.items():
        values[..., channel] = value
    return values


def test_a_variance_that_is_nowhere_zero_is_said_with_the_smallest_one(facts):
    values = wave(1, 50, 3) * [3, 1, 2]
    least = number(float(values[..., 1].var()))
    assert facts(values)[0] == f"The variance is not zero in any channel: the smallest is {least} (channel 1)."


def test_the_only_channel_needs_no_name(facts):
    values = wave(1, 50, 1)
    assert facts(values)[0] == f"The variance is not zero: it is {number(float(values.var()))}."


@pytest.mark.parametrize(
    ("constants", "said"),
    [
        ({1: 0.0}, "The variance is zero in channel 1, where all values are 0; elsewhere it is "),
        ({1: 7.5, 2: 7.5}, "The variance is zero in channels 1, 2, where all values are 7.500; elsewhere it is "),
        ({0: 1.0, 1: 2.0, 2: 3.0}, "The variance is zero in channels 0–2, where all values are equal; elsewhere"),
        ({0: 0.0, 1: 0.0, 2: 0.0, 3: 0.0}, "The variance is zero in every channel: all values are 0."),
    ],
)
def test_every_constant_channel_is_named_with_the_value_of_the_data(facts, constants, said):
    assert facts(with_constants((1, 20, 4), constants))[0].startswith(said)


def test_a_constant_channel_of_one_file_is_named_beside_a_file_with_fewer_channels(facts):
    one, other = with_constants((1, 20, 4), {1: 0.0}), wave(1, 20, 1)
    for arrays, batch in (((one, other), 0), ((other, one), 1)):
        assert f"The variance is zero in channel 1 of batch {batch}, where all values are 0;" in facts(*arrays)[0]


def test_batches_and_samples_of_a_constant_are_named_all_of_them_by_one_word(facts):
    constant, varied = with_constants((1, 20, 2), {1: 4.0}), wave(1, 20, 2)
    assert "zero in channel 1 of every batch, where" in facts(constant, constant)[0]
    assert "zero in channel 1 of batches 0, 2, where" in facts(constant, varied, constant)[0]
    assert "zero in channel 1 of sample 2, where" in facts(varied, varied, constant, normalizer="instance")[0]
    assert "zero in channel 1 of every sample, where" in facts(constant, constant, normalizer="instance")[0]


def test_layer_norm_has_samples_and_group_norm_has_groups(facts):
    flat = with_constants((1, 20, 4), {2: 5.0, 3: 5.0})
    assert "zero in the group of channels 2–3, where all values are 5" in facts(flat, normalizer="group:2")[0]
    assert facts(flat, wave(1, 20, 4), normalizer="layer")[0].startswith("The variance is not zero in any sample: ")


def test_rms_norm_is_told_of_the_mean_square_which_a_constant_does_not_make_zero(facts):
    first, second = facts(np.full((1, 20, 2), 3.0), normalizer="rms")
    assert first == "The mean square is not zero: it is 9.000."
    assert second == "ε matters little: at ε = 1e-06 the output mean square is 1.000."
    assert facts(np.zeros((1, 20, 2)), normalizer="rms")[0] == "The mean square is zero: all values are 0."


@pytest.mark.parametrize(("value", "held"), [(np.nan, "NaN"), (np.inf, "infinite value")])
def test_the_variance_of_values_with_nan_or_inf_is_nan_with_their_number(facts, value, held):
    values = wave(1, 20, 2)
    values[0, 0, 1] = value
    first, _ = facts(values)
    assert first.endswith(f"it is NaN in channel 1, which contains 1 {held} among 20 values.")
    values[0, :2, 0] = value
    first, second = facts(values)
    assert first == f"The variance is NaN in channels 0, 1, which contain {held.replace('value', 'values')}."
    assert second == "ε does not matter: the variance and the output are NaN, whatever ε is."


def test_nan_and_inf_beside_each_other_are_both_counted(facts):
    values = wave(1, 20, 1)
    values[0, :3, 0] = np.nan, np.inf, -np.inf
    assert facts(values)[0] == (
        "The variance is NaN in channel 0, which contains 1 NaN and 2 infinite values among 20 values."
    )


def test_the_mean_square_of_infinite_values_is_infinite(facts):
    values = wave(1, 20, 1)
    values[0, 0, 0] = np.inf
    assert facts(values, normalizer="rms")[0].startswith("The mean square is infinite in ")


def test_a_single_value_is_the_reason_of_a_zero(facts):
    assert facts(wave(1, 1, 2))[0] == "The variance is zero, because each channel has a single value."


def test_values_that_differ_too_little_for_float64_are_not_called_equal(facts):
    assert "zero: the values differ too little for float64" in facts([[[0.0], [1e-170]]])[0]


@pytest.mark.parametrize(("scale", "epsilon"), [(1.0, 1e-3), (100.0, 1e-3), (0.1, 1e-5)])
def test_an_epsilon_that_matters_little_is_said_with_the_output(facts, scale, epsilon):
    values = wave(1, 500, 1, scale=scale)
    variance = float(values.var())
    said = f"ε matters little: at ε = {epsilon:g} the output variance is {number(variance / (variance + epsilon))}."
    assert facts(values, epsilon=epsilon)[1] == said


def test_an_epsilon_that_matters_is_said_for_the_channel_in_which_it_matters_most(facts):
    values = wave(1, 500, 3) * [1, 0.1, 0.05]
    output = float(values[..., 2].var() / (values[..., 2].var() + 1e-3))
    assert facts(values)[1] == (
        f"ε matters: at ε = 0.001 the output variance of channel 2 is {number(output)}, not 1 "
        "(the smallest of 2 below 0.99)."
    )


def test_without_an_epsilon_or_a_variance_the_fact_on_epsilon_says_so(facts):
    values, flat = wave(1, 20, 1), np.ones((1, 20, 1))
    assert facts(values, framework="tensorflow")[1] == (
        "What ε changes is unknown: TensorFlow's tf.nn.moments has no default ε; set one with --epsilon."
    )
    assert facts(values, normalizer="weight-init")[1] == "ε does not matter: weight norm's start adds none."
    assert facts(values, epsilon=0.0)[1] == "ε is 0, so it changes nothing."
    assert facts(flat)[1] == "ε decides alone: the layer divides by √ε = 0.03162, because the variance is zero."


@pytest.mark.parametrize("normalizer", NORMALIZERS)
@pytest.mark.parametrize("files", [1, 2])
def test_every_format_opens_with_both_facts_for_every_normalizer(facts, tmp_path, normalizer, files):
    arrays = [with_constants((2, 20, 4), {1: 0.0})] * files
    told = facts(*arrays, normalizer=normalizer)
    assert len(told) == 2 + (normalizer in ("layer", "group:2"))  # whose groups hide the constant channel
    report = bnstat.diagnose([tmp_path / f"{place}.npy" for place in range(files)], normalizer=normalizer)
    assert " ".join(table.render(report, width=80).split()).startswith(" ".join(told))
    assert markdown.render(report).replace("\u00a0", " ").startswith(f"**{told[0]}**")
    page = unescape(report._repr_html_()).replace("\u00a0", " ")
    assert page.index(f"<p>{told[0]}</p><p>{told[1]}</p>") < page.index("<table>")
    assert report.to_dict()["verdict"] == list(told)


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_the_numbers_of_the_facts_are_those_of_the_table(tmp_path, normalizer):
    np.save(tmp_path / "x.npy", wave(3, 40, 4, scale=0.05) + 2)
    report = bnstat.diagnose(tmp_path / "x.npy", normalizer=normalizer)
    numbers = re.findall(r"(?:smallest is|output [a-z ]*is|of .*? is) ([\d.,e+-]+\d)", " ".join(report.verdict))
    rendered = table.render(report, width=200).split("\n\n", 1)[1]
    assert numbers
    assert all(re.search(rf"(?<![\d.,]){re.escape(one)}(?![\d.])", rendered) for one in numbers)


def test_a_variance_that_the_layer_itself_may_compute_otherwise_is_said_with_its_place(facts):
    values = wave(1, 100_000, 2)
    values[..., 1] += 10_000
    said = facts(values, framework="flax")
    assert said[0].startswith("The variance is not zero in any channel")
    assert said[2:] == ("In its own arithmetic the layer may compute a variance of 0 in channel 1 (BN302).",)
    assert len(facts(values[..., :1], framework="flax")) == 2


def test_a_constant_channel_that_a_group_hides_is_named(facts):
    said = facts(with_constants((1, 50, 4), {1: 0.0, 2: 7.5}), normalizer="group:2")
    assert said[0].startswith("The variance is not zero in any group of channels")
    assert said[1] == (
        "Channels 1, 2 by themselves have a variance of zero; group norm hides that, because it merges them with "
        "other channels."
    )
    alone = facts(with_constants((1, 50, 4), {1: 0.0}), normalizer="layer")
    assert alone[1].startswith("Channel 1 by itself has a variance of zero; layer norm hides that")
    assert len(facts(wave(1, 50, 4), normalizer="group:2")) == 2
    assert not any("by itself" in one for one in facts(with_constants((1, 50, 2), {1: 0.0}), normalizer="instance"))
