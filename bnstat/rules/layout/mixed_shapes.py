"""Samples of different shapes cannot make a batch.

What it does: reports once where samples have two shapes or more and the batch size is over 1.

Why it matters: a batch is one tensor, so its samples have one shape; a data loader raises when it stacks them. Until
they are cropped, padded or resampled, nobody knows what the layer will see: padding with a constant changes mean and
variance, and a resampled volume has other values.

Example:
    >>> import numpy as np
    >>> draw = np.random.default_rng(0).normal
    >>> np.save("one.npy", draw(size=(1, 8, 8, 8, 1)))
    >>> np.save("other.npy", draw(size=(1, 8, 9, 8, 1)))
    $ bnstat check one.npy other.npy --batch-size 2
    warning BN403 mixed-shapes
      samples have 2 shapes (8 × 8 × 8 × 1, 8 × 9 × 8 × 1), and a batch of 2
      is a tensor of one. Crop, pad or resample them to one shape, or train on
      patches of one size, which --patch checks.

What to do: crop or pad the samples to one shape, resample them to one grid, or train on patches of one size, and check
those with `--patch 96x96x96`. With batch size 1 shapes may differ.

Threshold: two shapes, of samples as the layer gets them (channels included). Batch size 1 is silent, since nothing is
stacked.

Sources: `torch.utils.data.default_collate` and `numpy.stack`, which refuse tensors of unequal sizes.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.rule import Rule
from bnstat.text import by

# Shapes that a message names.
MOST_NAMED = 4


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    shapes, size = evidence.shapes, evidence.settings.batch_size
    if len(shapes) < 2 or size < 2:
        return
    named = ", ".join(by(shape) for shape in shapes[:MOST_NAMED])
    more = f" and {len(shapes) - MOST_NAMED} more" if len(shapes) > MOST_NAMED else ""
    message = (
        f"samples have {len(shapes)} shapes ({named}{more}), and a batch of {size} is a tensor of one. "
        "Crop, pad or resample them to one shape, or train on patches of one size, which --patch checks."
    )
    yield rule.of_all(message, value=float(len(shapes)), threshold=1.0)


RULE = Rule("BN403", "mixed-shapes", "warning", _check)
