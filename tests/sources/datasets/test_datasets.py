"""Data sets as people hold them: whichever way the same cases are laid out, they give the same numbers."""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from dataset_cases import (
    CASES,
    CHANNELS,
    MODALITY,
    SHAPE,
    decathlon,
    describe,
    four_d,
    monai,
    nnunet_v1,
    nnunet_v2,
    numbered,
    save,
    training,
    values,
    whole,
)
from inspected import inspected

import bnstat
from bnstat import InputError
from bnstat.sources.search import cases_of

LAYOUTS = {"nnunet_v2": nnunet_v2, "nnunet_v1": nnunet_v1, "decathlon": decathlon, "monai": monai}


@pytest.fixture(params=LAYOUTS)
def layout(request, tmp_path):
    return LAYOUTS[request.param](tmp_path / request.param)


def found(*paths):
    return cases_of([str(path) for path in paths])


def failures(*paths):
    return [(Path(one.source).name, one.message) for one in found(*paths).failures]


def unnamed(report):
    """Its numbers, without names of channels."""
    return [
        asdict(replace(part, name=None)) for batch in (*report.batches, *report.synchronized) for part in batch.parts
    ]


def assert_alike(one, other):
    """Plain values of one form that differ in the last digits of numbers at most: sums were taken in another order."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_alike(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_alike(*pair)
    elif isinstance(one, float):
        np.testing.assert_allclose(one, other, rtol=1e-11)
    else:
        assert one == other


SETTINGS = [
    {"batch_size": 3},
    {"batch_size": 2, "normalizer": "instance", "framework": "torch-instance-track"},
    {"batch_size": 1, "normalizer": "layer", "framework": "flax"},
    {"batch_size": 2, "axis": 1, "drop_last": True},
    {"batch_size": 1, "ranks": 2, "framework": "torch-syncbn"},
    {"batch_size": 3, "framework": "keras-tensorflow"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_every_layout_gives_the_numbers_of_the_same_4_d_files(layout, tmp_path, settings):
    report, direct = bnstat.diagnose(layout, **settings), bnstat.diagnose(four_d(tmp_path / "4d"), **settings)
    assert report.errors == direct.errors == ()
    assert_alike(unnamed(report), unnamed(direct))


def test_every_layout_gives_the_numbers_of_the_files_one_by_one(layout, tmp_path):
    report = bnstat.diagnose(layout)
    assert len(report.batches) == len(CASES)
    for case, batch in zip(CASES, report.batches, strict=True):
        for number, channel in enumerate(batch.channels):
            file = save(tmp_path / "alone" / f"{case}_{number}.nii.gz", values(case, number))
            (alone,) = bnstat.diagnose(file).batches[0].channels
            assert_alike(asdict(replace(channel, channel=0, name=None, prediction=alone.prediction)), asdict(alone))
            np.testing.assert_allclose(channel.variance, values(case, number).astype(float).var(), rtol=1e-12)


def test_every_layout_names_its_channels(layout):
    (batch,) = bnstat.diagnose(layout, batch_size=3).batches
    assert tuple(channel.name for channel in batch.channels) == CHANNELS
    assert batch.channels[1].title == "channel 1 (T1)"


def test_every_layout_knows_its_labels(layout):
    for case in found(layout).cases:
        assert Path(case.labels).is_file()
        assert case.labels not in case.files


def test_a_comparison_is_that_of_the_same_4_d_files(layout, tmp_path):
    joined, direct = bnstat.compare(layout), bnstat.compare(four_d(tmp_path / "4d"))
    assert_alike(list(map(asdict, joined.population)), list(map(asdict, direct.population)))
    assert_alike(list(map(asdict, joined.batch_sizes)), list(map(asdict, direct.batch_sizes)))
    assert joined.names == CHANNELS
    assert direct.names == ()


def test_values_that_a_layer_sums_in_float32_are_those_of_the_same_4_d_file(tmp_path):
    """Far from 0, so that TensorFlow's sums are worth doing again."""
    rng = np.random.default_rng(3)
    parts = [rng.normal(3000 + 100 * k, 1 + k, (12, 12, 12)).astype(np.float32) for k in range(2)]
    for k, part in enumerate(parts):
        save(tmp_path / "ds/imagesTr" / f"a_{k:04}.nii.gz", part)
    describe(tmp_path / "ds", {"channel_names": MODALITY, "file_ending": ".nii.gz", "numTraining": 1})
    direct = save(tmp_path / "a.nii.gz", np.stack(parts, axis=-1))
    (joined,) = bnstat.diagnose(tmp_path / "ds", framework="keras-tensorflow").batches
    (alone,) = bnstat.diagnose(direct, framework="keras-tensorflow").batches
    assert {channel.prediction.kind for channel in joined.channels} == {"emulated"}
    assert [channel.prediction for channel in joined.channels] == [channel.prediction for channel in alone.channels]


