"""`bnstat.keras.record`: what enters the normalization layers while a model is fitted, written as it goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import keras
import numpy as np

from bnstat.errors import UsageError
from bnstat.moments.moments import Doubles
from bnstat.networks.keras.backend import moments_by_sample, observe, recorded_function, wait
from bnstat.networks.keras.normalizers import channel_axis, kind_of, normalizers
from bnstat.networks.keras.wrapped_calls import input_of, wrapped_calls
from bnstat.networks.layer_names import CallNames, is_asked
from bnstat.networks.recordings.counter import StepCounter
from bnstat.networks.recordings.entered import Described, Entered
from bnstat.networks.recordings.file import RecordingFile


class Recorder(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """A callback of `fit` that records every `every`-th training step. See `bnstat.keras.record`.

    Attributes:
        path: The file.
    """

    def __init__(self, path: str | os.PathLike[str], every: int, layers: Sequence[str]) -> None:
        super().__init__()
        self.path = os.fspath(path)
        self._every, self._patterns = every, tuple(layers)
        self._counter = StepCounter(every)
        self._file: RecordingFile | None = None
        self._layers: dict[Any, str] = {}
        self._calls = CallNames()
        self._order: dict[str, int] = {}  # in which layers run, which a compiled step may tell in another one
        self._recorded: Any = None  # the function of a recorded step, if it differs
        # of the step that is being recorded
        self._watching = ExitStack()
        self._number: int | None = None
        self._entered: dict[str, Entered] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Open the file.

        Raises:
            UsageError: if the model has no normalization layer of Keras, or its training steps have no values to see.
            OutputError: if the file cannot be written.
        """
        self._watching.close()
        found = normalizers(self.model)
        self._layers = {layer: name for layer, name in found.items() if is_asked(name, self._patterns)}
        if not self._layers:
            among = f" among `layers={','.join(self._patterns)}`" if self._patterns else ""
            raise UsageError(f"the model has no normalization layer of Keras{among}, so there is nothing to record")
        self._recorded = recorded_function(self.model)
        self._file = RecordingFile(self.path)
        self._counter = StepCounter(self._every, self._file.steps)
        settings = {
            "framework": "keras",
            "model": self.model.name,
            "parameters": self.model.count_params() if self.model.built else 0,
            "every": self._every,
            "rank": 0,
            "ranks": 1,
            "first_step": self._file.steps,
        }
        self._file.start(settings, [_described(layer, name) for layer, name in self._layers.items()])

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Watch the layers if the step is to be recorded."""
        self._watching.close()  # after an exception in a step, whose end was not seen
        self._number = self._counter.begin()
        if self._number is None:
            return
        self._entered, self._calls = {}, CallNames()
        self._watching.enter_context(wrapped_calls(self._layers, self._around))
        if self._recorded is not None:
            self._watching.callback(setattr, self.model, "train_function", self.model.train_function)
            self.model.train_function = self._recorded

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the step."""
        self._watching.close()
        if self._number is None or self._file is None:
            return
        wait()
        entered = sorted(self._entered.values(), key=lambda one: self._order[one.layer])
        if entered:
            self._file.step(self._number, entered[0].shape[0], entered)
            self._counter.recorded()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file, also after a training that was interrupted. The model is as it was."""
        self._watching.close()
        if self._file is not None:
            self._file.close(self._counter.done)
        self._file = None

    def _around(self, layer: Any, own: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Note what enters a layer, and run its own `call`."""
        name, tensor = self._calls.next(self._layers[layer]), input_of(args, kwargs)
        self._order.setdefault(name, len(self._order))
        axis = channel_axis(layer, len(tensor.shape))
        dtype = keras.backend.standardize_dtype(tensor.dtype)

        def take(values: Any, *stored: Any) -> None:
            found = Entered(
                layer=name,
                kind=kind_of(layer) or "batch",
                shape=tuple(values.shape),
                axis=axis,
                dtype=dtype,
                frozen=bool(stored) and not layer.trainable,
                moments=moments_by_sample(values, axis),
                **dict(zip(("running_mean", "running_variance"), map(_doubles, stored), strict=False)),
            )
            self._entered.setdefault(name, found)  # a part that is run again for its gradient is told twice

        statistics = (layer.moving_mean, layer.moving_variance) if hasattr(layer, "moving_mean") else ()
        observe(take, tensor, *(variable.value for variable in statistics))
        return own(*args, **kwargs)


def _described(layer: Any, name: str) -> Described:
    """Return a layer as the start of a recording describes it; one that is not built has no channels yet."""
    gamma = next((one for one in layer.weights), None)
    kind = kind_of(layer) or "batch"
    momentum = float(layer.momentum) if kind == "batch" else None
    channels = None if gamma is None else int(np.prod(gamma.shape, dtype=np.int64))
    return Described(name, kind, float(layer.epsilon), momentum, channels)


def _doubles(values: Any) -> Doubles:
    """Return stored numbers in float64."""
    array = values.detach().cpu().float().numpy() if hasattr(values, "detach") else np.asarray(values)
    return array.astype(np.float64).reshape(-1)
