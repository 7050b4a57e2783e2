"""BIDS: raw data only, one suffix or channels of several, and entities."""

from __future__ import annotations

import pytest

from bnstat.errors import UsageError
from bnstat.sources.search import cases_of
from bnstat.sources.selection import ANY, Selection
from bnstat.sources.survey import survey

SUBJECTS = ("01", "02", "03")


def of(names, selection=ANY, **more):
    return survey("d", sorted(f"d/{name}" for name in names), selection, **more)


def names(*ends, folder="", sessions=("",), subjects=SUBJECTS):
    """Names of these files for every subject and session."""
    found = []
    for subject in subjects:
        for session in sessions:
            at, told = (f"ses-{session}/", f"_ses-{session}") if session else ("", "")
            found += [f"{folder}sub-{subject}/{at}anat/sub-{subject}{told}_{end}.nii.gz" for end in ends]
    return found


def files(found):
    return [case.files[0].rpartition("/")[2] for case in found.cases]


def test_several_suffixes_are_a_question_with_their_counts():
    with pytest.raises(UsageError) as caught:
        of(names("T1w", "FLAIR", "dwi", "task-rest_bold"))
    message = str(caught.value)
    for part in ("4 suffixes", "T1w (3 files)", "bold (3 files)", "--suffix T1w", "--channels T1w,FLAIR", "`each`"):
        assert part in message


def test_one_suffix_is_read_as_it_is():
    found = of(names("T1w"))
    assert (len(found.cases), found.surveyed, found.cases[0].channels) == (3, [], ())


def test_derivatives_are_left_out_with_a_note_unless_they_are_named():
    derived = names("desc-brain_mask", "dseg", "desc-preproc_T1w", folder="derivatives/prep/")
    found = of(names("T1w") + derived)
    assert files(found) == ["sub-01_T1w.nii.gz", "sub-02_T1w.nii.gz", "sub-03_T1w.nii.gz"]
    assert "9 files in derivatives/prep" in found.surveyed[0][1]
    with pytest.raises(UsageError, match="3 suffixes"):
        of([name.removeprefix("derivatives/prep/") for name in derived])
    assert len(of(names("T1w") + derived, Selection(each=True)).cases) == 12


def test_a_folder_of_nothing_but_derivatives_says_so():
    found = of(names("T1w", folder="derivatives/prep/"))
    assert not found.cases
    assert "no raw data" in found.failures[0].message


def test_sessions_make_cases_and_one_without_a_modality_is_named():
    given = names("T1w", "FLAIR", sessions=("a", "b"))
    found = of(given[:-1], Selection("T1w,FLAIR"))
    assert len(found.cases) == 5
    assert [one.missing for one in found.failures] == [("FLAIR",)]
    assert all(case.channels == ("T1w", "FLAIR") for case in found.cases)


def test_runs_are_samples_and_an_entity_takes_one():
    given = names("run-1_T1w", "run-02_T1w", "FLAIR")
    assert len(of(given, Selection(suffix="T1w")).cases) == 6
    found = of(given, Selection(suffix="T1w", entity="run=2"))
    assert {name.partition("_run-")[2] for name in files(found)} == {"02_T1w.nii.gz"}


def test_runs_of_all_channels_are_a_case_each_and_other_ones_an_error():
    both = of(names("run-1_T1w", "run-2_T1w", "run-1_FLAIR", "run-2_FLAIR"), Selection("T1w,FLAIR"))
    assert len(both.cases) == len({case.name for case in both.cases}) == 6
    one = of(names("run-1_T1w", "run-2_T1w", "FLAIR"), Selection("T1w,FLAIR"))
    assert not one.cases
    assert "there 2 times" in one.failures[0].message
    chosen = of(names("run-1_T1w", "run-2_T1w", "FLAIR"), Selection("T1w,FLAIR", entity="run=1"))
    assert len(chosen.cases) == 3


@pytest.mark.parametrize(
    ("ends", "entity"),
    [
        (("task-rest_bold", "task-motor_bold"), "task"),
        (("T1w", "space-MNI152_T1w"), "space"),
        (("desc-preproc_T1w", "desc-denoised_T1w"), "desc"),
        (("acq-low_T1w", "acq-high_T1w"), "acq"),
        (("part-mag_bold", "part-phase_bold"), "part"),
        (("echo-1_bold", "echo-2_bold"), "echo"),
    ],
)
def test_entities_that_tell_contents_apart_are_a_question(ends, entity):
    with pytest.raises(UsageError, match=f"differ in the entity {entity}: .*--entity {entity}="):
        of(names(*ends))
    value = ends[1].partition("-")[2].partition("_")[0]
    assert len(of(names(*ends), Selection(entity=f"{entity}={value}")).cases) == 3
    suffix = ends[1].rpartition("_")[2]
    assert len(of(names(*ends), Selection(suffix=suffix, each=True)).cases) == 6


def test_files_without_an_entity_are_taken_by_an_empty_value():
    found = of(names("T1w", "space-MNI152_T1w"), Selection(entity="space="))
    assert files(found) == ["sub-01_T1w.nii.gz", "sub-02_T1w.nii.gz", "sub-03_T1w.nii.gz"]


def test_acquisitions_that_differ_from_case_to_case_are_read_together():
    given = names("acq-a_T1w", subjects=("01",)) + names("acq-b_T1w", subjects=("02",))
    assert len(of(given).cases) == 2


def test_an_entity_or_a_value_that_is_not_there_is_a_wrong_use():
    given = names("task-rest_bold")
    with pytest.raises(UsageError, match="no name has the entity 'run'"):
        of(given, Selection(entity="run=1"))
    with pytest.raises(UsageError, match=r"no name has task-motor.*task-rest"):
        of(given, Selection(entity="task=motor"))


def test_a_suffix_may_have_entities_before_it():
    found = of(names("desc-preproc_T1w", "desc-brain_mask"), Selection(suffix="desc-preproc_T1w"))
    assert len(found.cases) == 3


def test_a_mask_beside_the_image_is_its_label_map():
    found = of(names("T1w", "label-L_desc-T1lesion_mask"), Selection(suffix="T1w"))
    assert [case.labels is not None for case in found.cases] == [True] * 3


def test_files_that_lie_flat_are_of_bids_by_their_names():
    with pytest.raises(UsageError, match="2 suffixes"):
        of(["sub-01_T1w.nii", "sub-01_T2w.nii", "sub-02_T1w.nii", "sub-02_T2w.nii"])


def test_a_description_tells_a_data_set_with_other_files(tmp_path):
    for name in [*names("T1w"), *(f"derivatives/x/{number}.nii.gz" for number in range(9))]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "dataset_description.json").write_text("{}")
    assert len(cases_of([str(tmp_path)]).cases) == 3
