"""What is noted of each normalization while a network runs forward, and where the pass is changed or stopped."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from bnstat.errors import UsageError, first_line
from bnstat.networks.layer_names import CallNames
from bnstat.networks.network import ReachedError
from bnstat.networks.normalization import Normalization, Seen
from bnstat.networks.pytorch import modules
from bnstat.networks.pytorch.calls import Call
from bnstat.networks.pytorch.reduction import channel_axis, reduce_input
from bnstat.networks.pytorch.stated import epsilon_of, of_call, of_module
from bnstat.networks.pytorch.tensors import tensors_in

# How far the output of a module that normalizes by itself may be from that of PyTorch's batch norm, in its own size.
_SAME = 1e-3
# What PyTorch takes for an epsilon of 0, which it refuses with the statistics of a batch.
_TINY = torch.finfo(torch.float32).tiny


@dataclass
class Known:
    """What watched passes showed of a network, beside what entered its layers.

    Attributes:
        root: The network, without wrappers.
        names: The name of each module.
        stored: The tensors of the running mean and variance of each layer that has them.
        callers: Modules whose `forward` calls a function with running statistics.
        by_input: Modules that store statistics and have a `forward` of their own: True if they call no function that is
            seen, so that what is known is their input.
        missed: Sentences on normalizations that cannot be seen, once each.
    """

    root: nn.Module
    names: dict[nn.Module, str]
    stored: dict[str, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)
    callers: dict[nn.Module, None] = field(default_factory=dict)
    by_input: dict[nn.Module, bool] = field(default_factory=dict)
    missed: dict[str, None] = field(default_factory=dict)

    @classmethod
    def of(cls, module: nn.Module) -> Known:
        """Return what is known of a network before a pass: the names of its modules."""
        root = modules.unwrapped(module)
        return cls(root, modules.named(root))


@dataclass
class _Frame:
    """A module while its `forward` runs.

    Attributes:
        module: The module.
        name: Its name.
        noted: The number of normalizations that were noted before it.
        by_input: True if it may be known by its input alone.
        input: What entered it then; None if that is not asked for.
        tensor: The input itself, if the layer is to take its own statistics.
    """

    module: nn.Module
    name: str
    noted: int
    by_input: bool = False
    input: Seen | None = None
    tensor: torch.Tensor | None = None


class Watcher:
    """Notes what enters each normalization of a network while it runs forward.

    Only what runs inside the network's own `forward` is noted. Activation checkpointing runs parts again in the
    backward pass, when it is over.

    Attributes:
        known: What is known of the network.
        refused: The exception of a normalization that refused its input, and the name of the layer.
        inside: True while a normalization that was noted runs.
    """

    def __init__(
        self,
        known: Known,
        note: Callable[[Seen], object] | None,
        *,
        own: Callable[[torch.Tensor], torch.Tensor] = lambda tensor: tensor,
        until: str | None = None,
        switched: Collection[str] = (),
    ) -> None:
        """Begin to watch.

        Args:
            known: What is known of the network. It is added to.
            note: Called with what entered a normalization, after it ran; None to take no moments.
            own: Returns the module's own tensor for one that it was lent for the pass, and another one as it is.
            until: The layer at which to stop, with ReachedError; None to run to the end.
            switched: The layers that take the statistics of their input.
        """
        self.known, self._note, self._own, self._until, self._switched = known, note, own, until, frozenset(switched)
        self.refused: tuple[Exception, str] | None = None
        self.inside = False
        self._stack: list[_Frame] = []
        self._calls = CallNames()
        self._noted = 0
        self._samples = 0

    @property
    def running(self) -> str | None:
        """The name of the module whose `forward` runs; None outside the network, or in one known by its input."""
        if not self._stack or any(frame.by_input for frame in self._stack):
            return None
        return self._stack[-1].name

    def enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Note that the `forward` of a module begins."""
        tensor = next(tensors_in((args, kwargs)), None)
        if module is self.known.root:
            self._stack.clear()
            self._calls = CallNames()
            self._samples = tensor.shape[0] if tensor is not None and tensor.ndim else 0
        elif not self._stack:
            return
        frame = _Frame(module, self.known.names[module], self._noted)
        self._stack.append(frame)
        if self._may_be_known_by_input(module, tensor):
            self._enter_by_input(frame, tensor)

    def leave(self, module: nn.Module, _: tuple[Any, ...], output: Any) -> Any:
        """Note that the `forward` of a module ended, and return its output if that is another now."""
        if not any(frame.module is module for frame in self._stack):
            return None
        while (frame := self._stack.pop()).module is not module:
            pass
        nothing_seen = self._noted == frame.noted
        if frame.by_input:
            self.known.by_input.setdefault(module, nothing_seen)
            if nothing_seen:
                self._calls.next(frame.name)
                self._keep(frame.input)
                return self._own_output(frame, output)
        elif nothing_seen and self.refused is None and modules.is_called_norm(module):
            self._miss(
                f"{frame.name} ({type(module).__name__}) calls no normalization of PyTorch; if it normalizes with "
                "arithmetic of its own, what enters it is not measured"
            )
        return None

    def call(self, call: Call) -> Any:
        """Note the call of a function that normalizes, and return what it returns."""
        axis = channel_axis(call)
        if self.inside or not self._stack or call.input.ndim <= axis or not call.input.numel():
            return call.run()
        frame = self._stack[-1]
        layer = self._calls.next(frame.name)
        seen = None
        if self._note is not None or layer == self._until:
            try:
                normalization = self._normalization(layer, call, axis, frame.module)
                seen = reduce_input(normalization, call.input, axis, self._samples)
            except RuntimeError as error:  # a tensor without numbers, as those of torch.func
                self._miss(f"{layer}: what enters it cannot be read ({first_line(error)})")
                return call.run()
            if layer == self._until:
                raise ReachedError(seen)
        self.inside = True
        try:
            output = call.run_with_own_statistics() if layer in self._switched else call.run()
        except ValueError as error:
            self.refused = error, layer
            raise
        finally:
            self.inside = False
        self._keep(seen)
        return output

    def miss(self, operator: str) -> None:
        """Note an operator that normalizes and that no call of a function led to."""
        self._miss(
            f"{self.running} runs {operator} where no call can be seen, as in TorchScript; its input is not measured"
        )

    def _keep(self, seen: Seen | None) -> None:
        self._noted += 1
        if self._note is not None and seen is not None:
            self._note(seen)

    def _miss(self, sentence: str) -> None:
        self.known.missed.setdefault(sentence)

    def _normalization(self, layer: str, call: Call, axis: int, module: nn.Module) -> Normalization:
        """Return what the arguments of a call say of a layer, and note where its running statistics are."""
        channels = call.input.shape[axis]
        mean, variance = call["running_mean"], call["running_var"]
        training = self.known.root.training or module.training
        if call.takes_own_statistics and not training:
            mean = variance = None  # they are not what it normalizes with, in evaluation mode either
        if mean is not None and variance is not None:
            self._store(layer, mean, variance)
            if not modules.normalizes(module):
                self.known.callers.setdefault(module)
        return of_call(layer, call, module, channels, self._kept(mean), self._kept(variance), training=training)

    def _kept(self, tensor: torch.Tensor | None) -> torch.Tensor | None:
        """Return the module's own tensor for one that it was lent, which has the numbers before the pass."""
        return None if tensor is None else self._own(tensor)

    def _store(self, layer: str, mean: torch.Tensor, variance: torch.Tensor) -> None:
        """Note where the running statistics of a layer are, if they are tensors of a module."""
        if all(self._own(tensor) is not tensor or isinstance(tensor, nn.Parameter) for tensor in (mean, variance)):
            self.known.stored[layer] = self._own(mean), self._own(variance)

    def _may_be_known_by_input(self, module: nn.Module, tensor: torch.Tensor | None) -> bool:
        """Return True if a module stores statistics and its `forward` may normalize without a function that is seen."""
        if not modules.stores_statistics(module) or modules.calls_a_function(module):
            return False
        channels = module.running_mean.numel()  # type: ignore[operator]  # a tensor, by the above
        fits = tensor is not None and tensor.ndim > 1 and tensor.shape[1] == channels and tensor.numel() > 0
        return fits and self.known.by_input.get(module, True)

    def _enter_by_input(self, frame: _Frame, tensor: Any) -> None:
        module: Any = frame.module
        layer = self._calls.upcoming(frame.name)
        frame.by_input = True
        if layer in self._switched:
            frame.tensor = tensor.clone()
        reached = layer == self._until and self.known.by_input.get(module)
        if self._note is None and not reached:
            return
        normalization = of_module(layer, module, tensor.shape[1], self._own)
        frame.input = reduce_input(normalization, tensor, 1, self._samples)
        self._store(layer, module.running_mean, module.running_var)
        if reached:
            raise ReachedError(frame.input)

    def _own_output(self, frame: _Frame, output: Any) -> Any:
        """Return the output of a switched module with arithmetic of its own, which must be that of a batch norm."""
        if frame.tensor is None:
            return None
        module: Any = frame.module
        affine = getattr(module, "weight", None), getattr(module, "bias", None)
        epsilon = epsilon_of(module)
        self.inside = True  # these calls are none of the network
        try:
            kept = module.running_mean, module.running_var
            stored = functional.batch_norm(frame.tensor, *kept, *affine, False, 0.0, epsilon)
            switched = functional.batch_norm(frame.tensor, None, None, *affine, True, 0.0, epsilon or _TINY)
        except ValueError as error:
            self.refused = error, frame.name
            raise
        finally:
            self.inside = False
        if not isinstance(output, torch.Tensor) or output.shape != stored.shape or not _alike(output, stored):
            raise UsageError(
                f"{frame.name} ({type(module).__name__}) stores running statistics and does more than batch "
                "normalization with them; it cannot be switched to the statistics of each sample. Leave it out with "
                "`layers`"
            )
        return switched


def _alike(output: torch.Tensor, expected: torch.Tensor) -> bool:
    """Return True if two outputs are the same within rounding, and NaN and Inf at the same places."""
    finite = expected.isfinite()
    if not torch.equal(finite, output.isfinite()):
        return False
    size = expected.where(finite, 0.0).abs().max()
    return bool((output - expected).where(finite, 0.0).abs().max() <= _SAME * size)
