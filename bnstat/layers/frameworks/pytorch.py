"""PyTorch's layers."""

from __future__ import annotations

from dataclasses import replace

from bnstat.layers.arithmetic import arithmetics
from bnstat.layers.frameworks.framework import SUBNORMAL, Framework

_ON = "PyTorch 2.13.0 on a CPU"

TORCH = Framework(
    name="torch",
    title="PyTorch",
    maker="torch",
    epsilon=1e-5,
    momentum=0.1,
    momentum_weighs="batch",
    running_variance="unbiased",
    cumulative=True,
    arithmetic=arithmetics.FLOAT64,
    channels_axis=1,
    layout="channels first",
    least_values=2,
    refusal="Expected more than 1 value per channel when training, got input size torch.Size({shape})",
    least_epsilon=0.0,
    epsilon_refusal="batch_norm eps must be positive during training, but got {epsilon}",
    call="torch.nn.BatchNorm{spatial}d({channels}, eps={epsilon}, momentum={momentum})",
    source=f"torch.nn.BatchNorm3d, {_ON}",
)

CHANNELS_LAST = replace(
    TORCH,
    name="torch-channels-last",
    title="PyTorch with channels_last_3d",
    arithmetic=arithmetics.THREADS,
    layout="channels first, last in memory",
    source=f"torch.nn.BatchNorm3d on memory_format=torch.channels_last_3d, {_ON}",
)

CUDA = replace(
    TORCH,
    name="torch-cuda",
    title="PyTorch on CUDA",
    arithmetic=arithmetics.WELFORD,
    source="torch.nn.BatchNorm3d, PyTorch 2.11 on an NVIDIA H100",
)

# With one rank it hands over to batch norm, whose words these are; with more it never refuses.
SYNCBN = replace(
    TORCH,
    name="torch-syncbn",
    title="PyTorch's SyncBatchNorm",
    arithmetic=arithmetics.WELFORD,
    call="torch.nn.SyncBatchNorm({channels}, eps={epsilon}, momentum={momentum})",
    source="torch.nn.SyncBatchNorm, read in the source of PyTorch 2.13.0; n is that of all ranks together",
)

INSTANCE = Framework(
    name="torch-instance",
    title="PyTorch's InstanceNorm3d",
    maker="torch",
    normalizer="instance",
    epsilon=1e-5,
    arithmetic=arithmetics.FLOAT64,
    channels_axis=1,
    layout="channels first",
    least_values=2,
    refusal="Expected more than 1 spatial element when training, got input size torch.Size({shape})",
    least_epsilon=0.0,
    zero_divided="zero",
    bias=False,
    call="torch.nn.InstanceNorm{spatial}d({channels}, eps={epsilon})",
    source=f"torch.nn.InstanceNorm3d, {_ON}",
)

# Its momentum of None is not the cumulative mean of batch norm: the buffers then stay where they start.
INSTANCE_TRACK = replace(
    INSTANCE,
    name="torch-instance-track",
    title="PyTorch's InstanceNorm3d with track_running_stats=True",
    momentum=0.1,
    momentum_weighs="batch",
    running_variance="item-unbiased",
    call="torch.nn.InstanceNorm{spatial}d({channels}, eps={epsilon}, momentum={momentum}, track_running_stats=True)",
    source=f"torch.nn.InstanceNorm3d(track_running_stats=True), {_ON}",
)

LAYER = Framework(
    name="torch-layer",
    title="PyTorch's LayerNorm",
    maker="torch",
    normalizer="layer",
    epsilon=1e-5,
    arithmetic=arithmetics.WELFORD,
    channels_axis=1,
    layout="channels first",
    least_epsilon=SUBNORMAL,
    call="torch.nn.LayerNorm(({sample}), eps={epsilon})",
    source=f"torch.nn.LayerNorm over channels and space, {_ON}",
)

# {shape} is its view of the input: samples × channels/groups, groups, space.
GROUP = replace(
    LAYER,
    name="torch-group",
    title="PyTorch's GroupNorm",
    normalizer="group",
    least_values=2,
    refusal="Expected more than 1 value per channel when training, got input size {shape}",
    least_epsilon=0.0,
    call="torch.nn.GroupNorm({groups}, {channels}, eps={epsilon})",
    source=f"torch.nn.GroupNorm, {_ON}",
)

GROUP_CHANNELS_LAST = replace(
    GROUP,
    name="torch-group-channels-last",
    title="PyTorch's GroupNorm with channels_last_3d",
    arithmetic=arithmetics.CHUNKS,
    layout="channels first, last in memory",
    source=f"torch.nn.GroupNorm on memory_format=torch.channels_last_3d, {_ON}",
)

# Left out, its ε is the machine epsilon of the input's type, here that of float32.
RMS = replace(
    LAYER,
    name="torch-rms",
    title="PyTorch's RMSNorm",
    normalizer="rms",
    epsilon=2.0**-23,
    bias=False,
    call="torch.nn.RMSNorm(({sample}), eps={epsilon})",
    source=f"torch.nn.RMSNorm over channels and space on float32, {_ON}; its arithmetic was not measured",
)

PYTORCH = (TORCH, CHANNELS_LAST, CUDA, SYNCBN, INSTANCE, INSTANCE_TRACK, LAYER, GROUP, GROUP_CHANNELS_LAST, RMS)
