"""Too many patches are constant in a channel: they show background only.

What it does: reports a channel that is constant in more than 10 % of the patches, at any batch size. A volume that
lacks the channel altogether is left out, since missing-channel names it.

Why it matters: nothing is learnt from a patch without structure. At batch size 1 batch norm gives β for all of it and
that is the whole step; in a larger batch such patches pull mean and variance towards the background, so that training
normalizes with other statistics than evaluation on whole volumes does.

Example:
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(50, 9, (10, 8, 8, 8, 1))
    >>> values[:3] = 0
    >>> np.save("ten.npy", values)
    $ bnstat check ten.npy --patch 8x8x8
    warning BN107 constant-patches
      channel 0 is constant in 24 of 80 patches (30 %, limit 10 %): nothing is
      learnt from them, and where one is the whole batch, batch norm gives β
      for it. Sample patches with foreground (--foreground), or crop to the
      body first.

What to do: put patches around foreground, as nnU-Net does for a third of a batch, raise that share, or crop volumes to
the body before patches are drawn.

Threshold: 10 % of the patches, `--limit constant-patches=0.1`. A tenth of the training for nothing is what a person
would like to know; CT and brain MRI that are cropped to the body stay below it with patches of a usual size. The share
of n patches has a standard error of up to √(0.1·0.9/n), 3 % for 80: draw more where it is close.

Sources: Isensee et al. 2021, nnU-Net, on cropping to the non-zero region and on oversampling of foreground; Ioffe &
Szegedy 2015 (arXiv 1502.03167) for what is left of a constant.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.report.evidence import Evidence, SampleChannel
from bnstat.report.finding import Finding
from bnstat.rules.layout.missing_channel import lacking
from bnstat.rules.rule import Rule
from bnstat.rules.volumes import named, volumes_of
from bnstat.text import plural


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    limit = evidence.limits.constant_patches
    for channel, patches in enumerate(_columns(evidence) if evidence.report.patched else ()):
        empty = sum(one.constant and one.count > 1 for one in patches)
        if empty > limit * len(patches):
            message = (
                f"{named(evidence, channel)} is constant in {empty:,} of {plural(len(patches), 'patch', 'patches')} "
                f"({100 * empty / len(patches):.3g} %, limit {100 * limit:g} %): nothing is learnt from them, and "
                f"where one is the whole batch, batch norm gives β for it. {_advice(evidence)}"
            )
            yield rule.of_all(message, channel, value=empty / len(patches), threshold=limit)


def _columns(evidence: Evidence) -> Iterator[list[SampleChannel]]:
    """Yield each channel in all patches of the volumes that have it."""
    volumes = volumes_of(evidence)
    without = {(lack.volume.title, lack.channel) for lack in lacking(volumes)}
    for channel in range(min((len(volume.channels) for volume in volumes), default=0)):
        having = [volume for volume in volumes if (volume.title, channel) not in without]
        yield [row[channel] for volume in having for row in volume.sample_channels]


def _advice(evidence: Evidence) -> str:
    """What to do beside what is done already."""
    patches = evidence.settings.preparation.patches
    if patches is not None and patches.foreground is not None:
        return f"Raise the share of patches with foreground (now {patches.foreground}), or crop to the body first."
    return "Sample patches with foreground (--foreground), or crop to the body first."


RULE = Rule("BN107", "constant-patches", "warning", _check, family="spread")
