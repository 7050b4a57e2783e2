"""Weights written to a file that is loaded in place of the one that they came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bnstat.errors import InputError, OutputError, UsageError
from bnstat.networks.pytorch.weights.files import content_of, split_weights
from bnstat.networks.pytorch.weights.loading import fitting

# What is written back of a file, beside its tables: what `torch.load` reads with `weights_only=True`.
_PLAIN = (torch.Tensor, bool, int, float, str, bytes, type(None))


def save_weights(module: nn.Module, weights: str | None, changed: Iterable[torch.Tensor], path: str) -> None:
    """Write the weights of a module with its running statistics as they are now.

    Args:
        module: The network, without wrappers.
        weights: The file that they came from, with "::KEY" if they are a part of it; None without one. The new file has
            the same structure, but for objects that are neither tensors nor plain values.
        changed: The running statistics that are not as they were in that file.
        path: The file to write: safetensors if its name ends so, else as `torch.save` does.

    Raises:
        UsageError: if the name asks for safetensors, and this package is not installed.
        OutputError: if the file cannot be written.
    """
    try:
        if Path(path).suffix.lower() == ".safetensors":
            _save_safetensors(_state(module), path)
        else:
            torch.save(_as_in_file(module, weights, changed) or _state(module), path)
    except (OSError, RuntimeError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise OutputError(f"{path} could not be written ({reason}); give a file in a folder that exists") from None


def _state(module: nn.Module) -> dict[str, Any]:
    """Return the state dict on the processor, so that the file can be loaded anywhere."""
    return {
        name: value.detach().cpu() if isinstance(value, torch.Tensor) else value
        for name, value in module.state_dict().items()
    }


def _save_safetensors(state: Mapping[str, Any], path: str) -> None:
    try:
        from safetensors.torch import save_file
    except ImportError:
        raise UsageError(
            f"{path} needs safetensors, which is not installed: pip install safetensors, or give a name with .pt"
        ) from None
    tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    save_file({name: value.contiguous().clone() for name, value in tensors.items()}, path)  # none may share memory


def _as_in_file(module: nn.Module, weights: str | None, changed: Iterable[torch.Tensor]) -> Any:
    """Return what the file of weights holds, with the statistics that changed; None if they are not found in it."""
    if weights is None:
        return None
    file, key = split_weights(weights)
    try:
        content = content_of(file)
        tensors = fitting(module, content, file, key, type(module).__name__).tensors
    except (InputError, UsageError):  # a file that the module's own code has loaded
        return None
    # the tensors of the file that stand for each statistic: a module may have several names for it
    names: dict[int, list[str]] = {}
    for name, value in module.state_dict(keep_vars=True).items():
        names.setdefault(id(value), []).append(name)
    replaced: dict[int, torch.Tensor] = {}
    for own in changed:
        there = [tensors[name] for name in names.get(id(own), []) if name in tensors]
        if not there:
            return None
        replaced |= dict.fromkeys(map(id, there), own.detach().cpu())
    return _copied(content, replaced)


def _copied(value: Any, replaced: Mapping[int, torch.Tensor]) -> Any:
    """Return a value of a file with tensors replaced, and without what is neither a tensor nor a plain value."""
    if isinstance(value, torch.Tensor):
        return replaced.get(id(value), value)
    if isinstance(value, dict):
        return {key: _copied(one, replaced) for key, one in value.items() if _kept(one)}
    if isinstance(value, (list, tuple)):
        return type(value)([_copied(one, replaced) for one in value if _kept(one)])
    return value


def _kept(value: Any) -> bool:
    return isinstance(value, (*_PLAIN, dict, list, tuple))
