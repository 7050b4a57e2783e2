"""What a user should know about how inputs and settings were taken, in a sentence each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from bnstat.layers.results import Batch, Channel, Group
from bnstat.layers.settings import Settings
from bnstat.preprocessing.settings import Patching
from bnstat.reading.table import Table
from bnstat.sources.sample import Patch, Sample
from bnstat.text import plural

# What part of a band of sequential sums was reached at most, and the deviation that is worth a line.
LIKELY, NOTICED = 0.23, 0.01

# Channels that notes on constant patches name.
MOST_CHANNELS = 4


def notes_of(table: Table, batches: Sequence[Batch], settings: Settings) -> tuple[str, ...]:
    """All notes on a report: on the inputs, on what the layer itself would reduce, and on values without variance."""
    return (
        *table.notes,
        *_inputs(table, settings),
        *spacing_notes(table),
        *_names(table),
        *_reach(batches, settings),
        *_overflows(batches),
        *_backend(table, batches, settings),
    )


def patch_notes(used: Table, drawn: Table) -> tuple[str, ...]:
    """How patches were drawn where it could not be as was asked, and how many are constant.

    Args:
        used: those that batches got.
        drawn: all of them.
    """
    patching = drawn.preparation.patches
    if patching is None:
        return ()
    from bnstat.layers.loader import without_foreground  # noqa: PLC0415  (only for patches)

    missed = without_foreground([row.sample for row in drawn.rows], patching)
    alone = f"{plural(missed, 'volume')} without foreground, cut anywhere instead"
    return (*_padded(used, patching), *([alone] if missed else []), *_constant(used))


def _padded(table: Table, patching: Patching) -> tuple[str, ...]:
    """How many patches reach beyond their volumes."""
    shapes = {plan.case.name: plan.tensor.sample_shape[:-1] for plan in table.planned if plan.parts}
    samples = [row.sample for row in table.rows]
    found = [one for one in samples if one.patch is not None and _reaches_out(one.patch, _shape_of(one, shapes))]
    if not found:
        return ()
    of = f"{plural(len(samples), 'patch', 'patches')}, in {plural(len({one.volume for one in found}), 'volume')}"
    filled = "zeros" if patching.pad == "zero" else "border values"
    return (f"{len(found)} of {of}, reach out of the volume: {filled} there",)


def _shape_of(sample: Sample, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...] | None:
    """The spatial axes of the volume of a patch; None for an entry of kept moments, whose batch axis is not known."""
    if sample.patch is None or sample.source in shapes or sample.index is not None:
        return shapes.get(sample.source)
    axes = len(sample.patch.size)
    return sample.shape[:axes] if len(sample.shape) <= axes + 1 else None


def _reaches_out(patch: Patch, shape: tuple[int, ...] | None) -> bool:
    if shape is None:
        return False
    axes = zip(patch.start, patch.size, shape, strict=True)
    return any(start < 0 or start + size > length for start, size, length in axes)


def _constant(table: Table) -> tuple[str, ...]:
    """How many patches are constant, channel by channel."""
    rows = [row for row in table.rows if row.sample.patch is not None]
    counted = Counter(int(channel) for row in rows for channel in np.flatnonzero(row.moments.constant))
    of = plural(len(rows), "patch", "patches")
    notes = [
        f"{number} of {of} {'is' if number == 1 else 'are'} constant in channel {channel}"
        for channel, number in sorted(counted.items())
    ]
    more = len(notes) - MOST_CHANNELS
    return tuple(notes) if more <= 1 else (*notes[:MOST_CHANNELS], f"and so in {more} more channels")


def _backend(table: Table, batches: Sequence[Batch], settings: Settings) -> tuple[str, ...]:
    """Where plain "keras" is judged without TensorFlow's sums, and these are likely to be off."""
    if settings.framework.name != "keras":
        return ()
    wide = [(_width(part), part.count) for batch in batches for part in batch.parts]
    width, count = max(wide, default=(0.0, 0))
    if width * LIKELY <= NOTICED:
        return ()
    again = table.preparation.plain or all(row.parts for row in table.rows)
    how = "computes what it gives for these voxels" if again else "says between which bounds it is"
    return (
        f"on TensorFlow, Keras adds {count:,} values one after the other in float32, so its variance can be percents "
        f"off; --framework keras-tensorflow {how}",
    )


