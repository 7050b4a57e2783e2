"""Forward passes that are watched: hooks say which module runs, and a mode sees each function that it calls."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from bnstat.networks.pytorch.calls import FUNCTIONS, OPERATORS, Call
from bnstat.networks.pytorch.modules import is_scripted
from bnstat.networks.pytorch.random_layers import WITHOUT_CHANCE
from bnstat.networks.pytorch.watcher import Watcher


@contextmanager
def watched(watcher: Watcher, *, chance: bool = True, thorough: bool = False) -> Iterator[None]:
    """Watch the forward passes of a network in this thread, and leave its hooks as they were in the end.

    What torch.compile compiled runs uncompiled meanwhile, since a compiled program calls no hook.

    Args:
        watcher: What is told of each module that runs, and of each normalization.
        chance: False to turn off the random functions that a `forward` calls.
        thorough: True to look for operators that no call of a function leads to, as in TorchScript. It takes longer.
    """
    with ExitStack() as stack:
        if "torch._dynamo" in sys.modules:  # something may be compiled
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        for module in watcher.known.names:
            if is_scripted(module):
                continue
            before = module.register_forward_pre_hook(watcher.enter, prepend=True, with_kwargs=True)
            stack.callback(before.remove)
            after = module.register_forward_hook(watcher.leave, prepend=True, always_call=True)
            stack.callback(after.remove)
        if thorough:
            stack.enter_context(_Operators(watcher))
        stack.enter_context(_Functions(watcher, chance=chance))
        yield


class _Functions(TorchFunctionMode):
    """Sees every call of a function of PyTorch, whoever calls it."""

    def __init__(self, watcher: Watcher, *, chance: bool) -> None:
        super().__init__()
        self._watcher, self._chance = watcher, chance

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run a function, or what takes its place."""
        named = kwargs or {}
        if func in FUNCTIONS:
            return self._watcher.call(Call(func, args, named))
        if not self._chance and func in WITHOUT_CHANCE:
            return WITHOUT_CHANCE[func](*args, **named)
        return func(*args, **named)


class _Operators(TorchDispatchMode):
    """Sees every operator that runs, also where no call of a function can be seen."""

    def __init__(self, watcher: Watcher) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # of PyTorch
        self._watcher = watcher

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operator."""
        watcher = self._watcher
        if watcher.inside or watcher.running is None:
            return func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ in OPERATORS:
            watcher.miss(func.overloadpacket.__name__)
        watcher.inside = True  # the mode above would take the operator for a call
        try:
            return func(*args, **(kwargs or {}))
        finally:
            watcher.inside = False
