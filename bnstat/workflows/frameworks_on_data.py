"""What each framework would make of batches that were checked: from the same table, without a second reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from bnstat.layers.bounded import bounded_parts
from bnstat.layers.frameworks import Framework, having
from bnstat.layers.results import Batch, Channel, Group, Prediction
from bnstat.layers.settings import Settings
from bnstat.reading.rows import Rows
from bnstat.reading.table import Table
from bnstat.reports.full.frameworks import FrameworkOnData, FrameworksOnData, Outcome, WorstPart
from bnstat.reports.inspect import Report
from bnstat.rules.arithmetic.remedies import deviation
from bnstat.workflows.inspect import as_loaded

# Channels of batches, or groups, for which each framework is asked. Each takes about half a millisecond; beyond these,
# only those that matter are asked about.
MOST_PARTS = 120

_Placed = tuple[Batch, Channel | Group]


def frameworks_on_data(table: Table, report: Report, limit: float) -> FrameworksOnData | None:
    """Return what each framework with such a layer makes of the batches of a report; None if that has no meaning.

    The framework of the report has the report's ε and momentum, and its own sums if they were repeated. The others have
    their defaults, and bounds.

    Args:
        table: whose rows were checked.
        report: what `inspect` says of the batches.
        limit: the greatest share by which a variance may be off and still counts as accurate.
    """
    settings = report.settings
    if not report.batches or settings.kind == "weight-init":  # which is no layer of any framework
        return None
    rows = as_loaded(table, settings).rows
    every = [(batch, part) for batch in report.batches for part in batch.parts]
    chosen = every if len(every) <= MOST_PARTS else _that_matter(every)
    found = []
    for preset in _presets(settings):
        used = preset == settings.framework
        asked = settings if used else _defaults(settings, preset)
        placed = every if used else chosen
        predicted = [part.prediction for _, part in every] if used else _bounds(chosen, rows, asked)
        found.append(_row(asked, list(zip(placed, predicted, strict=True)), limit, every=every, used=used))
    return FrameworksOnData(rows=tuple(found), limit=limit, parts=len(every), looked_at=len(chosen))


def _presets(settings: Settings) -> Sequence[Framework]:
    """Return the presets of such a layer, that of the report among them."""
    known = having(settings.kind)
    return known if settings.framework in known else [settings.framework, *known]


def _defaults(settings: Settings, preset: Framework) -> Settings:
    """Return the same batches for another preset, with its own ε and momentum, and bounds in place of repeated sums."""
    return replace(settings, framework=preset, epsilon=preset.epsilon, momentum=preset.momentum, emulate=False)


def _bounds(placed: Sequence[_Placed], rows: Rows, settings: Settings) -> list[Prediction | None]:
    if settings.kind == "rms":  # not measured
        return [None] * len(placed)
    return bounded_parts(placed, rows.types, settings)


# --- Which channels of batches matter -----------------------------------------------------------------------------


def _that_matter(every: Sequence[_Placed]) -> list[_Placed]:
    """Return, for each channel or group of channels, the batches in which float32 is worst, and the one in the middle.

    Bounds grow with the condition number, the number of values and their size; a variance that is small beside ε, or
    0, is where a negative one may become NaN.
    """
    by_channel: dict[tuple[int, ...], list[_Placed]] = {}
    for batch, part in every:
        channels = part.channels if isinstance(part, Group) else (part.channel,)
        by_channel.setdefault(channels, []).append((batch, part))
    return [one for some in by_channel.values() for one in _extremes(some)]


def _extremes(some: Sequence[_Placed]) -> list[_Placed]:
    """Return the batches of one channel that stand at an end, or in the middle, in their order."""
    parts = [part for _, part in some]
    condition = [part.condition_number or 0.0 for part in parts]
    figures = (
        condition,
        [-(part.variance or inf) for part in parts],
        [float(part.count) for part in parts],
        [_magnitude(part) for part in parts],
        [_magnitude(part) if part.constant else -1.0 for part in parts],
    )
    places = {figure.index(max(figure)) for figure in figures}
    order = sorted(range(len(some)), key=condition.__getitem__)
    return [some[at] for at in sorted({*places, order[len(order) // 2]})]


def _magnitude(part: Channel | Group) -> float:
    return max(abs(part.minimum or 0.0), abs(part.maximum or 0.0))


# --- One framework ------------------------------------------------------------------------------------------------


def _row(
    asked: Settings,
    predicted: Sequence[tuple[_Placed, Prediction | None]],
    limit: float,
    *,
    every: Sequence[_Placed],
    used: bool,
) -> FrameworkOnData:
    """Return one framework, judged by its worst channel."""
    preset, refusal = asked.framework, _refusal(asked, every)
    known = [(placed, one) for placed, one in predicted if one is not None]
    worst = _worst(known, asked, limit)
    return FrameworkOnData(
        name=preset.name,
        title=preset.title,
        maker=preset.maker,
        in_use=used,
        epsilon=asked.epsilon,
        momentum=asked.momentum,
        momentum_weighs=preset.momentum_weighs if asked.keeps_running else None,
        batch_weight=None if asked.momentum is None else preset.batch_weight(asked.momentum),
        running_variance=preset.running_variance if asked.keeps_running else None,
        outcome="refuses" if refusal is not None else _outcome(known, worst, limit),
        repeated=bool(known) and all(one.kind == "emulated" for _, one in known),
        refusal=refusal,
        worst=worst,
    )


def _refusal(asked: Settings, every: Sequence[_Placed]) -> str | None:
    """Return the error that the layer raises for some of these batches; None if it trains on all."""
    if asked.epsilon_refusal is not None:
        return asked.epsilon_refusal
    sizes = {(part.count, len(batch.samples)) for batch, part in every}
    if asked.framework.refusal is None or not any(asked.refuses(*size) for size in sizes):
        return None
    return asked.framework.refusal.format(shape="[…]")


def _worst(known: Sequence[tuple[_Placed, Prediction]], asked: Settings, limit: float) -> WorstPart | None:
    """Return where the layer's variance is furthest beyond its limit; that of a constant is ε, not a share of 0."""
    found: list[tuple[float, WorstPart]] = []
    for (batch, part), one in known:
        off = deviation(part if part.prediction is one else replace(part, prediction=one), asked.added)
        if one.judged is None or part.variance is None:
            continue
        low, high = one.judged
        if off is None:  # a constant without an ε to compare with
            if (low, high) != (0.0, 0.0):
                continue
            off = 0.0
        beyond = off / limit if part.variance and limit else off
        found.append((beyond, WorstPart(batch.index, part.place, part.variance, low, high, off)))
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _outcome(known: Sequence[tuple[_Placed, Prediction]], worst: WorstPart | None, limit: float) -> Outcome:
    if any(one.nan_possible for _, one in known):
        return "nan_possible"
    if any(one.judged is None for _, one in known):
        return "may_be_off"
    if worst is None:
        return "unknown"
    if worst.off <= (limit if worst.variance else 1.0):
        return "accurate"
    certain = worst.low == worst.high
    return "off" if certain else "may_be_off"
