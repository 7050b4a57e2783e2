"""The curve as rows of text, shared by the formats that a person reads."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.batch_size.results import CurveChannel, CurvePoint, Simulated
from bnstat.renderers.numbers import UNDEFINED, number, ratio, share
from bnstat.reports.compare_batch_sizes import Comparison

HEADERS = (
    "batch size",
    "batches drawn",
    "mean noise",
    "variance shortfall",
    "variance CV",
    "eval variance",
    "train/eval gap",
)

RUN_HEADERS = (
    "batch size",
    "order",
    "running mean",
    "SD of mean",
    "running variance",
    "SD of variance",
    "train/eval gap",
)

# Channels that are shown unless all are asked for: those with the greatest share of variance between samples.
MOST_CHANNELS = 4


def chosen(comparison: Comparison, *, every: bool = False) -> list[int]:
    """Return the channels that are shown, in their order."""
    everyone = sorted(range(len(comparison.population)), key=lambda one: -(comparison.population[one].rho or 0.0))
    return sorted(everyone if every else everyone[:MOST_CHANNELS])


def cells(point: CurvePoint, channel: CurveChannel) -> list[str]:
    """Return one batch size of one channel, a text for each of `HEADERS`."""
    drawn = f"all {point.batches_drawn:,}" if point.complete else f"{point.batches_drawn:,}"
    return [
        f"{point.batch_size}{'*' if point.takes_all else ''}",
        drawn if channel.observed is not None else UNDEFINED,
        ratio(channel.mean_noise),
        share(channel.variance_shortfall),
        ratio(channel.variance_cv),
        ratio(channel.eval_output_variance),
        ratio(channel.train_eval_rms),
    ]


def variants(comparison: Comparison) -> list[tuple[str, list[CurvePoint]]]:
    """Return the further curves, each with its heading: batches of one group, synchronized ranks."""
    points = comparison.batch_sizes
    ranks = comparison.settings.ranks
    found = [
        ("Each batch from one group:", [point.one_group for point in points]),
        (
            f"{ranks} synchronized ranks (SyncBN), with the batch size of all ranks together:",
            [point.synchronized for point in points],
        ),
    ]
    kept = [(heading, [point for point in some if point is not None]) for heading, some in found]
    return [(heading, some) for heading, some in kept if some]


def runs(comparison: Comparison, channel: int) -> list[list[str]]:
    """Return simulated runs beside the closed form: a row for each size and order, a text for each `RUN_HEADERS`."""
    found = []
    for point in comparison.batch_sizes:
        one = point.channels[channel]
        if one.simulated is None:
            continue
        orders = [("shuffled", one.simulated.shuffled), ("independent", one.simulated.independent)]
        found += [_run(point.batch_size, name, run) for name, run in orders if run is not None]
        independent = one.simulated.independent
        found.append(
            [
                str(point.batch_size),
                "closed form",
                number(independent.expected_running_mean),
                number(one.running_mean_sd),
                number(independent.expected_running_variance),
                number(one.running_variance_sd),
                ratio(one.train_eval_rms),
            ]
        )
    return found


def _run(size: int, order: str, run: Simulated) -> list[str]:
    return [
        str(size),
        order,
        number(run.running_mean),
        number(run.running_mean_sd),
        number(run.running_variance),
        number(run.running_variance_sd),
        ratio(run.train_eval_rms),
    ]


def bars(values: Sequence[float | None], width: int = 10) -> list[str]:
    """Return a bar for each value, the greatest of full width."""
    most = max((value for value in values if value is not None), default=0.0)
    return [_bar((value or 0.0) / most if most else 0.0, width) for value in values]


def _bar(part: float, width: int) -> str:
    eighths = round(part * width * 8)
    return "█" * (eighths // 8) + ("" if eighths % 8 == 0 else "▏▎▍▌▋▊▉"[eighths % 8 - 1])
