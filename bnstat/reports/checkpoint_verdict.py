"""What a checkpoint's normalization layers come to, in sentences, the most important first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bnstat.networks.checkpoints.audit import Audit, LayerAudit
from bnstat.reports.limits import DEFAULT_LIMITS
from bnstat.text import joined, numbered, plural, short

# Channels are named in a sentence while they are in so few layers.
_FEW = 3


def verdict(audit: Audit) -> tuple[str, ...]:
    """Return the sentences: what goes wrong in evaluation mode, what carries nothing, and whether all is in order."""
    if not audit.with_statistics:
        return (_without_statistics(audit),)
    wrong = [*_fails(audit), *_start(audit), *_dead(audit), *_faded(audit), *_huge(audit), *_epsilon(audit)]
    known = [] if _unsettled(audit) else [_known(audit)]  # else said with what the initial values weigh
    return (*(wrong or [_in_order(audit)]), *known)


def _without_statistics(audit: Audit) -> str:
    """Say what a file stores whose normalizations keep no running statistics."""
    broken = sum(bool(layer.nan or layer.inf) for layer in audit.layers)
    if broken:
        return f"{_of(broken, len(audit.layers))} store NaN or Inf in γ or β: the network returns NaN."
    return (
        f"No running statistics are stored: the {plural(len(audit.layers), 'layer')} with γ and β (instance, group or "
        "layer norm) normalize with the statistics of each sample, in evaluation as in training."
    )


def _fails(audit: Audit) -> Iterator[str]:
    """Say which layers make evaluation mode return NaN or Inf."""
    broken = [layer for layer in audit.layers if layer.nan or layer.inf or layer.negative]
    if broken:
        what = joined([name for name, has in _BROKEN.items() if any(has(layer) for layer in broken)], "or")
        names = f" ({', '.join(layer.title for layer in broken)})" if len(broken) <= _FEW else ""
        of = _lowered(_of(len(broken), len(audit.layers)))
        yield f"Evaluation mode fails: {of}{names} store{'s' if len(broken) == 1 else ''} {what}."


_BROKEN: dict[str, Callable[[LayerAudit], bool]] = {
    "NaN": lambda layer: bool(layer.nan),
    "Inf": lambda layer: bool(layer.inf),
    "a negative variance": lambda layer: bool(layer.negative),
}


def _start(audit: Audit) -> Iterator[str]:
    """Say where the initial values are all that there is, or weigh much."""
    every = audit.with_statistics
    initial = [layer for layer in every if layer.initial]
    if initial:
        of = _of(len(initial), len(every))
        yield (
            f"{of} {'is' if len(initial) == 1 else 'are'} as before training (mean 0 and variance 1 in every channel), "
            "so evaluation mode normalizes nothing there."
        )
    unsettled = _unsettled(audit)
    if unsettled:
        of = _lowered(_of(len(unsettled), len(every)))
        up_to = "up to " if min(unsettled) < max(unsettled) else ""
        yield (
            f"The running statistics are not settled: after {_batches(audit)} the initial values still weigh "
            f"{up_to}{short(100 * max(unsettled), 3)} % in {of}."
        )


def _unsettled(audit: Audit) -> list[float]:
    """Return how much the initial values weigh, for each layer in which it is over the limit."""
    weights = [layer.start_weight or 0.0 for layer in audit.with_statistics if not layer.initial]
    return [weight for weight in weights if weight > DEFAULT_LIMITS.start_weight]


def _dead(audit: Audit) -> Iterator[str]:
    """Name the channels that carry nothing."""
    dead = [(layer, layer.dead) for layer in audit.with_statistics if layer.dead]
    if dead:
        yield (
            f"{_channels(dead)} dead: only constants ever entered, so the filter before gives one value for any input."
        )


def _faded(audit: Audit) -> Iterator[str]:
    """Name the channels that carry nothing any more."""
    faded = [(layer, layer.faded) for layer in audit.with_statistics if layer.faded]
    if faded:
        yield (
            f"{_channels(faded)} dead by now: the running variance has decayed to nearly nothing, so only constants "
            "entered of late."
        )


def _huge(audit: Audit) -> Iterator[str]:
    """Name the channels whose values have grown without bound."""
    found = [(layer, layer.huge) for layer in audit.with_statistics if layer.huge]
    if found:
        yield f"{_channels(found)} far beyond any activation: values grow without bound there."


def _epsilon(audit: Audit) -> Iterator[str]:
    """Name the channels in which ε decides."""
    found = [
        (layer, tuple(sorted({*layer.zero, *layer.below_epsilon} - {*layer.dead, *layer.faded})))
        for layer in audit.with_statistics
    ]
    found = [(layer, channels) for layer, channels in found if channels]
    if found:
        yield (
            f"{_channels(found)} at a running variance below ε (epsilon, which the layer adds to it): there ε decides "
            "the output of evaluation mode."
        )


def _channels(found: Sequence[tuple[LayerAudit, tuple[int, ...]]]) -> str:
    """Return channels and their layers, and the verb: "Channel 3 of layer a is"."""
    count = sum(len(channels) for _, channels in found)
    verb = "is" if count == 1 else "are"
    if len(found) > _FEW:
        return f"{plural(count, 'channel')} in {plural(len(found), 'layer')} {verb}"
    named = joined([f"{numbered('channel', 'channels', channels)} of layer {layer.title}" for layer, channels in found])
    return f"{named[0].upper()}{named[1:]} {verb}"


def _in_order(audit: Audit) -> str:
    """Say that nothing is wrong, and what was looked at."""
    layers = audit.with_statistics
    of = _lowered(_of(len(layers), len(layers)))
    return f"The running statistics are in order: in {of} every variance is finite and above ε, and no channel is dead."


def _known(audit: Audit) -> str:
    """Say how many batches entered, and how much the initial values weigh."""
    batches = _batches(audit)
    if not batches:
        return "The file does not count batches; --steps N says how many the training had."
    weights = [layer.start_weight for layer in audit.with_statistics if layer.start_weight is not None]
    weigh = f"{short(100 * max(weights), 3)} %" if max(weights) > 0.0 else "nothing"
    weigh = "less than 0.01 %" if 0.0 < max(weights) < 1e-4 else weigh
    return f"The running statistics are of {batches}; the initial values weigh {weigh} in them."


def _batches(audit: Audit) -> str:
    """Return how many batches entered; empty if that is not known."""
    counts = sorted({layer.batches for layer in audit.with_statistics if layer.batches is not None})
    if len(counts) < 2:
        return plural(counts[0], "batch", "batches") if counts else ""
    return f"{counts[0]:,} to {counts[-1]:,} batches"


def _lowered(words: str) -> str:
    """Return words as they stand within a sentence."""
    return f"{words[0].lower()}{words[1:]}"


def _of(count: int, every: int) -> str:
    """Return how many layers of all, as in "2 of 18 layers" at the start of a sentence."""
    if count == every:
        return {1: "The only layer", 2: "Both layers"}.get(every, f"All {every:,} layers")
    return f"{count:,} of {plural(every, 'layer')}"
