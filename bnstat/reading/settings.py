"""How inputs are found and read: a request that validates itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from bnstat.errors import require_least
from bnstat.preprocessing.settings import UNPREPARED, Preparation
from bnstat.sources.addresses import Access, require_protocols
from bnstat.sources.datasets.pattern import Pattern


@dataclass(frozen=True)
class Reading:
    """The way in which inputs are found and read.

    Attributes:
        channels: a pattern with `{channel}` that joins files into cases; None for none.
        preparation: what is done to their voxels.
        jobs: the number of processes that read at most; None for as many as there are processors, where there is enough
            to share. A script that asks for more than 1 needs `if __name__ == "__main__":`, as with `multiprocessing`.
        dask: the address of a Dask scheduler whose workers read instead; None for this machine.
        protocols: names of fsspec's protocols that URLs may have beside the usual ones. What the description of a data
            set names keeps to the protocol and the host of that description, whatever is allowed here.

    Raises:
        UsageError: if the pattern or the name of a protocol is not valid, or no process is to read.
    """

    channels: str | None = None
    preparation: Preparation = UNPREPARED
    jobs: int | None = 1
    dask: str | None = None
    protocols: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _ = self.pattern  # parsed once, here
        if isinstance(self.protocols, str):  # a text alone is one name
            object.__setattr__(self, "protocols", (self.protocols,))
        require_protocols(self.protocols)
        if self.jobs is not None:
            require_least("jobs", self.jobs, 1)

    @cached_property
    def pattern(self) -> Pattern | None:
        """The parsed `channels`."""
        return None if self.channels is None else Pattern.of(self.channels)

    @property
    def access(self) -> Access:
        """The protocols and hosts through which files elsewhere may be reached."""
        return Access(tuple(self.protocols))


FILES_AS_THEY_ARE = Reading()
