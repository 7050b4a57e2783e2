"""Names that say that a label map is in a file."""

from __future__ import annotations

import pytest

from bnstat.sources.label_names import is_label_folder, names_labels


@pytest.mark.parametrize(
    "name",
    [
        *("seg.nii.gz", "aparc+aseg.mgz", "BraTS-GLI-00000-000-seg.nii.gz", "W39_1998.09.19_Segm.nii", "labelsTr"),
        *("sub-01_desc-brain_mask.nii.gz", "sub-01_dseg.nii.gz", "segmentation-0.nii", "label0001.nii.gz", "masks"),
        *("UCSF-PDGM-0004_tumor_segmentation.nii.gz", "patient001_frame01_gt.nii.gz", "lungMask.npy", "case/msk.nii"),
    ],
)
def test_a_name_that_says_so_is_that_of_labels(name):
    assert names_labels(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "t1.nii.gz",
            "t1_masked.nii.gz",
            "volume-0.nii",
            "imaging.nii.gz",
            "mosaic.nii",
            "unlabeled.nii",
            "masks/a.nii",
        ),
        *("sub-01_label-GM_probseg.nii.gz", "sub-01_label-gado_T1w.nii.gz"),
        *("robot.nii", "imagesTr", "unmask.nii", "masks/a.nii", ""),
    ],
)
def test_a_name_that_only_resembles_one_is_not(name):
    assert not names_labels(name)


@pytest.mark.parametrize(
    "name", ["labels", "labelsTr", "labels_val", "masks", "brain_masks", "segmentations", "gt", "GT", "label_maps"]
)
def test_a_folder_of_labels_ends_in_the_word(name):
    assert is_label_folder(name)


@pytest.mark.parametrize(
    "name",
    ["mask-rcnn", "test_a_mask_of_one_voxel", "segmentation_project", "images", "", "sub-01", "my data with no mask"],
)
def test_a_folder_whose_longer_name_holds_the_word_is_none_of_labels(name):
    assert not is_label_folder(name)