def test_samples_tell_their_name_their_files_and_their_channels(tmp_path):
    root = nnunet_v2(tmp_path / "ds")
    sample = bnstat.diagnose(root).samples[0]
    assert sample.source == str(root / "imagesTr" / CASES[0])
    assert sample.files == tuple(str(root / "imagesTr" / f"{CASES[0]}_000{k}.nii.gz") for k in range(2))
    assert sample.channels == CHANNELS
    assert sample.shape == (*SHAPE, 2)


def test_only_training_images_are_inputs_unless_others_are_named(layout):
    if (layout if layout.is_dir() else layout.parent).joinpath("imagesTs").is_dir():
        assert all("imagesTr" in file for case in found(layout).cases for file in case.files)
        (other,) = found(layout / "imagesTs").cases
        assert other.channels == CHANNELS
        assert all("imagesTs" in file for file in other.files)
    else:
        assert len(found(layout).cases) == len(CASES)


def test_a_folder_of_training_images_that_is_named_is_read_as_in_its_data_set(layout, monkeypatch):
    if not layout.is_dir():
        return
    cases = found(layout).cases
    folder = found(layout / "imagesTr").cases
    assert [case.files for case in folder] == [case.files for case in cases]
    assert [case.channels for case in folder] == [case.channels for case in cases]
    monkeypatch.chdir(layout / "imagesTr")
    assert [case.channels for case in found(".").cases] == [case.channels for case in cases]


def test_the_description_itself_may_be_named(layout):
    description = layout / "dataset.json" if layout.is_dir() else layout
    assert found(description).cases == found(layout).cases


def test_a_data_set_in_a_folder_further_down_is_one_too(tmp_path):
    nnunet_v2(tmp_path / "raw/Dataset001_A")
    decathlon(tmp_path / "raw/Dataset002_B")
    save(tmp_path / "raw/alone.nii.gz", values(CASES[0], 0))
    cases = found(tmp_path / "raw").cases
    assert sorted(len(case.files) for case in cases) == [1] * 4 + [2] * 3
    assert not [file for case in cases for file in case.files if "labels" in file or "imagesTs" in file]


def test_a_directory_without_a_description_has_channels_by_their_numbers_and_labels_apart(tmp_path):
    numbered(tmp_path / "plain")
    cases = found(tmp_path / "plain").cases
    assert [case.channels for case in cases] == [("0000", "0001")] * len(CASES)
    assert [case.labels for case in cases] == [str(tmp_path / f"plain/labelsTr/{case}.nii.gz") for case in CASES]


def test_files_of_a_data_set_that_are_named_one_by_one_are_a_case_each(tmp_path):
    root = nnunet_v2(tmp_path / "ds")
    files = sorted((root / "imagesTr").glob("[!.]*.nii.gz"))
    assert [case.name for case in found(*files).cases] == [str(file) for file in files]


def test_a_table_of_cases_in_the_description_is_followed(tmp_path):
    root = nnunet_v2(tmp_path / "ds")
    listed = {"a": {"images": ["imagesTr/case_002_0000.nii.gz", "imagesTr/case_002_0001.nii.gz"], "label": "l.nii.gz"}}
    nnunet = json.loads((root / "dataset.json").read_text())
    describe(root, {**nnunet, "dataset": listed})
    (case,) = found(root).cases
    assert [Path(file).name for file in case.files] == ["case_002_0000.nii.gz", "case_002_0001.nii.gz"]
    assert case.labels == str(root / "l.nii.gz")


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_the_ending_that_the_description_names_is_taken(tmp_path, ending):
    for k in range(2):
        save(tmp_path / f"ds/imagesTr/a_{k:04}{ending}", values(CASES[0], k))
        save(tmp_path / f"ds/imagesTr/b_{k:04}{'.nii' if ending == '.nii.gz' else '.nii.gz'}", values(CASES[0], k))
    describe(tmp_path / "ds", {"channel_names": MODALITY, "file_ending": ending, "numTraining": 1})
    result = found(tmp_path / "ds")
    assert [Path(case.name).name for case in result.cases] == ["a"]
    assert any("skipped 2 files" in note for note in result.notes)


