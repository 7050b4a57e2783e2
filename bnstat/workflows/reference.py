"""Kept moments that today's data are held against: read, refused where they are of something else, and pooled."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from bnstat.errors import InputError, UsageError
from bnstat.preprocessing.settings import Preparation
from bnstat.reading.moments_file import MomentsFile, read_moments
from bnstat.report.evidence import ReferenceStatistics
from bnstat.sources.opened import Planned
from bnstat.sources.storage import is_moments
from bnstat.text import by, plural
from bnstat.workflows.evidence import pooled_channels_of, sample_channels_of

# What makes patches of another kind. Which ones are drawn, and how many, does not; where labels lie neither.
_PATCHES = ("size", "foreground", "pad")


@dataclass(frozen=True)
class Kept:
    """A file of kept moments, as the user named it, and what it holds."""

    file: str
    moments: MomentsFile

    @classmethod
    def read(cls, file: str) -> Kept:
        """Read a file.

        Raises:
            InputError: it cannot be read, or holds no moments of a complete case.
        """
        if os.path.isfile(file) and os.path.getsize(file) and not is_moments(file):  # noqa: PTH113, PTH202  (any name)
            raise InputError(file, "line 1 holds no moments; give a file that bnstat scan wrote")
        return cls(file, read_moments(file))

    @property
    def reference(self) -> ReferenceStatistics:
        """What a rule sees of it: the pool of each channel."""
        return ReferenceStatistics(self.file, pooled_channels_of(sample_channels_of(self.moments.rows)))

    def require_preparation(self, preparation: Preparation) -> None:
        """Refuse moments of voxels that went through something else than today's.

        Raises:
            UsageError: a setting differs, which the message names.
        """
        for name, then, now in _settings(self.moments.preparation, preparation):
            if then != now:
                raise UsageError(
                    f"{self.file}: was made with {name} {_said(then)}, and this check has {_said(now)}; "
                    "give the same, or keep new moments"
                )

    def require_tensors(self, planned: Sequence[Planned]) -> None:
        """Refuse data whose channels cannot be those of the reference, before a voxel is read.

        Raises:
            UsageError: another number of channels, or another axis.
        """
        then = self.moments.rows[0].tensor
        for plan in planned:
            now, name = plan.tensor, plan.case.name
            if now.channels != then.channels:
                raise UsageError(
                    f"{self.file}: has {plural(then.channels, 'channel')} a sample, and {name} has {now.channels:,}; "
                    "give a reference of such data, or another --axis"
                )
            from_the_end = [one.axis - len(one.sample_shape) for one in (now, then)]
            if now.axis != then.axis and from_the_end[0] != from_the_end[1]:
                raise UsageError(
                    f"{self.file}: keeps axis {then.axis} of {by((1, *then.sample_shape))}, and of {name} axis "
                    f"{now.axis} of {by((1, *now.sample_shape))} is kept; give the same --axis"
                )


def _settings(then: Preparation, now: Preparation) -> list[tuple[str, object, object]]:
    """Each setting by name, then and now."""
    found: list[tuple[str, object, object]] = [
        ("intensity", then.intensity, now.intensity),
        ("mask", then.mask, now.mask),
        ("patches", then.patches is not None, now.patches is not None),
    ]
    if then.patches is not None and now.patches is not None:
        found += [(f"patches' {name}", getattr(then.patches, name), getattr(now.patches, name)) for name in _PATCHES]
    return found


def _said(value: object) -> str:
    """A setting in a sentence."""
    if value is None or value is False:
        return "none"
    if value is True:
        return "some"
    return "x".join(map(str, value)) if isinstance(value, tuple) else repr(value)
