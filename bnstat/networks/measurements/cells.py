"""What one normalization reduces: how many values, and the variance that normalizes a single sample."""

from __future__ import annotations

from math import prod

import numpy as np

from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.moments.moments import Doubles, Moments
from bnstat.networks.network import Framework
from bnstat.networks.normalization import Kind, Seen

# The makers of presets whose layers a network contains. An exported program (ONNX) is not trained.
_MAKERS: dict[Framework, str] = {"pytorch": "torch", "keras": "keras"}


def values_of(seen: Seen) -> int:
    """Return the number of values that the layer reduces together: of a channel, of a group, or of all channels."""
    normalization, shape = seen.normalization, seen.shape
    channels = max(shape[seen.axis], 1)
    if normalization.kind == "batch":
        return prod(shape) // channels
    if normalization.kind == "instance":
        return prod(shape[1:]) // channels
    if normalization.kind == "group":
        return prod(shape[1:]) // max(normalization.groups or 1, 1)
    return prod(shape[1:]) if seen.together is None else seen.together


def refuses(framework: Framework, kind: Kind, values: int, batch_size: int) -> bool:
    """Return True if a layer of this kind does not train on so few values.

    Args:
        framework: The framework that runs it.
        kind: What it normalizes over.
        values: The number of values that it reduces of one sample.
        batch_size: The number of samples in a batch, in all of which batch norm counts values, and so does group norm
            although it normalizes each sample by itself.
    """
    maker = _MAKERS.get(framework)
    least = next((row.least_values for row in FRAMEWORKS.values() if (row.maker, row.normalizer) == (maker, kind)), 1)
    return (values * batch_size if kind in ("batch", "group") else values) < least


def whole(seen: Seen) -> Moments:
    """Return the moments of each channel over all that entered, shape (channels,)."""
    return seen.moments[0] if seen.moments.shape[0] == 1 else seen.moments.merged(axis=0)


def sample_variance(seen: Seen) -> Doubles:
    """Return the variance that normalizes one sample, for each channel; shape (channels,).

    A layer with groups, or over all channels, has the same variance for several channels. RMS norm has the mean square
    in its place. Where a sample has several variances, as one for each token, it is their median. NaN if a value is NaN
    or Inf.

    Args:
        seen: What entered in a pass of one sample. Several rows are parts of it, as the slices of a volume are.
    """
    moments, kind = seen.moments, seen.normalization.kind
    rows, channels = moments.shape
    if kind == "batch":
        found = _variance(whole(seen))[np.newaxis]
    elif kind == "instance":
        found = _variance(moments)
    elif kind == "group":
        groups = max(seen.normalization.groups or 1, 1)
        found = np.repeat(
            _variance(moments.reshape((rows, groups, channels // groups)).merged(axis=2)), channels // groups, axis=1
        )
    elif seen.place_variances is not None:
        found = np.repeat(np.asarray(seen.place_variances, np.float64)[:, np.newaxis], channels, axis=1)
    else:
        merged = moments.merged(axis=1)
        squares = merged.mean**2 if kind == "rms" else 0.0
        found = np.repeat((_variance(merged) + squares)[:, np.newaxis], channels, axis=1)
    return np.asarray(np.median(found, axis=0))


def _variance(moments: Moments) -> Doubles:
    """Return the biased variance of each cell; NaN if it has a NaN or Inf."""
    return np.asarray(np.where(moments.nan + moments.inf == 0, moments.variance, np.nan))
