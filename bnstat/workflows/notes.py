"""Notes on how inputs and settings were understood, a sentence each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import gt

import numpy as np

from bnstat.batch_size.fewest import FEWEST_SAMPLES
from bnstat.escapes import NO_BREAK_SPACE
from bnstat.layers.arithmetic.bands import SHARED_VOXELS
from bnstat.layers.batch_columns import Batches, of_each_layout
from bnstat.layers.columns import Doubles
from bnstat.layers.loader import without_foreground
from bnstat.layers.parts import Parts
from bnstat.layers.predictions import depends_on_registers, second_pass
from bnstat.layers.results import Batch
from bnstat.layers.settings import Layer, Settings
from bnstat.preprocessing.settings import Patching
from bnstat.reading.table import Table
from bnstat.sources.sample import Patch, Sample
from bnstat.text import number, plural

# The largest part of a band that measured sequential sums reached, and the deviation that is worth a note.
LIKELY, NOTICED = 0.23, 0.01

# The step that changes zeros with the statistics of the other values.
_SHIFTS_ZEROS = "zscore-nonzero-all"

# The most channels that notes on constant patches name.
MOST_CHANNELS = 4


def notes_of(table: Table, batches: Sequence[Batch], settings: Settings) -> tuple[str, ...]:
    """Return all notes on a report: on its inputs, on what the layer reduces by default, and on undefined variances."""
    return (
        *table.notes,
        *_inputs(table, settings),
        *spacing_notes(table),
        *zeros_notes(table),
        *_names(table),
        *_reach(batches, settings),
        *_overflows(batches),
        *_single_inside(batches, settings),
        *_frozen(settings),
        *_backend(table, batches, settings),
        *instruction_notes(batches, settings),
    )


def patch_notes(used: Table, drawn: Table) -> tuple[str, ...]:
    """Return notes on patches: how many could not be drawn as asked, and how many are constant.

    Args:
        used: the patches that batches get.
        drawn: all patches.
    """
    patching = drawn.preparation.patches
    if patching is None:
        return ()
    missed = without_foreground(drawn.rows.samples, patching)
    where = "it" if missed == 1 else "them"
    alone = f"no foreground in {plural(missed, 'volume')}: patches are cut anywhere in {where}"
    return (*_padded(used, patching), *([alone] if missed else []), *_constant(used))


def few_files(samples: Sequence[Sample]) -> int | None:
    """Return the number of files that samples are entries of; None if it is enough, or if some file is one sample."""
    files = len({sample.source for sample in samples})
    entries = bool(samples) and all(sample.index is not None for sample in samples)
    return files if entries and files < FEWEST_SAMPLES else None


def _padded(table: Table, patching: Patching) -> tuple[str, ...]:
    """Return a note if patches reach beyond their volumes."""
    shapes = {plan.case.name: plan.tensor.sample_shape[:-1] for plan in table.planned if plan.parts}
    samples = table.rows.samples
    found = [one for one in samples if one.patch is not None and _reaches_out(one.patch, _shape_of(one, shapes))]
    if not found:
        return ()
    volumes = plural(len({one.volume for one in found}), "volume")
    one = len(found) == 1
    larger = all(_is_larger(sample.patch, _shape_of(sample, shapes)) for sample in found)
    where = f"{'is' if one else 'are'} larger than" if larger else f"{'reaches' if one else 'reach'} beyond"
    filled = "zeros" if patching.pad == "zero" else "the values at the border"
    of = plural(len(samples), "patch", "patches")
    return (
        f"{len(found)} of {of} {where} {'its' if one else 'their'} volume ({volumes}) and {'is' if one else 'are'} "
        f"padded with {filled}, which count in the mean and the variance; if the training does not pad so, use a "
        'smaller `size` or `pad="none"`',
    )


def _shape_of(sample: Sample, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...] | None:
    """Return the spatial axes of the volume of a patch; None if a moments file does not tell which axes these are."""
    if sample.patch is None or sample.source in shapes or sample.index is not None:
        return shapes.get(sample.source)
    axes = len(sample.patch.size)
    return sample.shape[:axes] if len(sample.shape) <= axes + 1 else None


def _reaches_out(patch: Patch, shape: tuple[int, ...] | None) -> bool:
    if shape is None:
        return False
    axes = zip(patch.start, patch.size, shape, strict=True)
    return any(start < 0 or start + size > length for start, size, length in axes)


def _is_larger(patch: Patch | None, shape: tuple[int, ...] | None) -> bool:
    """Return True if a patch is larger than its volume along an axis, wherever it is cut."""
    return patch is not None and shape is not None and any(map(gt, patch.size, shape))


def _constant(table: Table) -> tuple[str, ...]:
    """Return a note for each channel in which patches are constant."""
    rows = [row for row in table.rows if row.sample.patch is not None]
    counted = Counter(int(channel) for row in rows for channel in np.flatnonzero(row.moments.constant))
    of = plural(len(rows), "patch", "patches")
    notes = [
        f"{number} of {of} {'is' if number == 1 else 'are'} constant in channel {channel}"
        for channel, number in sorted(counted.items())
    ]
    more = len(notes) - MOST_CHANNELS
    return tuple(notes) if more <= 1 else (*notes[:MOST_CHANNELS], f"the same holds for {more} more channels")


def instruction_notes(batches: Sequence[Batch], settings: Settings) -> tuple[str, ...]:
    """Return a note if the sums that were repeated depend on the instructions of the processor."""
    if not settings.framework.arithmetic.registers or isinstance(batches, Batches):  # whose sums were not repeated
        return ()
    repeated = [batch for batch in batches if second_pass(batch, settings)]
    if any(depends_on_registers(batch, settings) for batch in repeated):
        return (
            f"{settings.framework.title} sums samples of fewer than {SHARED_VOXELS:,} voxels in the registers of the "
            "processor, so its variance is given as a range over AVX2, AVX-512 and neither",
        )
    predictions = [part.prediction for batch in repeated for part in batch.parts]
    if not any(one is not None and one.kind == "emulated" for one in predictions):
        return ()
    return (
        f"{settings.framework.title} computes these variances on a processor with AVX2 or AVX-512; where "
        "torch.backends.cpu.get_cpu_capability() gives DEFAULT, it rounds in other places",
    )


def _backend(table: Table, batches: Sequence[Batch], settings: Settings) -> tuple[str, ...]:
    """Return a note if the preset "keras" leaves out TensorFlow's sums, and these are likely to be inaccurate."""
    if settings.framework.name != "keras":
        return ()
    parts = Parts(batches)
    width, count = max(zip(_widths(parts).tolist(), parts.number("count").tolist(), strict=True), default=(0.0, 0))
    if width * LIKELY <= NOTICED:
        return ()
    again = table.preparation.plain or all(table.rows.parts)
    how = "repeats these sums" if again else "gives bounds of its variance"
    return (
        f"on TensorFlow, Keras adds {int(count):,} values one after the other in float32, so its variance can be wrong "
        f'by some percent; `framework="keras-tensorflow"` {how}',
    )


