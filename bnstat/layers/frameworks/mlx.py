"""MLX' layer, on a CPU."""

from __future__ import annotations

from bnstat.layers.arithmetic import arithmetics
from bnstat.layers.frameworks.framework import SUBNORMAL, Framework

# The layer takes two to four axes. A volume comes to it as (N, X·Y·Z, C), whose statistics are the same.
BATCH = Framework(
    name="mlx",
    title="MLX on a CPU",
    maker="mlx",
    epsilon=1e-5,
    momentum=0.1,
    momentum_weighs="batch",
    running_variance="unbiased",
    arithmetic=arithmetics.ROWS,
    upcasts=False,
    channels_axis=-1,
    layout="channels last",
    least_values=2,
    refusal="BatchNorm training requires more than one value per channel.",
    least_epsilon=SUBNORMAL,
    epsilon_refusal="[BatchNorm] 'eps' must be positive but got {epsilon}.",
    call="mlx.nn.BatchNorm({channels}, eps={epsilon}, momentum={momentum})",
    source="mlx.nn.BatchNorm, MLX 0.32.4 on a CPU; a volume is reshaped to (N, X·Y·Z, C), since the layer takes at "
    "most 4 axes; sums on Apple's GPUs were not measured",
)

MLX = (BATCH,)
