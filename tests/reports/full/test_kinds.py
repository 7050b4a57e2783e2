"""Two kinds of volumes: told where they are, with the channel, the medians and the groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bnstat


def page(means: list[float], **settings: Any) -> Any:
    draw = np.random.default_rng(5)
    some = [draw.normal(mean, 20, (8, 7, 6, 1)).astype(np.float32) for mean in means]
    return bnstat.report(some, batch_axis="none", batch_size=2, **settings).report


def test_two_kinds_are_told_with_their_numbers_and_medians():
    report = page([100.0, 103.0, 98.0, 101.0, 99.0, 400.0, 405.0, 396.0, 402.0, 399.0, 401.0, 397.0])
    document = report.to_dict()["kinds"]
    assert document["lower"] == [0, 1, 2, 3, 4]
    assert document["upper"] == [5, 6, 7, 8, 9, 10, 11]
    means = [one["channels"][0]["mean"] for one in report.to_dict()["volumes"]]
    assert document["low"] == np.median(means[:5])
    assert document["high"] == np.median(means[5:])
    between = sum(len(some) * (np.mean(some) - np.mean(means)) ** 2 for some in (means[:5], means[5:]))
    assert document["share"] == pytest.approx(between / (12 * np.var(means)), rel=1e-9)
    (said,) = [one for one in report.verdict.why if "two kinds" in one]
    assert f"5 have means near {document['low']:.4g}, and 7 near {document['high']:.4g}" in said


def test_the_odd_volume_is_of_no_kind():
    means = [100.0, 103.0, 98.0, 101.0, 99.0, 400.0, 405.0, 396.0, 402.0, 399.0, 401.0, 4000.0]
    report = page(means)
    assert report.left_out == (11,)
    assert 11 not in (*report.kinds.lower, *report.kinds.upper)
    assert len((*report.kinds.lower, *report.kinds.upper)) == 11


@pytest.mark.parametrize(
    "means",
    [
        pytest.param([100.0 + place for place in range(14)], id="no gap"),
        pytest.param([100.0] * 4 + [400.0] * 4, id="too few"),
        pytest.param([100.0] * 12 + [400.0] * 2, id="a kind of two"),
        pytest.param([100.0] * 14, id="all alike"),
    ],
)
def test_other_cohorts_are_of_one_kind(means):
    report = page(means)
    assert report.kinds is None
    assert report.to_dict()["kinds"] is None
    assert not any("two kinds" in one for one in report.verdict.why)


def test_groups_that_are_the_kinds_are_named(tmp_path):
    draw = np.random.default_rng(5)
    files = [tmp_path / site / f"{place}.npy" for site in ("ulm", "bonn") for place in range(6)]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        mean = 100.0 if file.parent.name == "ulm" else 300.0
        np.save(file, draw.normal(mean, 20, (1, 8, 7, 6, 1)))
    report = bnstat.report([str(file) for file in files], batch_size=2, group_by="directory").report
    assert report.kinds.groups is not None
    assert [name.split("/")[-1] for name in report.kinds.groups] == ["ulm", "bonn"]
    (said,) = [one for one in report.verdict.why if "two kinds" in one]
    assert "the 6 of " in said
    assert "scanners" not in said
