"""A network of any framework that can be run on samples while its normalizations are watched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from bnstat.moments.moments import Doubles
from bnstat.networks.normalization import Pass, Seen, Tensors

Framework = Literal["pytorch", "onnx", "keras"]


class LayerRefusesError(Exception):
    """A layer that stops the forward pass: a batch norm in training mode with one value for each channel.

    Attributes:
        layer: The name of the layer.
        message: The framework's own words.
        seen: The normalizations that ran before it in this pass, in order.
    """

    def __init__(self, layer: str, message: str, seen: tuple[Seen, ...] = ()) -> None:
        super().__init__(f"{layer}: {message}")
        self.layer, self.message, self.seen = layer, message, seen


class ReachedError(BaseException):
    """The end of a pass that goes no further than one layer. No `except Exception` of a network stops it.

    Attributes:
        seen: What entered the layer.
    """

    def __init__(self, seen: Seen) -> None:
        super().__init__(seen.normalization.layer)
        self.seen = seen


class Network(Protocol):
    """A network of any framework.

    - A batch has samples along axis 0; then channels, if `channels_last` is False, or last. Its type is float32.
    - After every call the network is as it was before: parameters, running statistics, modes and hooks. This holds
      after an exception too. Only `load` changes it, until `restore`.
    - Dropout and other random layers are off in every pass.

    Attributes:
        source: The model, as the user named it.
        weights: The file of its weights, as the user named it; None without one.
        framework: The framework that runs it.
        channels_last: True if channels are the last axis of a batch.
        trains: True if it can be run in training mode and layers can be switched. An exported program often cannot.
    """

    source: str
    weights: str | None
    framework: Framework
    channels_last: bool
    trains: bool

    @property
    def parameters(self) -> int:
        """The number of its parameters."""
        ...

    @property
    def missed(self) -> tuple[str, ...]:
        """Sentences on normalizations that cannot be seen, known after the first pass."""
        ...

    def evaluate(self, batch: Tensors) -> Pass:
        """Run a batch in evaluation mode.

        Raises:
            LayerRefusesError: if a layer refuses this batch in evaluation mode too, as an instance norm does with one
                value for each channel.
        """
        ...

    def train(self, batch: Tensors) -> Pass:
        """Run a batch forward in training mode, with the statistics of the batch in every batch norm.

        Raises:
            LayerRefusesError: if a layer refuses this batch.
        """
        ...

    def switched(self, layers: Sequence[str], batch: Tensors) -> Tensors:
        """Return the outputs in evaluation mode, with some layers using the statistics of each sample itself.

        The batch has one sample, so that the statistics of the batch are those of the sample.

        Raises:
            LayerRefusesError: if a layer has one value for each channel.
        """
        ...

    def entering(self, layer: str, batch: Tensors) -> Seen:
        """Run a batch in evaluation mode up to one layer, and return what entered it."""
        ...

    def load(self, layer: str, mean: Doubles, variance: Doubles) -> None:
        """Set the running statistics of a layer, until `restore`."""
        ...

    def restore(self) -> None:
        """Set every running statistic to what it was when the network was opened."""
        ...

    def save(self, path: str) -> tuple[str, ...]:
        """Write the weights with the running statistics as they are now, ready to be loaded in place of `weights`.

        Returns:
            Sentences on what the new file lacks of the old one.

        Raises:
            UsageError: if this kind of model cannot be written.
            OutputError: if the file cannot be written.
        """
        ...
