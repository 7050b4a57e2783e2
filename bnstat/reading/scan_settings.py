"""The settings that moments depend on, and what to say if those of two scans differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bnstat.preprocessing.settings import Preparation
from bnstat.reading.network_layer import NetworkLayer
from bnstat.redaction import redacted
from bnstat.sources.sample import BatchAxis
from bnstat.sources.selection import ANY, Selection

# The settings of patches in the order in which a difference is named.
_PATCHING = ("size", "number", "per_volume", "foreground", "labels", "pad", "seed")


@dataclass(frozen=True)
class ScanSettings:
    """The settings that moments depend on.

    Attributes:
        axis: the kept axis, as it was given.
        batch_axis: the axis of the file whose entries are samples, as it was given; "none" for an array that is one.
        preparation: the preprocessing of the voxels.
        selection: what was taken of folders; None if a file of an older version does not tell.
        network: the layer of a network that the moments are of, and how it ran; None for voxels.
    """

    axis: int
    batch_axis: BatchAxis
    preparation: Preparation
    selection: Selection | None = ANY
    network: NetworkLayer | None = None


@dataclass(frozen=True)
class Difference:
    """A setting in which two scans differ, with its value in each; None if a scan does not have it."""

    name: str
    one: object
    other: object

    def __str__(self) -> str:
        """Return how the first was scanned, unlike the other: "with `axis=-1`, not `axis=1`"."""
        if self.one is None:
            return f"without {self.of_other}"
        if self.other is None:
            return f"with {self.of_one}"
        return f"with {self.of_one}, not {self.of_other}"

    @property
    def of_one(self) -> str:
        """The setting with its value in the first scan, as messages name it."""
        return self._parameter(self.one)

    @property
    def of_other(self) -> str:
        """The setting with its value in the other scan, as messages name it."""
        return self._parameter(self.other)

    def _parameter(self, value: object) -> str:
        if self.name == "network":
            return str(value)
        return f'`{self.name}="{value}"`' if isinstance(value, str) else f"`{self.name}={value}`"


def difference(one: ScanSettings, other: ScanSettings, *, ignored: Collection[str] = ()) -> Difference | None:
    """Return the first setting in which two scans differ; None if they differ at most in those that are ignored."""
    of_one, of_other = dict(_values(one)), dict(_values(other))
    for name in (name for name in of_one if name in of_other):
        value, theirs = _stored(of_one[name]), _stored(of_other[name])
        if value != theirs and name not in ignored:
            return Difference(name, value, theirs)
    return None


def _stored(value: object) -> object:
    """Return a value as a moments file has it, without secrets of URLs."""
    return redacted(value) if isinstance(value, str) else value


def _values(settings: ScanSettings) -> Iterator[tuple[str, object]]:
    preparation = settings.preparation
    yield "network", settings.network
    yield "axis", settings.axis
    yield "batch_axis", settings.batch_axis
    yield "intensity", preparation.intensity
    yield "intensity_per", "volume" if preparation.intensity is None else preparation.intensity_per
    yield "mask", preparation.mask
    for name in _PATCHING:
        yield name, None if preparation.patches is None else getattr(preparation.patches, name)
    chosen = settings.selection
    if chosen is not None:
        yield "channels", chosen.channels
        yield "suffix", chosen.suffix
        yield "entity", " ".join(chosen.entity) or None
        yield "each", chosen.each or None
        yield "exclude", " ".join(chosen.exclude) or None
