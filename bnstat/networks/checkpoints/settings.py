"""What is known of a training beside the file of its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bnstat.errors import require_least
from bnstat.layers.settings import Layer

if TYPE_CHECKING:  # numpy, which explaining a rule does without
    from bnstat.networks.checkpoints.stored import StoredNormalization

# A variance beyond this is that of no activation that is trained on: a standard deviation of 100,000.
HUGE = 1e10
# A γ below this leaves less than a thousandth of a normalized channel. γ starts at 1.
SMALL_SCALE = 1e-3

# The formats in which Keras writes; all others are taken for PyTorch's, whose layers they nearly always are.
_KERAS = ("keras", "h5")
# PyTorch's ε, for the layers of frameworks that have no default.
_EPSILON = 1e-5


@dataclass(frozen=True)
class AuditSettings:
    """What is known of a training beside the file: a file of PyTorch stores neither ε nor momentum.

    Attributes:
        framework: The framework whose defaults hold, and in whose convention `momentum` is; None for Keras in files of
            Keras, and for PyTorch in all others.
        epsilon: ε, whatever the file says; None for the file's own, else the framework's default.
        momentum: Momentum, likewise; "none" for a cumulative average.
        steps: The number of training steps; None if it is unknown.

    Raises:
        UsageError: if there is no such framework, or its layer has no such ε or momentum.
    """

    framework: str | None = None
    epsilon: float | None = None
    momentum: float | str | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        self.layer_for("torch")
        if self.steps is not None:
            require_least("steps", self.steps, 1)

    def layer_for(self, format_: str) -> Layer:
        """Return the layer whose ε and momentum hold where a file of this format says none."""
        framework = self.framework or ("keras" if format_ in _KERAS else "torch")
        return Layer.of(framework, self.epsilon, self.momentum)

    def epsilon_of(self, stored: StoredNormalization, layer: Layer) -> float:
        """Return the ε of a layer of the file."""
        if self.epsilon is None and stored.epsilon is not None:
            return stored.epsilon
        return _EPSILON if layer.epsilon is None else layer.epsilon

    def momentum_of(self, stored: StoredNormalization, layer: Layer) -> float | None:
        """Return the weight of a batch in the running statistics of a layer of the file; None for an average."""
        if self.momentum is None and stored.momentum is not None:
            return stored.momentum
        return layer.batch_weight
