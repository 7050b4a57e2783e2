"""Rules on the layers of networks: each speaks of what it should, of nothing beside it, and as its example says."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from renderers import networks

from bnstat.networks.results import Measured
from bnstat.reports.evidence import NetworkEvidence
from bnstat.reports.limits import NetworkLimits
from bnstat.rules import judged
from bnstat.rules.explanation import PARTS, explained
from bnstat.rules.network_rules import NETWORK_RULES

# The networks that the examples of rules name.
EXAMPLES = {
    "mynet:small": networks.unet,
    "nets.py:encoder": networks.instance,
    "nets.py:half": networks.untrained,
    "segmenter.onnx": networks.exported,
    "torchvision.models.video:r3d_18": networks.refusing,
}
EACH = pytest.mark.parametrize("rule", NETWORK_RULES, ids=lambda rule: rule.code)


def findings(*layers, model=None, limits=None, **measured):
    """The findings on a network of these layers."""
    found = Measured(model or networks.model(), layers, samples=layers[0].samples, **measured)
    return judged(NetworkEvidence(found, limits or NetworkLimits()), NETWORK_RULES)


def codes(*layers, **measured):
    return [(one.rule, one.layer) for one in findings(*layers, **measured)]


def plain(name="norm", side=8, kind="batch", **changes):
    """A layer that no rule reports."""
    return networks.layer(name, side, kind, **{"gap": 0.1, "ratio": 0.9, **changes})


def words(text):
    return " ".join(text.split())


@EACH
def test_an_example_is_what_the_rule_says(rule):
    lines = explained(rule).example.splitlines()
    command, title, *message = lines
    _, _, model, *_ = shlex.split(command.removeprefix("$ "))
    assert title == f"{rule.severity} {rule.code} {rule.name}"
    assert max(map(len, lines)) <= 78
    found = judged(NetworkEvidence(EXAMPLES[model]().measured), NETWORK_RULES)
    assert words(" ".join(message)) in [words(one.message) for one in found if one.rule == rule.code]


@EACH
def test_an_explanation_has_all_its_parts(rule):
    found = explained(rule)
    for field in ("summary", "what", "why", "advice", "threshold", "sources"):
        text = getattr(found, field)
        assert text.endswith((".", ")", '"')), (field, text)
        assert not any(start in text for start in PARTS)
    assert len(found.summary) <= 74


def test_a_finding_names_the_model_the_layer_and_what_was_judged():
    (found,) = findings(plain(), plain("deep", dead=(1,)))
    assert (found.source, found.layer, found.channel, found.value) == ("mynet:small", "deep", 1, 1.0)
    assert found.message.startswith("deep: channel 1 of 5 is constant over all 48 samples")


def test_a_plain_layer_of_each_kind_is_not_reported():
    for kind in ("batch", "instance", "group", "layer", "rms"):
        stored = {} if kind == "batch" else {"gap": None, "ratio": None}
        assert not codes(plain(kind=kind, **stored)), kind


@pytest.mark.parametrize("kind", ["batch", "instance"])
def test_a_dead_channel_gives_one_output_for_every_input(kind):
    (found,) = findings(plain(kind=kind, dead=(0, 1, 2, 4)))
    assert "channels 0–2, 4 of 5 are constant" in found.message
    assert "the same for every input" in found.message
    assert found.channel is None
    assert found.value == 4.0


@pytest.mark.parametrize("kind", ["group", "layer", "rms"])
def test_a_dead_channel_that_is_averaged_with_others_is_not_said_to_give_one_output(kind):
    (found,) = findings(plain(kind=kind, gap=None, ratio=None, dead=(0,)))
    assert "tells only of the channels that it is averaged with" in found.message


def test_a_single_value_is_no_dead_channel():
    layer = plain(side=1, dead=(0, 1, 2, 3, 4), samples=1)
    assert not codes(layer)
    assert codes(replace(layer, samples=2)) == [("BN601", "norm")]


def test_a_constant_in_a_sample_matters_to_instance_norm_alone():
    own = {"gap": None, "ratio": None, "constant_in_a_sample": (0, 3)}
    (found,) = findings(plain(kind="instance", **own))
    assert (found.rule, found.value) == ("BN602", 2.0)
    assert "channels 0, 3 of 5 are constant in at least one sample" in found.message
    for kind in ("group", "layer", "rms"):
        assert not codes(plain(kind=kind, **own))
    assert not codes(plain(constant_in_a_sample=(0,)))
    assert not codes(plain(side=1, kind="instance", **own))
    assert codes(plain(kind="instance", dead=(0, 3), **own)) == [("BN601", "norm")]


@pytest.mark.parametrize(
    ("gap", "ratio", "reported"),
    [
        (0.1, 0.9, False),
        (0.25, 0.9, False),
        (0.26, 0.9, True),
        (0.1, 0.5, False),
        (0.1, 0.499, True),
        (0.1, 2.0, False),
        (0.1, 2.01, True),
    ],
)
def test_stored_statistics_are_off_beyond_their_limits(gap, ratio, reported):
    layer = plain(mean_gap=(gap,) * 5, variance_ratio=(ratio,) * 5)
    assert codes(layer) == ([("BN603", "norm")] if reported else [])
    if reported:
        (found,) = findings(layer)
        assert found.value == (gap if gap > 0.25 else ratio)
        assert found.threshold == (0.25 if gap > 0.25 else 0.5 if ratio < 1 else 2.0)
        assert (f"by {gap:g} SD" in found.message) == (gap > 0.25)
        wide = not 0.5 <= ratio <= 2.0
        assert (f"the ratio of its stored variance to that of these samples is {ratio:g} " in found.message) == wide
        assert ("Training with one or two samples a batch" in found.message) == (ratio < 1)


def test_one_channel_that_is_off_is_no_layer_that_is_off():
    assert not codes(plain(mean_gap=(0.1, 0.1, 0.1, 90.0, None), variance_ratio=(0.9, 0.9, 0.9, 1e6, None)))


def test_statistics_that_are_off_are_not_reported_where_they_change_nothing():
    off = plain(gap=0.9, ratio=4.0)
    assert codes(off) == [("BN603", "norm")]
    assert not codes(replace(off, output_moved=0.05), output="classes")
    (found,) = findings(replace(off, output_moved=0.0501), output="classes")
    assert found.rule == "BN603"
    assert "5.01 % of the output gets another class (limit 5 %)" in found.message
    (values,) = findings(replace(off, output_moved=1.7), output="values")
    assert "the output changes by 170 % (relative RMS; limit 5 %)" in values.message


def test_a_program_is_exported_again_where_its_statistics_are_off():
    (found,) = findings(plain(gap=0.9, ratio=4.0), model=networks.model(trains=False))
    assert "export again" in found.message
    assert "--save-statistics" not in found.message


def test_a_layer_that_pays_with_statistics_that_fit_is_told_apart():
    (found,) = findings(plain(moved=0.3), output="classes")
    assert (found.rule, found.value, found.threshold) == ("BN604", 0.3, 0.05)
    assert not codes(plain(moved=0.05), output="classes")


def test_statistics_that_were_never_updated_are_said_and_nothing_else_of_them():
    layer = plain(gap=3.0, ratio=0.01, moved=0.9, never_updated=True)
    (found,) = findings(layer, model=networks.model(weights=None), output="classes")
    assert found.rule == "BN605"
    assert "Give the trained weights: --weights FILE." in found.message
    (loaded,) = findings(layer, output="classes")
    assert "Check that runs/best.pt holds the weights after training." in loaded.message
    for source in ("net.pt", "net.PT2", "runs/net.onnx", "net.keras"):
        (inside,) = findings(layer, model=networks.model(weights=None, source=source), output="classes")
        assert "The weights are inside this file: save or export it again" in inside.message
        assert "--weights" not in inside.message


def test_a_layer_that_refuses_is_named_with_the_framework_s_words_if_it_was_run():
    run = plain("first", 1, batches=((1, None), (2, 0.3)))
    judged_by_shape = plain("second", 1, batches=((1, None), (2, 0.3)))
    quiet = replace(judged_by_shape.batches[0], message=None)
    first, second = findings(run, replace(judged_by_shape, batches=(quiet, judged_by_shape.batches[1])))
    assert (first.rule, first.layer, second.layer) == ("BN606", "first", "second")
    assert '"Expected more than 1 value per channel when training' in first.message
    assert second.message.startswith("second: at batch size 1 it refuses to train. A channel has a single value there.")
    assert "Use larger batches" in first.message


def test_a_larger_batch_is_not_advised_where_it_does_not_help():
    (found,) = findings(plain("norm", 1, "instance", gap=None, ratio=None, batches=((1, None), (1, None))))
    assert "A larger batch does not help" in found.message
    assert "Use larger batches" not in found.message


def test_a_layer_that_refuses_for_another_reason_gets_no_advice_on_values():
    other = replace(networks.batch(1, 512, None), message="sizes do not match")
    (found,) = findings(plain(batches=()), plain("late", 8, "batch"), replace(plain("odd"), batches=(other,)))
    assert found.message == 'odd: at batch size 1 it refuses to train: "sizes do not match".'


def test_epsilon_is_judged_in_the_median_channel():
    (found,) = findings(plain(epsilon_share=(0.0101, 0.0101, 0.3, None, 0.0)))
    assert (found.rule, found.threshold) == ("BN607", 0.01)
    assert found.value == pytest.approx(0.0101)
    assert "1.01 % of variance + ε in the median channel and 30 % in the worst" in found.message
    assert "has variance 0.99 instead of 1 there" in found.message
    assert not codes(plain(epsilon_share=(0.01, 0.01, 0.3, None, 0.0)))
    assert not codes(plain(side=1, epsilon_share=(1.0,) * 5))
    assert codes(plain(epsilon_share=(1.0, 1.0, 1.0, 1e-5, 1e-5), dead=(0, 1, 2))) == [("BN601", "norm")]
    (squares,) = findings(plain(kind="rms", gap=None, ratio=None, epsilon_share=(0.5,) * 5))
    assert "50 % of mean square + ε (limit 1 %), so the output has mean square 0.5 instead of 1." in squares.message


def test_of_many_layers_with_nan_the_first_is_reported():
    (found,) = findings(plain(), plain("a", not_finite=(1, 2)), plain("b", not_finite=(0,)))
    assert (found.rule, found.layer, found.value) == ("BN608", "a", 2.0)
    assert "enters it in 2 of 5 channels, and then 1 more norm." in found.message
    assert "NaN into its running ones" in found.message


def test_values_beyond_float16_are_reported_unless_they_are_float16():
    large = (1.0, 65_504.0, 65_505.0, 1e6, None)
    (found,) = findings(plain(largest=large))
    assert (found.rule, found.value, found.threshold) == ("BN609", 1e6, 65_504.0)
    assert "up to 1,000,000 in magnitude enter it (channels 2, 3)" in found.message
    assert not codes(plain(largest=large, dtype="float16"))
    assert not codes(plain(largest=large[:2] + (None,) * 3))
    (least,) = findings(plain(largest=(65_505.0,) * 5))
    assert "up to 65,505 in" in least.message


def test_limits_can_be_others():
    assert not codes(plain(gap=0.9, ratio=4.0), limits=NetworkLimits(mean_gap=2.0, variance_ratio=10.0))
    assert codes(plain(), limits=NetworkLimits(mean_gap=0.05)) == [("BN603", "norm")]
