"""What can be asked of a program: to run, and to hand every normalization over to somebody else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from bnstat.networks.normalization import Kind
from bnstat.networks.pytorch.calls import Call

_NORMALIZES = re.compile(r"(batch|instance|group|layer|rms)_?norm")


@dataclass(frozen=True, eq=False)
class ProgramCall:
    """One call of an operator that normalizes, while a program runs.

    Attributes:
        layer: The name of the module that it belongs to; "" for the program itself.
        kind: What it normalizes over. TorchScript runs an instance norm as a batch norm of one sample.
        call: The operator and its arguments.
        functional: True if no module of its own stands for it.
        returns: The number of tensors that the operator returns; the first is the normalized one.
    """

    layer: str
    kind: Kind
    call: Call
    functional: bool
    returns: int = 1

    def with_own_statistics(self) -> Any:
        """Return what the operator returns with the statistics of its input, which alters no stored ones.

        Raises:
            ValueError: if there is one value for each channel; the message has PyTorch's own words.
        """
        found = self.call.run_with_own_statistics()
        output = found if isinstance(found, torch.Tensor) else found[0]
        # the others are statistics for a backward pass, which there is none of
        return output if self.returns == 1 else (output, *(output.new_empty(0) for _ in range(self.returns - 1)))


class ProgramRefusesError(Exception):
    """A module of the program that refuses its input, before its operator runs.

    Attributes:
        layer: The name of the module; "" for the program itself.
        kind: What it normalizes over.
        message: Its own words.
    """

    def __init__(self, layer: str, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.layer, self.kind, self.message = layer, kind, message


def first_names(weights: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """Return the first name of each module that has tensors, by each of its names.

    A module that is part of several others has several names, of which a program keeps any one.
    """
    owners: dict[int, str] = {}
    first: dict[str, str] = {}
    for name, tensor in weights.items():
        if tensor.numel():
            owner = name.rpartition(".")[0]
            first.setdefault(owner, owners.setdefault(tensor.data_ptr(), owner))
    return first


def unknown_normalization(name: str) -> str | None:
    """Return a sentence on an operator that normalizes, by its name, and is not known here; None for any other one."""
    if _NORMALIZES.search(name) is None or "backward" in name:
        return None
    return f"{name} is an operator that is not known here, and what enters it is not measured"


class Handler(Protocol):
    """Runs each normalization in place of the program."""

    def begin(self) -> None:
        """Begin a run of the program, which may be the same run once more."""

    def __call__(self, call: ProgramCall, /) -> Any:
        """Run a normalization, and return what its operator returns."""


class Program(Protocol):
    """A program.

    Attributes:
        parameters: The number of its parameters.
        weights: The parameters and buffers by their names.
        sizes: The size of each axis of its input that it was fixed to, and None for an axis that may differ; None if
            nothing is known.
        frozen: True if its weights are constants without names.
    """

    parameters: int
    weights: Mapping[str, torch.Tensor]
    sizes: tuple[int | None, ...] | None
    frozen: bool

    @property
    def missed(self) -> tuple[str, ...]:
        """Sentences on normalizations that cannot be seen, known after a run."""
        ...

    def run(self, batch: torch.Tensor, handler: Handler) -> Any:
        """Run it on a batch in evaluation mode, and return its outputs.

        An exception of the handler is raised as it is, also a BaseException.

        Raises:
            ProgramRefusesError: if a module refuses its input.
        """
        ...

    def write(self, path: str) -> None:
        """Write the program with its weights as they are now."""
        ...