def _width(part: Channel | Group) -> float:
    """How far from the exact variance the band reaches, relative to it; 0 where there is none, or it is a constant."""
    found = part.prediction
    if not part.variance or found is None or found.high is None or found.low is None:
        return 0.0
    return max(found.high - part.variance, part.variance - found.low) / part.variance


def _overflows(batches: Sequence[Batch]) -> tuple[str, ...]:
    """Where statistics of finite values are undefined all the same: their squares leave the range of float64."""
    found = dict.fromkeys(
        part.title for batch in batches for part in batch.parts if part.variance is None and part.finite is None
    )
    if not found:
        return ()
    named = ", ".join([*found][:5]) + (", …" if len(found) > 5 else "")
    return (f"the values of {named} are too large to square in float64, so there is no variance; scale them down",)


def spacing_notes(table: Table) -> tuple[str, ...]:
    """Where volumes differ in their spacing and are to be trained on as they are, in patches or as a data set."""
    asked = table.preparation.patches is not None or any(plan.case.dataset for plan in table.planned)
    spacings = {
        tuple(float(f"{size:.4g}") for size in part.volume.spacing)  # headers have them in float32
        for plan in table.planned
        for part in plan.parts
        if part.volume.spacing is not None and len(part.volume.spacing) == 3
    }
    if not asked or len(spacings) < 2:
        return ()
    ranges = [sorted({spacing[axis] for spacing in spacings}) for axis in range(3)]
    shown = " × ".join(f"{one[0]:g}" + (f"–{one[-1]:g}" if len(one) > 1 else "") for one in ranges)
    return (
        f"the volumes have {len(spacings)} different spacings ({shown} mm) and are taken voxel by voxel; resampling "
        "them to one spacing first, as nnU-Net does, changes patches and statistics",
    )


def _names(table: Table) -> tuple[str, ...]:
    """Where a data set names another number of channels than a case has."""
    other = [
        plan
        for plan in table.planned
        if plan.case.channels and len(plan.case.channels) != plan.tensor.channels and plan.kept_last
    ]
    if not other:
        return ()
    first = other[0]
    more = f" and {len(other) - 1} more" if len(other) > 1 else ""
    has = plural(first.tensor.channels, "channel")
    return (
        f"{first.case.name}{more}: the data set names {len(first.case.channels)} channels "
        f"({', '.join(first.case.channels)}) and it has {has}, so none is named",
    )


def _reach(batches: Sequence[Batch], settings: Settings) -> tuple[str, ...]:
    """Where the layer's own default reduces less than is shown, and how to call it so that it does not."""
    how = settings.framework.whole_sample
    if how is None:
        return ()
    axes = dict.fromkeys(batch.reduction_axes for batch in batches)
    called = " or ".join(how.format(axes=shown) for shown in axes)
    return tuple(
        f"{settings.framework.title} without arguments normalizes over the last axis only, at each voxel by itself; "
        f"what is shown is over channels and space: {called}"
        for _ in batches[:1]
    )


def _inputs(table: Table, settings: Settings) -> tuple[str, ...]:
    """How the inputs were taken."""
    notes = []
    if table.failures and table.rows:
        some = "1 input" if len(table.failures) == 1 else f"{len(table.failures)} inputs"
        notes.append(f"{some} could not be read and left the order before batches were made")
    channels_first = settings.framework.channels_axis == 1
    for plan in table.planned:
        if not plan.parts:  # of a file of moments, whoever wrote that was told
            continue
        volume, array = plan.volume, plan.volume.batched
        if array and len(volume.shape) == 3 and plan.parts[0].arrangement.samples_axis == 0:
            notes.append(
                f"{volume.source} was read as a batch of {volume.shape[0]} samples along its axis 0; "
                "if it is one volume, use --batch-axis none"
            )
        if array and channels_first and settings.axis == -1 and plan.tensor.axis != 1:
            notes.append(
                f"{volume.source} was read with channels last, and {settings.framework.title} has channels first; "
                "if axis 1 holds its channels, use --axis 1"
            )
        if not array and channels_first and plan.tensor.axis == 1 and len(plan.tensor.sample_shape) > 1:
            notes.append(
                f"--axis 1 keeps the first spatial axis of {volume.source} ({plan.tensor.channels} entries); "
                f"channels are last in an image file, whatever layout {settings.framework.title} has"
            )
    return tuple(notes)
