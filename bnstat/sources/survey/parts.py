"""A file as a survey sees it: the case and the kind that its name tells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from bnstat.sources.names import case_name

# What a kind without a word of its own is called.
PLAIN = "plain"


# The name of a file without folders and ending, which several parts of a survey ask for.
stem_of = lru_cache(maxsize=1 << 16)(case_name)


@dataclass(frozen=True)
class Part:
    """One file of a folder.

    Attributes:
        path: its path relative to the folder, with slashes.
        file: its path as it is opened.
        case: what tells its case.
        kind: its kind in small letters: files of one kind have the same text; empty if no word tells it.
        title: the kind as most names have it; `PLAIN` if no word tells it.
        known: True if the kind is an imaging modality, so that it can be joined with others as channels.
        labels: True if the names say that it is a label map.
        repeat: what tells it from other files of the same case and kind, as the run of BIDS; empty if nothing does.
    """

    path: str
    file: str
    case: tuple[str, ...]
    kind: str
    title: str
    known: bool = False
    labels: bool = False
    repeat: str = ""


@dataclass(frozen=True)
class Traits:
    """The treatment of a layout.

    Attributes:
        joins: True if images of known modalities become channels without being asked for; else a choice is asked for.
        kinds: what a kind is called in messages: a word and its plural.
    """

    joins: bool
    kinds: tuple[str, str]
