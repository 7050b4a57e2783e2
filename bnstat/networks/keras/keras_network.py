"""A Keras model, on whatever backend Keras runs, as a network whose normalizations are watched."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from bnstat.errors import InputError, OutputError, UsageError
from bnstat.moments.moments import Doubles, Moments
from bnstat.networks.keras.backend import eagerly, imported_keras, is_traced, traces
from bnstat.networks.keras.normalizers import as_array, channel_axis, normalization, normalizers, seen, unseen
from bnstat.networks.keras.wrapped_calls import input_of, wrapped_calls
from bnstat.networks.layer_names import CallNames, layer_of
from bnstat.networks.network import Framework, ReachedError
from bnstat.networks.normalization import Pass, Seen, Tensors
from bnstat.sources.neighbours import missing
from bnstat.sources.regular import exists

# What sets letters bold in a message for a terminal.
_STYLE = re.compile(r"\x1b\[[\d;]*m")


def open_keras(source: str) -> KerasNetwork:
    """Open a model that Keras saved, without running code that the file contains.

    Args:
        source: The file, as "model.keras".

    Raises:
        UsageError: if Keras or its backend is not installed.
        InputError: if the file cannot be read, or needs code that Keras does not have.
    """
    keras = imported_keras()
    if not exists(source):
        raise missing(source, source)
    try:
        model = keras.saving.load_model(source, compile=False, safe_mode=True)
    except Exception as error:
        raise InputError(source, _refusal(error)) from error
    return KerasNetwork(model, source)


def _refusal(error: Exception) -> str:
    """Return why a file cannot be opened, and what to do, without the name of the file."""
    said = _said(error)
    if "safe_mode" in str(error) or "Lambda" in str(error):
        return (
            "it contains Python code (a Lambda layer), which is never run; build the model without it and save it again"
        )
    if "Could not locate" in said or "custom_object" in str(error):
        return (
            f"it needs a class that Keras does not have ({said.partition(' Full object config')[0].rstrip('.')}); give "
            "the model as module:factory, with this file as `weights`, or export it as ONNX"
        )
    return f"Keras cannot read it ({said.rstrip('.')}); save the model again as .keras"


def _said(error: Exception) -> str:
    """Return the line of an error of Keras that says what is wrong, below the one that says where."""
    lines = [_STYLE.sub("", line).strip() for line in str(error).splitlines()]
    told = [line for line in lines if line and not line.startswith("Exception encountered")]
    return told[0] if told else type(error).__name__


class KerasNetwork:
    """A Keras model, run eagerly in this process. It is a `bnstat.networks.network.Network`.

    Keras trains on a single value for each channel without an error, so that no layer refuses a batch.

    Attributes:
        source: The model, as the user named it.
        weights: None: a file of Keras contains its weights.
        framework: "keras".
        channels_last: False if the convolutions have channels on axis 1, which is rare in Keras.
        parameters: The number of parameters.
        trains: True.
        missed: Sentences on normalizations that cannot be seen.
    """

    framework: Framework = "keras"
    weights: str | None = None
    trains = True

    def __init__(self, model: Any, source: str) -> None:
        self.source, self._model = source, model
        self._layers = normalizers(model)
        self._named = {name: layer for layer, name in self._layers.items()}
        self._missed = dict.fromkeys(unseen(model))
        self._opened: dict[int, tuple[Any, Any]] = {}  # statistics before `load`
        formats = {getattr(layer, "data_format", None) for layer in model._flatten_layers()}
        self.channels_last = "channels_first" not in formats
        # frozen layers too, whose variables are still among these
        owned = {id(one): one for layer in model._flatten_layers() for one in layer._trainable_variables}
        self.parameters = int(sum(np.prod(one.shape, dtype=np.int64) for one in owned.values()))
        self._compiled: bool | None = None  # True if parts of it are compiled, whose values cannot be seen

    @property
    def missed(self) -> tuple[str, ...]:
        """Sentences on normalizations that cannot be seen."""
        return tuple(self._missed)

    def evaluate(self, batch: Tensors) -> Pass:
        """Run a batch in evaluation mode.

        Raises:
            UsageError: if the model does not take such a batch.
        """
        found: list[Seen] = []
        return Pass(self._run(batch, self._watch(found.append)), tuple(found))

    def train(self, batch: Tensors) -> Pass:
        """Run a batch forward with each batch norm in training mode and everything else in evaluation mode.

        A batch norm whose `trainable` is False uses its stored statistics, as in a training of Keras.

        Raises:
            UsageError: if the model does not take such a batch.
        """
        found: list[Seen] = []
        return Pass(self._run(batch, self._watch(found.append, training=True)), tuple(found))

    def switched(self, layers: Sequence[str], batch: Tensors) -> Tensors:
        """Return the outputs in evaluation mode, with some layers using the statistics of each sample itself.

        Args:
            layers: Their names. Layers without stored statistics are as they are.
            batch: One sample.

        Raises:
            UsageError: if the model does not take such a batch.
        """
        chosen = set(layers)
        calls = CallNames()

        def around(layer: Any, own: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            name = calls.next(self._layers[layer])
            if name not in chosen or not hasattr(layer, "moving_mean"):
                return own(*args, **kwargs)
            values = as_array(input_of(args, kwargs))
            moments = Moments.from_array(values, axis=channel_axis(layer, values.ndim))
            before = as_array(layer.moving_mean).copy(), as_array(layer.moving_variance).copy()
            _assign(layer, moments.mean, moments.variance)
            try:
                return own(*args, **{**kwargs, "training": False})
            finally:
                _assign(layer, *before)

        return self._run(batch, around)

    def entering(self, layer: str, batch: Tensors) -> Seen:
        """Run a batch in evaluation mode up to one layer, and return what entered it.

        Raises:
            UsageError: if the model does not run this layer, or does not take such a batch.
        """

        def stop(found: Seen) -> None:
            if found.normalization.layer == layer:
                raise ReachedError(found)

        try:
            self._run(batch, self._watch(stop, only=layer))
        except ReachedError as reached:
            return reached.seen
        raise UsageError(
            f"{self.source} does not run a normalization called {layer}; see `bnstat layers` for its names"
        )

    def load(self, layer: str, mean: Doubles, variance: Doubles) -> None:
        """Set the running statistics of a layer, until `restore`.

        Raises:
            UsageError: if there is no such layer, or it stores none.
        """
        found = self._named.get(layer_of(layer))
        if found is None or not hasattr(found, "moving_mean"):
            raise UsageError(f"{layer} of {self.source} stores no running statistics")
        self._opened.setdefault(
            id(found), (found, (as_array(found.moving_mean).copy(), as_array(found.moving_variance).copy()))
        )
        _assign(found, mean, variance)

    def restore(self) -> None:
        """Set every running statistic to what it was when the model was opened."""
        for layer, statistics in self._opened.values():
            _assign(layer, *statistics)

    def save(self, path: str) -> tuple[str, ...]:
        """Write the model with the running statistics as they are now, as a file of Keras.

        Raises:
            UsageError: if the name does not end in .keras.
            OutputError: if the file cannot be written.
        """
        if not path.endswith(".keras"):
            raise UsageError(f"{path}: a Keras model is saved as .keras; end the name so")
        try:
            self._model.save(path)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror or error}; give another file") from error
        except (TypeError, ValueError, NotImplementedError) as error:  # of a layer that cannot be described
            raise UsageError(
                f"{path}: Keras cannot save this model ({_said(error)}); give its own layers a get_config()"
            ) from error
        return ()

    def _watch(
        self, note: Callable[[Seen], None], *, training: bool = False, only: str | None = None
    ) -> Callable[..., Any]:
        """Return what runs around the call of each layer: what enters it is noted.

        Args:
            note: Called with what enters a layer.
            training: True to put batch norms into training mode.
            only: The one layer to note; all without it.
        """
        calls = CallNames()

        def around(layer: Any, own: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            name = calls.next(self._layers[layer])
            tensor = input_of(args, kwargs)
            if is_traced(tensor):
                self._missed.setdefault(f"{name} runs where its values cannot be seen, as in a loop that JAX traces")
            elif only in (None, name) and np.prod(tensor.shape):
                note(seen(layer, normalization(layer, name), tensor))
            mode = {"training": True} if training and hasattr(layer, "moving_mean") else {}
            return own(*args, **{**kwargs, **mode})

        return around

    def _run(self, batch: Tensors, around: Callable[..., Any]) -> Tensors:
        """Run the model in evaluation mode with a function around the call of each normalization."""
        import keras

        if self._compiled is None:
            self._compiled = False
            self._compiled = self._has_compiled(batch)
        with ExitStack() as stack:
            stack.enter_context(eagerly(compiled=self._compiled))
            stack.enter_context(self._unchanged())
            stack.enter_context(wrapped_calls(self._layers, around))
            try:
                outputs = self._model(keras.ops.convert_to_tensor(batch), training=False)
            except (ValueError, TypeError, RuntimeError) as error:
                raise UsageError(
                    f"{self.source} cannot be run on a batch of shape {tuple(batch.shape)}: {_said(error)}"
                ) from error
            return _floats(as_array(keras.tree.flatten(outputs)[0]))

    def _has_compiled(self, batch: Tensors) -> bool:
        """Return True if a normalization runs in a compiled part of the model, as a function of JAX may be."""
        if not traces():
            return False
        traced: list[bool] = []

        def around(_: Any, own: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            traced.append(is_traced(input_of(args, kwargs)))
            return own(*args, **kwargs)

        self._run(batch, around)
        return any(traced)

    @contextmanager
    def _unchanged(self) -> Iterator[None]:
        """Give back the variables that no gradient changes: moving statistics, and states of random numbers."""
        before = [(variable, as_array(variable).copy()) for variable in self._model.non_trainable_variables]
        try:
            yield
        finally:
            for variable, value in before:
                if not np.array_equal(as_array(variable), value, equal_nan=True):
                    variable.assign(value)


def _assign(layer: Any, mean: np.ndarray[Any, Any], variance: np.ndarray[Any, Any]) -> None:
    layer.moving_mean.assign(np.asarray(mean, np.float32))
    layer.moving_variance.assign(np.asarray(variance, np.float32))


def _floats(values: np.ndarray[Any, Any]) -> Tensors:
    return values if values.dtype in (np.float32, np.float64) else values.astype(np.float32)
