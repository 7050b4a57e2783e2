"""The curve over batch sizes: what batches of each size have, channel by channel, from the samples of all channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bnstat.batch_size.closed_form import share
from bnstat.batch_size.cohort_batches import CohortBatches, batches_of
from bnstat.batch_size.columns import rows_of
from bnstat.batch_size.results import Composition, CurveChannel, CurvePoint, LayerChannel, LayerCurve
from bnstat.batch_size.samples import Cohort, Grouping
from bnstat.batch_size.settings import CompareSettings
from bnstat.batch_size.simulation import simulated


def curves(
    cohorts: Sequence[Cohort], sizes: Sequence[int], settings: CompareSettings, grouping: Grouping
) -> tuple[tuple[CurvePoint, ...], tuple[LayerCurve, ...]]:
    """Return the curve over batch sizes, and the part of it that depends on the layer for each other layer.

    Args:
        cohorts: the samples of all channels.
        sizes: batch sizes, of one rank.
        settings: layers, ranks, population, number of draws and steps.
        grouping: the group of each sample, for batches of one group; None without groups.
    """
    points, others = [], []
    for size in sizes:
        mixed = _point(cohorts, size, settings, "mixed")
        one_group, synchronized = _one_group(cohorts, size, settings, grouping), _synchronized(cohorts, size, settings)
        points.append(replace(mixed.point, one_group=one_group, synchronized=synchronized))
        others.append(mixed.others)
    layers = [LayerCurve(layer, tuple(one[place] for one in others)) for place, layer in enumerate(settings.others)]
    return tuple(points), tuple(layers)


def together(cohorts: Sequence[Cohort], size: int, ranks: int, settings: CompareSettings) -> CurvePoint:
    """Return one point: batches of so many samples, of all ranks together."""
    return _point(cohorts, size, settings, "mixed", ranks=ranks).point


def _synchronized(cohorts: Sequence[Cohort], size: int, settings: CompareSettings) -> CurvePoint | None:
    """Return the batches of all ranks taken as one; None without ranks, or if there are too few samples."""
    ranks, size_of_all = settings.ranks, size * settings.ranks
    fits = settings.population == "infinite" or any(
        cohort.taken(size_of_all, ranks) <= cohort.independent for cohort in cohorts
    )
    if ranks == 1 or not fits:
        return None
    return _point(cohorts, size_of_all, replace(settings, others=()), "synchronized", ranks=ranks).point


def _one_group(
    cohorts: Sequence[Cohort], size: int, settings: CompareSettings, grouping: Grouping
) -> CurvePoint | None:
    """Return batches of one group each; None without groups, or if none is so large."""
    if grouping is None:
        return None
    point = _point(cohorts, size, replace(settings, steps=None, others=()), "one_group", grouping).point
    return point if point.batches_drawn else None


@dataclass(frozen=True)
class _PointOfLayers:
    """A point of the curve, and for each other layer its channels."""

    point: CurvePoint
    others: tuple[tuple[LayerChannel, ...], ...]


def _point(
    cohorts: Sequence[Cohort],
    size: int,
    settings: CompareSettings,
    composition: Composition,
    grouping: Grouping = None,
    ranks: int = 1,
) -> _PointOfLayers:
    """Return what batches of one size have in all channels."""
    channels: list[CurveChannel] = []
    others: list[list[LayerChannel]] = [[] for _ in settings.others]
    drawn = []
    for cohort in cohorts:
        batches = batches_of(cohort, size, settings, grouping, ranks)
        if batches is None:
            channels += _without_batches(cohort, size)
            for listed in others:
                listed.extend(LayerChannel(channel) for channel in cohort.channels)
            continue
        drawn.append(batches.drawn)
        channels += _curve_channels(batches, settings)
        for layer, listed in zip(settings.others, others, strict=True):
            listed.extend(batches.layer_channels(layer))

    # A batch of every sample has no noise for that reason; of patches only if a volume has no more than a batch takes.
    samples = max((cohort.samples for cohort in cohorts), default=0)
    takes_all = settings.population == "finite" and size == samples and composition != "one_group"
    point = CurvePoint(
        batch_size=size,
        composition=composition,
        batches_drawn=max((len(one.means) for one in drawn), default=0),
        complete=bool(drawn) and all(one.complete for one in drawn),
        takes_all=takes_all,
        channels=tuple(sorted(channels, key=lambda one: one.channel)),
    )
    return _PointOfLayers(point, tuple(tuple(sorted(one, key=lambda channel: channel.channel)) for one in others))


def _without_batches(cohort: Cohort, size: int) -> Iterable[CurveChannel]:
    """Return channels with too few samples for any batch; one sample that is a batch by itself has its variance."""
    values: Sequence[float | None] = [None] * len(cohort.channels)
    if cohort.independent == size == 1:
        values = cohort.batches("finite", 1).within.tolist()
    return [
        CurveChannel(channel, expected_variance=value) for channel, value in zip(cohort.channels, values, strict=True)
    ]


def _curve_channels(batches: CohortBatches, settings: CompareSettings) -> list[CurveChannel]:
    """Return the channels of one cohort: closed form, drawn batches, the layer and simulated runs side by side."""
    form = batches.form
    columns = {
        "expected_variance": form.variance,
        "variance_shortfall": form.shortfall,
        "mean_sd": form.mean_sd,
        "mean_noise": form.mean_noise,
        "variance_cv": share(batches.spread, form.variance),
    }
    return [
        CurveChannel(channel, **row, **layer, observed=seen, simulated=runs)
        for channel, row, layer, seen, runs in zip(
            batches.cohort.channels,
            rows_of(columns),
            batches.rows(settings.layer),
            batches.observed(settings.layer),
            simulated(batches, settings),
            strict=True,
        )
    ]
