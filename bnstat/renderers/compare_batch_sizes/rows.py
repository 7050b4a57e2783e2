"""The curve as rows of text, and the sentences around it: shared by the formats that a person reads."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.batch_size.published import GROUP_NORM_PAPER
from bnstat.batch_size.results import CurveChannel, CurvePoint, Forgetting, PopulationChannel, SampleGroup, Simulated
from bnstat.renderers import text
from bnstat.report.compare_batch_sizes import Comparison
from bnstat.text import plural, samples_of

HEADERS = ("batch size", "batches", "noise of mean", "shortfall", "variance cv", "eval variance", "train/eval gap")

RUN_HEADERS = ("batch size", "order", "running mean", "its noise", "running variance", "its noise", "train/eval gap")

# Groups that are named.
MOST_GROUPS = 6

# Channels that are shown unless all are asked for: those with the greatest share of variance between samples.
MOST_CHANNELS = 4

# The published error of one network on other data: context, and no proof of anything about these.
CONTEXT = f"For context: {GROUP_NORM_PAPER}. Those are other data."


def title(comparison: Comparison) -> str:
    """What was compared, in a line."""
    layer = comparison.settings.layer
    kind = "all there are" if comparison.settings.population == "finite" else "some of a larger set"
    epsilon = "no ε" if layer.epsilon is None else f"ε {layer.epsilon:g}"
    return (
        f"{samples_of(len(comparison.samples), comparison.volumes)}, taken for {kind}; {_taken(comparison)}"
        f"batch norm as in {layer.framework.title} ({epsilon})"
    )


def _taken(comparison: Comparison) -> str:
    """How batches take patches; nothing of whole volumes."""
    patches = comparison.settings.preparation.patches
    if patches is None:
        return ""
    return f"{plural(patches.per_volume, 'patch', 'patches')} of a volume in a batch; "


def chosen(comparison: Comparison, *, every: bool = False) -> list[int]:
    """The channels that are shown, in their order."""
    everyone = sorted(range(len(comparison.population)), key=lambda one: -(comparison.population[one].rho or 0.0))
    return sorted(everyone if every else everyone[:MOST_CHANNELS])


def split(comparison: Comparison, channel: PopulationChannel) -> str:
    """How the variance of a channel splits."""
    title = text.printable(comparison.title_of(channel.channel))
    if not channel.samples:
        return f"{title}: no sample without NaN or Inf"
    if channel.volumes is not None:
        return _patches(title, channel)
    if channel.between is None:
        return (
            f"{title}: variance {text.number(channel.within, 6)} within its one sample; "
            "one sample says nothing about the variance between samples, which is what a small batch loses"
        )
    mean, variance, within, between = (
        text.number(value, 6) for value in (channel.mean, channel.variance, channel.within, channel.between)
    )
    return (
        f"{title}: mean {mean}, variance {variance} = {within} within + {between} between "
        f"{plural(channel.samples, 'sample')} (ρ {ratio(channel.rho)})"
    )


def _patches(title: str, channel: PopulationChannel) -> str:
    """The same where samples are patches of volumes."""
    counted = samples_of(channel.samples, channel.volumes)
    mean, variance, within, volumes, patches = (
        text.number(value, 6)
        for value in (channel.mean, channel.variance, channel.within, channel.between_volumes, channel.between_patches)
    )
    if channel.between is None:
        return (
            f"{title}: variance {variance} = {within} within + {patches} between {counted}; "
            "one volume says nothing about the variance between volumes, which is what a small batch loses"
        )
    return (
        f"{title}: mean {mean}, variance {variance} = {within} within + {volumes} between volumes + "
        f"{patches} between patches of a volume; {counted} (ρ {ratio(channel.rho)})"
    )


def cells(point: CurvePoint, channel: CurveChannel) -> list[str]:
    """One batch size of one channel, a text for each header."""
    drawn = f"all {point.batches_drawn:,}" if point.complete else f"{point.batches_drawn:,}"
    return [
        f"{point.batch_size}{'*' if point.takes_all else ''}",
        drawn if channel.observed is not None else text.UNDEFINED,
        ratio(channel.mean_noise),
        text.share(channel.variance_shortfall),
        ratio(channel.variance_cv),
        ratio(channel.eval_output_variance),
        ratio(channel.train_eval_rms),
    ]


def ratio(value: float | None) -> str:
    """A number to be read against 1."""
    return text.UNDEFINED if value is None else f"{value:.3f}"


def merged(comparison: Comparison, channel: int) -> str:
    """Population statistics beside the running ones, which settle elsewhere."""
    whole = comparison.population[channel]
    mean, variance = (text.number(value, 6) for value in (whole.merged_mean, whole.merged_variance))
    line = f'all values together ("precise BN"): mean {mean}, variance {variance}'
    known = [(point.batch_size, point.channels[channel]) for point in comparison.batch_sizes]
    settled = [(size, one) for size, one in known if one.running_variance is not None]
    if not settled:
        return line
    size, one = min(settled, key=lambda pair: pair[0])
    running = (text.number(value, 6) for value in (one.running_mean, one.running_variance))
    return f"{line}; running statistics at batch size {size} settle at mean {{}}, variance {{}}".format(*running)


def grouped(comparison: Comparison, channel: PopulationChannel) -> str:
    """How much of the variance between samples lies between the groups."""
    named = ", ".join(f"{group.name} ({_size(group)})" for group in comparison.groups[:MOST_GROUPS])
    hidden = len(comparison.groups) - MOST_GROUPS
    more = f", … ({hidden} more)" if hidden > 0 else ""
    line = f"{plural(len(comparison.groups), 'group')}: {named}{more}"
    if channel.between_groups is None or not channel.between:
        return line
    part = text.share(min(channel.between_groups / channel.between, 1.0))
    between = "samples" if channel.volumes is None else "patches"
    return f"{line}; between them lies {part} of the variance between {between}"


def _size(group: SampleGroup) -> str:
    return str(group.samples) if group.volumes is None else samples_of(group.samples, group.volumes)


def variants(comparison: Comparison) -> list[tuple[str, list[CurvePoint]]]:
    """The further curves, each with its heading: batches of one group, synchronized ranks."""
    points = comparison.batch_sizes
    ranks = comparison.settings.ranks
    found = [
        ("each batch from one group:", [point.one_group for point in points]),
        (f"{ranks} synchronized ranks, batch size over all of them:", [point.synchronized for point in points]),
    ]
    kept = [(heading, [point for point in some if point is not None]) for heading, some in found]
    return [(heading, some) for heading, some in kept if some]


def runs(comparison: Comparison, channel: int) -> list[list[str]]:
    """Simulated runs beside the closed form: a row for each size and order, a text for each of RUN_HEADERS."""
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
                text.number(independent.expected_running_mean, 6),
                text.number(one.running_mean_sd, 3),
                text.number(independent.expected_running_variance, 6),
                text.number(one.running_variance_sd, 3),
                ratio(one.train_eval_rms),
            ]
        )
    return found


def _run(size: int, order: str, run: Simulated) -> list[str]:
    return [
        str(size),
        order,
        text.number(run.running_mean, 6),
        text.number(run.running_mean_sd, 3),
        text.number(run.running_variance, 6),
        text.number(run.running_variance_sd, 3),
        ratio(run.train_eval_rms),
    ]


def runs_title(comparison: Comparison) -> str:
    """What was simulated."""
    settings = comparison.settings
    momentum = settings.layer.momentum
    average = "cumulative mean" if momentum is None else f"momentum {momentum:g}"
    return f"buffers after {plural(settings.steps or 0, 'step')} of real batches, {average}"


def forgetting(comparison: Comparison) -> str:
    """How long the start of the running statistics is remembered: by this layer, and by the makers' own."""
    steps: dict[int | None, list[str]] = {}
    for one in comparison.forgetting:
        own = one.layer == comparison.settings.layer
        if own or one.layer.framework.name == one.layer.framework.maker:
            steps.setdefault(one.steps, []).append(_named(one))
    each = [
        f"{'never' if number is None else plural(number, 'step')} ({', '.join(dict.fromkeys(names))})"
        for number, names in steps.items()
    ]
    return f"Running statistics remember their start; it weighs 1 % or less after {'; '.join(each)}."