def _widths(parts: Parts) -> Doubles:
    """Return how far the bands reach from the exact variances, relative to these; 0 without a band or a variance."""
    variance, low, high = (parts.number(name) for name in ("variance", "low", "high"))
    with np.errstate(all="ignore"):
        width = np.maximum(high - variance, variance - low) / variance
    return np.where((variance > 0) & ~np.isnan(width), width, 0.0)


def _overflows(batches: Sequence[Batch]) -> tuple[str, ...]:
    """Return a note if the statistics of finite values are undefined, because their squares exceed float64."""
    parts = Parts(batches)
    undefined = np.isnan(parts.number("variance")) & parts.flag("whole")
    found = dict.fromkeys(part.title for _, part in parts.where(undefined))
    if not found:
        return ()
    named = ", ".join([*found][:5]) + (", …" if len(found) > 5 else "")
    return (f"the values of {named} are too large to square in float64, so their variance is undefined; divide them",)


def _single_inside(batches: Sequence[Batch], settings: Settings) -> tuple[str, ...]:
    """Return a note if a mask leaves a single value: the layer itself has no mask, so no rule judges this."""
    if settings.preparation.mask is None:
        return ()
    parts = Parts(batches)
    found = dict.fromkeys(part.title for _, part in parts.where(parts.number("count") == 1))
    if not found:
        return ()
    named = ", ".join([*found][:5]) + (", …" if len(found) > 5 else "")
    return (f"`mask` leaves a single value in {named}, whose variance is then 0; check the mask",)


def _frozen(settings: Settings) -> tuple[str, ...]:
    """Return a note if the average of the running statistics divides 0 by 0, as Haiku's does with a momentum of 1."""
    if not (settings.keeps_running and settings.framework.debiased and settings.momentum == 1.0):
        return ()
    return (
        f"{settings.framework.title} divides its averages by 1 − momentum^t, which is 0 with a momentum of 1, so its "
        "running statistics are NaN; use a `momentum` below 1",
    )


def zeros_notes(table: Table) -> tuple[str, ...]:
    """Return a note if zeros were changed with the statistics of the other values, as by MedicalNet's data loader."""
    if _SHIFTS_ZEROS not in (table.preparation.intensity or ""):  # a moments file may name files that are gone
        return ()
    found = [
        (float(value), f"channel {channel} of {row.sample.title}")
        for row in table.rows
        if row.zeros is not None
        for channel, value in enumerate(row.zeros)
        if not np.isnan(value)
    ]
    values = [value for value, _ in found]
    if not values:
        become = "they become one constant in each channel, negative where the mean of the other voxels is positive"
    elif len(values) == 1:
        become = f"all zeros become {number(values[0])} in {found[0][1]}, one {_sign(values)}constant"
    else:
        become = (
            f"all zeros become one {_sign(values)}constant in each channel, from {number(min(values))} to "
            f"{number(max(values))}, as {number(values[0])} in {found[0][1]}"
        )
    return (
        f"{_SHIFTS_ZEROS} takes mean and deviation of the voxels that are not 0 and applies them to all voxels: "
        f'{become}; if the training leaves zeros as they are, type `intensity="zscore-nonzero"`',
    )


