"""What enters the normalizations in one training step of PyTorch, reduced where it is."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from bnstat.errors import first_line
from bnstat.moments.moments import Doubles
from bnstat.networks.layer_names import CallNames, is_asked
from bnstat.networks.normalization import Kind
from bnstat.networks.pytorch.blocks import moments_of, reduced
from bnstat.networks.pytorch.calls import Call
from bnstat.networks.pytorch.graphs import out_of_graphs
from bnstat.networks.pytorch.modules import ROOT, calls_a_function, stores_statistics
from bnstat.networks.pytorch.reduction import channel_axis
from bnstat.networks.pytorch.tensors import tensors_in
from bnstat.networks.pytorch.watcher import Known
from bnstat.networks.recordings.entered import Described, Entered

_KINDS: tuple[tuple[type[nn.Module], Kind], ...] = (
    (_InstanceNorm, "instance"),
    (_BatchNorm, "batch"),
    (nn.GroupNorm, "group"),
    (nn.LayerNorm, "layer"),
    (nn.RMSNorm, "rms"),
)


def described(name: str, module: nn.Module) -> Described | None:
    """Return a layer as the start of a recording describes it; None for a module that is no normalization layer."""
    kind = next((kind for known, kind in _KINDS if isinstance(module, known)), None)
    stored = stores_statistics(module)
    if kind is None and not stored:
        return None
    epsilon = getattr(module, "eps", None)
    momentum = getattr(module, "momentum", None) if stored else None
    shape: Any = getattr(module, "normalized_shape", None) or [None]
    widths = [*(getattr(module, width, None) for width in ("num_features", "num_channels")), shape[0]]
    channels = next((int(width) for width in widths if isinstance(width, int) and width > 0), None)
    return Described(name, kind or "batch", None if epsilon is None else float(epsilon), momentum, channels)


@dataclass(frozen=True, eq=False)
class _Reduced:
    """What entered a normalization, still on its device.

    Attributes:
        table: The moments as `reduced` returns them.
        stored: The running mean and variance, shape (2, channels); None without them.
    """

    layer: str
    kind: Kind
    shape: tuple[int, ...]
    axis: int
    dtype: str
    frozen: bool
    table: torch.Tensor
    stored: torch.Tensor | None


@dataclass
class _Frame:
    """A module while its `forward` runs.

    Attributes:
        found: The number of normalizations that were reduced before it.
        reduced: What entered it, if it stores statistics and may normalize with arithmetic of its own.
    """

    module: nn.Module
    found: int
    reduced: _Reduced | None = None


class TrainingStep:
    """The normalizations that ran so far in a training step. `watched` tells it of modules and functions.

    Attributes:
        known: The network with the names of its modules.
    """

    def __init__(self, known: Known, patterns: Sequence[str] = ()) -> None:
        self.known, self._patterns = known, patterns
        self._found: list[_Reduced] = []
        self._calls = CallNames()
        self._stack: list[_Frame] = []
        self._inside = False

    @out_of_graphs
    def enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Note that the `forward` of a module begins."""
        frame = _Frame(module, len(self._found))
        self._stack.append(frame)
        if not stores_statistics(module) or calls_a_function(module):
            return
        tensor, held = next(tensors_in((args, kwargs)), None), _statistics(module)
        if tensor is not None and tensor.ndim > 1 and tensor.shape[1] == held[0].numel() and tensor.numel():
            name = self.known.names[module]
            # SyncBatchNorm in a distributed training takes the statistics of the batch, and calls no function
            frozen = not (module.training and isinstance(module, _BatchNorm))
            frame.reduced = _reduce(name, "batch", tensor, 1, held, frozen=frozen)

    @out_of_graphs
    def leave(self, module: nn.Module, _: tuple[Any, ...], __: Any) -> None:
        """Note that the `forward` of a module ended."""
        if not any(frame.module is module for frame in self._stack):
            return
        while (frame := self._stack.pop()).module is not module:
            pass
        if frame.reduced is not None and len(self._found) == frame.found:
            self._keep(frame.reduced)

    @out_of_graphs
    def call(self, call: Call) -> Any:
        """Reduce what enters a function that normalizes, and return what it returns."""
        if self._inside or not self._stack or not call.input.is_floating_point() or not call.input.numel():
            return call.run()
        held = call["running_mean"], call["running_var"]
        name = self.known.names.get(self._stack[-1].module, ROOT)
        self._inside = True  # functions that these call are part of them
        try:
            self._try(name, call.kind, call.input, channel_axis(call), held, frozen=not call.takes_own_statistics)
            return call.run()
        finally:
            self._inside = False

    def miss(self, operator: str) -> None:
        """Take no note of an operator that no call of a function led to."""

    def _try(self, *of: Any, frozen: bool) -> None:
        """Reduce and keep a normalization; if that fails, as without memory, a warning says so and training goes on."""
        try:
            self._keep(_reduce(*of, frozen=frozen))
        except RuntimeError as error:
            warnings.warn(f"{of[0]} is not recorded in this step: {first_line(error)}", stacklevel=2)

    def _keep(self, one: _Reduced) -> None:
        """Keep a normalization under the name of its call: "norm", then "norm#2"."""
        call = self._calls.next(one.layer)
        if is_asked(call, self._patterns):
            self._found.append(replace(one, layer=call))

    def entered(self) -> list[Entered]:
        """Return what entered the layers, copied from each device at once."""
        tensors = [one.table for one in self._found] + [one.stored for one in self._found if one.stored is not None]
        arrays = dict(zip(map(id, tensors), _on_cpu(tensors), strict=True))
        return [
            Entered(
                one.layer,
                one.kind,
                one.shape,
                one.axis,
                one.dtype,
                one.frozen,
                moments_of(arrays[id(one.table)]),
                *((None, None) if one.stored is None else arrays[id(one.stored)]),
            )
            for one in self._found
        ]


def _statistics(module: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the running mean and variance of a module that has them."""
    return module.running_mean, module.running_var


def _reduce(name: str, kind: Kind, tensor: torch.Tensor, axis: int, held: Sequence[Any], *, frozen: bool) -> _Reduced:
    """Reduce what enters a normalization, with a copy of its running statistics."""
    if axis == 0:  # one sample without an axis for samples
        tensor, axis = tensor.unsqueeze(0), 1
    mean, variance = held
    stored = None
    if mean is not None and variance is not None and mean.numel() == tensor.shape[axis]:
        with torch.no_grad():
            stored = torch.stack([mean.detach().flatten(), variance.detach().flatten()]).double()
    return _Reduced(
        layer=name,
        kind=kind,
        shape=tuple(tensor.shape),
        axis=axis,
        dtype=str(tensor.dtype).removeprefix("torch."),
        frozen=frozen and stored is not None,
        table=reduced(tensor, axis),
        stored=stored,
    )


def _on_cpu(tensors: list[torch.Tensor]) -> list[Doubles]:
    """Return tensors as arrays; those of one device are copied together, so that the device is waited for once."""
    arrays: dict[int, Doubles] = {}
    for device in {one.device for one in tensors}:
        there = [place for place, one in enumerate(tensors) if one.device == device]
        flat = torch.cat([tensors[place].flatten() for place in there]).cpu()
        parts = torch.split(flat, [tensors[place].numel() for place in there])
        for place, part in zip(there, parts, strict=True):
            arrays[place] = part.view(tensors[place].shape).numpy()
    return [arrays[place] for place in range(len(tensors))]
