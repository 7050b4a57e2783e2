"""Layouts of folders as they are published: what a survey makes of their names. Files are empty and never opened."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bnstat.errors import UsageError
from bnstat.sources.label_names import says_labels
from bnstat.sources.search import cases_of
from bnstat.sources.selection import ANY, Selection
from bnstat.sources.survey import survey
from bnstat.sources.survey.words import is_modality

NUMBERS = ("001", "002", "003")


def of(names, selection=ANY, **more):
    """The cases of a folder `d` with files of these names."""
    return survey("d", sorted(f"d/{name}" for name in names), selection, **more)


def each(pattern, kinds, numbers=NUMBERS):
    """Names of every kind for every case: {i} is the number of the case, {k} the kind."""
    return [pattern.format(i=number, k=kind) for number in numbers for kind in kinds]


# Names, the channels of a case, the files left out, and the number of cases.
JOINED = {
    "BraTS 2017": (
        each("HGG/Brats17_2013_{i}_1/Brats17_2013_{i}_1_{k}.nii.gz", ("t1", "t1ce", "t2", "flair", "seg"))
        + each("LGG/Brats17_TCIA_{i}_1/Brats17_TCIA_{i}_1_{k}.nii.gz", ("t1", "t1ce", "t2", "flair", "seg")),
        ("flair", "t1", "t1ce", "t2"),
        6,
    ),
    "BraTS 2023": (each("B-GLI-{i}-000/B-GLI-{i}-000-{k}.nii.gz", ("t1c", "t2f", "seg")), ("t1c", "t2f"), 3),
    "BraTS MEN-RT": (each("BraTS-MEN-RT-{i}-1/BraTS-MEN-RT-{i}-1_{k}.nii.gz", ("t1c", "gtv")), ("t1c",), 3),
    "UPENN": (each("UPENN-{i}_11/UPENN-{i}_11_{k}.nii.gz", ("T1", "T1GD", "FLAIR")), ("FLAIR", "T1", "T1GD"), 0),
    "CT and PET": (each("case_{i}_{k}.nii.gz", ("ct", "pt")), ("ct", "pt"), 0),
    "KiTS": (each("case_{i}/{k}.nii.gz", ("imaging", "segmentation")), (), 3),
    "LiTS": (each("{k}-{i}.nii", ("volume", "segmentation")), (), 3),
    "TotalSegmentator": (each("s0{i}/{k}.nii.gz", ("ct", "segmentations/liver", "segmentations/rib_1")), ("ct",), 6),
    "images and labels": (each("Training/{k}{i}.nii.gz", ("img/img", "label/label")), (), 3),
    "images and masks": (each("{k}.nii.gz".replace("{k}", "{k}{i}"), ("images/p", "masks/p")), (), 3),
    "an image and its mask": (each("case_{i}{k}.nii.gz", ("", "_mask")), (), 3),
    "a folder a modality": (each("{k}/case_{i}.nii.gz", ("t1", "t2")), ("t1", "t2"), 0),
    "IXI": (each("IXI-{k}/IXI{i}-Guys-08-{k}.nii.gz", ("T1", "T2", "PD")), ("PD", "T1", "T2"), 0),
    "the kind first": (each("{k}_{i}.nii.gz", ("flair", "t1", "seg")), ("flair", "t1"), 3),
    "visits": (each("p{i}/{k}.npy", ("t0/ct", "t0/pet", "t1/ct", "t1/pet")), ("ct", "pet"), 0),
    "nnU-Net without its description": (
        each("imagesTr/B_{i}_000{k}.nii.gz", (0, 1)) + each("labelsTr/B_{i}.nii.gz", ("",)),
        ("0000", "0001"),
        3,
    ),
    "ISLES 2015, with a number for each file": (
        [
            f"{case}/VSD.O.{kind}.{case}{number}/VSD.O.{kind}.{case}{number}.nii"
            for case in "123"
            for number, kind in enumerate(("MR_DWI", "MR_T1", "OT"))
        ],
        ("MR_DWI", "MR_T1"),
        3,
    ),
    "HECKTOR 2020": (each("CHUM{i}/CHUM{i}_{k}.nii.gz", ("ct", "ct_gtvt", "pt")), ("ct", "pt"), 3),
    "HCP": (each("1{i}/T1w/{k}.nii.gz", ("T1w_acpc_dc", "T2w_acpc_dc", "ribbon")), ("T1w", "T2w"), 3),
    "LUMIERE": (each("Patient-{i}/week-044/{k}.nii.gz", ("CT1", "FLAIR", "T1")), ("CT1", "FLAIR", "T1"), 0),
    "MSSEG 2016": (
        each("Patient_{i}/{k}.nii.gz", ("DP_preprocessed", "FLAIR_preprocessed", "Consensus")),
        ("DP", "FLAIR"),
        3,
    ),
    "WMH": (each("Utrecht/{i}/{k}.nii.gz", ("pre/FLAIR", "pre/T1", "wmh")), ("FLAIR", "T1"), 3),
    "the left atrium": (each("Training/A{i}/{k}.nrrd", ("lgemri", "laendo")), ("lgemri",), 3),
    "breast MRI with numbers as channels": (
        each("images/DUKE_{i}/duke_{i}_000{k}.nii.gz", (0, 1)) + each("segmentations/expert/duke_{i}.nii.gz", [0]),
        ("0000", "0001"),
        3,
    ),
    "CT and MR with numbers as channels": (
        each("imagesTr/topcow_{k}_{i}_0000.nii.gz", ("ct", "mr")),
        ("ct", "mr"),
        0,
    ),
    "names with modalities and numbers as channels": (
        each("imagesTr/NA-PET-CT_{i}_000{k}.nii.gz", (0, 1)) + each("labelsTr/NA-PET-CT_{i}.nii.gz", [0]),
        ("0000", "0001"),
        3,
    ),
    "LUNA16 with its lungs": (
        each("subset0/1.3.6.{i}.mhd", [0]) + each("seg-lungs-LUNA16/1.3.6.{i}.mhd", [0]),
        (),
        3,
    ),
    "cell tracking": (
        each("01/t{i}.tif", [0]) + each("01_GT/SEG/man_seg{i}.tif", [0]) + each("01_GT/TRA/man_track{i}.tif", [0]),
        (),
        6,
    ),
    "the pancreas of NIH": (each("{k}{i}.nii.gz", ("PANCREAS_", "label")), (), 3),
    "everything in a folder that is named as labels": (each("OrganSeg/{k}-{i}.nii.gz", ("volume", "labels")), (), 3),
    "FLARE 2021": (each("Img/train_{i}_0000.nii.gz", [0]) + each("Mask/train_{i}.nii.gz", [0]), (), 3),
    "the Decathlon without its description": (
        [*each("{k}/la_{i}.nii.gz", ("imagesTr", "labelsTr")), "imagesTs/la_009.nii.gz"],
        (),
        3,
    ),
}  # fmt: skip


# Layouts with several label maps for a case.
MANY_LABELS = ("TotalSegmentator", "cell tracking")


@pytest.mark.parametrize("layout", JOINED)
def test_images_are_joined_and_labels_left_out(layout):
    names, channels, labels = JOINED[layout]
    found = of(names)
    assert not found.failures
    assert {case.channels for case in found.cases} == {channels}
    ((folder, note),) = found.surveyed
    assert folder == "d"
    assert (f"left out {labels} label files" in note) == (labels > 0)
    assert "`each`" in note
    read = [file for case in found.cases for file in case.files]
    assert len(read) == len(set(read)) == len(names) - labels - sum("imagesTs" in name for name in names)
    assert len({case.name for case in found.cases}) == len(found.cases)


@pytest.mark.parametrize("layout", [one for one in JOINED if JOINED[one][2] and one not in MANY_LABELS])
def test_each_case_has_its_label_map(layout):
    names, _, labels = JOINED[layout]
    found = of(names)
    told = [case.labels for case in found.cases]
    assert len(set(told)) == len(told) == labels
    assert None not in told


def test_a_folder_of_many_label_maps_a_case_gives_none_of_them():
    found = of(JOINED["TotalSegmentator"][0])
    assert [case.labels for case in found.cases] == [None] * 3


def test_the_label_file_of_brats_that_has_another_name_is_one():
    names = each("BraTS20_Training_{i}/BraTS20_Training_{i}_{k}.nii", ("t1", "flair"), ("354", "355"))
    found = of([*names, "BraTS20_Training_355/W39_1998.09.19_Segm.nii"])
    assert [case.channels for case in found.cases] == [("flair", "t1")] * 2
    assert "1 label file (Segm)" in found.surveyed[0][1]


def test_a_case_that_lacks_a_modality_is_named():
    names = each("c{i}/c{i}_{k}.nii", ("t1", "flair"))
    found = of(names[1:])
    assert [one.missing for one in found.failures] == [("t1",)]
    assert len(found.cases) == 2


# Names of cohorts of one kind, which are read as they are.
ONE_KIND = {
    "numbered": [f"scan_{number}.nii" for number in range(12)],
    "free": ["site1_a.nii", "site1_b.nii", "patient7.nii", "vol1.nii", "vol2.nii", "scan1.nii", "scan2.nii"],
    "sites with the same names": each("site_{k}/case_{i}.nii", "ab"),
    "sites with other names": each("london/p{i}.nii", [0]) + each("paris/q{i}.nii", [0]),
    "groups": each("{k}_{i}.nii", ("control", "patient")),
    "persons": ["anna.nii", "bert.nii", "carl_smith.nii", "dora_smith.nii"],
    "runs": each("p{i}/scan_{k}.nii.gz", (1, 2)),
    "subjects": [f"sub-{number}.nii.gz" for number in NUMBERS],
    "one suffix": each("sub-{i}/anat/sub-{i}_T1w.nii.gz", [0]),
    "one label a case": each("p{i}/seg.nii.gz", [0]),
    "samples": ["t1_head.nii", "ct_hounsfield.nii", "mri_4channel.nii", "mri_unit_range.nii", "c/case_01.nii"],
    "arrays": ["train_0.npy", "train_1.npy", "val_0.npy"],
    "sites with letters and numbers": [*each("siteA/a0{i}.nii", [0]), *each("siteB/b0{i}.nii", [0])],
    "numbers that look like diffusion weightings": [f"b{number}.nii" for number in ("01", "02", "03")],
    "scanners with the same numbers": each("{k}/{i}.nii.gz", ("GE", "Philips", "Siemens")),
    "splits with the same names": each("{k}/case_{i}.nii.gz", ("train", "val", "test")),
    "hospitals with numbers of their own": [f"rome/{k:03}.nii" for k in range(3)]
    + [f"oslo/{k:03}.nii" for k in range(6)],
    "visits as words": each("P{i}_{k}.nii.gz", ("baseline", "followup")),
    "sides": each("knee{i}_{k}.nii.gz", ("left", "right")),
    "sides as folders": each("{k}/knee{i}.nii.gz", ("left", "right")),
    "runs of fMRI": each("1{i}/REST1_{k}/REST1_{k}_hp2000_clean.nii.gz", ("LR", "RL")),
    "frames": each("patient{i}/patient{i}_frame{k}.nii.gz", ("01", "12")),
    "nnU-Net's test images of one channel": each("Case_{i}_0000.nii.gz", [0]),
    "names that only grow": ["aa1.nii", "aaa1.nii", "aaaa1.nii", "sam1.nii", "am2.nii"],
}


@pytest.mark.parametrize("cohort", ONE_KIND)
def test_a_cohort_of_one_kind_stays_as_it_is(cohort):
    found = of(ONE_KIND[cohort])
    assert [case.files for case in found.cases] == [(f"d/{name}",) for name in sorted(ONE_KIND[cohort])]
    assert {(case.channels, case.labels) for case in found.cases} == {((), None)}
    assert (found.notes, found.surveyed, found.failures) == ([], [], [])


# Names of which several answers are defensible, and the kinds that a question lists.
ASKED = {
    "words that are not known": (each("p{i}_{k}.nii.gz", ("alpha", "beta")), ("alpha", "beta")),
    "folders of cases": (each("p{i}/x/{k}.nii.gz", ("alpha", "beta", "seg")), ("alpha", "beta", "seg")),
    "names without numbers": (each("{i}_{k}.nii", ("alpha", "beta"), ("anna", "bert")), ("alpha", "beta")),
    "a base and a word": (each("case_{i}{k}.nii.gz", ("", "_alpha")), ("plain", "alpha")),
    "spaces": (each("p{i} {k}.nii.gz", ("alpha", "beta gamma")), ("alpha", "beta gamma")),
    "UCSF": (each("U-{i}_nifti/U-{i}_{k}.nii.gz", ("T1", "T1_bias", "tumor_segmentation")), ("T1", "T1_bias")),
    "FreeSurfer": (each("s{i}/mri/{k}.mgz", ("T1", "brain", "aparc+aseg")), ("T1", "brain", "aparc+aseg")),
    "kinds as folders": (each("{k}/p{i}.nii", ("alpha", "beta")), ("alpha", "beta")),
    "kinds as folders of folders": (each("{k}/train/p{i}.nii", ("alpha", "beta")), ("alpha", "beta")),
    "kinds as the first word": (each("{k}_{i}.nii", ("alpha", "beta")), ("alpha", "beta")),
    "letters": (each("c{i}_{k}.nii", "xy"), ("x", "y")),
    "raw and preprocessed": (
        each("Oslo/{i}/{k}.nii.gz", ("orig/FLAIR", "pre/FLAIR")),
        ("orig_FLAIR", "pre_FLAIR"),
    ),
    "AutoPET": (
        each("PETCT_{i}/2003-NA-PET-CT Ganz KM-1{i}/{k}.nii.gz", ("CT", "CTres", "PET", "SEG", "SUV")),
        ("CT", "CTres", "PET", "SEG", "SUV"),
    ),
    "Prostate158": (each("{i}/{k}.nii.gz", ("t2", "adc", "t2_anatomy_reader1")), ("t2", "adc", "t2_anatomy_reader1")),
    "HCP with what was made of a scan": (
        each("1{i}/T1w/{k}.nii.gz", ("T1w_dc", "T1w_dc_brain")),
        ("T1w_dc", "T1w_dc_brain"),
    ),
    "FSL": (each("s{i}/{k}.nii.gz", ("T1", "T1_brain", "T1_brain_mask")), ("T1", "T1_brain", "T1_mask")),
    "SPM": (each("{k}sub{i}_T1.nii", ("", "c1", "wc1", "m", "y_")), ("T1", "c1_T1", "wc1_T1", "m_T1", "y_T1")),
    "SPM's time series": (
        each("{k}sub{i}_bold.nii", ("", "a", "ra", "swra")),
        ("bold", "a_bold", "ra_bold", "swra_bold"),
    ),
    "contrast phases": (each("p{i}/{k}.nii.gz", ("pre", "post_1")), ("pre", "post_1")),
    "predictions beside images": (each("{k}s{i}.nii.gz", ("", "predictions/")), ("plain", "predictions")),
    "input and target": (each("{k}/s{i}.nii.gz", ("input", "target")), ("input", "target")),
    "two folders of images": (each("{k}/s{i}.nii.gz", ("raw", "images")), ("raw", "images")),
    "a folder in that of the case": (each("c{i}/{k}.nii.gz", ("imaging", "raw/imaging")), ("plain", "raw")),
    "low and high resolution": (each("s{i}_{k}.nii.gz", ("LR", "HR")), ("LR", "HR")),
    "a corrected bias field": (each("s{i}_T1{k}.nii.gz", ("", "_n4")), ("T1", "T1_n4")),
    "a kind that some cases lack": (
        [*each("alpha/s{i}.nii", [0]), *each("beta/s{i}.nii", [0]), "gamma/s001.nii"],
        ("alpha", "beta"),
    ),
    "CT and MR with the same numbers": (each("{k}_train/{k}_train_1{i}.nii", ("ct", "mr")), ("ct", "mr")),
    "arrays of inputs and targets": (each("{k}_{i}.npy", "Xy", ("train", "val", "test")), ("X", "y")),
    "the magnitude of two echoes, and a phase": (each("s{i}/{k}.nii", ("mag1", "phase")), ("mag1", "phase")),
    "contrasts in one word": (each("P{i}_{k}.nii.gz", ("T1pre", "T1post", "T2")), ("T1pre", "T1post", "T2")),
    "images that are named after a lesion": (
        each("lesion/{i}.nii", [0]) + each("healthy/1{i}.nii", [0], ("004", "005", "006")),
        ("lesion", "plain"),
    ),
    "other sequences in other subjects": (
        each("source/c1{i}_ceT1.nii.gz", [0]) + each("target/c2{i}_hrT2.nii.gz", [0]),
        ("ceT1", "hrT2"),
    ),
    "CT of some and MR of others": (
        each("c{i}/ct.nii.gz", [0]) + each("m{i}/mri.nii.gz", [0]),
        ("ct", "mri"),
    ),
    "a series beside images": (
        each("p{i}/p{i}_{k}.nii.gz", ("4d", "frame01", "frame01_gt")),
        ("4d", "frame01", "gt"),
    ),
}


@pytest.mark.parametrize("layout", ASKED)
def test_where_several_answers_are_defensible_the_kinds_are_listed(layout):
    names, kinds = ASKED[layout]
    with pytest.raises(UsageError) as caught:
        of(names)
    for kind in kinds:
        assert f" {kind} ({'3' if 'anna' not in names[0] else '2'} files" in str(caught.value)
    assert len(of(names, Selection(each=True)).cases) == len(names)


def of_or_question(names):
    """The cases of a folder, or the question that it is."""
    try:
        return of(names), ""
    except UsageError as question:
        return None, str(question)


def typed(message, option):
    """The value of an option in a command of a message."""
    command = message.partition(f" {option} ")[2].partition("; ")[0]
    return shlex.split(command)[0]


@pytest.mark.parametrize("layout", ASKED)
def test_the_commands_of_a_question_work_when_they_are_pasted(layout):
    names, _ = ASKED[layout]
    with pytest.raises(UsageError) as caught:
        of(names)
    message = str(caught.value)
    assert of(names, Selection(suffix=typed(message, "--suffix"))).cases
    if "--channels" in message:
        found = of(names, Selection(channels=typed(message, "--channels")))
        assert not found.failures
        assert all(len(case.files) == len(case.channels) > 1 for case in found.cases)


def test_labels_are_told_in_the_question():
    with pytest.raises(UsageError, match=r"seg \(3 files, by its name a label map\)"):
        of(ASKED["folders of cases"][0])


def test_one_image_beside_files_named_as_labels_is_the_image():
    found = of(["scan.nii.gz", "mask.nii.gz"])
    assert [(case.name, case.labels) for case in found.cases] == [("d/scan.nii.gz", "d/mask.nii.gz")]


def test_an_image_that_is_there_twice_is_read_once():
    found = of(["a.nii", "a.nii.gz", "b.nii.gz"])
    assert [case.name for case in found.cases] == ["d/a.nii", "d/b.nii.gz"]
    assert "d/a.nii.gz" in found.surveyed[0][1]
    assert len(of(["a.nii", "a.nii.gz"], Selection(each=True)).cases) == 2


@pytest.mark.parametrize("selection", [Selection(suffix="t1"), Selection("t1"), Selection(suffix="T1")])
def test_one_kind_can_be_taken(selection):
    found = of(JOINED["BraTS 2017"][0], selection)
    assert len(found.cases) == 6
    assert all(case.files[0].endswith("_t1.nii.gz") for case in found.cases)


def test_a_kind_that_is_not_there_is_a_wrong_use():
    for selection in (Selection(suffix="t9"), Selection("t1,t9")):
        with pytest.raises(UsageError, match=r"'t9'.*there are flair \(6 files\)"):
            of(JOINED["BraTS 2017"][0], selection)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"channels": "t1,t1"}, "different kinds"),
        ({"channels": "t1,"}, "different kinds"),
        ({"channels": ""}, "different kinds"),
        ({"channels": "t1,t2", "each": True}, "`each`"),
        ({"channels": "t1,t2", "suffix": "t1"}, "`suffix`"),
        ({"suffix": ""}, "`suffix`"),
        ({"entity": "task"}, "KEY=VALUE"),
        ({"entity": "=rest"}, "KEY=VALUE"),
    ],
)
def test_a_selection_that_cannot_be_is_refused(given, message):
    with pytest.raises(UsageError, match=message):
        Selection(**given)


CASE = st.from_regex(r"[a-z]{2,4}[0-9]{1,3}", fullmatch=True).filter(
    lambda name: not says_labels(name) and not is_modality(name.rstrip("0123456789"))
)
CASES = st.lists(CASE, min_size=2, max_size=5, unique=True)
KINDS = st.lists(
    st.sampled_from(["t1", "t2", "flair", "ct", "pet", "alpha", "beta", "gamma", "seg", "mask"]),
    min_size=2, max_size=4, unique=True,
)  # fmt: skip
PLACES = [
    "{c}_{k}.nii.gz",
    "{c}/{k}.nii",
    "{c}/{c}-{k}.nii.gz",
    "x/{c}/{c}.{k}.nii",
    "g/{c}/s/{k}.nii.gz",
    "{k}/{c}.nii",
    "{k}/g/{c}.nii.gz",
]


@given(cases=CASES, kinds=KINDS, place=st.sampled_from(PLACES))
@settings(deadline=None)
def test_no_two_kinds_are_pooled_in_any_layout(cases, kinds, place):
    names = [place.format(c=case, k=kind) for case in cases for kind in kinds]
    found, question = of_or_question(names)
    if found is None:
        assert all(f" {kind} ({len(cases)} files" in question for kind in kinds)
        return
    assert not found.failures
    taken = {kind for kind in kinds if kind not in ("seg", "mask")} or set(kinds)
    assert len(found.cases) in (len(cases), len(names))
    if len(taken) > 1 and taken <= {"t1", "t2", "flair", "ct", "pet"}:
        assert all(set(case.channels) == taken for case in found.cases)
    elif len(found.cases) == len(names):
        assert set(kinds) <= {"seg", "mask"}  # nothing but labels
    else:
        assert len(taken) == 1


@given(cases=CASES, kinds=KINDS, place=st.sampled_from(PLACES), data=st.data())
@settings(deadline=None)
def test_kinds_that_are_named_are_the_channels_in_their_order(cases, kinds, place, data):
    # the name of the only folder that holds no labels tells nothing
    assume(not place.startswith("{k}") or len({*kinds} - {"seg", "mask"}) > 1)
    names = [place.format(c=case, k=kind) for case in cases for kind in kinds]
    order = data.draw(st.permutations(kinds))
    found = of(data.draw(st.permutations(names)), Selection(",".join(order)))
    assert [case.channels for case in found.cases] == [tuple(order)] * len(cases)
    for case in found.cases:
        assert [file.rpartition("/")[2].removesuffix(".gz").removesuffix(".nii").endswith(kind)
                for kind, file in zip(order, case.files, strict=True)]  # fmt: skip


def test_files_that_are_named_are_noted_at_most(tmp_path):
    for name in each("c{i}_{k}.npy", ("t1", "seg")):
        (tmp_path / name).touch()
    files = sorted(map(str, tmp_path.glob("*.npy")))
    for paths in (files, [str(tmp_path / "*.npy")]):
        found = cases_of(paths)
        assert len(found.cases) == 6
        (note,) = found.notes
        assert "seg (3), t1 (3)" in note
    assert cases_of(files[::2]).notes == []


def test_files_that_are_named_are_joined_where_that_is_asked_for(tmp_path):
    for name in each("c{i}_{k}.npy", ("t1", "flair")):
        (tmp_path / name).touch()
    found = cases_of([str(tmp_path / "*.npy")], Selection("t1,flair"))
    assert [case.channels for case in found.cases] == [("t1", "flair")] * 3


def test_a_pattern_of_directories_is_a_directory_each_and_one_note(tmp_path):
    for name in each("c{i}/c{i}_{k}.npy", ("t1", "flair", "seg")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = cases_of([str(tmp_path / "c*")])
    assert [case.channels for case in found.cases] == [("flair", "t1")] * 3
    (note,) = found.notes
    assert "c001 and 2 more folders: joined flair, t1" in note


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("imagesTr/amos_{i}.nii.gz", "labelsTr/amos_{i}.nii.gz"),
        ("imagesTr/liver_{i}_0000.nii.gz", "labelsTr/liver_{i}.nii.gz"),
        ("images/p{i}.nii", "labels/p{i}.nii"),
        ("img/img{i}.nii.gz", "label/label{i}.nii.gz"),
    ],
)
def test_a_folder_of_images_that_is_named_alone_finds_the_labels_beside_it(tmp_path, image, labels):
    for name in each(image, [0]) + each(labels, [0])[:2]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = cases_of([str(tmp_path / image.partition("/")[0])])
    assert [case.labels for case in found.cases] == [*(str(tmp_path / name) for name in each(labels, [0])[:2]), None]


def test_what_may_be_sites_is_told_to_be_taken_as_samples():
    with pytest.raises(UsageError, match="if these are sites or groups, take every file as a sample with `each`"):
        of(ASKED["kinds as folders"][0])
