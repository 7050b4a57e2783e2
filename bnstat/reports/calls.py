"""The layers to type: each framework's call that gives the statistics of another framework's layer."""

from __future__ import annotations

from bnstat.layers.settings import Settings
from bnstat.reports.compare_layers import ComparedLayer, LayerCall, LayerComparison


def calls_of(comparison: LayerComparison) -> tuple[LayerCall, ...]:
    """Return for each other framework the call that gives the statistics of the first; of two, also the reverse.

    ε is that of the first layer, and the momentum gives a batch the same weight in the running statistics. A running
    variance that is unbiased stays so, because no argument changes that.
    """
    first, *others = comparison.entries
    if comparison.by != "frameworks" or not comparison.order or first.report.settings.kind == "weight-init":
        return ()
    found = [_call(entry, first, comparison) for entry in others]
    if len(others) == 1:
        found.append(_call(first, others[0], comparison))
    calls: dict[str, LayerCall] = {}
    for call in found:  # presets of one maker are often one call
        if call is not None:
            calls.setdefault(call.call, call)
    return tuple(calls.values())


def _call(entry: ComparedLayer, like: ComparedLayer, comparison: LayerComparison) -> LayerCall | None:
    """Return the call for one framework with the settings of another; None if that has no ε, or one that it refuses."""
    settings, epsilon = entry.report.settings, like.report.settings.epsilon
    if epsilon is None or settings.framework.refusal_of(epsilon) is not None:
        return None
    batch = comparison.reference.report.batches[0]
    text = settings.framework.typed(
        batch.input_shape,
        batch.axis,
        epsilon=epsilon,
        momentum=_momentum(settings, like.report.settings),
        groups=settings.groups,
        renorm=True if settings.kind == "renorm" else None,
    )
    return LayerCall(entry.name, like.name, text)


def _momentum(settings: Settings, like: Settings) -> float | None:
    """Return the momentum with which a batch weighs as much as in another layer; None if that is unknown."""
    weight = None if like.momentum is None else like.framework.batch_weight(like.momentum)
    if weight is None or not like.keeps_running:
        return None
    return weight if settings.framework.momentum_weighs == "batch" else 1.0 - weight
