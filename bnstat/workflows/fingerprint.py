"""nnU-Net's fingerprint as the reference of a check: today's foreground is compared with that of its cases.

The fingerprint describes foreground voxels only, as the files have them. So the same voxels of today's data are read,
in a pass of their own, whatever the check itself judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bnstat.errors import InputError, UsageError
from bnstat.layers.settings import Settings
from bnstat.preprocessing.regions import CaseLabels, MaskFile
from bnstat.preprocessing.settings import Preparation
from bnstat.reading.settings import Reading
from bnstat.reading.table import read_table
from bnstat.reading.workers.job import Progress
from bnstat.reports.evidence import PooledChannel, ReferenceStatistics
from bnstat.sources.datasets.nnunet_fingerprint import Fingerprint, read_fingerprint
from bnstat.sources.formats.memory import InMemory, Input, named_inputs
from bnstat.sources.opened import Planned
from bnstat.text import plural
from bnstat.workflows.evidence import pooled_channels_of, sample_channels_of


@dataclass(frozen=True)
class FingerprintReference:
    """A fingerprint of nnU-Net, as the user named it, and its contents."""

    file: str
    fingerprint: Fingerprint

    @classmethod
    def read(cls, file: str) -> FingerprintReference | None:
        """Read a fingerprint; None if the file is something else.

        Raises:
            InputError: if it lacks a number.
        """
        found = read_fingerprint(file)
        return None if found is None else cls(file, found)

    @property
    def statistics(self) -> ReferenceStatistics:
        """The statistics of each channel."""
        pooled = (PooledChannel(self.fingerprint.cases, *row, between=None) for row in self.fingerprint.channels)
        return ReferenceStatistics(self.file, tuple(pooled), foreground=True)

    @property
    def notes(self) -> tuple[str, ...]:
        """A note on what is compared."""
        return (
            f"{self.file} is a fingerprint of nnU-Net: the foreground of the label maps is compared with it, and the "
            "values are those of the files, before any intensity step",
        )

    def require_fit(self, planned: Sequence[Planned], reading: Reading) -> None:
        """Refuse data whose channels cannot be those of the reference, or that have no label maps.

        Raises:
            UsageError: if so.
        """
        for plan in planned:
            name, there = plan.case.name, len(self.fingerprint.channels)
            if not plan.parts:
                raise UsageError(
                    f"{name} has moments and no voxels, and {self.file} is of the foreground; check the volumes"
                )
            if plan.tensor.channels != there:
                raise UsageError(
                    f"{self.file} has {plural(there, 'channel')} and {name} has {plan.tensor.channels:,}; "
                    "use the fingerprint of such data, or keep another `axis`"
                )
            if plan.case.labels is None and _mask(reading) == CaseLabels.name:
                raise UsageError(
                    f"{self.file} has statistics of foreground voxels only, and {name} has no label map that tells its "
                    'foreground; name the label maps, as in `mask="labels/{case}.nii.gz"`, or make a reference of all '
                    "voxels (bnstat scan PATH -o reference.jsonl)"
                )

    def files(self, paths: Input | Iterable[Input | InMemory]) -> list[Input | InMemory]:
        """Return the inputs as paths, which can be read twice.

        Raises:
            UsageError: if one of them is in memory, so that no label map belongs to it.
        """
        named = named_inputs(paths)
        files: list[Input | InMemory] = [one for one in named if isinstance(one, str)]
        if len(files) < len(named):
            raise UsageError(f"an array has no label map, which {self.file} needs; give files")
        return files

    def today(
        self, paths: Input | Iterable[Input | InMemory], settings: Settings, reading: Reading, progress: Progress | None
    ) -> tuple[tuple[PooledChannel, ...], tuple[str, ...]]:
        """Return the statistics of today's foreground, and notes on cases that are left out of them.

        Raises:
            InputError: if no case has a foreground.
        """
        asked = replace(reading, preparation=Preparation(mask=_mask(reading)), training=None)
        table = read_table(paths, settings.axis, settings.batch_axis, asked, progress, lambda _: None)
        left = tuple(f"{failure}; so it is not compared with {self.file}" for failure in table.failures)
        if not table.rows:
            raise InputError(self.file, "no case has a foreground to compare with it; check the label maps")
        return pooled_channels_of(sample_channels_of(table.rows)), left


def _mask(reading: Reading) -> str:
    """Return the mask of the foreground: the one that was asked for, the label maps of patches, or those of the data.

    Raises:
        UsageError: if a threshold was asked for, which is no foreground.
    """
    asked, patches = reading.preparation, reading.preparation.patches
    if isinstance(asked.region, (MaskFile, CaseLabels)):
        return asked.mask or CaseLabels.name
    if asked.region is not None:
        raise UsageError(
            f"a fingerprint of nnU-Net is of the foreground of label maps, and `mask={asked.mask}` is a threshold; "
            "leave out `mask`, or name the label maps"
        )
    return CaseLabels.name if patches is None or patches.labels is None else patches.labels
