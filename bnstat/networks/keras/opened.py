"""Models of Keras as they are opened: a file, or what the user's factory returned."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from bnstat.errors import InputError, UsageError
from bnstat.networks.keras.keras_network import KerasNetwork, open_keras
from bnstat.networks.models.request import Request
from bnstat.sources.regular import is_file

# Files of weights that hold numbers alone.
_WEIGHTS = (".weights.h5", ".h5", ".keras")


def open_model(source: Any, request: Request) -> KerasNetwork:
    """Open a model of Keras.

    Args:
        source: The file, or the model that a factory returned.
        request: What was asked for.

    Raises:
        UsageError: if Keras or its backend is not installed, or something is asked for that it does not do.
        InputError: if a file cannot be read, or its weights do not fit.
    """
    if request.device != "cpu":
        raise UsageError(
            f"{request.model} runs where Keras puts it, so `device` has no use; leave it out, or hide the GPU from "
            "Keras with CUDA_VISIBLE_DEVICES="
        )
    if isinstance(source, str):
        return open_keras(source)
    if request.weights is not None:
        _build(source, request)
        _load(source, request.weights, request.model)
    network = KerasNetwork(source, request.model)
    network.weights = request.weights
    return network


def _build(model: Any, request: Request) -> None:
    """Run zeros through a subclassed model, which has no variables before its first batch.

    Whatever it says of them is said again when weights are loaded, or samples run.
    """
    if model.built or request.channels is None or request.sizes is None:
        return
    with suppress(Exception):
        model(np.zeros((1, *request.sizes, request.channels), np.float32), training=False)


def _load(model: Any, weights: str, name: str) -> None:
    """Load the weights of a file, in which no code can be."""
    if not weights.lower().endswith(_WEIGHTS):
        raise InputError(
            weights, f"{name} is a model of Keras, whose weights are a .weights.h5 file; give one of these"
        )
    if not is_file(weights):
        raise InputError(weights, "no such file; check the path")
    try:
        model.load_weights(weights)
    except Exception as error:  # of many kinds
        said = " ".join(str(error).split())[:200]
        raise InputError(
            weights, f"Keras cannot load it into {name} ({said}); give the arguments that the model was trained with"
        ) from error
