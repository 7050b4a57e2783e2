"""Lines below the table of `inspect`: what its columns and rows are."""

from __future__ import annotations

import numpy as np


def test_a_table_and_a_program_explain_running_statistics_by_their_start(bnstat_run, small_image):
    for framework, said in (
        ("keras", "after one training step from mean 0 and variance 1, in which the batch weighs 0.01"),
        ("torch", "after one training step from mean 0 and variance 1, in which the batch weighs 0.1"),
        ("haiku", "after one training step"),
        ("tensorflow-fused", "after one training step, which are those of the batch alone"),
    ):
        for form in ("table", "markdown"):
            shown = bnstat_run("inspect", small_image(), "--framework", framework, "--format", form).out
            assert said in " ".join(shown.split())
    given = bnstat_run("inspect", small_image(), "--momentum", "0.9").out
    assert "in which the batch weighs 0.1" in " ".join(given.split())
    both = " ".join(bnstat_run("compare", small_image(), "--frameworks", "keras,torch").out.split())
    assert "in which the batch weighs" not in both


def test_the_row_of_finite_values_is_explained_where_there_is_one(bnstat_run, small_image, tmp_path):
    values = np.random.default_rng(0).normal(0, 1, (1, 6, 6, 6, 1))
    values[0, 0, 0, 0, 0] = np.nan
    np.save(tmp_path / "hole.npy", values)
    line = "finite: the same without NaN and infinite values"
    assert line in bnstat_run("inspect", tmp_path / "hole.npy").out
    assert line not in bnstat_run("inspect", small_image()).out
