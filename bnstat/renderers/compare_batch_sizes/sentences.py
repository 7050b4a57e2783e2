"""The sentences around the curve, shared by the formats that a person reads."""

from __future__ import annotations

from collections.abc import Collection

from bnstat.batch_size.confidence import fewest_of
from bnstat.batch_size.results import Forgetting, PopulationChannel, SampleGroup
from bnstat.renderers.numbers import mean_of, number, ratio, share, summed
from bnstat.reports.compare_batch_sizes import Comparison
from bnstat.text import plural, printable, samples_of

# Groups that are named.
MOST_GROUPS = 6

_POPULATIONS = {
    "finite": "taken as the whole population",
    "infinite": "taken as a random part of a larger population",
}


def title(comparison: Comparison) -> str:
    """Return what was compared, in a line."""
    layer = comparison.settings.layer
    population = _POPULATIONS[comparison.settings.population]
    epsilon = "no epsilon" if layer.epsilon is None else f"epsilon ε = {layer.epsilon:g}"
    return (
        f"{samples_of(len(comparison.samples), comparison.volumes)}, {population}; {_taken(comparison)}"
        f"batch norm as in {layer.framework.title} ({epsilon})"
    )


def _taken(comparison: Comparison) -> str:
    """Return how batches take patches; empty for whole volumes."""
    patches = comparison.settings.preparation.patches
    if patches is None:
        return ""
    return f"{plural(patches.per_volume, 'patch', 'patches')} of a volume in a batch; "


def tabled(comparison: Comparison) -> bool:
    """Return True if some channel has a table of batch sizes, which takes two samples."""
    return any(channel.between is not None for channel in comparison.population)


def split(comparison: Comparison, channel: PopulationChannel) -> str:
    """Return how the variance of a channel splits."""
    name = printable(comparison.title_of(channel.channel))
    if not channel.samples:
        return f"{name}: every sample has NaN or Inf, so it has no statistics"
    if channel.volumes is not None:
        return _patches(comparison, name, channel)
    if channel.between is None:
        return (
            f"{name}: variance {number(channel.within)} within its one sample. "
            "One sample cannot show the variance between samples, which a small batch misses; "
            f"give at least {fewest_of(comparison.settings.population)}."
        )
    mean = mean_of(channel.mean, channel.variance)
    variance, within, between = summed(channel.variance, channel.within, channel.between)
    counted = plural(channel.samples, "sample")
    return (
        f"{name}: mean {mean}, variance {variance}{_estimated(comparison, channel, counted)} = {within} within + "
        f"{between} between {counted} (share between samples ρ = {ratio(channel.rho)})"
    )


def _estimated(comparison: Comparison, channel: PopulationChannel, counted: str) -> str:
    """Return that the variance is that of a larger population, beside the variance of the values that were read."""
    if comparison.settings.population == "finite":
        return ""
    return f" (estimate for the larger population; these {counted} alone: {number(channel.merged_variance)})"


def _patches(comparison: Comparison, name: str, channel: PopulationChannel) -> str:
    """Return the same where samples are patches of volumes."""
    counted = samples_of(channel.samples, channel.volumes)
    mean = mean_of(channel.mean, channel.variance)
    if channel.between is None:
        variance, within, patches = summed(channel.variance, channel.within, channel.between_patches)
        return (
            f"{name}: variance {variance} = {within} within + {patches} between {counted}. "
            "One volume cannot show the variance between volumes, which a small batch misses; "
            f"give at least {fewest_of(comparison.settings.population)}."
        )
    variance, within, volumes, patches = summed(
        channel.variance, channel.within, channel.between_volumes, channel.between_patches
    )
    return (
        f"{name}: mean {mean}, variance {variance}{_estimated(comparison, channel, counted)} = {within} within + "
        f"{volumes} between volumes + {patches} between patches of a volume; {counted} "
        f"(share between them ρ = {ratio(channel.rho)})"
    )


def merged(comparison: Comparison, channel: int) -> str:
    """Return the population statistics beside the running ones, which settle elsewhere."""
    whole = comparison.population[channel]
    mean, variance = mean_of(whole.merged_mean, whole.merged_variance), number(whole.merged_variance)
    line = f'all values together ("precise BN", the statistics of the whole data set): mean {mean}, variance {variance}'
    known = [(point.batch_size, point.channels[channel]) for point in comparison.batch_sizes]
    settled = [(size, one) for size, one in known if one.running_variance is not None]
    if not settled:
        return line
    size, one = min(settled, key=lambda pair: pair[0])
    mean, variance = mean_of(one.running_mean, one.running_variance), number(one.running_variance)
    return f"{line}; running statistics at batch size {size} converge to mean {mean}, variance {variance}"


