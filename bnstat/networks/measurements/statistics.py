"""Statistics to load in place of the stored ones: those of these samples, layer by layer.

Each layer gets the mean and the biased variance of all that enters it while the layers before it normalize with what
they were given already. So the network then does in evaluation mode what it does in training mode with one batch of all
samples. Statistics of all layers from one pass, loaded together, are no such thing: what enters a deep layer changes as
soon as the layers before it are corrected.

The variance is the biased one, by which a training batch is normalized. PyTorch's own running variance is multiplied by
n/(n − 1) for each batch, which makes up for what a batch lacks of the population on average; here the batch is the
population, and nothing is lacking. "Precise" batch norm undoes that factor too before it pools batches (Wu & Johnson
2021, "Rethinking 'Batch' in BatchNorm", arXiv 2105.07576, appendix).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from bnstat.errors import UsageError
from bnstat.moments.moments import Doubles, Moments
from bnstat.networks.layer_names import layer_of
from bnstat.networks.measurements.cells import whole
from bnstat.networks.measurements.evaluation import evaluated, not_run
from bnstat.networks.measurements.samples import Progress, Samples
from bnstat.networks.network import LayerRefusesError, Network
from bnstat.text import first_ones, numbered, plural


@dataclass(frozen=True, eq=False)
class CorrectedLayer:
    """The statistics that a layer was given.

    Attributes:
        layer: The name of its module.
        mean: Shape (channels,).
        variance: The biased variance, shape (channels,).
        values: The number of values of each channel that they are of.
        mean_gap: How far the stored mean was from this one, in standard deviations, the median over channels; None if
            no channel varies.
        dead: The channels that are constant over all samples, whose variance is 0.
    """

    layer: str
    mean: Doubles
    variance: Doubles
    values: int
    mean_gap: float | None
    dead: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Corrected:
    """The statistics that a network was given.

    Attributes:
        layers: Its layers with running statistics, in the order in which they run.
        samples: The number of samples that the statistics are of.
        notes: Sentences on what a user should know before the network is used with them.
    """

    layers: tuple[CorrectedLayer, ...]
    samples: int
    notes: tuple[str, ...] = ()


@dataclass(eq=False)
class _Module:
    """A module with running statistics: the calls of it in a pass, and what entered each."""

    name: str
    calls: list[str]
    stored_mean: Doubles | None
    entered: dict[str, Moments] = field(default_factory=dict)

    @property
    def merged(self) -> Moments:
        """The moments of all calls that were looked at, shape (channels,)."""
        return Moments.stack(self.entered.values()).merged(axis=0)


def corrected(network: Network, samples: Samples, progress: Progress | None = None) -> Corrected:
    """Load the statistics of these samples into a network, layer by layer, and return them.

    The network has them until it is restored, so that it can be saved or measured. It is restored after an error.
    Frozen layers keep theirs, with which the network was trained. A module that is called several times in a pass has
    one set of statistics for all calls: those of all that enters it. The layers between its calls are corrected again
    once all calls are known.

    Args:
        network: The network.
        samples: The samples, each fetched once for every layer.
        progress: Called after each forward pass, which ends at the layer in question.

    Raises:
        UsageError: if there is no sample, no layer stores statistics, or NaN or Inf enters a layer.
    """
    if not len(samples):
        raise UsageError("there is no sample to take statistics of; give volumes")
    calls, frozen = _required(network, samples)
    try:
        modules = _correct(network, samples, calls, progress)
    except BaseException:
        network.restore()
        raise
    layers = tuple(map(_layer_of, modules))
    return Corrected(layers, len(samples), tuple(_notes(modules, layers, frozen)))


def require_stored(network: Network, samples: Samples) -> None:
    """Refuse a network that has no statistics to correct. One sample is run.

    Raises:
        UsageError: if no layer stores statistics.
    """
    _required(network, samples)


def _required(network: Network, samples: Samples) -> tuple[dict[str, _Module], list[str]]:
    """Return the calls that are corrected, with their modules, and the names of frozen layers.

    Raises:
        UsageError: if there is no such call.
    """
    calls, frozen = _stored_calls(network, samples)
    if calls:
        return calls, frozen
    if frozen:
        raise UsageError(
            f"every layer of {network.source} with running statistics is frozen, so that there are none to correct"
        )
    raise UsageError(
        f"{network.source} has no layer with running statistics, so that there are none to correct; it normalizes "
        "with the statistics of each sample already; leave `save_statistics` out"
    )


def _stored_calls(network: Network, samples: Samples) -> tuple[dict[str, _Module], list[str]]:
    """Return the calls that normalize with stored statistics, in the order in which they run, with their modules.

    The names of frozen layers come beside them.
    """
    modules: dict[str, _Module] = {}
    calls: dict[str, _Module] = {}
    frozen = []
    for seen in evaluated(network, samples, 0, samples[0][None]).seen:
        own = seen.normalization
        if own.stored and own.frozen:
            frozen.append(own.layer)
        elif own.stored:
            name = layer_of(own.layer)
            module = modules.setdefault(name, _Module(name, [], own.running_mean))
            module.calls.append(own.layer)
            calls[own.layer] = module
    return calls, frozen


def _correct(network: Network, samples: Samples, calls: dict[str, _Module], progress: Progress | None) -> list[_Module]:
    """Correct one call after the other; after the last call of a module, the layers since its first call again."""
    order = list(calls)
    for place, call in enumerate(order):
        module = calls[call]
        _enter(network, samples, module, call, progress, f"statistics of layer {place + 1} of {len(order)}")
        first = order.index(module.calls[0])
        if call == module.calls[-1] and first < place:
            between = [one for one in order[first + 1 : place] if calls[one] is not module]
            for again in between:
                _enter(network, samples, calls[again], again, progress, f"statistics of {again} again")
    return list(dict.fromkeys(calls.values()))


def _enter(
    network: Network, samples: Samples, module: _Module, call: str, progress: Progress | None, words: str
) -> None:
    """Take the statistics of what enters one call, and load them together with those of the other calls so far."""
    found: Moments | None = None
    for place in range(len(samples)):
        batch = samples[place][None]
        try:
            moments = whole(network.entering(call, batch))
        except LayerRefusesError as error:
            raise not_run(samples, place, batch, error) from error
        bad = np.flatnonzero((moments.nan + moments.inf > 0) | ~np.isfinite(moments.m2))
        if bad.size:
            raise UsageError(
                f"{samples.identities[place].title}: NaN or Inf enters {numbered('channel', 'channels', bad.tolist())} "
                f"of the layer {call}, so that it has no statistics; leave the sample out, or look at its values with "
                "bnstat inspect"
            )
        found = moments if found is None else found.merge(moments)
        if progress is not None:
            progress(words, place + 1, len(samples))
    if found is None:
        return
    module.entered[call] = found
    merged = module.merged
    network.load(module.name, merged.mean, merged.variance)


def _layer_of(module: _Module) -> CorrectedLayer:
    merged = module.merged
    gap = None
    if module.stored_mean is not None and merged.varies.any():
        gaps = np.abs(module.stored_mean - merged.mean)[merged.varies] / np.sqrt(merged.variance[merged.varies])
        gap = float(np.median(gaps))
    dead = tuple(np.flatnonzero(~merged.varies).tolist())
    return CorrectedLayer(module.name, merged.mean, merged.variance, int(merged.count.max()), gap, dead)


def _notes(modules: Iterable[_Module], layers: Iterable[CorrectedLayer], frozen: list[str]) -> Iterable[str]:
    if frozen:
        yield (
            f"{first_ones('kept the stored statistics of', frozen)}, which training had frozen: the network was "
            "trained with them"
        )
    for module in modules:
        if len(module.calls) > 1:
            yield (
                f"{module.name} runs {len(module.calls)} times in a pass with one set of running statistics. It "
                "got those of all calls together, as they were before it had them: with them its later calls get other "
                "values, so they are near the statistics of these samples and not equal to them"
            )
    dead = [layer for layer in layers if layer.dead]
    if dead:
        yield (
            f"{plural(sum(len(layer.dead) for layer in dead), 'channel')} without variance in these samples got the "
            f"variance 0 ({dead[0].layer} first): where other data vary, they are multiplied by 1/√ε; take statistics "
            "of more samples"
        )
