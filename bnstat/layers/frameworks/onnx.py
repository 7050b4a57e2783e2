"""ONNX' operator."""

from __future__ import annotations

from bnstat.layers.arithmetic import arithmetics
from bnstat.layers.frameworks.framework import Framework

# Below its least ε, 1/ε is infinite in float32.
BATCH = Framework(
    name="onnx",
    title="ONNX",
    maker="onnx",
    epsilon=1e-5,
    momentum=0.9,
    momentum_weighs="old",
    running_variance="biased",
    arithmetic=arithmetics.LANES,
    channels_axis=1,
    layout="channels first",
    least_epsilon=2.0**-128,
    call="BatchNormalization(epsilon={epsilon}, momentum={momentum}, training_mode=1)",
    source="BatchNormalization 14 and 15 with training_mode=1, ONNX 1.23.2 with ONNX Runtime 1.32",
)

ONNX = (BATCH,)
