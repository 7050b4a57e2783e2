"""Batches as a training has them, taken apart into the samples that a network is run on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bnstat.errors import UsageError
from bnstat.networks.pytorch.reduction import plain
from bnstat.networks.pytorch.tensors import tensors_in

# The entry of a dictionary that holds the volume, as MONAI names it.
_IMAGE = "image"


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model's first parameter or buffer; the processor without one."""
    return next((own.device for held in (model.parameters(), model.buffers()) for own in held), torch.device("cpu"))


def samples_in(batches: Iterable[Any]) -> list[NDArray[Any]]:
    """Return the samples of batches, each as float32 without the batch axis.

    Args:
        batches: Tensors or arrays with samples along axis 0; of a tuple, list or dictionary the first tensor is taken,
            or that of "image".

    Raises:
        UsageError: if there is no sample, or something has no tensor.
    """
    if isinstance(batches, (torch.Tensor, np.ndarray)):
        raise UsageError("`batches` is one tensor; give a list of batches: [batch]")
    samples = [sample for batch in batches for sample in _values(batch)]
    if not samples:
        raise UsageError("`batches` has no batch; give a list of tensors with samples along the first axis")
    return samples


def _values(batch: Any) -> NDArray[Any]:
    """Return a batch as an array of float32, samples along axis 0."""
    given = batch.get(_IMAGE, batch) if isinstance(batch, Mapping) else batch
    if isinstance(given, (list, tuple)) and given and isinstance(given[0], np.ndarray):
        given = given[0]
    if isinstance(given, np.ndarray):
        values = np.array(given, np.float32)
    else:
        tensor = next(tensors_in(given), None)
        if tensor is None:
            raise UsageError(f"`batches` has a {type(batch).__name__} without a tensor; give tensors or arrays")
        values = np.array(plain(tensor).float().numpy())
    if values.ndim < 2:
        raise UsageError(f"`batches` has a batch with {values.ndim} axes; give samples along the first axis")
    return values
