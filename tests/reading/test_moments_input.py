"""Moments files in place of volumes: which settings fit, what a refusal says, and what the table gets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import bnstat
from bnstat.errors import InputError, UsageError
from bnstat.moments.moments import Moments
from bnstat.preprocessing.samples import Row
from bnstat.preprocessing.settings import UNPREPARED, Patching, Preparation
from bnstat.reading import moments_input
from bnstat.reading.moments_line import MomentsLine, Stamp, line_of
from bnstat.reading.scan_settings import ScanSettings
from bnstat.sources.layout import Tensor
from bnstat.sources.sample import Patch, Sample

TENSOR = Tensor((4, 4, 4, 2), 4)
PATCHING = Patching((2, 2, 2), 4, foreground="0.5", labels="labels/{case}.nii")


def line_for(name="a.nii", index=None, place=0, samples=1, **settings):
    """A line of one sample of two channels."""
    asked = ScanSettings(settings.get("axis", -1), settings.get("batch_axis"), settings.get("preparation", UNPREPARED))
    sample = Sample(name, index, (4, 4, 4, 2), "int16", **settings.get("sample", {}))
    moments = Moments.from_array(np.arange(4.0).reshape(2, 2) + place)
    return MomentsLine(Row(sample, moments, settings.get("tensor", TENSOR)), asked, Stamp(1, 2), place, samples)


def prepared(preparation):
    """A line after some preprocessing; patches need a patch."""
    return line_for(preparation=preparation) if preparation.patches is None else patched(preparation)


def patched(preparation):
    return line_for(preparation=preparation, sample={"patch": Patch((0, 0, 0), preparation.patches.size)})


@pytest.fixture
def file(tmp_path):
    def write(*lines):
        path = tmp_path / "m.jsonl"
        path.write_text("".join(map(line_of, lines)))
        return str(path)

    return write


def test_each_case_comes_with_its_samples_in_order(file):
    path = file(line_for("b", 0, 0, 2), line_for("a"), line_for("b", 1, 1, 2))
    found = moments_input.read(path, -1, None, UNPREPARED)
    assert [(planned.case.name, planned.samples) for planned in found.planned] == [("b", 2), ("a", 1)]
    assert [row.sample.index for row in found.rows] == [0, 1, None]
    planned, rows = found.planned[0], found.rows[:2]
    assert planned.tensor == TENSOR
    assert planned.parts == ()  # there are no voxels to read
    assert rows[1].moments.minimum.tolist() == [1, 2]
    assert found.notes == ()


def test_a_case_of_several_files_keeps_them_and_the_names_of_its_channels(file):
    sample = {"files": ("t1.nii", "t2.nii"), "channels": ("T1", "T2")}
    (planned,) = moments_input.read(file(line_for("BraTS_1", sample=sample)), -1, None, UNPREPARED).planned
    assert (planned.case.name, planned.case.files) == ("BraTS_1", ("t1.nii", "t2.nii"))
    assert planned.channels == ("T1", "T2")


@pytest.mark.parametrize("axis", [-1, 4])
def test_the_last_axis_may_be_counted_from_either_end(file, axis):
    assert len(moments_input.read(file(line_for()), axis, None, UNPREPARED).planned) == 1


@pytest.mark.parametrize("axis", [1, 0, -2, 5, -5])
def test_another_axis_is_refused(file, axis):
    path = file(line_for())
    with pytest.raises(UsageError) as refused:
        moments_input.read(path, axis, None, UNPREPARED)
    assert str(refused.value) == (
        f"{path} was scanned with `axis=-1`, not `axis={axis}`; scan again with `axis={axis}`, or drop the option"
    )


def test_an_axis_is_that_of_every_sample(file):
    """The last axis of four is the third of five, and -1 of a file with both is not one axis."""
    path = file(line_for("a"), line_for("b", tensor=Tensor((4, 4, 2), 3)))
    assert len(moments_input.read(path, -1, None, UNPREPARED).planned) == 2
    with pytest.raises(UsageError, match="not `axis=4`"):
        moments_input.read(path, 4, None, UNPREPARED)


def test_what_is_not_asked_for_is_that_of_the_scan(file):
    preparation = Preparation("clip:0,1|zscore", patches=PATCHING)
    found = moments_input.read(file(replace(prepared(preparation))), -1, None, UNPREPARED)
    assert found.preparation == preparation
    assert moments_input.read(file(line_for(batch_axis=3)), -1, None, UNPREPARED).planned


@pytest.mark.parametrize(
    ("scanned", "asked", "said"),
    [
        (UNPREPARED, Preparation("zscore"), 'without `intensity="zscore"`; scan again with it, or drop the option'),
        (
            Preparation("zscore", "nonzero"),
            Preparation(mask="nonzero"),
            'with `intensity="zscore"`; scan again without it, or add the option',
        ),
        (
            Preparation("zscore"),
            Preparation("minmax"),
            'with `intensity="zscore"`, not `intensity="minmax"`; scan again with `intensity="minmax"`, '
            "or drop the option",
        ),
        (Preparation(mask=">1"), Preparation(mask=">2"), 'with `mask=">1"`, not `mask=">2"`'),
        (UNPREPARED, Preparation(patches=PATCHING), "without `size=(2, 2, 2)`"),
        (Preparation(patches=PATCHING), Preparation("zscore", patches=PATCHING), 'without `intensity="zscore"`'),
        *(
            (
                Preparation(patches=PATCHING),
                Preparation(patches=replace(PATCHING, **{name: other})),
                f"with `{name}={shown[0]}`, not `{name}={shown[1]}`",
            )
            for name, other, shown in [
                ("size", (2, 2, 3), ("(2, 2, 2)", "(2, 2, 3)")),
                ("number", 5, (4, 5)),
                ("foreground", "nnunet:0.5", ('"0.5"', '"nnunet:0.5"')),
                ("labels", "seg/{case}.nii", ('"labels/{case}.nii"', '"seg/{case}.nii"')),
                ("pad", "edge", ('"zero"', '"edge"')),
                ("seed", 7, (0, 7)),
            ]
        ),
    ],
)
def test_another_preprocessing_is_refused_with_the_first_setting_that_differs(file, scanned, asked, said):
    path = file(prepared(scanned))
    with pytest.raises(UsageError) as refused:
        moments_input.read(path, -1, None, asked)
    assert f"{path} was scanned {said}" in str(refused.value)


def test_how_batches_are_made_may_differ(file):
    asked = Preparation(patches=replace(PATCHING, per_volume=2))
    assert moments_input.read(file(patched(Preparation(patches=PATCHING))), -1, None, asked).preparation == asked


@pytest.mark.parametrize(
    ("scanned", "asked", "said"),
    [(None, 3, "without `batch_axis=3`"), (3, "none", 'with `batch_axis=3`, not `batch_axis="none"`')],
)
def test_another_batch_axis_is_refused(file, scanned, asked, said):
    path = file(line_for(batch_axis=scanned))
    with pytest.raises(UsageError, match=f"was scanned {said}; "):
        moments_input.read(path, -1, asked, UNPREPARED)
    assert moments_input.read(path, -1, scanned, UNPREPARED).planned


def test_a_mask_or_a_fingerprint_that_is_gone_does_not_matter(tmp_path):
    """The moments are there already; a file that a scan took them from may be on another machine."""
    line = line_of(line_for()).replace(
        '"intensity": null, "mask": null', '"intensity": "ct:gone.json", "mask": "gone.nii"'
    )
    path = tmp_path / "m.jsonl"
    path.write_text(line)
    found = moments_input.read(str(path), -1, None, UNPREPARED)
    assert (found.preparation.intensity, found.preparation.mask) == ("ct:gone.json", "gone.nii")


def test_a_file_without_a_complete_case_cannot_be_read(file):
    path = file(line_for("a", 0, 0, 2))
    with pytest.raises(InputError, match="no case in this moments file is complete; scan the volumes again"):
        moments_input.read(path, -1, None, UNPREPARED)


def test_inputs_with_different_preprocessing_are_not_judged_together(file, tmp_path):
    path = file(prepared(Preparation("zscore")))
    np.save(tmp_path / "a.npy", np.arange(64.0).reshape(1, 4, 4, 4, 1))
    with pytest.raises(UsageError) as refused:
        bnstat.diagnose([path, tmp_path / "a.npy"])
    assert str(refused.value) == (
        f"{path} and {tmp_path / 'a.npy'} have different preprocessing: the first was read with "
        '`intensity="zscore"`; read both with the same settings'
    )
