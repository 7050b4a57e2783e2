"""A channel is constant in a batch, so its variance is zero.

What it does: reports a channel, or a group of channels, whose values are all equal. The rule compares the smallest and
the greatest value. It never applies a tolerance to a rounded variance.

Why it matters: nothing is left of such a channel. ε (epsilon, a small constant that is added to the variance) prevents
a division by zero, and the layer's output is the constant β (its learned bias, 0 at first), whatever the values are.
In float32, some frameworks even compute a variance that is not zero. The usual causes are a missing modality and a
crop that contains only background.

Example:
    $ bnstat inspect sample_data/mri_4channel.nii.gz
    error BN101 zero-variance
      channel 1 is constant: all 307,200 values are 0, so its variance is 0. ε
      prevents a division by zero; the output is the constant β (the layer's
      learned bias, 0 at first). If a modality is missing, supply it, or drop
      the channel.

What to do: look at the file. Supply the modality, drop the channel, or draw patches around foreground with
`--foreground 0.33`.

Threshold: none. The smallest and the greatest value of a channel are equal or they are not, and a rounded variance may
be 0 in both cases. In most data sets, some patches are constant. For patches, the rule therefore reports a channel
once, if it is constant in all of them; constant-patches reports the others.

Sources: Ioffe & Szegedy 2015 (arXiv 1502.03167), who add ε under the square root. docs/conformance.md records what the
real layers return for constant input.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import copysign, sqrt

from bnstat.layers.results import Channel, Group
from bnstat.layers.settings import Settings
from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.rule import Rule, each_part
from bnstat.text import plural

REMEDY = "If a modality is missing, supply it, or drop the channel."


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    if evidence.report.patched:
        yield from _in_all_patches(rule, evidence)
        return
    for batch, part in each_part(evidence):
        if part.constant and part.count > 1:
            message = (
                f"{part.title} is constant: all {plural(part.count, 'value')} are {part.minimum:,g}, so "
                f"{_consequence(part, evidence.settings)} {REMEDY}"
            )
            yield rule.finding(evidence, batch, part, message, value=0.0)


def _in_all_patches(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    """Report channels, or groups of them, that are constant in every batch of patches, once and not for each batch."""
    found: dict[tuple[int, ...], list[Channel | Group]] = {}
    for _, part in each_part(evidence):
        found.setdefault(part.channels if isinstance(part, Group) else (part.channel,), []).append(part)
    for channels, parts in found.items():
        if all(part.constant and part.count > 1 for part in parts):
            message = (
                f"{_titled(channels)} is constant in {_places(parts)}: {_values(parts)}, so "
                f"{_consequence(parts[0], evidence.settings)} {REMEDY}"
            )
            yield rule.of_all(message, channels[0] if len(channels) == 1 else None, value=0.0)


def _titled(channels: tuple[int, ...]) -> str:
    """Name channels that are normalized together, whatever the sample."""
    return f"channel {channels[0]}" if len(channels) == 1 else f"group of channels {channels[0]}–{channels[-1]}"


def _places(parts: list[Channel | Group]) -> str:
    """Say how many there are: batches of patches, or patches that are normalized by themselves."""
    if isinstance(parts[0], Group):
        return "the only patch" if len(parts) == 1 else f"all {len(parts):,} patches"
    return "the only batch of patches" if len(parts) == 1 else f"all {len(parts):,} batches of patches"


def _values(parts: list[Channel | Group]) -> str:
    """Say what the values are: one value everywhere, or one for each batch or patch."""
    values = sorted({part.minimum for part in parts if part.minimum is not None})
    if len(values) == 1:
        return f"all values are {values[0]:,g}"
    return f"each has a single value, from {values[0]:,g} to {values[-1]:,g}"


def _consequence(part: Channel | Group, settings: Settings) -> str:
    """Say what the layer makes of a constant: sentences that begin after "so"."""
    if settings.kind == "weight-init":
        return _start(settings)
    if settings.kind == "rms" and part.minimum:
        return _root_mean_square(part)
    if settings.epsilon == 0:
        return "its variance is 0. Without ε the layer divides 0 by 0, and the output is NaN."
    shift = "γ·d + β (γ and β are the layer's learned scale and bias, d is batch renorm's shift)"
    bias = "β (the layer's learned bias, 0 at first)"
    constant = {"renorm": shift, "rms": "0"}.get(settings.kind, bias)
    added = "ε" if settings.epsilon is not None else "An ε above 0 (this layer has no default)"
    return f"its variance is 0. {added} prevents a division by zero; the output is the constant {constant}."


def _start(settings: Settings) -> str:
    """Say what weight norm's start makes of a constant."""
    if not settings.epsilon:
        return (
            "its standard deviation σ is 0. Weight norm starts from the scale g = 1/σ and the bias b = −μ/σ, which "
            "are undefined."
        )
    return f"its variance is 0. Weight norm starts from the scale g = 1/√ε, which is {1 / sqrt(settings.epsilon):,.4g}."


def _root_mean_square(part: Channel | Group) -> str:
    """Say what RMS norm makes of a constant that is not 0."""
    sign = copysign(1.0, part.minimum or 0.0)
    output = "" if part.output is None else f" (here {sign * sqrt(part.output):.4g})"
    return (
        "its variance is 0. RMS norm divides by the root mean square, so its output is the same everywhere and keeps "
        f"only the sign of the value{output}."
    )


RULE = Rule("BN101", "zero-variance", "error", _check, family="spread", gives_way="BN405")
