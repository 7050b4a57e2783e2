"""Folders of DICOM series below one folder: a case each, unless an examination has several series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bnstat.errors import InputError
from bnstat.sources.addresses import Access
from bnstat.sources.case import Case, FoundCases
from bnstat.text import first_ones, plural


def cases_of(folders: Sequence[str], below: str, access: Access) -> FoundCases:
    """Return a case for each folder with a series of images.

    Args:
        folders: the folders with DICOM files.
        below: the folder that they are in, as the user named it.
        access: the protocols and hosts that a URL may have.

    Raises:
        InputError: if several series are of one examination, or they are from several kinds of scanner: these are no
            samples of one kind.
    """
    found = FoundCases([Case.of(folder, access.protocols) for folder in folders])
    if len(folders) < 2:  # opening it says what it is
        return found
    try:
        from bnstat.sources.formats.dicom.series import head_of  # noqa: PLC0415  (an extra, for DICOM only)
    except ImportError:
        return FoundCases(found.cases[:1])  # opening it names the package to install
    found.cases.clear()
    heads = []
    for folder in folders:
        try:
            heads.append(head_of(folder))
        except InputError as error:
            found.failures.append(error)
    scans = [head for head in heads if head.is_scan]
    others = Counter(head.modality or "without an image" for head in heads if not head.is_scan)
    if others:
        kinds = ", ".join(f"{kind}: {number}" for kind, number in sorted(others.items()))
        found.notes.append(
            f"{below}: left out {plural(others.total(), 'DICOM folder')} with label maps, doses or reports ({kinds})"
        )
    shared = Counter(head.study for head in scans)
    if len({head.modality for head in scans}) > 1 or any(shared[head.study] > 1 for head in scans if head.study):
        listed = Counter(" ".join(filter(None, (head.modality, head.description))) for head in scans)
        first = {" ".join(filter(None, (head.modality, head.description))): head.folder for head in reversed(scans)}
        told = first_ones(
            "give the folders of one kind:",
            [f"{kind} ({plural(number, 'folder')}, as {first[kind]})" for kind, number in listed.most_common()],
        )
        raise InputError(
            below, f"its {len(scans)} DICOM series are no samples of one kind: examinations have several series; {told}"
        )
    found.cases += [Case.of(head.folder, access.protocols) for head in scans]
    return found
