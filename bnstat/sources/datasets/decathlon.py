"""The Medical Segmentation Decathlon, and nnU-Net version 1, which took its description: `modality` and `training`.

In the Decathlon one 4-D file contains all channels. nnU-Net lists `imagesTr/case.nii.gz` in the same way but has a file
for each channel, `case_0000.nii.gz`, `case_0001.nii.gz`, …: the files on disk decide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from bnstat.errors import InputError
from bnstat.sources import storage
from bnstat.sources.case import FoundCases
from bnstat.sources.datasets import nnunet
from bnstat.sources.datasets.description import Description
from bnstat.sources.names import ending_of, is_image, stem_of


def describes(content: object) -> bool:
    """Return True if the content of a JSON file is a description of this kind."""
    return isinstance(content, Mapping) and isinstance(content.get("modality"), (Mapping, list))


def cases(description: Description) -> FoundCases:
    """Return the training cases that the description lists; if it has no list, those whose files exist."""
    if not isinstance(description.content.get("training"), list):
        return cases_of_folder(description, description.inside(nnunet.IMAGES))
    channels = description.names("modality")
    found = FoundCases()

    @cache
    def names_in(folder: str) -> frozenset[str]:
        return frozenset(description.files_in(folder))

    for images, labels in description.entries("training"):
        # an entry that lists a file for each channel
        if len(images) > 1:
            found.cases.append(description.case(stem_of(images[0]), images, channels, labels))
            continue
        # an entry of one name: the file itself, or the numbered files of its channels
        folder, name = storage.folder_of(images[0]), storage.name_of(images[0])
        parts = _parts(folder, name, names_in(folder), channels)
        if name in names_in(folder):
            found.cases.append(description.case(images[0], images, channels, labels))
        elif parts:
            nnunet.add(found, description, storage.inside(folder, stem_of(name)), parts, channels, labels)
        else:
            description.refuse(
                InputError(
                    images[0],
                    f"{description.path} lists this file, but it does not exist; copy it there, or correct the list",
                )
            )
    return found


def _parts(folder: str, name: str, there: frozenset[str], channels: Sequence[str]) -> dict[int, str]:
    """Return the existing files of a case's channels, by their number."""
    named = {number: f"{stem_of(name)}_{number:04}{ending_of(name)}" for number in range(len(channels))}
    return {number: storage.inside(folder, one) for number, one in named.items() if one in there}


def cases_of_folder(description: Description, folder: str) -> FoundCases:
    """Return the cases in a directory of images: one file each, or a file for each channel if all are numbered."""
    channels = description.names("modality")
    images = [name for name in description.files_in(folder) if is_image(name)]
    endings = {ending_of(name) for name in images}
    if len(endings) == 1 and all(_numbered(name, len(channels)) for name in images):
        return nnunet.gathered(description, folder, endings.pop(), channels)
    files = [storage.inside(folder, name) for name in images]
    return FoundCases([description.case(file, (file,), channels) for file in files])


def _numbered(name: str, channels: int) -> bool:
    """Return True if a name ends in the number of a channel."""
    match = re.search(r"_(\d{4})$", stem_of(name))
    return match is not None and int(match[1]) < channels
