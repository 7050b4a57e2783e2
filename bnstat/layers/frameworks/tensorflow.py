"""TensorFlow's own operations."""

from __future__ import annotations

from dataclasses import replace

from bnstat.layers.arithmetic import arithmetics
from bnstat.layers.frameworks.framework import Framework

MOMENTS = Framework(
    name="tensorflow",
    title="TensorFlow's tf.nn.moments",
    maker="tensorflow",
    epsilon=None,
    momentum_weighs="old",
    running_variance="biased",
    arithmetic=arithmetics.SEQUENTIAL,
    upcasts=False,
    channels_axis=-1,
    layout="channels last",
    call="tf.nn.batch_normalization(x, mean, variance, offset, scale, variance_epsilon={epsilon})",
    source="tf.nn.moments and tf.nn.batch_normalization, whose ε has no default, TensorFlow 2.21.0 on a CPU",
)

# The momentum is exponential_avg_factor, whose default replaces the running statistics by those of the batch.
FUSED = replace(
    MOMENTS,
    name="tensorflow-fused",
    title="TensorFlow's FusedBatchNormV3",
    epsilon=1e-3,
    momentum=1.0,
    momentum_weighs="batch",
    running_variance="unbiased",
    fused=True,
    upcasts=True,
    call=(
        "tf.compat.v1.nn.fused_batch_norm(x, scale, offset, mean, variance, epsilon={epsilon}, "
        "exponential_avg_factor={momentum})"
    ),
    source="tf.compat.v1.nn.fused_batch_norm, TensorFlow 2.21.0 on a CPU; the raw operation's ε is 1e-4",
)

TENSORFLOW = (MOMENTS, FUSED)
