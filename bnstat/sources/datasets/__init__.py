"""Data sets that a JSON file describes: one file for each kind of description."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from bnstat.errors import InputError
from bnstat.sources import storage
from bnstat.sources.addresses import Access
from bnstat.sources.case import FoundCases
from bnstat.sources.datasets import decathlon, monai, nnunet, nnunet_preprocessed
from bnstat.sources.datasets.description import Description
from bnstat.sources.datasets.dicom_studies import cases_of as of_dicom
from bnstat.sources.documents import parsed

# The name of the description in the directory of a data set.
DESCRIPTION = "dataset.json"

# In the order in which they are tried: MONAI also reads a list of the Decathlon, but with less in it.
_KINDS: tuple[ModuleType, ...] = (nnunet, decathlon, monai)


def cases_in(path: str, access: Access, kinds: Sequence[str] = ()) -> FoundCases:
    """Return the training cases of a data set.

    Args:
        path: its description.
        access: the protocols and hosts that a URL may have.
        kinds: the keys of the channels, for a list whose entries have a key for each modality.
    """
    try:
        description, kind = _read(path, access)
        if kind is None:
            raise InputError(
                path,
                "the file does not describe a known kind of data set: it has neither channel_names (nnU-Net), modality "
                "(Decathlon) nor a list named training (MONAI); give the directories of images instead",
            )
        found = monai.cases(description, kinds) if kind is monai else kind.cases(description)
        return _once(found, description)
    except InputError as error:
        return FoundCases(failures=[error])


def of_images(folder: str, access: Access) -> FoundCases | None:
    """Return the cases in a data set's directory of images; None if the directory is not one."""
    if not storage.name_of(folder).startswith("images"):
        return None
    path = storage.inside(storage.parent_of(folder), DESCRIPTION)
    try:
        if not storage.is_there(path, access):
            return None
        description, kind = _read(path, access)
        if kind is None or kind is monai:
            return None
        found: FoundCases = kind.cases_of_folder(description, folder)
        return _once(found, description)
    except InputError as error:
        return FoundCases(failures=[error])


def preprocessed(folder: str, names: Sequence[str], access: Access) -> FoundCases | None:
    """Return the cases of a directory with the names of its files, if nnU-Net has preprocessed them; else None."""
    try:
        return nnunet_preprocessed.cases_of_folder(
            folder, names, access
        ) or nnunet_preprocessed.cases_of_configurations(folder, names, access)
    except InputError as error:
        return FoundCases(failures=[error])


def dicom_studies(folders: Sequence[str], below: str, access: Access) -> FoundCases:
    """Return the cases of folders with DICOM files, which are below one that the user named."""
    try:
        return of_dicom(folders, below, access)
    except InputError as error:
        return FoundCases(failures=[error])


def _read(path: str, access: Access) -> tuple[Description, ModuleType | None]:
    """Read a description, and return it with its kind; None if the kind is not known.

    Raises:
        InputError: if it cannot be read.
    """
    content = parsed(storage.text_of(path, access), path, "give the description of a data set, or images")
    kind = next((kind for kind in _KINDS if kind.describes(content)), None)
    return Description(path, content, access.protocols), kind


def _once(found: FoundCases, description: Description) -> FoundCases:
    """Return each case once; add an error for each that is listed again, or if there is none."""
    path = description.path
    times: dict[tuple[str, ...], int] = {}
    told = FoundCases(notes=list(found.notes))
    for case in found.cases:
        seen = times[case.files] = times.get(case.files, 0) + 1
        if seen == 1:
            told.cases.append(case)
    for case in told.cases:
        count = times[case.files]
        if count > 1:
            often = "twice" if count == 2 else f"{count:,} times"
            also = "one entry" if count == 2 else "all entries but one"
            message = f"{path} lists the case {often}, so it is read once; remove {also}"
            description.refuse(InputError(case.name, message))
    told.failures = [*found.failures, *description.refusals.told(path)]
    if not told.cases and not told.failures:
        told.failures.append(
            InputError(path, "the data set has no training images; give files, or a directory of images")
        )
    return told
