"""Entries of a data list with a key for each modality: `{"t1": "a_t1.nii", "flair": "a_flair.nii", "label": …}`."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bnstat.errors import InputError, UsageError
from bnstat.sources.datasets.description import Description
from bnstat.sources.label_names import names_labels
from bnstat.sources.names import is_image
from bnstat.text import joined, printable

# The beginning of the names of modalities, and what may follow it: a number, a weighting, a phase of contrast.
_MODALITY = re.compile(
    r"(t1|t2|t2star|t1rho|pd|flair|dwi|adc|fa|md|swi|qsm|asl|cbf|bold|mr|mri|mra|mp2rage|unit1|ct|cta|cbct|ldct|pet|spect|fdg|psma|suv|"
    r"us|oct|cine|dce|ktrans|tof|inphase|outphase|water|fat|image|images|img|scan|volume|vol|input|src|data)"
    r"([_-]?(w|wi|c|ce|n|f|gd|km|post|pre|map|mr|mri|\d+|trace|weighted|b\d+|ax|cor|sag|tra|hbv|spir|star))*",
    re.IGNORECASE,
)
# The key of the label map that is taken if there are several.
_LABEL = "label"
# A key that fewer entries have is no channel.
_MOST = 0.5


@dataclass(frozen=True)
class Keys:
    """The keys of a list that name files.

    Attributes:
        channels: the keys of the channels, in order.
        label: the key of the label map; None if there is none.
        left: other keys that name images.
    """

    channels: tuple[str, ...]
    label: str | None
    left: tuple[str, ...]

    @property
    def note(self) -> str | None:
        """What was taken and left out; None if nothing was left out."""
        left = [*self.left, *([self.label] if self.label else [])]
        if not left:
            return None
        taken = joined(self.channels)
        return (
            f'the channels are {taken}; left out: {joined(left)} (`channels="{",".join(self.channels)}"` names others)'
        )


def has_modality_keys(entries: object) -> bool:
    """Return True if entries of a list name images, and none under the key `image`."""
    found = [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []
    images = any(not _is_label(key, [file]) for entry in found for key, file in _images(entry).items())
    return images and not any("image" in entry for entry in found)


def keys_of(path: str, entries: Sequence[Any], asked: Sequence[str]) -> Keys:
    """Return the keys of the channels of a list.

    Args:
        path: the list, for messages.
        entries: its entries.
        asked: the keys that are to be the channels; none to decide by their names.

    Raises:
        UsageError: if a key that is asked for is none, or if the names of keys do not tell which are channels.
    """
    files = [_images(entry) for entry in entries if isinstance(entry, Mapping)]
    counted = Counter(key for entry in files for key in entry)
    labels = [key for key in counted if _is_label(key, [entry[key] for entry in files if key in entry])]
    others = [key for key in counted if key not in labels]
    shown = joined([printable(key) for key in counted]) if counted else "none"
    if asked:
        unknown = [key for key in asked if key not in counted]
        if unknown:
            raise UsageError(f"{path}: no entry has an image under the key {unknown[0]!r}; the keys are {shown}")
        channels = list(asked)
    else:
        channels = [key for key in others if counted[key] >= _MOST * len(files)]
        unclear = [key for key in channels if _MODALITY.fullmatch(key) is None]
        if not channels or (unclear and len(channels) > 1):
            raise UsageError(
                f"{path}: the images of an entry have the keys {shown}, which do not tell the channels; "
                f'name them, as in `channels="{",".join(map(printable, channels[:2] or labels[:1]))}"`'
            )
    left = [key for key in labels if key not in channels]
    label = _LABEL if _LABEL in left else left[0] if left else None
    return Keys(tuple(channels), label, tuple(key for key in counted if key not in (*channels, label)))


def entries_of(
    description: Description, entries: Sequence[Any], keys: Keys
) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """Yield the images and the label map of each entry; an entry that lacks one is added to the refusals."""
    for number, entry in enumerate(entries):
        files = _images(entry) if isinstance(entry, Mapping) else {}
        missing = tuple(key for key in keys.channels if key not in files)
        if missing:
            message = (
                f"entry {number} of its list names no image under {joined(missing)}; add it, or leave the entry out"
            )
            description.refuse(InputError(description.path, message, missing))
            continue
        try:
            label = files.get(keys.label) if keys.label is not None else None
            images = tuple(description.inside(files[key]) for key in keys.channels)
            yield images, None if label is None else description.inside(label)
        except InputError as error:
            description.refuse(error)


def _images(entry: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys of an entry that name one image, each with the image."""
    found = {key: value[0] if isinstance(value, list) and len(value) == 1 else value for key, value in entry.items()}
    return {key: one for key, one in found.items() if isinstance(one, str) and is_image(posixpath.basename(one))}


def _is_label(key: str, files: Sequence[str]) -> bool:
    """Return True if the name of a key, or those of all its files, say that these are label maps."""
    return names_labels(key) or (_MODALITY.fullmatch(key) is None and all(map(names_labels, files)))
