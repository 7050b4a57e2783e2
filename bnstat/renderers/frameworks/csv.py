"""The presets as CSV: a row for each; where the buffers start as in 0.0 1.0."""

from __future__ import annotations

from bnstat.renderers import sheet
from bnstat.renderers.frameworks.json import preset_fields
from bnstat.report.frameworks import Presets


def render(presets: Presets) -> str:
    """The presets as CSV with a header line."""
    return sheet.written(
        [
            {**fields, "running_start": " ".join(str(start) for start in fields["running_start"] or ())}
            for fields in map(preset_fields, presets.rows)
        ]
    )