def _sign(values: Sequence[float]) -> str:
    return "negative " if max(values) < 0 else ""


def epsilon_notes(layer: Layer, constant: bool) -> list[str]:
    """Return a note on an ε with which a layer does not train, or gives NaN, beside a curve over batch sizes.

    Args:
        layer: the layer.
        constant: True if a sample is constant in a channel.
    """
    raised = layer.framework.refusal_of(layer.epsilon)
    if raised is not None:
        return [
            f'{layer.framework.title} refuses to train with this ε: "{raised}"; so there is no output to compare, and '
            "an `epsilon` above 0 is needed"
        ]
    if not constant or layer.added != 0:
        return []
    return [
        f"{layer.framework.title} divides 0 by 0 in a batch that is constant in a channel, because ε is 0: its output "
        "is then NaN, and a gap of such batches is undefined; use an `epsilon` above 0"
    ]


def spacing_notes(table: Table) -> tuple[str, ...]:
    """Return a note if volumes that are cut into patches, or that make a data set, have different voxel spacings."""
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
        f"the volumes have {len(spacings)} different spacings ({shown}{NO_BREAK_SPACE}mm) and are read voxel by voxel; "
        "if the training resamples them to one spacing, as nnU-Net does, check the resampled volumes",
    )


def _names(table: Table) -> tuple[str, ...]:
    """Return a note if a data set names another number of channels than a case has."""
    other = [
        plan
        for plan in table.planned
        if plan.case.channels
        and (plan.case.joined or plan.case.dataset)  # the kind of a single file names all of its channels
        and len(plan.case.channels) != plan.tensor.channels
        and plan.kept_last
    ]
    if not other:
        return ()
    first = other[0]
    more = f" and {len(other) - 1} more" if len(other) > 1 else ""
    has = plural(first.tensor.channels, "channel")
    return (
        f"{first.case.name}{more}: the data set names {len(first.case.channels)} channels "
        f"({', '.join(first.case.channels)}), but it has {has}, so these stay without names",
    )


def _reach(batches: Sequence[Batch], settings: Settings) -> tuple[str, ...]:
    """Return a note if the layer reduces fewer axes by default than are shown, with the call that reduces these."""
    how = settings.framework.whole_sample
    if how is None:
        return ()
    axes = dict.fromkeys(batch.reduction_axes for batch in of_each_layout(batches))
    called = " or ".join(how.format(axes=shown) for shown in axes)
    return tuple(
        f"these numbers are those of {called}, over channels and space; {settings.framework.title} without arguments "
        "normalizes over the last axis only: with channels last, each voxel over its channels"
        for _ in batches[:1]
    )


def _ordinal(axis: int) -> str:
    """Name a spatial axis of the tensor, whose first axis is the batch."""
    return {1: "the first", 2: "the second", 3: "the third"}.get(axis, "a")


def _inputs(table: Table, settings: Settings) -> tuple[str, ...]:
    """Return notes on how the inputs were understood."""
    notes = []
    if table.failures and table.rows:
        notes.append(
            f"skipped {plural(len(table.failures), 'input')} that cannot be read; batches are made of the others"
        )
    channels_first = settings.framework.channels_axis == 1
    for plan in table.planned:
        if not plan.parts:  # from a moments file: the scan that wrote it has said this
            continue
        volume, array = plan.volume, plan.volume.batched
        if array and len(volume.shape) in (3, 4) and plan.parts[0].arrangement.samples_axis == 0:
            notes.append(
                f"{volume.source} has shape {volume.shape}: its axis 0 is read as the batch, so it is "
                f'{plural(volume.shape[0], "sample")}; if it is one volume, use `batch_axis="none"`'
            )
        if array and channels_first and settings.axis == -1 and plan.tensor.axis != 1:
            notes.append(
                f"{volume.source} is read with channels last, and {settings.framework.title} has channels first; "
                "if its channels are on axis 1, use `axis=1`"
            )
        if not array and not plan.kept_last:
            whatever = f", whatever layout {settings.framework.title} has" if channels_first else ""
            notes.append(
                f"`axis={settings.axis}` keeps {_ordinal(plan.tensor.axis)} spatial axis of {volume.source} "
                f"({plan.tensor.channels} entries); the channels of an image file are on its last axis{whatever}"
            )
    return tuple(notes)
