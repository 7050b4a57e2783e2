"""BIDS, the Brain Imaging Data Structure: `sub-01/ses-01/anat/sub-01_ses-01_run-1_T1w.nii.gz`.

https://bids-specification.readthedocs.io
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bnstat.errors import InputError
from bnstat.sources.case import FoundCases
from bnstat.sources.label_names import says_labels
from bnstat.sources.survey.entities import entities_of
from bnstat.sources.survey.parts import Part, Traits, stem_of
from bnstat.text import plural

TRAITS = Traits(joins=False, kinds=("suffix", "suffixes"))

# The name of a file: the subject, further entities, and the suffix, which says what is in it.
_NAME = re.compile(r"sub-[A-Za-z0-9+]+(?:_[A-Za-z0-9]+-[A-Za-z0-9+.]+)*_([A-Za-z0-9]+)")
# What lies beside the raw data of a data set.
_NOT_RAW = frozenset({"derivatives", "sourcedata", "code", "stimuli"})


def follows(paths: Sequence[str], *, described: bool) -> bool:
    """Return True if files are named as in BIDS.

    Args:
        paths: the files below the folder, relative to it.
        described: True if the folder has a description of BIDS, with which a single such name is enough.
    """
    named = sum(_NAME.fullmatch(stem_of(path)) is not None for path in paths)
    return named > 0 if described else 2 * named > len(paths)


def parts_of(paths: Mapping[str, str], named: str = "") -> list[Part]:
    """Return the parts of a folder, whose case is the session of a subject.

    Args:
        paths: the files as they are opened, by their paths relative to the folder.
        named: the name of the folder.
    """
    del named  # what a file is, its own name says
    return [_part(path, file) for path, file in paths.items()]


def _part(path: str, file: str) -> Part:
    stem = stem_of(path)
    name = _NAME.fullmatch(stem)
    suffix = name[1] if name is not None else stem
    entities = entities_of(path)
    case = tuple(f"{key}-{entities[key]}" for key in ("sub", "ses") if key in entities)
    return Part(path, file, case, suffix.lower(), suffix, labels=says_labels(suffix), repeat=entities.get("run", ""))


def raw(parts: Sequence[Part], folder: str, found: FoundCases) -> list[Part]:
    """Return the parts of the raw data; a note, or a failure if there is nothing else, counts those that are not."""
    kept: list[Part] = []
    left: list[Part] = []
    for part in parts:
        (kept if _NOT_RAW.isdisjoint(part.path.split("/")[:-1]) else left).append(part)
    if not left:
        return kept
    places = sorted({_place(part.path) for part in left})
    where = ", ".join(places[:3]) + (", …" if len(places) > 3 else "")
    if kept:
        said = f"left out {plural(len(left), 'file')} in {where}, which are no raw data; name that folder to read it"
        found.surveyed.append((folder, said))
    else:
        message = f"the folder contains no raw data, but {plural(len(left), 'file')} in {where}; name that folder"
        found.failures.append(InputError(folder, message))
    return kept


def _place(path: str) -> str:
    """Return the folder of a path that is not of the raw data, with that of the program that made it."""
    folders = path.split("/")[:-1]
    first = next(place for place, name in enumerate(folders) if name in _NOT_RAW)
    return "/".join(folders[: first + 2])
