"""Data lists as MONAI reads them: `training`, a list of `{"image": file or files, "label": file}`.

Paths are relative to the list. Several images of an entry are its channels; so are those of an entry with a key for
each modality, as `{"t1": file, "flair": file}`. Only the training images of a data set are read: other lists, as
`validation` and `test`, are ignored. https://docs.monai.io/en/stable/data.html#load-decathlon-datalist
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from bnstat.sources.case import FoundCases
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
    named: tuple[str, ...] = ()
    if has_modality_keys(listed):
        keys = keys_of(description.path, listed, kinds)
        named = tuple(keys.channels)
        entries = list(entries_of(description, listed, keys, found.failures))
        found.notes += [f"{description.path}: {keys.note}"] if keys.note else []
    else:
        entries = list(description.entries(_TRAINING, found))
    common = [shared([file.replace("\\", "/") for file in files]) for files, _ in entries]
    names = [name for name, _ in common]
    times = Counter(names)
    channels = named or _channels(description, [told for _, told in common])
    for (files, labels), name in zip(entries, names, strict=True):
        unique = name if name and times[name] == 1 else files[0]
        called = unique if len(files) > 1 else files[0]
        found.cases.append(description.case(called, files, channels, labels))
    return found


def _channels(description: Description, told: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the names of channels that are the same for every case; none if they are not known."""
    for key in ("channel_names", "modality"):
        if isinstance(description.content, Mapping) and isinstance(description.content.get(key), (Mapping, list)):
            return description.names(key)
    first = told[0] if told else ()
    known = len(first) > 1 and set(told) == {first} and len(set(first)) == len(first)
    return first if known and all(first) and not all(name.isdecimal() for name in first) else ()
