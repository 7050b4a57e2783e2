"""Open a file of any format."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import islice

from bnstat.errors import InputError
from bnstat.sources.addresses import USUAL, Access, is_remote, require_allowed
from bnstat.sources.file_state import states_of
from bnstat.sources.formats import nifti
from bnstat.sources.formats.registry import Format, format_of, format_of_folder, format_within, path_of
from bnstat.sources.names import others_of
from bnstat.sources.regular import impossible, open_regular
from bnstat.sources.storage import is_there
from bnstat.sources.streams import MOST_DEFLATED, unreadable
from bnstat.sources.volume import StreamedVoxels, Volume
from bnstat.text import by

# The most bytes of a file that stands for another one, which was not fetched.
_POINTER_BYTES = 1024
# The most bytes of any file: positions in it are signed numbers of 64 bits.
_MOST_BYTES = 2**63 - 1
# More bytes of values than a byte of gzip can become: some formats make a float64 of each of its bytes.
_MOST_INFLATED = 16 * MOST_DEFLATED
# The files of a folder that are looked at again after reading: all slices of a series, or the first chunks of a store.
_MOST_STATES = 10_000


def stored_in(source: str) -> list[str]:
    """Return the files that contain an input: an archive of arrays, a header and its data, all of a folder."""
    if is_remote(source):
        return [source]  # remote formats have one file
    path = path_of(source)
    if os.path.isdir(path):
        return sorted(os.path.join(here, name) for here, _, names in os.walk(path) for name in names)
    known = format_of(source)
    named = known.files_named_in(path) if known is not None else []
    return [path, *filter(is_there, (*others_of(path), *named))]


def open_volume(source: str, access: Access = USUAL) -> Volume:
    """Read the header of a file of any format.

    Args:
        source: the file.
        access: the protocols and hosts that a URL may have.

    Raises:
        InputError: if it cannot be read, or does not contain real numbers.
    """
    known = format_of(source)
    if is_remote(source):
        require_allowed(source, access)
        if known is not None and known.batched:
            raise InputError(source, f"{known.name} files can be read only from this machine; copy the file here first")
        return _possible(nifti.open_remote(source, access))
    path = path_of(source)
    states = states_of(_looked_at(source, path))
    volume = _possible(_open_here(source, path, known))
    _require_enough(volume, path)
    return volume if volume.files else replace(volume, files=states)


def _possible(volume: Volume) -> Volume:
    """Return a volume; raise InputError for an image without an axis, and for more bytes than a file can have."""
    if (volume.shape or volume.batched) and volume.nbytes <= _MOST_BYTES:
        return volume
    claim = f"{by(volume.shape)} voxels, more than a file can hold" if volume.shape else "no axis"
    raise InputError(volume.source, f"its header describes {claim}: the file is damaged; copy it again")


def _require_enough(volume: Volume, path: str) -> None:
    """Raise InputError if a gzip file is too small for its voxels, before anything is made for each of its channels."""
    if not isinstance(volume.voxels, StreamedVoxels) or not os.path.isfile(path):
        return
    size = os.path.getsize(path)
    if volume.nbytes <= _MOST_INFLATED * size:
        return
    from bnstat.sources.compression import GZIP, layers_of

    if layers_of(lambda: path) == (GZIP,) and stored_in(volume.source) == [path]:
        raise InputError(
            volume.source,
            f"the header declares {volume.nbytes:,} bytes of values, which {size:,} bytes of gzip cannot contain: the "
            "file is truncated, or its header is wrong; copy the file again",
        )


def _looked_at(source: str, path: str) -> list[str]:
    """Return the files whose states tell whether an input was changed while it was read."""
    if not os.path.isdir(path):
        return stored_in(source)
    return [os.path.join(here, name) for here, _, names in islice(os.walk(path), 1) for name in names[:_MOST_STATES]]


def _open_here(source: str, path: str, known: Format | None) -> Volume:
    """Read the header of a file or a folder of this machine."""
    folder = format_of_folder(path) if os.path.isdir(path) else None
    if folder is not None:
        return folder.open(source)
    _refuse_unreadable(source, path)
    known = known or format_within(path)
    try:
        # nibabel also knows formats that are not in the list
        return nifti.open_image(source) if known is None else known.open(source)
    except InputError as error:  # a wrong name is the cause of whatever the reader of that format says
        found = None if path != source or (known is not None and known.batched) else _disguised(source)
        if found is not None:
            return found
        from bnstat.sources.disguise import misnamed
        from bnstat.sources.neighbours import missing

        others = others_of(path)
        if others and not any(map(is_there, others)):
            raise missing(source, others[0]) from error
        wrong = misnamed(path) or _of_other_format(path, known)
        if wrong is None:
            raise
        raise InputError(source, wrong) from error


def _of_other_format(path: str, known: Format | None) -> str | None:
    """Return what is wrong with a file that begins as one of another format than its name says; None if it does not."""
    within = format_within(path)
    if within is None or within is known or (known is not None and within.name in known.begins_as):
        return None
    endings = " or ".join((*within.endings, *within.named))
    return f"it is {within.name} by its first bytes, though its name does not end in {endings}; rename it"


def _disguised(source: str) -> Volume | None:
    from bnstat.sources.formats.disguised import open_disguised

    return open_disguised(source)


def _refuse_unreadable(source: str, path: str) -> None:
    """Raise InputError unless the file is regular and not empty, and may be read, and a second one is regular."""
    try:
        for file in (path, *filter(is_there, others_of(path))):
            with open_regular(file) as opened:
                size = os.fstat(opened.fileno()).st_size
                if size <= _POINTER_BYTES:
                    _refuse_pointer(source, file, opened.read(), size)
    except ValueError as error:
        why = impossible(path) or "a character that this system cannot write"
        raise InputError(source, f"no file can have this name, which contains {why}; check the path") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        from bnstat.sources.neighbours import missing

        raise missing(source, path) from error
    except OSError as error:
        raise unreadable(source, error) from error


def _refuse_pointer(source: str, path: str, content: bytes, size: int) -> None:
    """Raise InputError if a small file is empty, or stands for one that was not fetched."""
    from bnstat.sources.neighbours import pointed

    name = "the file" if path == path_of(source) else f"its second file, {path},"
    if not size:
        raise InputError(source, f"{name} is empty (0 bytes); copy it again")
    said = pointed(content, path)
    if said is not None:
        raise InputError(source, said)
