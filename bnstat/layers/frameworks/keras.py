"""Keras' layers: Keras 3 on its backends, and Keras 2."""

from __future__ import annotations

from dataclasses import replace

from bnstat.layers.arithmetic import arithmetics
from bnstat.layers.frameworks.framework import SUBNORMAL, Framework

_KERAS = "Keras 3.15.1"
_ON_TENSORFLOW = f"{_KERAS} on TensorFlow 2.21.0"
_KERAS_2 = "tf_keras 2.21.0 on TensorFlow 2.21.0"

ANY = Framework(
    name="keras",
    title="Keras",
    maker="keras",
    epsilon=1e-3,
    momentum=0.99,
    momentum_weighs="old",
    running_variance="biased",
    renorm=True,
    arithmetic=arithmetics.HULL,
    channels_axis=-1,
    layout="channels last",
    call="keras.layers.BatchNormalization(axis={axis}, renorm={renorm}, epsilon={epsilon}, momentum={momentum})",
    source=f"keras.layers.BatchNormalization, {_KERAS} on JAX, PyTorch and TensorFlow",
)

JAX = replace(
    ANY,
    name="keras-jax",
    title="Keras on JAX",
    arithmetic=arithmetics.TREE,
    source=f"keras.layers.BatchNormalization, {_KERAS} on JAX 0.10.2",
)

TORCH = replace(
    ANY,
    name="keras-torch",
    title="Keras on PyTorch",
    arithmetic=arithmetics.ONE_PASS_CASCADE,
    least_epsilon=SUBNORMAL,
    source=f"keras.layers.BatchNormalization, {_KERAS} on PyTorch 2.13.0",
)

TENSORFLOW = replace(
    ANY,
    name="keras-tensorflow",
    title="Keras on TensorFlow",
    arithmetic=arithmetics.SEQUENTIAL,
    source=f"keras.layers.BatchNormalization, {_ON_TENSORFLOW}; sequential from 2 channels on",
)

TENSORFLOW_AXIS1 = replace(
    ANY,
    name="keras-tensorflow-axis1",
    title="Keras on TensorFlow with axis=1",
    arithmetic=arithmetics.BLOCKED,
    channels_axis=1,
    layout="channels first",
    call="keras.layers.BatchNormalization(axis=1, epsilon={epsilon}, momentum={momentum})",
    source=f"keras.layers.BatchNormalization(axis=1), {_ON_TENSORFLOW}",
)

TENSORFLOW_SYNC = replace(
    ANY,
    name="keras-tensorflow-sync",
    title="Keras on TensorFlow with synchronized=True",
    arithmetic=arithmetics.ONE_PASS_PLAIN,
    call="keras.layers.BatchNormalization(synchronized=True, axis={axis}, epsilon={epsilon}, momentum={momentum})",
    source=f"keras.layers.BatchNormalization(synchronized=True), {_ON_TENSORFLOW}",
)

LAYER = Framework(
    name="keras-layer",
    title="Keras' LayerNormalization",
    maker="keras",
    normalizer="layer",
    epsilon=1e-3,
    arithmetic=arithmetics.HULL_LAYER,
    channels_axis=-1,
    layout="channels last",
    whole_sample="LayerNormalization(axis={axes})",
    call="keras.layers.LayerNormalization(axis=({axes}), epsilon={epsilon})",
    source=f"keras.layers.LayerNormalization, {_KERAS}; its own default reduces the last axis only",
)

GROUP = replace(
    LAYER,
    name="keras-group",
    title="Keras' GroupNormalization",
    normalizer="group",
    arithmetic=arithmetics.HULL,
    whole_sample=None,
    call="keras.layers.GroupNormalization(groups={groups}, epsilon={epsilon})",
    source=f"keras.layers.GroupNormalization, {_KERAS}; 32 groups by default",
)

# Keras has no layer of this name: as many groups as channels are one.
INSTANCE = replace(
    GROUP,
    title="Keras' instance norm, GroupNormalization(groups=-1)",
    normalizer="instance",
    call="keras.layers.GroupNormalization(groups=-1, epsilon={epsilon})",
)

# These layers on one backend: by the kind of the layer and the preset that names the backend.
ON_BACKENDS = {
    (row.name, kind): replace(layer, title=f"{layer.title} on {backend}", arithmetic=arithmetic)
    for row, backend, arithmetics_of in (
        (JAX, "JAX", (arithmetics.TREE, arithmetics.TREE)),
        (TORCH, "PyTorch", (arithmetics.WELFORD, arithmetics.ONE_PASS_CASCADE)),
    )
    for kind, layer, arithmetic in (
        ("layer", LAYER, arithmetics_of[0]),
        ("group", GROUP, arithmetics_of[1]),
        ("instance", INSTANCE, arithmetics_of[1]),
    )
}

RMS = replace(
    LAYER,
    name="keras-rms",
    title="Keras' RMSNormalization",
    normalizer="rms",
    epsilon=1e-6,
    bias=False,
    whole_sample="RMSNormalization(axis={axes})",
    call="keras.layers.RMSNormalization(axis=({axes}), epsilon={epsilon})",
    source=f"keras.layers.RMSNormalization, {_KERAS}; its own default reduces the last axis only; "
    "its arithmetic was not measured",
)

KERAS_2 = replace(
    ANY,
    name="keras2",
    title="Keras 2",
    maker="keras2",
    running_variance="unbiased",
    renorm=False,
    arithmetic=arithmetics.SEQUENTIAL,
    fused=True,
    call="tf_keras.layers.BatchNormalization(axis={axis}, epsilon={epsilon}, momentum={momentum})",
    source=f"tf_keras.layers.BatchNormalization, fused, its default for 4-D and 5-D, {_KERAS_2}",
)

KERAS_2_NONFUSED = replace(
    KERAS_2,
    name="keras2-nonfused",
    title="Keras 2 with fused=False",
    running_variance="biased",
    renorm=True,
    fused=False,
    call=(
        "tf_keras.layers.BatchNormalization(fused=False, axis={axis}, renorm={renorm}, epsilon={epsilon}, "
        "momentum={momentum})"
    ),
    source=f"tf_keras.layers.BatchNormalization(fused=False), {_KERAS_2}",
)

KERAS = (ANY, JAX, TORCH, TENSORFLOW, TENSORFLOW_AXIS1, TENSORFLOW_SYNC, LAYER, GROUP, RMS)
KERAS2 = (KERAS_2, KERAS_2_NONFUSED)
