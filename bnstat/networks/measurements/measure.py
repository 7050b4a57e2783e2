"""The story of a measurement: evaluation mode first, then real training batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack

from bnstat.batch_size.samples import Nesting, nesting_of
from bnstat.errors import UsageError
from bnstat.networks.measurements.evaluation import EvaluatedLayer, Evaluation, evaluate
from bnstat.networks.measurements.figures import result_of
from bnstat.networks.measurements.kept_moments import KeptMoments
from bnstat.networks.measurements.loader import drawn_batches, overlap
from bnstat.networks.measurements.samples import Progress, Samples
from bnstat.networks.measurements.switching import Change
from bnstat.networks.measurements.training import TrainedBatches, only_in_training, train
from bnstat.networks.network import Network
from bnstat.networks.results import Measured, ModelResult
from bnstat.networks.settings import Measuring
from bnstat.text import first_ones, joined, plural

# From this share of all samples in one batch on, batches have so many samples in common that they vary visibly less
# than batches of a large data set: √(1 − 1/4) = 0.87 times, a difference as large as the error of 32 draws.
_OVERLAP = 0.25


def measure(
    network: Network,
    samples: Samples,
    measuring: Measuring,
    progress: Progress | None = None,
    kept: KeptMoments | None = None,
) -> Measured:
    """Measure every normalization of a network.

    Args:
        network: The network, which is as before afterwards.
        samples: What enters it. They are fetched one at a time, and none is held.
        measuring: What is measured.
        progress: Called after each forward pass.
        kept: Where the moments of evaluation mode are written; None to write none.

    Raises:
        UsageError: if there is no sample, the network has no normalization, a pattern of `layers` matches none, or a
            layer refuses a sample in evaluation mode.
        OutputError: if moments cannot be written.
    """
    if not len(samples):
        raise UsageError("there is no sample to run the network on; give volumes")
    nesting = nesting_of(samples.identities, samples.preparation.patches)
    switch = measuring.switch and network.trains

    # evaluation mode: every sample once, and once more for each layer that is switched
    words = "evaluation mode, and each layer switched" if switch else "evaluation mode"
    count = _Count(progress, words, len(samples))
    with ExitStack() as stack:
        if kept is not None:
            stack.callback(kept.discard)  # finds nothing to remove once the files are finished
        found = evaluate(network, samples, measuring.layers, switch=switch, kept=kept, tick=count.each)
        if kept is not None:
            kept.finish()
    _require_layers(network, found)

    # training mode: real batches of every size
    notes = list(_evaluation_notes(network, samples, measuring, found, nesting))
    trained, skipped = _trained(network, samples, measuring, found, nesting, progress)
    notes += skipped
    if _depends_on_batch(network, found):
        notes += _training_notes(len(samples), measuring, nesting, trained, found)

    return Measured(
        model=_model_of(network, found.layers.values()),
        layers=tuple(
            result_of(
                layer, nesting, layer.change.share, tuple(one.result(name, layer, network.framework) for one in trained)
            )
            for name, layer in found.layers.items()
            if name in found.reported
        ),
        missed=tuple(network.missed),
        samples=len(samples),
        output=next((one.output for one in _changes(found) if one.output is not None), None),
        output_moved=found.change.share,
        notes=tuple(notes),
    )


def _trained(
    network: Network,
    samples: Samples,
    measuring: Measuring,
    found: Evaluation,
    nesting: Nesting | None,
    progress: Progress | None,
) -> tuple[list[TrainedBatches], list[str]]:
    """Run training batches of every size that these samples can make; none if no layer depends on its batch.

    A note comes with each size that the network cannot run, as a program that was exported for another one.
    """
    trained, notes = [], []
    for size in dict.fromkeys(measuring.batch_sizes) if _depends_on_batch(network, found) else ():
        if size > 1 and len(found.shapes) > 1:
            continue
        drawn = drawn_batches(len(samples), nesting, size, measuring.draws, measuring.seed)
        count = _Count(progress, f"training batches of {size}", len(drawn))
        try:
            trained.append(train(network, samples, drawn, alike=len(found.shapes) == 1, tick=count))
        except UsageError as error:
            notes.append(f"skipped training batches of {size}: {error}")
    return trained, notes


def _depends_on_batch(network: Network, found: Evaluation) -> bool:
    """Return True if training batches can be run, and any layer depends on what else is in a batch."""
    return network.trains and any(layer.seen.normalization.takes_batch for layer in found.layers.values())


def _changes(found: Evaluation) -> Iterator[Change]:
    """Yield the changes of outputs of all layers together and of each alone."""
    yield found.change
    yield from (layer.change for layer in found.layers.values())


def _require_layers(network: Network, found: Evaluation) -> None:
    """Refuse a network without layers, and say which normalizations cannot be seen."""
    if not found.layers:
        told = ("no normalization can be seen in it, so that there is nothing to measure", *network.missed)
        raise UsageError(f"{network.source}: {'; '.join(told)}")


class _Count:
    """Counts the passes of one part of the measurement."""

    def __init__(self, progress: Progress | None, words: str, parts: int) -> None:
        self._progress, self._words, self._parts, self._done = progress, words, parts, 0

    def __call__(self) -> None:
        self.each(1)

    def each(self, passes: int) -> None:
        """Count one pass, of so many for each of the parts."""
        self._done += 1
        if self._progress is not None:
            self._progress(self._words, self._done, self._parts * passes)


def _model_of(network: Network, layers: Iterable[EvaluatedLayer]) -> ModelResult:
    kinds = Counter(layer.seen.normalization.kind for layer in layers)
    return ModelResult(
        network.source, network.weights, network.framework, network.parameters, dict(kinds), network.trains
    )


def _evaluation_notes(
    network: Network, samples: Samples, measuring: Measuring, found: Evaluation, nesting: Nesting | None
) -> Iterator[str]:
    independent = len(samples) if nesting is None else nesting.number
    if independent < 2:
        of = "sample" if nesting is None else "volume"
        yield f"ρ needs at least two {of}s, and there is one; give more volumes"
    if not network.trains:
        asked = ["training batches"] * bool(measuring.batch_sizes) + ["switched layers"] * measuring.switch
        if asked:
            yield f"this kind of model only runs in evaluation mode, so {joined(asked)} were not measured"
        return
    if measuring.batch_sizes and not _depends_on_batch(network, found):
        yield "no layer uses the statistics of a batch, so that the batch size changes nothing in this network"
    if measuring.switch and not found.switchable(reported=True):
        yield "no layer uses stored statistics, so that there is none to switch to those of each sample"
    if found.unswitched:
        names, reason = list(found.unswitched), next(iter(found.unswitched.values()))
        yield f"not switched to the statistics of each sample: {first_ones(_layers(names), names)} ({reason})"


def _training_notes(
    samples: int, measuring: Measuring, nesting: Nesting | None, trained: Sequence[TrainedBatches], found: Evaluation
) -> Iterator[str]:
    left = [str(size) for size in dict.fromkeys(measuring.batch_sizes) if size > 1]
    if left and len(found.shapes) > 1:
        yield (
            f"skipped training batches of {joined(left)}: the samples have {len(found.shapes)} different shapes, and "
            "such samples cannot be in one batch; `size` cuts patches of one shape"
        )
    of = plural(samples, "sample") if nesting is None else plural(nesting.number, "volume")
    for one in trained:
        size, share = one.batch_size, overlap(samples, nesting, one.batch_size)
        if share > 1:
            yield f"skipped training batches of {size}, which need more than the {of} given; give more volumes"
        elif share == 1 and (samples if nesting is None else nesting.number) > 1:
            yield (
                f"a training batch of {size} takes all of the {of}, so that batches cannot differ and their noise is "
                "not known; give more volumes"
            )
        elif share > _OVERLAP and size > 1:
            yield (
                f"training batches of {size} are drawn from {of} and have many of these in common: batches of a large "
                f"data set vary about {(1 - share) ** -0.5:.1f} times as much; give more volumes"
            )
    hidden = only_in_training(trained, found.layers)
    if hidden:
        yield f"not measured, since it runs only in training mode: {first_ones(_layers(hidden), hidden)}"


def _layers(names: Sequence[str]) -> str:
    return "layer" if len(names) == 1 else "layers"
