"""The result of `bnstat checkpoint` for several files: each of them, and how it differs from the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bnstat.moments.moments import Doubles
from bnstat.networks.checkpoints.moved import LayerMoved, Moved
from bnstat.networks.checkpoints.moved import moved as moved_between
from bnstat.reports.checkpoint import CheckpointReport, file_fields, spread
from bnstat.reports.documents.document import Document, Fields
from bnstat.reports.documents.inputs import failure_fields
from bnstat.reports.finding import Failure
from bnstat.text import first_ones, plural, printable, short

# From here on a layer is said to have moved: half a hundredth of a standard deviation is rounding in a figure.
_LEAST_MEAN = 0.005


@dataclass(frozen=True, eq=False)
class Difference:
    """How a checkpoint differs from the one before.

    Attributes:
        before: The earlier one, as the user named it.
        after: The later one.
        moved: Its layers.
    """

    before: str
    after: str
    moved: Moved

    @property
    def sentences(self) -> tuple[str, ...]:
        """What has moved most, and which layers cannot be compared."""
        return tuple(filter(None, (*_most(self.moved), *_apart(self.moved))))


@dataclass(frozen=True, repr=False, eq=False)
class CheckpointComparison(Document):
    """The answer: several checkpoints, each audited, and how each differs from the one before.

    Attributes:
        reports: The files, in the order in which they were given.
        errors: The files that could not be read.
        notes: Notes on how the files were understood.
    """

    reports: tuple[CheckpointReport, ...]
    errors: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def differences(self) -> tuple[Difference, ...]:
        """How each file differs from the one before."""
        return tuple(
            Difference(one.file, two.file, moved_between(one.audit, two.audit)) for one, two in pairwise(self.reports)
        )

    @property
    def summary(self) -> str:
        """The content of the report in a few words."""
        unread = [f"{plural(len(self.errors), 'file')} cannot be read"] if self.errors else []
        found = plural(sum(len(one.findings) for one in self.reports), "finding")
        return ", ".join([plural(len(self.reports), "checkpoint"), found, *unread])

    @property
    def opening(self) -> Sequence[str]:
        """What has moved between two checkpoints, which every format for people opens with."""
        return self.differences[0].sentences if len(self.reports) == 2 else ()

    @property
    def schema(self) -> str:
        """The name and version of the schema that the document follows."""
        return "bnstat.checkpoint-compare/1"

    def to_fields(self) -> Fields:
        """Return the fields of the document that follow its schema and version."""
        return {
            "files": [file_fields(report) for report in self.reports],
            "differences": [_difference_fields(one) for one in self.differences],
            "errors": [failure_fields(failure) for failure in self.errors],
            "notes": list(self.notes),
        }

    def to_rows(self) -> list[Fields]:
        """Return a row for each layer of each difference."""
        return [
            {"before": one.before, "after": one.after, **_row(layer)}
            for one in self.differences
            for layer in one.moved.layers
        ]


def _difference_fields(one: Difference) -> Fields:
    return {
        "before": one.before,
        "after": one.after,
        "sentences": list(one.sentences),
        "layers": [_layer_fields(layer) for layer in one.moved.layers],
        "only_before": list(one.moved.only_before),
        "only_after": list(one.moved.only_after),
        "reshaped": list(one.moved.reshaped),
    }


def _layer_fields(layer: LayerMoved) -> Fields:
    """Return the fields of a layer; figures of channels are lists in channel order, null where undefined."""
    return {
        "layer": layer.name,
        "layer_after": layer.after.name,
        "same": layer.same,
        "batches_before": layer.before.stored.batches_tracked,
        "batches_after": layer.after.stored.batches_tracked,
        "mean_moved": _listed(layer.mean_moved),
        "variance_ratio": _listed(layer.variance_ratio),
        "scale_moved": _listed(layer.scale_moved),
    }


def _row(layer: LayerMoved) -> Fields:
    fields = {name: value for name, value in _layer_fields(layer).items() if not isinstance(value, list)}
    fields = {
        name: value for name, value in fields.items() if name not in ("mean_moved", "variance_ratio", "scale_moved")
    }
    for name in ("mean_moved", "variance_ratio", "scale_moved"):
        three = spread(getattr(layer, name))
        fields |= {
            f"{name}_min": None if three is None else three.least,
            f"{name}_median": None if three is None else three.median,
            f"{name}_max": None if three is None else three.greatest,
        }
    return fields


def _listed(values: Doubles | None) -> list[float | None]:
    """Return the numbers of a layer's channels; nothing if none of its channels has one."""
    return [] if values is None else [float(value) if np.isfinite(value) else None for value in values]


def _most(found: Moved) -> Sequence[str]:
    """Say which layers have moved most."""
    if not found.layers:
        return ("The two files have no normalization layer in common.",)
    kept = [layer for layer in found.layers if layer.same]
    if len(kept) == len(found.layers):
        return (f"Nothing has moved: both files store the same numbers in {_all(len(kept))}.",)
    said = [*_largest(found.layers)]
    if kept:
        said.append(f"{plural(len(kept), 'layer')} did not move at all{_named(kept)}.")
    return said


def _largest(layers: Sequence[LayerMoved]) -> list[str]:
    """Say where the mean moved most and where the variance did."""
    said = []
    means = [(_greatest(one.mean_moved), one) for one in layers]
    (most, channel), layer = max(means, key=lambda pair: pair[0])
    if channel is not None:
        where = f"layer {layer.before.title}" + (f", channel {channel}" if layer.before.channels > 1 else "")
        said.append(
            f"The running means moved by up to {short(most, 3)} SD (standard deviations of the first file; {where})."
            if most >= _LEAST_MEAN
            else f"No running mean moved by more than {_LEAST_MEAN:g} SD (standard deviations of the first file)."
        )
    ratios = [(_greatest(_size(one.variance_ratio)), one) for one in layers]
    (_, channel), layer = max(ratios, key=lambda pair: pair[0])
    if channel is not None and layer.variance_ratio is not None:
        ratio = short(float(layer.variance_ratio[channel]), 3)
        said.append(f"The running variance changed most in layer {layer.before.title}: to {ratio} times what it was.")
    return said


def _greatest(values: Doubles | None) -> tuple[float, int | None]:
    """Return the greatest of the known numbers, and its channel; −1 and None without any."""
    if values is None or not np.isfinite(values).any():
        return -1.0, None
    channel = int(np.nanargmax(values))
    return float(values[channel]), channel


def _size(ratios: Doubles | None) -> Doubles | None:
    """Return how far ratios are from 1 in either direction, as logarithms; NaN where that is undefined."""
    return None if ratios is None else np.abs(np.log(np.where(ratios > 0.0, ratios, np.nan)))


def _apart(found: Moved) -> Sequence[str]:
    """Say which layers cannot be compared."""
    said = []
    for names, words in (
        (found.only_before, "only in the first file"),
        (found.only_after, "only in the second file"),
        (found.reshaped, "of another size in each"),
    ):
        if names:
            verb = "is" if len(names) == 1 else "are"
            said.append(
                f"{plural(len(names), 'layer')} {verb} {words}: {first_ones('', list(map(printable, names))).strip()}."
            )
    return said


def _named(layers: Sequence[LayerMoved]) -> str:
    return f" ({first_ones('', [layer.before.title for layer in layers]).strip()})" if len(layers) < 4 else ""


def _all(count: int) -> str:
    return {1: "the only layer", 2: "both layers"}.get(count, f"all {count:,} layers")
