"""nnU-Net's raw data, version 2: `channel_names`, and a file `case_0000.nii.gz` for each channel of a case.

The format: https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/dataset_format.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bnstat.errors import InputError
from bnstat.sources import storage
from bnstat.sources.case import FoundCases
from bnstat.sources.datasets.description import Description
from bnstat.sources.datasets.pattern import without
from bnstat.sources.names import ending_of, is_image, shared
from bnstat.text import plural

IMAGES = "imagesTr"
# The number of a channel at the end of a file's name.
_NUMBER = r"_(\d{4})"


def describes(content: object) -> bool:
    """Return True if the content of a JSON file is a description of this kind."""
    return isinstance(content, Mapping) and "channel_names" in content


def cases(description: Description) -> FoundCases:
    """Return the training cases: those that the description lists, else those whose files exist."""
    listed = description.content.get("dataset")
    if isinstance(listed, Mapping):
        return _listed(description, listed)
    found = cases_of_folder(description, description.inside(IMAGES))
    number = description.content.get("numTraining")
    there = len(found.cases) + len(found.failures) + description.refusals.number
    if isinstance(number, int) and number != there:
        found.notes.append(f"{description.path} says numTraining {number}, but there are {plural(there, 'case')}")
    return found


def cases_of_folder(description: Description, folder: str) -> FoundCases:
    """Return the cases in one of its directories of images.

    Raises:
        InputError: if its images have a format that cannot be read.
    """
    channels = description.names("channel_names")
    ending = description.content.get("file_ending", ".nii.gz")
    _require_read(description, ending)
    return gathered(description, folder, str(ending), channels)


def _require_read(description: Description, ending: object) -> None:
    """Raise InputError unless images with this ending can be read."""
    if isinstance(ending, str) and is_image(f"x{ending}"):
        return
    raise InputError(
        description.path,
        f"its file_ending is {ending!r}, and such files cannot be read; convert them to NIfTI, or correct the file",
    )


def gathered(description: Description, folder: str, ending: str, channels: Sequence[str]) -> FoundCases:
    """Put the files `case_0000`, `case_0001`, … of a directory together; a case that lacks one is a failure."""
    found = FoundCases()
    files: dict[str, dict[int, str]] = {}
    left = []
    for name in description.files_in(folder):
        match = re.fullmatch(f"(.+){_NUMBER}{re.escape(ending)}", name)
        if match is not None and int(match[2]) < len(channels):
            files.setdefault(match[1], {})[int(match[2])] = storage.inside(folder, name)
        elif match is not None or is_image(name):
            left.append(name)
    labels = _labels_of(description, folder, ending)
    for case, parts in files.items():
        add(found, description, storage.inside(folder, case), parts, channels, labels.get(case))
    if left:
        what = f"which {'is' if len(left) == 1 else 'are'} not a channel of {description.path}, as {left[0]}"
        found.notes.append(f"{folder}: skipped {plural(len(left), 'file')}, {what}")
    return found


def _labels_of(description: Description, folder: str, ending: str) -> dict[str, str]:
    """Return the label map of each case, from the directory of labels beside that of images."""
    name = storage.name_of(folder)
    beside = storage.inside(storage.parent_of(folder), name.replace("images", "labels", 1))
    return {
        label.removesuffix(ending): storage.inside(beside, label)
        for label in description.files_in(beside)
        if label.endswith(ending)
    }


def add(
    found: FoundCases,
    description: Description,
    name: str,
    parts: Mapping[int, str],
    channels: Sequence[str],
    labels: str | None,
) -> None:
    """Add a case of these files, which are given by channel, or the failure that it lacks one."""
    missing = [number for number in range(len(channels)) if number not in parts]
    if missing:
        expected = f"{name}_{missing[0]:04}{ending_of(next(iter(parts.values())))}"
        lacked = [channels[number] for number in missing]
        description.refuse(without(name, lacked, f"there is no {expected}, but {description.path} names the channel"))
        return
    files = tuple(parts[number] for number in range(len(channels)))
    named = name if len(files) > 1 else files[0]
    found.cases.append(description.case(named, files, channels, labels))


def _listed(description: Description, listed: Mapping[str, Any]) -> FoundCases:
    """Return the cases that the description lists with their files."""
    found = FoundCases()
    channels = description.names("channel_names")
    for case, entry in listed.items():
        images = entry.get("images") if isinstance(entry, Mapping) else None
        label = entry.get("label") if isinstance(entry, Mapping) else None
        if not isinstance(images, list) or not images or not all(one and isinstance(one, str) for one in images):
            description.refuse(
                InputError(description.path, f"case {case} of its dataset names no images; add a list named images")
            )
            continue
        # the files of the entry, unless one of their names is refused
        named = description.files(images, label)
        if named is None:
            continue
        # a single file has all channels in it; of several there must be one for each
        files, labels = named
        if len(files) < len(channels) and len(files) > 1:
            why = f"{description.path} lists only {plural(len(files), 'image')} for this case"
            called = storage.inside(description.folder, case)
            description.refuse(without(called, channels[len(files) :], why))
            continue
        name = files[0] if len(files) == 1 else shared([file.replace("\\", "/") for file in files])[0] or case
        found.cases.append(description.case(name, files, channels, labels))
    return found
