"""What enters the normalization layers of a Keras model while it is fitted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bnstat.errors import texts, whole

if TYPE_CHECKING:
    from bnstat.networks.keras.recording import Recorder

__all__ = ["record"]


def record(path: str | os.PathLike[str], every: int = 50, *, layers: str | Sequence[str] = ()) -> Recorder:
    """Return a callback that records what enters the normalization layers while a model is fitted.

    Every `every`-th training step becomes a line of JSON with mean and variance of the batch in each channel of each
    layer, within and between its samples, and the moving statistics before the step. Validation is not recorded.
    `bnstat layers run.jsonl` reads the recording. Steps are counted over all calls of `fit`.

    On JAX, recorded steps are a compiled function of their own, so that all others run as without the callback.

    Args:
        path: The file. If it is a recording already, a resumed training goes on with it, and its count of steps.
        every: The steps from one recorded step to the next.
        layers: Patterns of the names of layers to record, as in "encoder/*"; all layers without one.

    Returns:
        The callback, for `model.fit(…, callbacks=[bnstat.keras.record("run.jsonl")])`.

    Raises:
        UsageError: if Keras is not installed, or `every` is below 1. When `fit` begins: if the model has no
            normalization layer, or the file is something else.
    """
    from bnstat.networks.keras.backend import imported_keras

    imported_keras()
    from bnstat.networks.keras.recording import Recorder

    return Recorder(path, whole("every", every), texts("layers", layers))