def test_one_channel_is_a_file_by_itself_with_a_name(tmp_path):
    save(tmp_path / "ds/imagesTr/a_0000.nii.gz", values(CASES[0], 0))
    describe(tmp_path / "ds", {"channel_names": {"0": "CT"}, "file_ending": ".nii.gz", "numTraining": 1})
    report = bnstat.diagnose(tmp_path / "ds")
    assert report.samples[0].source == str(tmp_path / "ds/imagesTr/a_0000.nii.gz")
    assert report.samples[0].files == ()
    assert report.batches[0].channels[0].title == "channel 0 (CT)"


def test_a_list_of_single_files_is_a_case_for_each(tmp_path):
    save(tmp_path / "a.nii.gz", values(CASES[0], 0))
    listing = describe(tmp_path, [{"image": "a.nii.gz"}, {"image": "a.nii.gz"}], "list.json")
    result = found(listing)
    assert [case.files for case in result.cases] == [(str(tmp_path / "a.nii.gz"),)]
    assert ["twice" in one.message for one in result.failures] == [True]


def test_files_in_folders_named_by_their_channel_give_its_name(tmp_path):
    for name in ("t1", "t2"):
        for case in ("c1", "c2"):
            save(tmp_path / name / f"{case}.nii.gz", values(CASES[0], 0))
    entries = [{"image": [f"t1/{case}.nii.gz", f"t2/{case}.nii.gz"]} for case in ("c1", "c2")]
    cases = found(describe(tmp_path, {"training": entries}, "list.json")).cases
    assert [case.name for case in cases] == [str(tmp_path / "c1"), str(tmp_path / "c2")]
    assert {case.channels for case in cases} == {("t1", "t2")}


def test_cases_that_would_have_one_name_are_called_by_their_first_file(tmp_path):
    entries = [{"image": [f"x{k}.nii.gz", f"y{k}.nii.gz"]} for k in range(2)]
    cases = found(describe(tmp_path, {"training": entries}, "list.json")).cases
    assert [case.name for case in cases] == [str(tmp_path / "x0.nii.gz"), str(tmp_path / "x1.nii.gz")]
    assert {case.channels for case in cases} == {()}


# --- What is missing or wrong -----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [nnunet_v2, nnunet_v1])
def test_a_case_that_lacks_channels_is_named_with_them_and_the_rest_goes_on(tmp_path, make):
    root = make(tmp_path / "ds")
    (root / "imagesTr" / f"{CASES[1]}_0001.nii.gz").unlink()
    report = bnstat.diagnose(root)
    (failure,) = report.errors
    assert failure.source == str(root / "imagesTr" / CASES[1])
    assert failure.missing == ("T1",)
    assert f"{CASES[1]}_0001.nii.gz" in failure.message
    assert len(report.samples) == 2


def test_a_list_whose_channel_is_not_there_names_it(tmp_path):
    listing = monai(tmp_path / "ds")
    (listing.parent / CASES[2] / f"{CASES[2]}_FLAIR.nii.gz").unlink()
    report = bnstat.diagnose(listing)
    assert [failure.missing for failure in report.errors] == [("FLAIR",)]
    assert report.errors[0].source == str(listing.parent / CASES[2] / CASES[2])
    assert len(report.samples) == 2


def test_a_missing_channel_survives_the_way_from_a_worker():
    error = pickle.loads(pickle.dumps(InputError("a", "b", ("T1", "T2"))))
    assert (str(error), error.missing) == ("a: b", ("T1", "T2"))


@pytest.mark.parametrize("make", [nnunet_v1, decathlon])
def test_a_listed_image_that_is_not_there_is_named(tmp_path, make):
    root = make(tmp_path / "ds")
    for file in (root / "imagesTr").glob(f"{CASES[0]}*"):
        file.unlink()
    report = bnstat.diagnose(root)
    assert [failure.source for failure in report.errors] == [str(root / "imagesTr" / f"{CASES[0]}.nii.gz")]
    assert len(report.samples) == 2


def test_channels_of_different_shapes_are_one_failure(tmp_path):
    root = nnunet_v2(tmp_path / "ds")
    save(root / "imagesTr" / f"{CASES[0]}_0001.nii.gz", np.ones((2, 2, 2), np.int16))
    report = bnstat.diagnose(root)
    (failure,) = report.errors
    assert failure.source == str(root / "imagesTr" / CASES[0])
    assert "one shape" in failure.message
    assert failure.missing == ()


