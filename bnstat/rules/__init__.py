"""Named checks of data, checkpoints and networks: a rule is a file, and its docstring is its documentation.

The lists are made by hand, in order, one for each type of evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
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
from bnstat.rules.checkpoint import (
    beyond_float16,
    dead_filter,
    far_from_neighbours,
    huge_running_variance,
    inf_statistics,
    nan_statistics,
    negative_running_variance,
    never_updated,
    small_scale,
    uneven_updates,
    unsettled_checkpoint,
    variance_below_epsilon,
    wide_gain,
    zero_running_variance,
)
from bnstat.rules.data import (
    clipped_voxels,
    constant_patches,
    epsilon_effect,
    float16_overflow,
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
from bnstat.rules.network import (
    constant_in_a_sample,
    dead_channel,
    float16_activation,
    layer_epsilon_effect,
    layer_refuses_batch,
    not_finite_activation,
    own_statistics_differ,
    stored_statistics_off,
    untrained_statistics,
)
from bnstat.rules.rule import Rule

if TYPE_CHECKING:
    from bnstat.report.evidence import CheckpointEvidence, NetworkEvidence

__all__ = ["CHECKPOINT_RULES", "EVERY_RULE", "NETWORK_RULES", "RULES", "Rule", "findings_of", "judged"]

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

# What a file of weights stores of its normalization layers.
CHECKPOINT_RULES: tuple[Rule[CheckpointEvidence], ...] = (
    nan_statistics.RULE,
    inf_statistics.RULE,
    negative_running_variance.RULE,
    dead_filter.RULE,
    zero_running_variance.RULE,
    variance_below_epsilon.RULE,
    huge_running_variance.RULE,
    never_updated.RULE,
    unsettled_checkpoint.RULE,
    uneven_updates.RULE,
    beyond_float16.RULE,
    small_scale.RULE,
    wide_gain.RULE,
    far_from_neighbours.RULE,
)

# What was measured of the normalization layers of a network.
NETWORK_RULES: tuple[Rule[NetworkEvidence], ...] = (
    dead_channel.RULE,
    constant_in_a_sample.RULE,
    stored_statistics_off.RULE,
    own_statistics_differ.RULE,
    untrained_statistics.RULE,
    layer_refuses_batch.RULE,
    layer_epsilon_effect.RULE,
    not_finite_activation.RULE,
    float16_activation.RULE,
)

# Every rule, whatever it judges: those that can be named, explained and selected.
EVERY_RULE: tuple[Rule[Any], ...] = (*RULES, *CHECKPOINT_RULES, *NETWORK_RULES)


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
