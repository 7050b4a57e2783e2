"""The words of a name: which of them tell the case, and which tell the kind of file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from bnstat.sources.label_names import says_labels

_WORD = re.compile(r"[^_\-. ]+")
# Image modalities and sequences as public data sets name them, in lower case: BraTS, UCSF-PDGM and UPENN-GBM, ISLES,
# PI-CAI, AutoPET and HECKTOR, TotalSegmentator, and the suffixes and data types of BIDS.
_MODALITIES = frozenset(
    {
        *("t1", "t1w", "t1n", "t1c", "t1ce", "t1gd", "t1km", "t1wi", "t2", "t2w", "t2f", "t2wi", "t2flair", "flair"),
        *("fla", "pd", "pdw", "pdt2", "dwi", "adc", "swi", "tof", "angio", "mra", "cta", "ctp", "ct", "cbct", "cect"),
        *("ncct", "pet", "pt", "suv", "fdg", "mr", "mri", "us", "asl", "cbf", "cbv", "mtt", "ttp", "tmax"),
        *("tmaxs", "fa", "md", "mtr", "dti", "hbv", "dce", "ktrans", "bold", "boldref", "sbref", "epi", "m0scan"),
        *("t2star", "t2starw", "unit1", "mp2rage", "mprage", "fgatir", "inplanet1", "inplanet2", "anat", "func"),
        *("perf", "fmap", "inphase", "outphase", "4d", "3d", "pwi", "4dpwi", "dp", "t1dual", "t2spir", "ir", "lgemri"),
    }
)
# Modalities that before a number are more often something else, as the patient of pt01 and Parkinson's disease of PD_3.
_BEFORE_NUMBERS = frozenset({"pt", "us", "md", "fa", "pd", "mtr", "tof", "fla", "sub"})
# Diffusion weightings, as b0 and b1000.
_DIFFUSION = re.compile(r"b(?:0|[1-9]\d{1,3})")
# A modality with its plane, its scanner's mode or its contrast, as axT2, 3DFLAIR and ceT1.
_SPECIAL = re.compile(r"(?:ax|sag|cor|3d|2d|ce|hr|gd|iso)(?:t1|t2|flair|pd|dwi|mprage)w?")
# Words that only say that an image is in the file, or in which part of a data set it is.
_IMAGE = re.compile(r"(?:images?|imgs?|imaging|vols?|volumes?|scans?|inputs?|raw|data)(?:tr|ts|va|val|test|train)?")
# Words with a digit that is none of a case: corrections of the bias field, and modalities with more, as T1pre and T1+C.
_NO_NUMBER = re.compile(r"n[34](?:itk)?|t[12](?:[a-z]{2,}|\+\w+)")
# A word with the number of a case at its end, as in img0001.
_NUMBERED = re.compile(r"([^\W\d_]{2,})(\d+)")


@dataclass(frozen=True)
class Words:
    """A name, or the name of a folder, taken apart.

    Attributes:
        case: the words that tell the case, joined; empty if there are none.
        kind: the words that tell the kind of file: modalities, labels, and what follows the number of the case.
        known: True if all words of the kind are modalities or name labels.
        image: the word that only says that it is an image; empty if there is none.
        labels: True if the name is that of labels.
        bare: True if it is made of unknown words without a number, so that it may be a case or a kind.
    """

    case: str
    kind: str
    known: bool
    image: str
    labels: bool
    bare: bool = False


@lru_cache(maxsize=1 << 12)
def is_modality(word: str) -> bool:
    """Return True if a word names an image modality or a sequence."""
    lower = word.lower()
    return lower in _MODALITIES or any(form.fullmatch(lower) for form in (_DIFFUSION, _SPECIAL))


def _tells_case(word: str) -> bool:
    """Return True if a word is the number or the letter of a case: a digit in it, or one letter."""
    return len(word) == 1 or (any(map(str.isdigit, word)) and _NO_NUMBER.fullmatch(word.lower()) is None)


@lru_cache(maxsize=1 << 15)
def words_of(name: str) -> Words:
    """Take a name without its ending apart.

    The words from the first to the last with a digit tell the case, as `BraTS20_Training_355`; what follows them tells
    the kind. Modalities and names of labels tell the kind wherever they stand.
    """
    case: list[str] = []
    marked: list[tuple[int, str]] = []
    other: list[tuple[int, str]] = []  # words that tell neither by themselves
    image, last = "", -1
    words = _split(name)
    for place, word in enumerate(words):
        lower = word.lower()
        if (is_modality(word) or says_labels(word)) and not _is_code(words, place):
            marked.append((place, word))
        elif _IMAGE.fullmatch(lower) and (place == 0 or not other):
            image = image or word
        elif _tells_case(word):
            case += [one for _, one in other] + [word]
            other, last = [], place
        else:
            other.append((place, word))
    bare = last < 0 and not marked and bool(other)
    if last < 0:  # no number: unknown words are the case, unless there is nothing else
        case, other = [one for _, one in other], []
    kind = " ".join(word for _, word in sorted([*marked, *other]))
    labels = any(says_labels(word) for _, word in marked) and says_labels(name)
    return Words("_".join(case), _as_written(name, kind), not other, image, labels, bare)


def _is_code(words: Sequence[str], place: int) -> bool:
    """Return True if such a word is the code of a case: before a number, surely so if a modality follows (ct01_t1)."""
    if place + 1 == len(words) or not words[place + 1].isdecimal():
        return False
    return words[place].lower() in _BEFORE_NUMBERS or any(map(is_modality, words[place + 2 :]))


def _split(name: str) -> list[str]:
    """Return the words of a name; the number at the end of one is a word by itself."""
    found: list[str] = []
    for word in _WORD.findall(name):
        numbered = None if is_modality(word) else _NUMBERED.fullmatch(word)
        found += [numbered[1], numbered[2]] if numbered else [word]
    return found


def _as_written(name: str, kind: str) -> str:
    """Return the words of a kind as they stand in the name, with the separators between them."""
    if " " not in kind:
        return kind
    written = re.search(r"[_\-. ]+".join(map(re.escape, kind.split(" "))), name)
    return written[0] if written else kind.replace(" ", "_")
