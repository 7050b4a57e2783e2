"""ε takes a visible share of what the layer divides by.

What it does: reports a channel, or a group of channels, where ε/(variance + ε) is over 1 %. RMS norm has its mean
square in place of the variance.

Why it matters: the output's variance is variance/(variance + ε), not 1. At ε = 1e-3, Keras' default, data scaled to
[0, 1] with a standard deviation of 0.03 come out at 0.688. Two frameworks with different ε then train different
networks on the same data.

Example:
    $ bnstat inspect sample_data/mri_unit_range.nii.gz
    warning BN103 epsilon-effect
      channel 0: ε 0.001 is 47.7 % of variance + ε, so the output has variance
      0.523 instead of 1; PyTorch's ε 1e-05 would give 0.991. Use ε ≤ 1.1e-05
      (a share of 1 %), or scale the data up.

What to do: give the layer a smaller ε, or scale the data to a variance far above it.

Threshold: a share of 1 %, by which the output's variance is short; its standard deviation then is short by half of it,
which is as much as a network should not notice.

Sources: output variance = variance/(variance + ε); Keras' ε of 1e-3 and PyTorch's of 1e-5 are the defaults in their
documentation, in `bnstat frameworks` with their source.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, log10

from bnstat.layers.frameworks import unlike
from bnstat.layers.results import Channel, Group
from bnstat.layers.settings import Settings
from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.rule import Rule, each_part


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    epsilon = evidence.settings.epsilon
    if epsilon is None:
        return
    for batch, part in each_part(evidence):
        share = part.epsilon_share
        if not part.divisor or share is None or share <= evidence.limits.epsilon_share:
            continue
        message = (
            f"{part.title}: ε {epsilon:g} is {100 * share:.3g} % of {divisor_name(evidence.settings)} + ε, so "
            f"{output_of(part, evidence.settings)}{remedy(epsilon, part, evidence)}"
        )
        yield rule.finding(evidence, batch, part, message, value=share, threshold=evidence.limits.epsilon_share)


def divisor_name(settings: Settings) -> str:
    """What ε is added to."""
    return "mean square" if settings.kind == "rms" else "variance"


def output_of(part: Channel | Group, settings: Settings) -> str:
    """What ε leaves of 1, in words."""
    before = " before r and d" if settings.kind == "renorm" else ""
    return f"the output{before} has {divisor_name(settings)} {part.output:.3g} instead of 1"


def remedy(epsilon: float, part: Channel | Group, evidence: Evidence) -> str:
    """What another framework's ε would give for values that vary, and what to do."""
    divisor = part.divisor or 0.0
    settings, share = evidence.settings, evidence.limits.epsilon_share
    harmless = _rounded_down(divisor * share / (1 - share)) if share < 1 else 0.0
    use = f"Use ε ≤ {harmless:g} (a share of {100 * share:g} %), or scale the data up."
    use = use if harmless else "Scale the data up."
    if settings.kind == "weight-init":
        return f". {use}"  # the paper has no ε, so no framework has one for it
    other, its_epsilon = unlike(epsilon, settings.kind)
    there = divisor / (divisor + its_epsilon)
    return f"; {other.title}'s ε {its_epsilon:g} would give {there:.3g}. {use}"


def _rounded_down(number: float) -> float:
    """To two digits, never up; 0 where float64 has no digits left."""
    if number < 1e-300:
        return 0.0
    step = 10.0 ** (floor(log10(number)) - 1)
    return float(f"{floor(number / step) * step:.2g}")


RULE = Rule("BN103", "epsilon-effect", "warning", _check, family="spread")
