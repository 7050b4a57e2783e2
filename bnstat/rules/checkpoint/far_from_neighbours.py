"""A layer has variances far from those of the layers beside it.

What it does: reports layers of a checkpoint whose median running variance is more than 10,000 times as large, or as
small, as that of the layer before and of the layer behind.

Why it matters: what enters a normalization has passed a convolution of a normalized input, so variances of neighbouring
layers are of similar size. One layer that is far from both has other weights, or another input than
expected: raw intensities that enter beside the path, a branch without normalization, or weights of another network
that were loaded into it. Half precision loses such layers first.

Example:
    >>> import numpy as np
    >>> stored = {"a.running_mean": [0.1], "a.running_var": [2e6]}
    >>> stored |= {"b.running_mean": [0.3], "b.running_var": [4.0]}
    >>> np.savez("model.npz", **stored)
    $ bnstat checkpoint model.npz
    note BN514 far-from-neighbours
      layer a: its median running variance is 500,000 times as large as that
      of the layers beside it (limit 10,000). Something else enters here
      than around it: raw intensities, a branch without normalization, or
      weights of another network. Look at what enters this layer; at the
      first one: bnstat inspect PATH.

What to do: look at what enters this layer. At the first layer, look at the intensities: `bnstat inspect PATH`. In a
file that was put together of two, look at whether the names of the layers match.

Threshold: a factor of 10,000 to both layers; at the ends of the file, to the only one beside it.

Sources: none is known for this factor. It is a choice: a standard deviation a hundred times that of both neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.reports.evidence import CheckpointEvidence
from bnstat.reports.finding import Finding
from bnstat.rules.rule import Rule
from bnstat.text import short

# How many times as large or small the median variance is that is told.
MOST_RATIO = 1e4


def _check(rule: Rule[CheckpointEvidence], evidence: CheckpointEvidence) -> Iterator[Finding]:
    for layer in evidence.audit.with_statistics:
        ratio = layer.from_neighbours
        if ratio is not None and ratio > 0.0 and max(ratio, 1.0 / ratio) > MOST_RATIO:
            size = "large" if ratio > 1.0 else "small"
            message = (
                f"layer {layer.title}: its median running variance is {short(max(ratio, 1.0 / ratio))} times as {size} "
                f"as that of the layers beside it (limit {MOST_RATIO:,.0f}). Something else enters here than around "
                "it: raw intensities, a branch without normalization, or weights of another network. Look at what "
                "enters this layer; at the first one: bnstat inspect PATH."
            )
            yield rule.of_layer(evidence.audit.file, layer.name, message, value=ratio, threshold=MOST_RATIO)


RULE = Rule("BN514", "far-from-neighbours", "note", _check)
