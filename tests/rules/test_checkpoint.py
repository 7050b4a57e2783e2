"""Each rule of checkpoints fires on a checkpoint made for it, and stays silent on a close neighbour."""

from __future__ import annotations

import math

import pytest
from stored import audited, layer

from bnstat.reports.evidence import CheckpointEvidence
from bnstat.reports.limits import Limits
from bnstat.rules import judged
from bnstat.rules.checkpoint_rules import CHECKPOINT_RULES

HALF = {"dtype": "float16"}
# For each rule a checkpoint that it reports, and one that it does not: layers, and settings.
FIRES = {
    "BN501": ([layer(mean=[math.nan, 0.1])], [layer()], {}),
    "BN502": ([layer(variance=[math.inf, 1])], [layer(variance=[6e4, 1])], {}),
    "BN503": ([layer(variance=[-1e-9, 1])], [layer(variance=[1e-3, 1])], {}),
    "BN504": (
        [layer(mean=[0, 0.1], variance=[0.9**60, 1], batches=60)],
        [layer(mean=[0, 0.1], variance=[0.9**60 * 1.001, 1], batches=60)],
        {},
    ),
    "BN505": ([layer(variance=[0, 1])], [layer(variance=[1e-30, 1e-30])], {}),
    "BN506": ([layer(variance=[0.9e-5, 1])], [layer(variance=[1.1e-5, 1])], {}),
    "BN507": ([layer(variance=[1.1e10, 1])], [layer(variance=[0.9e10, 1])], {}),
    "BN508": ([layer(mean=[0, 0], variance=[1, 1])], [layer(mean=[0, 1e-9], variance=[1, 1])], {}),
    "BN509": ([layer(batches=43)], [layer(batches=44)], {}),
    "BN510": ([layer(batches=200)], [layer(batches=201)], {"steps": 201}),
    "BN511": ([layer(variance=[65505, 1])], [layer(variance=[65504, 1])], {}),
    "BN512": ([layer(scale=[0.9e-3, 1])], [layer(scale=[1.1e-3, 1])], {}),
    "BN513": ([layer(variance=[1, 128.0**2])], [layer(variance=[1, 126.0**2])], {}),
    "BN514": (
        [layer("a", variance=[1, 1]), layer("b", variance=[1.1e4, 1.1e4])],
        [layer("a", variance=[1, 1]), layer("b", variance=[0.9e4, 0.9e4])],
        {},
    ),
}


def findings(*layers, limits=None, **settings):
    return judged(CheckpointEvidence(audited(*layers, **settings), limits or Limits()), CHECKPOINT_RULES)


def codes(*layers, **settings):
    return [one.rule for one in findings(*layers, **settings)]


def test_every_rule_has_its_checkpoint():
    assert list(FIRES) == [rule.code for rule in CHECKPOINT_RULES]


@pytest.mark.parametrize("code", FIRES)
def test_a_rule_fires_on_a_checkpoint_made_for_it_and_not_on_a_close_neighbour(code):
    fires, silent, settings = FIRES[code]
    assert code in codes(*fires, **settings)
    assert code not in codes(*silent, **settings)


def test_a_healthy_checkpoint_is_silent():
    assert codes(layer("a", batches=500), layer("b", batches=500, scale=[1, 0.9]), steps=500) == []
    assert codes(layer(mean=None, variance=None, kind="affine", scale=[1, 1], shift=[0, 0])) == []


def test_a_finding_names_its_layer_and_a_single_channel():
    (one,) = findings(layer("enc.0.norm", mean=[0, 0.1], variance=[0.9**60, 1], batches=60))
    assert (one.rule, one.layer, one.channel, one.source) == ("BN504", "enc.0.norm", 0, "model.pt")
    assert one.message.startswith("channel 0 of layer enc.0.norm: nothing but zeros entered in any batch")
    (two,) = findings(layer(mean=[0, 0, 1], variance=[0.9**60, 0.9**60, 1], batches=60))
    assert (two.channel, two.message.partition(":")[0]) == (None, "channels 0, 1 of layer norm (2 of 3)")


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({"mean": [0, 0.1], "variance": [0, 1], "batches": 5000}, ["BN504"]),  # dead, and so neither zero
        ({"mean": [0, 0.1], "variance": [0.9**200, 1], "batches": 200}, ["BN504"]),  # nor below ε
        ({"mean": [0.3, 0.1], "variance": [5e-19, 1], "batches": 600}, ["BN504"]),
        ({"variance": [math.nan, 1], "scale": [0, 1]}, ["BN501"]),
        ({"mean": [0, 0], "variance": [1, 1], "batches": 3}, ["BN508"]),  # and not unsettled
    ],
)
def test_one_finding_for_one_problem(stored, expected):
    assert codes(layer(**stored)) == expected


