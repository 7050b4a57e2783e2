"""TorchScript: hooks are not called there, so operators are seen as PyTorch runs them.

An instance norm of N samples with C channels runs as a batch norm of one sample with N·C channels. The graphs of the
program say which of both it is, and the names of modules (`script_names.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.jit._fuser import optimized_execution
from torch.utils._python_dispatch import TorchDispatchMode

from bnstat.errors import InputError
from bnstat.networks.normalization import Kind
from bnstat.networks.pytorch.calls import FUNCTIONS, Call
from bnstat.networks.pytorch.programs.program import (
    Handler,
    ProgramCall,
    ProgramRefusesError,
    first_names,
    unknown_normalization,
)
from bnstat.networks.pytorch.programs.script_names import Named, assigned, beginning, steps_of, unseen

# What a scripted module says before it normalizes one value.
_REFUSED = re.compile(r"ValueError: (Expected more than 1 (value per channel|spatial element).*)")
_REFUSING: dict[str, Kind] = {"value per channel": "batch", "spatial element": "instance"}


class ScriptProgram:
    """A scripted or traced module, as `Program` has it."""

    sizes: tuple[int | None, ...] | None = None

    def __init__(self, module: Any) -> None:
        self._module = module.eval() if hasattr(module, "training") else module
        self.weights: Mapping[str, torch.Tensor] = dict(module.state_dict())
        self.parameters = sum(value.numel() for value in module.parameters())
        self.frozen = not hasattr(module, "training")
        self._missed: dict[str, None] = {_FROZEN: None} if self.frozen else {}
        self._steps = steps_of(module)
        self._first = first_names(self.weights)
        self._places: dict[int, str] = {}
        for name, value in self.weights.items():
            if value.numel():
                self._places.setdefault(value.data_ptr(), name)
        self._names: list[Named] | None = None  # of the operators in the order in which they ran last

    @property
    def missed(self) -> tuple[str, ...]:
        """Sentences on normalizations that cannot be seen, known after a run."""
        return tuple(self._missed)

    def run(self, batch: torch.Tensor, handler: Handler) -> Any:
        """Run the program; once more before, if it is not known which normalizations run, and in which order."""
        if self._names is not None:
            try:
                return self._handed_over(self._names, batch, handler)
            except _OtherOrderError:
                pass
        self._names = self._named(batch)
        return self._handed_over(self._names, batch, handler)

    def write(self, path: str) -> None:
        """Write the program with its weights as they are now."""
        torch.jit.save(self._module, path)

    def _handed_over(self, names: list[Named], batch: torch.Tensor, handler: Handler) -> Any:
        """Run the program, and hand each normalization over under its name."""

        def handle(number: int, call: Call, returns: int) -> Any:
            if number >= len(names) or not self._fits(call, batch)(names[number]):
                raise _OtherOrderError
            named = names[number]
            layer = self._first.get(named.layer, named.layer)
            return handler(ProgramCall(layer, named.kind, call, named.functional, returns))

        handler.begin()
        operators = _Operators(handle, self._missed)
        try:
            return self._forward(batch, operators)
        except torch.jit.Error as error:
            refused = _REFUSED.search(str(error))
            if refused is None or operators.number >= len(names):
                raise
            named = names[operators.number]
            layer = self._first.get(named.layer, named.layer)
            raise ProgramRefusesError(layer, named.kind, refused[1]) from error

    def _named(self, batch: torch.Tensor) -> list[Named]:
        """Return the names of the normalizations that run for a batch, in this order."""
        fits: list[Callable[[Named], bool]] = []
        calls: list[Call] = []

        def note(_: int, call: Call, __: int) -> Any:
            fits.append(self._fits(call, batch))
            calls.append(call)
            return call.run()

        try:
            self._forward(batch, _Operators(note, self._missed))
        except (RuntimeError, torch.jit.Error) as error:  # the run that is asked for says it
            refused = _REFUSED.search(str(error))
            return beginning(self._steps, fits, None if refused is None else _REFUSING[refused[2]])
        names = assigned(self._steps, fits)
        if names is None:
            return [self._by_tensors(call, batch) for call in calls]
        self._missed.update(dict.fromkeys(unseen(self._steps, names)))
        return names

    def _fits(self, call: Call, batch: torch.Tensor) -> Callable[[Named], bool]:
        """Return a function that is True if an operator can be the normalization with a name."""
        place = self._place(call)
        may_be_instance = call.kind == "batch" and call.input.shape[0] == 1 and call.takes_own_statistics
        repeated = call.kind == "batch" and call.input.shape[0] == 1 and call.input.shape[1] % batch.shape[0] == 0

        def fits(named: Named) -> bool:
            if place is not None and place != self._first.get(named.layer, named.layer):
                return False
            if named.kind == "instance":
                return may_be_instance or repeated
            return named.kind == call.kind

        return fits

    def _place(self, call: Call) -> str | None:
        """Return the name of the module whose tensors an operator gets; None if they are copies, or none."""
        for role in ("running_mean", "running_var", "weight", "bias"):
            tensor = call[role]
            name = None if tensor is None else self._places.get(tensor.data_ptr())
            if name is not None:
                return str(name.rpartition(".")[0])
        return None

    def _by_tensors(self, call: Call, batch: torch.Tensor) -> Named:
        """Return what an operator is by its tensors alone, for programs whose graphs do not tell."""
        place = self._place(call)
        of_one = call.kind == "batch" and call.input.shape[0] == 1 and call.takes_own_statistics
        is_instance = of_one and place is None and call["running_var"] is None
        kind = "instance" if is_instance and call.input.shape[1] % batch.shape[0] == 0 else call.kind
        return Named(place or "", kind, functional=place is None)

    def _forward(self, batch: torch.Tensor, mode: _Operators) -> Any:
        # the executor that optimizes could fuse operators, which would then not be seen
        try:
            with torch.no_grad(), optimized_execution(False), mode:
                return self._module(batch)
        except BaseException as error:
            if mode.failed is not None:  # the interpreter makes a RuntimeError of it
                raise mode.failed from error
            raise


class _OtherOrderError(Exception):
    """Operators that run in another order than in the pass before."""


class _Operators(TorchDispatchMode):
    """Hands over each operator that normalizes, with its number in this run.

    Attributes:
        failed: The exception of an operator, which TorchScript does not hand on.
        number: How many normalizations have run.
    """

    def __init__(self, handle: Callable[[int, Call, int], Any], missed: dict[str, None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # of PyTorch
        self._handle, self._missed = handle, missed
        self._known: set[Any] = set()
        self.failed: BaseException | None = None
        self.number = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operator, or what takes its place."""
        try:
            if func not in FUNCTIONS:
                self._miss(func)
                return func(*args, **(kwargs or {}))
            number, self.number = self.number, self.number + 1
            return self._handle(number, Call(func, args, kwargs or {}), len(func._schema.returns))
        except BaseException as error:
            self.failed = error
            raise

    def _miss(self, func: Any) -> None:
        if func not in self._known:
            self._known.add(func)
            sentence = unknown_normalization(str(func))
            if sentence is not None:
                self._missed.setdefault(sentence)


_FROZEN = (
    "the program is frozen, so its layers have no names, and batch norms after a convolution were folded into it and "
    "cannot be seen; save it without torch.jit.freeze and optimize_for_inference"
)


def torchscript_program(model: Any, device: torch.device | None = None) -> ScriptProgram:
    """Read a TorchScript file, or take a module that is one.

    Args:
        model: The file, or the module.
        device: Where it runs; None for where it is.

    Raises:
        InputError: if the file cannot be read.
    """
    if not isinstance(model, str):
        return ScriptProgram(model if device is None else model.to(device))
    try:
        return ScriptProgram(torch.jit.load(model, map_location=device or "cpu"))
    except (RuntimeError, ValueError, OSError) as error:
        said = " ".join(str(error).split())
        if "Unknown builtin op" in said or "torchvision" in said:
            raise InputError(
                model, f"it calls operators that PyTorch alone does not have ({said[:120]}); script it without them"
            ) from error
        raise InputError(model, f"PyTorch cannot read this TorchScript file ({said[:120]}); save it again") from error
