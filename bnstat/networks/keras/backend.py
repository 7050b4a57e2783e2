"""The backend that Keras runs on: which one, and what differs between them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np

from bnstat.errors import UsageError
from bnstat.moments.moments import Moments

_INSTALL = "pip install 'bnstat[keras,torch]' and set KERAS_BACKEND=torch"


def choose_backend() -> None:
    """Choose PyTorch or JAX for Keras, if no backend is chosen and TensorFlow, which Keras would take, is not there."""
    if "KERAS_BACKEND" not in os.environ and find_spec("tensorflow") is None:
        there = next((name for name in ("torch", "jax") if find_spec(name) is not None), None)
        if there is not None:
            os.environ["KERAS_BACKEND"] = there


def imported_keras() -> Any:
    """Import Keras. If no backend is chosen and TensorFlow is not installed, PyTorch or JAX is taken.

    Raises:
        UsageError: if Keras or its backend is not installed.
    """
    if find_spec("keras") is None:
        raise UsageError(f"a Keras model needs Keras; {_INSTALL}")
    choose_backend()
    try:
        import keras
    except ImportError as error:
        raise UsageError(f"Keras cannot be imported ({error}); {_INSTALL}") from error
    return keras


@contextmanager
def eagerly(*, compiled: bool) -> Iterator[None]:
    """Run without gradients.

    Args:
        compiled: True to run what JAX compiles step by step too: slowly, and with another rounding.
    """
    import keras

    if keras.backend.backend() == "jax" and compiled:
        import jax

        with jax.disable_jit():
            yield
    elif keras.backend.backend() == "torch":
        import torch

        with torch.no_grad():
            yield
    else:
        yield


def traces() -> bool:
    """Return True if the backend may run parts of a model as functions that it has compiled."""
    import keras

    return bool(keras.backend.backend() == "jax")


def is_traced(tensor: Any) -> bool:
    """Return True for a value of JAX that stands for others while a function is traced."""
    import keras

    if keras.backend.backend() != "jax":
        return False
    import jax

    return isinstance(tensor, jax.core.Tracer)


def moments_by_sample(values: Any, axis: int) -> Moments:
    """Return the moments of each channel of each sample of a tensor or array, shape (samples, channels)."""
    import keras

    if keras.backend.backend() == "torch":
        from bnstat.networks.pytorch.blocks import moments_of, reduced

        return moments_of(reduced(values, axis).cpu().numpy())
    array = np.asarray(values)
    exact = array if array.dtype.kind in "fiu" else array.astype(np.float32)  # bfloat16 is no type of numpy
    return Moments.stack(Moments.from_array(sample, axis=axis - 1) for sample in exact)


def observe(take: Callable[..., None], *tensors: Any) -> None:
    """Call a function with values that a training step computes: now, or when a compiled step reaches this place."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        jax.debug.callback(take, *tensors)
    else:
        take(*tensors)


def wait() -> None:
    """Wait until all functions that `observe` was given are called."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        jax.effects_barrier()  # type: ignore[no-untyped-call]


def recorded_function(model: Any) -> Callable[..., Any] | None:
    """Return what takes the place of a model's `train_function` in recorded steps; None if it can stay.

    JAX compiles a training step once, as it is when it runs first. A step that is recorded is compiled by itself, so
    that all others run as without a recorder. PyTorch runs it uncompiled.

    Raises:
        UsageError: if the backend compiles steps in another way.
    """
    import keras

    backend = keras.backend.backend()
    if model.run_eagerly:
        return None
    if backend == "torch":
        return (lambda data: model.train_step(data[0])) if model.jit_compile else None
    if backend == "jax":
        if not model.jit_compile:
            return None
        import jax

        def step(state: Any, data: Any) -> Any:
            return model.train_step(state, data)

        recorded: Callable[..., Any] = model._make_function(jax.jit(step, donate_argnums=0))
        return recorded
    raise UsageError(
        f"on {backend} a compiled training step has no values to record; compile the model with run_eagerly=True"
    )
