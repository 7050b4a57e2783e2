"""Weights written to a file that is loaded in place of the one that they came from."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bnstat.errors import OutputError, UsageError
from bnstat.networks.pytorch.modules import named, unwrapped

# A running statistic: the tensor of the module, and what it was when the network was opened.
Changed = tuple[torch.Tensor, torch.Tensor]


def save_weights(module: nn.Module, weights: str | None, changed: Sequence[Changed], path: str) -> None:
    """Write the weights of a module with its running statistics as they are now.

    Args:
        module: The network.
        weights: The file that they came from, with "::KEY" if they are a part of it; None without one. If each running
            statistic that changed is found in it, the new file has the same structure.
        changed: The running statistics that are not as they were.
        path: The file to write: safetensors if its name ends so, else as `torch.save` does.

    Raises:
        UsageError: if the name asks for safetensors, and this package is not installed.
        OutputError: if the file cannot be written.
    """
    try:
        if Path(path).suffix == ".safetensors":
            _save_safetensors(_state(module), path)
        else:
            torch.save(_as_stored(module, weights, changed) or _state(module), path)
    except (OSError, RuntimeError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise OutputError(f"{path} could not be written ({reason}); give a file in a folder that exists") from None


def _state(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu() for name, tensor in module.state_dict().items()}


def _save_safetensors(state: dict[str, torch.Tensor], path: str) -> None:
    try:
        from safetensors.torch import save_file
    except ImportError:
        raise UsageError(
            f"{path} needs safetensors, which is not installed: pip install safetensors, or give a name with .pt"
        ) from None
    save_file({name: tensor.contiguous().clone() for name, tensor in state.items()}, path)


def _as_stored(module: nn.Module, weights: str | None, changed: Sequence[Changed]) -> Any:
    """Return what the file of weights holds, with the running statistics that changed; None if that cannot be made."""
    if weights is None:
        return None
    file, _, key = weights.partition("::")
    try:
        stored = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError):  # not a file that torch.load reads
        return None
    part = _part(stored, key)
    names = _names(module)
    for own, before in changed:
        new, found = own.detach().cpu(), False
        for holder, name in list(_tensors(part)):
            same_name = any(f".{name.replace('_orig_mod.', '')}".endswith(f".{ours}") for ours in names[id(own)])
            if same_name and _equal(holder[name], before.cpu()):
                holder[name], found = new, True
        if not found:
            return None
    return stored


def _part(stored: Any, key: str) -> Any:
    """Return the part of a file that a key names, as "state_dict" or "a.b"; the whole without one."""
    if not key or (isinstance(stored, MutableMapping) and key in stored):
        return stored[key] if key else stored
    for step in key.split("."):
        stored = stored.get(step) if isinstance(stored, MutableMapping) else None
    return stored


def _names(module: nn.Module) -> dict[int, list[str]]:
    """Return the names of each buffer and parameter, without those of wrappers."""
    names: dict[int, list[str]] = {}
    root = unwrapped(module)
    for name, tensor in root.state_dict(keep_vars=True).items():
        names.setdefault(id(tensor), []).append(name.replace("_orig_mod.", ""))
    for part, name in named(root).items():
        for own, tensor in [*part._buffers.items(), *part._parameters.items()]:
            names.setdefault(id(tensor), []).append(f"{name}.{own}")
    return names


def _tensors(part: Any) -> Iterator[tuple[MutableMapping[str, Any], str]]:
    """Yield each place of a tensor in nested dictionaries: the dictionary and the name."""
    if isinstance(part, MutableMapping):
        for name, value in part.items():
            if isinstance(value, torch.Tensor) and isinstance(name, str):
                yield part, name
            else:
                yield from _tensors(value)


def _equal(stored: torch.Tensor, before: torch.Tensor) -> bool:
    return stored.shape == before.shape and torch.equal(stored.to(before.dtype), before)
