"""A network of numpy with layers of few lines, on which measurements are checked without a framework."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bnstat.moments.moments import Moments
from bnstat.networks.network import LayerRefusesError
from bnstat.networks.normalization import Normalization, Pass, Seen

WORDS = "Expected more than 1 value per channel when training"


def batch_norm(name, channels, mean=None, variance=None, epsilon=1e-5, **more):
    """Return a batch norm with running statistics, those at the start of training if none are given."""
    return Normalization(
        name,
        "batch",
        epsilon,
        momentum=0.1,
        running_mean=np.zeros(channels) if mean is None else np.asarray(mean, np.float64),
        running_variance=np.ones(channels) if variance is None else np.asarray(variance, np.float64),
        **more,
    )


@dataclass
class FakeNetwork:
    """Layers one after the other: functions of a batch, shape (samples, channels, …), and normalizations.

    A name that has two calls in the list is a module that is used twice. Passes are counted.
    """

    layers: list[Callable[[np.ndarray], np.ndarray] | Normalization]
    source: str = "fake:network"
    weights: str | None = None
    framework: str = "pytorch"
    channels_last: bool = False
    parameters: int = 7
    trains: bool = True
    missed: tuple[str, ...] = ()
    shows_refused: bool = True
    refuses_switch: tuple[str, ...] = ()
    passes: list[str] = field(default_factory=list)
    saved: list[str] = field(default_factory=list)

    def __post_init__(self):
        self._loaded = {}

    def evaluate(self, batch):
        self.passes.append("evaluate")
        return self._run(batch)

    def train(self, batch):
        self.passes.append(f"train {len(batch)}")
        return self._run(batch, training=True)

    def switched(self, layers: Sequence[str], batch):
        assert len(batch) == 1
        self.passes.append(f"switch {' '.join(layers)}")
        for layer in layers:
            if layer in self.refuses_switch:
                raise LayerRefusesError(layer, "it does more than normalize")
        return self._run(batch, own=layers).outputs

    def entering(self, layer, batch):
        self.passes.append(f"enter {layer}")
        return next(seen for seen in self._run(batch, until=layer).seen if seen.normalization.layer == layer)

    def load(self, layer, mean, variance):
        self._loaded[layer] = (np.asarray(mean), np.asarray(variance))

    def restore(self):
        self._loaded = {}

    def save(self, path):
        self.saved.append(path)
        return ()

    @property
    def loaded(self):
        return self._loaded

    def _run(self, batch, *, training=False, own=(), until=None):
        values, seen, calls = np.asarray(batch, np.float64), [], {}
        for layer in self.layers:
            if not isinstance(layer, Normalization):
                values = layer(values)
                continue
            number = calls[layer.layer] = calls.get(layer.layer, 0) + 1
            name = layer.layer if number == 1 else f"{layer.layer}#{number}"
            mean, variance = self._loaded.get(layer.layer, (layer.running_mean, layer.running_variance))
            known = replace(layer, layer=name, running_mean=mean, running_variance=variance)
            stored = layer.stored and (layer.frozen or not training) and name not in own
            if layer.kind == "batch" and not stored and values.size == values.shape[1]:
                raise LayerRefusesError(name, WORDS, tuple(seen) if self.shows_refused else ())
            moments = Moments.stack(Moments.from_array(sample, axis=0) for sample in values)
            seen.append(Seen(known, values.shape, 1, "float32", moments))
            if name == until:
                break
            values = normalized(known, values, stored=stored)
        return Pass(values, tuple(seen))


def normalized(layer: Normalization, values: np.ndarray, *, stored: bool) -> np.ndarray:
    """Return normalized values, with stored statistics or those of the values."""
    shape = (1, -1) + (1,) * (values.ndim - 2)
    if stored:
        mean, variance = (np.reshape(one, shape) for one in (layer.running_mean, layer.running_variance))
        return (values - mean) / np.sqrt(variance + layer.epsilon)
    cube = values.reshape(len(values), -1, 1) if layer.kind == "layer" else values.reshape(*values.shape[:2], -1)
    if layer.kind == "group":
        cube = values.reshape(len(values), layer.groups, -1)
    axes = (0, 2) if layer.kind == "batch" else (1, 2) if layer.kind == "layer" else (2,)
    with np.errstate(invalid="ignore"):
        mean, variance = cube.mean(axes, keepdims=True), cube.var(axes, keepdims=True)
        return ((cube - mean) / np.sqrt(variance + layer.epsilon)).reshape(values.shape)


def mixed(seed: int, into: int, of: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return a convolution with a kernel of one voxel."""
    weights = np.random.default_rng(seed).normal(0, 1, (into, of))
    return lambda values: np.einsum("oc,nc...->no...", weights, values)


def rectified(values: np.ndarray) -> np.ndarray:
    """Return positive values as they are, and others as 0."""
    return np.maximum(values, 0)


def samples_with_offsets(number: int, seed: int = 0, shape: tuple[int, ...] = (2, 4, 4, 4)) -> Iterator[np.ndarray]:
    """Yield samples that differ from each other in offset and scale."""
    random = np.random.default_rng(seed)
    for _ in range(number):
        yield (random.normal(0, 1, shape) * random.uniform(0.5, 2) + random.normal(0, 1)).astype(np.float32)
