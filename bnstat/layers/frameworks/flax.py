"""Flax's layers, alike in linen and nnx."""

from __future__ import annotations

from dataclasses import replace

from bnstat.layers.arithmetic import arithmetics
from bnstat.layers.frameworks.framework import Framework

_ON = "Flax 0.12.8 on JAX 0.10.2"

FAST = Framework(
    name="flax",
    title="Flax",
    maker="flax",
    epsilon=1e-5,
    momentum=0.99,
    momentum_weighs="old",
    running_variance="biased",
    arithmetic=arithmetics.ONE_PASS_CLAMPED,
    channels_axis=-1,
    layout="channels last",
    call="flax.linen.BatchNorm(axis={axis}, epsilon={epsilon}, momentum={momentum})",
    source=f"flax.linen.BatchNorm and flax.nnx.BatchNorm, {_ON}",
)

TWO_PASS = replace(
    FAST,
    name="flax-two-pass",
    title="Flax with use_fast_variance=False",
    arithmetic=arithmetics.TREE,
    call="flax.linen.BatchNorm(use_fast_variance=False, axis={axis}, epsilon={epsilon}, momentum={momentum})",
    source=f"flax.linen.BatchNorm(use_fast_variance=False), {_ON}",
)

LAYER = Framework(
    name="flax-layer",
    title="Flax's LayerNorm",
    maker="flax",
    normalizer="layer",
    epsilon=1e-6,
    arithmetic=arithmetics.ONE_PASS_CLAMPED,
    channels_axis=-1,
    layout="channels last",
    whole_sample="LayerNorm(reduction_axes={axes})",
    call="flax.linen.LayerNorm(reduction_axes=({axes}), epsilon={epsilon})",
    source=f"flax.linen.LayerNorm, {_ON}; its own default reduces the last axis only",
)

GROUP = replace(
    LAYER,
    name="flax-group",
    title="Flax's GroupNorm",
    normalizer="group",
    whole_sample=None,
    call="flax.linen.GroupNorm(num_groups={groups}, epsilon={epsilon})",
    source=f"flax.linen.GroupNorm, {_ON}; 32 groups by default",
)

INSTANCE = replace(
    LAYER,
    name="flax-instance",
    title="Flax's InstanceNorm",
    normalizer="instance",
    whole_sample=None,
    call="flax.linen.InstanceNorm(epsilon={epsilon})",
    source=f"flax.linen.InstanceNorm, {_ON}",
)

RMS = replace(
    LAYER,
    name="flax-rms",
    title="Flax's RMSNorm",
    normalizer="rms",
    bias=False,
    whole_sample="RMSNorm(reduction_axes={axes})",
    call="flax.linen.RMSNorm(reduction_axes=({axes}), epsilon={epsilon})",
    source=f"flax.linen.RMSNorm, {_ON}; its own default reduces the last axis only; its arithmetic was not measured",
)

FLAX = (FAST, TWO_PASS, LAYER, GROUP, INSTANCE, RMS)
