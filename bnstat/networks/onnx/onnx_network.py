"""An ONNX model as a network: it runs in ONNX Runtime, and the inputs of its normalizations are further outputs.

A graph has no modes and no hooks. So each question is a copy of the graph: for a training pass, batch norms are written
out with the mean and the variance of the batch; for a switched layer only this one is. What enters all layers is held
at once, which takes more memory than the model alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime

from bnstat.errors import InputError, OutputError, UsageError, first_line
from bnstat.moments.moments import Doubles, Moments
from bnstat.networks.network import Framework, LayerRefusesError
from bnstat.networks.normalization import Normalization, Pass, Seen, Tensors
from bnstat.networks.onnx.graphs import in_evaluation_mode, rewritten
from bnstat.networks.onnx.nodes import Normalizer, constants, normalizers, unseen
from bnstat.sources.neighbours import missing
from bnstat.sources.regular import exists
from bnstat.text import by, plural

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
_MOST_BYTES = (2 << 30) - 1
_QUIET = 4
# What ONNX says of a file of weights that is not there.
_ABSENT = re.compile(r"should be stored in (\S.*?),? but it ")


def open_onnx(source: str) -> OnnxNetwork:
    """Open an ONNX model, with the weights beside it if it has them in other files.

    Raises:
        InputError: if the file cannot be read, or ONNX Runtime cannot run it.
        UsageError: if it takes something else than one batch of numbers.
    """
    if not exists(source):
        raise missing(source, source)
    try:
        model = onnx.load(source)
        onnx.checker.check_model(model)
        return OnnxNetwork(source, in_evaluation_mode(model))
    except (UsageError, InputError):
        raise
    except Exception as error:  # the parser, the checker and the runtime have exceptions of their own
        absent = _ABSENT.search(str(error))
        if absent is not None and not exists(absent[1]):
            raise InputError(
                source, f"its weights are in {absent[1]}, which does not exist; copy this file beside the model too"
            ) from error
        raise InputError(source, f"ONNX Runtime cannot run it ({first_line(error)}); export it again") from error


class OnnxNetwork:
    """An ONNX model. It is a `bnstat.networks.network.Network`.

    Attributes:
        source: The file, as the user named it.
        weights: None: the file contains its weights.
        framework: "onnx".
        channels_last: False: ONNX has channels on axis 1.
        trains: True if it has a batch norm, which can be written out with the statistics of the batch.
        parameters: The number of values in its initializers, without running statistics.
        missed: Sentences on normalizations that cannot be seen.
    """

    framework: Framework = "onnx"
    weights: str | None = None
    channels_last = False

    def __init__(self, source: str, model: Any) -> None:
        self.source, self._model = source, model
        self._normalizers = normalizers(model.graph)
        self._by_name = {one.normalization.layer: one for one in self._normalizers}
        self.missed = unseen(model.graph)
        self.trains = any(one.normalization.takes_batch for one in self._normalizers)
        self.parameters = _parameters(model.graph)
        self._stored: dict[str, tuple[Doubles, Doubles]] = {}
        self._sessions: dict[object, Any] = {}
        self._axes: dict[str, int] = {}  # of what enters each batch norm, known after a pass
        (self._input, self._dtype, self._shape) = self._accepted()

    def evaluate(self, batch: Tensors) -> Pass:
        """Run a batch in evaluation mode.

        Raises:
            UsageError: if the model does not take such a batch.
        """
        taps = self._taps(self._normalizers)
        values = self._run("evaluate", batch, taps, ())
        self._axes = {one.output: values[one.entering].ndim for one in self._normalizers}
        return Pass(_plain(values[""]), tuple(self._seen(one, values, len(batch)) for one in self._normalizers))

    def train(self, batch: Tensors) -> Pass:
        """Run a batch with the statistics of the batch in every batch norm.

        Raises:
            LayerRefusesError: if a batch norm has one value for each channel, which PyTorch refuses.
            UsageError: if the model was exported for another number of samples.
        """
        fixed = self._shape[0]
        if fixed is not None and fixed != len(batch):
            raise UsageError(
                f"{self.source} was exported for {plural(fixed, 'sample')} in a batch, so training batches of "
                f"{len(batch)} cannot be run; give `batch_size={fixed}`, or export it with any number of samples: "
                'torch.onnx.export(..., input_names=["x"], dynamic_axes={"x": {0: "batch"}})'
            )
        own = [one for one in self._normalizers if one.normalization.takes_batch]
        values = self._run("train", batch, self._taps(self._normalizers), own)
        seen: list[Seen] = []
        for one in self._normalizers:
            found = self._seen(one, values, len(batch))
            if one in own:
                self._require_several(one, values[one.entering].shape, len(batch), tuple(seen))
            seen.append(found)
        return Pass(_plain(values[""]), tuple(seen))

    def switched(self, layers: Sequence[str], batch: Tensors) -> Tensors:
        """Return the outputs in evaluation mode, with some layers using the statistics of the sample itself.

        Raises:
            LayerRefusesError: if a layer has one value for each channel.
        """
        own = [one for one in self._normalizers if one.normalization.layer in set(layers)]
        own = [one for one in own if one.normalization.stored]
        outputs = []
        for sample in batch:
            values = self._run("switched", sample[None], self._taps(own), own)
            for one in own:
                self._require_several(one, values[one.entering].shape, 1, ())
            outputs.append(_plain(values[""]))
        return np.concatenate(outputs)

    def entering(self, layer: str, batch: Tensors) -> Seen:
        """Run a batch in evaluation mode up to one layer, and return what entered it.

        Raises:
            UsageError: if no layer has this name.
        """
        one = self._named(layer)
        return self._seen(one, self._run("entering", batch, self._taps([one]), ()), len(batch))

    def load(self, layer: str, mean: Doubles, variance: Doubles) -> None:
        """Set the running statistics of a layer, until `restore`.

        Raises:
            UsageError: if no layer has this name, or it stores none.
        """
        one = self._named(layer)
        if not one.normalization.stored:
            raise UsageError(f"{self.source}: {layer} stores no running statistics that can be set")
        self._stored[one.output] = (np.array(mean, np.float64), np.array(variance, np.float64))
        self._sessions.clear()

    def restore(self) -> None:
        """Set every running statistic to what it was when the model was opened."""
        self._stored.clear()
        self._sessions.clear()

    def save(self, path: str) -> tuple[str, ...]:
        """Write the model with its running statistics as they are now.

        Raises:
            OutputError: if the file cannot be written.
        """
        try:
            onnx.save(rewritten(self._model, (), {}, self._stored), path)
        except (OSError, ValueError) as error:
            raise OutputError(f"{path}: the model cannot be written: {first_line(error)}") from error
        return ()

    # What is run --------------------------------------------------------------------------------------------------

    def _taps(self, of: Collection[Normalizer]) -> list[str]:
        return list(dict.fromkeys(name for one in of for name in (one.entering, one.whole)))

    def _run(
        self, question: str, batch: Tensors, taps: Sequence[str], own: Collection[Normalizer]
    ) -> dict[str, Tensors]:
        """Return what passes at some places of the graph, and its first output under an empty name.

        Args:
            question: What is asked; "entering" runs no further than the places.
            batch: The samples.
            taps: The places.
            own: The batch norms that use the statistics of the batch.
        """
        self._require_shape(batch)
        if own and not self._axes:
            self.evaluate(batch[:1])
        pruned = question == "entering"
        key = (pruned, tuple(taps), tuple(one.output for one in own))
        if key not in self._sessions:
            axes = {one.output: self._axes[one.output] for one in own}
            copy = rewritten(self._model, taps, axes, self._stored, pruned=pruned)
            if len(self._sessions) >= _SESSIONS:
                self._sessions.pop(next(iter(self._sessions)))
            self._sessions[key] = _session(self.source, copy)
        session = self._sessions[key]
        first = [] if pruned else [session.get_outputs()[0].name]
        names = [*first, *taps]
        parts = [self._answers(session, names, part) for part in self._parts(batch)]
        joined = [np.concatenate(values)[: self._rows(values, batch)] for values in zip(*parts, strict=True)]
        return dict(zip([*[""] * len(first), *taps], joined, strict=True))

    def _parts(self, batch: Tensors) -> list[Tensors]:
        """Return the batch in parts of the size that the model takes; the last sample fills the last part."""
        fixed = self._shape[0]
        if fixed is None or fixed == len(batch):
            return [batch]
        lacking = -len(batch) % fixed
        filled = np.concatenate([batch, np.repeat(batch[-1:], lacking, axis=0)])
        return [filled[start : start + fixed] for start in range(0, len(filled), fixed)]

    def _rows(self, values: Sequence[Tensors], batch: Tensors) -> int:
        """Return how many rows of axis 0 belong to the batch: several for a sample that is folded into windows."""
        fixed = self._shape[0] or len(batch)
        rows = sum(len(part) for part in values)
        return rows * len(batch) // (fixed * len(values))

    def _answers(self, session: Any, names: Sequence[str], part: Tensors) -> list[Tensors]:
        try:
            answers: list[Tensors] = session.run(list(names), {self._input: part.astype(self._dtype)})
        except Exception as error:  # ONNX Runtime has exceptions of its own
            raise UsageError(
                f"{self.source}: ONNX Runtime refuses a batch of {by(part.shape)} ({first_line(error)}); give the "
                "`patch` that the model was exported for"
            ) from error
        return answers

    def _require_shape(self, batch: Tensors) -> None:
        """Raise UsageError if the model takes other sizes than those of the batch."""
        fixed = self._shape[1:]
        fits = len(fixed) == batch.ndim - 1
        if fits and all(size in {None, there} for size, there in zip(fixed, batch.shape[1:], strict=True)):
            return
        wanted = by([1 if size is None else size for size in fixed[1:]])
        hint = "give another number of channels" if fits and fixed[1:] == batch.shape[2:] else f"`patch` is {wanted}"
        raise UsageError(
            f"{self.source} was exported for samples of {_sizes(fixed)} "
            f"(channels, then axes), and these have {by(batch.shape[1:])}; {hint}, or export it with dynamic axes"
        )

    def _accepted(self) -> tuple[str, Any, tuple[int | None, ...]]:
        """Return the name, the type and the fixed sizes of the input.

        Raises:
            UsageError: if there are several inputs, or it takes no batch of numbers.
        """
        inputs = _session(self.source, self._model).get_inputs()
        if len(inputs) != 1 or inputs[0].type not in _TYPES or len(inputs[0].shape) < 3:
            told = ", ".join(f"{one.name} ({one.type}, {by(one.shape)})" for one in inputs)
            raise UsageError(
                f"{self.source} takes {told or 'nothing'}, and a model must take one batch of numbers "
                "(samples, channels, then axes); export the network without its other inputs"
            )
        (one,) = inputs
        return one.name, _TYPES[one.type], tuple(size if isinstance(size, int) else None for size in one.shape)

    def _named(self, layer: str) -> Normalizer:
        if layer not in self._by_name:
            raise UsageError(f"{layer}: no normalization of {self.source} has this name")
        return self._by_name[layer]

    # What is said of it -------------------------------------------------------------------------------------------

    def _seen(self, one: Normalizer, values: dict[str, Tensors], samples: int) -> Seen:
        normalization, value = self._described(one, values), values[one.whole]
        if normalization.kind == "instance" and one.whole != one.entering:
            value = values[one.entering]
        axis = one.axis % value.ndim if normalization.kind in {"layer", "rms"} else 1
        shape = value.shape
        rows = [Moments.from_array(row, axis=axis - 1) for row in value]
        moments = Moments.stack(rows)
        together, variances = None, None
        folded = normalization.kind in {"batch", "layer", "rms"} and samples and shape[0] % samples == 0
        if folded and shape[0] != samples:
            moments = moments.reshape((samples, shape[0] // samples, moments.shape[1])).merged(axis=1)
        if normalization.kind in {"layer", "rms"} and (axis > 1 or (folded and shape[0] != samples)):
            together = math.prod(shape[axis:])
            places = value.reshape(samples if folded else shape[0], -1, together).astype(np.float64)
            squares = np.square(places).mean(2) if normalization.kind == "rms" else places.var(2)
            variances = np.median(squares, axis=1)
        return Seen(normalization, shape, axis, value.dtype.name, moments, together, variances)

    def _described(self, one: Normalizer, values: dict[str, Tensors]) -> Normalization:
        """Return a normalization with what is known only when it runs: the groups, and statistics that were loaded."""
        normalization = one.normalization
        if one.output in self._stored:
            mean, variance = self._stored[one.output]
            return _replaced(normalization, running_mean=mean, running_variance=variance)
        if one.whole == one.entering:
            return normalization
        whole, entering = values[one.whole], values[one.entering]
        groups = entering.shape[1]
        is_group = whole.ndim > 1 and whole.shape[0] == entering.shape[0] and whole.shape[1] % groups == 0
        if is_group and groups < whole.shape[1]:
            return _replaced(normalization, groups=groups)
        return _replaced(normalization, kind="instance")

    def _require_several(self, one: Normalizer, shape: tuple[int, ...], samples: int, seen: tuple[Seen, ...]) -> None:
        """Raise LayerRefusesError for a single value of each channel, which PyTorch does not train with."""
        if shape[0] * math.prod(shape[2:]) < 2:
            raise LayerRefusesError(
                one.normalization.layer,
                f"Expected more than 1 value per channel when training, got input size {list(shape)} for "
                f"{plural(samples, 'sample')}",
                seen,
            )


# Copies of the graph that are kept ready: one for each question, and one for a layer that is switched.
_SESSIONS = 4


def _session(source: str, model: Any) -> Any:
    """Return what runs a model. Fusions that would change what enters a layer are not possible: it is an output.

    Raises:
        UsageError: if the model is too large to be copied.
    """
    if model.ByteSize() > _MOST_BYTES:
        raise UsageError(f"{source} has more than 2 GB of weights, which is more than a graph in memory can have")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _QUIET
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _sizes(fixed: Sequence[int | None]) -> str:
    return " × ".join("any" if size is None else str(size) for size in fixed)


def _plain(values: Tensors) -> Tensors:
    return values if values.dtype in {np.dtype(np.float32), np.dtype(np.float64)} else values.astype(np.float32)


def _replaced(normalization: Normalization, **changes: Any) -> Normalization:
    return Normalization(**(vars(normalization) | changes))


def _parameters(graph: Any) -> int:
    """Return the number of values in the initializers, without running statistics and whole numbers."""
    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE, onnx.TensorProto.BFLOAT16)
    tensors = constants(graph)
    running = {
        tensors[name].name
        for node in graph.node
        if node.op_type == "BatchNormalization"
        for name in node.input[3:5]
        if name in tensors
    }
    return sum(math.prod(one.dims) for one in graph.initializer if one.data_type in floats and one.name not in running)
