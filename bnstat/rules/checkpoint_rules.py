"""The rules on what a file of weights stores of its normalization layers, in order."""

from __future__ import annotations

from bnstat.reports.evidence import CheckpointEvidence
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
from bnstat.rules.rule import Rule

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
