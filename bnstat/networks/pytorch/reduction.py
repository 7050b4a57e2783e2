"""From what a normalization gets, a tensor, to what is said of it: moments, and its stored numbers."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import torch

from bnstat.moments.moments import Doubles, Moments
from bnstat.networks.normalization import Normalization, Seen
from bnstat.networks.pytorch.calls import Call

# Samples of fewer values are reduced together, since a call for each would take longer than its arithmetic.
_FEW = 4096
# The most values of which variances of places are taken at once, 8 MB of them.
_AT_ONCE = 1 << 20


def channel_axis(call: Call) -> int:
    """Return the axis that holds the channels: 1, or the first axis that a layer normalization normalizes over."""
    if call.kind in ("layer", "rms"):
        return max(call.input.ndim - len(call["normalized_shape"]), 0)
    return 1


def reduce_input(normalization: Normalization, call_input: torch.Tensor, axis: int, samples: int) -> Seen:
    """Return what is said of the input of a normalization.

    Args:
        normalization: The layer.
        call_input: What it gets.
        axis: The axis that holds the channels. If it is 0, the input is one sample without an axis for samples.
        samples: The number of samples in the batch. A layer that has several rows of axis 0 for each of them, as for
            the windows of a volume, has them merged if each row is not normalized by itself.
    """
    tensor = plain(call_input)
    if axis == 0:
        tensor, axis = tensor[None], 1
    shape = tuple(tensor.shape)
    moments = _moments(tensor, axis)
    rows, of_places = shape[0], normalization.kind in ("layer", "rms")
    folded = normalization.kind in ("batch", "layer", "rms") and rows != samples and samples and rows % samples == 0
    if folded:
        moments = moments.reshape((samples, rows // samples, moments.shape[1])).merged(axis=1)
    together, variances = None, None
    if of_places and (axis > 1 or folded):
        together = prod(shape[axis:])
        places = tensor.reshape(samples if folded else rows, -1, together)
        variances = _place_variances(places, about_mean=normalization.kind == "layer")
    dtype = str(tensor.dtype).removeprefix("torch.")
    return Seen(normalization, shape, axis, dtype, moments, together, variances)


def plain(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor of PyTorch's own class, without a graph, in the processor's memory."""
    with torch._C.DisableTorchFunctionSubclass():
        return tensor.detach().as_subclass(torch.Tensor).cpu()


def as_array(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """Return a tensor as numpy has it; bfloat16, which numpy does not have, as float32."""
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def doubles(tensor: torch.Tensor | None, channels: int) -> Doubles | None:
    """Return stored numbers of a layer, shape (channels,); None for none, or for another number of them."""
    if tensor is None or tensor.numel() != channels:
        return None
    return plain(tensor).reshape(-1).double().numpy().copy()


def _moments(tensor: torch.Tensor, axis: int) -> Moments:
    """Return the moments of each channel of each sample, shape (samples, channels)."""
    samples, channels = tensor.shape[0], tensor.shape[axis]
    if axis == 1 and tensor.numel() <= _FEW * samples:
        rows = as_array(tensor).reshape(samples * channels, -1)
        return Moments.from_array(rows, axis=0).reshape((samples, channels))
    return Moments.stack(Moments.from_array(as_array(sample), axis=axis - 1) for sample in tensor)


def _place_variances(tensor: torch.Tensor, *, about_mean: bool) -> Doubles:
    """Return for each sample the median over places of the variance, or of the mean square.

    Args:
        tensor: Shape (samples, places, values).
        about_mean: True for the variance.
    """
    step = max(_AT_ONCE // max(tensor.shape[2], 1), 1)
    medians = []
    for sample in tensor:
        parts = []
        for first in range(0, len(sample), step):
            rows = sample[first : first + step].double()
            spread = rows.var(-1, correction=0) if about_mean else rows.square().mean(-1)
            parts.append(spread.numpy())
        with np.errstate(all="ignore"):  # NaN for a sample with NaN
            medians.append(float(np.median(np.concatenate(parts))) if parts else np.nan)
    return np.array(medians)
