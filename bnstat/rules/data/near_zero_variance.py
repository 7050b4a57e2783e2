"""A channel varies, but its variance is below ε.

What it does: reports a channel that is not constant and whose variance is less than ε (epsilon, a small constant that
the layer adds to the variance). For RMS norm, the mean square takes the place of the variance.

Why it matters: the layer divides by √(variance + ε). If ε is the larger part, the output keeps less than half of the
variance that normalization promises. The next layers see a channel that hardly differs from β, the layer's learned
bias.

Example:
    $ bnstat inspect sample_data/mri_unit_range.nii.gz --epsilon 0.01
    warning BN102 near-zero-variance
      channel 0: the variance 0.0011 is below ε (epsilon) 0.01, so the output
      has variance 0.0988 instead of 1; PyTorch's ε 1e-05 would give 0.991.
      Use ε ≤ 1.1e-05 (a share of 1 %), or multiply the data by 31 or more.

What to do: scale the data so that their variance is far above ε, or give the layer a smaller ε.

Threshold: ε itself. Below it, ε is more than half of what the layer divides by. The rule epsilon-effect reports smaller
shares.

Sources: ε is inside the square root in every framework that was measured (docs/conformance.md). `bnstat frameworks`
lists the defaults.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.layers.results import Channel, Group
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.data.epsilon_effect import divisor_name, output_of, remedy
from bnstat.rules.data.zero_variance import without_epsilon
from bnstat.rules.rule import Rule


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    epsilon = evidence.settings.added
    if epsilon is None or evidence.settings.epsilon_refusal is not None:
        return
    parts = evidence.report.parts
    small = (parts.number("divisor") < epsilon) | (parts.number("divisor") == 0)
    for batch, part in parts.where(small & ~parts.flag("constant") & (parts.number("count") > 1)):
        divisor = part.divisor
        if divisor is not None:
            message = f"{part.title}: {_said(part, divisor, epsilon, evidence)}"
            yield rule.finding(evidence, batch, part, message, value=divisor, threshold=epsilon)


def _said(part: Channel | Group, divisor: float, epsilon: float, evidence: Evidence) -> str:
    """Say how small the variance is, and what becomes of the output."""
    name, settings = divisor_name(evidence.settings), evidence.settings
    if divisor:
        return (
            f"the {name} {divisor:.3g} is below ε (epsilon) {epsilon:g}, so "
            f"{output_of(part, settings)}{remedy(epsilon, part, evidence)}"
        )
    # the values differ, and their squares are beyond what float64 can hold
    alone = "The layer divides by √ε (epsilon) alone, and its output is close to 0 everywhere."
    then = alone if epsilon else without_epsilon(settings)
    return f"the values differ, but so little that their {name} is 0 in float64. {then} Scale the data up."


RULE = Rule("BN102", "near-zero-variance", "warning", _check, family="spread")
