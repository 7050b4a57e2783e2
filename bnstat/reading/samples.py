"""From paths to the samples that enter a network: the headers first, then every voxel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bnstat.errors import InputError, UsageError
from bnstat.preprocessing.channel_steps import bytes_read
from bnstat.preprocessing.settings import Preparation
from bnstat.preprocessing.tensors import Singles, prepared_samples, require_values
from bnstat.reading.feeding import Feeding, Layout, fed_as, layout_of
from bnstat.reading.sample_store import SampleStore
from bnstat.reading.settings import Reading
from bnstat.reading.table import blaming, find_cases, holds_moments, plan_cases, require_fit, told_of_training
from bnstat.reading.workers.job import Progress
from bnstat.sources.formats.memory import InMemory, Input, named_inputs
from bnstat.sources.opened import Planned, header_notes
from bnstat.sources.repeated import repeated
from bnstat.sources.sample import Sample
from bnstat.sources.trainings.training import Training


@dataclass(frozen=True, eq=False)
class ReadSamples:
    """Samples that were read, in the order and with the axes in which a network gets them.

    Attributes:
        identities: which file, entry and patch each is.
        preparation: what was done to their voxels.
        store: the samples.
        failures: the inputs that could not be read.
        notes: how files were found, and how the samples enter the network; a sentence each.
    """

    identities: tuple[Sample, ...]
    preparation: Preparation
    store: SampleStore
    failures: tuple[InputError, ...]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, place: int, /) -> Singles:
        """Return one sample, without the batch axis. It must not be changed."""
        return self.store[place]


@dataclass(frozen=True, eq=False)
class FoundSamples:
    """The samples of all cases whose headers could be read.

    Attributes:
        planned: the headers of the cases.
        layouts: for each case, how its samples are laid out.
        preparation: what is done to their voxels.
        failures: the inputs that could not be read.
        notes: how files were found, a sentence each.
    """

    planned: tuple[Planned, ...]
    layouts: tuple[Layout, ...]
    preparation: Preparation
    failures: list[InputError] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    @property
    def channels(self) -> int | None:
        """The number of channels; None if cases differ."""
        found = {layout.channels for layout in self.layouts}
        return found.pop() if len(found) == 1 else None

    @property
    def sizes(self) -> tuple[int, ...] | None:
        """The voxels of a sample along each axis, in the order of the network; None if cases differ."""
        found = {layout.sizes for layout in self.layouts}
        return found.pop() if len(found) == 1 else None

    @contextmanager
    def read(self, *, channels_last: bool, progress: Progress | None = None) -> Iterator[ReadSamples]:
        """Read the voxels of all cases. The samples are gone when the block ends.

        Args:
            channels_last: True if the network has channels last, False if it has them first.
            progress: callbacks that are called with the files and bytes read so far.

        Raises:
            UsageError: if such patches cannot be drawn from a case.
            OutputError: if samples fit neither into memory nor into the temporary folder.
        """
        identities: list[Sample] = []
        read: list[Layout] = []
        failures = list(self.failures)
        if progress is not None and self.planned:
            files = sum(len(plan.case.files) for plan in self.planned)
            nbytes = sum(bytes_read(plan, self.preparation, again=True) for plan in self.planned)
            progress.begin(self.planned[0].case.files[0], files, nbytes)
        with SampleStore() as store, blaming(failures):
            for plan, layout in zip(self.planned, self.layouts, strict=True):
                try:
                    for one in prepared_samples(plan, self.preparation, None if progress is None else progress.advance):
                        store.add(layout.of(one.values, channels_last=channels_last))
                        identities.append(one.sample)
                    read.append(layout)
                except InputError as error:
                    failures.append(error)
                except MemoryError:
                    failures.append(InputError(plan.case.name, "it does not fit into memory; cut patches with `size`"))
                if progress is not None:
                    progress.done(len(plan.case.files))
            fed = [fed_as(read, channels_last=channels_last)] if read else []
            notes = (*self.notes, *fed)
            yield ReadSamples(tuple(identities), self.preparation, store, tuple(failures), notes)


def find_samples(
    paths: Input | Iterable[Input | InMemory], feeding: Feeding, reading: Reading, training: Training | None = None
) -> FoundSamples:
    """Find the cases and read their headers.

    Args:
        paths: files, folders, data sets, arrays or images, but no moments files.
        feeding: how samples are made of them.
        reading: how they are found, prepared and read.
        training: the training that says in which order the network gets the axes; None for none.

    Raises:
        UsageError: if there is no path, a path keeps no voxels, or the settings do not fit these data.
    """
    failures: list[InputError] = []
    notes: list[str] = []
    with blaming(failures):
        _require_possible(reading)
        inputs = named_inputs(paths)
        _require_voxels(inputs)
        cases = find_cases(inputs, reading, failures, notes)
        planned = plan_cases(cases, feeding.axis, feeding.batch_axis, failures)
        notes += header_notes(planned)
        notes += repeated(plan.case for plan in planned)
        notes += told_of_training(planned, reading)
        require_fit(planned, reading.preparation)
        layouts = [layout_of(plan, reading.preparation, feeding, training) for plan in planned]
    return FoundSamples(tuple(planned), tuple(layouts), reading.preparation, failures, tuple(notes))


def _require_possible(reading: Reading) -> None:
    """Refuse settings that are about moments alone."""
    require_values(reading.preparation)
    if reading.dask is not None:
        raise UsageError(
            "`dask` reads moments on a cluster, and a network runs here on the voxels themselves; leave it out"
        )


def _require_voxels(inputs: Sequence[str | InMemory]) -> None:
    """Refuse a moments file, of whose voxels nothing is known."""
    for one in inputs:
        if holds_moments(one):
            raise UsageError(
                f"{one} keeps the moments of samples, and a network needs their voxels; give the volumes or arrays "
                "that it was scanned from"
            )
