"""Moments of a tensor, taken where the tensor is, in float64, without a copy of its size.

The reader of files adds whole rows by NumPy. Within a training step that is slow: it uses one processor, and a tensor
on a GPU would have to be copied. Here PyTorch does two passes over blocks: the mean of a block, then the sum of squared
deviations from that mean. Both are in float64, so that a large mean costs no digits (relative errors stay below 1e-12
while the mean is less than 10,000 times the standard deviation). Minimum = maximum decides what is constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from bnstat.moments.exact import residues
from bnstat.moments.moments import Doubles, Moments

# Values of a block in float64: for each thread 1 MiB, which a processor's cache holds; on a GPU 32 MiB.
_PER_THREAD, _MOST_THREADS, _ON_DEVICE = 1 << 17, 8, 1 << 22

# Values side by side from which on a row's extremes are as fast as they get.
_FOLD = 64

# The rows of a table that `reduced` returns.
_FIELDS = ("finite", "mean", "m2", "minimum", "maximum", "nan", "inf")


class _Cells(NamedTuple):
    """The moments of the rows of one block: tensors of shape (rows, channels of a row), in the order of `_FIELDS`."""

    finite: torch.Tensor
    mean: torch.Tensor
    m2: torch.Tensor
    minimum: torch.Tensor
    maximum: torch.Tensor
    nan: torch.Tensor


def reduced(tensor: torch.Tensor, axis: int) -> torch.Tensor:
    """Return the moments of each channel of each sample as one tensor on the same device.

    Args:
        tensor: Real values, samples along axis 0.
        axis: The axis of the channels.

    Returns:
        A float64 tensor of shape (7, samples, channels), of which `moments_of` makes moments once it is on the CPU.
    """
    plain = tensor.detach().as_subclass(torch.Tensor)  # operations on a subclass call Python
    with torch.no_grad(), torch.autocast(plain.device.type, enabled=False):
        return _reduced(plain, axis)


def moments_of(table: Doubles) -> Moments:
    """Return the moments of a table that `reduced` made, shape (samples, channels)."""
    cells = dict(zip(_FIELDS, table, strict=True))
    varies = (cells["minimum"] != cells["maximum"]) & (cells["finite"] > 0)
    whole = {name: cells.pop(name).astype(np.int64) for name in ("finite", "nan", "inf")}
    return Moments(
        **cells,
        **whole,
        mean_tail=np.zeros(varies.shape),
        varies=varies,
        residue=residues(cells["minimum"]),
    )


def _reduced(tensor: torch.Tensor, axis: int) -> torch.Tensor:
    samples, channels = tensor.shape[0], tensor.shape[axis]
    cube = _cube(tensor, axis)
    found = _blocks(cube)
    constant = found.minimum == found.maximum
    mean, m2 = torch.where(constant, found.minimum, found.mean), torch.where(constant, 0.0, found.m2)
    inf = cube.shape[1] - found.finite - found.nan
    rows = [found.finite, mean, m2, found.minimum, found.maximum, found.nan, inf]
    return torch.stack(rows).reshape(len(_FIELDS), samples, channels)


def _cube(tensor: torch.Tensor, axis: int) -> torch.Tensor:
    """Return the values as (rows, reduced values, channels of a row), without a copy in the usual layouts of memory.

    A row is one channel of one sample, or, where channels lie beside each other in memory, a sample.
    """
    samples, channels = tensor.shape[0], tensor.shape[axis]
    last = tensor.movedim(axis, -1)
    if last.is_contiguous():
        return last.reshape(samples, -1, channels)
    return tensor.movedim(axis, 1).reshape(samples * channels, -1, 1)


def _extreme(take: Callable[..., torch.Tensor], cube: torch.Tensor) -> torch.Tensor:
    """Return the least or the greatest values of rows; few channels that lie side by side are taken as many."""
    rows, length, width = cube.shape
    fold = _FOLD // width if 1 < width < _FOLD else 1
    whole = length - length % fold
    if fold == 1 or not whole:
        return take(cube, dim=1)
    wide = take(cube[:, :whole].reshape(rows, whole // fold, fold * width), dim=1)
    left = torch.cat([wide.view(rows, fold, width), cube[:, whole:]], dim=1)
    return take(left, dim=1)


def _blocks(cube: torch.Tensor) -> _Cells:
    """Return the moments of all rows, from blocks of a bounded size."""
    rows, length, width = cube.shape
    on_cpu = cube.device.type == "cpu"
    block = _PER_THREAD * min(torch.get_num_threads(), _MOST_THREADS) if on_cpu else _ON_DEVICE
    size = min(max(block // width, 1), length)  # of a row, whose parts are merged
    together = max(block // (size * width), 1)
    buffer = torch.empty(min(together, rows) * size * width, dtype=torch.float64, device=cube.device)
    parts = []
    for start in range(0, length, size):
        piece = cube[:, start : start + size]
        found = [_block(piece[row : row + together], buffer) for row in range(0, rows, together)]
        parts.append(_Cells(*(torch.cat(column) for column in zip(*found, strict=True))))
    return parts[0] if len(parts) == 1 else _merged(parts)


def _block(values: torch.Tensor, buffer: torch.Tensor) -> _Cells:
    """Return the moments of the rows of one block, in float64 and in two passes."""
    doubles = buffer[: values.numel()].view(values.shape).copy_(values)
    if values.device.type != "cpu":  # the question whether all values are finite would wait for a GPU
        return _of_finite(doubles)
    low, high = (_extreme(take, values).double() for take in (torch.amin, torch.amax))
    if not bool(torch.isfinite(low + high).all()):
        return _of_finite(doubles)
    mean = doubles.mean(dim=1)
    m2 = doubles.sub_(mean.unsqueeze(1)).square_().sum(dim=1)
    return _Cells(torch.full_like(mean, values.shape[1]), mean, m2, low, high, torch.zeros_like(mean))


def _of_finite(doubles: torch.Tensor) -> _Cells:
    """Return the moments of the finite values of a block, which is overwritten."""
    gaps = ~torch.isfinite(doubles)
    nan = torch.isnan(doubles).sum(dim=1).double()
    low = doubles.masked_fill(gaps, torch.inf).amin(dim=1)
    high = doubles.masked_fill(gaps, -torch.inf).amax(dim=1)
    count = (doubles.shape[1] - gaps.sum(dim=1)).double()
    mean = doubles.masked_fill_(gaps, 0.0).sum(dim=1) / count.clamp(min=1)
    m2 = doubles.sub_(mean.unsqueeze(1)).masked_fill_(gaps, 0.0).square_().sum(dim=1)
    return _Cells(count, mean, m2, low, high, nan)


def _merged(parts: list[_Cells]) -> _Cells:
    """Merge the parts of rows, about the mean of the first part (Chan, Golub & LeVeque 1979)."""
    finite, mean, m2, low, high, nan = (torch.stack(column) for column in zip(*parts, strict=True))
    total = finite.sum(dim=0)
    offset = torch.where(finite > 0, mean - mean[0], 0.0)
    shift = (finite * offset).sum(dim=0) / total.clamp(min=1)
    between = (finite * (offset - shift).square()).sum(dim=0)
    return _Cells(total, mean[0] + shift, m2.sum(dim=0) + between, low.amin(dim=0), high.amax(dim=0), nan.sum(dim=0))
