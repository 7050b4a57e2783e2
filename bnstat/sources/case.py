"""A case: the file, or the files with a channel or more each, that samples are read from."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnstat.errors import InputError
from bnstat.redaction import redacted
from bnstat.sources.addresses import Access, is_remote
from bnstat.sources.formats.memory import InMemory
from bnstat.sources.layout import Arrangement
from bnstat.sources.volume import Volume


@dataclass(frozen=True, slots=True)
class Case:
    """Files that are read together, in the order of their channels. A case can be sent to another process.

    Attributes:
        name: a file as the user named it; for several files, their folder and the part that their names share. It is
            shown and stored, so it has no secrets of a URL.
        files: their paths.
        channels: the names of its channels; empty if they are not known.
        labels: the label map, None if there is none; its voxels above 0 are foreground.
        dataset: the file that lists the case; None if none does.
        protocols: the names of protocols that the user allows beside the usual ones, also for its mask and label map.
        held: the array or image in memory that is read in place of files; None for files. It stays in this process.
        given: the name with the secrets of a URL, from which the names of files beside the case are made.
    """

    name: str
    files: tuple[str, ...]
    channels: tuple[str, ...] = ()
    labels: str | None = None
    dataset: str | None = None
    protocols: tuple[str, ...] = ()
    held: InMemory | None = None
    given: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        shown = redacted(self.name)
        object.__setattr__(self, "given", self.name if shown != self.name or not self.given else self.given)
        object.__setattr__(self, "name", shown)

    @classmethod
    def holding(cls, held: InMemory) -> Case:
        """Return the case of an array or an image in memory."""
        return cls(held.name, (held.name,), held=held)

    @classmethod
    def of(cls, path: str, protocols: tuple[str, ...] = ()) -> Case:
        """Make a case of one file."""
        return cls(path, (path,), protocols=protocols)

    @property
    def access(self) -> Access:
        """The access to its own files: only on the host of the list, if a remote list names them."""
        return Access(self.protocols, stays=self.dataset is not None and is_remote(self.dataset))

    @property
    def beside(self) -> Access:
        """The access to files that the user names beside the case, such as a mask."""
        return Access(self.protocols)

    @property
    def shown(self) -> tuple[str, ...]:
        """Its files as they are shown and stored, without secrets of URLs."""
        return tuple(map(redacted, self.files))

    @property
    def joined(self) -> bool:
        """True if it has several files, so that its name is not that of one."""
        return len(self.files) > 1


@dataclass
class FoundCases:
    """The cases that paths stand for, gathered while they are found.

    Attributes:
        cases: the cases that were found.
        failures: the inputs that cannot be read, each with the reason.
        notes: what the user should know about the search.
        named: the files that were named themselves, and not found in a folder.
        surveyed: what was taken of folders and what was left out, each with its folder.
    """

    cases: list[Case] = field(default_factory=list)
    failures: list[InputError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    surveyed: list[tuple[str, str]] = field(default_factory=list)

    def add(self, other: FoundCases) -> None:
        """Append what was found elsewhere."""
        self.cases += other.cases
        self.failures += other.failures
        self.notes += other.notes
        self.named += other.named
        self.surveyed += other.surveyed


@dataclass(frozen=True)
class CaseFile:
    """One file of a case: its header, and its layout as the batched tensor."""

    volume: Volume
    arrangement: Arrangement
