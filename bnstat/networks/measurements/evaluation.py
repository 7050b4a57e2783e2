"""One pass over all samples in evaluation mode: what enters each layer, and what the outputs do if layers switch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bnstat.errors import UsageError
from bnstat.moments.moments import Doubles, Moments
from bnstat.networks.measurements.cells import sample_variance, values_of, whole
from bnstat.networks.measurements.kept_moments import KeptMoments
from bnstat.networks.measurements.samples import Samples
from bnstat.networks.measurements.selection import selected
from bnstat.networks.measurements.switching import Change
from bnstat.networks.network import LayerRefusesError, Network
from bnstat.networks.normalization import Pass, Seen, Tensors
from bnstat.text import by


@dataclass(eq=False)
class EvaluatedLayer:
    """What entered one layer, sample by sample.

    Attributes:
        seen: What entered with the sample that has the fewest values.
        places: The samples that reached the layer.
        cells: The moments of each of them, shape (channels,) each.
        variances: The variance that normalizes each of them, for each channel.
        change: How much the outputs change if this layer alone is switched.
    """

    seen: Seen
    places: list[int] = field(default_factory=list)
    cells: list[Moments] = field(default_factory=list)
    variances: list[Doubles] = field(default_factory=list)
    change: Change = field(default_factory=Change)

    def add(self, place: int, seen: Seen) -> None:
        """Add what entered with one sample. A layer whose number of channels differs is not the same question."""
        if self.cells and self.cells[0].shape != whole(seen).shape:
            return
        if values_of(seen) < values_of(self.seen):
            self.seen = seen
        self.places.append(place)
        self.cells.append(whole(seen))
        self.variances.append(sample_variance(seen))

    @property
    def switches(self) -> bool:
        """True if the layer uses stored statistics and has a variance of a sample in their place."""
        return self.seen.normalization.stored and values_of(self.seen) > 1


@dataclass(eq=False)
class Evaluation:
    """What one pass over all samples found.

    Attributes:
        layers: Every layer by its name, in the order in which they run.
        reported: The names of those that are asked for.
        change: How much the outputs change if all layers are switched at once.
        shapes: The shapes of samples, without the batch axis, each once.
        unswitched: The layers that could not be switched, with the reason.
    """

    layers: dict[str, EvaluatedLayer] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)
    change: Change = field(default_factory=Change)
    shapes: dict[tuple[int, ...], None] = field(default_factory=dict)
    unswitched: dict[str, str] = field(default_factory=dict)

    def switchable(self, *, reported: bool) -> list[str]:
        """Return the layers that can be switched: those that are reported, or all."""
        return [
            name for name, layer in self.layers.items() if layer.switches and (name in self.reported or not reported)
        ]


def evaluate(
    network: Network,
    samples: Samples,
    patterns: Sequence[str],
    *,
    switch: bool,
    kept: KeptMoments | None = None,
    tick: Callable[[int], None] = lambda _: None,
) -> Evaluation:
    """Run every sample in evaluation mode.

    Args:
        network: The network.
        samples: What enters it.
        patterns: Patterns of the layers to report.
        switch: True to also run each sample once for each layer that is switched, and once with all of them switched.
        kept: Where moments are written; None to write none.
        tick: Called after each pass with the number of passes that one sample takes.

    Raises:
        UsageError: if a pattern matches no layer, or a layer refuses a sample.
    """
    found = Evaluation()
    for place in range(len(samples)):
        sample = samples[place]
        batch = sample[None]
        found.shapes.setdefault(sample.shape)
        one = evaluated(network, samples, place, batch)
        _add(found, place, one, patterns)
        if kept is not None:
            kept.add(network, samples, place, one.seen, found.reported)
        layers = found.switchable(reported=True) if switch else []
        passes = 1 + len(layers) + bool(layers)
        tick(passes)
        for layer in layers:
            if layer not in found.unswitched:
                _switch(network, found, [layer], batch, one.outputs, found.layers[layer].change)
            tick(passes)
        if layers:
            _switch(network, found, found.switchable(reported=False), batch, one.outputs, found.change)
            tick(passes)
    return found


def evaluated(network: Network, samples: Samples, place: int, batch: Tensors) -> Pass:
    """Run one sample in evaluation mode.

    Raises:
        UsageError: if a layer refuses it; the message names the sample.
    """
    try:
        return network.evaluate(batch)
    except LayerRefusesError as error:
        raise not_run(samples, place, batch, error) from error


def not_run(samples: Samples, place: int, batch: Tensors, error: LayerRefusesError) -> UsageError:
    """Return the error on a sample that a layer refuses in evaluation mode."""
    return UsageError(
        f"{samples.identities[place].title}: the layer {error.layer} refuses this sample of shape "
        f"{by(batch.shape[1:])} also in evaluation mode ({error.message}); so the network cannot predict on one such "
        "sample; give larger volumes or patches"
    )


def _add(found: Evaluation, place: int, one: Pass, patterns: Sequence[str]) -> None:
    """Add what entered each layer with one sample; patterns are looked up as soon as layers are known."""
    new = [seen for seen in one.seen if seen.normalization.layer not in found.layers]
    for seen in new:
        found.layers[seen.normalization.layer] = EvaluatedLayer(seen)
    if new:
        found.reported = selected(list(found.layers), patterns)
    for seen in one.seen:
        found.layers[seen.normalization.layer].add(place, seen)


def _switch(
    network: Network, found: Evaluation, layers: list[str], batch: Tensors, before: Tensors, change: Change
) -> None:
    """Run a sample with layers switched, without those that cannot be, and add how the outputs changed."""
    left = [layer for layer in layers if layer not in found.unswitched]
    while left:
        try:
            after = network.switched(left, batch)
        except LayerRefusesError as error:
            _leave_out(found, error.layer, error.message)
            if error.layer not in left:
                return
            left.remove(error.layer)
        except UsageError as error:
            if len(left) == 1:
                _leave_out(found, left[0], str(error))
            else:
                change.discard()
            return
        else:
            change.add(before, after, channels_last=network.channels_last)
            return


def _leave_out(found: Evaluation, layer: str, reason: str) -> None:
    """Note a layer that cannot be switched, and give up what was measured of it with earlier samples."""
    found.unswitched[layer] = reason
    for change in (found.change, *([found.layers[layer].change] if layer in found.layers else [])):
        if change.output is not None:
            change.discard()
