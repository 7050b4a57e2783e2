"""What samples are read from: a file, or the files of one case of a data set, a channel or more each."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnstat.errors import InputError
from bnstat.sources.addresses import Access, is_remote
from bnstat.sources.layout import Arrangement
from bnstat.sources.volume import Volume


@dataclass(frozen=True)
class Case:
    """Files that are read together, in the order of their channels. It can be sent to another process.

    Attributes:
        name: what to call it: a file as the user named it; of several files their folder and what they share.
        files: their paths.
        channels: names of its channels, where they are known.
        labels: the image of its classes, where a data set has one: foreground is where that is more than 0.
        dataset: the file that lists it, where one does.
        protocols: names of protocols that a user allows beside the usual ones, for it and for what is read with it.
    """

    name: str
    files: tuple[str, ...]
    channels: tuple[str, ...] = ()
    labels: str | None = None
    dataset: str | None = None
    protocols: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: str, protocols: tuple[str, ...] = ()) -> Case:
        """A file by itself."""
        return cls(path, (path,), protocols=protocols)

    @property
    def access(self) -> Access:
        """Return how its own files may be reached: where a list names them, on the host of the list alone."""
        return Access(self.protocols, stays=self.dataset is not None and is_remote(self.dataset))

    @property
    def beside(self) -> Access:
        """Return how files may be reached that a user names for it, as a mask."""
        return Access(self.protocols)

    @property
    def joined(self) -> bool:
        """Whether it has several files, so that its name is not that of one."""
        return len(self.files) > 1


@dataclass
class FoundCases:
    """What paths stand for, gathered as it is found.

    Attributes:
        cases: what can be read.
        failures: what cannot, and why.
        notes: what a user should know of how it was found.
    """

    cases: list[Case] = field(default_factory=list)
    failures: list[InputError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, other: FoundCases) -> None:
        """Take in what was found elsewhere."""
        self.cases += other.cases
        self.failures += other.failures
        self.notes += other.notes


@dataclass(frozen=True)
class CaseFile:
    """One file of a case: its header, and how it is laid out as the batched tensor."""

    volume: Volume
    arrangement: Arrangement
