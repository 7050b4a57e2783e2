"""A path that does not exist, and the one beside it that was probably meant."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from functools import lru_cache

from bnstat.errors import InputError
from bnstat.sources.formats.registry import format_of, split_key
from bnstat.sources.names import ending_of, stem_of
from bnstat.text import closest, printable

# How alike two names must be without their endings, from 0 to 1: `t1_haed` and `t1_head` are by 0.86.
_ALIKE = 0.75
# So many names that do not exist in one folder get a name that is meant.
_MOST_MEANT = 100
# How files begin that stand for those that were not fetched, and what the target of such a link has in it.
_LFS, _ANNEX_POINTER, _ANNEX = b"version https://git-lfs.github.com/spec/", b"/annex/objects/", "/annex/objects/"
_NUMBER = re.compile(r"\d+")


def meant_by(path: str) -> str | None:
    """Return the existing path that a mistyped one is most like; None if there is none, or if the path exists.

    Names with other numbers are other cases, and not suggested: `sub-02` is not meant by `sub-03`.
    """
    parts = path.split("/")
    try:
        for place in range(1, len(parts) + 1):
            here = "/".join(parts[:place])
            if not here or os.path.lexists(here):
                continue
            folder = "/".join(parts[: place - 1])
            if not _may_look_into(folder, path):
                return None
            found = _nearest(parts[place - 1], _names_in(folder, path, parts, place))
            if found is None:
                return None
            parts[place - 1] = found
    except (OSError, ValueError):
        return None
    meant = "/".join(parts)
    return meant if meant != path and os.path.exists(meant) else None


def missing(source: str, file: str) -> InputError:
    """Return the error that a file of an input does not exist, which names the one that is probably meant.

    Args:
        source: the input, as the user named it.
        file: the file, which is the input itself or its second one.
    """
    link = unfetched(file)
    if link is not None:
        return InputError(source, link if file == split_key(source)[0] else f"its second file, {file}: {link}")
    if file != split_key(source)[0]:
        return InputError(source, f"its second file, {file}, is missing; copy it to the same folder")
    above = _file_above(file)
    if above is not None:
        rest = file[len(above) :].strip("/")
        known = format_of(above)
        inside = rest and known is not None and known.keyed
        what = f"what is in it is named in brackets, as in '{above}[{rest}]'" if inside else "leave out what follows it"
        return InputError(source, f"{above} is a file and no folder; {what}")
    whole = file.partition("::")[0]
    if whole != file and os.path.isfile(whole):
        return InputError(source, f"no such file; only `weights` takes a part of one after ::, so give {whole}")
    near = meant_by(file)
    return InputError(source, f"no such file; did you mean {near}?" if near else "no such file; check the path")


def unfetched(path: str) -> str | None:
    """Return what is wrong with a link that leads nowhere, as git-annex leaves it; None if the path is none."""
    try:
        target = os.readlink(path)
    except (OSError, ValueError):
        return None
    if os.path.exists(path):
        return None
    if _ANNEX in target.replace("\\", "/"):
        return f"it was not fetched yet (a link of git-annex); type: datalad get {shlex.quote(path)}"
    return f"it is a link to {printable(target)}, which does not exist; copy that file, or correct the link"


def pointed(start: bytes, path: str) -> str | None:
    """Return what is wrong with a small file that stands for one that was not fetched; None if it is none.

    Args:
        start: the first bytes of the file.
        path: the file.
    """
    if start.startswith(_LFS):
        return f"it was not fetched yet (a pointer of Git LFS); type: git lfs pull --include {shlex.quote(path)}"
    if start.startswith(_ANNEX_POINTER):
        return f"it was not fetched yet (a pointer of git-annex); type: datalad get {shlex.quote(path)}"
    return None


def unopened(file: str, error: OSError) -> InputError:
    """Return the error that a file with settings, a table or a plan cannot be opened.

    Args:
        file: the file, as the user named it.
        error: what the system said.
    """
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return missing(file, file)
    if isinstance(error, IsADirectoryError):
        return InputError(file, "it is a directory; name the file in it")
    return InputError(file, f"the file cannot be read: {error.strerror}")


def _file_above(path: str) -> str | None:
    """Return the file that a path goes on behind as if it were a folder, as `x.h5/raw` does; None if there is none."""
    places = [place for place, letter in enumerate(path) if letter == "/" and place]
    try:
        return next((path[:place] for place in reversed(places) if os.path.isfile(path[:place])), None)
    except (OSError, ValueError):
        return None


def _may_look_into(folder: str, path: str) -> bool:
    """Return False once many names of one folder were mistaken: to compare each with all names there takes for ever."""
    found = os.stat(folder or ("/" if path.startswith("/") else os.curdir))
    looked = _times_looked(found.st_dev, found.st_ino, found.st_mtime_ns)
    looked[0] += 1
    return looked[0] <= _MOST_MEANT


@lru_cache(maxsize=256)
def _times_looked(device: int, number: int, changed: int) -> list[int]:
    """Return how often the names of a folder were looked through for one that is meant, to be counted on."""
    del device, number, changed  # what the cache knows a folder by
    return [0]


def _names_in(folder: str, path: str, parts: Sequence[str], place: int) -> list[str]:
    """Return the names in a folder; only those of folders, if more parts of the path follow."""
    where = folder or ("/" if path.startswith("/") else os.curdir)
    last = place == len(parts)
    with os.scandir(where) as entries:
        return sorted(entry.name for entry in entries if last or entry.is_dir())


def _nearest(name: str, names: Sequence[str]) -> str | None:
    """Return the name that is most like another: one that differs only in its ending, or else in a few letters."""
    stem, numbers = stem_of(name).lower(), _numbers(name)
    same = [one for one in names if one.lower() == name.lower()]
    same += [one for one in names if ending_of(one) and stem_of(one).lower() == stem]
    if same:
        return same[0]
    alike = {stem_of(one).lower(): one for one in names if _numbers(one) == numbers}
    return next((alike[one] for one in closest(stem, alike, _ALIKE)), None)


def _numbers(name: str) -> list[int]:
    """Return the numbers in a name, without its ending."""
    return [int(number) for number in _NUMBER.findall(stem_of(name))]
