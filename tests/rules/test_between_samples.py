"""Rules that judge how batches differ from each other, on reports as `check` makes them."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

import bnstat
from bnstat.batch_size.results import CurveChannel, CurvePoint
from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.layers.running import start_weight
from bnstat.layers.settings import Settings
from bnstat.renderers import csv as csv_format
from bnstat.renderers import json as json_format
from bnstat.renderers.inspect import markdown, table
from bnstat.reports.evidence import Evidence
from bnstat.reports.inspect import Report
from bnstat.reports.limits import Limits
from bnstat.rules import RULES, findings_of
from bnstat.rules.explanation import explained
from bnstat.rules.selection import rule_named
from bnstat.workflows.check import check

COHORT = Path(__file__).parents[2] / "sample_data/cohort"
KERAS = FRAMEWORKS["keras"]


def settings(**changes):
    return replace(Settings(KERAS, KERAS.epsilon, KERAS.momentum, batch_size=2), **changes)


def curve(*channels, size=2):
    """A curve of one size, of channels that have (noise, shortfall, gap)."""
    names = ("mean_noise", "variance_shortfall", "train_eval_rms")
    made = [CurveChannel(place, **dict(zip(names, one, strict=True))) for place, one in enumerate(channels)]
    return CurvePoint(size, "mixed", 1000, complete=False, takes_all=False, channels=tuple(made))


def evidence(point, **changes):
    return Evidence(Report(settings(), (), ()), curve=point, **changes)


def found(value, *rules):
    return [(one.rule, one.channel) for one in findings_of(value, rules or RULES)]


@pytest.mark.parametrize(("place", "code"), [(0, "BN202"), (1, "BN203"), (2, "BN204")])
def test_each_figure_has_its_rule_and_speaks_beyond_its_limit(place, code):
    at, beyond = [0.0] * 3, [0.0] * 3
    at[place], beyond[place] = 0.1, 0.1001
    assert found(evidence(curve(at, at))) == []
    assert found(evidence(curve(at, beyond))) == [(code, 1), ("BN205", None)]
    name = ("noise", "shortfall", "gap")[place]
    assert found(evidence(curve(at, beyond), limits=Limits(**{name: 0.2}))) == []
    (finding,) = findings_of(evidence(curve(at, beyond)), (rule_named(code),))
    assert (finding.value, finding.threshold, finding.batch, finding.source) == (0.1001, 0.1, None, None)
    assert "instance or group norm" in finding.message


def test_figures_of_a_constant_channel_are_unknown_and_no_finding():
    assert found(evidence(curve((None, None, None)))) == []


def test_without_a_curve_nothing_is_said_of_batches():
    assert found(evidence(None)) == []
    assert found(Evidence(bnstat.diagnose(COHORT, batch_size=2))) == []


@pytest.mark.parametrize("normalizer", ["instance", "layer", "group:1", "rms", "renorm", "weight-init"])
def test_only_batch_norm_is_judged_by_its_batches(normalizer):
    loud = evidence(curve((0.9, 0.9, 0.9)))
    assert len(found(loud)) == 4
    assert found(replace(loud, asked=settings(normalizer=normalizer))) == []


@pytest.mark.parametrize(("size", "speaks"), [(1, True), (8, True), (9, False)])
def test_a_small_batch_is_named_up_to_its_limit_and_only_where_these_data_show_it(size, speaks):
    (small,) = (rule for rule in RULES if rule.name == "small-batch")
    assert bool(found(evidence(curve((0.2, 0.0, 0.0), size=size)), small)) == speaks
    assert found(evidence(curve((0.05, 0.02, 0.1), size=size)), small) == []
    assert found(evidence(curve((0.2, 0.0, 0.0), size=size), limits=Limits(small_batch=0)), small) == []


def test_a_small_batch_says_what_these_data_show_and_leaves_the_paper_to_its_explanation():
    channels = ((0.2, 0.0, None), (0.3, 0.05, 0.4))
    (finding,) = findings_of(evidence(curve(*channels)), (rule_named("small-batch"),))
    assert finding.severity == "note"
    assert "ImageNet" not in finding.message
    assert "ImageNet" in explained(rule_named("small-batch")).why
    assert "noise of the batch mean 0.3 in channel 1 (limit 0.1), train/eval gap 0.4 in channel 1" in finding.message
    assert "shortfall" not in finding.message


@pytest.mark.parametrize("name", ["batch-mean-noise", "variance-shortfall"])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_batch_size_that_is_advised_is_the_least_without_a_finding(name, size):
    rule = rule_named(name)

    def at(batch_size):
        compared = bnstat.compare(COHORT, batch_sizes=[batch_size], draws=10)
        return findings_of(evidence(compared.batch_sizes[0]), (rule,))

    findings = check(COHORT, batch_size=size, select=[name]).findings
    if not findings:
        assert (name, size) == ("variance-shortfall", 5)
        return
    advised = int(ADVISED.search(findings[0].message)[1])
    assert advised > size
    assert at(advised - 1)
    assert not at(advised)


@pytest.mark.parametrize("size", [1, 2, 8])
@pytest.mark.parametrize("limit", [0.1, 0.2])
def test_compare_and_every_rule_name_one_size(size, limit):
    limits = Limits(noise=limit, shortfall=limit / 4, gap=limit)
    tolerances = {f"tolerance_{name}": getattr(limits, name) for name in ("noise", "shortfall", "gap")}
    found = bnstat.compare(COHORT, batch_sizes=[size], **tolerances).recommendation
    said = {
        one.rule: tuple(map(int, ADVISED.search(one.message).groups()))
        for one in check(COHORT, batch_size=size, limits=limits).findings
        if one.rule in ("BN202", "BN203", "BN204")
    }
    assert ("BN202" in said) == (size < found.mean_and_variance.estimate)
    assert said["BN204"] == (found.gap.estimate, found.gap.most)
    both = [said[code] for code in ("BN202", "BN203") if code in said]
    assert not both or max(both) == (found.mean_and_variance.estimate, found.mean_and_variance.most)


def test_a_limit_of_nothing_advises_no_size():
    (finding,) = check(COHORT, batch_size=2, select=["BN202"], limits=Limits(noise=0.0)).findings
    assert "Use a larger batch (the noise falls as 1/√B" in finding.message


# The size that is advised, and that which is enough with confidence.
ADVISED = re.compile(r"about ([\d,]+), or ([\d,]+) for 90")
UNSETTLED = rule_named("unsettled-running-statistics")


def steps(number, framework="keras", momentum=None, **changes):
    row = FRAMEWORKS[framework]
    own = row.momentum if momentum is None else momentum
    given = replace(settings(), framework=row, momentum=own, normalizer=row.normalizer)
    return findings_of(Evidence(Report(given, (), ()), steps=number, **changes), (UNSETTLED,))


@pytest.mark.parametrize(
    ("framework", "last"), [("keras", 458), ("torch", 43), ("flax", 458), ("torch-instance-track", 43)]
)
def test_running_statistics_are_unsettled_until_their_start_weighs_one_percent(framework, last):
    (finding,) = steps(last, framework)
    assert finding.value > 0.01
    assert f"The share is within the limit from {last + 1} steps on." in finding.message
    assert "% of the running statistics (limit 1 %)" in finding.message
    assert float(re.search(r"make up (\S+) %", finding.message)[1]) == pytest.approx(100 * finding.value, rel=5e-3)
    assert "make up 1 %" not in finding.message
    assert steps(last + 1, framework) == ()
    assert steps(last + 1, framework, limits=Limits(start_weight=0.001))


@pytest.mark.parametrize("framework", ["haiku", "torch-layer", "torch-instance"])
def test_a_layer_without_a_start_that_stays_is_never_unsettled(framework):
    assert steps(1, framework) == ()
    assert steps(1, "torch", momentum=1.0) == ()


def test_without_steps_nothing_is_said_of_running_statistics():
    assert steps(None) == ()
    assert steps(0) == ()


@pytest.mark.parametrize("framework", ["keras", "torch"])
def test_no_momentum_is_advised_that_keeps_the_last_batch_alone(framework):
    (finding,) = steps(1, framework)
    assert "a momentum of" not in finding.message
    assert "Train longer, or replace the running statistics" in finding.message


@pytest.mark.parametrize("number", [2, 10, 100, 400])
@pytest.mark.parametrize("framework", ["keras", "torch"])
def test_the_momentum_that_is_advised_is_enough(number, framework):
    findings = steps(number, framework)
    if not findings:
        assert (framework, number > 43) == ("torch", True)
        return
    momentum = float(re.search(r"a momentum of ([\d.e-]*\d)", findings[0].message)[1])
    assert start_weight(FRAMEWORKS[framework].batch_weight(momentum), number) <= 0.01
    assert steps(number, framework, momentum=momentum) == ()


@pytest.mark.parametrize(
    ("framework", "momentum", "afterwards"),
    [
        ("keras", "0.63 or less (0.37 or more in PyTorch's convention)", "--save-population population.npz"),
        ("torch", "0.37 or more (0.63 or less in Keras' convention)", "torch.optim.swa_utils.update_bn(loader, model)"),
        ("torch-instance-track", "0.37 or more", "or turn the running statistics off (track_running_stats=False)"),
    ],
)
def test_the_momentum_is_given_in_both_conventions(framework, momentum, afterwards):
    (finding,) = steps(10, framework)
    assert f"use a momentum of {momentum}" in finding.message
    assert afterwards in finding.message


def test_a_layer_that_never_forgets_and_a_limit_of_nothing_are_said_so():
    (finding,) = steps(100, momentum=1.0)
    assert "No number of steps is enough with this momentum" in finding.message
    (finding,) = steps(100, limits=Limits(start_weight=0.0))
    assert "Train longer" in finding.message


def test_findings_of_all_batches_are_shown_in_every_format():
    base = bnstat.diagnose(COHORT)
    loud = Evidence(base, curve=curve((0.9, 0.05, 0.05), (0.8, 0.05, 0.05)), steps=5)
    shown = replace(base, findings=findings_of(loud))
    for text in (table.render(shown), markdown.render(shown)):
        assert "BN202 batch-mean-noise" in text
        assert "Also found in channel 1." in " ".join(text.split())
        assert "None" not in text
    rows = list(csv.DictReader(io.StringIO(csv_format.render(shown))))
    assert {row["findings"] for row in rows} == {"BN202 BN205 BN206"}
    findings = json.loads(json_format.render(shown))["findings"]
    assert {(one["batch"], one["source"]) for one in findings} == {(None, None)}
