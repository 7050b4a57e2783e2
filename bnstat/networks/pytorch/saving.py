"""Weights written to a file that is loaded in place of the one that they came from."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bnstat.errors import InputError, OutputError, UsageError, first_line
from bnstat.networks.pytorch.weights.files import content_of, split_weights
from bnstat.networks.pytorch.weights.loading import fitting
from bnstat.text import first_ones
from bnstat.writing import replacing, write_whole

# What is written back of a file, beside its tables: what `torch.load` reads with `weights_only=True`.
_PLAIN = (torch.Tensor, bool, int, float, complex, str, bytes, type(None), torch.device, torch.dtype)
_NESTED = (torch.Tensor, dict, list, tuple)


def save_weights(module: nn.Module, weights: str | None, changed: Iterable[torch.Tensor], path: str) -> tuple[str, ...]:
    """Write the weights of a module with its running statistics as they are now.

    Args:
        module: The network, without wrappers.
        weights: The file that they came from, with "::KEY" if they are a part of it; None without one. The new file has
            the same structure, but for objects that are neither tensors nor plain values.
        changed: The running statistics that are not as they were in that file.
        path: The file to write: safetensors if its name ends so, else as `torch.save` does.

    Returns:
        Sentences on what the new file lacks of the other one.

    Raises:
        UsageError: if the name asks for safetensors, and this package is not installed.
        OutputError: if the file cannot be written.
    """
    try:
        if Path(path).suffix.lower() == ".safetensors":
            _save_safetensors(_state(module), path)
            return ()
        lost: list[str] = []
        content = _as_in_file(module, weights, changed, lost)
        with replacing(path) as file:
            torch.save(_state(module) if content is None else content, file)
    except (OSError, RuntimeError) as error:
        raise OutputError(
            f"{path} could not be written ({first_line(error)}); give a file in a folder that exists"
        ) from None
    if content is None and weights is not None:
        source = split_weights(weights)[0]
        return (f"the new file is a state dict of the network, since its weights were not found in {source}",)
    if lost:
        return (f"the new file lacks what is neither a tensor nor a plain value: {first_ones(_values(lost), lost)}",)
    return ()


def _values(names: Sequence[str]) -> str:
    return "the value" if len(names) == 1 else "the values"


def _state(module: nn.Module) -> dict[str, Any]:
    """Return the state dict on the processor, so that the file can be loaded anywhere."""
    return {
        name: value.detach().cpu() if isinstance(value, torch.Tensor) else value
        for name, value in module.state_dict().items()
    }


def _save_safetensors(state: Mapping[str, Any], path: str) -> None:
    try:
        from safetensors.torch import save
    except ImportError:
        raise UsageError(
            f"{path} needs safetensors, which is not installed: pip install safetensors, or give a name with .pt"
        ) from None
    tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    content = save({name: value.contiguous().clone() for name, value in tensors.items()})  # none may share memory
    write_whole(path, content)


def _as_in_file(module: nn.Module, weights: str | None, changed: Iterable[torch.Tensor], lost: list[str]) -> Any:
    """Return what the file of weights holds, with the statistics that changed; None if they are not found in it.

    The names of values that cannot be written are appended to `lost`.
    """
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
    return _copied(content, replaced, lost)


def _copied(value: Any, replaced: Mapping[int, torch.Tensor], lost: list[str], path: str = "") -> Any:
    """Return a value of a file with tensors replaced, and without what is neither a tensor nor a plain value.

    A list keeps its length: None takes the place of such a value.
    """
    if isinstance(value, torch.Tensor):
        return replaced.get(id(value), value)
    names: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
    of = {name: f"{path}.{name}" if path else str(name) for name in names}
    lost.extend(of[name] for name in names if not _kept(value[name]))
    copied = {
        name: _copied(value[name], replaced, lost, of[name]) if isinstance(value[name], _NESTED) else value[name]
        for name in names
        if _kept(value[name])
    }
    if isinstance(value, dict):
        return OrderedDict(copied) if isinstance(value, OrderedDict) else copied
    return type(value)([copied.get(name) for name in names])


def _kept(value: Any) -> bool:
    return isinstance(value, (*_PLAIN, *_NESTED))
