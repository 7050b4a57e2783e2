"""A module of PyTorch as a network that can be run while its normalizations are watched."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext, redirect_stdout, suppress
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from bnstat.errors import BnstatError, UsageError, first_line
from bnstat.moments.moments import Doubles
from bnstat.networks.network import Framework, LayerRefusesError, ReachedError
from bnstat.networks.normalization import Pass, Seen, Tensors
from bnstat.networks.pytorch import modules
from bnstat.networks.pytorch.batches import device_of
from bnstat.networks.pytorch.models.device import device_named, require_precision
from bnstat.networks.pytorch.reduction import plain
from bnstat.networks.pytorch.saving import save_weights
from bnstat.networks.pytorch.tensors import tensors_in
from bnstat.networks.pytorch.unchanged import unchanged
from bnstat.networks.pytorch.watcher import Known, Watcher
from bnstat.networks.pytorch.watching import watched

# What is said if a pass drew random numbers although every random layer that is known was off.
_CHANCE = "the network draws random numbers that cannot be turned off; every pass draws the same ones"


class ModuleNetwork:
    """A module of PyTorch, run in this process. It is a `bnstat.networks.network.Network`.

    Attributes:
        source: The model, as the user named it.
        weights: The file of its weights, as the user named it; None without one.
        framework: "pytorch".
        channels_last: False: channels are axis 1 of a batch.
        trains: True.
    """

    framework: Framework = "pytorch"
    channels_last = False
    trains = True

    def __init__(
        self,
        module: nn.Module,
        source: str,
        weights: str | None = None,
        device: str | torch.device | None = "cpu",
        amp: str | None = None,
        origin: str | None = None,
    ) -> None:
        """Take a module.

        Args:
            module: The network, with its weights. A wrapper of torch.compile, DataParallel or DistributedDataParallel
                is run as what it wraps.
            source: The model, as the user named it.
            weights: The file of its weights, as the user named it.
            device: Where it runs, as "cpu" or "cuda:0", to which it is moved; None to leave it where it is.
            amp: The type that autocast computes in, "bfloat16" or "float16"; None to run without autocast.
            origin: The file of its weights and the key of the state dict in it, if `weights` lacks the key.

        Raises:
            UsageError: if there is no such device, or it does not compute in this type.
        """
        self.source, self.weights = source, weights
        self._origin = weights if origin is None else origin
        self._known = Known.of(module)
        self._device = device_of(self._known.root) if device is None else device_named(str(device))
        self._autocast = _autocasting(amp, self._device)
        if device is not None:
            self._known.root.to(self._device)
        self._looked = False
        self._opened: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}  # statistics before `load`

    @property
    def device(self) -> torch.device:
        """Where batches go, and the network is unless it is spread over several devices."""
        return self._device

    @property
    def parameters(self) -> int:
        """The number of parameters, without those that get their shape from a first batch."""
        return sum(own.numel() for own in self._known.root.parameters() if not is_lazy(own))

    @property
    def missed(self) -> tuple[str, ...]:
        """Sentences on normalizations that cannot be seen, known after the first pass."""
        return tuple(self._known.missed)

    def evaluate(self, batch: Tensors) -> Pass:
        """Run a batch in evaluation mode.

        Raises:
            LayerRefusesError: if a layer refuses this batch, as an instance norm does with one value for each channel.
            UsageError: if the network returns no tensor.
        """
        seen: list[Seen] = []
        outputs = self._first_run(batch, seen) if not self._looked else self._run(batch, seen)
        return Pass(outputs, tuple(seen))

    def train(self, batch: Tensors) -> Pass:
        """Run a batch forward with each batch norm in training mode and everything else in evaluation mode.

        So dropout, stochastic depth and other random layers are off, also those that a `forward` calls as functions.

        Raises:
            LayerRefusesError: if a layer refuses this batch.
            UsageError: if the network returns no tensor.
        """
        self._look(batch)
        seen: list[Seen] = []
        outputs = self._run(batch, seen, training=True)
        return Pass(outputs, tuple(seen))

    def switched(self, layers: Sequence[str], batch: Tensors) -> Tensors:
        """Return the outputs in evaluation mode, with some layers using the statistics of each sample itself.

        Args:
            layers: Their names. Layers without stored statistics are as they are.
            batch: One sample, so that the statistics of the batch are those of the sample.

        Raises:
            LayerRefusesError: if a layer has one value for each channel.
            UsageError: if a layer stores statistics and does more with them than normalize.
        """
        self._look(batch)
        return self._run(batch, None, switched=layers)

    def entering(self, layer: str, batch: Tensors) -> Seen:
        """Run a batch in evaluation mode up to one layer, and return what entered it.

        Raises:
            UsageError: if no such layer runs.
        """
        self._look(batch)
        try:
            self._run(batch, None, until=layer)
        except ReachedError as reached:
            return reached.seen
        raise UsageError(f"{layer}: no normalization of {self.source} has this name, or it does not run")

    def load(self, layer: str, mean: Doubles, variance: Doubles) -> None:
        """Set the running statistics of a layer, until `restore`.

        Args:
            layer: Its name. Calls of one module share their running statistics.
            mean: Shape (channels,).
            variance: Shape (channels,), as the layer divides by it: neither biased nor corrected here.

        Raises:
            UsageError: if the layer has not run, or has no running statistics.
        """
        if layer not in self._known.stored:
            raise UsageError(f"{layer}: this layer of {self.source} has no running statistics to set")
        own = self._known.stored[layer]
        with torch.no_grad():
            for tensor, values in zip(own, (mean, variance), strict=True):
                self._opened.setdefault(id(tensor), (tensor, tensor.clone()))
                tensor.copy_(torch.from_numpy(np.array(values, np.float64)).reshape(tensor.shape))

    def restore(self) -> None:
        """Set every running statistic to what it was when the network was opened."""
        with torch.no_grad():
            for own, before in self._opened.values():
                own.copy_(before)
        self._opened.clear()

    def save(self, path: str) -> tuple[str, ...]:
        """Write the weights with the running statistics as they are now, in the structure of the file of weights.

        Returns:
            Sentences on what the new file lacks of the old one.

        Raises:
            OutputError: if the file cannot be written.
        """
        return save_weights(self._known.root, self._origin, [own for own, _ in self._opened.values()], path)

    def _look(self, batch: Tensors) -> None:
        """Run a first pass if there was none: it shows how each normalization can be seen."""
        if not self._looked:
            with suppress(LayerRefusesError):  # the pass that is asked for says so
                self._first_run(batch, [])

    def _first_run(self, batch: Tensors, seen: list[Seen]) -> Tensors:
        """Run a batch in evaluation mode, and look for normalizations that cannot be seen."""
        own = [*self._known.root.parameters(), *self._known.root.buffers()]
        if any(is_lazy(tensor) for tensor in own):
            self._run(batch, [])  # gives them their shape, and draws what they start with
            self._known.missed.clear()
        try:
            outputs = self._run(batch, seen, thorough=True)
        except LayerRefusesError:
            self._looked = True
            raise
        self._looked = True
        return outputs

    def _run(
        self,
        batch: Tensors,
        seen: list[Seen] | None,
        *,
        training: bool = False,
        thorough: bool = False,
        until: str | None = None,
        switched: Sequence[str] = (),
    ) -> Tensors:
        """Run a batch, append what entered each normalization if that is asked for, and return the first output."""
        with ExitStack() as stack:
            lent = stack.enter_context(unchanged(self._known.root))
            note = None if seen is None else seen.append
            watcher = Watcher(self._known, note, own=lent.own, until=until, switched=switched)
            stack.enter_context(watched(watcher, chance=False, thorough=thorough))
            stack.enter_context(torch.no_grad())
            stack.enter_context(warnings.catch_warnings(action="ignore"))  # of PyTorch, on its own use
            stack.enter_context(self._autocast())
            for module in self._known.names:
                module.training = training and (modules.normalizes(module) or module in self._known.callers)
            state = torch.get_rng_state()
            outputs = self._forward(self._tensor(batch), watcher, [] if seen is None else seen)
            if not torch.equal(state, torch.get_rng_state()):
                self._known.missed.setdefault(_CHANCE)
            return _first_output(outputs, len(batch), self.source)

    def _forward(self, tensor: torch.Tensor, watcher: Watcher, seen: list[Seen]) -> Any:
        """Return what the network returns for a batch, or say in one line why it cannot run it."""
        try:
            with redirect_stdout(sys.stderr):  # a `forward` may print, and an answer may go to stdout
                return self._known.root(tensor)
        except BnstatError:
            raise
        except Exception as error:
            if watcher.refused is not None and watcher.refused[0] is error:
                raise LayerRefusesError(watcher.refused[1], str(error), tuple(seen)) from error
            shape = " × ".join(str(length) for length in tensor.shape)
            raise UsageError(
                f"{self.source} cannot run a batch of shape {shape} ({type(error).__name__}: {first_line(error)}); "
                "give it samples of the shape and the channels that it is trained with, as patches with "
                "`size=(96, 96, 96)`"
            ) from error

    def _tensor(self, batch: Tensors) -> torch.Tensor:
        """Return a batch as the network gets it, in memory of its own."""
        types = [own.dtype for own in self._known.root.parameters() if own.is_floating_point()]
        return torch.tensor(batch).to(self._device, types[0] if types else torch.float32)


def _first_output(outputs: Any, samples: int, source: str) -> Tensors:
    """Return the first output that has the samples along axis 0, in memory of its own.

    Raises:
        UsageError: if there is none.
    """
    for output in tensors_in(outputs):
        if output.ndim and output.shape[0] == samples:
            held = plain(output)
            return np.array((held if held.dtype == torch.float64 else held.float()).numpy())
    raise UsageError(f"{source} returns no tensor with the samples of a batch along its first axis")


def _autocasting(amp: str | None, device: torch.device) -> Callable[[], AbstractContextManager[Any]]:
    """Return what makes the context in which a pass runs.

    Raises:
        UsageError: if autocast has no such type, or the device does not compute in it.
    """
    require_precision(amp, device)
    return nullcontext if amp is None else partial(torch.autocast, device.type, getattr(torch, amp))
