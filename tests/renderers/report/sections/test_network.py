"""The section on the layers inside a network, from the document of `bnstat layers`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from renderers.networks import refusing, unet, untrained
from report_page import numbers_from_nowhere, problems, without_places
from reported import all_of, channel, column, only, reported, said

from bnstat.renderers.json import written
from bnstat.renderers.report.blocks import Details, Paragraph, Table
from bnstat.renderers.report.plots import Dots, Line, Plot
from bnstat.renderers.report.sections import network
from bnstat.reports.full.network import ReportedNetwork


def _report(layers=None, **changes):
    document = json.loads(written((layers or unet()).to_dict()))
    document |= changes
    return replace(reported([[channel(1.0, 2.0)]]), network=ReportedNetwork.of(document))


def test_there_is_no_section_without_a_network():
    assert network.section(reported([[channel(1.0, 2.0)]])) is None


def test_the_verdict_of_bnstat_layers_comes_first():
    report = _report()
    lead, _, *rest = [one.text for one in all_of(network.section(report), Paragraph)]
    assert [lead, *rest] == list(report.network.verdict)


def test_each_layer_is_a_row_in_the_order_in_which_they_run():
    table = only(network.section(_report()), Table)
    assert column(table, "layer") == [one.layer for one in unet().layers]
    assert column(table, "dead")[5] == "1"
    assert table.rows[5].cells[4].tone == "error"


def test_the_share_between_samples_is_drawn_by_depth_and_dead_channels_are_marked():
    plot = only(network.section(_report()), Plot)
    lines = {mark.name: mark for mark in plot.marks if isinstance(mark, Line)}
    assert list(lines) == ["worst channel", "training, batch size 1", "median channel"]
    assert [point[0] for point in lines["median channel"].points] == list(range(1, 19))
    (dead,) = [mark for mark in plot.marks if isinstance(mark, Dots)]
    assert (dead.role, [point[0] for point in dead.points]) == ("error", [6.0])
    assert dead.titles == ("down_2.convs.conv_1.adn.N: 1 of 5 channels dead",)


def test_a_network_without_norms_is_said_to_have_none():
    section = network.section(_report(verdict=[], findings=[], layers=None))
    assert "has no normalization that was measured" in said(section)


def test_findings_on_layers_are_folded_away():
    report = _report()
    details = only(network.section(report), Details)
    assert details.summary == f"{len(report.network.findings)} findings on the layers of the network"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("mynet:small", "mynet:small"),
        ("/home/someone/secret/model.ts", "model.ts"),
        ("C:\\Users\\someone\\model.pt", "model.pt"),
        ("models/model.ts", "models/model.ts"),
    ],
)
def test_no_folder_of_the_machine_is_named(source, shown):
    document = json.loads(written(unet().to_dict()))
    text = said(network.section(_report(model={**document["model"], "source": source})))
    assert f"on the network {shown}. " in text


@pytest.mark.parametrize("layers", [unet(), unet(switch=False), refusing(), untrained()])
def test_every_number_is_in_the_document(layers):
    report = _report(layers)
    section = network.section(report)
    assert problems([section], report.to_dict()) == []
    assert without_places([section]) == set()
    assert numbers_from_nowhere([section], report.to_dict()) == []
