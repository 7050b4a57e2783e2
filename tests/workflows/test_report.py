"""The volumes of a report, its settings, and what it is asked for in Python."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

import bnstat
from bnstat.reports.check import Check
from bnstat.workflows.report import report_asked

rng = np.random.default_rng(0)


def normal(number, shape=(4, 4, 4), mean=10.0):
    return [rng.normal(mean, 1.0, shape).astype("f4") for _ in range(number)]


def image(values):
    return nib.Nifti1Image(values, np.eye(4))


def test_arrays_and_images_in_memory_have_a_page_too():
    page = bnstat.report([image(one) for one in normal(3)], batch_size=2)
    document = page.to_dict()
    assert [one["source"] for one in document["volumes"]] == ["image 1", "image 2", "image 3"]
    assert document["check"]["settings"]["batch_size"] == 2
    array = np.stack(normal(5, (4, 4, 4, 2)))
    document = bnstat.report(array, framework="keras").to_dict()
    assert [len(one["channels"]) for one in document["volumes"]] == [2] * 5
    assert document["volumes"][3]["index"] == 3


def test_a_page_on_nothing_is_refused_in_python(tmp_path):
    with pytest.raises(bnstat.InputError, match="no such file"):
        bnstat.report(tmp_path / "none.nii.gz")


def test_messages_name_parameters_in_python():
    mixed = [image(normal(1, (4, 4, 4, 2))[0]), image(normal(1)[0])]
    assert "`axis`" in bnstat.report(mixed).report.not_compared
    with pytest.raises(bnstat.UsageError, match="the smallest of `batch_sizes` unless `batch_size` is given"):
        bnstat.report(mixed, batch_sizes=[4, 8])
    with pytest.raises(TypeError, match="`draws` must be a whole number"):
        bnstat.report(mixed, draws="many")
    with pytest.raises(bnstat.UsageError, match="`population` must be one of"):
        bnstat.report(mixed, population="large")
    with pytest.raises(TypeError, match="`title` must be a text"):
        bnstat.report(mixed, title=3)


def test_a_check_is_that_of_the_function_with_the_same_settings(tmp_path):
    for at, values in enumerate(normal(9)):
        nib.save(image(values), tmp_path / f"{at}.nii.gz")
    settings = {"batch_size": 2, "framework": "torch", "steps": 50, "limits": bnstat.Limits(noise=0.05)}
    found = bnstat.report(tmp_path, **settings).report
    assert isinstance(found.check, Check)
    assert found.check == bnstat.check(tmp_path, fail_on="never", **settings)
    alone = bnstat.compare(tmp_path, framework="torch", steps=50, tolerance_noise=0.05)
    assert found.comparison == alone


def test_settings_that_differ_from_the_defaults_are_listed_by_parameter():
    page = bnstat.report(
        [image(one) for one in normal(3)],
        batch_sizes=[1, 2],
        epsilon=0.5,
        framework="keras",
        limits=bnstat.Limits(noise=0.2),
        reading=bnstat.Reading(preparation=bnstat.Preparation(intensity="zscore", patches=bnstat.Patching((2, 2, 2)))),
        overrides=[bnstat.Override(["phantoms/*"], ["BN101"])],
    )
    settings = dict(page.report.made.settings)
    assert (
        settings.items()
        >= {
            "batch_sizes": "1,2",
            "epsilon": "0.5",
            "limits.noise": "0.2",
            "intensity": "zscore",
            "size": "2,2,2",
            "overrides: phantoms/*": "BN101",
        }.items()
    )
    assert not settings.keys() & {"framework", "population", "draws", "fail_on", "title"}
    assert page.report.made.command == ()


def test_a_report_without_settings_lists_none():
    assert bnstat.report([image(one) for one in normal(2)]).report.made.settings == ()


@pytest.mark.parametrize("title", [None, "", "  "])
def test_a_page_without_a_title_has_the_usual_one(title):
    assert report_asked(title=title).title == "Normalization statistics"
    assert report_asked(title=" Site A ").title == "Site A"


def test_a_finding_on_a_batch_of_several_entries_of_a_file_is_at_the_entry_that_it_names(tmp_path):
    entries = [rng.normal(10.0, 1.0, (4, 4, 4)) for _ in range(14)]
    entries[5] = entries[5] * 40.0
    np.save(tmp_path / "maps.npy", np.stack(entries)[..., np.newaxis])
    document = bnstat.report(tmp_path / "maps.npy", batch_size=7).to_dict()
    rules = [{document["check"]["findings"][at]["rule"] for at in one["findings"]} for one in document["volumes"]]
    assert [at for at, found in enumerate(rules) if "BN207" in found] == [5]


def test_a_finding_on_a_batch_of_several_is_at_each_volume_of_the_batch(tmp_path):
    for at, values in enumerate(normal(4)):
        nib.save(image(np.full((4, 4, 4), 3.0, "f4") if at < 2 else values), tmp_path / f"{at}.nii.gz")
    report = bnstat.report(tmp_path, batch_size=2).report
    (place,) = (at for at, one in enumerate(report.findings) if one.rule == "BN101")
    assert report.findings[place].source is None
    assert [place in one.findings for one in report.volumes] == [True, True, False, False]
    (remark,) = (one for one in report.verdict.data if one.rule == "BN101")
    assert remark.volumes == (0, 1)


def test_a_file_that_is_given_twice_is_two_volumes(tmp_path):
    nib.save(image(normal(1)[0]), tmp_path / "x.nii.gz")
    document = bnstat.report([tmp_path / "x.nii.gz"] * 2, batch_size=2).to_dict()
    assert len(document["volumes"]) == 2
    assert any("twice" in note for note in document["notes"])


def test_the_order_of_shuffled_batches_does_not_move_findings(tmp_path):
    for at, values in enumerate(normal(5)):
        nib.save(image(np.full((4, 4, 4), 3.0, "f4") if at == 1 else values), tmp_path / f"{at}.nii.gz")
    document = bnstat.report(tmp_path, shuffle=True, seed=3).to_dict()
    assert [bool(one["findings"]) for one in document["volumes"]] == [False, True, False, False, False]


def test_groups_of_instance_norm_name_the_volume_that_they_are_of(tmp_path):
    values = np.stack([np.full((4, 4, 4, 1), 3.0) if at == 2 else one[..., None] for at, one in enumerate(normal(4))])
    np.save(tmp_path / "maps.npy", values)
    document = bnstat.report(tmp_path / "maps.npy", batch_size=4, normalizer="instance").to_dict()
    assert [bool(one["findings"]) for one in document["volumes"]] == [False, False, True, False]
    assert document["compare"] is None
