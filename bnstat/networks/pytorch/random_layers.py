"""Random functions that a `forward` calls itself, and what they do when they are turned off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional


def _input(first: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    """Return what dropout gets, as it does in evaluation mode."""
    return first


def _filled_with_mean(tensor: torch.Tensor, p: Any = 0.5, **keywords: Any) -> torch.Tensor:
    """Fill a mask with its mean. Stochastic depth divides by the same number, and so keeps its input as it is."""
    if not tensor.is_floating_point():
        return tensor.bernoulli_(p, **keywords)
    return tensor.copy_(p) if isinstance(p, torch.Tensor) else tensor.fill_(p)


def _mean(probabilities: torch.Tensor, p: float | None = None, **_: Any) -> torch.Tensor:
    """Return the mean of a mask."""
    return probabilities.clone() if p is None else torch.full_like(probabilities, p)


def _attention(*arguments: Any, **keywords: Any) -> torch.Tensor:
    """Return the attention without dropout, which is the fifth argument."""
    given = dict(zip(("query", "key", "value", "attn_mask", "dropout_p"), arguments, strict=False)) | keywords
    return functional.scaled_dot_product_attention(**given | {"dropout_p": 0.0})


# Each random function, and what is called in its place.
WITHOUT_CHANCE: dict[Callable[..., Any], Callable[..., Any]] = {
    functional.dropout: _input,
    functional.dropout1d: _input,
    functional.dropout2d: _input,
    functional.dropout3d: _input,
    functional.alpha_dropout: _input,
    functional.feature_alpha_dropout: _input,
    torch.dropout: _input,
    torch.dropout_: _input,
    torch.feature_dropout: _input,
    torch.feature_dropout_: _input,
    torch.alpha_dropout: _input,
    torch.alpha_dropout_: _input,
    torch.feature_alpha_dropout: _input,
    torch.feature_alpha_dropout_: _input,
    torch.Tensor.bernoulli_: _filled_with_mean,
    torch.Tensor.bernoulli: _mean,
    torch.bernoulli: _mean,
    functional.scaled_dot_product_attention: _attention,
}
