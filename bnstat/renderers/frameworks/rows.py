"""The presets as rows of text, and the sentences around them: shared by the formats that a person reads."""

from __future__ import annotations

from collections.abc import Collection

from bnstat.layers.arithmetic.arithmetics import ARITHMETICS
from bnstat.layers.frameworks.framework import NORMALIZERS, Framework
from bnstat.renderers.numbers import UNDEFINED
from bnstat.reports.frameworks import Presets

HEADERS = ("name", "ε", "momentum → weight", "running variance", "arithmetic", "least n", "axis")

_WEIGHED = {"old": "weight of the old value", "batch": "weight of the batch"}
_REDUCED = {
    "batch": "values in a channel of the batch",
    "instance": "values in a channel of one sample",
    "group": "values in a group of channels, in all samples together",
}
_RUNNING = {
    None: "none is kept",
    "biased": "average of the biased variance",
    "unbiased": "average of the unbiased variance, with n/(n − 1)",
    "item-unbiased": "average of the mean over samples of their unbiased variances",
}


# What the columns mean, by their headers.
_MEANINGS = {
    "ε": "ε: epsilon, which the layer adds to the variance before it takes the square root.",
    "momentum → weight": "momentum → weight: the layer's argument, and the weight w of a batch in the running "
    f"statistics: new = (1 − w)·old + w·batch; {UNDEFINED} if there is no default, or are no running statistics.",
    "running variance": "running variance: which variance of a batch it averages: biased (divided by n), unbiased "
    "(divided by n − 1), or per item (the mean over samples of their unbiased variances).",
    "least n": "least n: with fewer values per channel the layer refuses to train.",
    "axis": "axis: the channel axis, which the layer keeps.",
    "arithmetic": "arithmetic: how the layer computes the variance:",
}


def cells(row: Framework) -> list[str]:
    """Return one preset, a text for each header."""
    return [
        row.name,
        _default(row.epsilon),
        UNDEFINED if row.momentum is None else f"{_default(row.momentum)}→{_default(row.default_batch_weight)}",
        (row.running_variance or UNDEFINED).replace("item-unbiased", "per item"),
        row.arithmetic.name,
        str(row.least_values),
        str(row.channels_axis),
    ]


def sections(presets: Presets) -> dict[str, list[Framework]]:
    """Return the presets of each normalizer, under its name."""
    found = {kind: [row for row in presets.rows if row.normalizer == kind] for kind in NORMALIZERS}
    return {f"{kind} norm": members for kind, members in found.items() if members}


def title(presets: Presets) -> str:
    """Return what is listed, in a line."""
    return f"{len(presets.rows)} layer presets; --framework takes the names under batch norm"


def footnotes(headers: Collection[str] = HEADERS) -> list[str]:
    """Return what the columns of these headers mean; that of arithmetic is last, for its names to follow."""
    return [meaning for header, meaning in _MEANINGS.items() if header in headers]


def arithmetics(presets: Presets) -> list[str]:
    """Return what the names in the column of arithmetic mean."""
    used = {row.arithmetic.name for row in presets.rows}
    return [f"{name}: {arithmetic.title}" for name, arithmetic in ARITHMETICS.items() if name in used]


def details(row: Framework) -> list[tuple[str, str]]:
    """Return all of one preset: the name of each property, and its value."""
    return [
        ("layer", f"{row.normalizer} norm; {row.title}"),
        ("epsilon ε", "no default" if row.epsilon is None else f"{row.epsilon:g}, inside the square root"),
        ("epsilon of 0", _zero_epsilon(row)),
        ("momentum", _momentum(row)),
        ("running variance", _running(row)),
        ("arithmetic", f"{row.arithmetic.name}: {row.arithmetic.title}"),
        *([("repeated on", f"{on}, to the bit")] if (on := row.arithmetic.emulated_on) else []),
        ("layout", f"{row.layout}; keeps axis {row.channels_axis}"),
        ("least values", _least(row)),
        ("source", row.source),
    ]


def _default(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:.2g}"


def _momentum(row: Framework) -> str:
    if row.momentum_weighs is None:
        return "none, since it keeps no running statistics"
    weighed = _WEIGHED[row.momentum_weighs]
    if row.default_batch_weight is None:
        parts = [f"no default; it is the {weighed}"]
    else:
        parts = [f"{row.momentum:g}, the {weighed}: a batch weighs {row.default_batch_weight:g}"]
    if row.cumulative:
        parts.append("None means the cumulative mean, in which batch t weighs 1/t")
    if row.debiased:
        parts.append("averages are divided by 1 − momentum^t, so that after one step they equal those of the batch")
    return "; ".join(parts)


def _running(row: Framework) -> str:
    if not row.keeps_running:
        return _RUNNING[None]
    mean, variance = row.running_start
    return f"{_RUNNING[row.running_variance]}; it starts from mean {mean:g} and variance {variance:g}"


def _zero_epsilon(row: Framework) -> str:
    """Say what the layer does if ε is 0, and from where on it is."""
    if row.epsilon_refusal is not None:
        return f'the layer raises "{row.epsilon_refusal.format(epsilon=0.0)}"'
    makes = "NaN" if row.zero_divided == "nan" else "0"
    below = f"; an ε below {row.least_epsilon:.2g} is 0 in float32" if row.least_epsilon else ""
    return f"a constant becomes {makes}{below}"


def _least(row: Framework) -> str:
    if row.refusal is None:
        return f"{row.least_values}: the layer never refuses to train"
    return f'{row.least_values} {_REDUCED[row.normalizer]}, else the layer raises "{row.refusal.format(shape="[…]")}"'
