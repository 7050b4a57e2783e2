"""The backend that Keras runs on: which one, and what differs between them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from bnstat.errors import UsageError

_INSTALL = "pip install 'bnstat[keras,torch]' and set KERAS_BACKEND=torch"


def imported_keras() -> Any:
    """Import Keras. If no backend is chosen and TensorFlow is not installed, PyTorch or JAX is taken.

    Raises:
        UsageError: if Keras or its backend is not installed.
    """
    if find_spec("keras") is None:
        raise UsageError(f"a Keras model needs Keras; {_INSTALL}")
    if "KERAS_BACKEND" not in os.environ and find_spec("tensorflow") is None:
        there = next((name for name in ("torch", "jax") if find_spec(name) is not None), None)
        if there is not None:
            os.environ["KERAS_BACKEND"] = there
    try:
        import keras
    except ImportError as error:
        raise UsageError(f"Keras cannot be imported ({error}); {_INSTALL}") from error
    return keras


@contextmanager
def eagerly() -> Iterator[None]:
    """Run without gradients and without compiled parts, in which no value can be seen."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        with jax.disable_jit():
            yield
    elif keras.backend.backend() == "torch":
        import torch

        with torch.no_grad():
            yield
    else:
        yield


def is_traced(tensor: Any) -> bool:
    """Return True for a value of JAX that stands for others while a function is traced."""
    import keras

    if keras.backend.backend() != "jax":
        return False
    import jax

    return isinstance(tensor, jax.core.Tracer)
