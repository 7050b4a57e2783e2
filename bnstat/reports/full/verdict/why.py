"""Why a batch size is enough or not, for a reader who does not know batch norm, with the numbers of these volumes."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from bnstat.batch_size.results import CurveChannel, CurvePoint, Recommendation
from bnstat.escapes import NO_BREAK_SPACE
from bnstat.reports.full.verdict.answers import Answers
from bnstat.reports.full.verdict.on_batch_size import percent_of, point_of, recommended, sizes_without
from bnstat.text import beyond, joined, listed, number, printable

# The groups that a sentence names.
_MOST_GROUPS = 4


def why(answers: Answers) -> tuple[str, ...]:
    """Return what batch norm is, and why the batch size is enough or not in these data."""
    here, others = "Here", sizes_without(answers)
    if others is not None:
        here, answers = f"Without {answers.left_out_in_short},", others
    found = recommended(answers)
    if found is None or answers.labels.everywhere:
        return ()
    if found.channel is None:
        return (WHAT_IT_IS,)
    return tuple(
        filter(
            None,
            (WHAT_IT_IS, _why(answers, found, here), _kinds(answers), _figures(answers, found), _sure(answers, found)),
        )
    )


# What batch norm does, for a reader who does not know it.
WHAT_IT_IS = (
    "Batch norm (batch normalization) is a layer of a network. In training it takes a few volumes together, a batch. "
    "From the values of each channel it subtracts their mean over the batch, and it divides them by their standard "
    "deviation (SD) over the batch. After training it uses averages of these means and SDs instead. Where volumes "
    "differ, the mean of a small batch depends on which volumes it happens to have, so the output in training differs "
    "from the output after it."
)


def _why(answers: Answers, found: Recommendation, here: str) -> str:
    """Return how much volumes differ in the channel that decides, in a sentence that begins with these words."""
    channel = found.channel or 0
    means = [one.channels[channel].mean for one in answers.volumes if channel < len(one.channels)]
    known = [mean for mean in means if mean is not None]
    parts = () if answers.comparison is None else answers.comparison.population
    rho = next((one.rho for one in parts if one.channel == channel), None)
    if rho is None or len(known) < 2:
        return ""
    where = f" in {answers.title_of(channel)}" if answers.channels > 1 else ""
    between = "differences between the volumes" if answers.word == "volume" else "differences between the samples"
    mean_of = f"a {answers.word}"
    if answers.patched:
        between, mean_of = "differences between the patches", "the patches of a volume"
    share = f"{number(100 * max(rho, 0.0), 3)}{NO_BREAK_SPACE}%"
    low, high = number(min(known)), number(max(known))
    lies = f"is about {low}" if low == high else f"lies between {low} and {high}"
    return (
        f"{here} the mean of {mean_of} {lies}{where}, and {between} "
        f"make up {share} of the variance (the square of the SD) of all values.{_by_group(answers, channel)}"
    )


def _kinds(answers: Answers) -> str:
    """Return that the volumes are of two kinds, and how these differ; empty if they are of one kind."""
    kinds = answers.kinds
    if kinds is None:
        return ""
    where = f" in {answers.title_of(kinds.channel)}" if answers.channels > 1 else ""
    low, high = number(kinds.low), number(kinds.high)
    share = f"{number(100 * kinds.share, 3)}{NO_BREAK_SPACE}%"
    if kinds.groups is None:
        these = (
            f"{len(kinds.lower):,} have means near {low}{where}, and {len(kinds.upper):,} near {high}, as of "
            "two scanners or two units"
        )
    else:
        names = [printable(name) for name in kinds.groups]
        these = (
            f"the {len(kinds.lower):,} of {names[0]} have means near {low}{where}, and the {len(kinds.upper):,} "
            f"of {names[1]} near {high}"
        )
    return (
        f"The {answers.word}s are of two kinds: {these}. Most of the differences lie between them: {share} of the "
        f"variance of the means of the {answers.word}s."
    )


def _by_group(answers: Answers, channel: int) -> str:
    """Return how much of the differences lies between groups; empty without groups."""
    comparison = answers.comparison
    part = None if comparison is None else next((one for one in comparison.population if one.channel == channel), None)
    if comparison is None or part is None or part.between_groups is None or not part.between:
        return ""
    share = number(100 * min(max(part.between_groups / part.between, 0.0), 1.0), 3)
    named = [printable(group.name) for group in comparison.groups]
    which = f"the groups {joined(named)}" if len(named) <= _MOST_GROUPS else f"{len(named):,} groups"
    return f" Of these differences, {share}{NO_BREAK_SPACE}% lie between {which}."


def _figures(answers: Answers, found: Recommendation) -> str:
    """Return the figures of the channel that decides, at the size that was asked about or the smallest one."""
    point = point_of(answers, answers.size) or (None if found.smallest is None else _smallest(answers))
    if point is None:
        return ""
    one = next((one for one in point.channels if one.channel == found.channel), None)
    parts = [] if one is None else list(_parts(one, found, answers))
    if not parts:
        return ""
    size = f"In {'batches' if point.batch_size > 1 else 'a batch'} of {answers.batched(point.batch_size)}"
    return f"{size}, {listed(parts)}."


def _smallest(answers: Answers) -> CurvePoint | None:
    points = () if answers.comparison is None else answers.comparison.batch_sizes
    return min(points, key=lambda one: one.batch_size, default=None)


def _parts(one: CurveChannel, found: Recommendation, answers: Answers) -> Iterator[str]:
    """Yield what each figure says, with its limit."""
    limits = found.limits
    if one.mean_noise is not None and isfinite(one.mean_noise):
        off = beyond(one.mean_noise, limits.noise, 3)
        yield (
            f"the mean of a batch is typically off by {off}{NO_BREAK_SPACE}SD from the mean of all {answers.word}s "
            f"(limit {limits.noise:g})"
        )
    if one.variance_shortfall is not None and isfinite(one.variance_shortfall):
        lacking = beyond(100 * one.variance_shortfall, 100 * limits.shortfall, 3)
        limit = f"{100 * limits.shortfall:g}{NO_BREAK_SPACE}%"
        yield f"its variance is {lacking}{NO_BREAK_SPACE}% too low on average (limit {limit})"
    if one.train_eval_rms is not None and isfinite(one.train_eval_rms):
        gap = beyond(one.train_eval_rms, limits.gap, 3)
        yield (
            f"the output for one batch differs by {gap} between training and after it (limit {limits.gap:g}; the SD of "
            "the output is about 1)"
        )


def _sure(answers: Answers, found: Recommendation) -> str:
    """Return what the confidence means; empty if nothing is estimated."""
    if found.confidence is None:
        return ""
    return (
        f"The sizes are estimated from {answers.counted(found.samples)}, and other {answers.word}s of the same kind "
        f"would give other estimates. “With {percent_of(found)} confidence” means: such a size is enough in at least "
        f"about {number(10 * found.confidence, 2).rstrip('0').rstrip('.')} of 10 cohorts like this one."
    )
