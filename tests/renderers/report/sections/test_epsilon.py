"""The section on ε: its verdict, its plot and its table, for data that ε changes and for data that it does not."""

from __future__ import annotations

import numpy as np
import pytest
from report_page import numbers_from_nowhere, problems, without_places
from reported import all_of, column, only, opened, reported, said

import bnstat
from bnstat.renderers.report.blocks import Paragraph, Table
from bnstat.renderers.report.plots import Area, Line, Plot, Rule
from bnstat.renderers.report.sections import epsilon


def shown(report):
    """Return the section with what it folds away where nothing needs to be done."""
    return opened(epsilon.section(report))


def _report(scales=(1.0,), samples=4, mean=0.0, **settings):
    values = np.random.default_rng(6).normal(size=(samples, 6, 5, 4, len(scales))) * scales + mean
    return bnstat.report(values, **settings).report


def _lead(report):
    return next(one.text for one in all_of(shown(report), Paragraph) if one.lead)


def test_the_answer_is_the_sentence_of_the_verdict_of_inspect():
    for scales in ((1.0,), (0.01,), (0.0,)):
        report = _report(scales)
        sentence = next(one for one in report.inspected.verdict if one.startswith("ε"))
        assert _lead(report).startswith(sentence)


def test_nothing_is_to_be_done_where_it_does_not_matter():
    assert _lead(_report((50.0,))).endswith("Nothing needs to be done about ε.")


@pytest.mark.parametrize(("scale", "rule"), [(0.1, "BN103"), (0.01, "BN102")])
def test_where_it_matters_the_worst_finding_says_what_to_do(scale, rule):
    report = _report((scale, 1.02 * scale))
    findings = [one for one in report.findings if one.rule == rule]
    (advice,) = [one for one in all_of(shown(report), Paragraph) if one.tone == "warning"]
    worst = (max if rule == "BN103" else min)(findings, key=lambda one: one.value)
    assert worst.message[1:] in advice.text
    assert advice.text.endswith(f"Also found in {len(findings) - 1} other places.")
    assert [link.anchor for link in advice.links] == [f"finding-{rule}"]
    assert "Nothing needs to be done" not in said(shown(report))


def test_an_epsilon_with_which_the_layer_refuses_to_train_is_an_error():
    section = shown(_report(epsilon=0.0, framework="torch"))
    (advice,) = [one for one in all_of(section, Paragraph) if one.tone == "error"]
    assert [link.anchor for link in advice.links] == ["finding-BN108"]


def test_the_default_of_each_framework_stands_on_the_axis():
    plot = only(shown(_report(framework="torch")), Plot)
    rules = [mark for mark in plot.marks if isinstance(mark, Rule)]
    assert [(rule.at, rule.role) for rule in rules] == [(1e-5, "accent"), (1e-3, "muted")]
    assert rules[0].label.startswith("PyTorch, ")
    assert rules[0].label.endswith(" (in use)")
    assert rules[1].label == "Keras, TensorFlow, Keras 2"
    assert (plot.x.scale, plot.y.low, plot.y.high) == ("log", 0.0, 1.0)


def test_up_to_four_channels_have_lines_of_their_own_and_more_a_band():
    few, many = (only(shown(_report(tuple(range(1, number)))), Plot) for number in (5, 8))
    assert sum(isinstance(mark, Line) and not mark.thin for mark in few.marks) == 4
    assert not any(isinstance(mark, Area) for mark in few.marks)
    (band,) = [mark for mark in many.marks if isinstance(mark, Area)]
    assert all(low[1] <= high[1] for low, high in zip(band.lows, band.highs, strict=True))
    assert [mark.name for mark in many.marks if isinstance(mark, Line)] == [
        "all channels, smallest",
        "all channels, median",
    ]


def test_the_table_says_for_each_epsilon_whether_it_matters():
    table = only(shown(_report((0.1,))), Table)
    assert column(table, "ε") == ["1e-05", "0.001"]
    assert column(table, "does it matter?") == ["no", "yes"]
    assert column(table, "default of")[1].endswith("(in use here)")


def test_constant_channels_are_said_to_become_beta():
    assert "The variance is 0 in 4 of 8 channels of batches. There the layer divides by √ε alone" in said(
        shown(_report((0.0, 1.0)))
    )
    alone = shown(_report((0.0,)))
    assert "The output is the constant β (the layer's learned bias, 0 at first), whatever ε is." in said(alone)
    assert not all_of(alone, Plot)
    assert not all_of(alone, Table)


def test_an_epsilon_of_0_has_no_place_on_the_axis_and_a_row_in_the_table():
    section = shown(_report(epsilon=0.0, framework="keras"))
    assert all(rule.at > 0 for rule in only(section, Plot).marks if isinstance(rule, Rule))
    assert column(only(section, Table), "ε")[0] == "0"


def test_weight_norm_without_an_epsilon_says_that_there_is_none():
    section = shown(_report(normalizer="weight-init"))
    assert "weight norm's start adds none" in said(section)
    assert not all_of(section, Plot)


def test_there_is_no_section_without_a_batch():
    assert epsilon.section(reported([])) is None


@pytest.mark.parametrize("normalizer", ["batch", "instance", "group:2", "rms", "layer", "renorm"])
@pytest.mark.parametrize("scales", [(1.0, 0.01), (0.0, 0.0), (1e-20, 1e20), tuple(range(1, 13))])
def test_every_number_is_in_the_document(normalizer, scales):
    report = _report(scales, normalizer=normalizer, batch_size=2)
    section = shown(report)
    assert problems([section], report.to_dict()) == []
    assert without_places([section]) == set()
    assert numbers_from_nowhere([section], report.to_dict()) == []
