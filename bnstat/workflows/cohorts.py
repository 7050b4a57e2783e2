"""The samples that tell how batch statistics differ in a larger set: for `inspect` and `check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnstat.batch_size.fewest import FEWEST_SAMPLES
from bnstat.layers.settings import Settings
from bnstat.reading.rows import Rows
from bnstat.workflows.silence import independent

if TYPE_CHECKING:
    from bnstat.batch_size.samples import Cohort


def telling_cohorts(rows: Rows, layer: Settings) -> list[Cohort] | None:
    """Return the channels with enough usable samples; None if all samples are too few, or of different channels.

    Args:
        rows: the samples, all that were read.
        layer: the layer, which says how patches are taken.
    """
    if independent(rows.samples, layer) < FEWEST_SAMPLES or rows.channels is None:
        return None
    from bnstat.batch_size.samples import cohorts_of, nesting_of  # noqa: PLC0415  (which one volume does without)

    nesting = nesting_of(rows.samples, layer.preparation.patches)
    cohorts = cohorts_of(rows.moments, nesting)
    return [one for one in cohorts if one.independent >= FEWEST_SAMPLES]
