"""How inputs are found and read, as it was asked for."""

from __future__ import annotations

from dataclasses import dataclass

from bnstat.preprocessing.settings import UNPREPARED, Preparation


@dataclass(frozen=True)
class Reading:
    """How inputs are found and read.

    Attributes:
        channels: a pattern with `{channel}` that joins files into cases; None for none.
        preparation: what is done to their voxels.
        jobs: processes that read at most; None for as many as there are processors, where there is enough to share. A
            script that asks for more than 1 needs `if __name__ == "__main__":`, as with `multiprocessing`.
        dask: the address of a Dask scheduler that reads instead; None for this machine.
        protocols: names of protocols of fsspec that URLs may have beside the usual ones. What a description of a data
            set names keeps to the protocol and the host of that description, whatever is allowed here.
    """

    channels: str | None = None
    preparation: Preparation = UNPREPARED
    jobs: int | None = 1
    dask: str | None = None
    protocols: tuple[str, ...] = ()


FILES_AS_THEY_ARE = Reading()
