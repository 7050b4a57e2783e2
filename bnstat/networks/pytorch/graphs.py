"""What a graph of `torch.compile` must not contain: it would be what ran when the graph was made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch

F = TypeVar("F", bound=Callable[..., Any])

# The decorator of a function that runs outside of graphs.
out_of_graphs = cast("Callable[[F], F]", torch.compiler.disable)
