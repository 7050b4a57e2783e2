"""What can be asked of a program: to run, and to hand every normalization over to somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from bnstat.networks.normalization import Kind
from bnstat.networks.pytorch.calls import Call


@dataclass(frozen=True, eq=False)
class ProgramCall:
    """One call of an operator that normalizes, while a program runs.

    Attributes:
        layer: The name of the module that it belongs to; "" for the program itself.
        kind: What it normalizes over. TorchScript runs an instance norm as a batch norm of one sample.
        call: The operator and its arguments.
        functional: True if no module of its own stands for it.
    """

    layer: str
    kind: Kind
    call: Call
    functional: bool


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
        missed: Sentences on normalizations that cannot be seen.
    """

    parameters: int
    weights: Mapping[str, torch.Tensor]
    sizes: tuple[int | None, ...] | None
    frozen: bool
    missed: tuple[str, ...]

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
