"""Layers beside each other as JSON, schemas `bnstat.compare-frameworks/1` and its like: undefined is null."""

from __future__ import annotations

import json
from typing import Any

from bnstat.renderers.inspect.json import document as inspected
from bnstat.report.compare_layers import Entry, LayerComparison
from bnstat.version import __version__

# Settings in which layers may differ: those are told of each, where not all have one.
_OWN = {
    "frameworks": ("framework", "epsilon", "momentum"),
    "normalizers": ("normalizer", "epsilon", "momentum"),
    "epsilons": ("epsilon",),
}


def render(comparison: LayerComparison) -> str:
    """The comparison as a JSON document, always complete."""
    return json.dumps(document(comparison), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def document(comparison: LayerComparison) -> dict[str, Any]:
    """The comparison as plain values; `batches` and `findings` are those of `bnstat inspect`."""
    whole = inspected(comparison.reference.report)
    settings = {name: value for name, value in whole["settings"].items() if name not in _OWN[comparison.by]}
    if comparison.by == "normalizers":  # each has a preset of its own: what they share is whose they are
        settings["framework"] = comparison.reference.report.settings.framework.maker
    return {
        "schema": f"bnstat.compare-{comparison.by}/1",
        "version": __version__,
        "settings": settings,
        "samples": whole["samples"],
        comparison.by: [_entry(entry, comparison) for entry in comparison.entries],
        "differences": list(comparison.differences),
        "errors": whole["errors"],
        "notes": list(comparison.notes),
    }


def _entry(entry: Entry, comparison: LayerComparison) -> dict[str, Any]:
    """One layer: its own settings, and what `inspect` tells of it."""
    settings = entry.report.settings
    told = inspected(entry.report)
    return {
        "name": entry.name,
        "framework": settings.framework.name,
        "normalizer": settings.normalizer,
        "epsilon": settings.epsilon,
        "momentum": settings.momentum,
        "batch_weight": settings.batch_weight,
        "running_variance": settings.framework.running_variance if settings.keeps_running else None,
        "batches": told["batches"],
        **({"synchronized": told["synchronized"]} if "synchronized" in told else {}),
        **({"channel_outputs": [list(one) for one in entry.outputs]} if comparison.by == "normalizers" else {}),
        "findings": told["findings"],
    }
