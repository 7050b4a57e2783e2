"""Label maps in the folder beside that of the images: `labelsTr/` for `imagesTr/`, which was named alone."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from bnstat.sources import storage
from bnstat.sources.addresses import is_remote
from bnstat.sources.case import Case
from bnstat.sources.names import is_image
from bnstat.sources.survey.parts import stem_of
from bnstat.sources.survey.words import words_of

_IMAGES = re.compile(r"(image|img)(s?)(tr|ts|va|val)?", re.IGNORECASE)
# The number of the only channel in nnU-Net's names, which label maps do not have.
_ONLY_CHANNEL = re.compile(r"_0000$")


def with_labels_beside(cases: Sequence[Case], folder: str) -> list[Case]:
    """Return cases with the label maps of the folder beside theirs; as they are if there is none.

    Args:
        cases: the cases of a folder.
        folder: the folder that was named; a folder of another machine stays as it is.
    """
    match = None if is_remote(folder) else _IMAGES.fullmatch(storage.name_of(folder))
    if match is None:
        return list(cases)
    beside = storage.inside(storage.parent_of(folder), f"label{match[2]}{match[3] or ''}")
    if not storage.is_folder(beside):
        return list(cases)
    maps: dict[str, list[str]] = defaultdict(list)
    for name in filter(is_image, storage.files_in(beside)):
        maps[_key(name)].append(storage.inside(beside, name))
    keys = [_key(case.name) for case in cases]
    times = Counter(keys)
    return [
        replace(case, labels=maps[key][0])
        if case.labels is None and len(maps.get(key, ())) == 1 and times[key] == 1
        else case
        for case, key in zip(cases, keys, strict=True)
    ]


def _key(name: str) -> str:
    """Return what tells the case in the name of an image or of a label map."""
    stem = _ONLY_CHANNEL.sub("", stem_of(name))
    return words_of(stem).case or stem
