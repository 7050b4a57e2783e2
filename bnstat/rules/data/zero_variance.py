"""A channel is constant in a batch, so its variance is zero.

What it does: reports a channel, or a group of channels, whose values are all equal. The rule compares the smallest and
the greatest value. It never applies a tolerance to a rounded variance.

Why it matters: nothing is left of such a channel. ε (epsilon, a small constant that is added to the variance) prevents
a division by zero, and the layer's output is the constant β (its learned bias, 0 at first), whatever the values are.
With an ε of 0, or one that is too small for float32, most layers divide 0 by 0 and return NaN, PyTorch's instance norm
returns β, and PyTorch's batch norm raises an error (refused-epsilon). In float32, some frameworks even compute a
variance that is not zero; if it is below −ε, the output is NaN. The usual causes are a missing modality and a crop that
contains only background.

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
from math import copysign, inf, sqrt

from bnstat.layers.arithmetic.float_limits import UNIT
from bnstat.layers.results import Channel, Group
from bnstat.layers.settings import Settings
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.arithmetic.remedies import layer
from bnstat.rules.rule import Rule, each_part
from bnstat.text import plural, short

# Rounding of the output from here on is said; 1 is the standard deviation of a normalized channel.
SEEN = 1.0
REMEDY = "If a modality is missing, supply it, or drop the channel."
# The same where there is no other channel to go on with.
_OF_THE_ONLY_ONE = "Look at this volume, and leave it out if it shows nothing."


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    if evidence.report.patched:
        yield from _in_all_patches(rule, evidence)
        return
    parts = evidence.report.parts
    known = abs(parts.number("minimum")) < inf  # a constant beyond float64 is not known, nor what a layer makes of it
    for batch, part in parts.where(parts.flag("constant") & (parts.number("count") > 1) & known):
        inside = " inside the mask" if evidence.settings.preparation.mask is not None else ""
        remedy = REMEDY if batch.channel_count > 1 else _OF_THE_ONLY_ONE
        message = (
            f"{part.title} is constant{inside}: all {plural(part.count, 'value')} are {part.minimum:,g}, so "
            f"{_consequence(part, evidence.settings)} {remedy}"
        )
        yield rule.finding(evidence, batch, part, message, value=0.0)


def _in_all_patches(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    """Report channels, or groups of them, that are constant in every batch of patches, once and not for each batch."""
    found: dict[tuple[int, ...], list[Channel | Group]] = {}
    for _, part in each_part(evidence):
        found.setdefault(part.channels if isinstance(part, Group) else (part.channel,), []).append(part)
    for channels, parts in found.items():
        if all(part.constant and part.count > 1 and part.minimum is not None for part in parts):
            inside = " inside the mask" if evidence.settings.preparation.mask is not None else ""
            message = (
                f"{_titled(channels)} is constant{inside} in {_places(parts)}: {_values(parts)}, so "
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
    if settings.preparation.mask is not None:
        return "its variance is 0 there. The layer has no mask, and reduces the voxels outside of it too."
    if settings.kind == "weight-init":
        return _start(settings)
    if settings.kind == "rms" and part.minimum:
        return _root_mean_square(part)
    if settings.epsilon_refusal is not None:
        return f"its variance is 0, and with ε = {settings.epsilon:g} the layer refuses to train."
    if settings.added == 0.0:
        return f"its variance is 0. {without_epsilon(settings, rounded=_may_be_rounded(part))}"
    added = "ε" if settings.epsilon is not None else "An ε above 0 (this layer has no default)"
    if part.prediction is not None and part.prediction.nan_possible:
        return (
            f"its variance is 0. In float32, {layer(settings)} may compute a variance below −ε, and then its output is "
            f"NaN. Otherwise {added} prevents a division by zero, and the output is near {constant_output(settings)}."
        )
    return (
        f"its variance is 0. {added} prevents a division by zero; the output is {constant_output(settings)}"
        f"{_rounding(part)}."
    )


def constant_output(settings: Settings) -> str:
    """Say what the layer makes of values that are all equal, if it divides by √ε."""
    if settings.kind == "renorm":
        return "the constant γ·d + β (γ and β are the layer's learned scale and bias, d is batch renorm's shift)"
    if settings.kind == "rms":
        return "the constant 0"
    if not settings.framework.bias:
        return "the constant 0 (or the learned bias β, if the layer is told to have one)"
    return "the constant β (the layer's learned bias, 0 at first)"


def without_epsilon(settings: Settings, *, rounded: bool = False) -> str:
    """Say what a layer does with a constant if its ε is 0, or if it is too small for the layer's type of numbers.

    Args:
        settings: The layer.
        rounded: True if its own sums may leave a variance that is not 0.
    """
    epsilon = settings.epsilon or 0.0
    given = f"With ε = {epsilon:g}" + (", which is too small for the layer's float32," if epsilon else "")
    if settings.divides_by_zero:
        noise = ", or noise if rounding in float32 leaves a variance above 0" if rounded else ""
        return f"{given} the layer divides 0 by 0, and the output is NaN{noise}: use an ε above 0."
    return f"{given} the layer takes 0 divided by 0 for 0, so the output is {constant_output(settings)}."


def _may_be_rounded(part: Channel | Group) -> bool:
    """Return True if the layer's own variance of a constant may be above 0, because its sums are rounded."""
    return part.prediction is not None and part.prediction.high != 0.0


def _rounding(part: Channel | Group) -> str:
    """Say how far float32 may take the output from that constant, where this is more than a trifle.

    Layers that compute x·a + b, with a = 1/√ε, round x·a and the mean's part of b, which cancel.
    """
    most = abs(part.minimum or 0.0) * (part.gain or 0.0) * 2 * UNIT
    return f", give or take {most:.2g}, since ε is so small that float32 rounds values/√ε" if most >= SEEN else ""


def _start(settings: Settings) -> str:
    """Say what weight norm's start makes of a constant."""
    if not settings.epsilon:
        return (
            "its standard deviation σ is 0. Weight norm starts from the scale g = 1/σ and the bias b = −μ/σ, which "
            "are undefined."
        )
    return (
        f"its variance is 0. Weight norm starts from the scale g = 1/√ε, which is {short(1 / sqrt(settings.epsilon))}."
    )


def _root_mean_square(part: Channel | Group) -> str:
    """Say what RMS norm makes of a constant that is not 0."""
    sign = copysign(1.0, part.minimum or 0.0)
    output = "" if part.output is None else f" (here {short(sign * sqrt(part.output))})"
    return (
        "its variance is 0. RMS norm divides by the root mean square, so its output is the same everywhere and keeps "
        f"only the sign of the value{output}."
    )


RULE = Rule("BN101", "zero-variance", "error", _check, family="spread", gives_way="BN405")
