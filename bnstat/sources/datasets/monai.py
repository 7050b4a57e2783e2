"""Data lists as MONAI reads them: `training`, a list of `{"image": file or files, "label": file}`.

Paths are relative to the list. Several images of an entry are its channels; so are those of an entry with a key for
each modality, as `{"t1": file, "flair": file}`. Only the training images of a data set are read: other lists, as
`validation` and `test`, are ignored. https://docs.monai.io/en/stable/data.html#load-decathlon-datalist
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bnstat.sources.case import Case, FoundCases
from bnstat.sources.datasets.description import Description
from bnstat.sources.datasets.modality_keys import entries_of, has_modality_keys, keys_of
from bnstat.sources.names import shared

# The list that is read.
_TRAINING = "training"


def describes(content: object) -> bool:
    """Return True if the content of a JSON file is a description of this kind."""
    if isinstance(content, list):
        with_image = bool(content) and all(isinstance(entry, Mapping) and "image" in entry for entry in content)
        return with_image or has_modality_keys(content)
    return isinstance(content, Mapping) and isinstance(content.get(_TRAINING), list)


def cases(description: Description, kinds: Sequence[str] = ()) -> FoundCases:
    """Return the training cases; channels have the names in the list, or those in the names of all files.

    Args:
        description: the list.
        kinds: the keys of the channels, for entries with a key for each modality.

    Raises:
        UsageError: if the names of such keys do not tell which are channels.
    """
    found = FoundCases()
    content = description.content
    listed = content if isinstance(content, list) else content.get(_TRAINING)
    channels: tuple[str, ...] | None
    if has_modality_keys(listed):
        keys = keys_of(description.path, listed, kinds)
        channels = keys.channels
        entries = entries_of(description, listed, keys)
        found.notes += [f"{description.path}: {keys.note}"] if keys.note else []
    else:
        entries, channels = description.entries(_TRAINING), _said(description)
    found.cases = [description.case(files[0], files, channels or (), labels) for files, labels in entries]
    if any(case.joined for case in found.cases):
        _name(found.cases, channels)
    return found


def _said(description: Description) -> tuple[str, ...] | None:
    """Return the names of channels that a list says; None if it says none."""
    for key in ("channel_names", "modality"):
        if isinstance(description.content, Mapping) and isinstance(description.content.get(key), (Mapping, list)):
            return description.names(key)
    return None


def _name(cases: list[Case], channels: tuple[str, ...] | None) -> None:
    """Give cases of several files the name that their files share; and channels, if the list has no names of them."""
    common = [shared([file.replace("\\", "/") for file in case.files]) for case in cases]
    times = Counter(name for name, _ in common)
    named = _channels([told for _, told in common]) if channels is None else channels
    for place, (case, (name, _)) in enumerate(zip(cases, common, strict=True)):
        if case.joined:
            cases[place] = replace(case, name=name if name and times[name] == 1 else case.files[0], channels=named)
        else:
            cases[place] = replace(case, channels=named)


def _channels(told: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the part of the names of files that tells channels apart if it is the same in all cases; else none."""
    first = told[0] if told else ()
    known = len(first) > 1 and set(told) == {first} and len(set(first)) == len(first)
    return first if known and all(first) and not all(name.isdecimal() for name in first) else ()
