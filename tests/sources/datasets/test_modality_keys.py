"""Data lists whose entries have a key for each modality."""

from __future__ import annotations

import json

import pytest
from dataset_cases import CASES, CHANNELS, describe, save, values, whole
from inspected import inspected

import bnstat
from bnstat.errors import UsageError
from bnstat.sources.datasets.modality_keys import Keys, keys_of

KEYS = dict(zip(("flair", "t1"), range(len(CHANNELS)), strict=True))


@pytest.fixture
def listed(tmp_path):
    """Write the cases with a key for each modality, and return the list; entries may be changed first."""

    def write(change=lambda entry, _: entry, content=lambda entries: {"training": entries}, names=KEYS):
        entries = []
        for number, case in enumerate(CASES):
            for key, channel in names.items():
                save(tmp_path / f"{case}_{key}.nii.gz", values(case, channel))
            save(tmp_path / f"{case}_out.nii.gz", (values(case, 0) > 0).astype("uint8"))
            entry = {key: f"{case}_{key}.nii.gz" for key in names} | {
                "label": f"{case}_out.nii.gz",
                "fold": number,
                "id": case,
            }
            entries.append(change(entry, number))
        return describe(tmp_path, content(entries), "list.json")

    return write


def joined_as_one_file(tmp_path):
    return [save(tmp_path / "whole" / f"{case}.nii.gz", whole(case)) for case in CASES]


@pytest.mark.parametrize(
    "content",
    [
        lambda entries: {"training": entries},
        lambda entries: entries,
        lambda entries: {"training": entries, "validation": entries[:1]},
    ],
)
def test_the_modalities_are_channels_and_the_label_is_left_out(listed, tmp_path, content):
    path = listed(content=content)
    report = bnstat.diagnose(path)
    numbers = [batch.channels for batch in bnstat.diagnose(joined_as_one_file(tmp_path)).batches]
    assert [[(one.mean, one.variance) for one in batch.channels] for batch in report.batches] == [
        [(one.mean, one.variance) for one in channels] for channels in numbers
    ]
    assert [sample.channels for sample in report.samples] == [("flair", "t1")] * len(CASES)
    (note,) = [note for note in report.notes if "left out" in note]
    assert note == f'{path}: the channels are flair and t1; left out: label (`channels="flair,t1"` names others)'


def test_the_left_out_label_is_the_foreground_of_patches(listed, bnstat_run):
    ran = bnstat_run("inspect", listed(), "--patch", "2", "--patches", "2", "--foreground", "1")
    assert ran.code == 0, ran.err


@pytest.mark.parametrize("asked", ["t1,flair", "t1", "label", "flair,t1,label"])
def test_channels_are_taken_by_their_keys_in_the_order_that_is_asked_for(listed, asked):
    report = bnstat.diagnose(listed(), reading=bnstat.Reading(channels=asked))
    assert {batch.names for batch in report.batches} == {tuple(asked.split(","))}


def test_a_key_that_is_none_is_refused(refused, listed):
    said = refused(2, "inspect", listed(), "--channels", "t1,t2")
    assert "no entry has an image under the key 't2'; the keys are flair, t1 and label" in said


@pytest.mark.parametrize("names", [{"a": 0, "b": 1}, {"t1": 0, "other": 1}, {"before": 0, "after": 1}])
def test_names_that_do_not_decide_are_a_question_with_a_command(refused, bnstat_run, listed, names):
    path = listed(names=names)
    asked = ",".join(names)
    said = refused(2, "inspect", path)
    assert f"the images of an entry have the keys {' and '.join(names).replace(' and ', ', ')} and label" in said
    assert f"--channels {asked}" in said
    assert bnstat_run("inspect", path, "--channels", asked).code == 0


def test_one_key_beside_the_label_is_the_image_whatever_its_name(listed):
    assert {batch.names for batch in bnstat.diagnose(listed(names={"knee": 0})).batches} == {("knee",)}


def test_a_case_that_lacks_a_modality_is_a_line_and_no_case_of_fewer_channels(listed):
    def without(entry, number):
        return {key: value for key, value in entry.items() if (number, key) != (1, "t1")}

    report = inspected(listed(without))
    assert [(failure.missing, "entry 1" in failure.message) for failure in report.errors] == [(("t1",), True)]
    assert len(report.samples) == 2


def test_a_key_that_few_entries_have_is_left_out(listed, tmp_path):
    save(tmp_path / "more.nii.gz", values(CASES[0], 0))
    report = bnstat.diagnose(listed(lambda entry, number: entry | ({"t2": "more.nii.gz"} if number == 0 else {})))
    assert {batch.names for batch in report.batches} == {("flair", "t1")}
    assert any("left out: t2 and label" in note for note in report.notes)


def test_an_entry_with_an_image_is_read_as_ever(listed):
    path = listed(lambda entry, _: {"image": [entry["flair"], entry["t1"]], "label": entry["label"], "t1": entry["t1"]})
    report = bnstat.diagnose(path)
    assert {batch.names for batch in report.batches} == {("flair", "t1")}
    assert not [note for note in report.notes if "left out" in note]


def test_a_name_that_leads_elsewhere_is_refused(listed):
    report = inspected(listed(lambda entry, _: entry | {"t1": "https://example.com/t1.nii.gz"}))
    assert (report.samples, len(report.errors)) == ((), len(CASES))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"ct": "a.nii", "pet": "b.nii", "seg": "c.nii"}, Keys(("ct", "pet"), "seg", ())),
        ({"T1w": "a.nii", "T2w": "b.nii", "lesion_mask": "c.nii"}, Keys(("T1w", "T2w"), "lesion_mask", ())),
        ({"t1": "a.nii", "t1ce": "b.nii", "seg": "s.nii", "label": "c.nii"}, Keys(("t1", "t1ce"), "label", ("seg",))),
        ({"image1": "a.nii", "image2": "b.nii"}, Keys(("image1", "image2"), None, ())),
        ({"img": "a.npy", "gt": "c.npy"}, Keys(("img",), "gt", ())),
        ({"adc": "a.mha", "hbv": "labels/c_seg.nii", "t2w": "b.nii"}, Keys(("adc", "t2w"), "hbv", ())),
    ],
)
def test_keys_are_told_apart_by_their_names_and_by_those_of_their_files(entry, expected):
    assert keys_of("list.json", [entry, entry], ()) == expected


@pytest.mark.parametrize("entries", [[{"t1": 3}], [{"label": "a.nii"}], [3, None], [{"t1": ["a.nii", "b.nii"]}]])
def test_a_list_without_images_gives_a_line_and_no_number(bnstat_run, tmp_path, entries):
    (tmp_path / "list.json").write_text(json.dumps({"training": entries}))
    ran = bnstat_run("inspect", tmp_path / "list.json")
    assert ran.code in (2, 3)
    assert ran.out == ""


@pytest.mark.parametrize("asked", [(), ("flair",)])
def test_a_key_with_a_line_break_leaves_its_message_on_one_line(asked):
    entries = [{"a\nb": "case_001_0001.nii", "c": "case_001_0002.nii"}]
    with pytest.raises(UsageError, match=r"a\\nb") as error:
        keys_of("list.json", entries, asked)
    assert len(str(error.value).splitlines()) == 1
