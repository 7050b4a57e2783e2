"""The normalization layers of a Keras model: their names, and what each of them says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from bnstat.moments.moments import Doubles, Moments
from bnstat.networks.normalization import Kind, Normalization, Seen

# Keras' own classes, by name: those that this Keras lacks are no class of any of its layers.
_KINDS: dict[str, Kind] = {
    "BatchNormalization": "batch",
    "LayerNormalization": "layer",
    "GroupNormalization": "group",
    "RMSNormalization": "rms",
}
# What normalizes weights, or values with numbers that no training changes.
_OTHERS = ("spectral", "weight", "UnitNormalization")


def kind_of(layer: Any) -> Kind | None:
    """Return what a layer normalizes over; None if it is none of Keras' normalization layers."""
    import keras

    for name, kind in _KINDS.items():
        known = getattr(keras.layers, name, None)
        if known is not None and isinstance(layer, known):
            return "rms" if getattr(layer, "rms_scaling", False) else kind
    return None


def named_layers(model: Any) -> dict[Any, str]:
    """Return all layers in a model with their names, as "encoder/batch_normalization"; a shared one has the first."""
    names: dict[Any, str] = {}

    def walk(parent: Any, above: str) -> None:
        for layer in parent._flatten_layers(include_self=False, recursive=False):
            if layer not in names:
                names[layer] = f"{above}{layer.name}"
                walk(layer, f"{names[layer]}/")

    walk(model, "")
    return names


def normalizers(model: Any) -> dict[Any, str]:
    """Return the normalization layers of a model with their names; the model itself may be one."""
    found = named_layers(model) | ({model: model.name} if kind_of(model) else {})
    return {layer: name for layer, name in found.items() if kind_of(layer)}


def unseen(model: Any) -> Iterator[str]:
    """Yield a sentence on each part of a model that may normalize and is no layer of Keras that does."""
    import keras

    for layer, name in named_layers(model).items():
        kind = type(layer).__name__
        if "norm" in kind.lower() and not kind_of(layer) and not _is_other(layer, keras):
            yield (
                f"{name} ({kind}) is none of Keras' normalization layers; if it normalizes with arithmetic of its own, "
                "what enters it is not measured"
            )
        yield from _operations(layer, f"{name}/", keras)
    yield from _operations(model, "", keras)


def _is_other(layer: Any, keras: Any) -> bool:
    """Return True for a layer that normalizes weights, or with numbers that are part of the data's description."""
    kind = type(layer).__name__
    given = isinstance(layer, keras.layers.Normalization)
    return given or any(word.lower() in kind.lower() for word in _OTHERS)


def _operations(model: Any, above: str, keras: Any) -> Iterator[str]:
    """Yield a sentence on each normalizing function that a functional model calls."""
    for one in getattr(model, "operations", None) or ():
        kind = type(one).__name__
        if "norm" in kind.lower() and not isinstance(one, keras.layers.Layer) and kind != "Norm":
            yield f"{above}{one.name} is a call of keras.ops ({kind}), which no layer stands for; it is not measured"


def normalization(layer: Any, name: str) -> Normalization:
    """Return what a layer that is built says of itself, with its stored statistics as they are now."""
    kind = kind_of(layer) or "batch"
    # of RMS normalization γ is called scale, which is True or False elsewhere
    scale = getattr(layer, "gamma", None) if kind != "rms" or hasattr(layer, "gamma") else layer.scale
    return Normalization(
        layer=name,
        kind=kind,
        epsilon=float(layer.epsilon),
        groups=int(layer.groups) if kind == "group" else None,
        momentum=float(layer.momentum) if kind == "batch" else None,
        running_mean=_vector(getattr(layer, "moving_mean", None)),
        running_variance=_vector(getattr(layer, "moving_variance", None)),
        scale=_vector(scale),
        shift=_vector(getattr(layer, "beta", None)),
        frozen=kind == "batch" and not layer.trainable,  # then Keras normalizes with stored statistics in training too
    )


def _vector(variable: Any) -> Doubles | None:
    """Return a variable as float64, shape (values,); None for none."""
    return None if variable is None else as_array(variable).astype(np.float64).reshape(-1)


def as_array(tensor: Any) -> np.ndarray[Any, Any]:
    """Return a tensor as numpy has it; bfloat16, which numpy does not have, as float32."""
    import keras

    if keras.backend.standardize_dtype(tensor.dtype) == "bfloat16":
        tensor = keras.ops.cast(tensor, "float32")
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def channel_axis(layer: Any, dimensions: int) -> int:
    """Return the axis that holds the channels of a layer's input: the one it keeps, or the last it normalizes over."""
    axis = layer.axis
    last = axis[-1] if isinstance(axis, (list, tuple)) else axis
    return int(last) % dimensions


def seen(layer: Any, named: Normalization, tensor: Any) -> Seen:
    """Return what enters a layer.

    Args:
        layer: The layer.
        named: What it says of itself.
        tensor: Its input, with values.
    """
    import keras

    values = as_array(tensor)
    axis = channel_axis(layer, values.ndim)
    together, variances = None, None
    if named.kind in ("layer", "rms"):
        together, variances = _places(layer, named.kind, values)
    return Seen(
        normalization=named,
        shape=tuple(values.shape),
        axis=axis,
        dtype=keras.backend.standardize_dtype(tensor.dtype),
        moments=Moments.stack(Moments.from_array(sample, axis=axis - 1) for sample in values),
        together=together,
        place_variances=variances,
    )


def _places(layer: Any, kind: Kind, values: np.ndarray[Any, Any]) -> tuple[int | None, Doubles | None]:
    """Return how many values are normalized together, and the median over places of their variance, for each sample.

    Both are None if a whole sample is normalized together. RMS normalization has the mean square for a variance.
    """
    axes = {int(axis) % values.ndim for axis in (layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis])}
    if axes == set(range(1, values.ndim)):
        return None, None
    together = prod(values.shape[axis] for axis in axes)
    medians = []
    for sample in values:
        rows = np.moveaxis(sample, [axis - 1 for axis in axes], range(-len(axes), 0)).reshape(-1, together)
        doubles = rows.astype(np.float64)
        spread = doubles.var(axis=1) if kind == "layer" else np.square(doubles).mean(axis=1)
        medians.append(float(np.median(spread)))
    return together, np.array(medians)
