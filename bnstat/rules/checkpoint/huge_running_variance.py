"""A stored running variance is far beyond that of activations.

What it does: reports channels of a checkpoint whose running variance is above 1e10: a standard deviation of 100,000.

Why it matters: no intensity and no activation of a network that trains well is so large. Somewhere before the layer
values grow without bound: the training diverges, residual branches add up without a normalization, or intensities enter
as they are in the file. float16 ends at 65,504, and float32 rounds such values by more than a thousandth of 1.

Example:
    >>> import numpy as np
    >>> stored = {"bn.running_mean": [0.1, 7], "bn.running_var": [2, 4e12]}
    >>> np.savez("model.npz", **stored)
    $ bnstat checkpoint model.npz
    warning BN507 huge-running-variance
      channel 1 of layer bn: the running variance is up to 4.000e+12, a
      standard deviation of 2,000,000 (limit 1e+10). Values grow without
      bound before this layer, or intensities enter as they are in the file.
      Lower the learning rate or clip gradients, load an earlier checkpoint,
      and look at the intensities: bnstat inspect PATH.

What to do: lower the learning rate or clip gradients, and load a checkpoint from before the growth. Look at the
intensities: `bnstat inspect PATH`. `bnstat checkpoint a.pt b.pt` says between which two checkpoints the layer grew.

Threshold: 1e10. The raw values of a CT reach a variance of about 1e6.

Sources: the spacing of float32 numbers at 100,000 is 0.0078.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from bnstat.networks.checkpoints.settings import HUGE
from bnstat.reports.evidence import CheckpointEvidence
from bnstat.reports.finding import Finding
from bnstat.rules.checkpoint.places import left, only, place
from bnstat.rules.rule import Rule
from bnstat.text import short


def _check(rule: Rule[CheckpointEvidence], evidence: CheckpointEvidence) -> Iterator[Finding]:
    for layer in evidence.audit.with_statistics:
        channels = left(layer, layer.huge)
        if channels and layer.variance is not None:
            most = float(layer.variance[list(channels)].max())
            message = (
                f"{place(layer, channels)}: the running variance is up to {short(most)}, a standard deviation of "
                f"{short(sqrt(most))} (limit {HUGE:g}). Values grow without bound before this layer, or intensities "
                "enter as they are in the file. Lower the learning rate or clip gradients, load an earlier checkpoint, "
                "and look at the intensities: bnstat inspect PATH."
            )
            yield rule.of_layer(evidence.audit.file, layer.name, message, only(channels), most, HUGE)


RULE = Rule("BN507", "huge-running-variance", "warning", _check)
