"""Layers whose `call` is watched: a subclassed model has no graph that names their inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

# Called with the layer, its own `call`, and the arguments; returns the output.
Around = Callable[[Any, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


@contextmanager
def wrapped_calls(layers: Iterable[Any], around: Around) -> Iterator[None]:
    """Run a function in place of the `call` of layers, and leave them as they were in the end.

    Args:
        layers: The layers.
        around: The function. Keras itself still casts the inputs before, and finds the arguments of `call`.
    """
    listed = list(layers)
    before = [layer.__dict__.get("call") for layer in listed]
    try:
        for layer in listed:
            object.__setattr__(layer, "call", _around(layer, layer.call, around))  # Keras tracks usual attributes
        yield
    finally:
        for layer, own in zip(listed, before, strict=True):
            layer.__dict__.pop("call", None)
            if own is not None:
                object.__setattr__(layer, "call", own)


def _around(layer: Any, own: Callable[..., Any], around: Around) -> Callable[..., Any]:
    return lambda *args, **kwargs: around(layer, own, args, kwargs)


def input_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return what enters a layer: the first argument, under whatever name."""
    return args[0] if args else next(iter(kwargs.values()))
