"""A module that is run without a trace: modes, buffers and random numbers are as before, also after an exception."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from bnstat.networks.pytorch.modules import is_scripted


class Lent:
    """The buffers that a module has during a pass in place of its own."""

    def __init__(self) -> None:
        self._own: dict[int, torch.Tensor] = {}
        self._copies: dict[int, torch.Tensor] = {}

    def copy(self, own: torch.Tensor) -> torch.Tensor:
        """Return the copy of a buffer, one for all modules that share it."""
        if id(own) not in self._copies:
            copied = own.detach().clone()
            self._copies[id(own)] = copied
            self._own[id(copied)] = own
        return self._copies[id(own)]

    def own(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the module's own buffer for a copy of it; another tensor as it is."""
        return self._own.get(id(tensor), tensor)


@contextmanager
def unchanged(module: nn.Module) -> Iterator[Lent]:
    """Lend a module copies of its buffers, and give everything back in the end: modes, buffers and random states.

    The module's own buffers are never written to, so that neither an exception nor Ctrl-C can leave them altered.
    """
    modules = list(module.modules())
    modes = [(part, part.training) for part in modules]
    random_states = _random_states()
    lent = Lent()
    places = [(part, name, own) for part in modules for name, own in _buffers(part)]
    scripted = [(own, own.detach().clone()) for part, _, own in places if is_scripted(part)]
    try:
        for part, name, own in places:
            if not is_scripted(part):
                part._buffers[name] = lent.copy(own)
        yield lent
    finally:
        for part, name, own in places:
            if not is_scripted(part):
                part._buffers[name] = own
        with torch.no_grad():
            for own, before in scripted:
                own.copy_(before)
        for part, mode in modes:
            part.training = mode
        _set_random_states(*random_states)


def _buffers(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    """Return the module's own buffers, without those that get their shape from a first batch."""
    held = module.named_buffers(recurse=False, remove_duplicate=False)
    return [(name, tensor) for name, tensor in held if not is_lazy(tensor)]


def _random_states() -> tuple[torch.Tensor, list[torch.Tensor], object, object]:
    on_devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return torch.get_rng_state(), on_devices, random.getstate(), np.random.get_state()


def _set_random_states(
    of_torch: torch.Tensor, on_devices: list[torch.Tensor], of_python: object, of_numpy: object
) -> None:
    torch.set_rng_state(of_torch)
    if on_devices:
        torch.cuda.set_rng_state_all(on_devices)
    random.setstate(of_python)  # type: ignore[arg-type]  # as it was got
    np.random.set_state(of_numpy)  # type: ignore[arg-type]  # as it was got
