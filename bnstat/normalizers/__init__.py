"""What a layer makes of moments: a normalizer is a file. The tables of them are made by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bnstat.errors import UsageError
from bnstat.moments import Moments
from bnstat.normalizers import batch, group, instance, layer, renorm, rms, weight_init
from bnstat.normalizers.statistics import deviations
from bnstat.report import Batch, Channel, Group, Settings

__all__ = ["KINDS", "normalize", "parse", "require_shape", "require_steps"]

# Those that reduce over the batch, each channel alone.
_BY_CHANNEL: dict[str, Callable[[Moments, Settings], tuple[Channel, ...]]] = {
    "batch": batch.normalize,
    "renorm": batch.normalize,
    "weight-init": weight_init.normalize,
}

# Those that take each sample by itself.
_BY_SAMPLE: dict[str, Callable[[Moments, tuple[int, ...], Settings], tuple[Group, ...]]] = {
    "instance": instance.normalize,
    "layer": layer.normalize,
    "group": group.normalize,
    "rms": rms.normalize,
}

# As they are written on the command line.
KINDS = ("batch", "instance", "layer", "group:G", "rms", "renorm", "weight-init")


def parse(text: str) -> str:
    """The name of a normalizer as it is kept: "group:2", "batch".

    Raises:
        UsageError: it is none, group norm without a number of groups, or another with one.
    """
    kind, colon, number = text.strip().lower().partition(":")
    if kind not in _BY_CHANNEL and kind not in _BY_SAMPLE:
        import difflib  # noqa: PLC0415  (only where a name is wrong)

        near = difflib.get_close_matches(kind, [*_BY_CHANNEL, *_BY_SAMPLE], n=1)
        hint = (
            f"did you mean {near[0] + ':G' * (near[0] == 'group')!r}?" if near else f"choose one of {', '.join(KINDS)}"
        )
        raise UsageError(f"normalizer {text!r} is not known; {hint}")
    if kind != "group":
        if colon:
            raise UsageError(f"normalizer {text!r} cannot be: only group norm has a number, as in group:2; use {kind}")
        return kind
    if not (number.isdecimal() and int(number)):
        what = f"normalizer {text!r} cannot be: g" if colon else "g"
        raise UsageError(f"{what}roup norm needs its number of groups, 1 or more: --normalizer group:2")
    return f"group:{int(number)}"


def require_shape(channels: int, settings: Settings) -> None:
    """Refuse groups that do not divide the channels.

    Raises:
        UsageError: they do not.
    """
    group.require(channels, settings)


def require_steps(steps: int, settings: Settings) -> None:
    """Refuse a normalizer that needs more batches than there are.

    Raises:
        UsageError: batch renorm with a single one.
    """
    if settings.kind == "renorm" and steps < 2:
        raise UsageError(
            "renorm needs at least two batches: r and d compare a batch with the running statistics before it; "
            "give more volumes, or a smaller --batch-size"
        )


def normalize(batches: Sequence[tuple[Batch, Moments]], settings: Settings) -> tuple[Batch, ...]:
    """Fill batches with what the layer computes.

    Args:
        batches: in the order of training, each a tensor without numbers, and its moments of shape (samples, channels).
        settings: which layer.
    """
    filled = tuple(_filled(one, samples, settings) for one, samples in batches)
    return renorm.correct(filled, settings) if settings.kind == "renorm" else filled


def _filled(one: Batch, samples: Moments, settings: Settings) -> Batch:
    kind = settings.kind
    if kind in _BY_CHANNEL:
        channels = _named(_BY_CHANNEL[kind](samples, settings), one.names)
        return replace(one, channels=channels, deviations=tuple(channel.std for channel in channels))
    groups = _groups_named(_BY_SAMPLE[kind](samples, one.samples, settings), one.names)
    kept = (0, one.axis) if kind == "instance" else (0,)
    running = instance.buffers(groups, samples.shape[1], settings) if kind == "instance" else ()
    reduced = tuple(axis for axis in range(len(one.input_shape)) if axis not in kept)
    return replace(one, groups=groups, running=running, reduction_axes=reduced, deviations=deviations(samples))


def _named(channels: tuple[Channel, ...], names: Sequence[str]) -> tuple[Channel, ...]:
    """Channels with their names, where they are known."""
    return tuple(replace(one, name=names[one.channel]) for one in channels) if names else channels


def _groups_named(groups: tuple[Group, ...], names: Sequence[str]) -> tuple[Group, ...]:
    """The same of groups of a single channel."""
    if not names:
        return groups
    return tuple(replace(one, name=names[one.channels[0]]) if len(one.channels) == 1 else one for one in groups)
