"""Named checks of data, checkpoints and networks: a rule is a file, and its docstring is its documentation.

The lists are made by hand, in order, one for each type of evidence. That on volumes is here; the others have files of
their own, `checkpoint_rules` and `network_rules`, so that a look at a volume does not wait for them.
"""

from __future__ import annotations

from collections.abc import Callable

from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.arithmetic import inaccurate_variance, negative_variance, vanishing_variance
from bnstat.rules.batch import (
    batch_mean_noise,
    data_drift,
    momentum_convention,
    odd_volume,
    single_value_per_channel,
    small_batch,
    train_eval_gap,
    unsettled_running_statistics,
    variance_shortfall,
)
from bnstat.rules.data import (
    clipped_voxels,
    constant_patches,
    epsilon_effect,
    float16_overflow,
    float32_overflow,
    inf_voxels,
    nan_voxels,
    near_zero_variance,
    refused_epsilon,
    zero_variance,
)
from bnstat.rules.judging import judged
from bnstat.rules.layout import (
    channel_scale_mismatch,
    channels_first_suspected,
    label_map_suspected,
    missing_channel,
    mixed_shapes,
    time_as_channels,
)
from bnstat.rules.rule import Rule

__all__ = ["RULES", "Rule", "findings_of", "judged"]

# Volumes, and batches of them, at the input of a network.
RULES: tuple[Rule[Evidence], ...] = (
    zero_variance.RULE,
    near_zero_variance.RULE,
    epsilon_effect.RULE,
    nan_voxels.RULE,
    inf_voxels.RULE,
    float16_overflow.RULE,
    constant_patches.RULE,
    refused_epsilon.RULE,
    clipped_voxels.RULE,
    float32_overflow.RULE,
    single_value_per_channel.RULE,
    batch_mean_noise.RULE,
    variance_shortfall.RULE,
    train_eval_gap.RULE,
    small_batch.RULE,
    unsettled_running_statistics.RULE,
    odd_volume.RULE,
    data_drift.RULE,
    momentum_convention.RULE,
    negative_variance.RULE,
    vanishing_variance.RULE,
    inaccurate_variance.RULE,
    time_as_channels.RULE,
    channels_first_suspected.RULE,
    mixed_shapes.RULE,
    channel_scale_mismatch.RULE,
    missing_channel.RULE,
    label_map_suspected.RULE,
)


def findings_of(
    evidence: Evidence, rules: tuple[Rule[Evidence], ...] = RULES, drops: Callable[[Finding], bool] = lambda _: False
) -> tuple[Finding, ...]:
    """Return all findings in the evidence on volumes, in the order of the rules, then of batches and channels.

    Args:
        evidence: What the rules judge.
        rules: The rules that judge.
        drops: Returns True for a finding that is left out, as `judged` has it.
    """
    return judged(evidence, rules, drops)
