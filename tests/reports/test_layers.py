"""What a report on the layers of a network says is what it holds, over random networks."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from statistics import median

import jsonschema
import pytest
from claims import FREE_NUMBER, equals, faults
from network_claims import CLAIMS, middle, verdict_of
from random_networks import random_layers
from random_reports import WIDE, RandomReport
from renderers import networks
from unescaped import of_markdown
from wording import faults_of_widths, faults_of_wording

from bnstat.networks.results import Measured
from bnstat.networks.settings import Measuring
from bnstat.renderers import csv
from bnstat.renderers.layers import markdown, table
from bnstat.reports.layers import Layers

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/bnstat.layers-1.schema.json").read_text(encoding="utf-8"))
# The reports of one test, and the tests.
REPORTS, PARTS = 25, 4
EACH = pytest.mark.parametrize("part", range(PARTS))


def reports(part, number=REPORTS):
    return [(seed, random_layers(seed)) for seed in range(part * number, (part + 1) * number)]


@EACH
def test_the_verdict_is_what_the_report_holds(part):
    for seed, report in reports(part):
        for said in verdict_of(report):
            assert not list(faults(said, CLAIMS)), seed


def test_every_claim_is_made_by_some_report():
    texts = [said.text for seed in range(250) for said in verdict_of(random_layers(seed))]
    texts += [text for report in of_which_nothing_is_known() for text in report.verdict]
    assert not [one.pattern.pattern for one in CLAIMS if not any(one.pattern.search(text) for text in texts)]


def test_no_sentence_is_without_a_claim():
    for seed in range(100):
        for said in verdict_of(random_layers(seed)):
            assert any(one.pattern.search(said.text) for one in CLAIMS), (seed, said.text)


def is_caught(said):
    try:
        return any(True for _ in faults(said, CLAIMS))
    except (AssertionError, LookupError, ValueError):  # names and places that there are none of
        return True


def wrong_numbers(text):
    """A text with the last digit of one number changed, for each of its numbers."""
    for match in FREE_NUMBER.finditer(text):
        place = match.start() + max(at for at, letter in enumerate(match.group()) if letter.isdecimal())
        yield f"{text[:place]}{(int(text[place]) + 5) % 10}{text[place + 1 :]}"


# What is always the same: the values that become −1 and 1, the limit of what may move, and the least share.
ALWAYS = re.compile(r"2 values always become about −1 and 1|less than 0\.0(?:00)?1")


def test_a_wrong_number_is_caught_wherever_it_is():
    missed = []
    for seed in range(40):
        for said in verdict_of(random_layers(seed)):
            told = replace(said, text=ALWAYS.sub("", said.text))
            missed += [
                text
                for text in wrong_numbers(said.text)
                if ALWAYS.sub("", text) != told.text and not is_caught(replace(said, text=text))
            ]
    assert not missed


def test_a_wrong_layer_is_caught():
    missed = []
    for seed in range(60):
        report = random_layers(seed)
        names = sorted({layer.layer for layer in report.layers})
        for said in verdict_of(report):
            for one in re.findall(r"block_\d+\.norm(?:#2)?", said.text):
                other = next((name for name in names if name != one and name not in said.text), None)
                wrong = said.text.replace(f"{one} ", f"{other} ").replace(f"{one})", f"{other})")
                if other is not None and wrong != said.text and not is_caught(replace(said, text=wrong)):
                    missed.append((seed, one, said.text))
    # a layer may be said to be "the most" where several are alike
    assert not [one for one in missed if "it is 0 % or less" not in one[2]]


def shown(report):
    """The report as the checks of words and widths take it."""

    def at(width):
        return table.render(report, width=width, every_row=True)

    return RandomReport("layers", None, {}, report, report.to_dict(), at(WIDE), at)


@EACH
def test_words_fit_their_numbers_and_lines_their_screens(part):
    for seed, report in reports(part, 6):
        one = shown(report)
        assert not list(faults_of_wording(one)), seed
        # a narrow table has fewer digits, which the wide one does not have
        assert not [fault for fault in faults_of_widths(one) if "is in no wide table" not in fault], seed


@EACH
def test_every_document_is_valid_and_every_channel_a_row(part):
    for seed, report in reports(part, 8):
        document = json.loads(json.dumps(report.to_dict(), allow_nan=False))
        jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
        rows = csv.render(report).splitlines()
        assert len(rows) == 1 + sum(layer.channels for layer in report.layers), seed
        assert len({row.count(",") for row in rows}) == 1


def worst_ratio(figures):
    known = [one for one in figures if one is not None]
    return max(known, key=lambda one: max(one, 1 / one), default=None)


def worst(figures):
    return max((one for one in figures if one is not None), default=None)


# For each column of a figure: the figure, and the channel that is shown.
COLUMNS = {
    "ρ": ("rho", middle, 100),
    "worst ρ": ("rho", worst, 100),
    "ε share": ("epsilon_share", middle, 100),
    "worst ε share": ("epsilon_share", worst, 100),
    "mean gap": ("mean_gap", middle, 1),
    "worst mean gap": ("mean_gap", worst, 1),
    "variance ratio": ("variance_ratio", middle, 1),
    "worst variance ratio": ("variance_ratio", worst_ratio, 1),
}


def expected(layer, header):
    """The number of a layer that a cell shows, and the factor with which it is printed; None if it is undefined."""
    if header in COLUMNS:
        figure, chosen, factor = COLUMNS[header]
        return chosen(layer[figure]), factor
    noise = re.fullmatch(r"(worst )?noise at ([\d,]+)", header)
    if noise:
        size = int(noise[2].replace(",", ""))
        found = next((one for one in layer["batches"] if one["batch_size"] == size), None)
        if found is None or found["raises"]:
            return None if found is None else "refuses", 1
        return (worst if noise[1] else middle)(found["mean_noise"]), 1
    if header == "moved":
        return layer["output_moved"], 100
    return {"dead": len(layer["dead"]), "values": layer["values"], "channels": layer["channels"]}[header], 1


@EACH
def test_every_cell_is_the_figure_of_its_layer(part):
    seen = set()
    for seed, report in reports(part):
        layers = report.to_dict()["layers"]
        rows = [
            [of_markdown(cell.strip()) for cell in line.strip("| ").split(" | ")]
            for line in markdown.render(report).splitlines()
            if line.startswith("| ")
        ]
        if not layers:
            assert not rows
            continue
        headers, _, *body = rows
        assert [row[0] for row in body] == [layer["layer"] for layer in layers], seed
        for layer, row in zip(layers, body, strict=True):
            for header, cell in zip(headers[1:], row[1:], strict=True):
                seen.add(header)
                if header == "kind":
                    assert cell == layer["kind"]
                    continue
                value, factor = expected(layer, header)
                if value is None:
                    assert cell == "–", (seed, header)
                elif value == "refuses":
                    assert cell == "refuses"
                elif cell.startswith("<"):
                    assert 0 < value < 1e-4
                else:
                    assert equals(cell.removesuffix("%"), factor * value), (seed, header, cell, value)
    assert seen > {*COLUMNS, "moved", "dead", "kind", "noise at 1"}


def test_figures_that_are_not_finite_are_null():
    report = networks.unet()
    layer = replace(report.layers[0], mean_gap=(float("nan"), float("inf"), None, 0.5, 1.0), output_moved=float("nan"))
    document = replace(report, measured=replace(report.measured, layers=(layer,), output_moved=float("inf"))).to_dict()
    (found,) = document["layers"]
    assert found["mean_gap"] == [None, None, None, 0.5, 1.0]
    assert found["output_moved"] is document["output_moved"] is None


def test_a_layer_without_stored_statistics_has_undefined_ones_for_each_channel():
    document = networks.instance().to_dict()
    for layer in document["layers"]:
        assert not layer["stored"]
        assert layer["mean_gap"] == layer["variance_ratio"] == [None] * layer["channels"]


def test_a_report_is_a_line_a_table_and_a_data_frame_in_python():
    report = networks.refusing()
    assert repr(report) == ("<Layers: torchvision.models.video:r3d_18, 4 normalizations, 9 samples, 3 findings>")
    assert "refuse to train" in report._repr_html_()
    pandas = pytest.importorskip("pandas")
    frame = report.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["layer"].unique()) == [layer.layer for layer in report.layers]
    by_layer = frame.groupby("layer")["rho"].median()
    assert by_layer["stem.bn"] == pytest.approx(median(report.layers[0].rho))
    assert frame["raises_at_1"].tolist() == [False] * 10 + [True] * 10


def test_a_network_without_normalizations_says_what_cannot_be_seen():
    missed = ("Batch norms that an exporter folded into convolutions cannot be seen.",)
    report = Layers(Measured(networks.model("net.onnx"), (), missed=missed, samples=9), Measuring(), networks.samples())
    assert report.verdict == (f"net.onnx runs no normalization. {missed[0]}",)
    for text in (table.render(report), markdown.render(report)):
        assert " ".join(text.split()).count(missed[0]) == 1


def of_which_nothing_is_known():
    """A network whose only layer gets constants, and the same where it is not said why nothing is known."""
    unknown = {"rho": (None,) * 5, "mean_gap": (None,) * 5, "variance_ratio": (None,) * 5}
    layer = replace(networks.unet().layers[0], batches=(), output_moved=None, dead=(0, 1, 2, 3, 4), **unknown)
    layers = (layer, replace(layer, dead=()))
    return [networks.report(Measured(networks.model(), (one,)), batch_sizes=()) for one in layers]


def test_a_network_of_which_nothing_is_known_says_so():
    dead, other = of_which_nothing_is_known()
    assert dead.verdict[0].startswith("No channel that enters a norm varies")
    assert other.verdict[0].startswith("Nothing is known")
    for report in (dead, other):
        (text,) = report.verdict
        assert text in markdown.render(report)
        assert not [fault for said in verdict_of(report) for fault in faults(said, CLAIMS)]


def test_what_a_user_has_to_know_first_comes_first():
    assert networks.refusing().verdict[0].startswith("At batch size 1, 2 of 4 norms refuse to train")
    assert networks.untrained().verdict[0].startswith("NaN or Inf enters dec.norm")
    assert networks.unet().verdict[0].startswith("The output depends on the stored statistics: with each sample's own")
    assert networks.unet().verdict[1].startswith("What to do: ")
    assert networks.unet(switch=False).verdict[0].startswith("The stored statistics of 15 of 18 norms are not those of")
    assert networks.instance().verdict[0].startswith("No batch norm, but 6 instance norms")
    assert networks.exported().verdict[0].startswith("The stored statistics of 1 of 2 norms are not those of these")


def test_statistics_to_load_are_offered_only_where_they_can_be_made():
    assert "--save-statistics FILE writes them" in networks.unet().verdict[1]
    assert "export again" in networks.exported().verdict[1]
    assert not any("--save-statistics" in text for text in networks.instance().verdict)
    assert not any("--save-statistics" in text for text in networks.untrained().verdict)


def test_switching_is_advised_only_where_it_tells_something():
    assert "Add --switch" in networks.unet(switch=False).verdict[0]
    for report in (networks.unet(), networks.instance(), networks.exported(), networks.untrained()):
        assert not any("Add --switch" in text for text in report.verdict)


def test_how_own_statistics_are_used_is_said_where_it_holds():
    report = networks.unet()
    assert "set running_mean and running_var of these norms to None" in report.verdict[1]
    first = replace(report.layers[0], kind="instance")
    mixed = replace(report.measured, layers=(first, *report.layers[1:]))
    keras = replace(report.measured, model=replace(report.measured.model, framework="keras"))
    for measured in (mixed, keras):
        text = replace(report, measured=measured).verdict[1]
        assert text.startswith("What to do: compare the network on labelled cases")
        assert "running_mean" not in text
