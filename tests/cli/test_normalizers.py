"""`--normalizer` and `--ranks` from the command line, in every format."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from bnstat.layers.settings import KINDS

NAMES = [name.replace("G", "2") for name in KINDS]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tensor(tmp_path):
    """Four samples of 6 × 5 voxels and 4 channels; sample 1 has two channels that are one number."""
    values = np.random.default_rng(1).normal(size=(4, 6, 5, 4)) + 3
    values[1, ..., 2:] = 7.0
    np.save(tmp_path / "x.npy", values)
    return tmp_path / "x.npy"


@pytest.mark.parametrize("name", NAMES)
def test_every_normalizer_is_answered_in_every_format(bnstat_run, tensor, name):
    asked = ("inspect", tensor, "--normalizer", name)
    document = json.loads(bnstat_run(*asked, "--format", "json").out)
    assert document["settings"]["normalizer"] == name
    parts = [part for batch in document["batches"] for part in batch.get("groups", batch.get("channels"))]
    rows = list(csv.DictReader(io.StringIO(bnstat_run(*asked, "--format", "csv").out)))
    assert [row["variance"] for row in rows] == [str(part["variance"]) for part in parts]
    assert len({frozenset(row) for row in rows}) == 1
    table = [line for line in bnstat_run(*asked, "--format", "markdown").out.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(parts)
    shown = bnstat_run(*asked, "--all")
    assert (shown.code, shown.out.count("BN101")) == (0, int(name not in ("layer", "rms")))
    assert max(map(len, shown.out.splitlines())) <= 80


def test_the_title_says_which_layer(bnstat_run, tensor):
    def title(*options):
        return " ".join(bnstat_run("inspect", tensor, *options).out.split())

    assert "group norm (2 groups) as in PyTorch (epsilon ε = 1e-05" in title(
        "--normalizer", "group:2", "--framework", "torch"
    )
    assert "RMS norm as in Flax (epsilon ε = 1e-06), batch size 1" in title(
        "--normalizer", "rms", "--framework", "flax"
    )
    assert "batch renorm as in Keras (epsilon ε = 0.001, momentum 0.99), batch size 2" in title(
        "--normalizer", "renorm", "-b", 2
    )
    assert "batch size 2 on each of 2 ranks" in title("--ranks", 2, "-b", 2)


def test_other_groups_with_the_same_finding_are_named_by_sample_and_channel(bnstat_run, tensor):
    out = " ".join(bnstat_run("inspect", tensor, "--normalizer", "instance").out.split())
    assert "channel 2 of sample 1 is constant" in out
    assert "Also found in channel 3 of sample 1." in out


def test_a_group_of_many_is_shown_first_where_it_has_a_finding(bnstat_run, tmp_path):
    values = np.random.default_rng(1).normal(size=(30, 6, 5, 2))
    values[29] = 1.0
    np.save(tmp_path / "x.npy", values)
    lines = bnstat_run("inspect", tmp_path / "x.npy", "--normalizer", "layer").out.splitlines()
    assert any(line.split()[:2] == ["29", "0–1"] for line in lines)
    assert any(line.startswith("10 more rows") for line in lines)


def test_synchronized_batches_are_a_second_table_and_rows_of_their_own(bnstat_run, tensor):
    asked = ("inspect", tensor, "--ranks", 2)
    document = json.loads(bnstat_run(*asked, "--format", "json").out)
    assert (document["settings"]["ranks"], len(document["batches"]), len(document["synchronized"])) == (2, 4, 2)
    assert "synchronized over 2 ranks (SyncBN), batch size 2: 60 values per channel" in bnstat_run(*asked).out
    rows = list(csv.DictReader(io.StringIO(bnstat_run(*asked, "--format", "csv").out)))
    assert [row["synchronized"] for row in rows] == ["false"] * 16 + ["true"] * 8
    assert bnstat_run(*asked, "--format", "markdown").out.count("\n| ---:") == 2


def test_buffers_of_instance_norm_are_told_in_every_format(bnstat_run, tensor):
    asked = ("inspect", tensor, "--framework", "torch-instance-track", "-b", 4)
    (batch,) = json.loads(bnstat_run(*asked, "--format", "json").out)["batches"]
    assert [one["channel"] for one in batch["running"]] == [0, 1, 2, 3]
    for form in ("table", "markdown"):
        assert (
            "running mean and variance after one training step: channel 0" in bnstat_run(*asked, "--format", form).out
        )
    first = next(csv.DictReader(io.StringIO(bnstat_run(*asked, "--format", "csv").out)))
    assert float(first["running_variance"]) == batch["running"][0]["running_variance"]


def test_the_only_number_of_groups_that_fits_is_not_one_of_several(refused):
    line = refused(2, "inspect", ROOT / "sample_data" / "t1_head.nii.gz", "--normalizer", "group:4")
    assert "group:4 does not divide the 1 channel of these data; use group:1 as --normalizer" in line


def test_the_layout_of_a_preset_is_shown_with_channels_last_unless_the_axis_is_given(bnstat_run):
    path = ROOT / "sample_data" / "t1_head.nii.gz"
    assert "channels first, shown with channels last" in " ".join(
        bnstat_run("inspect", path, "--framework", "torch").out.split()
    )
    assert "shown with" not in bnstat_run("inspect", path, "--framework", "torch", "--axis", "1").out
