"""Samples of different shapes cannot make a batch.

What it does: reports once if samples have two shapes or more and the batch size is over 1.

Why it matters: a batch is one tensor, so its samples have one shape. A data loader raises an error when it stacks
others. As long as they are not cropped, padded or resampled, nobody knows what the layer will see: padding with a
constant changes the mean and the variance, and a resampled volume has other values.

Example:
    >>> import numpy as np
    >>> draw = np.random.default_rng(0).normal
    >>> np.save("one.npy", draw(size=(1, 8, 8, 8, 1)))
    >>> np.save("other.npy", draw(size=(1, 8, 9, 8, 1)))
    $ bnstat check one.npy other.npy --batch-size 2
    warning BN403 mixed-shapes
      the samples have 2 different shapes (8 × 8 × 8 × 1, 8 × 9 × 8 × 1), so
      they cannot be stacked into batches of 2: a data loader would raise an
      error. Crop, pad or resample them to one shape, or train on patches of
      one size (check them with --patch 8x8x8).

What to do: crop or pad the samples to one shape, resample them to one grid, or train on patches of one size, and check
those with `--patch 96x96x96`. With a batch size of 1, shapes may differ.

Threshold: two shapes, of samples as the layer gets them (channels included). With a batch size of 1 the rule says
nothing, because nothing is stacked.

Sources: `torch.utils.data.default_collate` and `numpy.stack`, which refuse tensors of unequal sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.rule import Rule
from bnstat.text import by

# The largest patch that a message suggests, along each axis.
MOST_PATCH = 96
# The most shapes that a message names.
MOST_NAMED = 4


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    shapes, size = evidence.shapes, evidence.settings.batch_size
    if len(shapes) < 2 or size < 2:
        return
    named = ", ".join(by(shape) for shape in shapes[:MOST_NAMED])
    more = f" and {len(shapes) - MOST_NAMED} more" if len(shapes) > MOST_NAMED else ""
    message = (
        f"the samples have {len(shapes)} different shapes ({named}{more}), so they cannot be stacked into batches of "
        f"{size}: a data loader would raise an error. {_remedy(shapes)}"
    )
    yield rule.of_all(message, value=float(len(shapes)), threshold=1.0)


def _remedy(shapes: Sequence[tuple[int, ...]]) -> str:
    """Say what gives the samples one shape: patches do if only spatial axes differ, which are all but the last."""
    spatial = [shape[:-1] for shape in shapes]
    if len({len(shape) for shape in shapes}) > 1:
        return "Give files with the same number of axes."
    if len({shape[-1] for shape in shapes}) > 1:
        first = "Give files with the same number of channels, or keep another axis (--axis)."
        sizes = " Their spatial sizes differ too: crop, pad or resample them to one shape."
        return first + (sizes if len(set(spatial)) > 1 else "")
    common = "x".join(str(min(*sizes, MOST_PATCH)) for sizes in zip(*spatial, strict=True))
    return (
        f"Crop, pad or resample them to one shape, or train on patches of one size (check them with --patch {common})."
    )


RULE = Rule("BN403", "mixed-shapes", "warning", _check)
