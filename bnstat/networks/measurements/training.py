"""Real forward passes of training batches: how much the statistics of a batch vary from batch to batch.

Below a batch norm this cannot be merged from the samples of smaller batches, since what enters a layer depends on which
samples the batch norm above it averaged over. So every batch is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bnstat.batch_size.averages import average, variance
from bnstat.batch_size.draws import Indices
from bnstat.moments.moments import Doubles
from bnstat.networks.measurements.cells import refuses, values_of, whole
from bnstat.networks.measurements.evaluation import EvaluatedLayer
from bnstat.networks.measurements.figures import per_channel
from bnstat.networks.measurements.samples import Samples
from bnstat.networks.network import Framework, LayerRefusesError, Network
from bnstat.networks.normalization import Seen
from bnstat.networks.results import BatchSizeResult, PerChannel


@dataclass(eq=False)
class _Drawn:
    """The statistics of the batches that reached one layer, shape (channels,) each; NaN if a value is NaN or Inf."""

    means: list[Doubles] = field(default_factory=list)
    variances: list[Doubles] = field(default_factory=list)

    def add(self, seen: Seen) -> None:
        moments = whole(seen)
        finite = moments.nan + moments.inf == 0
        self.means.append(np.where(finite, moments.mean, np.nan))
        self.variances.append(np.where(finite, moments.variance, np.nan))


@dataclass(eq=False)
class TrainedBatches:
    """What training batches of one size had.

    Attributes:
        batch_size: The number of samples in a batch.
        drawn: What reached each layer.
        refused: The framework's words of each layer that stopped a pass.
    """

    batch_size: int
    drawn: dict[str, _Drawn] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def result(self, name: str, layer: EvaluatedLayer, framework: Framework) -> BatchSizeResult:
        """Return what batches had at one layer; a layer that no batch reached is judged by the shape of its input."""
        kind, values = layer.seen.normalization.kind, values_of(layer.seen)
        reduced = values * self.batch_size if kind == "batch" else values
        unknown: PerChannel = (None,) * layer.cells[0].shape[0]
        if name in self.refused:
            return BatchSizeResult(
                self.batch_size, 0, reduced, unknown, unknown, raises=True, message=self.refused[name]
            )
        if name not in self.drawn:
            raises = not layer.seen.normalization.frozen and refuses(framework, kind, values, self.batch_size)
            return BatchSizeResult(self.batch_size, 0, reduced, unknown, unknown, raises=raises)
        mine = self.drawn[name]
        noise, shortfall = _spread(mine) if kind == "batch" else (unknown, unknown)
        return BatchSizeResult(self.batch_size, len(mine.means), reduced, noise, shortfall)


def train(
    network: Network, samples: Samples, batches: Indices, *, alike: bool, tick: Callable[[], None] = lambda: None
) -> TrainedBatches:
    """Run batches forward in training mode.

    If a layer refuses a batch, layers above it have their statistics, and layers below it are not reached.

    Args:
        network: The network.
        samples: The samples.
        batches: The places of the samples of each batch, shape (batches, batch size).
        alike: True if all samples have one shape, so that a layer that refuses one batch refuses all.
        tick: Called after each pass.
    """
    found = TrainedBatches(batches.shape[1])
    for places in batches.tolist():
        batch = np.stack([samples[place] for place in places])
        try:
            seen: Sequence[Seen] = network.train(batch).seen
        except LayerRefusesError as error:
            found.refused.setdefault(error.layer, error.message)
            seen = error.seen
        for one in seen:
            found.drawn.setdefault(one.normalization.layer, _Drawn()).add(one)
        tick()
        if found.refused and alike and not any(one.normalization.takes_batch for one in seen):
            break
    return found


def only_in_training(found: Iterable[TrainedBatches], layers: Mapping[str, EvaluatedLayer]) -> list[str]:
    """Return the layers that run in training mode and not in evaluation mode."""
    return list(dict.fromkeys(name for one in found for name in (*one.drawn, *one.refused) if name not in layers))


def _spread(drawn: _Drawn) -> tuple[PerChannel, PerChannel]:
    """Return noise of the batch mean and shortfall of the batch variance, relative to the variance of all values.

    The variance of all values is the mean of the batch variances plus the variance of the batch means, so that the
    shortfall is the share of the latter, and the noise its root. The variance of the means is that of batches of which
    these are a sample (n − 1 in the divisor).
    """
    means, variances = np.array(drawn.means), np.array(drawn.variances)
    channels = means.shape[1]
    lost, total = np.full(channels, np.nan), np.full(channels, np.nan)
    defined = np.isfinite(means) & np.isfinite(variances)
    for channel in np.flatnonzero(defined.sum(axis=0) > 1):
        mine = defined[:, channel]
        number = np.count_nonzero(mine)
        lost[channel] = variance(means[mine, channel]) * number / (number - 1)
        total[channel] = lost[channel] + average(variances[mine, channel])
    share = np.divide(lost, total, out=np.full(channels, np.nan), where=total > 0)
    return per_channel(np.sqrt(share)), per_channel(share)
