"""Options on how inputs are found, prepared and read: the command gets them as one value, `reading`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from bnstat.cli.groups import INPUT, PATCHES, PREPROCESSING, READING, SETTINGS, option, together
from bnstat.cli.messages import PARAMETERS
from bnstat.cli.origins import TRAININGS, taken_from
from bnstat.cli.parameter_types import NO_PATCH, BatchAxis, Sizes
from bnstat.errors import UsageError

if TYPE_CHECKING:
    from bnstat.preprocessing.settings import Patching
    from bnstat.reading.settings import Reading
    from bnstat.reports.finding import Failure
    from bnstat.sources.sample import Sample

F = TypeVar("F", bound=Callable[..., Any])

_PATHS = (
    click.argument("paths", nargs=-1, metavar="PATH...", type=click.Path(readable=False)),
    option(
        "--files-from",
        group=INPUT,
        metavar="FILE",
        in_file=False,
        shown=False,
        help="Read more paths from this file, one a line; - is standard input.",
    ),
    option(
        "-0",
        "--null",
        group=INPUT,
        is_flag=True,
        in_file=False,
        shown=False,
        help="Split lists of paths at NUL, as find -print0 writes them.",
    ),
)

_SAMPLES = (
    option(
        "--batch-axis",
        group=INPUT,
        type=BatchAxis(),
        help="Take the entries of this axis of each file as samples: 3 for a time series, none for no axis.  "
        "[default: none for images, 0 for arrays]",
    ),
    option(
        "--channels",
        group=INPUT,
        metavar="KINDS|PATTERN",
        help="Join files into cases: kinds of file, as in T1w,FLAIR, are the channels in this order; a pattern, as "
        "'{case}_{channel:t1,flair}.nii.gz', says how any names are built.",
    ),
    option(
        "--suffix",
        group=INPUT,
        metavar="NAME",
        help="Take this one kind of file of a folder, as T1w: files whose names end so.",
    ),
    option(
        "--entity",
        group=INPUT,
        multiple=True,
        metavar="KEY=VALUE",
        help="Take files of BIDS with this entity, as task=rest; may be given again, for another key or value.",
    ),
    option(
        "--exclude",
        group=INPUT,
        multiple=True,
        metavar="GLOB",
        help="Leave out files of this name or path below the folder, as '*_seg.nii.gz' or derivatives/; may be given "
        "again. A file .bnstatignore in the folder has more.",
    ),
    option("--each", group=INPUT, is_flag=True, help="Take every image below a folder as a sample, whatever it is."),
    option(
        "--list",
        "listed",
        group=INPUT,
        is_flag=True,
        in_file=False,
        shown=False,
        help="Print what would be read, as case, channel and file, and read nothing.",
    ),
    option(
        "--seed",
        group=INPUT,
        type=int,
        metavar="N",
        default=0,
        show_default=True,
        help="Seed every random choice: shuffling, patches, drawn batches.",
    ),
)

_PREPROCESSING = (
    option(
        "--intensity",
        group=PREPROCESSING,
        metavar="STEPS",
        help="Normalize intensities first: minmax[:A,B] (to A … B), zscore, zscore-nonzero, scale:A,B (A·x + B), "
        "clip:LO,HI (clip:p1,p99 for percentiles), scale-percentile:LO,HI,A,B, ct:LO,HI,MEAN,SD or ct:FILE (nnU-Net); "
        "| joins steps, as in 'clip:-1000,1000|zscore', and ; lists of channels, as in "
        "'CT=clip:-1000,1000;1=none;*=zscore'.",
    ),
    option(
        "--intensity-per",
        group=PREPROCESSING,
        type=click.Choice(["volume", "patch"]),
        help="Take the statistics of these steps over the whole volume, or over each patch if the training normalizes "
        "what it has cut out.  [default: volume]",
    ),
    option(
        "--mask",
        group=PREPROCESSING,
        metavar="MASK",
        help="Use only voxels inside of this mask: nonzero, a threshold on each channel's values in the file (>T, >=T, "
        "<T, <=T), labels (the foreground of the data set's label maps), or a mask image, as in 'masks/{case}.nii.gz', "
        "or in the folder of each image, as in '{folder}/mask.nii.gz'.",
    ),
)

_PATCHES = (
    option(
        "--patch",
        group=PATCHES,
        type=Sizes(NO_PATCH),
        help="Cut patches of this size out of volumes, as in 96x96x48; one number for a cube; none for whole volumes.",
    ),
    option("--patches", group=PATCHES, type=int, metavar="N", help="Draw this many patches per volume.  [default: 8]"),
    option(
        "--per-volume",
        group=PATCHES,
        type=int,
        metavar="M",
        help="Put this many patches of one volume in a batch.  [default: 1]",
    ),
    option(
        "--foreground",
        group=PATCHES,
        metavar="F|nnunet:F",
        help="Draw this share of patches around the foreground, as MONAI does; nnunet:F as nnU-Net does; none to "
        "ignore labels.",
    ),
    option(
        "--labels",
        group=PATCHES,
        type=click.Path(readable=False),
        metavar="FILE",
        help="Find the foreground in these label maps, as in 'labels/{case}.nii.gz' or '{folder}/seg.nii.gz'.",
    ),
    option(
        "--pad",
        group=PATCHES,
        type=click.Choice(["zero", "edge", "none"]),
        help="Pad a volume that is smaller than the patch: with zeros, with its edge values, or not at all.  "
        "[default: zero]",
    ),
)

# A settings file may lie beside data of somebody else, so it opens no connection and allows no protocol.
_READING = (
    option(
        "--jobs",
        group=READING,
        type=int,
        metavar="N",
        help="Read with at most this many processes.  [default: one per core]",
    ),
    option(
        "--dask",
        group=READING,
        metavar="ADDRESS",
        in_file=False,
        help="Read on the workers of this Dask scheduler, as in tcp://host:8786.",
    ),
    option(
        "--allow-protocol",
        "protocols",
        group=READING,
        multiple=True,
        metavar="NAME",
        in_file=False,
        help="Also read URLs of this protocol of fsspec, such as sftp; may be given again.  [always: s3, gs, az, abfs, "
        "http, https, file]",
    ),
)

_TRAININGS = (
    option(
        "--plans",
        group=SETTINGS,
        type=click.Path(readable=False),
        metavar="FILE[:NAME]",
        help="Take patch, batch size, layer and intensities from this plans file of nnU-Net, as in "
        "nnUNetPlans.json:3d_fullres.",
    ),
    option(
        "--monai",
        group=SETTINGS,
        type=click.Path(readable=False),
        metavar="FILE",
        help="Take the same from this configuration of a MONAI bundle, as in configs/train.json; nothing in it is run.",
    ),
)

# The options of patches beside --patch, as the command gets them.
_OF_PATCHES = ("patches", "per_volume", "foreground", "labels", "pad")


def samples(function: F) -> F:
    """Add the paths, and how samples are made of them: a command gets `paths`, `batch_axis`, `seed` and `reading`."""
    return _samples(function, required=True)


def samples_if_any(function: F) -> F:
    """Add the options of `samples` to a command that can do without paths."""
    return _samples(function, required=False)


def _samples(function: F, *, required: bool) -> F:
    @wraps(function)
    def command(*args: Any, files_from: str | None, null: bool, listed: bool, **given: Any) -> object:
        from bnstat.cli.lists import joined

        paths = joined(given.pop("paths"), files_from, "\0" if null else "\n")
        if required and not paths:
            raise no_input(click.get_current_context())
        reading = _reading(given)
        if listed and paths:
            from bnstat.cli.listing import print_list

            return print_list(paths, reading, given)
        return function(*args, paths=paths, reading=reading, **given)

    return together(*_SAMPLES, *_PATHS, *_PREPROCESSING, *_PATCHES, *_READING, *_TRAININGS)(cast(F, command))


def no_input(context: click.Context) -> click.UsageError:
    """Return the error of a command that needs a path, and was given none."""
    return click.UsageError(f"no input: give a PATH, as in {context.command_path} volume.nii.gz", context)


def read_by(paths: Iterable[str], reading: Reading, samples: Iterable[Sample], errors: Iterable[Failure]) -> list[str]:
    """Return the files that were given and read, and those beside them: no output may replace any."""
    listed = [*samples]
    failed = [failure.source for failure in errors]
    read = [*paths, *(path for sample in listed for path in sample.paths), *failed]
    if reading.training is not None:  # which may be that of the model
        read.append(reading.training.file)
    if reading.preparation.plain:
        return read
    from bnstat.preprocessing.beside import files_beside

    return [*read, *files_beside(reading.preparation, [*(sample.source for sample in listed), *failed])]


def _reading(given: dict[str, Any]) -> Reading:
    """Return the options on reading as one value, and take them out of what was given."""
    from bnstat.preprocessing.settings import Preparation
    from bnstat.reading.settings import Reading

    for name in TRAININGS:
        given.pop(name)
    patches = _patching(given)
    return Reading(
        training=taken_from(click.get_current_context()),
        channels=given.pop("channels"),
        preparation=Preparation(
            intensity=given.pop("intensity"),
            mask=given.pop("mask"),
            patches=patches,
            intensity_per=given.pop("intensity_per") or "volume",
        ),
        jobs=given.pop("jobs"),
        dask=given.pop("dask"),
        protocols=given.pop("protocols"),
        suffix=given.pop("suffix"),
        entity=given.pop("entity"),
        each=given.pop("each"),
        exclude=given.pop("exclude"),
    )


def _patching(given: dict[str, Any]) -> Patching | None:
    """Return how patches are drawn; None for whole volumes.

    Raises:
        UsageError: if an option is about patches, and their size is missing.
    """
    from bnstat.preprocessing.settings import Patching

    size = given.pop("patch")
    asked = {name: value for name in _OF_PATCHES if (value := given.pop(name)) is not None}
    if size is not None and size != NO_PATCH:
        named = {PARAMETERS.get(name, name): value for name, value in asked.items()}
        return Patching(size, **named, seed=given["seed"])
    if asked and size is None:
        option = f"--{next(iter(asked)).replace('_', '-')}"
        raise UsageError(f"{option} is about patches and needs their size; add it, as in --patch 96x96x96")
    return None
