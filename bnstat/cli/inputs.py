"""Options on how inputs are found, prepared and read: the command gets them as one value, `reading`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from bnstat.cli.sizes import Sizes
from bnstat.errors import UsageError

if TYPE_CHECKING:
    from bnstat.preprocessing.settings import Patching
    from bnstat.reading.settings import Reading
    from bnstat.report.finding import Failure
    from bnstat.sources.sample import Sample

F = TypeVar("F", bound=Callable[..., Any])

# In the order that --help shows them.
_OPTIONS: tuple[Callable[..., Any], ...] = (
    click.option(
        "--channels",
        metavar="PATTERN",
        default=None,
        help="Join files into cases, as '{case}_{channel}.nii.gz'; {channel:t1,flair} takes these, in this order.",
    ),
    click.option(
        "--intensity",
        metavar="STEPS",
        help="What is done to the values of each volume first: minmax[:A,B], zscore, zscore-nonzero, scale:A,B, "
        "clip:LO,HI, ct:LO,HI,MEAN,SD or ct:FILE (nnU-Net), with | between steps, as in 'clip:-1000,1000|zscore'.",
    ),
    click.option(
        "--mask",
        metavar="MASK",
        help="Take statistics inside of it only: nonzero, >T, >=T, <T, <=T (on the values of the file, each channel "
        "by its own), or an image that is above 0 there; {case} in its path is the name of the input.",
    ),
    click.option(
        "--patch", type=Sizes(), metavar="XxYxZ", help="Cut patches of this size out of volumes, as in 96x96x96."
    ),
    click.option("--patches", type=int, metavar="N", help="Patches that each volume gives.  [default: 8]"),
    click.option("--per-volume", type=int, metavar="M", help="Patches a batch takes of one volume.  [default: 1]"),
    click.option(
        "--foreground",
        metavar="F|nnunet:F",
        help="Share of patches around labels, as MONAI draws them, or forced as by nnU-Net.",
    ),
    click.option("--labels", metavar="FILE", help="Label images, as in 'labels/{case}.nii.gz'."),
    click.option(
        "--pad",
        type=click.Choice(["zero", "edge", "none"]),
        help="What a volume smaller than the patch is filled with.  [default: zero]",
    ),
    click.option(
        "--jobs", type=int, default=None, metavar="N", help="Processes that read at most.  [default: as many as cores]"
    ),
    click.option(
        "--dask",
        default=None,
        metavar="ADDRESS",
        help="Read on the workers of this Dask scheduler, as tcp://host:8786.",
    ),
    click.option(
        "--allow-protocol",
        "protocols",
        multiple=True,
        metavar="NAME",
        help="Also read URLs of this protocol of fsspec, as sftp; may be given again.  [always: s3, gs, az, abfs, "
        "http, https, file]",
    ),
)

# The options of patches, and what they are called in `Patching`.
_OF_PATCHES = {
    "patches": "number",
    "per_volume": "per_volume",
    "foreground": "foreground",
    "labels": "labels",
    "pad": "pad",
}


def reading(function: F) -> F:
    """How inputs are found, prepared and read."""

    @wraps(function)
    def command(*args: Any, **given: Any) -> Any:  # noqa: ANN401  (whatever the command takes and returns)
        return function(*args, reading=_reading(given), **given)

    wrapped: Callable[..., Any] = command
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return cast(F, wrapped)


def read_by(paths: Iterable[str], reading: Reading, samples: Iterable[Sample], errors: Iterable[Failure]) -> list[str]:
    """The files that were given and read, and those beside them: no output may replace any."""
    listed = [*samples]
    failed = [failure.source for failure in errors]
    read = [*paths, *(path for sample in listed for path in sample.paths), *failed]
    read += [f"{path}/dataset.json" for path in paths]  # what describes a data set, where a path is one
    if reading.preparation.plain:
        return read
    from bnstat.preprocessing.validate import files_of  # noqa: PLC0415  (only where it is asked for)

    return [*read, *files_of(reading.preparation, [*(sample.source for sample in listed), *failed])]


def _reading(given: dict[str, Any]) -> Reading:
    """What the options say, which are taken out of what was given."""
    from bnstat.preprocessing.settings import Preparation  # noqa: PLC0415  (not needed for --help)
    from bnstat.reading.settings import Reading  # noqa: PLC0415  (not needed for --help)

    patches = _patching(given)
    return Reading(
        channels=given.pop("channels", None),
        preparation=Preparation(intensity=given.pop("intensity", None), mask=given.pop("mask", None), patches=patches),
        jobs=given.pop("jobs"),
        dask=given.pop("dask"),
        protocols=given.pop("protocols"),
    )


def _patching(given: dict[str, Any]) -> Patching | None:
    """How patches are drawn, with the seed of the command; None where whole volumes are asked for.

    Raises:
        UsageError: only the size says that patches are asked for, and it is missing.
    """
    from bnstat.preprocessing.settings import Patching  # noqa: PLC0415  (not needed for --help)

    size = given.pop("patch", None)
    asked = {name: value for name in _OF_PATCHES if (value := given.pop(name, None)) is not None}
    if size is not None:
        named = {_OF_PATCHES[name]: value for name, value in asked.items()}
        return Patching(size, **named, seed=given.get("seed", 0))
    if asked:
        option = f"--{next(iter(asked)).replace('_', '-')}"
        raise UsageError(f"{option} is about patches; say of which size, as in --patch 96x96x96")
    return None
