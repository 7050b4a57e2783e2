"""A channel is reduced over a single value.

What it does: reports a batch in which batch size × remaining axes is 1, or, with a normalizer that takes each sample by
itself, channels of the group × remaining axes.

Why it matters: a single value has no spread, so normalizing it gives β and nothing of the value is left (RMS norm
leaves its sign). PyTorch refuses to train then: batch norm and instance norm always, group norm only where the batch
has one sample, layer norm never. Batch size 1 alone never causes this: a 3-D volume has many values in each channel.

Example:
    >>> import numpy as np
    >>> np.save("bottom.npy", np.array([[[[[0.5, 2.0]]]]]))
    $ bnstat inspect bottom.npy --framework torch
    error BN201 single-value-per-channel
      each channel has one value, so its variance is 0; PyTorch refuses to
      train: "Expected more than 1 value per channel when training, got input
      size torch.Size([1, 2, 1, 1, 1])". Use a larger batch, or check that
      --axis names the channels.

What to do: use a larger batch, fewer levels of downsampling, or check that `--axis` names the channels.

Threshold: 2 values, the fewest that can differ.

Sources: PyTorch's `torch.nn.functional.batch_norm` and `instance_norm` ("Expected more than 1 value per channel when
training"), whose words were recorded from the layers; `bnstat plan` shows at which level of an encoder it happens.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.layers.results import Batch
from bnstat.layers.settings import Settings
from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.rule import Rule


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    settings = evidence.settings
    for batch in evidence.report.batches:
        if batch.parts[0].count == 1:
            message = (
                f"{_each(settings)} has one value, so its variance is 0; "
                f"{_consequence(settings, batch)} {_remedy(settings)}"
            )
            yield rule.finding(evidence, batch, None, message, value=1.0, threshold=2.0)


def _each(settings: Settings) -> str:
    if not settings.by_sample:
        return "each channel"
    return "each channel of a sample" if settings.kind == "instance" else "each group"


def _remedy(settings: Settings) -> str:
    more = "fewer levels of downsampling" if settings.by_sample else "a larger batch"
    return f"Use {more}, or check that --axis names the channels."


def _consequence(settings: Settings, batch: Batch) -> str:
    framework = settings.framework
    if settings.kind == "weight-init":
        return "g and b are undefined."
    if framework.refusal is None or not _refuses(settings, batch):
        gives = "the sign of every input" if settings.kind == "rms" else "β for every input"
        return f"{settings.maker} gives {gives}."
    without = f" unless its {settings.ranks} ranks are synchronized" if settings.ranks > 1 else ""
    return (
        f'{settings.maker} refuses to train{without}: "{framework.refusal.format(shape=_seen_shape(settings, batch))}".'
    )


def _refuses(settings: Settings, batch: Batch) -> bool:
    """Group norm looks at the values of a group in all samples together, others at those that are reduced."""
    values = len(batch.samples) if settings.kind == "group" else 1
    return values < settings.framework.least_values


def _seen_shape(settings: Settings, batch: Batch) -> list[int]:
    """The shape that the layer names: that of the input, or group norm's view of it."""
    samples, channels, *space = _channels_first(batch)
    if settings.groups is None:
        return [samples, channels, *space]
    return [samples * channels // settings.groups, settings.groups, *space]


def _channels_first(batch: Batch) -> list[int]:
    """The shape that a layer which keeps axis 1 sees when the kept axis is moved there."""
    shape = list(batch.input_shape)
    kept = shape.pop(batch.axis)
    return [shape[0], kept, *shape[1:]]


RULE = Rule("BN201", "single-value-per-channel", "error", _check)
