"""`bnstat.torch.record`: what enters the normalization layers during a training, written as it goes on."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import torch
from torch import nn

from bnstat.errors import UsageError, texts
from bnstat.networks.layer_names import is_asked
from bnstat.networks.pytorch.graphs import out_of_graphs
from bnstat.networks.pytorch.modules import is_scripted, unwrapped
from bnstat.networks.pytorch.tensors import tensors_in
from bnstat.networks.pytorch.training_step import TrainingStep, described
from bnstat.networks.pytorch.watcher import Known, Watcher
from bnstat.networks.pytorch.watching import watched
from bnstat.networks.recordings.counter import StepCounter
from bnstat.networks.recordings.file import RecordingFile


def record(
    model: nn.Module,
    path: str | os.PathLike[str],
    every: int = 50,
    *,
    layers: str | Sequence[str] = (),
    every_rank: bool = False,
) -> Recorder:
    """Record what enters the normalization layers of a network while it trains.

    Each forward pass in training mode counts as one step, and every `every`-th is recorded: a line of JSON with mean
    and variance of the batch in each channel of each layer, within and between its samples, and the running statistics
    before the step. Passes in evaluation mode are not counted, nor those that activation checkpointing repeats. Outside
    of recorded steps the layers have no hooks. `bnstat layers run.jsonl` reads the recording.

    A recorded step of a network in `torch.compile` runs uncompiled; all others run as compiled.

    Args:
        model: The network, as the training loop calls it: also in DistributedDataParallel or `torch.compile`.
        path: The file. If it is a recording already, a resumed training goes on with it, and its count of steps.
        every: The steps from one recorded step to the next.
        layers: Patterns of the names of layers to record, as in "encoder.*"; all layers without one.
        every_rank: True to let each process of a distributed training write a file of its own, as in run.rank1.jsonl.
            Otherwise only the first one writes, and its file has what entered the layers of that process.

    Returns:
        The recorder. Close it after the training, or use it in a `with` statement.

    Raises:
        UsageError: if no layer fits `layers`, `every` is below 1, or the file is something else.
        OutputError: if the file cannot be written.
    """
    return Recorder(model, path, every, texts("layers", layers), every_rank=every_rank)


class Recorder:
    """A training that is recorded. See `record`.

    Attributes:
        path: The file, None in a process that writes none.
    """

    def __init__(
        self, model: nn.Module, path: str | os.PathLike[str], every: int, layers: Sequence[str], *, every_rank: bool
    ) -> None:
        if not isinstance(model, nn.Module):
            raise TypeError(f"`model` must be a torch.nn.Module, and is of type {type(model).__name__}")
        if is_scripted(unwrapped(model)):
            raise UsageError("`model` is TorchScript, which runs no hooks; record the network before torch.jit.script")
        rank, ranks = _rank()
        self._counter = StepCounter(every)
        self._model, self._patterns = model, tuple(layers)
        self._hooks: list[Any] = []
        # of the step that is being recorded
        self._watching = ExitStack()
        self._step: TrainingStep | None = None
        self._number: int | None = None
        self._batch_size: int | None = None
        self.path: str | None = None
        if rank == 0 or every_rank:
            self._open(path, rank, ranks, every)

    def _open(self, path: str | os.PathLike[str], rank: int, ranks: int, every: int) -> None:
        """Open the file, and hook the network."""
        named = Known.of(self._model).names.items()
        layers = [one for module, name in named if is_asked(name, self._patterns) and (one := described(name, module))]
        if self._patterns and not layers:
            raise UsageError(
                f"`model` has no normalization layer that `layers` asks for ({', '.join(self._patterns)}); a pattern "
                "is as in encoder.*"
            )
        self._file = RecordingFile(path if rank == 0 else _of_rank(path, rank))
        self.path, self._counter.done = self._file.path, self._file.steps
        inner = unwrapped(self._model)
        settings = {
            "framework": "pytorch",
            "model": type(inner).__name__,
            "parameters": sum(one.numel() for one in inner.parameters() if not nn.parameter.is_lazy(one)),
            "every": every,
            "rank": rank,
            "ranks": ranks,
            "first_step": self._counter.done,
        }
        self._file.start(settings, layers)
        self._hooks = [
            self._model.register_forward_pre_hook(_Hook(self.begin), with_kwargs=True),
            self._model.register_forward_hook(_EndHook(self.end), always_call=True),
        ]

    def step(self, number: int) -> None:
        """Name the step that begins, for loops that call the network several times a step or resume at a number.

        Call it before the network is called. Of the calls until the next `step`, the first is recorded.

        Args:
            number: The number of the step, from 0.

        Raises:
            UsageError: if the number is negative.
        """
        self._counter.name(number)

    def close(self) -> None:
        """Remove the hooks and close the file. The network is as it was."""
        self._stop_watching()
        for hook in self._hooks:
            hook.remove()
        if self.path is None or not self._hooks:
            return
        self._hooks = []
        if not self._file.recorded:
            warnings.warn(
                f"{self.path}: nothing was recorded, because the network has no normalization, was not called in "
                "training mode, or was compiled before it was recorded; give `record` the module that the training "
                "loop calls",
                stacklevel=2,
            )
        self._file.close(self._counter.done)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def begin(self, model: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Count a call of the network, and watch its layers if its step is to be recorded."""
        self._stop_watching()  # after Ctrl-C in a forward pass, whose end was not seen
        if not model.training or _in_backward():
            return
        self._number = self._counter.begin()
        if self._number is None:
            return
        self._step, self._batch_size = TrainingStep(Known.of(model), self._patterns), _batch_size(inputs)
        self._watching.enter_context(watched(cast("Watcher", self._step)))
        self._step.enter(model, inputs, {})  # its own hooks are running already

    def end(self, _: nn.Module, output: object) -> None:
        """Write the step, if its layers were watched and the network did not fail."""
        step, number = self._step, self._number
        self._stop_watching()
        failed = output is None and sys.exc_info()[0] is not None
        if step is None or number is None or failed:
            return
        entered = step.entered()
        if entered:  # none if the call was part of a compiled graph: then the next one is recorded
            self._file.step(number, self._batch_size, entered)
            self._counter.recorded()

    def _stop_watching(self) -> None:
        self._watching.close()
        self._step = None


