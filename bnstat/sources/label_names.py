"""Names of files and folders that say that a label map or a mask is in them."""

from __future__ import annotations

import re
from functools import lru_cache

from bnstat.sources.names import case_name

# Words that name a label map by themselves, in lower case and without a number at their end. Sources: BIDS (dseg, mask,
# msk in ISLES), FreeSurfer (aparc, aseg, wmparc, ribbon), BraTS (seg, Segm, gtv), ISLES 2015 (OT), MSSEG (Consensus),
# ACDC (gt), radiotherapy structures (rtstruct, gtv, ctv, ptv).
_WORDS = frozenset(
    {
        *("seg", "segs", "segm", "segmentation", "segmentations", "dseg", "label", "labels", "labelmap", "labelmaps"),
        *("lbl", "lbls", "mask", "masks", "msk", "msks", "aparc", "aseg", "wmparc", "parc", "parcellation"),
        *("parcellations", "parcels", "ribbon", "atlas", "roi", "rois", "gt", "groundtruth", "truth", "annotation"),
        *("annotations", "annot", "annots", "contour", "contours", "consensus", "ot", "gtv", "ctv", "ptv", "rtstruct"),
        *("lesion", "lesions", "manualmask", "structures", "gtvt", "gtvn", "gtvp", "laendo", "lawall"),
    }
)
# The ends of longer words, as in brainmask, tumorseg and lungSegmentation.
_ENDS = ("mask", "masks", "seg", "segmentation", "segmentations", "labels", "labelmap", "parc", "aseg")
# Words with such an end that name no label map: a probability map, and BIDS's table of segments.
_OTHERS = frozenset({"probseg", "softseg", "unmask"})
# A name of BIDS: entities as `sub-01`, then a suffix, which alone says what is in the file.
_BIDS = r"(?i)[a-z]+-[a-z0-9+]+(?:_[a-z]+-[a-z0-9+]+)*_([a-z0-9]+)"
# The most words of a folder of label maps, and those that name a part of a data set, as in labelsTr.
_MOST_WORDS = 2
_SPLITS = ("tr", "ts", "val", "train", "training", "test", "maps", "map", "files", "nii", "nifti")
# Parts of a name: a word with its capital, capitals, small letters; numbers separate them.
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def names_labels(name: str) -> bool:
    """Return True if the name of a file or a folder says that a label map or a mask is in it.

    Args:
        name: the name with or without an ending; folders before it do not count.
    """
    return says_labels(case_name(name))


def is_label_folder(name: str) -> bool:
    """Return True if the name of a folder says that label maps are in it, as `labelsTr` and `brain_masks` do.

    Such a word in a longer name says less, as in `mask_rcnn`: the name has to end in it, and to have at most two words.

    Args:
        name: the name of the folder, without the folders before it.
    """
    words = [word.lower() for word in _PARTS.findall(name)]
    kept = [word for word in words if word not in _SPLITS] or words
    return 1 <= len(kept) <= _MOST_WORDS and _is_word(kept[-1])


@lru_cache(maxsize=1 << 15)
def says_labels(stem: str) -> bool:
    """Return True if a name without folders and ending says that a label map or a mask is in the file."""
    entities = re.fullmatch(_BIDS, stem) if "-" in stem else None
    if entities is not None:
        stem = entities[1]
    if stem.lower() in _OTHERS:
        return False
    whole = (part.lower() for part in re.findall(r"[^\W\d_]+", stem))
    return any(map(_is_word, (*whole, *(part.lower() for part in _PARTS.findall(stem)))))


def _is_word(word: str) -> bool:
    """Return True if a word of small letters names a label map."""
    return word in _WORDS or (word.endswith(_ENDS) and word not in _OTHERS)