def test_a_channel_that_faded_is_not_said_to_have_been_constant_always():
    (one,) = findings(layer(mean=[0.3, 0.1], variance=[5e-19, 1], batches=600))
    assert "of late" in one.message
    assert "in any batch" not in one.message


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ({"batches": 60, "variance": [0.9**60, 1]}, "what a momentum of 0.1 leaves of the initial 1 after 60 such"),
        ({"batches": 60, "variance": [0, 1]}, "what very many batches, or a cumulative average, leave"),
        ({"batches": 60, "variance": [0.9**80, 1]}, "of the initial 1 after 80 such batches, though 60 are counted"),
        ({"batches": None, "variance": [0.9**80, 1]}, "leaves of the initial 1 after 80 such batches."),
    ],
)
def test_a_dead_filter_says_what_its_variance_is(stored, words):
    found = [one for one in findings(layer(mean=[0, 0.1], **stored)) if one.rule == "BN504"]
    assert words in found[0].message


def test_float16_is_blamed_where_it_is_stored():
    (half,) = findings(layer(variance=[math.inf, 1], **HALF))
    assert "save this layer in float32" in half.message
    (single,) = findings(layer(variance=[math.inf, 1]))
    assert "load a checkpoint from before" in single.message
    zero = [one for one in findings(layer(variance=[0, 1], **HALF)) if one.rule == "BN505"]
    assert "rounds what is below 3e-08 to 0" in zero[0].message


def test_layers_that_are_alike_are_one_finding_of_the_file():
    (one,) = findings(layer("a", batches=20), layer("b", batches=20))
    assert (one.layer, one.value) == (None, pytest.approx(0.9**20))
    assert one.message.startswith("both layers with running statistics: after 20 batches")
    two = findings(layer("a", batches=20), layer("b", batches=30))
    assert [(one.rule, one.layer) for one in two] == [("BN509", "a"), ("BN509", "b"), ("BN510", None)]
    some = findings(layer("a", mean=[0, 0], variance=[1, 1]), layer("b"), layer("c", mean=[0, 0], variance=[1, 1]))
    assert some[0].message.startswith("2 of 3 layers (a, c): running mean 0")


def test_counts_that_differ_are_told_with_their_layers():
    (one,) = findings(*(layer(name, batches=400) for name in "abc"), layer("d", batches=200))
    assert "400 batches in 3 layers, but 200 batches in layer d" in one.message
    (steps,) = findings(layer(batches=400), steps=200)
    assert "each step counts 2 times" in steps.message
    (fewer,) = findings(layer(batches=400), steps=500)
    assert "frozen for a part of it" in fewer.message


def test_the_limit_of_the_start_is_that_of_check():
    assert codes(layer(batches=60)) == []
    assert codes(layer(batches=60), limits=Limits(start_weight=1e-4)) == ["BN509"]
    assert codes(layer(batches=60), limits=Limits(start_weight=0.0)) == ["BN509"]
    assert codes(layer(batches=1), momentum="none") == []


def test_the_batches_that_are_said_to_be_enough_are():
    (one,) = findings(layer(batches=43))
    assert "from 44 batches on" in one.message
    assert codes(layer(batches=44)) == []


def test_numbers_of_a_message_are_those_of_the_layer():
    (gain,) = findings(layer(variance=[1.0, 2e4], scale=[2, 1]))
    assert gain.value == pytest.approx(2 * math.sqrt((2e4 + 1e-5) / (1 + 1e-5)))
    assert "in channel 0 and" in gain.message
    (below,) = findings(layer(variance=[1e-6, 1e-6]))
    assert f"{math.sqrt(1e-6 / 1.1e-5):.3f}" in below.message
    assert (below.value, below.threshold) == (1e-6, 1e-5)
