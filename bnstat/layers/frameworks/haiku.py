"""Haiku's layer."""

from __future__ import annotations

from bnstat.layers.arithmetic import arithmetics
from bnstat.layers.frameworks.framework import Framework

# The momentum is decay_rate, which must be given. Its averages start from 0, and dividing by 1 − d^t makes up for it.
BATCH = Framework(
    name="haiku",
    title="Haiku",
    maker="haiku",
    epsilon=1e-5,
    momentum_weighs="old",
    running_variance="biased",
    running_start=(0.0, 0.0),
    debiased=True,
    arithmetic=arithmetics.ONE_PASS,
    upcasts=False,
    channels_axis=-1,
    layout="channels last",
    call="hk.BatchNorm(create_scale=True, create_offset=True, decay_rate={momentum}, eps={epsilon})",
    source="hk.BatchNorm, Haiku 0.0.17 on JAX 0.10.2",
)

HAIKU = (BATCH,)