def test_a_damaged_channel_is_named_itself(tmp_path):
    root = nnunet_v2(tmp_path / "ds")
    broken = root / "imagesTr" / f"{CASES[0]}_0001.nii.gz"
    broken.write_bytes(broken.read_bytes()[:40])
    (failure,) = inspected(root).errors
    assert failure.source == str(broken)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not valid JSON (line 1)"),
        ("[" * 100_000, "not valid JSON"),
        ("{}", "does not describe a known kind of data set"),
        ("3", "does not describe a known kind of data set"),
        ("null", "does not describe a known kind of data set"),
        ("[]", "does not describe a known kind of data set"),
        ('{"validation": [{"image": "a.nii"}]}', "does not describe a known kind of data set"),
        ('{"training": []}', "no training images"),
        ('{"training": [{"label": "a.nii"}]}', "entry 0"),
        ('{"training": [{"image": 5}]}', "entry 0"),
        ('{"training": [{"image": []}]}', "entry 0"),
        ('{"channel_names": {}}', "must be a table of channels"),
        ('{"channel_names": {"1": "T1"}}', "must be a table of channels"),
        ('{"channel_names": 3, "file_ending": ".nii.gz"}', "must be a table of channels"),
        ('{"channel_names": {"0": "T1"}, "file_ending": ".png"}', "'.png'"),
        ('{"channel_names": {"0": "T1"}, "file_ending": ".dcm"}', "'.dcm'"),
        ('{"channel_names": {"0": "T1"}, "file_ending": 3}', "file_ending is 3"),
        ('{"channel_names": {"0": "T1"}, "dataset": {"a": 3}}', "names no images"),
        ('{"modality": {"0": "T1"}, "training": [{"image": "a.nii.gz"}]}', "does not exist"),
        ('{"modality": {"0": "T1"}}', "no training images"),
        ("\udcff", "not UTF-8 text"),
        ("", "not valid JSON"),
    ],
)
def test_a_description_that_is_wrong_is_one_line(tmp_path, content, said):
    (tmp_path / "dataset.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    (failure,) = found(tmp_path).failures
    assert said in failure.message
    assert "\n" not in failure.message


def test_a_folder_of_images_beside_an_unknown_description_is_a_directory(tmp_path):
    save(tmp_path / "images/a.nii", values(CASES[0], 0))
    describe(tmp_path, {"name": "something else"})
    assert [case.channels for case in found(tmp_path / "images").cases] == [()]
    assert found(tmp_path).cases == []


def test_a_description_that_is_not_there_is_no_such_file(tmp_path):
    assert failures(tmp_path / "dataset.json") == [("dataset.json", "no such file; check the path")]


def test_a_wrong_number_of_training_cases_is_a_note(tmp_path):
    nnunet_v2(tmp_path / "ds", numTraining=5)
    assert any("numTraining 5" in note for note in bnstat.diagnose(tmp_path / "ds").notes)


def test_names_of_another_number_of_channels_are_left_out_with_a_note(tmp_path):
    root = decathlon(tmp_path / "ds")
    description = json.loads((root / "dataset.json").read_text())
    describe(root, {**description, "modality": {"0": "A", "1": "B", "2": "C"}})
    report = bnstat.diagnose(root)
    assert report.batches[0].channels[0].name is None
    assert any("names 3 channels" in note for note in report.notes)


def test_names_are_those_of_the_last_axis_alone(tmp_path):
    root = decathlon(tmp_path / "ds")
    assert {channel.name for channel in bnstat.diagnose(root, axis=1).batches[0].channels} == {None}
    assert {channel.name for channel in bnstat.diagnose(root, batch_axis=3).batches[0].channels} == {None}


def test_where_samples_disagree_on_names_none_is_shown(tmp_path):
    one, other = nnunet_v2(tmp_path / "a"), decathlon(tmp_path / "b")
    description = json.loads((other / "dataset.json").read_text())
    describe(other, {**description, "modality": {"0": "FLAIR", "1": "T1w"}})
    report = bnstat.diagnose([one, other], batch_size=6)
    assert report.names == report.batches[0].names == ()
    apart = bnstat.diagnose([one, other], batch_size=3)
    assert [batch.names for batch in apart.batches] == [CHANNELS, ("FLAIR", "T1w")]


def test_a_name_from_a_file_moves_no_cursor(tmp_path, bnstat_run):
    """It is kept as it is, and every output says it with its own escape."""
    nnunet_v2(tmp_path / "ds", channel_names={"0": "T1\x1b[2J\n", "1": "x"})
    assert found(tmp_path / "ds").cases[0].channels == ("T1\x1b[2J", "x")
    for form in ("table", "json", "csv", "markdown"):
        shown = bnstat_run("inspect", tmp_path / "ds", "--batch-size", 3, "--format", form).out
        assert "\x1b" not in shown
        assert {"json": "T1\\u001b[2J", "markdown": r"T1\\x1b[2J"}.get(form, r"T1\x1b[2J") in shown, shown


@pytest.mark.parametrize(("name", "shown"), [(5, "5"), (None, "None"), (" T1 ", "T1"), (["a"], "['a']")])
def test_a_channel_may_be_named_by_anything(tmp_path, name, shown):
    nnunet_v2(tmp_path / "ds", channel_names={"0": name, "1": "x"})
    assert found(tmp_path / "ds").cases[0].channels == (shown, "x")


def test_groups_are_known_by_the_folders_of_joined_cases_and_by_their_names(tmp_path):
    sites = [nnunet_v2(tmp_path / name) for name in ("a", "b")]
    by_folder = bnstat.compare(sites, group_by="directory")
    assert [(group.name, group.samples) for group in by_folder.groups] == [("a/imagesTr", 3), ("b/imagesTr", 3)]
    lines = [f"{case},{'x' if case == CASES[0] else 'y'}" for case in CASES]
    (tmp_path / "t.csv").write_text("\n".join(["case,site", *lines]))
    by_table = bnstat.compare(sites[0], group_by=f"{tmp_path}/t.csv:site")
    assert [(group.name, group.samples) for group in by_table.groups] == [("x", 1), ("y", 2)]


# --- Spacing, and formats that are not read ----------------------------------------------------------------------


def test_different_spacings_of_a_data_set_are_a_note_and_no_error(tmp_path):
    root = nnunet_v2(tmp_path / "ds")
    assert not [note for note in bnstat.diagnose(root).notes if "spacing" in note]
    for channel in range(2):
        save(root / "imagesTr" / f"{CASES[0]}_{channel:04}.nii.gz", values(CASES[0], channel), (0.5, 0.5, 3))
    for told in (bnstat.diagnose(root), bnstat.compare(root)):
        assert told.errors == ()
        (note,) = [note for note in told.notes if "spacing" in note]
        assert "0.5–1 × 0.5–1 × 1–3\u00a0mm" in note


def test_different_spacings_of_files_by_themselves_are_not_worth_a_note(tmp_path):
    files = [save(tmp_path / f"{k}.nii", values(CASES[0], 0), (1 + k, 1, 1)) for k in range(2)]
    assert not [note for note in bnstat.diagnose(files).notes if "spacing" in note]


@pytest.mark.parametrize("name", ["example4d.nii.gz", "anatomical.nii", "test.mgz", "tiny.mnc"])
def test_the_spacing_is_that_of_the_header(nibabel_data, name):
    import nibabel

    from bnstat.sources.opening import open_volume

    file = nibabel_data / name
    zooms = tuple(map(float, nibabel.load(file).header.get_zooms()[:3]))
    assert open_volume(str(file)).spacing == zooms


def test_an_array_has_no_spacing(tmp_path):
    from bnstat.sources.opening import open_volume

    np.save(tmp_path / "x.npy", np.ones((2, 3)))
    assert open_volume(str(tmp_path / "x.npy")).spacing is None


def test_a_training_set_of_a_copied_folder_is_the_same(tmp_path):
    root = nnunet_v2(tmp_path / "ds")
    shutil.copytree(root, tmp_path / "copy")
    assert unnamed(bnstat.diagnose(root)) == unnamed(bnstat.diagnose(tmp_path / "copy"))


def test_images_of_the_decathlon_have_their_channels_in_one_file(tmp_path):
    root = decathlon(tmp_path / "ds")
    assert [case.files for case in found(root).cases] == [
        (str(root / "imagesTr" / f"{case}.nii.gz"),) for case in CASES
    ]
    (batch,) = bnstat.diagnose(root / "imagesTr" / f"{CASES[0]}.nii.gz").batches
    np.testing.assert_allclose([one.mean for one in batch.channels], whole(CASES[0]).reshape(-1, 2).mean(axis=0))
    assert len(training()) == len(CASES)
