"""The levels as rows of text, and the sentences around them: shared by the formats that a person reads."""

from __future__ import annotations

from collections.abc import Collection

from bnstat.renderers.numbers import UNDEFINED
from bnstat.report.plan import Level, Plan
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


def title(plan: Plan) -> str:
    """Return what was asked, in a line."""
    rounding = {"conv": "rounding up (strided convolution)", "pool": "rounding down (pooling)"}[plan.downsample]
    return f"patch {by(plan.patch)}, {plural(len(plan.levels), 'level')}, batch size {plan.batch_size}, {rounding}"
