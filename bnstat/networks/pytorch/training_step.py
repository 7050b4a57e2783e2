"""What enters the normalization layers in one training step of PyTorch, reduced where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.modules.instancenorm import _InstanceNorm

from bnstat.moments.moments import Doubles
from bnstat.networks.normalization import Kind
from bnstat.networks.pytorch.blocks import moments_of, reduced
from bnstat.networks.pytorch.modules import stores_statistics
from bnstat.networks.recordings.entered import Described, Entered

_KINDS: tuple[tuple[type[nn.Module], Kind], ...] = (
    (_InstanceNorm, "instance"),
    (_BatchNorm, "batch"),
    (nn.GroupNorm, "group"),
    (nn.LayerNorm, "layer"),
    (nn.RMSNorm, "rms"),
)


def kind_of(module: nn.Module) -> Kind | None:
    """Return what a module normalizes over; None if it is no normalization layer."""
    for known, kind in _KINDS:
        if isinstance(module, known):
            return kind
    return "batch" if stores_statistics(module) else None


def described(name: str, module: nn.Module) -> Described:
    """Return a layer as the start of a recording describes it."""
    epsilon = getattr(module, "eps", None)
    momentum = getattr(module, "momentum", None) if stores_statistics(module) else None
    channels = next((int(value) for value in _widths(module) if isinstance(value, int)), None)
    return Described(
        name, kind_of(module) or "batch", None if epsilon is None else float(epsilon), momentum, channels or None
    )


def _widths(module: nn.Module) -> list[Any]:
    """Return the attributes that may say how many channels a layer has."""
    shape = getattr(module, "normalized_shape", None) or [None]
    return [getattr(module, name, None) for name in ("num_features", "num_channels")] + [shape[0]]


@dataclass(frozen=True, eq=False)
class _Reduced:
    """What entered a layer, still on its device.

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


class TrainingStep:
    """The layers that ran so far in a training step."""

    def __init__(self) -> None:
        self._found: list[_Reduced] = []
        self._calls: dict[str, int] = {}

    def take(self, name: str, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Reduce what enters a layer, before the layer runs."""
        kind = kind_of(module)
        tensor = next((one for one in inputs if isinstance(one, torch.Tensor)), None)
        if kind is None or tensor is None or not tensor.numel() or not tensor.is_floating_point():
            return
        call = self._calls[name] = self._calls.get(name, 0) + 1
        if isinstance(module, _InstanceNorm) and tensor.dim() == module._get_no_batch_dim():  # type: ignore[no-untyped-call]
            tensor = tensor.unsqueeze(0)
        normalized: Any = getattr(module, "normalized_shape", None)  # of layer and RMS norm
        axis = max(tensor.dim() - len(normalized), 1) if normalized else 1
        with torch.no_grad():
            stored = _stored(module)
            found = _Reduced(
                layer=name if call == 1 else f"{name}#{call}",
                kind=kind,
                shape=tuple(tensor.shape),
                axis=axis,
                dtype=str(tensor.dtype).removeprefix("torch."),
                frozen=stored is not None and not (module.training and isinstance(module, _NormBase)),
                table=reduced(tensor, axis),
                stored=stored,
            )
        self._found.append(found)

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


def _stored(module: nn.Module) -> torch.Tensor | None:
    """Return a copy of the running mean and variance, shape (2, channels); None without them."""
    if not stores_statistics(module):
        return None
    held: Any = module  # modules have attributes of any type
    return torch.stack([held.running_mean.flatten(), held.running_var.flatten()]).double()


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
