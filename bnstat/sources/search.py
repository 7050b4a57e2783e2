"""From paths to cases: a directory stands for the images in it, or for a data set."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from bnstat.errors import InputError, UsageError
from bnstat.sources import storage
from bnstat.sources.addresses import USUAL, Access, is_remote, path_in, require_allowed
from bnstat.sources.case import Case, FoundCases
from bnstat.sources.exclusion import Sieve
from bnstat.sources.formats.memory import InMemory
from bnstat.sources.formats.registry import is_dicom, marked_format, names_of_read
from bnstat.sources.names import is_image
from bnstat.sources.regular import impossible
from bnstat.sources.selection import ANY, Selection
from bnstat.text import plural

_DESCRIPTION = ".json"
# The description of a BIDS data set, in its directory.
_OF_BIDS = "dataset_description.json"
# What stands for other characters in a pattern.
_WILD = re.compile(r"[*?]")


def cases_of(paths: Sequence[str | InMemory], selection: Selection = ANY, access: Access = USUAL) -> FoundCases:
    """Return the cases that paths stand for.

    Args:
        paths: files, directories, patterns that no shell has expanded, descriptions of data sets, or URLs of these; or
            arrays and images in memory, a case each.
        selection: what is taken of folders, and how files are joined into cases; cases of data sets stay as they are.
        access: how files elsewhere may be reached.
    """
    found, files = FoundCases(), Sieve("", selection.exclusion)
    for path in paths:
        if isinstance(path, InMemory):
            found.cases.append(Case.holding(path))
            continue
        try:
            found.add(_cases_of(path, access, selection, files))
        except InputError as error:
            found.failures.append(error)
    found = files.told(_of_named(found, selection))
    found.notes += _of_folders(found.surveyed)
    found.notes += files.unfitting() if found.cases else []
    if files.note is not None and not found.cases and not found.failures:
        raise UsageError(f"nothing is left of the inputs: {files.note}")
    if selection.pattern is None:
        return found
    from bnstat.sources.datasets.pattern import join

    return join(found, selection.pattern)


def _of_named(found: FoundCases, selection: Selection) -> FoundCases:
    """Return what was found, with the files that were named themselves as the selection has them.

    Who names files means them: without a selection, a note says at most that they are of several kinds.
    """
    there = {case.given for case in found.cases} if found.named else set()
    named = [file for file in found.named if file in there]
    chosen = bool(selection.kinds or selection.entity or selection.suffix is not None)
    if not named or selection.pattern is not None or (not chosen and (len(named) < 2 or selection.each)):
        return found
    from bnstat.sources import survey

    if not chosen:
        note = survey.kinds_note(named)
        found.notes += [] if note is None else [note]
        return found
    protocols = next(case.protocols for case in found.cases if case.given == named[0])
    taken = survey.survey("", named, selection, protocols)
    taken_up = set(named)
    others = [case for case in found.cases if case.given not in taken_up]
    notes = [*found.notes, *taken.notes, *(said for _, said in taken.surveyed)]
    return FoundCases([*others, *taken.cases], [*found.failures, *taken.failures], notes, surveyed=found.surveyed)


def _of_folders(surveyed: Sequence[tuple[str, str]]) -> list[str]:
    """Return a note for each thing that was done with folders, of which there may be one for each case."""
    folders: dict[str, list[str]] = {}
    for folder, said in surveyed:
        folders.setdefault(said, []).append(folder)
    more = {
        said: f" and {plural(len(some) - 1, 'more folder')}" if len(some) > 1 else "" for said, some in folders.items()
    }
    return [f"{some[0]}{more[said]}: {said}" for said, some in folders.items()]


def _cases_of(path: str, access: Access, selection: Selection, files: Sieve) -> FoundCases:
    """Return the cases that one path stands for."""
    if not path:
        return FoundCases(
            failures=[InputError("''", "the path is empty; check whether a variable of the shell is not set")]
        )
    if (why := impossible(path)) is not None:
        raise InputError(path, f"no file can have this name, which contains {why}; check the path")
    if is_remote(path):
        require_allowed(path, access)
    elif not os.path.isabs(path) and _current_is_gone():
        raise InputError(path, "the current folder no longer exists, in which it would be; change to one that does")
    if _is_pattern(path):
        return _matching(path, access, selection, files)
    by_name = is_remote(path) and (is_image(path_in(path)) or path.lower().endswith(_DESCRIPTION))
    if not by_name and storage.is_folder(path, access):  # of other URLs the server is asked
        sieve = Sieve.of_folder(path, files, access)
        found = _below(path, access, selection, sieve)
        found.cases = sieve.cases(found.cases)
        return sieve.told(found)
    listed = path.lower().endswith(_DESCRIPTION)
    found = _described(path, path, access, selection) if listed else _one(path, access)
    found.cases = files.cases(found.cases)
    return found


def _unmatched(pattern: str) -> InputError:
    """Return the error that no file matches a pattern, as those in a folder that may not be listed."""
    folder = os.path.dirname(_WILD.split(pattern, maxsplit=1)[0])
    try:
        if not is_remote(pattern):
            os.scandir(folder or os.curdir).close()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        pass
    except OSError as error:
        return InputError(pattern, f"{folder or 'the current folder'} cannot be listed: {error.strerror}")
    return InputError(pattern, "no file matches this pattern; check it with ls")


def _current_is_gone() -> bool:
    """Return True if the folder in which the program runs was removed."""
    try:
        os.stat(os.curdir)
        os.getcwd()
    except FileNotFoundError:
        return True
    except OSError:  # it is there, and may not be looked at
        return False
    return False


def _one(path: str, access: Access) -> FoundCases:
    """Return the case of a file that was named itself."""
    return FoundCases([Case.of(path, access.protocols)], named=[path])


def _below(folder: str, access: Access, selection: Selection, sieve: Sieve) -> FoundCases:
    """Return the cases of a data set or of its directory of images; else those that the images below make.

    Raises:
        UsageError: if these are of several kinds, and the selection leaves open which to take.
    """
    from bnstat.sources import datasets

    # the directory of images of a data set, whose description says how to read it
    listed = datasets.of_images(folder, access)
    if listed is not None:
        listed.notes += _unheeded(folder, selection)
        return listed
    found = FoundCases()
    files, dicom, of_bids = _walk(folder, access, selection, sieve, found)
    if files:
        from bnstat.sources import survey
        from bnstat.sources.survey.beside import with_labels_beside

        found.add(survey.survey(folder, sorted(files), selection, access.protocols, described=of_bids))
        found.cases = with_labels_beside(found.cases, folder)
    if found.cases and dicom:  # often what the other images were made of
        found.notes.append(f"{_listed(dicom)} beside other images; give such a directory to read it")
    elif dicom:
        found.add(datasets.dicom_studies(sorted(dicom), folder, access))
    if not found.cases and not found.failures:
        found.failures.append(InputError(folder, _without_images(folder)))
    return found


def _without_images(folder: str) -> str:
    """Return what to do with a directory that has no image: it may have moments files, each of data of its own."""
    moments = [] if is_remote(folder) else sorted(filter(storage.is_moments, _jsonl_in(folder)))
    if moments:
        return (
            f"the directory contains no image, but {plural(len(moments), 'moments file')}; give one of them, as in "
            f"{moments[0]}"
        )
    return (
        f"the directory contains no image; give a directory with images that are read ({names_of_read()}), or the files"
    )


def _jsonl_in(folder: str) -> list[str]:
    """Return the files of a directory with the ending of a moments file."""
    import glob

    return glob.glob(os.path.join(glob.escape(folder), "*.jsonl"))


def _described(file: str, named: str, access: Access, selection: Selection) -> FoundCases:
    """Return the cases that the description of a data set lists, with a note on what does not apply to them."""
    from bnstat.sources import datasets

    found = datasets.cases_in(file, access, selection.kinds)
    found.notes += _unheeded(named, selection)
    return found


def _unheeded(source: str, selection: Selection) -> list[str]:
    """Return the note on what was asked for and does not apply to a data set, which says itself what its cases are."""
    asked = {"suffix": selection.suffix is not None, "entity": bool(selection.entity), "each": selection.each}
    names = [f"`{name}`" for name, given in asked.items() if given]
    if not names:
        return []
    return [
        f"{source}: its description says what its cases are, so {' and '.join(names)} changed nothing; to choose files "
        "by their names, give them, or a folder without a description"
    ]


def _read_as_one(folder: str, names: Sequence[str], access: Access, selection: Selection) -> FoundCases | None:
    """Return the cases of a directory that is one input, or a data set; None if it is neither."""
    if not is_remote(folder) and marked_format(folder) is not None:
        return FoundCases([Case.of(folder, access.protocols)])
    from bnstat.sources import datasets

    preprocessed = datasets.preprocessed(folder, names, access)
    if preprocessed is None and datasets.DESCRIPTION in names:
        return _described(storage.inside(folder, datasets.DESCRIPTION), folder, access, selection)
    return preprocessed


def _walk(
    folder: str, access: Access, selection: Selection, sieve: Sieve, found: FoundCases
) -> tuple[list[str], list[str], bool]:
    """Return the images below a directory, the directories of DICOM files, and whether it describes itself as BIDS.

    The cases of data sets below it are added to what was found.
    """
    # every folder below: a data set is read by its description, and what lies in it is not looked at again
    files: list[str] = []
    dicom: list[str] = []
    described: list[str] = []
    of_bids = False
    for here, names in sieve.files(storage.tree(folder, found.failures, access)):
        if any(_lies_in(here, one) for one in described):
            continue
        whole = _read_as_one(here, names, access, selection)
        if whole is not None:
            described.append(here)
            found.add(whole)
            continue
        of_bids = of_bids or (here.rstrip("/") == folder.rstrip("/") and _OF_BIDS in names)
        images = [name for name in names if is_image(name)]
        files += [storage.inside(here, name) for name in images]
        if not is_remote(here) and any(is_dicom(name, here) for name in names if not is_image(name)):
            dicom.append(here)
    return files, dicom, of_bids


def _listed(folders: Sequence[str]) -> str:
    first = f"{folders[0]}{f' and {len(folders) - 1} more' if len(folders) > 1 else ''}"
    return f"{first}: left out the DICOM slices"


def _lies_in(folder: str, other: str) -> bool:
    """Return True if a directory is below another one."""
    return folder.startswith(other.rstrip("/") + "/")


def _is_pattern(path: str) -> bool:
    """Return True if a shell would expand the name and no file has it. Brackets name the arrays of an archive."""
    if is_remote(path):
        return "*" in path  # a question mark begins a query
    return ("*" in path or "?" in path) and not path.endswith("]") and not os.path.lexists(path)


def _matching(pattern: str, access: Access, selection: Selection, files: Sieve) -> FoundCases:
    """Return the cases of the files and directories that match; `**` is any number of directories."""
    found = FoundCases()
    if is_remote(pattern):
        from bnstat.sources import remote

        matches = remote.matching(pattern, access)
    else:
        import glob

        matches = sorted(glob.glob(pattern.replace("[", "[[]"), recursive=True))
    for path in matches:
        found.add(_cases_of(path, access, selection, files))
    if not matches:
        found.failures.append(_unmatched(pattern))
    return found
