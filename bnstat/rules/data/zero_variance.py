"""A channel is constant in a batch, so its variance is zero.

What it does: reports a channel, or a group of channels, whose least and greatest value are equal. This is decided on
the values themselves, never by a tolerance on a rounded variance.

Why it matters: the layer's output for such a channel is β, whatever the values are. Nothing divides by zero, since ε
is added to the variance, but the channel carries nothing; in float32 some frameworks even compute a variance that is
not zero for it. Mostly a modality is missing, or a crop holds background only.

Example:
    $ bnstat inspect sample_data/mri_4channel.nii.gz
    error BN101 zero-variance
      channel 1 is constant: all of 307,200 values are 0, so the variance is 0
      and the layer gives β for every input. If a modality is missing, supply
      it or drop the channel.

What to do: look at the file. Supply the modality, drop the channel, or sample patches with foreground.

Threshold: none. Least and greatest value of a channel are equal or not; a rounded variance may be 0, or not, in both
cases. Of patches some are constant in most data: there it speaks once of a channel that is so in all of them, and
constant-patches of the others.

Sources: Ioffe & Szegedy 2015 (arXiv 1502.03167), whose normalization adds ε under the root; the real layers' output on
constants is recorded in docs/conformance.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from bnstat.layers.results import Channel, Group
from bnstat.layers.settings import Settings
from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.rule import Rule, each_part
from bnstat.text import plural


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    if evidence.report.patched:
        yield from _in_all_patches(rule, evidence)
        return
    for batch, part in each_part(evidence):
        if part.constant and part.count > 1:
            message = (
                f"{part.title} is constant: all of {plural(part.count, 'value')} are "
                f"{part.minimum:,g}, so {_consequence(part, evidence.settings)}. "
                "If a modality is missing, supply it or drop the channel."
            )
            yield rule.finding(evidence, batch, part, message, value=0.0)


def _in_all_patches(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    """Channels, or groups of them, that are constant in every batch of patches: a line each, and not one a batch."""
    found: dict[tuple[int, ...], list[Channel | Group]] = {}
    for _, part in each_part(evidence):
        found.setdefault(part.channels if isinstance(part, Group) else (part.channel,), []).append(part)
    for channels, parts in found.items():
        if all(part.constant and part.count > 1 for part in parts):
            values = sorted({part.minimum for part in parts if part.minimum is not None})
            are = f"{values[0]:,g}" if len(values) == 1 else f"from {values[0]:,g} to {values[-1]:,g}"
            message = (
                f"{_titled(channels)} is constant in each of {plural(len(parts), 'batch', 'batches')} of patches: "
                f"values are {are}, so {_consequence(parts[0], evidence.settings)}. "
                "If a modality is missing, supply it or drop the channel."
            )
            yield rule.of_all(message, channels[0] if len(channels) == 1 else None, value=0.0)


def _titled(channels: tuple[int, ...]) -> str:
    """Channels that are normalized together, whatever the sample."""
    return f"channel {channels[0]}" if len(channels) == 1 else f"group of channels {channels[0]}–{channels[-1]}"


def _consequence(part: Channel | Group, settings: Settings) -> str:
    """What the layer makes of a constant."""
    if settings.kind == "weight-init":
        return (
            "σ is 0 and the start g = 1/σ, b = −μ/σ is undefined"
            if not settings.epsilon
            else (f"the variance is 0 and g = 1/√ε = {1 / sqrt(settings.epsilon):,.4g}")
        )
    if settings.kind == "renorm":
        return "the variance is 0 and the layer gives γ·d + β for every input"
    if settings.kind == "rms" and part.minimum:
        return "the variance is 0, and the layer gives the same for every input whatever the value is: its sign"
    return "the variance is 0 and the layer gives β for every input"


RULE = Rule("BN101", "zero-variance", "error", _check, family="spread", gives_way="BN405")
