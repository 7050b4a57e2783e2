"""The section on frameworks: who is accurate on these data, who is not, and what to do."""

from __future__ import annotations

import numpy as np
import pytest
from report_page import numbers_from_nowhere, problems
from reported import all_of, column, only, opened, reported, said

import bnstat
from bnstat.renderers.report.blocks import Code, Details, Paragraph, Table
from bnstat.renderers.report.sections import frameworks


def shown(report):
    """Return the section with what it folds away where nothing needs to be done."""
    return opened(frameworks.section(report))


def _report(mean=0.0, deviation=1.0, samples=4, channels=2, **settings):
    draw = np.random.default_rng(7)
    values = draw.normal(mean, deviation, (samples, 7, 6, 5, channels)).astype(np.float32)
    return bnstat.report(values, **settings).report


def _lead(report):
    return next(one.text for one in all_of(shown(report), Paragraph) if one.lead)


def test_where_all_are_accurate_nothing_is_to_be_done():
    section = shown(_report())
    assert _lead(_report()) == (
        "Every framework computes the variance of these data to within 1 %. Nothing needs to be done."
    )
    assert not all_of(section, Code)
    assert set(column(only(section, Table), "float32 on these data")) == {"accurate"}


def test_the_frameworks_that_are_not_are_named_with_what_to_type():
    report = _report(20_000.0, framework="torch")
    assert _lead(report).startswith("PyTorch, in use here, computes the variance of these data to within 1 %")
    assert "Keras, Keras on PyTorch and Haiku may return NaN." in _lead(report)
    assert only(shown(report), Code).text == "bnstat check PATH --framework keras"


def test_the_finding_on_the_framework_in_use_says_what_to_do():
    report = _report(20_000.0, framework="haiku")
    (advice,) = [one for one in all_of(shown(report), Paragraph) if one.tone == "error"]
    finding = next(one for one in report.findings if one.rule == "BN301")
    assert finding.message[1:] in advice.text
    assert _lead(report).startswith("Haiku, in use here, may return NaN for these data.")
    assert [link.anchor for link in advice.links] == ["finding-BN301"]


def test_the_two_conventions_of_the_momentum_are_told_apart():
    table = only(shown(_report()), Table)
    columns = (column(table, title) for title in ("preset", "momentum", "it weighs"))
    rows = set(zip(*columns, strict=True))
    assert {("keras", "0.99", "old value"), ("torch", "0.1", "batch")} <= rows


def test_layers_without_running_statistics_have_no_columns_for_them():
    table = only(shown(_report(normalizer="layer")), Table)
    assert "momentum" not in [one.title for one in table.columns]


def test_what_was_looked_at_is_said_where_it_is_not_all():
    few = only(shown(_report()), Details)
    many = only(shown(_report(samples=100)), Details)
    assert not any("were looked at" in one.text for one in few.blocks if isinstance(one, Paragraph))
    report = _report(samples=100)
    told = f"{report.frameworks.looked_at} of 200 channels of batches were looked at"
    assert any(told in one.text for one in many.blocks if isinstance(one, Paragraph))


def test_one_value_is_refused_by_those_who_refuse():
    report = bnstat.report(np.ones((1, 1, 1, 1, 1), np.float32), framework="torch").report
    assert _lead(report).startswith("PyTorch, in use here, refuses to train on these batches.")


def test_there_is_no_section_for_a_layer_of_no_framework_or_without_a_batch():
    assert frameworks.section(_report(normalizer="weight-init")) is None
    assert frameworks.section(reported([])) is None


@pytest.mark.parametrize("mean", [0.0, 300.0, 1e6, 3e19])
@pytest.mark.parametrize("settings", [{}, {"framework": "flax"}, {"normalizer": "rms"}, {"normalizer": "group:2"}])
def test_every_number_is_in_the_document(mean, settings):
    report = _report(mean, batch_size=2, **settings)
    section = shown(report)
    assert problems([section], report.to_dict()) == []
    assert numbers_from_nowhere([section], report.to_dict()) == []
    assert said(section)


def test_what_to_type_for_another_layer_is_taken_by_the_command(bnstat_run, tmp_path):
    values = np.random.default_rng(0).normal(20_000.0, 1.0, (3, 6, 6, 6, 2))
    report = bnstat.report(values, normalizer="group:2").report
    typed = only(frameworks.section(report), Code).text
    assert typed.startswith("bnstat check PATH --framework ")
    assert typed.endswith(" --normalizer group:2")
    np.save(tmp_path / "x.npy", values)
    words = [tmp_path / "x.npy" if word == "PATH" else word for word in typed.split()[1:]]
    assert bnstat_run(*words, "--fail-on", "never").errors == []
