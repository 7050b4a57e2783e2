"""The moments file that today's data are compared with: read, refused if it describes other data, and pooled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bnstat.errors import InputError, UsageError
from bnstat.preprocessing.settings import Preparation
from bnstat.reading.moments_file import MomentsFile, read_moments
from bnstat.reading.network_layer import NetworkLayer
from bnstat.reading.scan_settings import ScanSettings, difference
from bnstat.reading.settings import Reading
from bnstat.reports.evidence import ReferenceStatistics
from bnstat.sources.opened import Planned
from bnstat.sources.storage import is_folder, is_moments, state_of
from bnstat.text import by, plural
from bnstat.workflows.evidence import pooled_channels_of, sample_channels_of

# Settings in which the reference and today's data may differ: they change which patches are drawn, and not their kind.
_IGNORED = ("number", "per_volume", "labels", "seed")


@dataclass(frozen=True)
class ReferenceFile:
    """A moments file, as the user named it, and its contents."""

    file: str
    moments: MomentsFile

    @classmethod
    def read(cls, file: str) -> ReferenceFile:
        """Read a moments file.

        Raises:
            InputError: if it cannot be read, or has no complete case.
        """
        if not is_folder(file) and state_of(file)[0] and not is_moments(file):
            raise InputError(
                file, "not a moments file; give one that bnstat scan wrote, or a dataset_fingerprint.json of nnU-Net"
            )
        moments = read_moments(file)
        if not moments.lines:
            raise InputError(file, "none of its volumes could be read when it was scanned; scan them again")
        return cls(file, moments)

    @property
    def statistics(self) -> ReferenceStatistics:
        """The pooled statistics of each channel."""
        return ReferenceStatistics(self.file, pooled_channels_of(sample_channels_of(self.moments.rows)))

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on what was skipped in it, and on what it lacks."""
        notes, failed = self.moments.notes, len(self.moments.failures)
        if not failed:
            return notes
        lacks = f"{plural(failed, 'input')} could not be read at its scan, and the reference is without"
        return (*notes, f"{self.file}: {lacks} {'it' if failed == 1 else 'them'}; bnstat scan --resume tries again")

    def require_preparation(self, preparation: Preparation) -> None:
        """Refuse a reference whose voxels were preprocessed otherwise than today's.

        Raises:
            UsageError: if a setting differs; the message names it.
        """
        then, now = (ScanSettings(-1, None, one) for one in (self.moments.preparation, preparation))
        if differs := difference(then, now, ignored=_IGNORED):
            raise UsageError(f"{self.file} was scanned {differs}; check with the same setting, or scan a new reference")

    def require_network(self, network: NetworkLayer | None) -> None:
        """Refuse a reference that is of another layer of a network than today's data, or of volumes.

        The weights may be others, as those of another epoch are.

        Raises:
            UsageError: if it is.
        """
        then = self.moments.network
        if (then and (then.model, then.layer, then.mode)) != (network and (network.model, network.layer, network.mode)):
            raise UsageError(
                f"{self.file} is no reference for these data: it has {then or 'voxels'}, and they are "
                f"{network or 'voxels'}; name a reference of the same"
            )

    def require_fit(self, planned: Sequence[Planned], reading: Reading) -> None:
        """Refuse data that cannot be compared with the reference, before a voxel is read.

        Raises:
            UsageError: if the channels, or the preprocessing of volumes, are others.
        """
        self.require_tensors(planned)
        if any(plan.parts for plan in planned):  # volumes; a moments file has a preparation of its own
            self.require_preparation(reading.preparation)

    def require_tensors(self, planned: Sequence[Planned]) -> None:
        """Refuse data whose channels cannot be those of the reference, before a voxel is read.

        Raises:
            UsageError: if the number of channels or the kept axis differs.
        """
        then = self.moments.rows[0].tensor
        for plan in planned:
            now, name = plan.tensor, plan.case.name
            if now.channels != then.channels:
                raise UsageError(
                    f"{self.file} has {plural(then.channels, 'channel')} and {name} has {now.channels:,}; "
                    "use a reference of such data, or keep another `axis`"
                )
            from_the_end = [one.axis - len(one.sample_shape) for one in (now, then)]
            if now.axis != then.axis and from_the_end[0] != from_the_end[1]:
                raise UsageError(
                    f"{self.file} keeps axis {then.axis} of {by((1, *then.sample_shape))}, and of {name} axis "
                    f"{now.axis} of {by((1, *now.sample_shape))} is kept; use the same `axis`"
                )
