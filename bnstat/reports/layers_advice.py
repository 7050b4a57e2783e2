"""Whether the output depends on stored statistics, and what to do: the first sentences of what `bnstat layers` says."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.networks.results import Measured, middle
from bnstat.networks.settings import Measuring
from bnstat.reports.layers_words import Figured, fits, name, payers, percent, span, switched
from bnstat.reports.limits import NETWORK_LIMITS
from bnstat.text import joined, printable

_IN_A_NEW_TRAINING = (
    "In a new training, use instance or group norm, which normalize alike in both modes, or freeze the stored "
    "statistics for the last epochs."
)

_LIMIT = percent(NETWORK_LIMITS.moved)

# Layers that are named with their share before the rest is counted.
_MOST_PAYERS = 4


def on_output(measured: Measured, asked: Measuring) -> str:
    """Say how much of the output changes if layers use each sample's own statistics; empty if that is not known."""
    moved = _moved(measured)
    if not moved:
        return ""
    several = len(moved) > 1 or bool(asked.layers)
    whole = measured.output_moved if several else moved[0][1]
    if _depends(measured):
        start, output = "The output depends on the stored statistics", "it"
    else:
        off = "are off, but can stay" if _off(measured) else "can stay"
        start, output = f"The stored statistics {off}", "the output"
    if whole is None:
        texts = [f"{start}."]
    else:
        how = _how(moved, asked, several=several)
        texts = [f"{start}: {how}, {_changed(whole, output, measured)}."]
    if several:
        texts.append(_alone(moved, payers(measured.layers)))
    return " ".join(texts)


def _moved(measured: Measured) -> list[Figured]:
    """Return the layers that were switched; none if no statistics are trained, since their effect says nothing."""
    trained = any(layer.stored and not layer.never_updated for layer in measured.layers)
    return switched(measured.layers) if trained else []


def _depends(measured: Measured) -> bool:
    """Return True if a layer alone, or all together, change more of the output than the limit."""
    return bool(payers(measured.layers)) or (measured.output_moved or 0.0) > NETWORK_LIMITS.moved


def _off(measured: Measured) -> bool:
    """Return True if stored statistics of a layer are not those of the samples."""
    return not all(fits(layer) for layer in measured.layers if layer.stored and not layer.never_updated)


def _how(moved: Sequence[Figured], asked: Measuring, *, several: bool) -> str:
    """Say which layers use which statistics."""
    if not several:
        return f"if {name(moved[0][0])} uses each sample's own"
    return "with each sample's own in their place" + (" in all norms of the network" if asked.layers else "")


def _changed(share: float, output: str, measured: Measured) -> str:
    """Say how much of the output changes, and the limit if that may be."""
    limit = "" if _depends(measured) else f"limit {_LIMIT}"
    if measured.output == "classes":
        if not share:
            return f"no place of {output} gets another class"
        return f"{percent(share)} of {output} gets another class" + (f" ({limit})" if limit else "")
    if not share:
        return f"{output} stays the same"
    return f"{output} changes by {percent(share)} (relative RMS{f'; {limit}' if limit else ''})"


def _alone(moved: Sequence[Figured], paying: Sequence[Figured]) -> str:
    """Say how much each layer changes by itself, those that change most by name."""
    if not paying:
        layer, most = moved[0]
        if most == 0:
            return "No norm alone changes anything."
        return f"A norm alone changes {percent(most)} or less (most: {name(layer)}; limit {_LIMIT})."
    shares = [f"{name(layer)} ({percent(share)})" for layer, share in paying[:_MOST_PAYERS]]
    rest, others = paying[_MOST_PAYERS:], moved[len(paying) :]
    if rest:
        shares.append(f"{len(rest):,} more ({_span(rest)})")
    said = f"If a norm alone uses them, it changes most at {joined(shares)}"
    if not others:
        return f"{said}."
    where = "the other one" if len(others) == 1 else f"each of the other {len(others):,}"
    return f"{said}; at {where} by {_span(others)}."


def _span(found: Sequence[Figured]) -> str:
    return span([share for _, share in found], percent)


def to_switch(measured: Measured, asked: Measuring) -> str:
    """Say how to learn which layers change the output; empty where that was or cannot be measured."""
    known = any(middle(layer.variance_ratio) is not None for layer in measured.layers if not layer.never_updated)
    if not known or not measured.model.trains or asked.switch or switched(measured.layers):
        return ""
    if not any(layer.stored and not layer.never_updated for layer in measured.layers):
        return ""
    return (
        "Neither this distance nor ρ (the share of the variance that lies between samples) tells which norms change "
        "the output. Add --switch: one norm at a time then uses each sample's own statistics."
    )


def advice(measured: Measured) -> str:
    """Say what to do about stored statistics, where that is known; empty where nothing is to be done."""
    moved, off = _moved(measured), _off(measured)
    if not measured.model.trains:
        return _recompute(measured) if off and (not moved or _depends(measured)) else ""
    if not moved or not _depends(measured):
        return ""
    return f"What to do: {_compared(measured, off=off)} {_IN_A_NEW_TRAINING}"


def _compared(measured: Measured, *, off: bool) -> str:
    """Say what to compare on labelled cases: statistics of these samples only where the stored ones are others."""
    own = "each sample's own"
    stored = [layer for layer in measured.layers if layer.stored]
    if measured.model.framework == "pytorch" and all(layer.kind == "batch" for layer in stored):
        own += " (set running_mean and running_var of these norms to None, and predict one sample at a time)"
    start = "compare the network on labelled cases with its stored statistics"
    if not off:
        return f"{start} and with {own}."
    return f"{start}, with {own}, and with those of these samples (--save-statistics FILE writes them)."


def _recompute(measured: Measured) -> str:
    """Say what to do with statistics of a program that cannot be changed here."""
    return (
        f"What to do: compute the statistics anew with the code that {printable(measured.model.source)} was exported "
        "from (--save-statistics FILE does it layer by layer), and export again."
    )