class _Hook:
    """A hook of one module. It stays out of graphs, and the hook of a copied or saved network does nothing."""

    def __init__(self, call: Callable[[nn.Module, tuple[Any, ...]], None] | None = None) -> None:
        self._call = call

    @out_of_graphs
    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._call is not None:
            self._call(module, (*args, *kwargs.values()))

    def __deepcopy__(self, memo: dict[int, Any]) -> _Hook:
        return _Hook()

    def __reduce__(self) -> tuple[type[_Hook], tuple[()]]:
        return _Hook, ()


class _EndHook(_Hook):
    """The hook at the end of a forward pass, which gets the output."""

    @out_of_graphs
    def __call__(self, module: nn.Module, _: tuple[Any, ...], output: Any) -> None:
        if self._call is not None:
            self._call(module, output)


def _in_backward() -> bool:
    """Return True inside a backward pass, in which activation checkpointing calls modules a second time."""
    return torch._C._current_graph_task_id() != -1


def _batch_size(inputs: tuple[Any, ...]) -> int | None:
    """Return the length of axis 0 of the first tensor that the network gets; None if it has no axis."""
    first = next(tensors_in(inputs), None)
    return first.shape[0] if first is not None and first.dim() else None


def _rank() -> tuple[int, int]:
    """Return the number of this process in a distributed training, and how many there are."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def _of_rank(path: str | os.PathLike[str], rank: int) -> Path:
    """Return the file of another process than the first: run.rank1.jsonl."""
    whole = Path(path)
    return whole.with_name(f"{whole.stem}.rank{rank}{whole.suffix}")
