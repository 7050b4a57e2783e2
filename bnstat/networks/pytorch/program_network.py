"""A TorchScript file or an exported program as a network.

Modes of a program are fixed when it is written, and its hooks are not called. So what a batch norm normalizes with is
chosen where its operator runs: the stored statistics in evaluation mode, those of the batch in training mode. Dropout
stays off, as it was written. That is the forward pass of the module in training mode, unless its own code asks for the
mode in another place.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from bnstat.errors import OutputError, UsageError, first_line
from bnstat.moments.moments import Doubles, Moments
from bnstat.networks.layer_names import CallNames
from bnstat.networks.network import Framework, LayerRefusesError, ReachedError
from bnstat.networks.normalization import Kind, Normalization, Pass, Seen, Tensors
from bnstat.networks.pytorch.modules import ROOT
from bnstat.networks.pytorch.programs.program import Program, ProgramCall, ProgramRefusesError
from bnstat.networks.pytorch.reduction import channel_axis, doubles, plain, reduce_input
from bnstat.networks.pytorch.tensors import tensors_in
from bnstat.text import by, plural


class ProgramNetwork:
    """A program, as `Network` has it."""

    framework: Framework = "pytorch"
    channels_last = False
    weights: str | None = None

    def __init__(self, program: Program, source: str, device: torch.device) -> None:
        self.source, self.parameters, self.frozen = source, program.parameters, program.frozen
        self.trains = not program.frozen
        self._program, self._device = program, device
        types = [tensor.dtype for tensor in program.weights.values() if tensor.is_floating_point()]
        self._dtype = types[0] if types else torch.float32
        self._stored: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self._before: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    @property
    def missed(self) -> tuple[str, ...]:
        """Sentences on normalizations that cannot be seen."""
        return self._program.missed

    def evaluate(self, batch: Tensors) -> Pass:
        """Run a batch in evaluation mode."""
        return self._run(batch, own=(), training=False)

    def train(self, batch: Tensors) -> Pass:
        """Run a batch with the statistics of the batch in every batch norm.

        Raises:
            LayerRefusesError: if a layer has one value for each channel.
            UsageError: if the program was written for another batch size.
        """
        fixed = self._fixed_batch
        if fixed is not None and len(batch) != fixed:
            raise UsageError(
                f"{self.source} was exported for {plural(fixed, 'sample')} in a batch, so training batches of "
                f"{len(batch)} cannot be run; give `batch_size={fixed}`, or export it with a dynamic batch axis, as in "
                "torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim('batch')},))"
            )
        return self._run(batch, own=(), training=True)

    def switched(self, layers: Sequence[str], batch: Tensors) -> Tensors:
        """Return the outputs in evaluation mode, with some layers using the statistics of the sample itself.

        Raises:
            LayerRefusesError: if a layer has one value for each channel.
        """
        return self._run(batch, own=frozenset(layers), training=False, reduced=False).outputs

    def entering(self, layer: str, batch: Tensors) -> Seen:
        """Run a batch in evaluation mode up to one layer, and return what entered it.

        Raises:
            UsageError: if no such layer runs.
        """
        passed = self._run(batch, own=(), training=False, until=layer)
        found = next((seen for seen in passed.seen if seen.normalization.layer == layer), None)
        if found is None:
            raise UsageError(f"{layer}: no normalization of {self.source} has this name, or it does not run")
        return found

    def load(self, layer: str, mean: Doubles, variance: Doubles) -> None:
        """Set the running statistics of a layer, until `restore`.

        Raises:
            UsageError: if the layer stores none.
        """
        if layer not in self._stored:
            raise UsageError(f"{self.source}: {layer} stores no running statistics that can be set")
        stored = self._stored[layer]
        self._before.setdefault(layer, (stored[0].clone(), stored[1].clone()))
        with torch.no_grad():
            for tensor, values in zip(stored, (mean, variance), strict=True):
                tensor.copy_(torch.from_numpy(np.array(values, np.float64)).reshape(tensor.shape))

    def restore(self) -> None:
        """Set every running statistic to what it was when the program was opened."""
        with torch.no_grad():
            for layer, before in reversed(self._before.items()):
                for tensor, values in zip(self._stored[layer], before, strict=True):
                    tensor.copy_(values)
        self._before.clear()

    def save(self, path: str) -> tuple[str, ...]:
        """Write the program with its running statistics as they are now.

        Raises:
            OutputError: if the file cannot be written.
        """
        try:
            self._program.write(path)
        except (OSError, RuntimeError) as error:
            raise OutputError(f"{path}: the program cannot be written: {' '.join(str(error).split())[:200]}") from error
        return ()

    @property
    def _fixed_batch(self) -> int | None:
        return self._program.sizes[0] if self._program.sizes else None

    def _run(
        self, batch: Tensors, *, own: Collection[str], training: bool, until: str | None = None, reduced: bool = True
    ) -> Pass:
        """Run a batch, in parts of the size that the program was written for if it was written for one."""
        self.require_shape(batch.shape[1:])
        fixed = self._fixed_batch
        size = len(batch) if fixed is None or training else fixed
        outputs: list[Tensors] = []
        parts: list[tuple[Seen, ...]] = []
        for first in range(0, len(batch), size):
            part = batch[first : first + size]
            missing = size - len(part)
            # samples do not see each other in evaluation mode, so that a part can be filled up
            filled = np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) if missing else part
            watch = _Watch(self, own, training, until, len(filled), reduced)
            outputs.append(self._outputs(filled, watch)[: len(part)])
            parts.append(tuple(_first_samples(seen, len(part), len(filled)) for seen in watch.seen))
        return Pass(np.concatenate(outputs), _joined(parts))

    def _outputs(self, batch: Tensors, watch: _Watch) -> Tensors:
        """Return the first output of the program; nothing if the pass ends at a layer."""
        try:
            tensor = torch.from_numpy(np.array(batch, np.float32)).to(self._device, self._dtype)
            with torch.no_grad():
                returned = self._program.run(tensor, watch)
        except ProgramRefusesError as error:
            raise LayerRefusesError(watch.named(error.layer, error.kind), error.message, tuple(watch.seen)) from error
        except ReachedError:
            return np.empty((len(batch), 0), np.float32)
        except LayerRefusesError:
            raise
        except (RuntimeError, torch.jit.Error, AssertionError, ValueError, TypeError, IndexError) as error:
            raise UsageError(
                f"{self.source} cannot run a batch of shape {by(batch.shape)}: {first_line(error)}; give samples of "
                "another size, as with `size`"
            ) from error
        for output in tensors_in(returned):
            if output.ndim and output.shape[0] == len(batch):
                values = plain(output)
                return (values if values.dtype == torch.float64 else values.float()).numpy()
        raise UsageError(f"{self.source} returns no tensor with the samples of a batch along its first axis")

    def require_shape(self, shape: Sequence[int]) -> None:
        """Refuse samples of another shape than the program was written for.

        Args:
            shape: The shape of a sample, channels first.

        Raises:
            UsageError: if it is another shape.
        """
        if self._program.sizes is None:
            return
        sizes = self._program.sizes[1:]
        fits = len(sizes) == len(shape) and all(size in (None, own) for size, own in zip(sizes, shape, strict=True))
        if not fits:
            wanted = " × ".join("any" if size is None else str(size) for size in sizes)
            raise UsageError(
                f"{self.source} was exported for samples of {wanted} (channels first), and they have {by(shape)}; cut "
                "patches of this size with `size`, or export it with dynamic axes"
            )

    def _note_stored(self, layer: str, mean: torch.Tensor, variance: torch.Tensor) -> None:
        self._stored.setdefault(layer, (mean, variance))


class _Watch:
    """What happens at each normalization of one pass.

    Attributes:
        seen: What entered the normalizations, in order.
    """

    def __init__(
        self,
        network: ProgramNetwork,
        own: Collection[str],
        training: bool,
        until: str | None,
        samples: int,
        reduced: bool,
    ) -> None:
        self._network, self._own, self._training, self._until = network, own, training, until
        self._samples, self._reduced = samples, reduced
        self.seen: list[Seen] = []
        self._calls = CallNames()

    def begin(self) -> None:
        """Forget what was seen."""
        self.seen, self._calls = [], CallNames()

    def __call__(self, called: ProgramCall, /) -> Any:
        """Note a normalization, and run it with the statistics of this mode.

        Raises:
            LayerRefusesError: if the operator refuses the statistics of its input.
        """
        layer = self.named(called.layer, called.kind)
        if self._reduced:
            self.seen.append(self._entered(layer, called))
        if layer == self._until:
            raise ReachedError(self.seen[-1])
        call = called.call
        if not self._training and called.kind == "batch" and call["running_var"] is not None and call["training"]:
            raise UsageError(
                f"{self._network.source} was written in training mode: {layer} normalizes with the statistics of each "
                "batch, and dropout is on; call model.eval() before it is scripted, traced or exported"
            )
        if layer in self._own or (self._training and called.kind in ("batch", "instance")):
            try:
                return called.with_own_statistics()
            except ValueError as error:
                raise LayerRefusesError(layer, str(error), tuple(self.seen)) from error
        return call.run()

    def named(self, layer: str, kind: Kind) -> str:
        """Return the name of the next call of a module: "norm", then "norm#2"."""
        return self._calls.next(layer or (f"{kind}_norm" if self._network.frozen else ROOT))

    def _entered(self, layer: str, called: ProgramCall) -> Seen:
        """Return what entered a normalization, as the module had it: instance norm with its samples apart."""
        call = called.call
        tensor = call.input
        if called.kind == "instance" and tensor.shape[0] == 1 and call.kind == "batch":
            tensor = tensor.reshape(self._samples, -1, *tensor.shape[2:])
        axis = channel_axis(call)
        channels = tensor.shape[axis]
        mean, variance = call["running_mean"], call["running_var"]
        stored = mean is not None and variance is not None and mean.numel() >= channels
        if stored and called.kind == "batch":
            self._network._note_stored(layer, mean, variance)
        normalization = Normalization(
            layer=layer,
            kind=called.kind,
            epsilon=float(torch.finfo(tensor.dtype).eps if call["eps"] is None else call["eps"]),
            groups=call["groups"] if called.kind == "group" else None,
            momentum=float(call["momentum"]) if stored and call["momentum"] is not None else None,
            running_mean=_of_channels(mean, channels),
            running_variance=_of_channels(variance, channels),
            scale=_of_channels(call["weight"], channels),
            shift=_of_channels(call["bias"], channels),
            functional=called.functional,
        )
        return reduce_input(normalization, tensor, axis, self._samples)


def _of_channels(tensor: torch.Tensor | None, channels: int) -> Doubles | None:
    """Return the numbers of a layer; those of an instance norm are repeated for each sample."""
    return doubles(None if tensor is None else tensor.reshape(-1)[:channels], channels)


def _first_samples(seen: Seen, samples: int, filled: int) -> Seen:
    """Return what entered a layer of the first samples only."""
    if samples == filled:
        return seen
    places = None if seen.place_variances is None else seen.place_variances[:samples]
    return replace(seen, shape=(samples, *seen.shape[1:]), moments=seen.moments[:samples], place_variances=places)


def _joined(parts: Sequence[tuple[Seen, ...]]) -> tuple[Seen, ...]:
    """Return what entered each layer of all parts of a batch, joined along samples."""
    if len(parts) == 1:
        return parts[0]
    joined = []
    for layer in zip(*parts, strict=True):
        first = layer[0]
        moments = Moments.stack(seen.moments[row] for seen in layer for row in range(seen.moments.shape[0]))
        places = None if first.place_variances is None else np.concatenate([seen.place_variances for seen in layer])
        shape = (sum(seen.shape[0] for seen in layer), *first.shape[1:])
        joined.append(replace(first, shape=shape, moments=moments, place_variances=places))
    return tuple(joined)
