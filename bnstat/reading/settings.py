"""How inputs are found and read: a request that validates itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from bnstat.errors import require_least
from bnstat.preprocessing.settings import UNPREPARED, Preparation
from bnstat.sources.addresses import Access, require_protocols
from bnstat.sources.selection import Selection

if TYPE_CHECKING:
    from bnstat.sources.trainings.training import Training


@dataclass(frozen=True)
class Reading:
    """The way in which inputs are found and read.

    Attributes:
        channels: a pattern with `{channel}` that joins files into cases, or the kinds of file that are the channels, as
            in "T1w,FLAIR"; None to leave it to the names of the files.
        preparation: what is done to their voxels.
        jobs: the number of processes that read at most; None for as many as there are processors, where there is enough
            to share. A script that asks for more than 1 needs `if __name__ == "__main__":`, as with `multiprocessing`.
        dask: the address of a Dask scheduler whose workers read instead; None for this machine.
        protocols: names of fsspec's protocols that URLs may have beside the usual ones. What the description of a data
            set names keeps to the protocol and the host of that description, whatever is allowed here.
        suffix: the one kind of file that is read of a folder, as "T1w"; None for any.
        entity: entities of BIDS that the names of files must have, as "task=rest"; of one key, any of its values.
        each: True if every file of a folder is a sample of its own, of whatever kind.
        exclude: patterns of files that are left out, as "derivatives/" or "*_seg.nii.gz", as in a gitignore file. A
            file `.bnstatignore` in a folder has more of them.
        training: the training whose settings were taken, for notes on it; None for none.

    Raises:
        UsageError: if the pattern or the name of a protocol is not valid, or no process is to read.
    """

    channels: str | None = None
    preparation: Preparation = UNPREPARED
    jobs: int | None = 1
    dask: str | None = None
    protocols: tuple[str, ...] = ()
    suffix: str | None = None
    entity: tuple[str, ...] = ()
    each: bool = False
    exclude: tuple[str, ...] = ()
    training: Training | None = None

    def __post_init__(self) -> None:
        _ = self.selection  # parsed once, here
        if isinstance(self.protocols, str):  # a text alone is one name
            object.__setattr__(self, "protocols", (self.protocols,))
        require_protocols(self.protocols)
        if self.jobs is not None:
            require_least("jobs", self.jobs, 1)

    @cached_property
    def selection(self) -> Selection:
        """What is taken of a folder with several kinds of file."""
        return Selection(self.channels, self.suffix, self.entity, self.each, self.exclude)

    @property
    def access(self) -> Access:
        """The protocols and hosts through which files elsewhere may be reached."""
        return Access(tuple(self.protocols))


FILES_AS_THEY_ARE = Reading()
