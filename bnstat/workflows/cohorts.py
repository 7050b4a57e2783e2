"""The samples that tell how batch statistics differ in a larger set: for `inspect` and `check`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bnstat.batch_size.fewest import FEWEST_SAMPLES
from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments
from bnstat.preprocessing.samples import Row
from bnstat.workflows.silence import independent

if TYPE_CHECKING:
    from bnstat.batch_size.samples import Cohort


def telling_cohorts(rows: Sequence[Row], layer: Settings) -> list[Cohort] | None:
    """Return the channels with enough usable samples; None if all samples are too few, or of different channels.

    Args:
        rows: the samples, all that were read.
        layer: the layer, which says how patches are taken.
    """
    samples = [row.sample for row in rows]
    if independent(samples, layer) < FEWEST_SAMPLES or len({row.tensor.channels for row in rows}) > 1:
        return None
    from bnstat.batch_size.samples import cohorts_of, nesting_of  # noqa: PLC0415  (which one volume does without)

    nesting = nesting_of(samples, layer.preparation.patches)
    cohorts = cohorts_of(Moments.stack([row.moments for row in rows]), nesting)
    return [one for one in cohorts if one.independent >= FEWEST_SAMPLES]
