"""The levels as rows of text, and the sentences around them: shared by the formats that a person reads."""

from __future__ import annotations

from collections.abc import Collection

from bnstat.renderers.numbers import UNDEFINED
from bnstat.reports.plan import Head, Level, Plan
from bnstat.text import by, plural

HEADERS = ("level", "shape", "values per sample", "values per batch", "n/(n−1)", "refuses to train")

_REDUCED = {"values per sample": "instance norm", "values per batch": "batch norm"}


def legend(headers: Collection[str] = HEADERS) -> list[str]:
    """Return what the columns of these headers mean, a line each."""
    found = [header for header in _REDUCED if header in headers]
    lines = []
    if len(found) > 1:
        lines.append("values per sample, per batch: what instance norm and batch norm average over in each channel")
    elif found:
        lines.append(f"{found[0]}: what {_REDUCED[found[0]]} averages over in each channel")
    if "n/(n−1)" in headers:
        lines.append(
            "n/(n−1): unbiased variance, which some layers keep as running variance, over the biased one, which "
            "normalizes"
        )
    return lines


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


def cells_of_head(head: Head) -> list[str]:
    """Return what follows the encoder, a text for each header."""
    several = head.values_per_batch
    bessel = UNDEFINED if several == 1 else f"{several / (several - 1):.6g}"
    return ["head", head.text, "1", f"{several:,}", bessel, ", ".join(head.raises) or "nothing"]


def all_cells(plan: Plan) -> list[list[str]]:
    """Return the cells of every level, and of the head behind them."""
    return [*map(cells, plan.levels), *([] if plan.head is None else [cells_of_head(plan.head)])]


def title(plan: Plan) -> str:
    """Return what was asked, in a line."""
    ways = ", ".join(str(level.downsample) for level in plan.levels[1:])
    rounding = {
        "conv": "rounding up (strided convolution)",
        "pool": "rounding down (pooling)",
        "mixed": f"rounding as {ways} do",
    }[plan.downsample]
    return f"patch {by(plan.patch)}, {plural(len(plan.levels), 'level')}, batch size {plan.batch_size}, {rounding}"
