"""What a checkpoint stores of its normalization layers, channel by channel: from the file alone, without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, log10

import numpy as np
from numpy.typing import NDArray

from bnstat.layers.arithmetic.float_limits import FLOAT16_MAX
from bnstat.layers.running import steps_to_forget
from bnstat.moments.moments import Doubles
from bnstat.networks.checkpoints.settings import HUGE, SMALL_SCALE, AuditSettings
from bnstat.networks.checkpoints.stored import Checkpoint, StoredNormalization
from bnstat.networks.checkpoints.updates import (
    momentum_told,
    only_constants,
    only_constants_lately,
    weight_of_start,
)
from bnstat.text import printable

Channels = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class LayerAudit:
    """What a checkpoint stores of one normalization layer. Channels are named by their index.

    Attributes:
        stored: The layer as the file has it.
        epsilon: ε.
        momentum: The weight of a batch in the running statistics; None for a cumulative average.
        batches: The number of batches in the running statistics: as the file counts them, else the training steps that
            were given; None if neither is known, or if the count cannot be true.
        from_neighbours: The ratio of its median variance to that of the layers before and after it, the nearer one of
            the two; None without running statistics, or if it lies between them.
    """

    stored: StoredNormalization
    epsilon: float
    momentum: float | None
    batches: int | None
    from_neighbours: float | None = None

    @property
    def name(self) -> str:
        """The path of the layer in the file."""
        return self.stored.layer

    @property
    def title(self) -> str:
        """The path as a sentence has it, safe to print."""
        return printable(self.stored.layer)

    @property
    def mean(self) -> Doubles | None:
        """The running mean of each channel."""
        return self.stored.running_mean

    @property
    def variance(self) -> Doubles | None:
        """The running variance of each channel."""
        return self.stored.running_variance

    @cached_property
    def channels(self) -> int:
        """The number of channels."""
        stored = self.stored
        known = (stored.running_variance, stored.running_mean, stored.scale, stored.shift)
        return next((len(values) for values in known if values is not None), 0)

    @cached_property
    def initial(self) -> bool:
        """True if all running statistics are exactly those that a layer starts with: mean 0 and variance 1."""
        if self.variance is None or not self.channels:
            return False
        return bool(np.all(self.variance == 1.0) and (self.mean is None or np.all(self.mean == 0.0)))

    @cached_property
    def start_weight(self) -> float | None:
        """(1 − m)ⁿ, the share of the initial values in the running statistics; None if the batches are not known."""
        if self.variance is None or self.batches is None:
            return None
        return weight_of_start(self.momentum, self.batches)

    def batches_to_forget(self, limit: float) -> int | None:
        """Return after how many batches the initial values weigh no more than a limit; None if that never happens."""
        if not 0.0 < limit < 1.0:
            return None
        return 1 if self.momentum is None else steps_to_forget(self.momentum, limit)

    @cached_property
    def nan(self) -> Channels:
        """The channels with NaN in a statistic or parameter."""
        return self._any(np.isnan)

    @cached_property
    def inf(self) -> Channels:
        """The channels with Inf in a statistic or parameter."""
        return self._any(np.isinf)

    @cached_property
    def negative(self) -> Channels:
        """The channels whose running variance is negative."""
        return () if self.variance is None else _where(self.variance < 0.0)

    @cached_property
    def zero(self) -> Channels:
        """The channels whose running variance is exactly 0."""
        return () if self.variance is None else _where(self.variance == 0.0)

    @cached_property
    def dead(self) -> Channels:
        """The channels that only constants can have entered: their running variance is (1 − m)ⁿ."""
        if self.variance is None or self.initial or self.batches == 0:
            return ()
        mean = np.zeros_like(self.variance) if self.mean is None else self.mean
        return _where(only_constants(mean, self.variance, self.momentum, self.batches, self.stored.dtype))

    @cached_property
    def faded(self) -> Channels:
        """The channels that only constants have entered of late: their running variance has decayed to nearly 0."""
        if self.variance is None or self.initial:
            return ()
        mean = np.zeros_like(self.variance) if self.mean is None else self.mean
        found = _where(only_constants_lately(mean, self.variance))
        return tuple(channel for channel in found if channel not in self.dead)

    @cached_property
    def below_epsilon(self) -> Channels:
        """The channels whose running variance is above 0 and below ε."""
        return () if self.variance is None else _where((self.variance > 0.0) & (self.variance < self.epsilon))

    @cached_property
    def huge(self) -> Channels:
        """The channels whose running variance is finite and beyond that of any activation that is trained on."""
        if self.variance is None:
            return ()
        return _where(np.isfinite(self.variance) & (self.variance > HUGE))

    @cached_property
    def beyond_float16(self) -> Channels:
        """The channels with a finite number that float16 cannot hold: a statistic, a parameter or the folded gain."""
        found = np.zeros(self.channels, bool)
        for values in (*self._numbers(), self.gain):
            if values is not None:
                found |= np.isfinite(values) & (np.abs(values) > FLOAT16_MAX)
        return _where(found)

    @cached_property
    def small_scale(self) -> Channels:
        """The channels whose γ is nearly 0."""
        return () if self.stored.scale is None else _where(np.abs(self.stored.scale) < SMALL_SCALE)

    @cached_property
    def gain(self) -> Doubles | None:
        """γ/√(v + ε), by which folding at export multiplies the weights; NaN where it is undefined."""
        if self.variance is None:
            return None
        scale = np.ones_like(self.variance) if self.stored.scale is None else self.stored.scale
        with np.errstate(all="ignore"):
            gain = scale / np.sqrt(self.variance + self.epsilon)
        return np.where(np.isfinite(gain), gain, np.nan)

    def _numbers(self) -> tuple[Doubles | None, ...]:
        stored = self.stored
        return stored.running_mean, stored.running_variance, stored.scale, stored.shift

    def _any(self, wrong: np.ufunc) -> Channels:
        """Return the channels of which a number is wrong."""
        found = np.zeros(self.channels, bool)
        for values in self._numbers():
            if values is not None:
                found |= wrong(values)
        return _where(found)


@dataclass(frozen=True, eq=False)
class Audit:
    """What a checkpoint stores of its normalization layers.

    Attributes:
        checkpoint: The file.
        settings: What is known of the training beside the file.
        layers: Its normalization layers, in the order of the file.
        momentum_told: The momentum that dead channels tell, which is taken where neither the file nor the user says
            one; None if the default explains them, or if there are none.
    """

    checkpoint: Checkpoint
    settings: AuditSettings
    layers: tuple[LayerAudit, ...]
    momentum_told: float | None = None

    @property
    def file(self) -> str:
        """The file, as the user named it."""
        return self.checkpoint.file

    @cached_property
    def with_statistics(self) -> tuple[LayerAudit, ...]:
        """The layers that store running statistics."""
        return tuple(layer for layer in self.layers if layer.variance is not None)


def audit(checkpoint: Checkpoint, settings: AuditSettings) -> Audit:
    """Return what a checkpoint stores of its normalization layers, judged by its numbers alone."""
    ratios = _from_neighbours(checkpoint.normalizations)
    layer = settings.layer_for(checkpoint.format)
    layers = tuple(
        LayerAudit(
            stored,
            settings.epsilon_of(stored, layer),
            settings.momentum_of(stored, layer),
            _batches(stored, settings),
            ratio,
        )
        for stored, ratio in zip(checkpoint.normalizations, ratios, strict=True)
    )
    told = None if settings.momentum is not None or any(one.dead for one in layers) else _told(layers)
    if told is not None:
        layers = tuple(one if one.stored.momentum is not None else replace(one, momentum=told) for one in layers)
    return Audit(checkpoint, settings, layers, told)


def _told(layers: Sequence[LayerAudit]) -> float | None:
    """Return the momentum that channels tell into which only zeros have entered; None if none does."""
    for layer in layers:
        if layer.stored.momentum is None and layer.batches and layer.mean is not None and layer.variance is not None:
            told = momentum_told(layer.mean, layer.variance, layer.batches, layer.stored.dtype)
            if told is not None:
                return told
    return None


def _batches(stored: StoredNormalization, settings: AuditSettings) -> int | None:
    """Return how many batches entered the running statistics.

    A count of 0 beside statistics that have moved is that of weights from elsewhere, and tells nothing.
    """
    counted = settings.steps if stored.batches_tracked is None else stored.batches_tracked
    if counted != 0 or stored.running_variance is None:
        return counted
    moved = np.any(stored.running_variance != 1.0) or (
        stored.running_mean is not None and np.any(stored.running_mean != 0.0)
    )
    return None if moved else 0


def _from_neighbours(layers: Sequence[StoredNormalization]) -> list[float | None]:
    """Return for each layer the ratio of its median variance to that of its neighbours, the nearer of the two."""
    medians = [_median(layer.running_variance) for layer in layers]
    known = [place for place, median in enumerate(medians) if median is not None]
    found: list[float | None] = [None] * len(layers)
    for order, place in enumerate(known):
        beside = [known[near] for near in (order - 1, order + 1) if 0 <= near < len(known)]
        ratios = [(medians[place] or 1.0) / (medians[near] or 1.0) for near in beside]
        ratios = [one for one in ratios if 0.0 < one < inf]
        if ratios and (all(one > 1.0 for one in ratios) or all(one < 1.0 for one in ratios)):
            found[place] = min(ratios, key=lambda one: abs(log10(one)))
    return found


def _median(variance: Doubles | None) -> float | None:
    """Return the median of the variances that are finite and above 0; None without any."""
    if variance is None:
        return None
    usable = variance[np.isfinite(variance) & (variance > 0.0)]
    return float(np.median(usable)) if len(usable) else None


def _where(channels: NDArray[np.bool_]) -> Channels:
    return tuple(int(channel) for channel in np.flatnonzero(channels))
