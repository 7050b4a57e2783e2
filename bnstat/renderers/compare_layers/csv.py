"""Layers beside each other as CSV: a row for each layer, batch and channel or group, always complete."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

from bnstat.renderers import sheet
from bnstat.renderers.inspect.csv import render as inspected
from bnstat.report.compare_layers import Entry, LayerComparison


def render(comparison: LayerComparison) -> str:
    """The comparison as CSV with a header line: what names the layer, and then the columns of `bnstat inspect`.

    Normalizers have different columns: what one has not is an empty field.
    """
    return sheet.written([row for entry in comparison.entries for row in _rows(entry)])


def _rows(entry: Entry) -> list[dict[str, Any]]:
    settings = entry.report.settings
    layer = {
        "name": entry.name,
        "framework": settings.framework.name,
        "normalizer": settings.normalizer,
        "epsilon": settings.epsilon,
        "momentum": settings.momentum,
    }
    return [{**layer, **row} for row in csv.DictReader(StringIO(inspected(entry.report)))]
