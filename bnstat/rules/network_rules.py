"""The rules on what was measured of the normalization layers of a network, in order."""

from __future__ import annotations

from bnstat.reports.evidence import NetworkEvidence
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
