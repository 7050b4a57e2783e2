"""Too many patches are constant in a channel: they show background only.

What it does: reports a channel that is constant in more than 10 % of the patches, at any batch size. The rule leaves
out the patches of a volume that lacks the channel altogether, because missing-channel reports that volume.

Why it matters: a network learns nothing from a patch without structure. At batch size 1, batch norm turns it into the
constant β (the layer's learned bias), and the training step is lost. Instance norm does so at any batch size. In a
larger batch, such patches pull the mean and the variance towards the background. Training then normalizes with other
statistics than evaluation on whole volumes.

Example:
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(50, 9, (10, 8, 8, 8, 1))
    >>> values[:3] = 0
    >>> np.save("ten.npy", values)
    $ bnstat check ten.npy --patch 8x8x8
    warning BN107 constant-patches
      channel 0 is constant in 24 of 80 patches (30 %, limit 10 %). A network
      learns nothing from this channel there, and at batch size 1 the layer's
      output is the constant β (the layer's learned bias, 0 at first). Draw
      patches around foreground (--foreground 0.33), or crop the volumes to
      the body first.

What to do: draw patches around foreground, as nnU-Net does for a third of a batch, raise that share, or crop the
volumes to the body before patches are drawn.

Threshold: 10 % of the patches, `--limit constant-patches=0.1`. One patch in ten without structure wastes a tenth of the
training. CT and brain MRI that are cropped to the body stay below this with patches of a usual size. The measured share
of n patches has a standard error of up to √(0.1·0.9/n), which is 3 % for 80 patches. Draw more patches if the share is
close to the limit.

Sources: Isensee et al. 2021, nnU-Net, on cropping to the non-zero region and on oversampling of foreground. Ioffe &
Szegedy 2015 (arXiv 1502.03167) for what is left of a constant.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.reports.evidence import Evidence, SampleChannel
from bnstat.reports.finding import Finding
from bnstat.rules.data.zero_variance import constant_output
from bnstat.rules.layout.missing_channel import lacking
from bnstat.rules.rule import Rule
from bnstat.rules.volumes import named, volumes_of
from bnstat.text import beyond, plural


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    limit = evidence.limits.constant_patches
    for channel, patches in enumerate(_columns(evidence) if evidence.report.patched else ()):
        empty = sum(one.constant and one.count > 1 for one in patches)
        if empty > limit * len(patches):
            share = f"{beyond(100 * empty / len(patches), 100 * limit, 3)} %"
            message = (
                f"{named(evidence, channel)} is constant in {empty:,} of {plural(len(patches), 'patch', 'patches')} "
                f"({share}, limit {100 * limit:g} %). A network learns nothing from this channel there, "
                f"and {_consequence(evidence)}. {_advice(evidence)}"
            )
            yield rule.of_all(message, channel, value=empty / len(patches), threshold=limit)


def _columns(evidence: Evidence) -> Iterator[list[SampleChannel]]:
    """Yield each channel in all patches of the volumes that have it."""
    volumes = volumes_of(evidence)
    without = {(lack.volume.title, lack.channel) for lack in lacking(volumes)}
    for channel in range(volumes.columns.fewest):
        having = [volume for volume in volumes if (volume.title, channel) not in without]
        yield [row[channel] for volume in having for row in volume.sample_channels]


def _consequence(evidence: Evidence) -> str:
    """Say what such patches do to the statistics at the batch size that the user asked about."""
    settings = evidence.settings
    alone = settings.batch_size * settings.ranks == 1 and settings.kind in ("batch", "renorm")
    by_itself = settings.kind in ("layer", "group", "rms") and _single(evidence)
    if alone or by_itself or settings.kind == "instance":
        at = "at batch size 1 " if alone else ""
        if settings.epsilon_refusal is None and settings.divides_by_zero:
            return f"{at}the layer's output is NaN, because ε is 0"
        if settings.kind == "rms":
            return "the layer's output keeps only the sign of the value"
        return f"{at}the layer's output is {constant_output(settings)}"
    if settings.kind == "weight-init":
        return "if training starts from a batch of such patches alone, weight norm's scale g and bias b say nothing"
    if settings.by_sample:
        return "there it pulls the mean and the variance that it shares with other channels"
    return "such patches pull mean and variance towards the background"


def _single(evidence: Evidence) -> bool:
    """Return True if each channel is normalized by itself, because groups are of one channel."""
    return all(len(group.channels) == 1 for batch in evidence.report.batches for group in batch.groups)


def _advice(evidence: Evidence) -> str:
    """Say what to do beside what is done already."""
    patches = evidence.settings.preparation.patches
    if patches is not None and patches.foreground is not None:
        return (
            f"Raise the share of patches around foreground (now --foreground {patches.foreground}), or crop the "
            "volumes to the body first."
        )
    return "Draw patches around foreground (--foreground 0.33), or crop the volumes to the body first."


RULE = Rule("BN107", "constant-patches", "warning", _check, family="spread")
