"""The presets as rows of text, and the sentences around them: shared by the formats that a person reads."""

from __future__ import annotations

from bnstat.layers.arithmetic.arithmetics import ARITHMETICS
from bnstat.layers.frameworks.framework import NORMALIZERS, Framework
from bnstat.renderers import text
from bnstat.report.frameworks import Presets

HEADERS = ("name", "ε", "momentum → weight", "running variance", "arithmetic", "least values", "axis")

_WEIGHED = {"old": "weight of the old value", "batch": "weight of the batch"}
_REDUCED = {
    "batch": "of a channel of the batch",
    "instance": "of a channel of one sample",
    "group": "of a group in all samples together",
}
_RUNNING = {
    None: "none is kept",
    "biased": "of the biased variance",
    "unbiased": "of the unbiased variance, n/(n − 1)",
    "item-unbiased": "of the mean over samples of their unbiased variances",
}


def cells(row: Framework) -> list[str]:
    """One preset, a text for each header."""
    return [
        row.name,
        _default(row.epsilon),
        f"{_default(row.momentum)} → {_default(row.default_batch_weight)}" if row.keeps_running else text.UNDEFINED,
        (row.running_variance or text.UNDEFINED).replace("item-unbiased", "per item"),
        row.arithmetic.name,
        str(row.least_values),
        str(row.channels_axis),
    ]


def sections(presets: Presets) -> dict[str, list[Framework]]:
    """The presets of each normalizer, under what it is called."""
    found = {kind: [row for row in presets.rows if row.normalizer == kind] for kind in NORMALIZERS}
    return {f"{kind} norm": members for kind, members in found.items() if members}


def title(presets: Presets) -> str:
    """What is listed, in a line."""
    return f"{len(presets.rows)} presets of layers, as --framework names those of batch norm"


def footnotes(presets: Presets) -> list[str]:
    """What the columns mean."""
    used = {row.arithmetic.name for row in presets.rows}
    return [
        "momentum → weight: the layer's argument, and the weight w that it gives a batch: new = (1 − w)·old + w·batch.",
        "least values: with fewer a channel the layer refuses to train. axis: the one that it keeps. "
        f"{text.UNDEFINED}: no default, or nothing is kept.",
        "per item: the mean over samples of their unbiased variances.",
        *(f"{name}: {arithmetic.title}." for name, arithmetic in ARITHMETICS.items() if name in used),
    ]


def details(row: Framework) -> list[tuple[str, str]]:
    """All of one preset: what it is called, and what it is."""
    return [
        ("layer", f"{row.normalizer} norm; {row.title}"),
        ("ε", "no default" if row.epsilon is None else f"{row.epsilon:g}, inside the square root"),
        ("momentum", _momentum(row)),
        ("running variance", _running(row)),
        ("arithmetic", f"{row.arithmetic.name}: {row.arithmetic.title}"),
        ("layout", f"{row.layout}; keeps axis {row.channels_axis}"),
        ("least values", _least(row)),
        ("source", row.source),
    ]


def _default(value: float | None) -> str:
    return text.UNDEFINED if value is None else f"{value:.2g}"


def _momentum(row: Framework) -> str:
    if row.momentum_weighs is None:
        return "none, since it keeps no running statistics"
    weighed = _WEIGHED[row.momentum_weighs]
    if row.default_batch_weight is None:
        parts = [f"no default; it is the {weighed}"]
    else:
        parts = [f"{row.momentum:g}, the {weighed}: a batch weighs {row.default_batch_weight:g}"]
    if row.cumulative:
        parts.append("none is the cumulative mean, in which batch t weighs 1/t")
    if row.debiased:
        parts.append("averages are divided by 1 − momentum^t, so after one step they are those of the batch")
    return "; ".join(parts)


def _running(row: Framework) -> str:
    if not row.keeps_running:
        return _RUNNING[None]
    mean, variance = row.running_start
    return f"{_RUNNING[row.running_variance]}; the buffers start from mean {mean:g} and variance {variance:g}"


def _least(row: Framework) -> str:
    if row.refusal is None:
        return f"{row.least_values}: it never refuses to train"
    return f'{row.least_values} {_REDUCED[row.normalizer]}, else "{row.refusal.format(shape="[…]")}"'
