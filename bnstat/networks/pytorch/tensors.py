"""The tensors in what a network takes and returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch


def tensors_in(values: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors in nested lists, tuples, dictionaries and data classes, in order."""
    if isinstance(values, torch.Tensor):
        yield values
    elif isinstance(values, Mapping):
        yield from tensors_in(tuple(values.values()))
    elif is_dataclass(values) and not isinstance(values, type):
        yield from tensors_in(tuple(getattr(values, one.name) for one in fields(values)))
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from tensors_in(value)
