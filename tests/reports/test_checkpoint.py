"""Reports on random checkpoints: their sentences hold, and every format takes whatever a file may store."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from stored import audited, layer

from bnstat.networks.checkpoints.moved import moved
from bnstat.renderers import csv as csv_text
from bnstat.renderers.checkpoint import markdown, table
from bnstat.renderers.checkpoint_comparison import markdown as compared_markdown
from bnstat.renderers.checkpoint_comparison import table as compared
from bnstat.reports.checkpoint_comparison import CheckpointComparison, Difference
from bnstat.workflows.checkpoint import report_of

SCHEMAS = Path(__file__).parents[2] / "docs" / "schema"
ODD = (0.0, 1.0, -0.5, 1e-6, 1e-300, 1e300, np.nan, np.inf, -np.inf, 0.9**30, 7e4, 2.0)
NAMES = ("a", "enc.0.norm", "x" * 90, "a|b`*", "name\nof\x1b[1m", "état.ε", "0")


def random_layer(rng, name):
    """A layer of 0 to 5 channels with any numbers, with or without each of its tensors."""
    channels = int(rng.integers(0, 6))
    statistics = rng.random() < 0.8
    return layer(
        name,
        mean=rng.choice(ODD, channels) if statistics else None,
        variance=rng.choice(ODD, channels) if statistics else None,
        scale=rng.choice(ODD, channels) if rng.random() < 0.7 or not statistics else None,
        shift=rng.choice(ODD, channels) if rng.random() < 0.5 else None,
        batches=[None, 0, 1, 30, 10**9][rng.integers(5)] if statistics else None,
        dtype=["float32", "float16", "bfloat16", "float64"][rng.integers(4)],
        kind="batch" if statistics else "affine",
        epsilon=[None, 0.0, 1e-3][rng.integers(3)],
        momentum=[None, 0.0, 1.0, 0.01][rng.integers(4)],
    )


def random_report(seed):
    rng = np.random.default_rng(seed)
    names = rng.permutation(NAMES)[: rng.integers(1, len(NAMES) + 1)]
    settings = [{}, {"steps": 30}, {"momentum": "none"}, {"epsilon": 0.0}, {"framework": "haiku"}][rng.integers(5)]
    return report_of(audited(*(random_layer(rng, str(name)) for name in names), **settings))


def valid(document, name):
    schema = json.loads((SCHEMAS / f"bnstat.{name}-1.schema.json").read_text(encoding="utf-8"))
    plain = json.loads(json.dumps(document, allow_nan=False))
    jsonschema.validate(plain, schema, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("seed", range(20))
def test_every_format_takes_whatever_a_file_may_store(seed):
    report = random_report(seed)
    valid(report.to_dict(), "checkpoint")
    for width in (40, 80, 200):
        shown = table.render(report, width=width, every_row=bool(seed % 2))
        assert "\x1b" not in shown
        assert shown.startswith(report.opening[0][:10].replace("\x1b", "\\x1b"))
    assert "**" in markdown.render(report)
    assert csv_text.render(report).count("\n") >= len(report.layers) + 1
    both = CheckpointComparison((report, random_report(seed + 1000), random_report(seed + 2000)))
    valid(both.to_dict(), "checkpoint-compare")
    assert compared.render(both)
    assert compared.render(both, every_row=True)
    assert compared_markdown.render(both)
    assert compared.render(CheckpointComparison(both.reports[:2]), width=40)


def planted(seed):
    """A sound checkpoint in which one channel of one layer is changed; the layers, and the place."""
    rng = np.random.default_rng(seed)
    layers = {
        f"layer_{number}": (rng.normal(size=6), rng.uniform(0.2, 5, 6)) for number in range(int(rng.integers(1, 6)))
    }
    return layers, str(rng.choice([*layers])), int(rng.integers(6))


def opening_of(layers, **settings):
    return report_of(audited(*(layer(name, *one, batches=90) for name, one in layers.items()), **settings)).opening


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    ("mean", "variance", "words"),
    [
        (0.0, 0.9**90, "Channel {channel} of layer {name} is dead: only constants ever entered"),
        (0.5, 1e-20, "Channel {channel} of layer {name} is dead by now"),
        (0.5, 1e-6, "Channel {channel} of layer {name} is at a running variance below ε"),
        (0.5, 2e10, "Channel {channel} of layer {name} is far beyond any activation"),
        (np.nan, 1.0, "Evaluation mode fails: "),
        (0.5, -1.0, "Evaluation mode fails: "),
    ],
)
def test_the_verdict_names_the_channel_that_was_changed_and_says_order_only_before(seed, mean, variance, words):
    layers, name, channel = planted(seed)
    assert opening_of(layers)[0].startswith("The running statistics are in order")
    layers[name][0][channel], layers[name][1][channel] = mean, variance
    said = opening_of(layers)
    assert said[0].startswith(words.format(channel=channel, name=name))
    assert not any("in order" in sentence for sentence in said)


@pytest.mark.parametrize("seed", range(12))
def test_the_comparison_names_the_layer_and_channel_that_moved_most(seed):
    layers, name, channel = planted(seed)
    before = audited(*(layer(key, *(part.copy() for part in one)) for key, one in layers.items()))
    layers[name][0][channel] += 20.0
    layers[name][1][channel] *= 30.0
    after = audited(*(layer(key, *one) for key, one in layers.items()))
    first, second, *others = Difference("a", "b", moved(before, after)).sentences
    assert f"(standard deviations of the first file; layer {name}, channel {channel})" in first
    assert second == f"The running variance changed most in layer {name}: to 30 times what it was."
    rest = len(layers) - 1
    assert [one.split(" did not move")[0] for one in others] == ([f"{rest} layer{'s' * (rest > 1)}"] if rest else [])
