"""Moments files in place of volumes: their samples, as the table takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from bnstat.errors import InputError, UsageError
from bnstat.preprocessing.settings import Preparation
from bnstat.reading.moments_file import MomentsFile, read_moments
from bnstat.reading.moments_lines import Lines
from bnstat.reading.network_layer import NetworkLayer
from bnstat.reading.rows import Rows
from bnstat.reading.scan_settings import Difference, ScanSettings, difference
from bnstat.sources.case import Case
from bnstat.sources.opened import Planned
from bnstat.sources.sample import BatchAxis
from bnstat.sources.selection import ANY, Selection

# Settings that only say how batches are made of the samples, so that they may differ from those of the scan.
_OF_BATCHES = ("per_volume",)


@dataclass(frozen=True)
class MomentsInput:
    """The cases of a moments file.

    Attributes:
        planned: the cases.
        rows: their samples, those of one case after those of the other.
        preparation: the preprocessing of the voxels; how batches take patches is as asked for now.
        notes: what was skipped, a sentence each.
        failures: the inputs that could not be read at the scan.
        network: the layer of a network that the moments are of; None for voxels.
    """

    planned: tuple[Planned, ...]
    rows: Rows
    preparation: Preparation
    notes: tuple[str, ...]
    failures: tuple[InputError, ...]
    network: NetworkLayer | None = None


def read(
    path: str, axis: int, batch_axis: BatchAxis, preparation: Preparation, selection: Selection = ANY
) -> MomentsInput:
    """Read a moments file in place of volumes.

    Args:
        path: the file.
        axis: the kept axis that is asked for.
        batch_axis: the axis of the files whose entries are samples; None for that of the scan.
        preparation: the preprocessing that is asked for; plain for that of the scan.
        selection: what is asked for of folders. A scan of files that were named, or of one kind, had none.

    Raises:
        UsageError: if the file was scanned with other settings.
        InputError: if the file cannot be read.
    """
    found = read_moments(path)
    _require_axis(path, found, axis)
    prepared = _fitting(path, found.settings, batch_axis, preparation, selection)
    network = found.network
    told = () if network is None else (f"{path} has {network}; {network.caution}",)
    return MomentsInput(
        tuple(_planned(found.lines)), found.rows, prepared, (*found.notes, *told), found.failures, network
    )


def _planned(lines: Lines) -> Iterator[Planned]:
    """Yield the cases, as if their headers had been read."""
    rows = lines.rows
    for first, last in pairwise(lines.starts):
        sample = rows.samples[first]
        case = Case(sample.source, sample.files or (sample.source,), sample.channels)
        yield Planned(case, (), rows.tensors[first], last - first)


def _require_axis(path: str, found: MomentsFile, axis: int) -> None:
    """Raise UsageError if a sample was scanned with another kept axis; −1 and the last axis are the same."""
    for tensor in set(found.rows.tensors):
        axes = len(tensor.sample_shape) + 1
        if axis != tensor.axis and axis + axes != tensor.axis:
            raise _otherwise(path, Difference("axis", found.settings.axis, axis))


def _fitting(
    path: str, scanned: ScanSettings, batch_axis: BatchAxis, preparation: Preparation, selection: Selection
) -> Preparation:
    """Return the preprocessing of the scan, with how batches are to be made now.

    Raises:
        UsageError: if another setting is asked for than the file was scanned with.
    """
    wanted = ScanSettings(
        scanned.axis,
        scanned.batch_axis if batch_axis is None else batch_axis,
        scanned.preparation if preparation.plain else preparation,
        selection if selection.asked and scanned.selection not in (None, ANY) else scanned.selection,
        scanned.network,
    )
    if differs := difference(scanned, wanted, ignored=_OF_BATCHES):
        raise _otherwise(path, differs)
    return wanted.preparation


def _otherwise(path: str, differs: Difference) -> UsageError:
    if differs.one is None:
        remedy = "scan again with it, or drop the option"
    elif differs.other is None:
        remedy = "scan again without it, or add the option"
    else:
        remedy = f"scan again with {differs.of_other}, or drop the option"
    return UsageError(f"{path} was scanned {differs}; {remedy}")
