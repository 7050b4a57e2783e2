"""The levels as rows of text, and the sentences around them: shared by the formats that a person reads."""

from __future__ import annotations

from bnstat.renderers.numbers import UNDEFINED
from bnstat.report.plan import Level, Plan
from bnstat.text import by, plural

HEADERS = ("level", "shape", "values per sample", "values per batch", "n/(n−1)", "refuses to train")

LEGEND = (
    "values per sample, per batch: what instance norm and batch norm average over in each channel",
    "n/(n−1): unbiased variance, which some layers keep as running variance, over the biased one, which normalizes",
)


def cells(level: Level) -> list[str]:
    """Return one level, a text for each header."""
    return [
        str(level.level),
        by(level.shape),
        f"{level.values_per_sample:,}",
        f"{level.values_per_batch:,}",
        UNDEFINED if level.bessel is None else f"{level.bessel:.6g}",
        ", ".join(level.raises) or "nothing",
    ]


def title(plan: Plan) -> str:
    """Return what was asked, in a line."""
    rounding = {"conv": "rounding up (strided convolution)", "pool": "rounding down (pooling)"}[plan.downsample]
    return f"patch {by(plan.patch)}, {plural(len(plan.levels), 'level')}, batch size {plan.batch_size}, {rounding}"


def answer(plan: Plan) -> str:
    """Return where training stops and what trains, in a sentence or two."""
    last = plan.levels[-1]
    stops = [level for level in plan.levels if level.raises]
    if not stops:
        return (
            "Nothing refuses to train: at the deepest level a channel of batch norm has "
            f"{last.values_per_batch:,} values and one of instance norm {last.values_per_sample:,}."
        )
    first = stops[0]
    names = " and ".join(first.raises)
    refuse = "refuse" if len(first.raises) > 1 else "refuses"
    least = f"Batch norm trains from batch size {plan.least_batch_size} on"
    instance = any(name.endswith(":instance") for level in stops for name in level.raises)
    more = "; instance norm needs a larger patch or fewer levels, whatever the batch" if instance else ""
    return f"At level {first.level} one value per channel is left, and {names} {refuse} to train. {least}{more}."
