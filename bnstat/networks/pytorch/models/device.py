"""The device on which a network runs, and the type of its mixed precision."""

from __future__ import annotations

import torch

from bnstat.errors import UsageError
from bnstat.text import plural

_AMP = ("bfloat16", "float16")


def device_named(name: str) -> torch.device:
    """Return a device that this machine has.

    Raises:
        UsageError: if it is no name of a device, or the machine does not have it; the message says which it has.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"`device={name}` is no device of PyTorch; use {_there()}") from error
    kind = device.type
    if kind == "cpu" or (kind == "mps" and torch.backends.mps.is_available()):
        return device
    number = torch.cuda.device_count() if kind == "cuda" else 0
    if kind == "cuda" and number and (device.index or 0) >= number:
        raise UsageError(f"`device={name}` is not there: this machine has {plural(number, 'GPU')}, the first is cuda:0")
    if kind == "cuda" and number:
        return device
    why = ""
    if kind == "cuda" and torch.version.cuda is None and torch.version.hip is None:
        why = ", since PyTorch is installed for the CPU alone"
    elif kind == "cuda":
        why = ", since PyTorch finds no GPU; nvidia-smi shows what the driver sees"
    raise UsageError(f"`device={name}` is not there{why}; use {_there()}")


def require_precision(amp: str | None, device: torch.device) -> None:
    """Refuse a type of automatic mixed precision that there is not, or that the device cannot compute in.

    Raises:
        UsageError: if it is such a type.
    """
    if amp is not None and amp not in _AMP:
        raise UsageError(f"`amp` must be {' or '.join(_AMP)}, and is {amp}")
    if amp == "bfloat16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise UsageError(f"`amp=bfloat16` is not possible on {torch.cuda.get_device_name(device)}; use `amp=float16`")


def _there() -> str:
    found = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        found.append("mps")
    return f"one of {', '.join(found)}" if len(found) > 1 else "cpu"