def _named(one: Forgetting) -> str:
    """A framework's name, with the momentum where it is not the default."""
    framework, momentum = one.layer.framework, one.layer.momentum
    if momentum == framework.momentum:
        return framework.title
    return f"{framework.title} with a cumulative mean" if momentum is None else f"{framework.title} at {momentum:g}"


def footnotes(comparison: Comparison) -> list[str]:
    """What the columns mean, and what a star means where there is one."""
    lines = [
        "noise: SD of the batch mean in SDs of the values; shortfall: what the batch variance lacks of that of all "
        "values; gap: RMS difference between training and evaluation output"
    ]
    if any(point.takes_all for point in comparison.batch_sizes):
        lines.append("* takes every sample: without noise for that reason alone")
    return lines


def advice(comparison: Comparison) -> str:
    """The recommendation as a sentence with its range, and what it speaks of."""
    found = comparison.recommendation
    if found is None:
        return ""
    reason = found.reason[0].upper() + found.reason[1:]
    span = ""
    if found.least is not None:
        most = "more than was compared" if found.most is None else str(found.most)
        span = f" Other cohorts of this size would say {found.least} to {most}."
    layer = {"input": "the network's input", "array": "these saved values"}[found.applies_to]
    ranks = comparison.settings.ranks
    together = f" With {ranks} synchronized ranks, {found.synchronized} a rank would do." if found.synchronized else ""
    return f"{reason}.{span}{together} This speaks of a batch-norm layer applied to {layer}."


def bars(values: Sequence[float | None], width: int = 10) -> list[str]:
    """A bar for each value, the greatest of full width."""
    most = max((value for value in values if value is not None), default=0.0)
    return [_bar((value or 0.0) / most if most else 0.0, width) for value in values]


def _bar(part: float, width: int) -> str:
    eighths = round(part * width * 8)
    return "█" * (eighths // 8) + ("" if eighths % 8 == 0 else "▏▎▍▌▋▊▉"[eighths % 8 - 1])
