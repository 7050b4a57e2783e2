"""A channel is reduced over a single value.

What it does: reports a batch in which each channel has a single value: batch size × remaining axes is 1. For a
normalizer that takes each sample by itself, channels of the group × remaining axes is 1.

Why it matters: a single value has no spread. Normalizing it returns β (the layer's learned bias), and nothing of the
value is left; RMS norm leaves its sign. PyTorch refuses to train then: batch norm and instance norm always do, group
norm only if the batch has one sample, and layer norm never does. A batch size of 1 alone never causes this, because a
3-D volume has many values in each channel.

Example:
    >>> import numpy as np
    >>> np.save("bottom.npy", np.array([[[[[0.5]]], [[[2.0]]]]]))
    $ bnstat inspect bottom.npy --framework torch --axis 1
    error BN201 single-value-per-channel
      each channel has a single value, so its variance is 0. PyTorch refuses
      to train: "Expected more than 1 value per channel when training, got
      input size torch.Size([1, 2, 1, 1, 1])". Use a larger batch
      (--batch-size 2), or check that --axis names the channels.

What to do: use a larger batch or fewer levels of downsampling, and check that `--axis` names the channels.

Threshold: 2 values, the fewest that can differ. With `--mask` the rule says nothing: a mask limits the statistics that
are shown, and the layer itself reduces all voxels.

Sources: PyTorch's `torch.nn.functional.batch_norm` and `instance_norm` ("Expected more than 1 value per channel when
training"). The words were recorded from the layers. `bnstat plan` shows at which level of an encoder this happens.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.layers.results import Batch
from bnstat.layers.settings import Settings
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.data.zero_variance import constant_output
from bnstat.rules.rule import Rule


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    settings = evidence.settings
    if settings.preparation.mask is not None:  # which limits the statistics: the layer itself reduces all voxels
        return
    from bnstat.layers.batch_columns import without_results  # noqa: PLC0415  (numpy, not for explaining a rule)

    parts = evidence.report.parts
    single = parts.batch[(parts.place == 0) & (parts.number("count") == 1)].tolist()
    undefined = {*parts.batch[parts.flag("output_nan")].tolist()}
    messages: dict[object, str] = {}  # one for each kind of batch
    for batch in without_results(evidence.report.batches, single):
        kind = batch.input_shape, batch.axis, batch.index in undefined
        if kind not in messages:
            messages[kind] = (
                f"{_each(settings)} has a single value, so its variance is 0. "
                f"{_consequence(settings, batch, batch.index in undefined)} {_remedy(evidence, batch)}"
            )
        yield rule.finding(evidence, batch, None, messages[kind], value=1.0, threshold=2.0)


def _each(settings: Settings) -> str:
    if not settings.by_sample:
        return "each channel"
    return "each channel of a sample" if settings.kind == "instance" else "each group"


def _remedy(evidence: Evidence, batch: Batch) -> str:
    """Say what gives a channel more values; a short last batch can be left out."""
    settings = evidence.settings
    if settings.by_sample or evidence.report.settings.batch_size < settings.batch_size:  # shapes make no batch
        use = "fewer levels of downsampling"
    elif len(batch.samples) < settings.batch_size:
        return "Leave out the short last batch (--drop-last), or check that --axis names the channels."
    else:
        use = f"a larger batch (--batch-size {settings.batch_size + 1})"
    return f"Use {use}, or check that --axis names the channels."


def _consequence(settings: Settings, batch: Batch, undefined: bool) -> str:
    framework = settings.framework
    if settings.kind == "weight-init":
        return "Weight norm's scale g and bias b are undefined."
    refused = settings.refuses(1, len(batch.samples))
    if settings.epsilon_refusal is not None and not refused:
        return f"{settings.maker} refuses to train with ε = {settings.epsilon:g}."
    if framework.refusal is None or not refused:
        return f"{settings.maker} trains, but the output {_output(settings, undefined)}."
    without = f", unless its {settings.ranks} ranks are synchronized" if settings.ranks > 1 else ""
    return (
        f'{settings.maker} refuses to train{without}: "{framework.refusal.format(shape=_seen_shape(settings, batch))}".'
    )


def _output(settings: Settings, undefined: bool) -> str:
    """Say what is left of a single value."""
    if undefined:
        return "is NaN, because 0 is divided by 0 without ε"
    if settings.kind == "rms":
        return "keeps only the sign of each value"
    return f"is {constant_output(settings)}"


def _seen_shape(settings: Settings, batch: Batch) -> list[int]:
    """Return the shape that the layer names: that of the input, or group norm's view of it."""
    samples, channels, *space = _channels_first(batch)
    if settings.groups is None:
        return [samples, channels, *space]
    return [samples * channels // settings.groups, settings.groups, *space]


def _channels_first(batch: Batch) -> list[int]:
    """Return the shape that a layer which keeps axis 1 sees if the kept axis is moved there."""
    shape = list(batch.input_shape)
    kept = shape.pop(batch.axis)
    return [shape[0], kept, *shape[1:]]


RULE = Rule("BN201", "single-value-per-channel", "error", _check)
