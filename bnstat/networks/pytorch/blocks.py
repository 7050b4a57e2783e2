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


class _Sums(NamedTuple):
    """The moments of one block: tensors of shape (rows, channels of a row)."""

    finite: torch.Tensor
    mean: torch.Tensor
    m2: torch.Tensor


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
    low, high = (_extreme(take, cube).double() for take in (torch.amin, torch.amax))
    # On a GPU the question whether all values are finite would wait for it, so that there all are masked.
    masked = tensor.device.type != "cpu" or not bool(torch.isfinite(low + high).all())
    if masked:
        least = torch.where(torch.isfinite(cube), cube, torch.inf).amin(dim=1).double()
        high = torch.where(torch.isfinite(cube), cube, -torch.inf).amax(dim=1).double()
        nan, low = torch.isnan(cube).sum(dim=1).double(), least
    sums = _blocks(cube, masked)
    if not masked:
        nan = torch.zeros_like(low)
    constant = low == high
    mean, m2 = torch.where(constant, low, sums.mean), torch.where(constant, 0.0, sums.m2)
    inf = cube.shape[1] - sums.finite - nan
    return torch.stack([sums.finite, mean, m2, low, high, nan, inf]).reshape(len(_FIELDS), samples, channels)


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


def _blocks(cube: torch.Tensor, masked: bool) -> _Sums:
    """Return the moments of all rows, from blocks of a bounded size."""
    rows, length, width = cube.shape
    on_cpu = cube.device.type == "cpu"
    block = _PER_THREAD * min(torch.get_num_threads(), _MOST_THREADS) if on_cpu else _ON_DEVICE
    size = min(max(block // width, 1), length)  # of a row, whose parts are merged
    together = max(block // (size * width), 1)
    buffer = torch.empty(min(together, rows) * size * width, dtype=torch.float64, device=cube.device)
    reduce = _of_finite if masked else _of_all
    parts = []
    for start in range(0, length, size):
        piece = cube[:, start : start + size]
        found = [reduce(piece[row : row + together], buffer) for row in range(0, rows, together)]
        parts.append(_Sums(*(torch.cat(column) for column in zip(*found, strict=True))))
    return parts[0] if len(parts) == 1 else _merged(parts)


def _of_all(values: torch.Tensor, buffer: torch.Tensor) -> _Sums:
    """Return the moments of a block of finite values."""
    doubles = buffer[: values.numel()].view(values.shape).copy_(values)
    mean = doubles.mean(dim=1)
    m2 = doubles.sub_(mean.unsqueeze(1)).square_().sum(dim=1)
    return _Sums(torch.full_like(mean, values.shape[1]), mean, m2)


def _of_finite(values: torch.Tensor, buffer: torch.Tensor) -> _Sums:
    """Return the moments of the finite values of a block."""
    there = torch.isfinite(values)
    doubles = buffer[: values.numel()].view(values.shape).copy_(values).masked_fill_(~there, 0.0)
    count = there.sum(dim=1).double()
    mean = doubles.sum(dim=1) / count.clamp(min=1)
    m2 = doubles.sub_(mean.unsqueeze(1)).masked_fill_(~there, 0.0).square_().sum(dim=1)
    return _Sums(count, mean, m2)


def _merged(parts: list[_Sums]) -> _Sums:
    """Merge the parts of rows, about the mean of the first part (Chan, Golub & LeVeque 1979)."""
    count, mean, m2 = (torch.stack(column) for column in zip(*parts, strict=True))
    total = count.sum(dim=0)
    offset = torch.where(count > 0, mean - mean[0], 0.0)
    shift = (count * offset).sum(dim=0) / total.clamp(min=1)
    between = (count * (offset - shift).square()).sum(dim=0)
    return _Sums(total, mean[0] + shift, m2.sum(dim=0) + between)
