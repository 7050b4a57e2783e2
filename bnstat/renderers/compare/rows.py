"""The curve as rows of text, and the sentences around it: shared by the formats that a person reads."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.renderers import text
from bnstat.report import Comparison, CurveChannel, CurvePoint, PopulationChannel
from bnstat.wording import plural

HEADERS = ("batch size", "batches", "noise of mean", "shortfall", "variance cv", "eval variance", "train/eval gap")

# Channels that are shown unless all are asked for: those with the greatest share of variance between samples.
MOST_CHANNELS = 4

# The published error of one network on other data: context, and no proof of anything about these.
CONTEXT = (
    "For context: ResNet-50 on ImageNet had 23.6, 23.7, 24.8, 27.3 and 34.7 % error with batch norm at 32, 16, 8, 4 "
    "and 2 images a GPU, and 24.0 to 24.2 % with group norm (arXiv 1803.08494). Those are other data."
)


def title(comparison: Comparison) -> str:
    """What was compared, in a line."""
    settings = comparison.settings
    kind = "all there are" if settings.population == "finite" else "some of a larger set"
    return (
        f"{plural(len(comparison.samples), 'sample')}, taken for {kind}; "
        f"batch norm as in {settings.framework.title} (ε {settings.epsilon:g})"
    )


def chosen(comparison: Comparison, *, every: bool = False) -> list[int]:
    """The channels that are shown, in their order."""
    everyone = sorted(range(len(comparison.population)), key=lambda one: -(comparison.population[one].rho or 0.0))
    return sorted(everyone if every else everyone[:MOST_CHANNELS])


def split(channel: PopulationChannel) -> str:
    """How the variance of a channel splits."""
    if not channel.samples:
        return f"channel {channel.channel}: no sample without NaN or Inf"
    if channel.between is None:
        return (
            f"channel {channel.channel}: variance {text.number(channel.within, 6)} within its one sample; "
            "one sample says nothing about the variance between samples, which is what a small batch loses"
        )
    mean, variance, within, between = (
        text.number(value, 6) for value in (channel.mean, channel.variance, channel.within, channel.between)
    )
    return (
        f"channel {channel.channel}: mean {mean}, variance {variance} = {within} within + {between} between "
        f"{plural(channel.samples, 'sample')} (ρ {ratio(channel.rho)})"
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


def forgetting(comparison: Comparison) -> str:
    """How long the start of the running statistics is remembered, and how noisy the running mean stays."""
    settings = comparison.settings
    if comparison.steps_to_forget is None:
        return f"At momentum {settings.momentum:g} the running statistics never leave their start of 0 and 1."
    return (
        f"Running statistics start from 0 and 1: at momentum {settings.momentum:g} that still weighs 1 % after "
        f"{plural(comparison.steps_to_forget, 'step')}."
    )


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
    return f"{reason}.{span} This speaks of a batch-norm layer applied to {layer}."


def bars(values: Sequence[float | None], width: int = 10) -> list[str]:
    """A bar for each value, the greatest of full width."""
    most = max((value for value in values if value is not None), default=0.0)
    return [_bar((value or 0.0) / most if most else 0.0, width) for value in values]


def _bar(part: float, width: int) -> str:
    eighths = round(part * width * 8)
    return "█" * (eighths // 8) + ("" if eighths % 8 == 0 else "▏▎▍▌▋▊▉"[eighths % 8 - 1])
