"""Which layers of a network pay for stored statistics, and what to do: the end of the verdict of `bnstat layers`."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.networks.results import Measured
from bnstat.networks.settings import Measuring
from bnstat.report.layers_words import Figured, fits, middle, name, payers, percent, span, switched
from bnstat.report.limits import NETWORK_LIMITS
from bnstat.text import joined, printable

_IN_A_NEW_TRAINING = (
    "In a new training, use instance or group norm, which normalize alike in both modes, or freeze the stored "
    "statistics for the last epochs, so that training normalizes as inference does."
)

# Layers that are named with their share before the rest is counted.
_MOST_PAYERS = 4


def on_payers(measured: Measured, asked: Measuring) -> str:
    """Say how much of the output changes if layers use each sample's own statistics, or how to find out."""
    stored = [layer for layer in measured.layers if layer.stored]
    if all(layer.never_updated for layer in stored):  # what untrained statistics do to the output says nothing
        return ""
    moved = switched(measured.layers)
    if not moved:
        return _not_switched(measured, asked)
    paying = payers(measured.layers)
    others = moved[len(paying) :]
    texts = (
        _paying(paying, measured) if paying else _none_pays(moved, measured),
        _others(others) if paying and others else "",
        _together(measured) if len(moved) > 1 or asked.layers else "",
    )
    return " ".join(text for text in texts if text)


def _not_switched(measured: Measured, asked: Measuring) -> str:
    """Say how to learn which layers pay; empty where that cannot be measured, or where no layer has a figure."""
    known = any(middle(layer.variance_ratio) is not None for layer in measured.layers if not layer.never_updated)
    if not known or not measured.model.trains or asked.switch:
        return ""
    return (
        "Neither ρ nor the distance of stored statistics tells which layers pay for them. Add --switch: one layer at a "
        "time then uses each sample's own statistics, and the share of the output that changes is measured."
    )


def _paying(paying: Sequence[Figured], measured: Measured) -> str:
    """Name the layers that pay, with the share of the output that each changes."""
    shares = [f"{name(layer)} ({percent(share)})" for layer, share in paying[:_MOST_PAYERS]]
    rest = paying[_MOST_PAYERS:]
    if rest:
        shares.append(f"{len(rest):,} more ({span([share for _, share in rest], percent)})")
    verb = "pays" if len(paying) == 1 else "pay"
    if measured.output == "classes":
        much = "so much of the output gets another class"
    else:
        much = "the output changes by so much (relative RMS)"
    return f"{joined(shares)} {verb} for stored statistics: {much} if that layer alone uses each sample's own."


def _none_pays(moved: Sequence[Figured], measured: Measured) -> str:
    """Say that every layer stays within the limit, and which comes closest to it."""
    layer, most = moved[0]
    classes = measured.output == "classes"
    start = "No layer pays for stored statistics: if one alone uses each sample's own,"
    if most == 0:
        return f"{start} {'no place of the output gets another class' if classes else 'the output stays the same'}."
    nearest = f"most at {name(layer)}; limit {percent(NETWORK_LIMITS.moved)}"
    if classes:
        return f"{start} {percent(most)} of the output or less gets another class ({nearest})."
    return f"{start} the output changes by {percent(most)} or less (relative RMS; {nearest})."


def _others(others: Sequence[Figured]) -> str:
    shares = span([share for _, share in others], percent)
    return f"For {'the other one' if len(others) == 1 else f'each of the other {len(others):,}'} it is {shares}."


def _together(measured: Measured) -> str:
    """Say how much changes with all layers switched at once; empty if it is not known."""
    if measured.output_moved is None:
        return ""
    return f"With all norms of the network that store statistics at once it is {percent(measured.output_moved)}."


def advice(measured: Measured) -> str:
    """Say what to do about stored statistics, where that is known; empty where nothing is stored."""
    stored = [layer for layer in measured.layers if layer.stored and not layer.never_updated]
    if not stored:
        return ""
    paying = bool(payers(measured.layers)) or (measured.output_moved or 0.0) > NETWORK_LIMITS.moved
    off = not all(fits(layer) for layer in stored)
    if not measured.model.trains:
        return _recompute(measured) if off else ""
    if not switched(measured.layers):
        return ""
    if not paying:
        return (
            "The stored statistics are off, but can stay: the output hardly changes."
            if off
            else "The stored statistics can stay."
        )
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
    return (
        f"{start}, with {own}, and with those of these samples, computed layer by layer (--save-statistics FILE writes "
        "them, ready to load)."
    )


def _recompute(measured: Measured) -> str:
    """Say what to do with statistics of a program that cannot be changed here."""
    return (
        f"What to do: compute the statistics anew with the code that {printable(measured.model.source)} was exported "
        "from (--save-statistics FILE does it layer by layer), and export again."
    )