def grouped(comparison: Comparison, channel: PopulationChannel) -> str:
    """Return how much of the variance between samples lies between the groups."""
    named = ", ".join(f"{group.name} ({_size(group)})" for group in comparison.groups[:MOST_GROUPS])
    hidden = len(comparison.groups) - MOST_GROUPS
    more = f", … ({hidden} more)" if hidden > 0 else ""
    line = f"{plural(len(comparison.groups), 'group')}: {named}{more}"
    if channel.between_groups is None and channel.between is not None:
        one = "sample" if channel.volumes is None else "volume"
        return f"{line}; each has one {one}, which cannot show how {one}s of a group differ; give several"
    if channel.between_groups is None or not channel.between:
        return line
    part = share(min(channel.between_groups / channel.between, 1.0))
    between = "samples" if channel.volumes is None else "patches"
    return f"{line}; {part} of the variance between {between} lies between the groups"


def _size(group: SampleGroup) -> str:
    return str(group.samples) if group.volumes is None else samples_of(group.samples, group.volumes)


def runs_title(comparison: Comparison) -> str:
    """Return what was simulated."""
    settings = comparison.settings
    momentum = settings.layer.momentum
    average = "cumulative mean" if momentum is None else f"momentum {momentum:g}"
    return f"Running statistics after {plural(settings.steps or 0, 'simulated training step')} ({average}):"


def forgetting(comparison: Comparison) -> str:
    """Return how long the start of the running statistics counts: for this layer, and for the frameworks' own."""
    steps: dict[int | None, list[str]] = {}
    for one in comparison.forgetting:
        own = one.layer == comparison.settings.layer
        if own or one.layer.framework.name == one.layer.framework.maker:
            steps.setdefault(one.steps, []).append(_named(one))
    each = [
        f"{'never' if count is None else plural(count, 'step')} ({', '.join(dict.fromkeys(names))})"
        for count, names in steps.items()
    ]
    return f"Training steps until the initial running statistics weigh 1 % or less: {'; '.join(each)}."


def _named(one: Forgetting) -> str:
    """Return a framework's name, with the momentum where it is not the default."""
    framework, momentum = one.layer.framework, one.layer.momentum
    if momentum == framework.momentum:
        return framework.title
    return f"{framework.title} with a cumulative mean" if momentum is None else f"{framework.title} at {momentum:g}"


# What the columns mean, by their headers.
_MEANINGS = {
    "batches drawn": 'batches drawn: "all N" is every batch that these samples can make; otherwise N random ones',
    "mean noise": "mean noise: standard deviation (SD) of the batch mean from batch to batch, in SDs of the population",
    "variance shortfall": "variance shortfall: what the batch variance lacks on average of the population's variance",
    "variance CV": "variance CV: coefficient of variation, the SD of the batch variance over its mean, from the "
    "batches that were drawn",
    "eval variance": "eval variance: output variance in evaluation mode, under converged running statistics; 1 at best",
    "train/eval gap": "train/eval gap: root mean square (RMS) difference between the outputs in training and in "
    "evaluation mode, from the batches that were drawn",
}

# The same for a larger population, of which a sample stands for many.
_DRAWN_AGAIN = (
    'batches drawn: "all N" is every draw of these samples, one of which may be drawn several times, in every order; '
    "otherwise N random ones"
)


def footnotes(comparison: Comparison, headers: Collection[str] = tuple(_MEANINGS)) -> list[str]:
    """Return what the columns of these headers mean, a line each, and what a star means where there is one."""
    meanings = dict(_MEANINGS)
    if comparison.settings.population == "infinite":
        meanings["batches drawn"] = _DRAWN_AGAIN
    lines = [meaning for header, meaning in meanings.items() if header in headers]
    if any(channel.simulated for point in comparison.batch_sizes for channel in point.channels):
        lines += [
            "shuffled: epochs in random order; independent: each batch drawn at random; closed form: the average of "
            "independent runs by formula, with an SD of the running variance and a gap from the drawn batches"
        ]
    if any(point.takes_all for point in comparison.batch_sizes):
        lines.append("* a batch holds every sample, and has no noise for that reason alone")
    return lines
